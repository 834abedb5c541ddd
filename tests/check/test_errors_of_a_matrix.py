"""The worst cell of a matrix and the errors that the report counts, in units of what is claimed."""

import numpy as np
import pytest
from verdict_cases import errors, report

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix


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
