"""Very large tables, written line by line: the same lines that rich would make, without holding them in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from attncli.inputs.request import GRADIENT_NAMES
from attncli.numbers.display import format_number
from attncli.records import record, replace
from attncli.render import colours
from attncli.render.console import colour_system, has_colour
from attncli.render.result.tables import (
    Style,
    group_title,
    shorten_label,
    shown_label,
    some_columns,
    some_lines,
    table_title,
    text_look,
)
from attncli.render.result.view import Source, View, row_texts, row_views

if TYPE_CHECKING:
    from attncli.results.result import Result

CELLS = 1 << 16  # a whole table with more cells is written here
HELD = 1 << 26  # cells that are kept if columns are in groups, each of which needs all rows


def is_written_by_rows(source: Source, style: Style) -> bool:
    """Return whether all of a matrix with so many cells is shown."""
    return style.full and source.height * source.width > CELLS


def is_large(view: View, style: Style) -> bool:
    """Return whether all of a view with so many cells is shown, a line for each row."""
    return style.full and view.cells.size > CELLS and not view.is_turned


def whole_result(result: Result, source: Source, style: Style, width: int | None, largest: float) -> Iterator[str]:
    """Yield title and table of a result in pieces. `largest` is the end of the colour scale."""

    def blocks() -> Iterator[View]:
        return (replace(view, largest=largest) for view in row_views(result, source))

    return whole_table(blocks, source.height, style, width)


def whole_view(view: View, style: Style, width: int | None) -> Iterator[str]:
    """Yield title and table of a view in pieces."""

    def blocks() -> Iterator[View]:
        step = max(1, CELLS // len(view.columns))
        return (some_lines(view, start, start + step) for start in range(0, len(view.rows), step))

    return whole_table(blocks, len(view.rows), style, width)


def whole_table(blocks: Callable[[], Iterator[View]], height: int, style: Style, width: int | None) -> Iterator[str]:
    """Yield title and table in pieces, with the columns in groups if they do not all fit a terminal of this width.

    `blocks` gives views of some rows each, as often as it is called.
    """
    first = next(blocks())
    sizes = _Sizes.of(first, style, width)
    for view in blocks():
        sizes = sizes.merge(_Sizes.of(view, style, width))
    whole = replace(first, rows=list(range(height)))
    yield table_title(whole) + "\n"
    groups = sizes.groups(style, width)
    held = list(blocks()) if len(groups) > 1 and height * len(first.columns) <= HELD else None
    for group in groups:
        if len(groups) > 1:
            yield _paint(group_title(whole, some_columns(whole, group.start, group.stop)), "dim", style) + "\n"
        yield _head(first, sizes, group, style, width)
        for view in held or blocks():
            yield _lines(view, sizes, group, style, width)


@record
class _Sizes:
    """The width of the labels, of each column, and of the sums (None if there are none)."""

    label: int
    columns: np.ndarray
    sums: int | None

    @classmethod
    def of(cls, view: View, style: Style, width: int | None) -> _Sizes:
        from rich.cells import cell_len

        columns = np.array([cell_len(label) for label in _column_labels(view, style, width)])
        for place in range(len(view.rows)):
            columns = np.maximum(columns, [*map(len, _texts(view, place, style))])
        label = max(cell_len(label) for label in _row_labels(view, style, width))
        sums = None if view.sums is None else max(len(_sum_text(total, style)) for total in view.sums)
        return cls(label, columns, sums)

    def merge(self, other: _Sizes) -> _Sizes:
        """Return the sizes that fit both."""
        sums = None if self.sums is None or other.sums is None else max(self.sums, other.sums)
        return _Sizes(max(self.label, other.label), np.maximum(self.columns, other.columns), sums)

    def groups(self, style: Style, width: int | None) -> list[range]:
        """Return groups of neighbouring columns that fit beside the labels, at least one each, with the sums after the
        last."""
        count, gap = len(self.columns), _gap(style)
        if width is None:
            return [range(count)]
        found, start, used = [], 0, self.label
        for column, own in enumerate(self.columns.tolist()):
            behind = 0 if self.sums is None or column + 1 < count else gap + self.sums
            if column > start and used + gap + own + behind > width:
                found.append(range(start, column))
                start, used = column, self.label
            used += gap + own
        return [*found, range(start, count)]


def _head(view: View, sizes: _Sizes, group: range, style: Style, width: int | None) -> str:
    from rich.cells import cell_len

    labels = _column_labels(view, style, width)
    cells = [" " * (int(sizes.columns[j]) - cell_len(labels[j])) + labels[j] for j in group]
    if _has_sums(view, group):
        cells.append(_paint(("sum" if style.ascii_only else "Σ").rjust(sizes.sums or 0), "dim", style))
    length = sizes.label + sum(_gap(style) + int(sizes.columns[j]) for j in group)
    length += _gap(style) + (sizes.sums or 0) if _has_sums(view, group) else 0
    rule = "" if style.ascii_only else "─" * length + "\n"
    return (" " * _gap(style)).join([" " * sizes.label, *cells]).rstrip() + "\n" + rule


def _lines(view: View, sizes: _Sizes, group: range, style: Style, width: int | None) -> str:
    from rich.cells import cell_len

    lines, gap = [], " " * _gap(style)
    coloured = has_colour(style.ascii_only)
    shown = some_columns(view, group.start, group.stop)
    widths = [int(sizes.columns[j]) for j in group]
    for place, label in enumerate(_row_labels(view, style, width)):
        texts = _texts(shown, place, style)
        cells = [text.rstrip().rjust(size) for text, size in zip(texts, widths, strict=True)]
        if coloured:
            looks = (_choose_look(shown, place, column, style) for column in range(len(cells)))
            cells = [_paint(cell, look, style) for cell, look in zip(cells, looks, strict=True)]
        if shown.sums is not None:
            cells.append(_paint(_sum_text(shown.sums[place], style).rstrip().rjust(sizes.sums or 0), "dim", style))
        lines.append(gap.join([label + " " * (sizes.label - cell_len(label)), *cells]).rstrip() + "\n")
    return "".join(lines)


def _texts(view: View, place: int, style: Style) -> list[str]:
    """Return the cells of a row. Those of weights have room for the mark of the largest."""
    texts = row_texts(view, place, style.digits, style.masked_cell)
    if view.peaks is None:
        return texts
    is_peak = np.zeros(len(texts), np.bool_) if view.is_level[place] else view.cells[place] == view.peaks[place]
    marks = np.where(is_peak, "*", " ")
    if view.masked is not None:
        marks[view.masked[place]] = ""
    return [text + mark for text, mark in zip(texts, marks.tolist(), strict=True)]


def _choose_look(view: View, place: int, column: int, style: Style) -> str:
    if isinstance(text := view.cells[place, column], str):
        return text_look(view, text, style)
    value = float(view.cells[place, column])
    if view.masked is not None and view.masked[place, column]:
        return "dim"
    if not np.isfinite(value):
        return ""
    if view.name in GRADIENT_NAMES:
        return colours.signed_style(value / view.largest)
    if view.peaks is None:
        return ""
    look = colours.style(value / view.largest)
    return f"bold {look}" if value == view.peaks[place] and not view.is_level[place] else look


def _paint(text: str, look: str, style: Style) -> str:
    if not look or not has_colour(style.ascii_only):
        return text
    before, after = _escape(look, colour_system())
    return before + text + after


@cache
def _escape(look: str, system: str) -> tuple[str, str]:
    """Return the codes that turn a look on and off on a terminal with these colours."""
    from rich.color import ColorSystem
    from rich.style import Style as Look

    names = {"truecolor": ColorSystem.TRUECOLOR, "256": ColorSystem.EIGHT_BIT}
    before, _, after = (
        Look.parse(look).render("\0", color_system=names.get(system, ColorSystem.STANDARD)).partition("\0")
    )
    return before, after


def _has_sums(view: View, group: range) -> bool:
    return view.sums is not None and group.stop == len(view.columns)


def _sum_text(total: float, style: Style) -> str:
    return format_number(float(total), style.digits) + " "


def _gap(style: Style) -> int:
    return 2 if style.ascii_only else 3


def _row_labels(view: View, style: Style, width: int | None) -> list[str]:
    return [_label(label, width and width // 3, style) for label in view.row_labels]


def _column_labels(view: View, style: Style, width: int | None) -> list[str]:
    return [_label(label, width and width // 5, style) for label in view.column_labels]


def _label(label: str, width: int | None, style: Style) -> str:
    return shown_label(label, style) if width is None else shorten_label(label, max(8, width), style)
