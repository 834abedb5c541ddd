"""Half precision: what fused kernels give is right, and slips are found in it."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from attncli import attend
from attncli.check import check
from attncli.check.expected_matrix import Tolerance
from attncli.check.half_precision import Differing, find_fits
from attncli.check.judge import make_judge
from attncli.check.precision import read_claims
from attncli.check.routes import RIGHT, Route
from attncli.check.tolerance import measures
from attncli.check.tolerance.measures import Measured
from attncli.check.tolerance.narrow import DRAWS, FIRST_DRAWS, narrow_errors, rounded
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import Request, Worksheet
from attncli.inputs.sources import Sources
from attncli.matrix import Matrix, Reading

SHAPES = [(8, 16), (64, 64), (512, 64)]
DTYPES = ["float16", "bfloat16"]


def drawn(shape, seed=1):
    random = np.random.default_rng(seed)
    return [random.normal(size=shape) for _ in range(3)]


def request(arrays, **settings):
    return Request(**{name: Matrix(array, name) for name, array in arrays.items()}, **settings)


def verdict(asked, output, *, search=False):
    worksheet = Worksheet(request=asked, name="case", where="case", expected={"output": Matrix(output, "output")})
    return check(worksheet, search=search)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("settings", "magnitude"), [({}, 1), ({"causal": True}, 1), ({}, 2)], ids=str)
def test_torch_in_half_precision_is_right(shape, dtype, settings, magnitude):
    torch = pytest.importorskip("torch")
    attention = torch.nn.functional.scaled_dot_product_attention
    tensors = [torch.tensor(array * magnitude).to(getattr(torch, dtype)) for array in drawn(shape)]
    names = ("queries", "keys", "values")
    asked = request({name: tensor.double().numpy() for name, tensor in zip(names, tensors, strict=True)}, **settings)
    fused = attention(*(tensor[None, None] for tensor in tensors), is_causal=bool(settings))[0, 0]
    scores = tensors[0] @ tensors[1].T / shape[1] ** 0.5
    if settings:
        scores = scores.masked_fill(~torch.ones(scores.shape, dtype=torch.bool).tril(), float("-inf"))
    plain = torch.softmax(scores, dim=-1) @ tensors[2]
    for output in (fused, plain):
        assert verdict(asked, output.double().numpy()).verdict == dtype


SLIPS = {
    "unscaled": ({}, {"scale": "1"}),
    "no-mask": ({"causal": True}, {}),
    "other-corner": ({"causal": True, "align": "bottom-right"}, {"causal": True, "align": "top-left"}),
}


@pytest.mark.parametrize(("shape", "dtype"), [((8, 16), "float16"), ((64, 64), "bfloat16")], ids=str)
@pytest.mark.parametrize("slip", SLIPS)
def test_slips_are_found_in_half_precision(shape, dtype, slip):
    right, wrong = SLIPS[slip]
    queries, keys, values = (rounded(array, dtype) for array in drawn(shape))
    arrays = {"queries": queries[: shape[0] * 3 // 4], "keys": keys, "values": values}
    slipped = Route(weigh=lambda weights: rounded(weights, dtype)).numbers(request(arrays, **wrong), ["output"])
    found = verdict(request(arrays, **right), rounded(slipped["output"], dtype), search=True)
    assert found.verdict == "wrong"
    assert found.diagnosis[0].slip == slip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(16, 16), (64, 64)], ids=str)
def test_few_computations_refuse_what_is_far_off_and_nothing_else(monkeypatch, shape, dtype):
    draws = []
    monkeypatch.setattr(measures, "narrow_errors", lambda *given: draws.append(given[4]) or narrow_errors(*given))
    random, half = np.random.default_rng(4), partial(rounded, dtype=dtype)
    arrays = {name: half(random.normal(size=shape)) for name in ("queries", "keys", "values")}
    asked = request(arrays)
    plain = half(Route(weigh=half).numbers(asked, ["output"])["output"])
    for size, expected in ((0, [FIRST_DRAWS, DRAWS]), (0.05, [FIRST_DRAWS])):
        draws.clear()
        output = half(plain + size * random.choice((-1, 1), plain.shape))
        judge = make_judge("output", Matrix(output, "output"), RIGHT.problem(asked), None, None, False)
        judge = replace(judge, narrow=(dtype,), tolerance=Tolerance(0.0, 0.0))
        found = judge.verdict(Measured(RIGHT, asked, ("output",), {}, is_tried=True))
        assert (found, draws) == (dtype if size == 0 else "wrong", expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_wrong_cell_in_half_precision_is_found(dtype):
    names = ("queries", "keys", "values")
    asked = request({name: rounded(array, dtype) for name, array in zip(names, drawn((64, 64)), strict=True)})
    output = rounded(RIGHT.numbers(asked, ["output"])["output"], dtype)
    assert verdict(asked, output).verdict == dtype
    output[3, 5] += 0.05
    assert verdict(asked, rounded(output, dtype)).verdict == "wrong"


def test_a_row_with_one_wrong_score_is_known_by_what_a_computation_in_half_precision_may_be_off():
    # the weights are off by 0.026: less than eight units of bfloat16 at their size, and more than any computation
    queries, keys, values = (rounded(array, "bfloat16") for array in drawn((5, 2), 3))
    asked = request({"queries": queries, "keys": keys, "values": values})
    scores = np.array(RIGHT.numbers(asked, ["scores"])["scores"])
    scores[3, 1] += 0.15
    powers = np.exp(scores)
    weights = rounded(powers / powers.sum(axis=1, keepdims=True), "bfloat16")
    found = check(Worksheet(request=asked, name="p", where="p", expected={"weights": Matrix(weights, "weights")}))
    assert [each.slip for each in found.diagnosis] == ["one-score"]


@pytest.mark.parametrize(
    ("numbers", "dtypes"),
    [
        ([3.154296875, 0.1082763671875, 4.25], ("float16",)),
        ([0.1083984375, -3.15625], ("bfloat16",)),
        ([0.5, 0.25, 1.0], ()),
        ([0.1, 0.2], ()),
        ([0.0, np.inf], ()),
        ([65520.0, 0.1082763671875], ()),
    ],
    ids=["float16", "bfloat16, of which not all are float16", "few bits", "neither", "nothing", "beyond float16"],
)
def test_numbers_in_full_show_their_dtype(numbers, dtypes):
    found = tuple(fit.dtype for fit in find_fits(np.array(numbers), None))
    assert found == dtypes or (dtypes == ("bfloat16",) and found[-1:] == dtypes)


def test_rounding_agrees_with_the_dtypes_themselves():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    random = np.random.default_rng(4)
    numbers = random.normal(size=2000) * 10.0 ** random.integers(-7, 4, 2000)
    assert np.array_equal(rounded(numbers, "float16"), numbers.astype(np.float16).astype(float))
    narrow = numbers.astype(np.float32).astype(bfloat16).astype(float)
    assert np.array_equal(rounded(numbers, "bfloat16"), narrow)


@pytest.mark.parametrize(
    ("show", "is_float16"),
    [
        pytest.param(lambda numbers: str(numbers.astype(np.float16)), True, id="as NumPy prints float16"),
        pytest.param(lambda numbers: str(numbers.astype(np.float16) / 512), True, id="with exponents"),
        pytest.param(lambda numbers: str(numbers.round(4)), False, id="four decimals"),
    ],
)
def test_a_print_of_float16_is_distinguished_from_one_of_four_decimals(show, is_float16):
    numbers = np.random.default_rng(1).uniform(0.26, 0.99, (5, 6))
    rows = show(numbers).replace("[", "").replace("]", "").split("\n")
    text = ";".join(rows)
    matrix = Sources(lambda: None, Reading(keep_text=True)).matrix(text, role="output", where="output")
    found = find_fits(np.asarray(matrix.array, np.float64), read_claims(matrix))
    assert ("float16" in [fit.dtype for fit in found if fit.is_proved(Differing(30, 0.0))]) == is_float16


SHORT = ["0.06064", "-0.1516", "-0.4404", "-0.283", "0.1406", "0.6953"]  # as NumPy prints float16
EQUAL = ["0.6763", "0.3237", "0.7603", "0.2397", "0.9004", "0.0997"]  # as long as four decimals are


@pytest.mark.parametrize(
    ("texts", "differing", "are_float16"),
    [
        pytest.param(SHORT, 2, True, id="several cells differ from the right ones"),
        pytest.param(SHORT, 1, False, id="one cell differs, as an error would"),
        pytest.param(SHORT * 20, 1, False, id="one of many cells differs, as an error would"),
        pytest.param(SHORT, 0, False, id="all are right as they are printed"),
        pytest.param([*SHORT, "0.2824"], 9, False, id="one that is no float16"),
        pytest.param(EQUAL[:4], 4, False, id="four decimals"),
        pytest.param(["0.6763", "0.3237", "0.7603", "0.9004", "0.5522"], 5, True, id="many of four decimals"),
        pytest.param(["0.6763", "0.3237", "0.7603", "0.9004", "0.5520"], 5, False, id="a zero at the end"),
        pytest.param(["1.04000e+00", "1.71e+00", "5.38000e+00"], 2, False, id="padded to more digits than NumPy's"),
        pytest.param(["1.04004e+00", "5.63e-04", "5.37891e+00", "8.905e-02"], 4, True, id="rounded to more digits"),
    ],
)
def test_few_short_numbers_are_float16_if_more_than_one_differs(texts, differing, are_float16):
    array = np.array([[float(text) for text in texts]])
    claims = read_claims(Matrix(array, "output", texts=tuple(texts)))
    proved = [fit.dtype for fit in find_fits(array, claims) if fit.is_proved(Differing(differing, 0.0))]
    assert proved == (["float16"] if are_float16 else [])


def judged(text):
    """The verdict of each matrix."""
    found = check(read_problem(text, Sources(lambda: None, Reading(keep_text=True))), search=False)
    return {each.what: each.verdict for each in found.checks}


def test_a_wrong_cell_among_right_numbers_of_few_bits_is_not_float16():
    # sixteenths are float16 numbers in full, and 17.125 is off by no more than a computation in float16 may be
    problem = "{{queries: [[4.25, 2.5], [1.75, 3.25]], keys: [[3.25, 1.5], [2.75, 0.25]], variant: dot, {}}}"
    right = [["17.5625", "12.3125"], ["10.5625", "5.625"]]
    assert judged(problem.format(f"expected: {{scores: {right}}}".replace("'", ""))) == {"scores": "exact"}
    for text in ("17.5", "17.578125"):
        wrong = [[text, "12.3125"], right[1]]
        assert judged(problem.format(f"expected: {{scores: {wrong}}}".replace("'", ""))) == {"scores": "wrong"}


def test_right_numbers_of_few_bits_do_not_make_the_next_matrix_a_float16():
    # the scores are float16 numbers in full, and 0.3337 is the shortest text of one
    problem = "{{queries: [[1]], keys: [[16.0625], [16.0625], [16.0625]], variant: dot, expected: {{{}}}}}"
    scores = "scores: [[16.0625, 16.0625, 16.0625]]"
    found = judged(problem.format(f"{scores}, weights: [[0.3337, 0.3333, 0.3333]]"))
    assert found == {"scores": "exact", "weights": "wrong"}


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        pytest.param(
            [[20.3137, -9.1516, 1.283, 0.07], [0.1, 0.2, 0.3, 0.01]], "float16", id="beside numbers that show it"
        ),
        pytest.param([[1], [2]], "wrong", id="beside a number of four decimals"),
    ],
)
def test_whole_numbers_of_a_print_are_float16_only_where_others_show_it(values, verdict):
    right = attend([[1.9997]], [[1], [0.5001]], values, variant="dot")
    scores, output = (str(array.astype(np.float16)) for array in (right.scores, right.output))
    assert scores == "[[2. 1.]]"
    problem = f"queries: [[1.9997]], keys: [[1], [0.5001]], values: {values}, variant: dot"
    found = judged(f"{{{problem}, expected: {{scores: '{scores}', output: '{output}'}}}}")
    assert found["scores"] == verdict


PRINTED = {  # one unit of the dtype off, as a fused kernel may be
    "float16": "[[0.7446, 0.2554], [0.3750, 0.6250]]",
    "bfloat16": "[[0.7461, 0.2539], [0.3750, 0.6250]]",
}
SHARES = "queries: [[1.072265625], [-0.51025390625]], keys: [[1.0], [0.0]], variant: dot"


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_print_that_states_its_dtype_is_judged_by_it(dtype):
    numbers = PRINTED[dtype]
    stated = f"tensor({numbers}, dtype=torch.{dtype})"
    assert problem_verdict(stated) == dtype
    assert problem_verdict(f"tensor({numbers})") == "wrong"
    assert problem_verdict(stated.replace("0.6250", "0.6650")) == "wrong"


def problem_verdict(weights):
    text = f"{{{SHARES}, expected: {{weights: '{weights}'}}}}"
    return check(read_problem(text, Sources(lambda: None, Reading(keep_text=True))), search=False).verdict


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES[:2])
def test_torch_s_gradients_in_half_precision_are_right_and_slips_of_them_are_found(dtype, shape):
    torch = pytest.importorskip("torch")
    kind = getattr(torch, dtype)
    q, k, v, g = (torch.tensor(each).to(kind) for each in [*drawn(shape), drawn(shape, 2)[0]])
    for each in (q, k, v):
        each.requires_grad_(True)
    torch.nn.functional.scaled_dot_product_attention(q[None], k[None], v[None]).backward(g[None])
    given = {
        name: Matrix(each.detach().double().numpy(), name)
        for name, each in (("queries", q), ("keys", k), ("values", v), ("d_output", g))
    }
    asked = Request(**given)
    grads = {"d_queries": q.grad.double().numpy(), "d_keys": k.grad.double().numpy()}

    def judged(**changed):
        expected = {name: Matrix(array, name) for name, array in {**grads, **changed}.items()}
        return check(Worksheet(request=asked, name="p", where="p", expected=expected))

    assert judged().verdict == dtype
    unscaled = grads["d_queries"] * shape[1] ** 0.5
    assert "grad-unscaled" in [each.slip for each in judged(d_queries=unscaled).diagnosis]


def over(powers):
    return powers / powers.sum(axis=-1, keepdims=True)


def powers_of(scores):
    return np.exp(scores - scores.max(axis=-1, keepdims=True))


def schraudolph(scores):
    """e^s by the bits of a float32, up to 4 % off."""
    bits = 12102203.0 * (scores - scores.max(axis=-1, keepdims=True)) + 1064866805
    return bits.astype(np.int32).view(np.float32).astype(float)


def by_squares(scores):
    """e^s as (1 + s/64)^64."""
    return (1 + (scores - scores.max(axis=-1, keepdims=True)) / 64) ** 64


def cut(array):
    """The bits of TF32, without the others."""
    return (array.astype(np.float32).view(np.uint32) & 0xFFFFE000).view(np.float32).astype(float)


def dumped(make):
    """The slips that are named in a float32 dump of the output that is made of these scores and values."""
    queries, keys, values = (array.astype(np.float32).astype(float) for array in drawn((8, 8)))
    output = make(queries, keys, values).astype(np.float32)
    found = verdict(request({"queries": queries, "keys": keys, "values": values}), output, search=True)
    assert found.verdict == "wrong"
    return [each.slip for each in found.diagnosis]


@pytest.mark.parametrize("power", [schraudolph, by_squares])
def test_an_approximate_exponential_is_not_half_precision(power):
    assert dumped(lambda queries, keys, values: over(power(queries @ keys.T / 8**0.5)) @ values) == []


@pytest.mark.sampled(2)
@pytest.mark.parametrize("low", [partial(rounded, dtype="bfloat16"), partial(rounded, dtype="float16"), cut])
@pytest.mark.parametrize("is_fused", [False, True])
def test_products_in_half_precision_with_sums_in_float32_are_known(low, is_fused):
    def make(queries, keys, values):
        powers = powers_of(low(queries) @ low(keys).T / 8**0.5)
        if is_fused:
            return low(powers) @ low(values) / powers.sum(axis=-1, keepdims=True)
        return low(over(powers)) @ low(values)

    assert dumped(make) == ["lower-precision"]
