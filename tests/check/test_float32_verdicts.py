"""Which texts and files are judged as the numbers of a float32 computation."""

import numpy as np
import pytest
from verdict_cases import report

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix


def test_masked_scores_of_a_float32_computation():
    problem = "queries: [[0.1]], keys: [[3], [1]], variant: dot, mask: [[1, 0]]"
    assert report("scores: [[0.30000001192092896, -inf]]", problem).verdict == "float32"


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
