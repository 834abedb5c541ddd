"""Each verdict by the smallest problem that earns it, and the one beside it that doesn't."""

import numpy as np
import pytest
from verdict_cases import QKV, errors, report

from attncli import attend
from attncli.check import check
from attncli.errors import AttncliError
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix


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


def test_a_row_of_nan_agrees_with_a_system_that_gives_it():
    problem = f"{QKV}, mask: [[0, 0]]"
    found = report("weights: [[nan, nan]]", problem + ", mask_means: keep, as: torch-mha")
    assert (found.verdict, found.checks[0].max_error) == ("exact", 0)
    assert report("weights: [[nan, nan]]", problem).verdict == "wrong"
    _, found = errors("weights", np.full((1, 2), np.nan), [[False, False]], "torch-mha", strict=True)
    assert (found.largest, found.plain, found.beyond) == (0, 0, 0)


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


def test_what_is_wrong_strictly_is_beyond_what_a_plain_computation_explains():
    found = [errors("raw_scores", np.array([[1 + units * 2.0**-52, 0]]), strict=True) for units in range(32)]
    assert {(verdict, told.structure) for verdict, told in found} == {
        ("exact", "noise: no cell differs by more than rounding explains"),
        ("wrong", "one cell"),
    }


def test_two_units_of_the_last_digit_are_more_than_print_explains():
    assert report("weights: [[0.8808, 0.1194]]").checks[0].errors.structure == "one cell"
    assert report("weights: [[0.8808, 0.1193]]").checks[0].errors.structure.startswith("noise")
