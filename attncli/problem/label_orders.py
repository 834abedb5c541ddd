"""Refusing labels of one axis that stand in different orders: rows and columns are paired by position, not by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.errors import ProblemError
from attncli.numbers.numerals import quote
from attncli.patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attncli.inputs.request import Request
    from attncli.matrix import Matrix

ROWS, COLUMNS = "rows", "columns"
MASKS = ("mask", "bias", "dropout_mask")
AXES = {  # of what is labelled: the matrices, and which of their axes
    "queries": (("queries", ROWS), ("x", ROWS), *((name, ROWS) for name in MASKS)),
    "keys": (
        *(("keys", ROWS), ("values", ROWS), ("context", ROWS), ("values_context", ROWS)),
        *((name, COLUMNS) for name in MASKS),
    ),
    "features": (("queries", COLUMNS), ("keys", COLUMNS)),
    "values": (("values", COLUMNS),),
}
MOST = 4  # labels that are listed
_NUMBERED = pattern(r"(?:q|query|k|key|c|col|column|row)[ _]*([0-9]{1,6})", re.IGNORECASE)


def refuse_other_orders(request: Request) -> None:
    """Raise ProblemError for two matrices, or a matrix and the labels apart, that name an axis in different orders."""
    for kind, axes in AXES.items():
        apart = getattr(request.labels, kind) if request.labels is not None else None
        known: tuple[str, Sequence[str]] | None = None if apart is None else (f"labels: {kind}", apart)
        for name, axis in axes:
            matrix = getattr(request, name)
            labels = None if matrix is None else labels_along(matrix, axis)
            if labels is None:
                continue
            if known is None:
                known = f"the {axis} of {name}", labels
            else:
                refuse_other_order(matrix, axis, *known)


def labels_along(matrix: Matrix, axis: str) -> Sequence[str] | None:
    """Return the labels of the rows or the columns of a matrix, if it has any."""
    return matrix.row_labels if axis == ROWS else matrix.column_labels


def in_order_of_numbers(labels: Sequence[str] | None) -> list[str] | None:
    """Return labels such as `query 1`, `query 0`, which count all of an axis without names, in the order of their
    numbers, or None for others."""
    found = [_NUMBERED.fullmatch(label) for label in labels or ()]
    numbers = [int(match[1]) for match in found if match]
    if (
        labels is None
        or len(numbers) < len(found)
        or sorted(numbers)
        not in (
            list(range(len(found))),
            list(range(1, len(found) + 1)),
        )
    ):
        return None
    return [label for _, label in sorted(zip(numbers, labels, strict=True))]


def refuse_other_order(matrix: Matrix, axis: str, whose: str, labels: Sequence[str]) -> None:
    """Raise ProblemError if the matrix has the same labels along its axis, in another order."""
    own = labels_along(matrix, axis)
    if own is None or tuple(own) == tuple(labels) or sorted(own) != sorted(labels) or len(set(own)) < len(own):
        return
    what = f"its {axis} are {_listed(own)}, and {whose} {_listed(labels)}: the same labels in another order"
    raise ProblemError(matrix.where, what, "put them in one order: they are paired by position")


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(map(quote, labels[:MOST])) + (", …" if len(labels) > MOST else "")
