"""Facts about each query besides the matrices of numbers: which keys it may see, and the statistics of its weights.

A fact is one record: its columns, and the cells of a row for programs and for people.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.records import record
from attncli.render.result.long_table import lead_names
from attncli.render.result.mask import mask_after, mask_cells, mask_columns, mask_data, mask_view
from attncli.render.result.stats import stats_after, stats_cells, stats_columns, stats_data, stats_view

if TYPE_CHECKING:
    from attncli.render.result.tables import Style
    from attncli.render.result.view import View
    from attncli.results.result import Result

AT_ONCE = 1 << 20  # cells of a block of rows


@record
class Fact:
    """A fact: its `columns` in a text table and what they stand for (`axis`), the `cells` of some rows of one part, the
    `data` of these rows for JSON, the `view` of a part for people, and the lines `after` its tables."""

    axis: str
    columns: Callable[[Result], list[str]]
    cells: Callable[[Result, int, list[int]], list[list[Any]]]
    data: Callable[[Result, int, list[int]], list[Any]]
    view: Callable[[Result, int, Style], View]
    after: Callable[[Result, list[View]], list[str]]


FACTS = {
    "mask": Fact("key", mask_columns, mask_cells, mask_data, mask_view, mask_after),
    "stats": Fact("statistic", stats_columns, stats_cells, stats_data, stats_view, stats_after),
}


def fact_table(result: Result, name: str, delimiter: str) -> Iterator[str]:
    """Yield a line for each query, with a first column for each leading axis."""
    heads = [*lead_names(result, len(result.problem.lead)), "query", *FACTS[name].columns(result)]
    yield _line(heads, delimiter)
    for before, label, cells in _rows(result, FACTS[name].cells):
        yield _line([*before, label, *cells], delimiter)


def fact_long(result: Result, name: str) -> Iterator[str]:
    """Yield a line for each cell that has a value."""
    fact = FACTS[name]
    columns = fact.columns(result)
    yield _line(
        [*lead_names(result, len(result.problem.lead)), "query", fact.axis, "rule" if name == "mask" else "value"], ","
    )
    for before, label, cells in _rows(result, fact.cells):
        lines = ([*before, label, *cell] for cell in zip(columns, cells, strict=True) if cell[1] is not None)
        yield "".join(_line(line, ",") for line in lines)


def fact_json(result: Result, name: str, indent: int) -> Iterator[str]:
    """Yield nested lists, one level per leading axis, with one row per line."""
    import json

    rows = (json.dumps(row, ensure_ascii=False) for _, _, row in _rows(result, FACTS[name].data))
    yield from _nest(rows, [*result.problem.lead, result.problem.n], indent)


def _nest(rows: Iterator[str], sizes: Sequence[int], indent: int) -> Iterator[str]:
    if not sizes:
        yield next(rows)
        return
    start = "[\n"
    for _ in range(sizes[0]):
        yield start + " " * (indent + 2)
        yield from _nest(rows, sizes[1:], indent + 2)
        start = ",\n"
    yield "\n" + " " * indent + "]"


def _rows(
    result: Result, cells_of: Callable[[Result, int, list[int]], list[Any]]
) -> Iterator[tuple[tuple[int, ...], str | int, Any]]:
    """Yield for each query its leading index, its label or number, and its cells, computed several rows at a time."""
    problem = result.problem
    labels = problem.words.labels.queries
    has_labels = labels is not None and len(labels) == problem.n
    step = max(1, AT_ONCE // problem.m)
    for part in range(problem.parts):
        for start in range(0, problem.n, step):
            rows = list(range(start, min(start + step, problem.n)))
            for row, cells in zip(rows, cells_of(result, part, rows), strict=True):
                yield problem.index(part), labels[row] if labels and has_labels else row, cells


def _line(cells: Sequence[Any], delimiter: str) -> str:
    import csv

    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerow(
        str(cell) if isinstance(cell, np.generic) else cell for cell in cells
    )
    return text.getvalue()
