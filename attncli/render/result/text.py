"""The whole answer as text for people: what was computed, and a table for each result and head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from attncli.inputs.request import GRADIENT_NAMES
from attncli.render.console import fold_text, has_colour, make_console, render_text, speaks_unicode, terminal_width
from attncli.render.result.facts import FACTS
from attncli.render.result.heat_map import legend, signed_legend, text_picture
from attncli.render.result.tables import (
    LEGENDS,
    Style,
    column_groups,
    console_of,
    fit_view,
    fit_views,
    gap_place,
    group_title,
    least_width,
    result_heading,
    table,
    table_text,
    table_title,
    to_ascii,
)
from attncli.render.result.view import View, parts_shown, sources_of
from attncli.render.result.whole_table import is_large, is_written_by_rows, whole_result, whole_view
from attncli.results.computed_rows import row_blocks

if TYPE_CHECKING:
    from rich.console import RenderableType

    from attncli.results.result import Result


def result_chunks(result: Result, names: list[str], style: Style, title: str | None = None) -> Iterator[str]:
    """Yield what was computed, the conventions in force, and a table for each result and head.

    Very large tables are made while they are written.
    """
    if not style.ascii_only and not speaks_unicode():
        style = Style(style.digits, style.full, ascii_only=True)
    yield to_ascii(fold_text(to_ascii(result_heading(result, title), style)) + "\n", style)
    for name in names:
        for chunk in _blocks(result, name, style):
            yield to_ascii(chunk, style)


def _blocks(result: Result, name: str, style: Style) -> Iterator[str]:
    """Yield the tables of one result, each after an empty line and with a newline at its end."""
    if name in FACTS:
        for block in fact_blocks(result, name, style, terminal_width()):
            yield f"\n{block}\n"
        return
    if style.full and any(is_written_by_rows(source, style) for source in sources_of(result, name, full=True)):
        yield from _whole_tables(result, name, style)
        return
    gap = gap_place(parts_shown(result, style.full))
    for part, view in enumerate(fit_views(result, name, style, terminal_width())):
        if part == gap and not (name == "output" and result.problem.is_joined):
            hidden = result.problem.parts - len(parts_shown(result, style.full))
            yield f"\n{style.dots} {hidden} more of {result.problem.parts} {LEGENDS[name]} (--full shows all)\n"
        yield f"\n{_view_text(result, view, part, style)}\n"


def _view_text(result: Result, view: View, place: int, style: Style) -> str:
    """Return the table of a view with its title. `place` is its place among those that are shown."""
    if (text := table_text(view, style)) is not None:
        return f"{table_title(view).rstrip()}\n{text}"
    from rich.text import Text

    width = terminal_width()
    groups = column_groups(view, style, width)
    pieces: list[RenderableType] = [Text(table_title(view))]
    for group in groups:
        pieces += [Text(group_title(view, group), style="dim")] if len(groups) > 1 else []
        pieces.append(table(group, style, width))
    if view.name == "weights" and view.omitted and width is not None:
        number = parts_shown(result, style.full)[place]
        pieces[1:1] = [*text_picture(result, view, number, style, width), ""]
    if view.name == "weights" and has_colour(style.ascii_only) and not view.omitted:
        pieces.append(legend(view.largest, style, coloured=True))
    if view.name in GRADIENT_NAMES and has_colour(style.ascii_only):
        pieces.append(signed_legend(view.largest, style))
    widest = max(least_width(group, style) for group in groups)
    return render_text(console_of(style, widest), *pieces).rstrip("\n")


def _whole_tables(result: Result, name: str, style: Style) -> Iterator[str]:
    """Yield all cells of a very large result, line by line."""
    is_coloured = name in ("weights", *GRADIENT_NAMES) and has_colour(style.ascii_only)
    largest = _largest(result, name) if is_coloured else 1.0
    for source in sources_of(result, name, full=True):
        yield "\n"
        yield from whole_result(result, source, style, terminal_width(), largest)
        if is_coloured:
            line = legend(largest, style, coloured=True) if name == "weights" else signed_legend(largest, style)
            yield render_text(make_console(ascii_only=style.ascii_only), line).rstrip("\n") + "\n"


def _largest(result: Result, name: str) -> float:
    """Return the largest absolute number of all cells: the end of their colour scale."""
    blocks = (np.abs(block[np.isfinite(block)]) for block in row_blocks(result.stream(name)))
    return max((float(block.max()) for block in blocks if block.size), default=1.0) or 1.0


def fact_blocks(result: Result, name: str, style: Style, width: int | None) -> list[str]:
    """Return the tables of a fact, one for each part, with explanations below the last."""
    found = [FACTS[name].view(result, part, style) for part in parts_shown(result, style.full)]
    blocks = []
    for view in found:
        if (text := table_text(view, style)) is not None:
            blocks.append(f"{table_title(view).rstrip()}\n{text}")
            continue
        if is_large(view, style):
            blocks.append("".join(whole_view(view, style, width)).rstrip("\n"))
            continue
        from rich.text import Text

        groups = column_groups(fit_view(view, style, width), style, width)
        parts: list[RenderableType] = [Text(table_title(view))]
        for group in groups:
            parts += [Text(group_title(view, group), style="dim")] if len(groups) > 1 else []
            parts.append(table(group, style, width))
        widest = max(least_width(group, style) for group in groups)
        blocks.append(render_text(console_of(style, widest), *parts).rstrip("\n"))
    after = [fold_text(line) for line in FACTS[name].after(result, found)]
    return [*blocks, "\n".join(after)]
