"""A row or column that sums up the others is no query, key or feature of its own."""

from __future__ import annotations

import numpy as np
import pytest

from attncli.errors import ProblemError
from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare

ROWS = np.array([[0.25, -1.5, 3.0], [2.125, 4.0, -0.5], [1.0, 0.75, 2.0]])
HINT = "leave it out, or give it another label if it is a {} of its own"


def _prepare(array: np.ndarray, labels: tuple[str, ...], axis: int) -> None:
    if axis == 0:
        keys = Matrix(array, "k.csv", row_labels=labels)
        prepare(Request(queries=Matrix(ROWS, "q.csv"), keys=keys))
        return
    keys = Matrix(array.T, "k.csv", column_labels=labels)
    prepare(Request(queries=Matrix(array.T, "q.csv"), keys=keys))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    ("label", "kind"),
    [("Total", "sum"), ("SUM:", "sum"), ("Σ", "sum"), ("Grand total", "sum"), ("Summe", "sum"), ("All", "sum")]
    + [("mean", "mean"), ("Avg.", "mean"), ("Mittelwert", "mean"), ("all", "mean")],
)
def test_a_total_at_the_end_is_refused(label: str, kind: str, axis: int) -> None:
    total = ROWS.sum(axis=0) if kind == "sum" else ROWS.mean(axis=0)
    with pytest.raises(ProblemError) as caught:
        _prepare(np.vstack([ROWS, total]), ("a", "b", "c", label), axis)
    what = ("row", "column")[axis]
    assert str(caught.value) == f"k.csv: the last {what}, '{label}', is the {kind} of the others"
    assert caught.value.hint == HINT.format(what)


def test_a_mean_above_a_total_is_refused_too() -> None:
    with pytest.raises(ProblemError, match="'Mean', is the mean of the others"):
        _prepare(np.vstack([ROWS, ROWS.sum(axis=0) + 1, ROWS.mean(axis=0)]), ("a", "b", "c", "Total", "Mean"), 0)


def test_a_total_is_known_though_it_is_rounded() -> None:
    thirds = np.array([[0.333, 0.667], [0.333, 0.167], [0.333, 0.167], [1.0, 1.0]])
    with pytest.raises(ProblemError, match="'Total', is the sum"):
        prepare(
            Request(
                queries=Matrix(thirds[:1], "q.csv"),
                keys=Matrix(thirds, "k.csv", row_labels=("a", "b", "c", "Total")),
            )
        )


@pytest.mark.parametrize(
    ("last", "label"),
    [
        (ROWS.sum(axis=0), "d"),  # another label
        (ROWS.sum(axis=0) + [0, 0, 0.01], "Total"),  # other numbers
        (ROWS.sum(axis=0), "Mean"),
        (ROWS.sum(axis=0) * np.nan, "Total"),
    ],
)
def test_a_row_that_is_not_a_total_stays(last: np.ndarray, label: str) -> None:
    array = np.nan_to_num(np.vstack([ROWS, last]), nan=7.0)
    _prepare(array, ("a", "b", "c", label), 0)


def test_whole_numbers_have_to_be_the_exact_total() -> None:
    keys = np.array([[1.0, 0], [0, 1], [1, 2]])
    prepare(Request(queries=Matrix(keys, "q.csv"), keys=Matrix(keys, "k.csv", row_labels=("a", "b", "Total"))))


def test_rows_of_zeros_or_a_single_other_row_are_not_evidence() -> None:
    _prepare(np.zeros((3, 3)), ("a", "b", "Total"), 0)
    _prepare(np.vstack([ROWS[:1], ROWS[:1]]), ("a", "Total"), 0)
