"""What the errors of a matrix have in common."""

import numpy as np
import pytest

from attncli.check.structure import structure

N = 8


def cells(where):
    beyond = np.zeros((N, N), bool)
    beyond[where] = True
    return beyond


HEADS = np.zeros((3, N, N), bool)
HEADS[1, 2] = True


@pytest.mark.parametrize(
    ("beyond", "words"),
    [
        pytest.param(cells((0, 0)), "one cell", id="one cell"),
        pytest.param(cells((2, slice(None))), "row 2 alone", id="one row"),
        pytest.param(cells((slice(None), 3)), "column 3 alone", id="one column"),
        pytest.param(np.triu(np.ones((N, N), bool), 1), "above the diagonal", id="above the diagonal"),
        pytest.param(np.tril(np.ones((N, N), bool), -1), "below the diagonal", id="below the diagonal"),
        pytest.param(np.ones((N, N), bool), "every cell", id="all"),
        pytest.param(HEADS, "head 1 alone, row 2 alone", id="one row of one head"),
        pytest.param(cells(([0, 3, 5], [1, 6, 2])), "3 of 64 cells, in no order", id="here and there"),
        pytest.param(cells(([], [])), "noise: no cell is off by more than print and computation explain", id="noise"),
    ],
)
def test_where_the_errors_are(beyond, words):
    assert structure(beyond * 5.0, beyond, "weights") == words


def test_errors_that_grow_with_the_position():
    sizes = np.arange(1.0, N + 1)[:, None] * np.ones((N, N))
    assert structure(sizes, np.ones((N, N), bool), "weights") == "growing with the query's position"
