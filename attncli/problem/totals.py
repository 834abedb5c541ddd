"""Refusing the total at the end of a table: a last row or column that only sums up, or averages, the others."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from attncli.errors import ProblemError
from attncli.inputs.request import MATRIX_NAMES
from attncli.matrix import holds_numbers
from attncli.numbers.numerals import quote

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.matrix import Array, Matrix

_SUMS = (
    *("total", "totals", "subtotal", "sum", "sums", "row sum", "column sum", "σ", "∑", "summe", "gesamt"),
    *("gesamtsumme", "gesamtergebnis", "somme", "suma", "somma", "totale"),
)
_MEANS = (
    *("mean", "means", "average", "averages", "avg", "μ", "ø", "mittel", "mittelwert", "durchschnitt"),
    *("moyenne", "media", "promedio"),
)
_TOTALS = {
    **dict.fromkeys(_SUMS, ("sum",)),
    **dict.fromkeys(_MEANS, ("mean",)),
    "all": ("sum", "mean"),  # as pandas calls its margins
}
_MOST_DECIMALS = 12


def refuse_totals(request: Request) -> None:
    """Raise ProblemError for a matrix whose last row or column is labelled as a total or a mean, and is that of the
    others."""
    for name in MATRIX_NAMES:
        matrix = getattr(request, name)
        if matrix is None or matrix.array.ndim != 2:
            continue
        for labels, axis, what in ((matrix.row_labels, 0, "row"), (matrix.column_labels, 1, "column")):
            if labels and _kinds(labels[-1]):
                _refuse_total(matrix, labels, axis, what)


def _kinds(label: str) -> tuple[str, ...]:
    """Return what a label may mean that it is of the others: their sum, their mean, or nothing."""
    return _TOTALS.get(label.strip(" \t:.").casefold().removeprefix("grand "), ())


def _refuse_total(matrix: Matrix, labels: tuple[str, ...], axis: int, what: str) -> None:
    import numpy as np

    array = matrix.array
    if not holds_numbers(array) or array.shape[axis] != len(labels):
        return
    rows = np.moveaxis(array, axis, 0).astype(np.float64)
    ends = list(takewhile(_kinds, reversed(labels)))
    others = rows[: len(rows) - len(ends)]
    if len(others) < 2 or not np.isfinite(rows).all() or not others.any():
        return
    decimals = _decimals(rows)
    error = len(others) * 10.0**-decimals / 2 if decimals else 0.0
    for label, row in zip(ends, rows[::-1], strict=False):
        for kind in _kinds(label):
            due = others.sum(axis=0) if kind == "sum" else others.mean(axis=0)
            if np.allclose(row, due, rtol=1e-6, atol=error):
                fault = f"the last {what}, {quote(label)}, is the {kind} of the others"
                hint = f"leave it out, or give it another label if it is a {what} of its own"
                raise ProblemError(matrix.where, fault, hint)


def _decimals(array: Array) -> int:
    """Return how many decimals all numbers have at most, as they were printed."""
    return next((count for count in range(_MOST_DECIMALS) if (array.round(count) == array).all()), _MOST_DECIMALS)
