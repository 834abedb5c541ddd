"""Matrices that stand side by side on a page, `Q = [[1, 0],   K = [[0, 1],` above their second rows."""

from __future__ import annotations

import re

_OPENED = re.compile(r"([A-Za-z_][\w^{}]*[ \t]*=[ \t]*)([\[|│].*?)(?=[ \t]*(?:[A-Za-z_][\w^{}]*[ \t]*=[ \t]*[\[|│]|$))")
_GAP = re.compile(r"(?<=[\]|│,])[ \t]+(?=[\[|│])")
_MOST_ROWS = 64


def stack_matrices(text: str) -> str:
    """Return the text with matrices that stand side by side one below the other."""
    lines = text.split("\n")
    made: list[str] = []
    index = 0
    while index < len(lines):
        below = _below(lines, index)
        made += lines[index : index + 1] if below is None else below[0]
        index += 1 if below is None else below[1]
    return "\n".join(made)


def _below(lines: list[str], index: int) -> tuple[list[str], int] | None:
    """Return the matrices that begin in a line as lines one below the other, and how many lines they take, or None."""
    found = _OPENED.findall(lines[index])
    if len(found) < 2 or all(_is_closed(value) for _, value in found):
        return None
    columns = [[f"{name}{value}".strip()] for name, value in found]
    barred = found[0][1].startswith(("|", "│"))
    count = 1
    while index + count < len(lines) and count < _MOST_ROWS and (barred or not all(map(_is_whole, columns))):
        pieces = _pieces(lines[index + count], barred)
        if len(pieces) != len(columns):
            break
        for column, piece in zip(columns, pieces, strict=True):
            column.append(piece)
        count += 1
    if count == 1 or (not barred and not all(map(_is_whole, columns))):
        return None
    if barred:
        columns = [_bars_below(column) for column in columns]
    return [line for column in columns for line in column], count


def _pieces(line: str, barred: bool) -> list[str]:
    if not barred:
        return _GAP.split(line.strip())
    return [f"|{piece}|" for piece in re.findall(r"[|│]([^|│]*)[|│]", line)]


def _bars_below(column: list[str]) -> list[str]:
    name, _, row = column[0].partition("=")
    return [f"{name}=", row.strip(), *column[1:], ""]


def _is_closed(value: str) -> bool:
    return value.count("[") == value.count("]") and not value.startswith(("|", "│"))


def _is_whole(column: list[str]) -> bool:
    return sum(line.count("[") - line.count("]") for line in column) == 0
