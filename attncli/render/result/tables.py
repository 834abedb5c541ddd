"""Matrices as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from attncli.errors import printable as escaped
from attncli.inputs.request import GRADIENT_NAMES
from attncli.numbers.display import format_number, format_shape
from attncli.patterns import pattern
from attncli.problem.formula import attention_formula, named_value
from attncli.records import record, replace
from attncli.render import colours
from attncli.render.console import has_colour, make_console, terminal_width
from attncli.render.explain.notation import BREAK, WRITER
from attncli.render.result.plain_table import TableCell, plain_table
from attncli.render.result.view import View, scale_around_zero, scale_together, views

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from attncli.results.result import Result

LEGENDS = {
    "queries": "queries Q",
    "keys": "keys K",
    "values": "values V",
    "raw_scores": "raw scores",
    "scores": "scores",
    "weights": "weights",
    "output": "output",
    "lse": "log of the sum of the exponentials",
    "mask": "mask",
    "stats": "statistics of the weights",
    "d_queries": "gradient of the queries, dQ",
    "d_keys": "gradient of the keys, dK",
    "d_values": "gradient of the values, dV",
    "d_weights": "gradient of the weights, dP",
    "d_scores": "gradient of the scores, dS",
    "d_bias": "gradient of the bias",
    "d_x": "gradient of x",
    "d_context": "gradient of the context",
    "d_values_context": "gradient of the context of the values",
    **{f"d_{kind}_{letter}": f"gradient of {kind}_{letter}" for kind in "wb" for letter in "qkvo"},
}


@record
class Style:
    """How tables are shown: with `digits` decimals, whole with `full`, and without colour or Unicode with
    `ascii_only`."""

    digits: int = 4
    full: bool = False
    ascii_only: bool = False

    @property
    def allowed(self) -> str:
        """Return the sign for a key that a query may see, in the table of a mask."""
        return "yes" if self.ascii_only else "✓"

    @property
    def dots(self) -> str:
        return "..." if self.ascii_only else "…"

    @property
    def masked(self) -> str:
        return "-" if self.ascii_only else "·"

    @property
    def masked_cell(self) -> str:
        """Return the sign for a masked cell, under the points of the numbers if they have room for it."""
        return f"{self.masked}    " if self.digits > 2 else self.masked


def to_ascii(text: str, style: Style) -> str:
    """Return the text in ASCII if that is requested."""
    if not style.ascii_only or text.isascii():
        return text
    text = ROOT.sub(r"sqrt(\1)", text)
    for character, words in TRANSLITERATION.items():
        text = text.replace(character, words)
    return text.encode("ascii", "backslashreplace").decode()


TRANSLITERATION = {
    "×": "x", "·": "*", "−": "-", "√": "sqrt", "ᵀ": "^T", "…": "...", "‖": "||", "₁": "1", "₂": "2", "²": "^2",
    "⁻ˢ": "^-s", "ˢ": "^s", "⁰": "^0", "³": "^3", "⌊": "floor(", "⌋": ")", "∘": "*", "⊙": "*", "φ": "phi", "τ": "tau",
    "α": "alpha", "—": "-", "ℓ": "l", "Σ": "sum", "→": "->", "≤": "<=", "–": "-", "’": "'",
    "≈": "~", "✓": "yes", "∞": "inf", "“": '"', "”": '"', "⋮": "...", "½": "1/2",
}  # fmt: skip
ROOT = pattern(r"√(\w+(?:\.\d+)?)")


def result_heading(result: Result, title: str | None = None) -> str:
    """Return what was computed, from what, and how, in a few lines of text."""
    problem = result.problem
    shapes = problem.shapes()
    inputs = [name for name in ("queries", "keys", "values") if name in shapes]
    return "\n".join(
        [
            *([escaped(title)] if title else []),
            f"{problem.variant.name} attention: {result_formula(result)}",
            ", ".join(f"{name} {format_shape(shapes[name])}" for name in inputs),
            *(f"{name}: {words}" for name, words in problem.words.conventions.items()),
        ]
    )


def result_formula(result: Result) -> str:
    """Return softmax(QKᵀ/√d_k)V, √d_k ≈ 1.41421: the formula with the scale, and its value if the formula does not
    contain it."""
    text, named = WRITER.write(attention_formula(result.problem)).replace(BREAK, ""), named_value(result.problem)
    if named is None:
        return text
    symbol, sign, value = named
    return f"{text}, {WRITER.write(symbol)} {sign} {value.text}"


def fit_views(result: Result, name: str, style: Style, width: int | None) -> list[View]:
    """Return the views as they fit the terminal.

    They are unchanged, or else transposed, or else have shortened labels, or else fewer columns. Without a terminal
    they have all of the usual columns. With `full`, nothing is left out.
    """
    found = views(result, name, full=style.full)
    if name == "weights":
        found = scale_together(found, result)
    if name in GRADIENT_NAMES:
        found = scale_around_zero(found, result)
    if width is None:
        return found
    return [fit_view(view, style, width) for view in found]


def fit_view(view: View, style: Style, width: int | None) -> View:
    """Return the view as it fits the terminal."""
    if width is None or least_width(view, style) <= width:
        return view
    turned = replace(view, is_turned=True)
    if view.name != "output" and not style.full and least_width(turned, style) <= width:
        return turned
    view, most = with_short_labels(view, style, width), len(view.columns)
    while not style.full and view.name != "stats" and most > 2 and least_width(view, style) > width:
        most -= 1 if most <= 8 else 2
        view = narrow_view(view, most)
    return view


def with_short_labels(view: View, style: Style, width: int) -> View:
    """Return the view with labels that leave most of the width to the numbers."""
    return replace(
        view,
        row_labels=[shorten_label(label, max(8, width // 3), style) for label in view.row_labels],
        column_labels=[shorten_label(label, max(8, width // 5), style) for label in view.column_labels],
    )


def shown_label(label: str, style: Style) -> str:
    """Return the label as it is printed. It is converted before the table is laid out, since that changes its width."""
    return to_ascii(escaped(label), style)


def shorten_label(label: str, width: int, style: Style) -> str:
    """Return the label in `width` columns of text, with dots for what is cut off."""
    from rich.cells import cell_len, set_cell_size

    text = shown_label(label, style)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - len(style.dots)).rstrip() + style.dots


def column_groups(view: View, style: Style, width: int | None) -> list[View]:
    """Return the view in groups of neighbouring columns that fit the terminal, with at least one column each."""
    if width is None or view.is_turned or least_width(view, style) <= width:
        return [view]
    groups: list[View] = []
    start, size = 0, len(view.columns)
    while start < size:
        low, high = 1, size - start  # the number of columns that fit: at least low, at most high
        while low < high:
            middle = (low + high + 1) // 2
            if least_width(some_columns(view, start, start + middle), style) <= width:
                low = middle
            else:
                high = middle - 1
        groups.append(some_columns(view, start, start + low))
        start += low
    return groups


def some_columns(view: View, start: int, stop: int) -> View:
    """Return these neighbouring columns, with the sums after the last."""
    return replace(
        view,
        columns=view.columns[start:stop],
        cells=view.cells[:, start:stop],
        column_labels=view.column_labels[start:stop],
        masked=None if view.masked is None else view.masked[:, start:stop],
        sums=view.sums if stop == len(view.columns) else None,
    )


def some_lines(view: View, start: int, stop: int) -> View:
    """Return these neighbouring rows of a view of texts."""
    rows = slice(start, stop)
    return replace(
        view,
        rows=view.rows[rows],
        cells=view.cells[rows],
        row_labels=view.row_labels[rows],
        is_level=view.is_level[rows],
    )


def narrow_view(view: View, columns: int) -> View:
    """Return the view with only so many columns, taken from both ends."""
    first = (columns + 1) // 2
    last = columns - first
    kept = [*range(first), *range(len(view.columns) - last, len(view.columns))]
    return replace(
        view,
        columns=[view.columns[i] for i in kept],
        cells=view.cells[:, kept],
        column_labels=[view.column_labels[i] for i in kept],
        masked=None if view.masked is None else view.masked[:, kept],
    )


def least_width(view: View, style: Style) -> int:
    """Return the width of the table if its headers are wrapped between words. Numbers are never wrapped."""
    return width_of(table(view, style, 1))


def width_of(grid: Table) -> int:
    """Return the width of a table in columns of text."""
    from rich.measure import Measurement

    console = make_console(width=1_000_000)
    return Measurement.get(console, console.options, grid).maximum


def console_of(style: Style, least: int) -> Console:
    """Return a console as wide as the terminal, or as the table if that is wider: a line that the terminal wraps is
    complete, one that is cut is not."""
    width = terminal_width()
    return make_console(ascii_only=style.ascii_only, width=None if width is None else max(width, least))


def group_title(view: View, group: View) -> str:
    """Return which of the columns are in this group."""
    noun = view.column_noun or "columns"
    first, last = view.columns.index(group.columns[0]), view.columns.index(group.columns[-1])
    places = f"{noun} {group.columns[0]}" + (f" to {group.columns[-1]}" if last > first else "")
    return f"{places} of {view.shape[1]}"


def table_title(view: View) -> str:
    part = f" {view.part}" if view.part else ""
    axes = format_shape(view.shape)
    nouns = f", {view.row_noun} × {view.column_noun}" if view.column_noun in ("keys",) else ""
    if view.name == "stats":
        axes = f"{view.shape[0]} {'query' if view.shape[0] == 1 else 'queries'}"
    turned = ", transposed: a column for each query" if view.is_turned else ""
    omitted = f"; {view.omitted} left out (--full shows all)" if view.omitted else ""
    mark = f"; * the largest of its {'column' if view.is_turned else 'row'}" if view.name == "weights" else ""
    return f"{LEGENDS[view.name]}{part} ({axes}{nouns}{turned}{mark}{omitted})"


def table(view: View, style: Style, room: int | None = None) -> Table:
    """Return a rich table of the view: labels, numbers, gaps where something is left out, sums for weights.

    If it is wider than `room`, headers are wrapped between words.
    """
    cells = [[_as_text(cell) for cell in line] for line in _cells(view, style)]
    grid = _grid(cells, style)
    if room is None or width_of(grid) <= room:
        return grid
    grid = _grid(cells, style, gap=0)
    return grid if width_of(grid) <= room else _grid(cells, style, gap=0, folded=True)


def table_text(view: View, style: Style) -> str | None:
    """Return the table as text, or None if it needs rich: for colours, a terminal, or characters of unusual width."""
    if terminal_width() is not None or has_colour(style.ascii_only):
        return None
    return plain_table(_cells(view, style), ascii_only=style.ascii_only)


def _as_text(cell: TableCell) -> Text:
    from rich.text import Text

    return Text(cell.text, style=cell.style, justify="center" if cell.is_gap else None)


def _grid(lines: list[list[Text]], style: Style, *, gap: int = 1, folded: bool = False) -> Table:
    from rich import box
    from rich.table import Table

    head, *rows = lines
    grid = Table(
        box=None if style.ascii_only else box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, gap) if gap or not style.ascii_only else (0, 1, 0, 0),
    )
    for place, label in enumerate(head):
        # rich does not count the space after a number, and would cut off its last digit
        widest = max((row[place].cell_len for row in rows), default=1)
        words = max((word.cell_len for word in label.split(" ")), default=1)
        width = max(widest, words) if folded else None  # so that rich does not take width from numbers
        justify: Literal["right", "left"] = "right" if place else "left"
        grid.add_column(label, no_wrap=place == 0, justify=justify, min_width=widest, width=width)
    for row in rows:
        grid.add_row(*row)
    return grid


def _cells(view: View, style: Style) -> list[list[TableCell]]:
    """Return the cells of the table, line by line: the column labels, then each row after its label."""
    coloured = has_colour(style.ascii_only) and view.name in ("weights", *GRADIENT_NAMES)
    lines = [[TableCell(""), *(TableCell(shown_label(label, style)) for label in view.column_labels)]]
    for place, label in enumerate(view.row_labels):
        numbers = (_cell(view, place, column, style, coloured) for column in range(len(view.columns)))
        lines.append([TableCell(shown_label(label, style)), *numbers])
    if (gap := gap_place(view.columns)) is not None:
        for line in lines:
            line.insert(1 + gap, TableCell(style.dots, is_gap=True))
    if view.sums is not None:
        lines[0].append(TableCell("sum" if style.ascii_only else "Σ", style="dim"))
        for line, total in zip(lines[1:], view.sums, strict=True):
            line.append(TableCell(format_number(float(total), style.digits) + " ", style="dim"))
    if (gap := gap_place(view.rows)) is not None:
        lines.insert(1 + gap, [TableCell(style.dots) for _ in lines[0]])
    return [list(column) for column in zip(*lines, strict=True)] if view.is_turned else lines


def gap_place(numbers: list[int]) -> int | None:
    """Return the place before which something is left out."""
    return next((place for place in range(1, len(numbers)) if numbers[place] != numbers[place - 1] + 1), None)


def text_look(view: View, text: str, style: Style) -> str:
    """Return the look of a cell that is a text: a rule that hides a key is dim."""
    return "dim" if view.name == "mask" and text != style.allowed else ""


def _cell(view: View, row: int, column: int, style: Style, coloured: bool) -> TableCell:
    if isinstance(view.cells[row, column], str):
        text = to_ascii(view.cells[row, column], style)
        return TableCell(text, style=text_look(view, text, style))
    value = float(view.cells[row, column])
    if view.masked is not None and view.masked[row, column]:
        return TableCell(style.masked_cell, style="dim")
    is_peak = view.peaks is not None and value == view.peaks[row] and not view.is_level[row]
    text = format_number(value, style.digits) + ("*" if is_peak else " " if view.peaks is not None else "")
    paint = colours.style if view.name == "weights" else colours.signed_style
    look = paint(value / view.largest) if coloured and np.isfinite(value) else ""
    return TableCell(text, style=f"bold {look}".strip() if is_peak else look)
