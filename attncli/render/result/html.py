"""A result for a notebook: tables with heat colours as one piece of HTML without a stylesheet."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import printable
from attncli.numbers.display import format_number
from attncli.render import colours
from attncli.render.result.tables import LEGENDS, result_heading
from attncli.render.result.view import View, views

if TYPE_CHECKING:
    from attncli.results.result import Result

CELL = "padding:.3em .6em;text-align:center;border:0;font-variant-numeric:tabular-nums"
HEAD = "padding:.2em .6em;font-weight:500;border:0;background:none"
MASKED = "background:repeating-linear-gradient(45deg,#8882 0 4px,#8884 4px 6px)"
DIGITS = 4


def result_html(result: Result) -> str:
    """Return what was computed, and the weights and the output of each head."""
    first, *rest = result_heading(result).split("\n")
    said = f"<p><b>{escape(first)}</b>{''.join(f'<br>{escape(line)}' for line in rest)}</p>"
    names = ["weights", *(["output"] if result.has("output") else [])]
    found = [view for name in names for view in views(result, name)]
    weights = [view.cells[np.isfinite(view.cells)] for view in found if view.name == "weights"]
    largest = max((float(cells.max()) for cells in weights if cells.size), default=1.0) or 1.0
    tables = "".join(matrix_html(view, largest) for view in found)
    warnings = "".join(f"<p>warning: {escape(printable(warning))}</p>" for warning in result.warnings)
    return f'<div class="attncli">{said}{tables}{warnings}</div>'


def matrix_html(view: View, largest: float) -> str:
    """Return one matrix. The colours of weights range from 0 to the largest of all that are shown."""
    title = " ".join(filter(None, (LEGENDS[view.name], view.part)))
    left_out = f" ({view.omitted} left out)" if view.omitted else ""
    header = "".join(f'<th scope="col" style="{HEAD}">{escape(printable(label))}</th>' for label in view.column_labels)
    rows = [
        f'<tr><th scope="row" style="{HEAD};text-align:right">{escape(printable(label))}</th>'
        + "".join(matrix_cell(view, row, column, largest) for column in range(len(view.columns)))
        + "</tr>"
        for row, label in enumerate(view.row_labels)
    ]
    caption = f'<caption style="text-align:left">{escape(title + left_out)}</caption>'
    return (
        f'<table style="border-collapse:separate;border-spacing:2px">{caption}'
        f"<thead><tr><td></td>{header}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def matrix_cell(view: View, row: int, column: int, largest: float) -> str:
    value = float(view.cells[row, column])
    if view.masked is not None and view.masked[row, column]:
        return f'<td style="{CELL};{MASKED}" title="masked">·</td>'
    text = format_number(value, DIGITS)
    text = f"−{text[1:]}" if text.startswith("-") else text
    if view.name != "weights" or not np.isfinite(value):
        return f'<td style="{CELL}" title="{value!r}">{text}</td>'
    rgb = colours.colour(value / largest)
    ink = "#000" if colours.is_light(rgb) else "#fff"
    ground = "#" + "".join(f"{part:02x}" for part in rgb)
    return f'<td style="{CELL};background:{ground};color:{ink}" title="{value!r}">{text}</td>'
