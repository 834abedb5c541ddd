"""What the errors of a matrix have in common."""

import numpy as np
import pytest
from slip_cases import numbers, problem

from attncli.check import check
from attncli.check.error_pattern import Largest, describe_pattern

N = 8


def cells(where):
    beyond = np.zeros((N, N), bool)
    beyond[where] = True
    return beyond


def heads(*matrices):
    return np.stack([np.broadcast_to(matrix, (N, N)) for matrix in matrices])


def triangle(n, m, offset, side):
    rows, keys = np.indices((n, m))
    return side(keys, rows + offset)


ROW = cells((2, slice(None)))
ABOVE = triangle(N, N, 0, np.greater)


@pytest.mark.parametrize(
    ("beyond", "words"),
    [
        pytest.param(cells((0, 0)), "one cell", id="one cell"),
        pytest.param(cells((2, slice(None))), "only row 2", id="one row"),
        pytest.param(cells((slice(None), 3)), "only column 3", id="one column"),
        pytest.param(ABOVE, "above the diagonal", id="above the diagonal"),
        pytest.param(triangle(N, N, 0, np.less), "below the diagonal", id="below the diagonal"),
        pytest.param(triangle(3, 3, 0, np.greater), "above the diagonal", id="of three"),
        pytest.param(triangle(2, 3, 0, np.greater), "3 of 6 cells, without a pattern", id="two rows show no diagonal"),
        pytest.param(triangle(3, 2, 0, np.less), "3 of 6 cells, without a pattern", id="nor do two columns"),
        pytest.param(triangle(8, 9, 0, np.greater), "above the diagonal j = i", id="of the top left"),
        pytest.param(triangle(8, 9, 1, np.greater), "above the diagonal j = i + 1", id="of the bottom right"),
        pytest.param(triangle(9, 8, -1, np.less), "below the diagonal j = i − 1", id="which may be to the left"),
        pytest.param(triangle(9, 8, -1, np.greater), "above the diagonal j = i − 1", id="and goes with other cells"),
        pytest.param(triangle(N, N, 0, np.greater_equal), "36 of 64 cells, without a pattern", id="with the diagonal"),
        pytest.param(
            triangle(N, N, 0, np.less_equal), "36 of 64 cells, without a pattern", id="with the diagonal from below"
        ),
        pytest.param(cells(([0, 1, 2], [1, 2, 3])), "3 of 64 cells, without a pattern", id="a few above the diagonal"),
        pytest.param(
            triangle(4, 4, 0, lambda j, i: j == i + 1), "3 of 16 cells, without a pattern", id="half of those above"
        ),
        pytest.param(np.ones((N, N), bool), "every cell", id="all"),
        pytest.param(heads(False, ROW, False), "only head 1, only row 2", id="one row of one head"),
        pytest.param(heads(False, ROW), "only head 1, only row 2", id="one row of one head of two"),
        pytest.param(heads(ROW), "only row 2", id="one row of the only head"),
        pytest.param(heads(ROW, False, ROW), "only row 2", id="one row of several heads"),
        pytest.param(heads(ROW.T, ROW.T), "only column 2", id="one column of several heads"),
        pytest.param(heads(ABOVE, ABOVE), "above the diagonal", id="above the diagonal in all heads"),
        pytest.param(
            heads(False, False, ROW, False).reshape(2, 2, N, N), "only entry 1, head 0, only row 2", id="one of a batch"
        ),
        pytest.param(
            heads(False, ROW, False, ROW).reshape(2, 2, N, N), "only head 1, only row 2", id="one head of every entry"
        ),
        pytest.param(
            heads(False, False, ROW, ROW).reshape(2, 2, N, N), "only entry 1, only row 2", id="every head of one entry"
        ),
        pytest.param(
            heads(False, True, False, True).reshape(2, 2, N, N), "only head 1, every cell", id="the whole of that head"
        ),
        pytest.param(cells(slice(4, 8)), "only rows 4 to 7", id="rows of one tile"),
        pytest.param(cells((slice(None), slice(2, 4))), "only columns 2 to 3", id="columns that stand together"),
        pytest.param(heads(cells(slice(0, 2)), cells(slice(0, 2))), "only rows 0 to 1", id="in all heads"),
        pytest.param(cells(slice(3, 8)), "only rows 3 to 7", id="more than half of the rows"),
        pytest.param(cells([1, 3]), "only rows 1, 3", id="rows that stand apart"),
        pytest.param(heads(True, False, False, True), "only heads 0, 3, every cell", id="two heads"),
        pytest.param(heads(False, True, True, True), "only heads 1 to 3, every cell", id="heads side by side"),
        pytest.param(heads(True, False, True, cells((0, 0))), "129 of 256 cells, without a pattern", id="most of two"),
        pytest.param(
            heads(True, True, False, False, True, True).reshape(3, 2, N, N),
            "only entries 0, 2, every cell",
            id="two entries",
        ),
        pytest.param(
            cells(np.ix_(range(4, 8), (0, 3, 5, 7))),
            "16 of 64 cells, without a pattern",
            id="half of some rows",
        ),
        pytest.param(cells(([0, 3, 5], [1, 6, 2])), "3 of 64 cells, without a pattern", id="here and there"),
        pytest.param(cells(([], [])), "noise: no cell differs by more than rounding explains", id="noise"),
    ],
)
def test_where_the_errors_are(beyond, words):
    assert describe_pattern(Largest.of(beyond * 5.0), beyond, "weights") == words


@pytest.mark.parametrize("shape", [(N,), (3, N), (6, 6)], ids=["of one line", "of heads", "of as many heads"])
def test_errors_of_log_sum_exps_are_reported_by_query(shape):
    beyond = np.ones(shape, bool)

    def told(sizes):
        return describe_pattern(Largest(sizes, sizes), beyond, "lse")

    assert told(beyond * 1.0) == f"{beyond.size} of {beyond.size} cells"
    assert told(beyond * np.arange(1.0, shape[-1] + 1)) == "growing with the query's position"
    by_head = beyond * np.arange(1.0, shape[0] + 1).reshape(-1, *[1] * (len(shape) - 1))
    assert len(shape) == 1 or told(by_head) == f"{beyond.size} of {beyond.size} cells"


GROWING = np.arange(1.0, N + 1)[:, None] * np.ones((N, N))


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        pytest.param(GROWING, "growing with the query's position", id="by row"),
        pytest.param(GROWING.T, "growing with the column's position", id="by column"),
        pytest.param(np.stack([GROWING, GROWING]), "growing with the query's position", id="in every head"),
        pytest.param(
            np.stack([GROWING.T, GROWING.T]), "growing with the column's position", id="in every head, by column"
        ),
        pytest.param(np.where(GROWING < N, GROWING, np.inf), "growing with the query's position", id="beyond all"),
        pytest.param(np.minimum(GROWING, 2) + (GROWING == N), "every cell", id="with a plain, as noise may be"),
        pytest.param(GROWING[::-1], "every cell", id="shrinking"),
        pytest.param(GROWING[:6], "growing with the query's position", id="six rows"),
        pytest.param(GROWING[:5], "every cell", id="five rows are too few to tell"),
        pytest.param(np.where(GROWING < N, 1.0, 2.0), "every cell", id="all but one as large"),
        pytest.param(np.where(GROWING < N, GROWING, 0.0), "every cell", id="grown and gone again"),
    ],
)
def test_errors_that_grow_with_the_position(sizes, words):
    assert describe_pattern(Largest.of(sizes), np.ones(sizes.shape, bool), "weights") == words


@pytest.mark.parametrize(
    ("shape", "settings", "words"),
    [
        ((2, 3, 4), "", "only entry 1"),
        ((3, 8), ", heads: 2", "only head 1"),
        ((2, 2, 3, 4), "", "only entry 0, head 1"),
    ],
    ids=["a batch", "packed heads", "both"],
)
def test_one_leading_axis_is_one_of_entries_unless_heads_were_asked_for(shape, settings, words):
    """In the pattern of the errors and in the sentence of the slip alike."""
    random = np.random.default_rng(2)
    arrays = {name: random.normal(size=shape).round(1).tolist() for name in ("queries", "keys", "values")}
    text = ", ".join(f"{name}: {rows}" for name, rows in arrays.items()) + settings
    right, wrong = (np.array(numbers(f"{text}{scale}", "weights")) for scale in ("", ", scale: 1"))
    part = (0,) * (right.ndim - 3) + (1,)
    right[part] = wrong[part]
    report = check(problem(f"{text}, expected: {{weights: {right.round(6).tolist()}}}"))
    (found,) = report.checks
    assert found.errors.structure.startswith(words)
    assert report.diagnosis[0].sentence.startswith(
        f"only in {words.removeprefix('only ')}: your weights are softmax(QKᵀ)"
    )
