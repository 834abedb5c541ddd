"""Cells of an answer that were left blank: empty ones, and words and signs that stand for nothing."""

from __future__ import annotations

_WORDS = frozenset(
    ("", "null", "none", "na", "n/a", "blank", "~", "-", "\N{EN DASH}", "\N{EM DASH}", "\N{HORIZONTAL ELLIPSIS}")
)
_SIGNS = "?_."


def is_blank(cell: str) -> bool:
    """Return whether a cell holds no answer. NaN is an answer, which a program may give."""
    plain = cell.strip()
    return plain.casefold() in _WORDS or not plain.strip(plain[0] if plain[0] in _SIGNS else " ")
