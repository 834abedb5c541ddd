"""`check` of gradients: right ones hold by their digits, wrong ones are explained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attncli import attend
from attncli.check import check
from attncli.errors import ProblemError
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import Request, Worksheet
from attncli.inputs.sources import Sources
from attncli.matrix import Matrix, Reading
from attncli.results.gradients import Gradients

RNG = np.random.default_rng(0)
Q, K, V, D_OUTPUT = (RNG.normal(size=shape).round(2) for shape in ((4, 3), (4, 3), (4, 2), (4, 2)))
SCALE = 1 / np.sqrt(3)
RESULT = attend(Q, K, V, causal=True)
RIGHT = RESULT.gradients(D_OUTPUT)
P, DP = RESULT.weights, D_OUTPUT @ V.T


def worksheet(expected, **request):
    given = {"queries": Q, "keys": K, "values": V, "d_output": D_OUTPUT, **request}
    matrices = {name: Matrix(np.asarray(array, float), name) for name, array in given.items() if name != "heads"}
    heads = request.get("heads")
    asked = Request(**matrices, heads=heads, causal=heads is None)
    return Worksheet(
        request=asked,
        name="case",
        where="case",
        expected={name: Matrix(np.asarray(array), name, texts=texts_of(array)) for name, array in expected.items()},
    )


def texts_of(array):
    return tuple(map(str, np.asarray(array).reshape(-1)))


@pytest.mark.parametrize("digits", [2, 4, 9, 17], ids=lambda digits: f"{digits} decimals")
def test_right_gradients_are_exact(digits):
    names = ("d_queries", "d_keys", "d_values", "d_scores", "d_weights")
    assert check(worksheet({name: RIGHT.array(name).round(digits) for name in names})).verdict == "exact"


def test_gradients_of_another_plain_computation_hold_in_full():
    d_scores = P * (DP - (P * DP).sum(axis=1, keepdims=True))
    own = {"d_queries": SCALE * (d_scores @ K), "d_keys": (SCALE * d_scores).T @ Q, "d_values": P.T @ D_OUTPUT}
    assert check(worksheet(own)).verdict == "exact"


SLOPES = {  # of the raw score by key - query, or by query + key, for each feature
    "laplace": (lambda between: -np.abs(between), np.sign),
    "gaussian": (lambda between: -(between**2) / 2, lambda between: between),
    "additive": (np.tanh, lambda between: 1 - np.tanh(between) ** 2),
}


def plain_gradients(variant, queries, keys):
    """d_queries and d_keys in the dtype of these, as textbooks write them."""
    score, slope = SLOPES[variant]
    side = 1 if variant == "additive" else -1
    between = keys[None] + side * queries[:, None]
    exponentials = np.exp((raw := score(between).sum(axis=-1)) - raw.max(axis=1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=1, keepdims=True)
    d_weights = (D_OUTPUT @ V.T).astype(queries.dtype)
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=1, keepdims=True))
    d_between = d_scores[..., None] * slope(between) * (1 if variant == "additive" else -1)
    return {"d_queries": side * d_between.sum(axis=1), "d_keys": d_between.sum(axis=0)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("variant", "size", "offset"),
    [("laplace", 1, 5), ("gaussian", 1, 5), ("gaussian", 0.01, 3), ("additive", 0.02, 0), ("additive", 0.5, 6)],
)
def test_plain_gradients_hold_where_those_of_a_row_cancel(variant, size, offset, dtype):
    """All slopes of a row are nearly the same, and the gradients of its scores add up to 0; or each slope is 1 −
    tanh², of which nothing is left."""
    for seed in range(4):
        random = np.random.default_rng(seed)
        queries, keys = ((size * random.normal(size=(4, 3)) + far).astype(dtype) for far in (0, offset))
        given = {"queries": queries, "keys": keys, "values": V, "d_output": D_OUTPUT}
        request = Request(**{name: Matrix(array, name) for name, array in given.items()}, variant=variant)
        expected = {
            name: Matrix(array.astype(float), name, texts=texts_of(array))
            for name, array in plain_gradients(variant, queries, keys).items()
        }
        verdict = check(Worksheet(request=request, name="case", where="case", expected=expected)).verdict
        assert verdict in ("exact", "float32")


def test_outputs_that_other_axes_give_too_are_judged_beside_gradients():
    random = np.random.default_rng(0)
    arrays = {name: random.normal(size=(2, 2, 4, 3)) for name in ("queries", "keys", "values", "d_output")}
    arrays["values"] = 0.5 + 0.01 * arrays["values"]
    result = attend(*(arrays[name] for name in ("queries", "keys", "values")))
    right = {"output": result.output.round(1), "d_queries": result.gradients(arrays["d_output"]).d_queries.round(6)}
    request = Request(**{name: Matrix(array, name) for name, array in arrays.items()})
    expected = {name: Matrix(array, name, texts=texts_of(array)) for name, array in right.items()}
    report = check(Worksheet(request=request, name="case", where="case", expected=expected))
    assert report.verdict == "exact"
    assert "other-layout" in report.checks[0].would_also_pass


def judge_plain(queries, keys, d_raw_scores, **asked):
    """The verdict of d_queries and d_keys from the gradients of dot products, printed in full."""
    given = {"queries": queries, "keys": keys, "values": V, "d_output": D_OUTPUT}
    request = Request(**{name: Matrix(array, name) for name, array in given.items()}, **asked)
    plainly = {"d_queries": d_raw_scores @ keys, "d_keys": d_raw_scores.T @ queries}
    expected = {name: Matrix(each.astype(float), name, texts=texts_of(each)) for name, each in plainly.items()}
    case = Worksheet(request=request, name="case", where="case", expected=expected)
    return check(case, search=False).verdict


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("cap", "size"), [(1, 3), (0.5, 5), (5, 8)])
def test_plain_gradients_hold_where_the_softcap_is_reached(cap, size, dtype):
    """The slope 1 − tanh² has the rounding of 1, and is 0 beyond it."""
    for seed in range(4):
        random = np.random.default_rng(seed)
        queries, keys = (np.abs(each * random.normal(size=(4, 3))).astype(dtype) for each in (size, 1))
        capped = np.tanh(queries @ keys.T / cap * queries.dtype.type(3**-0.5))
        exponentials = np.exp(cap * capped)
        weights = exponentials / exponentials.sum(axis=1, keepdims=True)
        d_weights = (D_OUTPUT @ V.T).astype(dtype)
        d_scores = weights * (d_weights - (weights * d_weights).sum(axis=1, keepdims=True))
        d_scores = d_scores * (1 - capped**2) * queries.dtype.type(3**-0.5)
        assert judge_plain(queries, keys, d_scores, softcap=float(cap)) in ("exact", "float32")


BY_THEMSELVES = {  # normalizers of each score, and their slopes
    "sigmoid": (lambda scores: 1 / (1 + np.exp(-scores)), lambda weights: weights * (1 - weights)),
    "tanh": (lambda scores: 1 + np.tanh(scores), lambda weights: 1 - (weights - 1) ** 2),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [3, 8])
@pytest.mark.parametrize("normalizer", BY_THEMSELVES)
def test_plain_gradients_hold_where_weights_reach_their_limit(normalizer, size, dtype):
    weigh, slope = BY_THEMSELVES[normalizer]
    for seed in range(4):
        random = np.random.default_rng(seed)
        queries, keys = (np.abs(each * random.normal(size=(4, 3))).astype(dtype) for each in (size, 1))
        scores = queries @ keys.T * queries.dtype.type(3**-0.5)
        d_scores = (D_OUTPUT @ V.T).astype(dtype) * slope(weigh(scores)) * queries.dtype.type(3**-0.5)
        assert judge_plain(queries, keys, d_scores, normalizer=normalizer) in ("exact", "float32")


def roots_of_entmax15(scores):
    """The roots of the weights, max(s/2 − τ, 0)."""
    halves = (scores - scores.max(axis=1, keepdims=True)) / 2
    ordered, counts = -np.sort(-halves, axis=1), np.arange(1, halves.shape[1] + 1, dtype=halves.dtype)
    means = np.cumsum(ordered, axis=1) / counts
    thresholds = means - np.sqrt(np.maximum(1 / counts - np.cumsum(ordered**2, axis=1) / counts + means**2, 0))
    sizes = (thresholds <= ordered).sum(axis=1, keepdims=True)
    return np.maximum(halves - np.take_along_axis(thresholds, sizes - 1, axis=1), 0)


def test_plain_gradients_hold_where_a_weight_that_is_0_has_a_root():
    """A score at the threshold, 2 below the largest one: in float32, large scores put it above, or below."""
    for seed in (96, 97, 98):
        random = np.random.default_rng(seed)
        queries = (1000 * random.normal(size=(4, 3))).astype(np.float32)
        first = random.normal(size=3)
        first *= np.sign(queries[0] @ first)
        last = first - 2 * 3**0.5 * queries[0].astype(float) / np.square(queries[0], dtype=float).sum()
        keys = np.array([first, -first, -first / 2, last]).astype(np.float32)
        roots = roots_of_entmax15(queries @ keys.T * np.float32(3**-0.5))
        d_weights = (D_OUTPUT @ V.T).astype(np.float32)
        means = (roots * d_weights).sum(axis=1, keepdims=True) / roots.sum(axis=1, keepdims=True)
        d_raw_scores = roots * (d_weights - means) * np.float32(3**-0.5)
        assert judge_plain(queries, keys, d_raw_scores, normalizer="entmax15") in ("exact", "float32")
        wrong = d_raw_scores + np.float32(1e-3) * (np.arange(4) == 1)
        assert judge_plain(queries, keys, wrong, normalizer="entmax15") == "wrong"


def test_gradients_of_a_mistake_that_are_not_numbers_nearby_are_not_an_error():
    """Of scores whose sum is 0, shares of it are infinite, and where the inputs are moved they have no roots."""
    queries, keys = np.array([[1.0], [2.0]]), np.array([[1.0], [-1.0]])
    asked = {"queries": queries, "keys": keys, "values": V[:2], "d_output": D_OUTPUT[:2]}
    right = attend(queries, keys, V[:2], normalizer="entmax15").gradients(D_OUTPUT[:2])
    request = Request(**{name: Matrix(array, name) for name, array in asked.items()}, normalizer="entmax15")
    expected = {"d_scores": Matrix(right.d_scores.astype(np.float32), "d_scores")}
    assert check(Worksheet(request=request, name="case", where="case", expected=expected)).verdict != "wrong"


ONE_SIDED = {"d_queries": RIGHT.d_queries / SCALE, "d_keys": RIGHT.d_keys}
SLIPS = {
    "no-row-sum": {"d_queries": SCALE * (P * DP) @ K, "d_keys": SCALE * (P * DP).T @ Q},
    "grad-unscaled": {"d_queries": RIGHT.d_queries / SCALE, "d_keys": RIGHT.d_keys / SCALE},
    "grad-swapped": {"d_queries": RIGHT.d_keys, "d_keys": RIGHT.d_queries},
    "grad-transposed": {"d_keys": SCALE * RIGHT.d_scores @ Q},
    "grad-no-mask": {"weights": P, "d_keys": attend(Q, K, V).gradients(D_OUTPUT).d_keys},
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_on_the_way_back_is_named(slip):
    report = check(worksheet({name: array.round(6) for name, array in SLIPS[slip].items()}))
    assert report.verdict == "wrong"
    assert report.diagnosis[0].slip == slip


TWO_SLIPS = {
    "no-row-sum+grad-unscaled": {"d_queries": P * DP @ K, "d_keys": (P * DP).T @ Q},
    "grad-unscaled+grad-swapped": {"d_queries": RIGHT.d_keys / SCALE, "d_keys": RIGHT.d_queries / SCALE},
    "no-row-sum+grad-transposed": {"d_keys": SCALE * (P * DP) @ Q},
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("slips", TWO_SLIPS)
def test_two_slips_on_the_way_back_are_named(slips):
    report = check(worksheet({name: array.round(6) for name, array in TWO_SLIPS[slips].items()}))
    assert report.diagnosis[0].slip == slips


def over(axis):
    """Weights of a causal softmax along an axis."""
    powers = np.tril(np.exp(SCALE * Q @ K.T))
    return powers / powers.sum(axis=axis, keepdims=True)


@pytest.mark.parametrize("axis", [-1, -2], ids=["by the right formula", "by its own derivative"])
def test_gradients_behind_a_softmax_along_the_queries_are_explained(axis):
    weights = over(-2)
    d_scores = weights * (DP - (weights * DP).sum(axis=axis, keepdims=True))
    expected = {"d_values": weights.T @ D_OUTPUT, "d_queries": SCALE * d_scores @ K, "d_keys": SCALE * d_scores.T @ Q}
    report = check(worksheet({name: array.round(6) for name, array in expected.items()}))
    assert report.diagnosis[0].slip == "softmax-over-queries"


def test_gradients_behind_scores_times_the_mask_are_explained():
    scores = np.tril(SCALE * Q @ K.T)
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    d_scores = weights * (DP - (weights * DP).sum(axis=1, keepdims=True))
    report = check(worksheet({"d_queries": (SCALE * d_scores @ K).round(6)}))
    assert report.diagnosis[0].slip == "mask-times-scores"


def test_given_weights_take_the_place_of_the_problem_s_own():
    weights = over(-2)
    found = Gradients(RESULT.gradients(D_OUTPUT).problem, weights=weights)
    d_scores = weights * (DP - (weights * DP).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(found.d_values, weights.T @ D_OUTPUT, rtol=1e-12)
    np.testing.assert_allclose(found.d_queries, SCALE * d_scores @ K, rtol=1e-12)


def test_a_scale_that_is_left_out_on_one_side_is_named():
    report = check(worksheet({name: array.round(6) for name, array in ONE_SIDED.items()}))
    said = f"the scale {SCALE:.6g} was left out of dQ: scale · dS K is expected"
    assert [(found.slip, found.sentence) for found in report.diagnosis] == [("grad-unscaled", said)]


@pytest.mark.parametrize(("row", "share"), [("uniform", 1 / 4), ("nan", np.nan)])
def test_gradients_of_a_query_without_a_key_are_explained_by_its_weights(row, share):
    mask = np.tril(np.ones((4, 4)))
    mask[1] = 0
    scores = mask * np.exp(SCALE * Q @ K.T)
    with np.errstate(invalid="ignore"):
        weights = scores / scores.sum(axis=1, keepdims=True)
    weights[1] = share
    d_scores = weights * (DP - (weights * DP).sum(axis=1, keepdims=True))
    own = worksheet({"d_values": (weights.T @ D_OUTPUT).round(6), "d_queries": (SCALE * d_scores @ K).round(6)})
    report = check(replace(own, request=replace(own.request, causal=False, mask=Matrix(mask, "mask"))))
    assert report.diagnosis[0].slip == f"empty-row-{row}"


def test_a_scale_that_is_not_expected_and_is_left_out_on_the_way_back_is_named():
    own = {name: (array / SCALE).round(6) for name, array in (("d_queries", RIGHT.d_queries), ("d_keys", RIGHT.d_keys))}
    found = worksheet(own)
    report = check(replace(found, request=replace(found.request, variant="dot")))
    assert report.diagnosis[0].slip == "scale-sqrt-dk+grad-unscaled"


def test_the_values_gradient_with_weights_that_are_not_transposed_is_named():
    (found,) = check(worksheet({"d_values": (P @ D_OUTPUT).round(6)})).diagnosis
    assert (found.slip, found.sentence) == ("grad-transposed", "dV is P dO: Pᵀ dO is expected")


def test_a_transposed_gradient_is_reported_by_its_own_name_beside_right_ones():
    own = worksheet({"d_scores": RIGHT.d_scores.round(6), "d_weights": RIGHT.d_weights.T.round(6)})
    (found,) = check(own).diagnosis
    said = "dP is transposed: a gradient has the rows and columns of its matrix"
    assert (found.slip, found.sentence) == ("grad-transposed", said)


@pytest.mark.parametrize("head", [0, 1], ids=["the first head's", "the last head's"])
def test_key_gradients_of_one_query_head_are_named(head):
    q, k, v, d_output = (RNG.normal(size=shape).round(2) for shape in ((3, 8), (4, 4), (4, 4), (3, 8)))
    heads = attend(
        np.moveaxis(q.reshape(3, 4, 2), 1, 0), np.repeat(np.moveaxis(k.reshape(4, 2, 2), 1, 0), 2, axis=0),
        np.repeat(np.moveaxis(v.reshape(4, 2, 2), 1, 0), 2, axis=0),
    )  # fmt: skip
    each = heads.gradients(np.moveaxis(d_output.reshape(3, 4, 2), 1, 0)).d_keys
    given = {"queries": q, "keys": k, "values": v, "d_output": d_output, "heads": (4, 2)}
    summed = np.moveaxis(each.reshape(2, 2, 4, 2).sum(axis=1), 0, 1).reshape(4, 4)
    assert check(worksheet({"d_keys": summed.round(6)}, **given)).verdict == "exact"
    one = np.moveaxis(each[head::2], 0, 1).reshape(4, 4)
    report = check(worksheet({"d_keys": one.round(6)}, **given))
    assert report.diagnosis[0].slip == "grad-heads-not-summed"


def test_expected_gradients_without_one_at_the_output_are_an_error():
    sheet = worksheet({"d_keys": RIGHT.d_keys})
    with pytest.raises(ProblemError) as caught:
        check(replace(sheet, request=replace(sheet.request, d_output=None)))
    assert str(caught.value) == "case: d_keys is expected, but no gradient arrives at the output"
    assert caught.value.hint == "add d_output, of the output's shape or the word ones; or --grad"


def test_an_expected_gradient_of_what_is_not_there_is_an_error():
    with pytest.raises(ProblemError) as caught:
        check(worksheet({"d_bias": np.zeros((4, 4))}))
    assert str(caught.value) == "case: d_bias is expected, but the problem has no bias"


@pytest.mark.parametrize("wrong", [[9.0, 0.0], [9.0, 9.0], [-0.4753, 9.0]], ids=["one cell", "every cell", "the other"])
@pytest.mark.parametrize("shown", [repr, "{:.4f}".format], ids=["full", "4 decimals"])
def test_wrong_gradients_of_one_axis_have_a_pattern(wrong, shown):
    problem = "{x: [[1, 0], [0.5, 1]], w_q: [[1, 0], [0.3, 1]], b_q: [0.1, 0.2], w_k: [[1, 0.5], [0, 1]], "
    problem += "w_v: [[1, 2], [3, 4]], d_output: [[1, 0], [0, 1]], expected: {d_b_q: [%s]}}"
    found = read_problem(problem % ", ".join(map(shown, wrong)), Sources(lambda: None, Reading(keep_text=True)))
    report = check(found, search=False)
    assert report.verdict == "wrong"
    assert report.checks[0].errors.structure in ("one cell", "every cell", "1 of 2 cells")


@pytest.mark.parametrize(("kept", "through"), [("qk", "Q and K"), ("v", "V")])
def test_a_gradient_of_x_without_the_parts_through_some_projections_is_named(kept, through):
    w = dict(zip("qkv", np.random.default_rng(5).normal(size=(3, 4, 3)).round(2), strict=True))
    x = np.random.default_rng(6).normal(size=(5, 4)).round(2)
    d_output = np.random.default_rng(7).normal(size=(5, 3)).round(2)
    right = attend(*(x @ w[letter] for letter in "qkv")).gradients(d_output)
    parts = {"q": right.d_queries @ w["q"].T, "k": right.d_keys @ w["k"].T, "v": right.d_values @ w["v"].T}
    given = {"x": x, "d_output": d_output, **{f"w_{letter}": w[letter] for letter in "qkv"}}
    request = Request(**{name: Matrix(array, name) for name, array in given.items()})
    wrong = sum(parts[letter] for letter in kept)
    expected = {"d_x": Matrix(wrong, "d_x")}
    (found,) = check(Worksheet(request=request, name="case", where="case", expected=expected)).diagnosis
    said = f"d_x is the part through {through} only: it is the sum of those through Q, K and V"
    assert (found.slip, found.sentence) == ("grad-part-left-out", said)
