"""The shapes in which a result may be expected: heads packed or not, axes joined, left out or added."""

import numpy as np
import pytest

from attncli import attend
from attncli.check import check
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

QKV = "queries: [[2, 0]], keys: [[1, 0], [0, 1]], values: [[1, 2], [3, 4]], variant: dot"
# weights 0.8807970779778823 0.11920292202211755, output 1.2384058440442351 2.238405844044235


def report(expected, problem=QKV):
    """The report without a search for slips, which changes no verdict and takes most of the time."""
    text = f"{{{problem}, expected: {{{expected}}}}}"
    return check(read_problem(text, Sources(lambda: None, Reading(keep_text=True))), search=False)


def test_heads_that_were_not_packed_are_laid_over_the_packed_output():
    problem = "queries: [[2, 1]], keys: [[1, 0], [0, 1]], values: [[1, 2], [3, 4]], heads: 2"
    packed = report("output: [[9, 9]]", problem).checks[0]
    assert packed.said == ""
    assert report("output: [[[1]], [[9]]]", problem).checks[0].at is not None
    assert report("weights: [[[1, 0]], [[0, 1]]]", problem).checks[0].at is not None


def test_heads_of_several_columns_are_laid_over_the_packed_output():
    problem = "queries: [[2, 1], [1, 3]], keys: [[1, 0], [0, 1]], values: [[1, 2, 3, 4], [5, 6, 7, 9]], heads: 2"
    packed = attend([[2, 1], [1, 3]], [[1, 0], [0, 1]], [[1, 2, 3, 4], [5, 6, 7, 9]], heads=2).output
    heads = np.moveaxis(packed.reshape(2, 2, 2), 1, 0)
    assert report(f"output: {heads.tolist()}", problem).verdict == "exact"
    assert report(f"output: {packed.tolist()}", problem).verdict == "exact"


def laid_out(layout, name, array):
    """What dumps of kernels and tables do to the axes (batch 2, heads 3, n 4, columns) of a result."""
    heads_last = np.moveaxis(array, 1, 2)
    return {
        "batch and heads joined": array.reshape(6, *array.shape[2:]),
        "the rows of all entries": array.reshape(-1, array.shape[-1]),
        "one list": array.reshape(-1),
        "one row": array.reshape(1, -1),
        "heads side by side": heads_last.reshape(2, 4, -1) if name == "output" else array,
        "all tokens": heads_last.reshape(8, -1) if name == "output" else array,
    }[layout]


LAYOUTS = [
    "batch and heads joined",
    "the rows of all entries",
    "one list",
    "one row",
    "heads side by side",
    "all tokens",
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["weights", "output", "lse"])
def test_a_result_is_judged_in_each_layout_that_its_shape_shows(name, layout):
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 6, 5)), rng.normal(size=(2, 3, 6, 7))
    problem = f"queries: {q.tolist()}, keys: {k.tolist()}, values: {v.tolist()}"
    right = getattr(attend(q, k, v), name)
    spoilt = right.copy()
    spoilt[1, 2, 3] += 0.01
    for array, verdict in ((right, "exact"), (spoilt, "wrong"), (right[:, ::-1], "wrong")):
        found = report(f"{name}: {laid_out(layout, name, array).tolist()}", problem)
        assert (found.verdict, found.checks[0].said) == (verdict, "")


@pytest.mark.parametrize("packed", [True, False])
def test_heads_last_are_laid_over_packed_heads_and_the_reverse(packed):
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(2, 4, 6)), rng.normal(size=(2, 5, 6)), rng.normal(size=(2, 5, 9))
    right = attend(q, k, v, heads=3).output
    if not packed:
        q, k, v = (array.reshape(*array.shape[:2], 3, -1) for array in (q, k, v))
    setting = "heads: 3" if packed else "layout: heads-last"
    problem = f"queries: {q.tolist()}, keys: {k.tolist()}, values: {v.tolist()}, {setting}"
    for dumped in (right, right.reshape(2, 4, 3, 3), right.reshape(8, 9)):
        assert report(f"output: {dumped.tolist()}", problem).verdict == "exact"


@pytest.mark.parametrize(
    ("expected", "verdict"),
    [
        pytest.param("output: [1.8807970779778823, 1.5]", "exact", id="a column as a list"),
        pytest.param("output: [[1.8807970779778823, 1.5]]", "exact", id="a column as a row"),
        pytest.param("weights: [0.8807970779778823, 0.11920292202211755, 0.5, 0.5]", "exact", id="weights as a list"),
    ],
)
def test_as_many_numbers_as_are_expected_may_be_one_line(expected, verdict):
    problem = "queries: [[2, 0], [0, 0]], keys: [[1, 0], [0, 1]], values: [[2], [1]], variant: dot"
    assert report(expected, problem).verdict == verdict


@pytest.mark.parametrize(
    ("expected", "verdict"),
    [
        pytest.param("lse: [1.3132616875182228, 2.1269280110429725]", "exact", id="one of each part"),
        pytest.param("lse: [[1.3132616875182228], [2.1269280110429725]]", "exact", id="as they are"),
        pytest.param("output: [[1.5378828427399902, 1.2384058440442351]]", "exact", id="one of each part in a row"),
    ],
)
def test_the_parts_of_a_batch_may_be_one_line(expected, verdict):
    problem = "queries: [[[1, 0]], [[2, 0]]], keys: [[1, 0], [0, 1]], values: [[1], [3]], variant: dot"
    assert report(expected, problem).verdict == verdict


@pytest.mark.parametrize("problem", [QKV, QKV.replace("[[2, 0]]", "[[[2, 0]]]")], ids=["alone", "in a batch"])
def test_one_query_s_output_may_be_a_list(problem):
    assert report("output: [1.2384058440442351, 2.238405844044235]", problem).verdict == "exact"


@pytest.mark.parametrize(
    ("expected", "verdict"),
    [
        pytest.param("output: [[1.538, 3], [1.238, 3]]", "exact", id="without the axis of the one query"),
        pytest.param("output: [[[[1.538, 3]], [[1.238, 3]]]]", "exact", id="with an axis in front"),
        pytest.param("output: [[1.238, 3], [1.538, 3]]", "wrong", id="the entries in another order"),
        pytest.param("output: [[1.538, 1.238], [3, 3]]", "wrong", id="with the entries last"),
        pytest.param("weights: [[0.7311, 0.2689], [0.8808, 0.1192]]", "exact", id="weights"),
        pytest.param("output: [[[1.538], [3]], [[1.238], [3]]]", "wrong", id="turned"),
    ],
)
def test_axes_of_one_query_or_one_batch_may_be_missing_or_more(expected, verdict):
    problem = "queries: [[[1, 0]], [[2, 0]]], keys: [[1, 0], [0, 1]], values: [[1, 3], [3, 3]], variant: dot"
    assert report(expected, problem).verdict == verdict


def test_one_query_of_its_own_for_each_entry_is_reported_where_one_matrix_is_given_for_all():
    problem = "queries: [[1, 0], [2, 0]], keys: [[[1, 0], [0, 1]], [[0, 1], [1, 1]]], values: [[1, 3], [3, 3]]"
    found = report("output: [[1, 3], [1, 3]]", problem)
    assert found.checks[0].said == (
        "its shape is 2 × 2; expected 2 × 2 × 2. Each entry has all 2 queries: for one of its own, give Q as 2 × 1 × 2"
    )
    assert report("output: [[1, 3, 1], [1, 3, 1]]", problem).checks[0].said.endswith("expected 2 × 2 × 2")


def test_other_shapes_of_a_batch_are_wrong():
    problem = "queries: [[[0], [0]], [[0], [0]]], keys: [[0]], values: [[1]]"
    assert report("lse: [0, 0, 0]", problem).verdict == "wrong"
    assert report("output: [[1], [1], [1], [1]]", problem).verdict == "exact"  # the rows of both
    assert report("output: [[1], [1], [1], [1], [1]]", problem).verdict == "wrong"
    assert report("output: [[1, 1], [1, 1], [1, 1], [1, 1]]", problem).verdict == "wrong"
    assert report("lse: [0]", "queries: [[0], [0]], keys: [[0]]").verdict == "wrong"
    assert report("lse: [[0, 0], [0, 0]], output: [[[1], [1]], [[1], [1]]]", problem).verdict == "exact"
