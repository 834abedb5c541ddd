"""Commas that could be decimal: `0,67, 0,33` is two numbers where decimals have a comma, and four elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from attncli.patterns import pattern
from attncli.records import record

_TIGHT, _LOOSE = pattern(rb",(?=[0-9])"), pattern(rb",(?=[ \t])")
_DECIMAL = pattern("[-+\N{MINUS SIGN}]?([0-9]+),([0-9]+)(?:[eE][-+]?[0-9]+)?")


@record
class SplitNumber:
    """Two cells that could be one number: the indices of their row and of the first one, `what` is in doubt, and a
    `hint` what to type."""

    row: int
    column: int
    what: str
    hint: str


def may_hold_decimal_commas(text: bytes) -> bool:
    """Return whether spaces stand beside some commas of a text, and a digit after others."""
    if not (b" " in text or b"\t" in text) or _TIGHT.search(text) is None:  # no more for most of the large texts
        return False
    return _LOOSE.search(text) is not None or b" ," in text or b"\t," in text


def find_decimal_comma(rows: Iterable[Sequence[str]]) -> SplitNumber | None:
    """Return the first two cells that could be one number with a decimal comma, or None.

    The rows are of a matrix, each split at its commas, with the spaces around its cells. A comma can be decimal if it
    stands between two digits, and all that do can if spaces stand beside the others, no number has a point, and the
    rows would have as many numbers each. A line break beside a comma says nothing.
    """
    first: SplitNumber | None = None
    has_blank = False
    lengths = set()
    for index, row in enumerate(rows):
        joined = 0  # numbers whose comma could be decimal
        was_joined = False
        for column, (cell, after) in enumerate(pairwise(row)):
            if "." in cell or "." in after:
                return None
            if cell[-1:].isspace() or after[:1].isspace():
                has_blank |= "\n" not in cell[len(cell.rstrip()) :] + after[: len(after) - len(after.lstrip())]
                was_joined = False
                continue
            found = _DECIMAL.fullmatch(f"{cell.strip()},{after.strip()}")
            if found is None or was_joined:
                return None
            was_joined, joined = True, joined + 1
            first = first or _doubt(index, column, found[0])
        lengths.add(len(row) - joined)
    return first if has_blank and len(lengths) == 1 else None


def _doubt(row: int, column: int, text: str) -> SplitNumber:
    one, two = text.replace(",", "."), text.replace(",", ", ")
    what = f"'{text}' could be {one} or two numbers: only some commas have a space next to them"
    return SplitNumber(row, column, what, f"type {one}, or {two} with a space after every comma")
