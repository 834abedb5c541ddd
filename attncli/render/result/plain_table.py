"""The text of a table without colour and without a terminal's width, as rich writes it, without the import of rich."""

from __future__ import annotations

from typing import NamedTuple

from attncli.patterns import pattern

# characters that every version of rich counts as one column
_NARROW = pattern("[ -~\xa1-\xac\xae-\u024f\u0391-\u03c9…−×·⋮ᵀ√₀-₉✓]*")
_WIDEST = 100_000


class TableCell(NamedTuple):
    """A cell of a table: its text and rich's name of its style. `is_gap` marks dots for columns that are left out."""

    text: str
    style: str = ""
    is_gap: bool = False


def plain_table(lines: list[list[TableCell]], *, ascii_only: bool) -> str | None:
    """Return the table with a line under its head, or None if only rich knows the width of a text.

    The first column is aligned on the left, all others on the right.
    """
    texts = [[cell.text for cell in line] for line in lines]
    if not all(_NARROW.fullmatch(text) for line in texts for text in line):
        return None
    widths = [max(1, *map(len, column)) if column[1:] else len(column[0]) for column in zip(*texts, strict=True)]
    widths[0] = max(map(len, (line[0] for line in texts)))
    between = "  " if ascii_only else "   "
    if sum(widths) + len(between) * (len(widths) - 1) > _WIDEST:
        return None
    rows = [
        between.join(
            text.rstrip().rjust(width) if place else text.ljust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in texts
    ]
    if not ascii_only:
        rows.insert(1, "─" * (sum(widths) + len(between) * (len(widths) - 1)))
    return "\n".join(rows)
