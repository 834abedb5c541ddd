"""A matrix too wide for numbers as a picture in the terminal: coloured cells, half blocks, or shades without colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import printable
from attncli.numbers.display import format_number
from attncli.render import colours
from attncli.render.console import has_colour

if TYPE_CHECKING:
    from rich.text import Text

    from attncli.render.result.tables import Style
    from attncli.render.result.view import View
    from attncli.results.result import Result

ROWS_AT_MOST = 64  # lines of text in a picture
LABEL_AT_MOST = 16
LEGEND_STEPS = 12
SHADES = " ░▒▓█"
ASCII_SHADES = " .:-=+*#%@"


def text_picture(result: Result, view: View, part: int, style: Style, width: int) -> list[Text]:
    """Return the whole matrix of weights in as few columns as possible, or nothing if it does not fit."""
    problem = result.problem
    labels = [_label(view, i) for i in range(problem.n)]
    room = width - max(map(len, labels), default=0) - 1
    coloured = has_colour(style.ascii_only)
    if problem.m * 2 <= room and problem.n <= ROWS_AT_MOST:
        per_cell, halves = 2, False
    elif problem.m <= room and problem.n <= ROWS_AT_MOST * (2 if coloured else 1):
        per_cell, halves = 1, coloured
    else:
        return []
    rows = list(range(problem.n))
    weights = result.lines("weights", part, rows).astype(np.float64)
    masked = ~result.allowed(part, rows)
    largest = view.largest
    shares = np.where(masked & (weights == 0) | ~np.isfinite(weights), np.nan, weights / largest)
    lines = half_block_lines(shares, labels) if halves else cell_lines(shares, labels, per_cell, style, coloured)
    said = f", all {problem.n} × {problem.m} weights; their numbers at the edges:"
    keys = _keys(view, problem.m * per_cell, max(map(len, labels)) + 1)
    return [keys, *lines, legend(largest, style, coloured).append(said, style="dim")]


def _label(view: View, i: int) -> str:
    """Return the name of a query as in the table, shortened to leave room for the picture."""
    names = dict(zip(view.rows, view.row_labels, strict=True))
    text = printable(names.get(i, f"q{i}"))
    return text if len(text) <= LABEL_AT_MOST and text.isascii() else f"q{i}"


def _keys(view: View, width: int, indent: int) -> Text:
    """Return a line with the keys at the left and the right end."""
    from rich.text import Text

    first, last = (printable(view.column_labels[i])[:LABEL_AT_MOST] for i in (0, -1))
    return Text(f"{' ' * indent}{first}{last.rjust(width - len(first))}", style="dim")


def cell_lines(shares: np.ndarray, labels: list[str], per_cell: int, style: Style, coloured: bool) -> list[Text]:
    """Return a line for each query, with `per_cell` characters for each key."""
    from rich.text import Text

    width = max(map(len, labels))
    lines = []
    for label, row in zip(labels, shares, strict=True):
        line = Text(label.ljust(width) + " ")
        for share in row:
            if np.isnan(share):
                line.append(style.masked.ljust(per_cell), style="dim")
            elif coloured:
                line.append(" " * per_cell, style=_background(float(share)))
            else:
                line.append(shade(float(share), style) * per_cell)
        lines.append(line)
    return lines


def half_block_lines(shares: np.ndarray, labels: list[str]) -> list[Text]:
    """Return a line for every two queries: the upper half of a character is one, the lower half is the next."""
    from rich.text import Text

    width = max(map(len, labels))
    lines = []
    for top in range(0, len(shares), 2):
        line = Text(labels[top].ljust(width) + " ")
        lower = shares[top + 1] if top + 1 < len(shares) else np.full(shares.shape[1], np.nan)
        for upper_share, lower_share in zip(shares[top], lower, strict=True):
            line.append(*_halves(float(upper_share), float(lower_share)))
        lines.append(line)
    return lines


def _halves(upper: float, lower: float) -> tuple[str, str]:
    """Return one character for two weights. A masked half keeps the terminal's own colour."""
    if np.isnan(upper) and np.isnan(lower):
        return " ", ""
    if np.isnan(upper):
        return "▄", _rgb(lower)
    if np.isnan(lower):
        return "▀", _rgb(upper)
    return "▀", f"{_rgb(upper)} on {_rgb(lower)}"


def _rgb(share: float) -> str:
    return colours.name(share)


def _background(share: float) -> str:
    return f"on {_rgb(share)}"


def shade(share: float, style: Style) -> str:
    """Return a character that is darker for larger weights. Only a weight of 0 is blank."""
    scale = ASCII_SHADES if style.ascii_only else SHADES
    return scale[0] if share <= 0 else scale[max(1, min(len(scale) - 1, round(share * (len(scale) - 1))))]


def signed_legend(largest: float, style: Style) -> Text:
    """Return the range from the smallest to the largest number, in colour."""
    from rich.text import Text

    size = format_number(largest, style.digits)
    line = Text(f"-{size} ")
    for step in range(-LEGEND_STEPS // 2, LEGEND_STEPS // 2 + 1):
        line.append(" ", style=colours.signed_style(step / (LEGEND_STEPS // 2)))
    return line.append(f" {size}")


def legend(largest: float, style: Style, coloured: bool) -> Text:
    """Return the range from 0 to the largest weight, and the look of a masked key."""
    from rich.text import Text

    line = Text("0 ")
    for step in range(LEGEND_STEPS):
        share = step / (LEGEND_STEPS - 1)
        line.append(" " if coloured else shade(share, style), style=_background(share) if coloured else "")
    line.append(f" {format_number(largest, style.digits)}")
    return line


def scale_end(matrices: list[np.ndarray]) -> tuple[float, bool]:
    """Return the weight at the end of the colour scale of pictures (NaN where masked), and whether one is larger.

    The first queries of a causal picture see few keys and so have weights near 1, which would darken all others. Only
    rows with at least half as many keys as the row with the most determine the scale.
    """
    largest, highest = 0.0, 0.0
    for weights in matrices:
        counts = np.isfinite(weights).sum(axis=1)
        if not counts.any():
            continue
        highest = max(highest, float(np.nanmax(weights)))
        largest = max(largest, float(np.nanmax(weights[2 * counts >= counts.max()])))
    return largest or highest or 1.0, highest > (largest or highest)
