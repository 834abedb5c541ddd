"""`--plot -`: the weights as a picture in the terminal, in as many rows and columns as that has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import printable
from attncli.numbers.display import format_shape
from attncli.problem.names import Names
from attncli.records import record
from attncli.render.console import has_colour, make_console, render_text, speaks_unicode, terminal_width
from attncli.render.result.heat_map import LABEL_AT_MOST, ROWS_AT_MOST, cell_lines, half_block_lines, legend, scale_end
from attncli.render.result.tables import Style, to_ascii
from attncli.render.result.view import parts_shown

if TYPE_CHECKING:
    from rich.text import Text

    from attncli.results.result import Result

PIPED_WIDTH = 80


@record
class TerminalPicture:
    """The weights of one part, the largest of each block of `step` rows and columns, NaN where all are masked."""

    title: str
    weights: np.ndarray
    step: tuple[int, int]
    labels: list[str]


def terminal_pictures(results: list[tuple[str, Result]], style: Style) -> str:
    """Return a picture of each part of each result under its name, on one colour scale with a legend."""
    if not style.ascii_only and not speaks_unicode():
        style = Style(style.digits, style.full, ascii_only=True)
    coloured, width = has_colour(style.ascii_only), terminal_width() or PIPED_WIDTH
    pictures = [
        _draw(result, name, part, coloured, width)
        for name, result in results
        for part in parts_shown(result, style.full)
    ]
    largest, is_exceeded = scale_end([picture.weights for picture in pictures])
    lines: list[Text | str] = []
    for picture in pictures:
        lines += [picture.title, *_lines(picture, largest, style, coloured, width), ""]
    scale = legend(largest, style, coloured).append(" and more" if is_exceeded else "")
    text = render_text(make_console(ascii_only=style.ascii_only), *lines, scale)
    return to_ascii(text, style)


def _draw(result: Result, name: str, part: int, coloured: bool, width: int) -> TerminalPicture:
    """Return one picture, computed some rows at a time."""
    problem, names = result.problem, Names(result.problem)
    tall = -(-problem.n // (ROWS_AT_MOST * (2 if coloured else 1)))
    labels = [_label(names, row) for row in range(0, problem.n, tall)]
    wide = -(-problem.m // max(1, width - max(map(len, labels)) - 1))
    rows = []
    for start in range(0, problem.n, tall):
        block = list(range(start, min(start + tall, problem.n)))
        weights = result.lines("weights", part, block).astype(np.float64)
        weights[~result.allowed(part, block) & (weights == 0) | ~np.isfinite(weights)] = -1
        best = weights.max(axis=0)
        rows.append(np.maximum.reduceat(best, np.arange(0, problem.m, wide)))
    cells = np.array(rows)
    cells[cells < 0] = np.nan
    title = ", ".join(filter(None, (name, names.part(part)))) or "weights"
    return TerminalPicture(f"{title} ({format_shape((problem.n, problem.m))})", cells, (tall, wide), labels)


def _label(names: Names, row: int) -> str:
    text = printable(names.query(row))
    return text if len(text) <= LABEL_AT_MOST and text.isascii() else f"q{row}"


def _lines(picture: TerminalPicture, largest: float, style: Style, coloured: bool, width: int) -> list[Text | str]:
    shares, labels = picture.weights / largest, picture.labels
    has_room = 2 * shares.shape[1] + max(map(len, labels)) + 1 <= width and len(shares) <= ROWS_AT_MOST
    lines: list[Text | str] = []
    if coloured and not has_room:
        lines += half_block_lines(shares, labels)
    else:
        lines += cell_lines(shares, labels, 2 if has_room else 1, style, coloured)
    if picture.step != (1, 1):
        rows, columns = picture.step
        lines.append(f"each cell is the largest weight of {rows} queries and {columns} keys")
    return lines
