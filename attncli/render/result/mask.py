"""Which keys each query may see, and the first rule that forbids each of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.problem.mask_rules import ALLOWED, RULES, name_cells
from attncli.render.result.view import (
    COLUMNS_AT_EDGES,
    COLUMNS_AT_MOST,
    ROWS_AT_EDGES,
    ROWS_AT_MOST,
    View,
    edges,
    name_columns,
    name_part,
    name_rows,
)

if TYPE_CHECKING:
    from attncli.render.result.tables import Style
    from attncli.results.result import Result


def mask_columns(result: Result) -> list[str]:
    """Return the keys, by label or number."""
    labels, m = result.problem.words.labels.keys, result.problem.m
    return list(labels) if labels is not None and len(labels) == m else list(map(str, range(m)))


def mask_cells(result: Result, part: int, rows: list[int]) -> list[list[str]]:
    """Return `allowed` or the name of a rule for each row and key."""
    alone = result.problem.isolate_part(part)
    return [name_cells(alone, row) for row in rows]


mask_data = mask_cells


def mask_view(result: Result, part: int, style: Style) -> View:
    """Return the cells of one part, or those at the edges of a large one."""
    problem = result.problem
    n, m, labels = problem.n, problem.m, problem.words.labels
    rows = list(range(n)) if style.full else edges(n, ROWS_AT_MOST, ROWS_AT_EDGES)
    columns = list(range(m)) if style.full else edges(m, COLUMNS_AT_MOST, COLUMNS_AT_EDGES)
    cells = np.array(mask_cells(result, part, rows), dtype=object)[:, columns]
    return View(
        name="mask",
        part=name_part(result, part),
        shape=(n, m),
        rows=rows,
        columns=columns,
        cells=np.where(cells == ALLOWED, style.allowed, cells),
        row_labels=name_rows(labels.queries, rows, "q"),
        column_labels=name_columns(labels.keys, columns, m, "k"),
        masked=None,
        sums=None,
        peaks=None,
        is_level=[False] * len(rows),
        row_noun="queries",
        column_noun="keys",
    )


def mask_after(result: Result, views: list[View]) -> list[str]:
    """Return explanations of the rules in the tables."""
    del result
    seen = {cell for view in views for cell in view.cells.ravel()}
    return [f"{name}: {words}" for name, words in RULES.items() if name in seen] or ["every query may see every key"]
