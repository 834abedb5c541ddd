"""Each verdict by the smallest problem that earns it, and the one beside it that doesn't."""

import numpy as np
import pytest

from attncli import attend
from attncli.check import check, routes
from attncli.errors import AttncliError
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import Request, Worksheet
from attncli.inputs.sources import Sources
from attncli.matrix import Matrix, Reading

QKV = "queries: [[2, 0]], keys: [[1, 0], [0, 1]], values: [[1, 2], [3, 4]], variant: dot"
# weights 0.8807970779778823 0.11920292202211755, output 1.2384058440442351 2.238405844044235


def report(expected, problem=QKV, *, search=False, **options):
    """The report without a search for slips, which changes no verdict and takes most of the time."""
    text = f"{{{problem}, expected: {{{expected}}}}}"
    return check(read_problem(text, Sources(lambda: None, Reading(keep_text=True))), search=search, **options)


@pytest.mark.parametrize(
    ("expected", "verdict"),
    [
        pytest.param("weights: [[0.8808, 0.1192]]", "exact", id="rounded"),
        pytest.param("weights: [[0.8807, 0.1192]]", "last-digit", id="truncated"),
        pytest.param("weights: [[0.8809, 0.1192]]", "last-digit", id="one unit off"),
        pytest.param("weights: [[0.8806, 0.1192]]", "wrong", id="two units off the rounded number"),
        pytest.param("weights: [[0.88080, 0.11922]]", "wrong", id="two units off with a digit more"),
        pytest.param("weights: [[0.88, 0.1192]]", "wrong", id="a short number beside a long one claims as much"),
        pytest.param("weights: [[0.8807970779778823, 0.11920292202211755]]", "exact", id="in full"),
        pytest.param("weights: [[0.8807970779778820, 0.11920292202211755]]", "exact", id="within a plain computation"),
        pytest.param("weights: [[0.8807970779779, 0.1192029220221]]", "exact", id="thirteen digits"),
        pytest.param("weights: [[0.8807970779778923, 0.11920292202211755]]", "wrong", id="45 ulp off"),
        pytest.param("weights: [[0.8807970881462097, 0.11920291930437088]]", "float32", id="float32 in full"),
        pytest.param("weights: [[0.88079703, 0.119202919]]", "float32", id="shortest float32"),
        pytest.param("weights: [[0.8807980, 0.11920292]]", "wrong", id="too far off for a float32"),
        pytest.param("scores: [[2, 0]]", "exact", id="scores"),
        pytest.param("raw_scores: [[2, 0]], lse: [2.126928]", "exact", id="raw scores and lse"),
        pytest.param("lse: [[2.126928]]", "exact", id="an lse as a text table has it"),
        pytest.param("weights: [[0.8808], [0.1192]]", "wrong", id="another shape"),
        pytest.param("weights: [[0.8808, 0.1192]], output: [[1.23, 2.24]]", "last-digit", id="the worst of two"),
        pytest.param("weights: [[nan, 0.1192]]", "wrong", id="no number"),
        pytest.param("weights: [[8.808e-1, 1.192e-1]]", "exact", id="exponents"),
        pytest.param("raw_scores: [[4/2, 0/1]]", "exact", id="fractions"),
        pytest.param("raw_scores: [[5/2, 0/1]]", "wrong", id="another fraction"),
    ],
)
def test_a_text_gets_its_verdict(expected, verdict):
    assert report(expected, search=True).verdict == verdict


@pytest.mark.parametrize(
    ("right", "said", "verdict"),
    [
        pytest.param("0.500451", "0.5005", "exact", id="rounded up"),
        pytest.param("0.500451", "0.5004", "last-digit", id="rounded down"),
        pytest.param("0.500451", "0.5006", "last-digit", id="nearly one and a half units off"),
        pytest.param("0.500451", "0.5003", "wrong", id="a little more than one and a half units off"),
        pytest.param("0.5", "0", "exact", id="half a unit, rounded down"),
        pytest.param("0.5", "1", "exact", id="half a unit, rounded up"),
        pytest.param("0.5", "2", "wrong", id="one and a half units"),
        pytest.param("0.5", "-1", "wrong", id="one and a half units down"),
        pytest.param("100000000.5", "100000000", "exact", id="half a unit of a large number"),
    ],
)
def test_half_a_unit_may_be_rounded_up_or_down_and_a_unit_more_is_the_last_digit(right, said, verdict):
    assert report(f"raw_scores: [[{said}]]", f"queries: [[{right}]], keys: [[1]]").verdict == verdict


MASKED = f"{QKV}, mask: [[1, 0]]"


@pytest.mark.parametrize(
    ("expected", "verdict"),
    [
        pytest.param("scores: [[2, -inf]]", "exact", id="-inf where masked"),
        pytest.param("scores: [[2, -1e9]]", "exact", id="a finite fill where masked"),
        pytest.param("scores: [[2, -1e4]]", "exact", id="the least fill"),
        pytest.param("scores: [[2, -9999]]", "wrong", id="less than any fill"),
        pytest.param("scores: [[2, 0]]", "wrong", id="a score where masked"),
        pytest.param("scores: [[-inf, -inf]]", "wrong", id="-inf where not masked"),
        pytest.param("weights: [[1, 0]]", "exact", id="weights"),
    ],
)
def test_masked_cells(expected, verdict):
    assert report(expected, MASKED).verdict == verdict


def test_masked_scores_of_a_float32_computation():
    problem = "queries: [[0.1]], keys: [[3], [1]], variant: dot, mask: [[1, 0]]"
    assert report("scores: [[0.30000001192092896, -inf]]", problem).verdict == "float32"


def test_a_row_of_nan_agrees_with_a_system_that_gives_it():
    problem = f"{QKV}, mask: [[0, 0]]"
    found = report("weights: [[nan, nan]]", problem + ", mask_means: keep, as: torch-mha")
    assert (found.verdict, found.checks[0].max_error) == ("exact", 0)
    assert report("weights: [[nan, nan]]", problem).verdict == "wrong"
    _, found = errors("weights", np.full((1, 2), np.nan), [[False, False]], "torch-mha", strict=True)
    assert (found.largest, found.plain, found.beyond) == (0, 0, 0)


ROUNDED = "queries: [[0.762, -0.043]], keys: [[-0.147, -0.304], [0.106, 0.368]], values: [[1], [3]], variant: dot"


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        pytest.param("2.0818", "exact", id="the right number"),
        pytest.param("2.0822", "input-rounding", id="as far as the inputs may move it"),
        pytest.param("2.0840", "wrong", id="farther"),
    ],
)
def test_rounded_inputs_explain_what_they_move_and_no_more(output, verdict):
    assert report(f"output: [[{output}]]", ROUNDED).verdict == verdict


def test_exact_inputs_explain_nothing():
    problem = ROUNDED.replace("0.762", "0.76").replace("0.043", "0.04").replace("-0.147", "-0.15")
    problem = problem.replace("0.304", "0.3").replace("0.106", "0.11").replace("0.368", "0.37")
    right = report("output: [[9]]", problem).checks[0].computed
    assert report(f"output: [[{right + 0.0003:.4f}]]", problem).verdict == "wrong"


@pytest.mark.parametrize(
    ("expected", "verdict"),
    [
        ("raw_scores: [[0, 1], [1, 0]]", "wrong"),
        ("raw_scores: [[1, 0], [0, 1]]", "exact"),
        ("weights: [[0, 1], [1, 0]]", "wrong"),
        ("weights: [[1, 0], [0, 1]]", "exact"),
        ("weights: [[1., 0.], [0., 1.]]", "wrong"),
        ("scores: [[7.071e-1, 0e3], [0, 7.071e-1]]", "exact"),
        ("scores: [[7.071e-1, -1e9], [0, 7.071e-1]]", "wrong"),
        ("scores: [[7.071e-1, 1e5], [0, 7.071e-1]]", "wrong"),
        ("scores: [[7.071e-1, 0.0002], [0, 7.071e-1]]", "wrong"),
    ],
)
def test_whole_numbers_and_exponents_claim_no_more_than_half_of_themselves(expected, verdict):
    assert report(expected, "queries: [[1, 0], [0, 1]], keys: [[1, 0], [0, 1]]").verdict == verdict


def test_an_exponent_is_no_nearer_than_half_of_itself_to_a_wrong_number():
    problem = "queries: [[4, 1]], keys: [[1, 2], [3, 1]], values: [[10], [20]]"
    assert report("output: [[1e5]]", problem).verdict == "wrong"
    assert report("output: [[2e1]]", problem).verdict == "exact"


def test_a_softcap_lets_no_error_of_the_scores_through():
    problem = "variant: dot, softcap: 30, queries: [[100, 100]], keys: [[100, 100], [99, 102]]"
    assert report("weights: [[0.5099999904632568, 0.49000000953674316]]", problem).verdict == "wrong"
    assert report("weights: [[0.5, 0.5]]", problem).verdict == "exact"


JOINT = "queries: [[14.444, 5.931, 17.373]], variant: dot, keys: [[0.480, 0.492, 1.848], [0.434, 0.478, 1.850], \
[0.480, 0.534, 1.827], [0.418, 0.546, 1.859]]"


def test_inputs_explain_no_numbers_that_they_cannot_give_at_once():
    assert report("weights: [[0.333, 0.166, 0.297, 0.228]]", JOINT).verdict == "wrong"  # their sum is 1.024


@pytest.mark.parametrize("seed", range(8))
def test_what_unrounded_inputs_give_is_explained_by_their_rounding(seed):
    random = np.random.default_rng(seed)
    queries, keys, values = random.normal(size=(2, 8)), random.normal(size=(5, 8)), random.normal(size=(5, 3))
    problem = ", ".join([printed("queries", queries), printed("keys", keys), printed("values", values)])
    result = attend(queries, keys, values)
    for name in ("raw_scores", "scores", "weights", "output"):
        array = getattr(result, name)
        said = f"{name}: {[[f'{cell:.4f}' for cell in row] for row in array.tolist()]}".replace("'", "")
        right = report(said, problem)
        assert right.verdict in ("exact", "last-digit", "input-rounding") or right.checks[0].max_error > 10e-4


@pytest.mark.parametrize(
    ("key", "said", "verdict"),
    [
        pytest.param("19.8", "15.097", "input-rounding", id="9.4 units, which the inputs explain"),
        pytest.param("19.8", "15.098", "wrong", id="10.4 units, which the inputs and the print explain"),
        pytest.param("20.2", "15.402", "input-rounding", id="9.6 units, where the inputs explain 10.1"),
        pytest.param("20.2", "15.403", "wrong", id="10.6 units"),
    ],
)
def test_a_difference_of_more_than_ten_units_is_never_explained(key, said, verdict):
    assert report(f"raw_scores: [[{said}]]", f"queries: [[0.762]], keys: [[{key}]]").verdict == verdict


FINE = "queries: [[0.762001, -0.043002]], keys: [[-0.147003, -0.304004], [0.106005, 0.368006]], values: [[1], [3]]"


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        pytest.param("2.0818", "exact", id="the right number"),
        pytest.param("2.0819", "last-digit", id="one unit off"),
        pytest.param("2.0820", "wrong", id="two units off, of which the rounding is a hundredth"),
    ],
)
def test_rounded_inputs_do_not_explain_more_than_they_move(output, verdict):
    assert report(f"output: [[{output}]]", f"{FINE}, variant: dot").verdict == verdict


@pytest.mark.parametrize(
    ("off", "verdict"),
    [
        pytest.param(0, "exact", id="the right number"),
        pytest.param(0.0007, "input-rounding", id="x and w moved together"),
        pytest.param(0.0018, "wrong", id="farther"),
    ],
)
def test_rounding_goes_through_projections(off, verdict):
    weights = "w_q: [[1, 0], [0, 1]], w_k: [[1, 1], [0, 1]], w_v: [[1], [1]], variant: dot"
    problem = f"x: [[1.234, 0.567], [0.891, 1.112]], {weights}"
    request = read_problem(f"{{{problem}}}", Sources(lambda: None, Reading(keep_text=True))).request
    (first,), (second,) = routes.RIGHT.numbers(request, ["output"])["output"]
    assert report(f"output: [[{first + off:.4f}], [{second + off:.4f}]]", problem).verdict == verdict


def binary(output, **options):
    request = Request(
        queries=Matrix(np.array([[2.0, 0]]), "q"),
        keys=Matrix(np.eye(2), "k"),
        values=Matrix(np.array([[1.0, 2], [3, 4]]), "v"),
        variant="dot",
    )
    worksheet = Worksheet(request=request, name="case", where="case", expected={"output": Matrix(output, "output")})
    return check(worksheet, search=False, **options)


RIGHT = np.array([[1.2384058440442351, 2.238405844044235]])


@pytest.mark.parametrize(
    ("output", "options", "verdict"),
    [
        pytest.param(RIGHT, {}, "within-tolerance", id="float64"),
        pytest.param(RIGHT * (1 + 1e-6), {}, "wrong", id="float64 off by 1e-6"),
        pytest.param((RIGHT * (1 + 1e-6)).astype(np.float32), {}, "within-tolerance", id="float32 off by 1e-6"),
        pytest.param((RIGHT * (1 + 1e-4)).astype(np.float32), {}, "wrong", id="float32 off by 1e-4"),
        pytest.param((RIGHT * (1 + 1e-4)).astype(np.float16), {}, "within-tolerance", id="float16 off by 1e-4"),
        pytest.param(RIGHT * 1.05, {"rtol": 0.1}, "within-tolerance", id="a tolerance given"),
        pytest.param(RIGHT + 0.05, {"atol": 0.1}, "within-tolerance", id="an absolute one"),
        pytest.param(RIGHT + 0.9, {"rtol": 0.1}, "wrong", id="beyond a tolerance given"),
        pytest.param(RIGHT + 0.9, {"atol": 0.1}, "wrong", id="beyond an absolute one"),
        pytest.param(RIGHT, {"rtol": 0, "atol": 0}, "within-tolerance", id="no tolerance for what is right"),
        pytest.param(RIGHT.round(0), {"digits": 0}, "exact", id="no digit"),
        pytest.param(RIGHT.round(3), {"digits": 3}, "exact", id="digits given"),
        pytest.param(RIGHT, {"digits": 17}, "exact", id="all digits"),
        pytest.param(RIGHT.round(3) + 0.002, {"digits": 3}, "wrong", id="digits given and two units off"),
        pytest.param(RIGHT, {"strict": True}, "exact", id="strict, as a plain computation gives it"),
        pytest.param(RIGHT * (1 + 1e-12), {"strict": True}, "wrong", id="strict and off by 1e-12"),
    ],
)
def test_numbers_without_text_are_compared_by_tolerance(output, options, verdict):
    assert binary(output, **options).verdict == verdict


@pytest.mark.parametrize(
    ("dtype", "relative", "absolute"),
    [("float16", 1e-3, 1e-5), ("bfloat16", 1.6e-2, 1e-5), ("float32", 1.3e-6, 1e-5), ("float64", 1e-7, 1e-7)],
)
def test_numbers_without_text_are_compared_as_torch_compares_their_dtype(dtype, relative, absolute):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    for cell, off in ((0, relative + absolute), (1, absolute)):  # the right ones are 1 and 0
        for factor, verdict in ((0.5, "within-tolerance"), (5, "wrong")):
            expected = np.array([[1.0, 0.0]])
            expected[0, cell] += factor * off
            assert errors("raw_scores", expected.astype(dtype))[0] == verdict


def test_strict_accepts_exact_only():
    assert report("weights: [[0.8808, 0.1192]]", strict=True).holds
    assert not report("weights: [[0.8807, 0.1192]]", strict=True).holds
    assert report("weights: [[0.8807, 0.1192]]").holds


def test_tolerance_wins_over_the_text():
    found = report("weights: [[0.89, 0.11]]", atol=0.02)
    assert found.verdict == "within-tolerance"
    assert (found.checks[0].decimals, found.checks[0].tolerance) == (None, "rtol 0, atol 0.02")
    assert report("weights: [[0.89, 0.11]]").checks[0].tolerance == ""


@pytest.mark.parametrize(
    ("problem", "expected", "message"),
    [
        pytest.param(QKV, "", "literal: nothing is expected, so there is nothing to check", id="nothing expected"),
        pytest.param(
            "queries: [[1]], keys: [[1]]",
            "output: [[1]]",
            "literal: an output is expected, but there are no values",
            id="no values",
        ),
        pytest.param(
            QKV,
            "weights: [[true, false]]",
            "literal: expected.weights: holds bool where numbers are expected",
            id="truth values",
        ),
    ],
)
def test_what_cannot_be_checked_is_an_error(problem, expected, message):
    with pytest.raises(AttncliError) as raised:
        report(expected, problem)
    assert str(raised.value) == message


@pytest.mark.parametrize("digits", [-1, 18])
def test_no_digits_can_be_claimed_that_a_number_has_not(digits):
    with pytest.raises(AttncliError) as raised:
        report("weights: [[1, 0]]", digits=digits)
    assert str(raised.value) == f"--digits: {digits} is not between 0 and 17"


def test_the_worst_cell_is_the_one_that_is_most_units_off():
    found = report("weights: [[0.8808, 0.1195]]").checks[0]
    assert (found.at, found.expected, found.text) == ((0, 1), 0.1195, "0.1195")
    assert found.max_error == pytest.approx(0.1195 - 0.11920292202211755)
    assert found.errors.structure == "one cell"


@pytest.mark.parametrize(
    ("expected", "labels"),
    [
        ("weights: [[0.5, 0.5], [0.9, 0.1]]", ("second", "left")),
        ("output: [[2, 3], [2, 9]]", ("second", "high")),
        ("lse: [0.693147, 9]", ("second", None)),
    ],
)
def test_the_worst_cell_has_the_names_of_its_row_and_column(expected, labels):
    problem = "queries: [[0], [0]], keys: [[1], [1]], values: [[1, 2], [3, 4]]"
    names = "queries: [first, second], keys: [left, right], values: [low, high]"
    assert report(expected, f"{problem}, labels: {{{names}}}").checks[0].labels == labels
    assert report(expected, problem).checks[0].labels == (None, None)


def test_the_worst_cell_of_a_batch_has_names_too():
    problem = "queries: [[[0], [0], [0]]], keys: [[[1], [1]]], labels: {keys: [left, right]}"
    assert report("weights: [[[0.5, 0.5], [0.5, 0.5], [0.5, 0.9]]]", problem).checks[0].labels == (None, "right")


def test_a_column_of_several_heads_has_not_the_name_of_one_of_a_shared_head():
    problem = "queries: [[0, 0]], keys: [[1], [1]], values: [[1], [3]], heads: 2/1, labels: {values: [low]}"
    assert report("output: [[9, 2]]", problem).checks[0].labels == (None, None)


@pytest.mark.parametrize(
    ("weights", "shape"),
    [("[[0.5]]", "1 × 1"), ("[0.5]", "1"), ("[[0.5], [0.5]]", "2 × 1"), ("0.5", "that of a single number")],
    ids=str,
)
def test_another_shape_is_wrong_also_where_the_numbers_are_right(weights, shape):
    found = report(f"weights: {weights}", "queries: [[1]], keys: [[1], [1]], variant: dot")
    turned = ". It holds the right numbers, transposed" if shape == "2 × 1" else ""
    assert (found.verdict, found.checks[0].said) == ("wrong", f"its shape is {shape}; expected 1 × 2{turned}")


def test_a_transposed_output_is_named():
    problem = "queries: [[2, 0], [0, 1], [1, 1]], keys: [[1, 0], [0, 1]], values: [[1, 2], [3, 5]], variant: dot"
    output = attend([[2, 0], [0, 1], [1, 1]], [[1, 0], [0, 1]], [[1, 2], [3, 5]], variant="dot").output
    found = report(f"output: {output.T.tolist()}", problem, search=True)
    assert found.checks[0].said == "its shape is 2 × 3; expected 3 × 2. It holds the right numbers, transposed"
    assert [(each.slip, each.sentence) for each in found.diagnosis] == [
        ("output-transposed", "your output is the right one with two axes exchanged: the right shape is 3 × 2")
    ]
    viewed = report(f"output: {output.T.reshape(3, 2).tolist()}", problem, search=True)
    assert [each.slip for each in viewed.diagnosis] == ["output-transposed"]


def test_whole_numbers_say_what_the_verdict_rests_on():
    problem = "queries: [[1, 0], [0, 1]], keys: [[1, 0], [0, 1]]"
    found = report("weights: [[1, 0], [0, 1]]", problem).checks[0]
    assert (found.verdict, found.note) == (
        "exact",
        "claims whole numbers only; the right ones are 0.67, 0.33, 0.33, 0.67",
    )
    assert report("raw_scores: [[1, 0], [0, 1]]", problem).checks[0].note == ""


def test_a_tolerance_does_not_count_what_is_infinite_in_both():
    assert report("scores: [[2, -inf]]", MASKED, atol=0.1).verdict == "within-tolerance"


def test_a_tolerance_is_all_that_is_allowed():
    assert errors("raw_scores", np.array([[1.5, 0]]), atol=0.5)[0] == "within-tolerance"
    assert errors("raw_scores", np.array([[1.5, 0]]), rtol=0.5)[0] == "within-tolerance"


def test_a_tolerance_does_not_make_what_is_infinite_a_number():
    assert report("scores: [[2, 0]]", MASKED, rtol=0.1).verdict == "wrong"


def test_of_cells_that_may_not_be_off_at_all_the_worst_is_farthest_off():
    problem = "queries: [[1]], keys: [[1], [2], [3]], mask: [[1, 0, 0]]"
    assert report("weights: [[1, 0.001, 0.5]]", problem, rtol=0.1).checks[0].at == (0, 2)
    assert report("weights: [[1, 0.5, nan]]", problem, rtol=0.1).checks[0].at == (0, 2)


def test_the_worst_cell_is_reported_by_what_is_allowed_in_each():
    problem = "queries: [[1]], keys: [[1]], values: [[2, 0.5]]"
    found = report("output: [[2.36, 0.725]]", problem, rtol=0.1, atol=0.1).checks[0]
    assert (found.verdict, found.at) == ("wrong", (0, 1))
    one = Matrix(np.ones((1, 1)), "x")
    request = Request(queries=one, keys=one, values=Matrix(np.array([[1e-6, 1]]), "v"))
    off = Matrix(np.array([[1e-6 + 1e-15, 1 + 1e-14]]), "output")
    worksheet = Worksheet(request=request, name="case", where="case", expected={"output": off})
    assert check(worksheet, strict=True).checks[0].at == (0, 0)


@pytest.mark.parametrize(
    ("expected", "verdict"),
    [
        pytest.param("weights: [[0.8807971, 0.11920292]]", "float32", id="shortest texts of different lengths"),
        pytest.param("weights: [[0.8807971, 0.11920294]]", "wrong", id="more than two spacings off"),
        pytest.param("weights: [[0.8807974, 0.1192029]]", "wrong", id="as many decimals each, three units off"),
    ],
)
def test_few_digits_are_float32_only_where_their_lengths_differ(expected, verdict):
    assert report(expected).verdict == verdict


@pytest.mark.parametrize(
    ("output", "weights", "verdict"),
    [
        ("1.2384058237075806, 2.238405704498291", "0.8807973, 0.1192029", "float32"),
        ("1.2384058237075806, 2.238405704498291", "0.8807983, 0.1192029", "wrong"),
        ("1.2384058440442351, 2.238405844044235", "0.8807973, 0.1192029", "wrong"),
        ("1.238406, 2.238406", "0.8807973, 0.1192029", "wrong"),
    ],
    ids=["as far as float32 may be off", "farther", "beside float64", "beside few digits"],
)
def test_few_digits_are_float32_beside_numbers_that_show_it(output, weights, verdict):
    found = report(f"output: [[{output}]], weights: [[{weights}]]")
    assert {one.what: one.verdict for one in found.checks}["weights"] == verdict


@pytest.mark.parametrize(
    ("raw_scores", "verdict"),
    [
        pytest.param("16.830000, -0.512000", "wrong", id="every second number is one of float32"),
        pytest.param("16.830000, -19.100000", "wrong", id="of two numbers every fourth"),
        pytest.param("16.829999924, -0.512000024", "float32", id="very few"),
    ],
)
def test_float32_is_shown_by_numbers_that_no_others_have_by_chance(raw_scores, verdict):
    values = "[[300000.1], [-300000.3]]"
    problem = f"queries: [[0]], keys: [[1], [2]], values: {values}"
    found = report(f"raw_scores: [[{raw_scores}]], output: [[-0.109375]]", problem)
    assert {one.what: one.verdict for one in found.checks}["output"] == verdict


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        pytest.param("0.109375", "float32", id="as float32 adds it up"),
        pytest.param("9.109375", "wrong", id="farther than float32 may be off"),
    ],
)
def test_a_sum_that_cancels_is_right_within_a_float32_computation(output, verdict):
    values = "[[300000.1, 0.1], [-600000.2, 0.2], [300000.4, 0.4]]"
    problem = f"queries: [[0]], keys: [[1], [2], [3]], values: {values}"
    assert report(f"output: [[{output}, 0.23333333432674408]]", problem).verdict == verdict


@pytest.mark.parametrize(
    ("values", "output", "verdict"),
    [
        ("0.0062, 1.2342, 0.0208", "6.000e-03, 1.234e+00, 2.100e-02", "exact"),
        ("0.0062, 1.2342, 0.0208", "8.000e-03, 1.234e+00, 2.100e-02", "wrong"),
        ("0.006, 1.234, 0.021", "7.000e-03, 1.234e+00, 2.100e-02", "wrong"),
    ],
    ids=["rounded", "rounded, and one is wrong", "short by themselves, and one is wrong"],
)
def test_a_rounding_before_the_print_is_believed_where_most_numbers_need_it(values, output, verdict):
    problem = f"queries: [[0]], keys: [[1]], values: [[{values}]]"
    assert report(f"output: [[{output}]]", problem).verdict == verdict


def test_a_number_that_holds_as_it_is_printed_is_right_beside_others_of_float32():
    """NumPy prints a float32 near 0 with eight decimals, which are fewer than its own."""
    values = "[[-2.1171118202, -0.0035363680, 0.48113415], [-2.1171118202, -0.0035363680, 0.48113415]]"
    problem = f"queries: [[0]], keys: [[1], [2]], values: {values}"
    for first, verdict in (("-2.117112", "float32"), ("-2.117114", "wrong")):
        output = f"'[[{first}   -0.00353637  0.48113415]]'"
        assert report(f"output: {output}", problem).verdict == verdict


CANCELLING = "queries: [[0]], keys: [[1], [2]], values: [[1000.1, 1], [-1000, 2]]"  # output 0.05, 1.5


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        pytest.param("'tensor([[4.9988e-02, 1.5000e+00]])'", "float32", id="torch, which names any other dtype"),
        pytest.param("'tensor([[4.9988e-02, 1.5000e+00]], dtype=torch.float64)'", "wrong", id="torch in float64"),
        pytest.param("'[[4.9988e-02, 1.5000e+00]]'", "wrong", id="a print of no dtype"),
        pytest.param("'array([[4.9988e-02, 1.5000e+00]], dtype=float32)'", "float32", id="a print that says so"),
        pytest.param("'tensor([[5.4000e-02, 1.5000e+00]])'", "wrong", id="farther than float32 may be off"),
    ],
)
def test_a_print_of_float32_claims_no_more_than_a_float32_computation_gives(output, verdict):
    assert report(f"output: {output}", CANCELLING).verdict == verdict


@pytest.mark.parametrize(
    ("dtype", "output", "verdict"),
    [
        pytest.param(np.float32, "4.9900e-02", "float32", id="float32"),
        pytest.param(np.float32, "5.0800e-02", "wrong", id="five spacings of the largest number and more"),
        pytest.param(np.float64, "4.9900e-02", "wrong", id="float64"),
    ],
)
def test_numbers_of_float32_files_claim_no_more_than_a_few_spacings_of_the_largest(dtype, output, verdict):
    arrays = {"queries": [[0]], "keys": [[1], [2]], "values": [[1000.1, 1, 1000], [-1000, 2, 1000]]}
    request = Request(**{name: Matrix(np.array(array, dtype), name) for name, array in arrays.items()})
    texts = (output, "1.5000e+00", "1.0000e+03")
    expected = {"output": Matrix(np.array([list(map(float, texts))]), "output", texts=texts)}
    worksheet = Worksheet(request=request, name="case", where="case", expected=expected)
    assert check(worksheet, search=False).verdict == verdict


@pytest.mark.parametrize(("small", "verdict"), [("6.14e-6", "float32"), ("6.15e-6", "wrong"), ("6.13e-6", "wrong")])
def test_a_short_number_beside_those_of_a_float32_computation_is_right_when_rounded(small, verdict):
    problem = "queries: [[12]], keys: [[1], [0]], variant: dot"  # weights 0.9999938558253978 6.144174602214718e-06
    assert report(f"weights: [[0.9999938607215881, {small}]]", problem).verdict == verdict


def test_a_sum_that_cancels_is_right_within_a_plain_computation():
    problem = "queries: [[0.1, 0.2, -0.3]], keys: [[1, 1, 1]], variant: dot"
    assert report("raw_scores: [[5.55111512e-17]]", problem).verdict == "exact"
    assert report("raw_scores: [[2.77555756e-17]]", problem).verdict == "exact"  # added up in another order
    assert report("raw_scores: [[5.55111512e-6]]", problem).verdict == "wrong"
    problem = "queries: [[0.1, 0.2, -0.3]], keys: [[1e+8, 1e+8, 1e+8], [1e+9, 0, 0]]"
    assert report("raw_scores: [[0.000000003, 1e+8]]", problem).verdict == "exact"
    assert report("raw_scores: [[0.000003000, 1e+8]]", problem).verdict == "wrong"


def test_float32_numbers_hold_within_twice_what_a_plain_computation_may_be_off():
    for ulps in range(32):
        said = 0.30000001192092896 + ulps * 2.0**-25
        found = report(f"raw_scores: [[{said!r}]]", "queries: [[0.1]], keys: [[3]]")
        errors = found.checks[0].errors
        assert found.verdict == ("float32" if errors.largest <= 2 * errors.plain else "wrong")


def errors(name, expected, mask=None, system=None, **options):
    """The errors of numbers without text, where the right ones are those of one query and two keys, 1 and 0."""
    request = Request(
        queries=Matrix(np.ones((1, 1)), "q"),
        keys=Matrix(np.array([[1.0], [0.0]]), "k"),
        mask=None if mask is None else Matrix(np.array(mask), "m"),
        mask_means="keep",
        variant="dot",
        system=system,
    )
    worksheet = Worksheet(request=request, name="case", where="case", expected={name: Matrix(expected, "e")})
    found = check(worksheet, search=False, **options)
    return found.verdict, found.checks[0].errors


@pytest.mark.parametrize(
    ("dtype", "unit"),
    [("float64", 2.0**-52), ("float32", 2.0**-23), ("float16", 2.0**-10), ("bfloat16", 2.0**-7)],
    ids=str,
)
def test_errors_of_numbers_without_text_are_counted_in_the_spacing_of_their_dtype(dtype, unit):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    expected = np.array([[1 + 3 * unit, 0]]).astype(dtype)
    _, found = errors("raw_scores", expected)
    assert (found.unit, found.largest) == (f"ulp of {expected.dtype.name}", 3)
    assert found.plain == 0.5 if expected.dtype.itemsize == 2 else 0.5 < found.plain < 20


def test_what_is_wrong_strictly_is_beyond_what_a_plain_computation_explains():
    found = [errors("raw_scores", np.array([[1 + units * 2.0**-52, 0]]), strict=True) for units in range(32)]
    assert {(verdict, told.structure) for verdict, told in found} == {
        ("exact", "noise: no cell differs by more than rounding explains"),
        ("wrong", "one cell"),
    }


@pytest.mark.parametrize("size", 2.0 ** -np.arange(6), ids="{:g}".format)
def test_errors_are_counted_where_a_sum_cancels(size):
    request = Request(queries=Matrix(np.array([[size, -size]]), "q"), keys=Matrix(np.ones((1, 2)), "k"), variant="dot")
    expected = {"raw_scores": Matrix(np.ones((1, 1)), "e")}
    found = check(Worksheet(request=request, name="case", where="case", expected=expected)).checks[0]
    assert (found.verdict, found.errors.largest) == ("wrong", np.inf)


def test_masked_cells_that_agree_are_not_errors():
    _, found = errors("scores", np.array([[1 + 2.0**-20, -np.inf]]), [[True, False]], strict=True)
    assert (found.largest, found.beyond, found.structure) == (2.0**32, 1, "one cell")
    assert found.plain < 20
    _, found = errors("weights", np.array([[1.0, 0]]), [[True, False]], strict=True)
    assert (found.largest, found.beyond) == (0, 0)
    assert found.plain < 20


@pytest.mark.parametrize(
    ("expected", "dtype", "unit"),
    [
        ("0.8807970779778823, 0.11920292202211755", "float64", "ulp of float64"),
        ("0.8807970881462097, 0.11920291930437088", "float32", "ulp of float32"),
        ("0.88079703, 0.119202919", "float32", "ulp of float32"),
        ("0.8808, 0.1192", None, "units of the last digit"),
    ],
)
def test_errors_are_counted_in_what_the_text_claims(expected, dtype, unit):
    found = report(f"weights: [[{expected}]]").checks[0].errors
    assert (found.dtype, found.unit) == (dtype, unit)


def test_errors_of_texts_are_reported_as_they_are_where_a_tolerance_is_given():
    found = report("weights: [[0.5, 0.1192]]", rtol=0, atol=0.01).checks[0].errors
    assert (found.dtype, found.unit, found.beyond, found.first) == (None, "1", 1, (0, 0))
    assert found.largest == found.own_units == pytest.approx(0.8807970779778823 - 0.5)


def test_two_units_of_the_last_digit_are_more_than_print_explains():
    assert report("weights: [[0.8808, 0.1194]]").checks[0].errors.structure == "one cell"
    assert report("weights: [[0.8808, 0.1193]]").checks[0].errors.structure.startswith("noise")


@pytest.mark.parametrize(
    ("weights", "verdict"),
    [
        pytest.param("0.908, 0.092", "input-rounding", id="up"),
        pytest.param("0.910, 0.090", "wrong", id="farther up than the query's rounding goes"),
        pytest.param("0.891, 0.109", "input-rounding", id="as far down"),
        pytest.param("0.889, 0.111", "wrong", id="farther down"),
    ],
)
def test_inputs_are_rounded_to_one_side_or_the_other(weights, verdict):
    problem = "queries: [[0.011]], keys: [[200], [0]], variant: dot"  # a score from 2.1 to 2.3: 0.891 to 0.909
    assert report(f"weights: [[{weights}]]", problem).verdict == verdict


@pytest.mark.parametrize(
    ("query", "values", "output", "verdict"),
    [
        pytest.param("0.011", "[[1], [0]]", "0.910", "wrong", id="too far up"),
        pytest.param("0.011", "[[0], [1]]", "0.090", "wrong", id="too far down"),
        pytest.param("-0.011", "[[1], [0]]", "0.109", "input-rounding", id="farther up than down"),
        pytest.param("0.011", "[[1], [0]]", "0.891", "input-rounding", id="farther down than up"),
    ],
)
def test_one_number_is_moved_by_its_inputs_to_one_side_or_the_other(query, values, output, verdict):
    problem = f"queries: [[{query}]], keys: [[200], [0]], values: {values}, variant: dot"
    assert report(f"output: [[{output}]]", problem).verdict == verdict


def printed(name, array):
    return f"{name}: {[[float(f'{cell:.3f}') for cell in row] for row in array.tolist()]}"


@pytest.mark.parametrize("rows", [3, 40], ids=["few rows", "many rows"])
def test_numbers_of_the_inputs_before_they_were_printed_are_not_wrong(rows):
    random = np.random.default_rng(8)
    queries, keys, values = (random.normal(size=(rows, 16)) for _ in range(3))
    problem = ", ".join([printed("queries", queries), printed("keys", keys), printed("values", values)])
    output = attend(queries, keys, values).output
    assert report(printed("output", output), problem).verdict in ("last-digit", "input-rounding")
    output[0, 0] += 0.1
    assert report(printed("output", output), problem).verdict == "wrong"
