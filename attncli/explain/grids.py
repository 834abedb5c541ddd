"""The matrices of the page, before the work of single queries: Q, K, V, then raw scores, scores, weights and output."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from attncli.explain.numbers import Numbers, compute_numbers
from attncli.explain.page import STEPS, Grid
from attncli.explain.rounding import Figures
from attncli.problem.names import Names
from attncli.problem.problem import Problem
from attncli.problem.row_masks import hidden_cells

ROWS_AT_MOST, ROWS_AT_EDGES = 12, 3
COLUMNS_AT_MOST, COLUMNS_AT_EDGES = 24, 6
# each result, its title, and the step that computes it
RESULTS = (
    ("raw", "raw scores", "raw"),
    ("scores", "scores", "masked"),
    ("weights", "weights", "weights"),
    ("output", "output", "output"),
)


def matrices_of(
    problem: Problem, names: Names, queries: list[int], parts: list[int], figures: Figures, until: str, engine: str
) -> tuple[Grid, ...]:
    """Return the matrices of each part, up to the step that the page ends with.

    They have all queries of a small problem, or else these queries and those at the edges.
    """
    rows = show_edges(problem.n, ROWS_AT_MOST, ROWS_AT_EDGES, queries[: ROWS_AT_MOST // 2])
    grids: list[Grid] = []
    for part in parts:
        numbers = [compute_numbers(problem, names, part, row, engine) for row in rows]
        grids += given_grids(problem, names, part, rows, figures)
        reached = STEPS.index(until)
        for name, title, step in RESULTS:
            if STEPS.index(step) <= reached and not (name == "output" and problem.values is None):
                grids.append(result_grid(name, title, numbers, figures))
    return tuple(grids)


def show_edges(size: int, most: int, ends: int, wanted: list[int] | None = None) -> list[int]:
    """Return all indices, or the first few, the last few and the wanted ones if there are too many."""
    if size <= most:
        return list(range(size))
    return sorted({*range(ends), *(wanted or ()), *range(size - ends, size)})


def given_grids(problem: Problem, names: Names, part: int, rows: list[int], figures: Figures) -> list[Grid]:
    """Return Q, K and V of one part, as they are scored and averaged."""
    own = problem.part(part)
    keys = show_edges(problem.m, ROWS_AT_MOST, ROWS_AT_EDGES)
    of_part = names.part(part)
    grids = [
        _plain_grid("Q", "Q, the queries", own.queries, rows, names.query, names.feature, of_part, figures),
        _plain_grid("K", "K, the keys", own.keys, keys, names.key, names.feature, of_part, figures),
    ]
    if own.values is not None:
        grids.append(_plain_grid("V", "V, the values", own.values, keys, names.key, names.column, of_part, figures))
    return grids


def _plain_grid(
    name: str,
    title: str,
    matrix: np.ndarray,
    rows: list[int],
    row_name: Callable[[int], str],
    column_name: Callable[[int], str],
    of_part: str,
    figures: Figures,
) -> Grid:
    columns = show_edges(matrix.shape[1], COLUMNS_AT_MOST, COLUMNS_AT_EDGES)
    cells = matrix[rows][:, columns]
    return Grid(
        name,
        _titled(title, of_part, matrix.shape),
        tuple(map(row_name, rows)),
        tuple(map(column_name, columns)),
        *_texts(cells, figures),
        shades=None,
        masked=(),
        legend=("", ""),
        gap_row=find_gap(rows),
        gap_column=find_gap(columns),
    )


def result_grid(name: str, title: str, rows: list[Numbers], figures: Figures) -> Grid:
    """Return one result with a row per query. Scores and weights have shades, except in masked cells.

    A masked key that some system gives a weight, in a row without a key, is shown with it.
    """
    names, problem = rows[0].names, rows[0].problem
    lines = np.array([getattr(row, name) for row in rows])
    columns = show_edges(lines.shape[1], COLUMNS_AT_MOST, COLUMNS_AT_EDGES)
    cells = lines[:, columns]
    hidden = np.zeros((len(rows), len(columns)), np.bool_)
    if name in ("scores", "weights"):
        hidden = hidden_cells(cells, np.array([row.allowed[columns] for row in rows]))
    finite = cells[np.isfinite(cells) & ~hidden]
    low = 0.0 if name == "weights" else _bound(finite, min)
    high = _bound(finite, max)
    with np.errstate(all="ignore"):
        shares = (cells - low) / (high - low or 1.0)
    shades = tuple(
        tuple(None if off or not np.isfinite(share) else float(share) for share, off in zip(line, mask, strict=True))
        for line, mask in zip(shares, hidden, strict=True)
    )
    return Grid(
        name,
        _titled(title, names.part(rows[0].part), (names.problem.n, lines.shape[1])),
        tuple(names.query(row.row) for row in rows),
        tuple((names.column if name == "output" else names.key)(j) for j in columns),
        *_texts(cells, figures),
        shades=None if name == "output" or not problem.m else shades,
        masked=tuple(map(tuple, hidden.tolist())),
        legend=(figures.number(low).text, figures.number(high).text),
        gap_row=find_gap([row.row for row in rows]),
        gap_column=find_gap(columns),
    )


def find_gap(numbers: list[int]) -> int | None:
    """Return the number before which the largest gap is."""
    steps = np.diff(numbers)
    return int(steps.argmax()) + 1 if len(steps) and steps.max() > 1 else None


def _titled(title: str, of_part: str, shape: tuple[int, ...]) -> str:
    return f"{title}{f', {of_part}' if of_part else ''} ({shape[0]:,} × {shape[1]:,})"


def _texts(cells: np.ndarray, figures: Figures) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """Return the displayed digits, and the shortest digits that read back."""
    return (
        tuple(tuple(figures.number(float(cell)).text for cell in line) for line in cells),
        tuple(tuple(repr(float(cell)) for cell in line) for line in cells),
    )


def _bound(finite: np.ndarray, choose: Callable[[np.ndarray], float]) -> float:
    return float(choose(finite)) if finite.size else 0.0
