"""Comparisons: candidates side by side as tables, Markdown or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from attncli.compare.comparison import Candidate, Column, Comparison, Difference, top_keys
from attncli.errors import check_choice
from attncli.errors import printable as escaped
from attncli.numbers.display import format_number, format_shape
from attncli.problem.formula import describe_scale
from attncli.render import colours
from attncli.render.console import fold_text, has_colour, make_console, render_text, speaks_unicode, terminal_width
from attncli.render.markdown import escape_markdown
from attncli.render.result.documents import json_rows
from attncli.render.result.heat_map import legend
from attncli.render.result.tables import Style, console_of, shorten_label, shown_label, to_ascii, width_of
from attncli.render.result.view import edges
from attncli.results.attention import entropies
from attncli.results.computed_rows import row_blocks
from attncli.variants import explain_score

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from attncli.results.result import Result

QUERIES_AT_MOST, QUERIES_AT_EDGES = 12, 3
KEYS_AT_MOST, KEYS_AT_EDGES = 24, 8
Row = tuple[str, list[str], list[float | None]]  # label, cells, and for weights the numbers that colour them


def comparison_renderer(format: str) -> Renderer:
    """Return the function that renders this format in chunks of text.

    Raises UsageError if there is none.
    """
    return RENDERERS[check_choice(format, RENDERERS, "--format", "a format of compare")]


def shown_queries(comparison: Comparison, style: Style) -> list[tuple[int, int]]:
    """Return (part, query) of each table, or the first and last few if there are too many."""
    problem = comparison.problem
    pairs = [(part, row) for part in range(problem.parts) for row in range(problem.n)]
    return pairs if style.full else [pairs[i] for i in edges(len(pairs), QUERIES_AT_MOST, QUERIES_AT_EDGES)]


def sections(columns: list[Column], comparison: Comparison, style: Style) -> list[tuple[str, list[Row]]]:
    """Return (heading, rows) for the table of one query: the weights by key, their statistics, and the output."""
    names, m = comparison.names, len(columns[0].weights)
    keys = list(range(m)) if style.full else edges(m, KEYS_AT_MOST, KEYS_AT_EDGES)
    weights: list[Row] = []
    for place, j in enumerate(keys):
        if place and j != keys[place - 1] + 1:
            weights.append((style.dots, [style.dots] * len(columns), [None] * len(columns)))
        weights.append(
            (names.key(j), [_weight(column, j, style) for column in columns], [_heat(c, j) for c in columns])
        )
    blank: list[float | None] = [None] * len(columns)
    spread: list[Row] = [
        ("top key", [_top(column, comparison, style) for column in columns], blank),
        ("effective keys", [f"{column.effective_keys:,.2f}" if column.top else "0" for column in columns], blank),
        ("entropy", [format_number(column.entropy, style.digits) for column in columns], blank),
    ]
    found = [("weights", weights), ("attention", spread)]
    width = max((0 if column.output is None else len(column.output) for column in columns), default=0)
    output: list[Row] = []
    shown_columns = list(range(width)) if style.full else edges(width, KEYS_AT_MOST, KEYS_AT_EDGES)
    for place, c in enumerate(shown_columns):
        if place and c != shown_columns[place - 1] + 1:
            output.append((style.dots, [style.dots] * len(columns), blank))
        label = names.column(c) if width > 1 or names.has_labels("values") else "output"
        cells = [
            "" if column.output is None else format_number(float(column.output[c]), style.digits) for column in columns
        ]
        output.append((label, cells, blank))
    return [*found, ("output", output)] if output else found


def _weight(column: Column, j: int, style: Style) -> str:
    weight = float(column.weights[j])
    if not column.allowed[j] and not weight:
        return style.masked
    return format_number(weight, style.digits) + (
        "*" if j in column.top and len(column.top) < column.allowed.sum() else " "
    )


def _heat(column: Column, j: int) -> float | None:
    return float(column.weights[j]) if column.allowed[j] and np.isfinite(column.weights[j]) else None


def _short(label: str, style: Style, share: int) -> str:
    """Return a label, shortened to 1/`share` of the terminal's width, or whole if there is no terminal."""
    width = terminal_width()
    return shown_label(label, style) if width is None else shorten_label(label, max(8, width // share), style)


def _top(column: Column, comparison: Comparison, style: Style) -> str:
    if not column.top:
        return "none"
    if len(column.top) == 1:
        return _short(comparison.names.key(column.top[0]), style, 4)
    return "all" if len(column.top) == int(column.allowed.sum()) else f"{len(column.top)} tie"


def table_chunks(comparison: Comparison, style: Style, title: str | None) -> Iterator[str]:
    """Yield a table for each query, divided into neighbouring columns."""
    if not style.ascii_only and not speaks_unicode():
        style = Style(style.digits, style.full, ascii_only=True)
    queries = shown_queries(comparison, style)
    yield fold_text(to_ascii(comparison_heading(comparison, title), style))
    for part, row in queries:
        columns = comparison.columns(part, row)
        for group in fit_candidates(columns, comparison, style):
            console = console_of(style, width_of(_table(group, comparison, style)))
            text = render_text(console, *_query_table(group, comparison, style, part, row)).rstrip("\n")
            yield "\n\n" + to_ascii(text, style)
    total = comparison.problem.parts * comparison.problem.n
    if len(queries) < total:
        yield f"\n\n{style.dots} {total - len(queries):,} of {total:,} queries left out (--full shows all)"
    if has_colour(style.ascii_only):
        yield "\n\n" + render_text(make_console(), legend(comparison.largest, style, coloured=True)).rstrip("\n")
    said = to_ascii(fold_text("\n".join(conclusion(comparison, style))), style)
    yield f"\n\n{said}\n" if said else "\n"  # one candidate differs from nothing


def fit_candidates(columns: list[Column], comparison: Comparison, style: Style) -> list[list[Column]]:
    """Return the columns in groups that fit the terminal, or all together if there is none."""
    width = terminal_width()
    if width is None:
        return [columns]
    for size in range(len(columns), 1, -1):
        groups = [columns[i : i + size] for i in range(0, len(columns), size)]
        if all(width_of(_table(group, comparison, style)) <= width for group in groups):
            return groups
    return [[column] for column in columns]


def _query_table(
    columns: list[Column], comparison: Comparison, style: Style, part: int, row: int
) -> list[RenderableType]:
    from rich.text import Text

    name = ", ".join(filter(None, (comparison.names.query(row), comparison.names.part(part))))
    return [Text(name, style="bold"), _table(columns, comparison, style)]


def _table(columns: list[Column], comparison: Comparison, style: Style) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(
        box=None if style.ascii_only else box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    grid.add_column(Text(""), no_wrap=True)
    for column in columns:
        grid.add_column(Text(column.name + " "), justify="right", no_wrap=True)
    coloured = has_colour(style.ascii_only)
    parts = sections(columns, comparison, style)
    for number, (heading_text, rows) in enumerate(parts):
        for place, (label, cells, heats) in enumerate(rows):
            texts = [
                Text(
                    cell if cell.endswith(("*", " ")) else f"{cell} ",
                    style=_style(heat_of, comparison.largest, coloured, cell),
                )
                for cell, heat_of in zip(cells, heats, strict=True)
            ]
            name = f"{heading_text} {label}" if heading_text == "output" and label != "output" else label
            is_last = place == len(rows) - 1 and number < len(parts) - 1
            grid.add_row(Text(_short(name, style, 3)), *texts, end_section=is_last)
    return grid


def _style(weight: float | None, largest: float, coloured: bool, cell: str) -> str:
    if weight is None:
        return ""
    look = colours.style(weight / largest) if coloured else ""
    return f"bold {look}".strip() if cell.endswith("*") else look


def comparison_heading(comparison: Comparison, title: str | None) -> str:
    """Return what is compared."""
    problem = comparison.problem
    shapes = problem.shapes()
    sizes = ", ".join(f"{n} {format_shape(shapes[n])}" for n in ("queries", "keys", "values") if n in shapes)
    lines = [*([escaped(title)] if title else []), sizes]
    width = max(len(candidate.name) for candidate in comparison.candidates)
    for candidate, result in zip(comparison.candidates, comparison.results, strict=True):
        problem = result.problem
        words = f"{candidate.note}, scale {problem.scale:.6g}"
        if not candidate.note:
            words = explain_score(problem.variant, describe_scale(problem))
        lines.append(f"  {candidate.name.ljust(width)}: {words}")
    return "\n".join(lines)


def difference_words(found: Difference, comparison: Comparison, style: Style) -> str:
    """Return the largest difference as one sentence."""
    names, what = comparison.names, found.what
    if found.size == 0:
        return f"{what}: all alike"
    size = format_number(found.size, style.digits)
    *lead, query, column = found.at
    target = names.key(column) if what == "weights" else names.column(column)
    part = names.part(int(np.ravel_multi_index(lead, comparison.problem.lead))) if lead else ""
    where = f"{names.query(query)} → {target}{', ' if part else ''}{part}"
    return f"{what}: the largest difference is {size}, between {found.first} and {found.second} ({escaped(where)})"


def conclusion(comparison: Comparison, style: Style) -> list[str]:
    """Return what differs, in sentences."""
    said = [difference_words(found, comparison, style) for found in comparison.differences]
    ends = comparison.sharpest_and_softest()
    if ends is not None:
        (sharp, few), (soft, many) = ends
        said.append(f"sharpest: {sharp}, {few:,.2f} effective keys on average; softest: {soft}, {many:,.2f}")
    return said


def markdown_chunks(comparison: Comparison, style: Style, title: str | None) -> Iterator[str]:
    """Yield a GitHub table for each query."""
    if title:
        yield f"# {escape_markdown(title)}\n\n"
    for part, row in shown_queries(comparison, style):
        columns = comparison.columns(part, row)
        name = ", ".join(filter(None, (comparison.names.query(row), comparison.names.part(part))))
        lines = ["| | " + " | ".join(escape_markdown(column.name) for column in columns) + " |"]
        lines.append("|---|" + "---:|" * len(columns))
        for heading_text, rows in sections(columns, comparison, style):
            for label, cells, _ in rows:
                named = f"{heading_text} {label}" if heading_text == "output" and label != "output" else label
                shown_cells = " | ".join(_bold(cell) for cell in cells)
                lines.append(f"| {escape_markdown(named)} | {shown_cells} |")
        yield f"**{escape_markdown(name)}**\n\n" + "\n".join(lines) + "\n\n"
    yield "\n\n".join(escape_markdown(sentence) for sentence in conclusion(comparison, style)) + "\n"


def _bold(cell: str) -> str:
    """Return a cell with a largest weight in bold instead of with a star."""
    return f"**{cell[:-1]}**" if cell.endswith("*") else escape_markdown(cell.rstrip())


def json_chunks(comparison: Comparison) -> Iterator[str]:
    """Yield one object: each candidate's numbers in full precision, and the largest differences.

    Very large weights are computed while they are written.
    """
    start = '{\n  "candidates": [\n    {\n'
    for candidate, result in zip(comparison.candidates, comparison.results, strict=True):
        yield start + "      "
        yield from _candidate_json(candidate, result)
        start = "\n    },\n    {\n"
    differences = {
        found.what: {"size": found.size, "between": [found.first, found.second], "at": list(found.at)}
        for found in comparison.differences
    }
    largest = json.dumps(differences, ensure_ascii=False)
    yield f'\n    }}\n  ],\n  "largest_difference": {largest}\n}}\n'


def _candidate_json(candidate: Candidate, result: Result) -> Iterator[str]:
    facts = {"name": candidate.name, "variant": result.problem.variant.name, "scale": result.problem.scale}
    if candidate.differs_by is not None:
        facts["differs_by"] = candidate.differs_by
    for key, fact in facts.items():
        yield f'"{key}": {json.dumps(fact, ensure_ascii=False)},\n      '
    arrays = {"weights": result.stream("weights")}
    if result.has("output"):
        arrays["output"] = result.array("output")
    arrays["entropy"] = entropy = _entropies(result)
    arrays["effective_keys"] = np.exp(entropy)
    for key, array in arrays.items():
        yield f'"{key}": '
        yield from json_rows(array, 6)
        yield ",\n      "
    start = '"top_keys": ['
    for block in row_blocks(result.stream("weights")):
        for weights in block:
            yield start + json.dumps(top_keys(weights))
            start = ", "
    yield "]"


def _entropies(result: Result) -> np.ndarray:
    """Return the entropy (…, n) of each row of weights."""
    problem = result.problem
    found = [entropies(block.astype(np.float64)) for block in row_blocks(result.stream("weights"))]
    return np.concatenate(found).reshape(*problem.lead, problem.n)


Renderer = Callable[["Comparison", Style, "str | None"], Iterator[str]]
RENDERERS: dict[str, Renderer] = {
    "table": table_chunks,
    "json": lambda comparison, _style, _title: json_chunks(comparison),
    "markdown": markdown_chunks,
}
