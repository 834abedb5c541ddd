"""How queries, keys and values are computed from x and context, if the problem projects them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from attncli.explain.numbers import EDGE_KEYS
from attncli.explain.page import Equation, Line, Step
from attncli.explain.rounding import Figures
from attncli.explain.steps.output import projected, projected_lines
from attncli.inputs.request import Request, rows_behind
from attncli.matrix import Matrix
from attncli.problem.names import Names
from attncli.problem.problem import Problem

LINES_AT_MOST = 48  # projections with more entries show only the arithmetic of their first row, and the results
ROWS_AT_MOST = 12


def projection_steps(
    request: Request, problem: Problem, names: Names, queries: list[int], parts: list[int], figures: Figures
) -> tuple[Step, ...]:
    """Return the steps Q = x w_q, K = context w_k, V = values_context w_v, with the arithmetic of the rows that the
    solutions use."""
    if request.x is None:
        return ()
    made: list[tuple[str, str, Matrix | None, Matrix | None, list[int], Callable[[int], str]]] = [
        ("queries", "q", request.w_q, request.b_q, queries, names.query),
        ("keys", "k", request.w_k, request.b_k, some_rows(problem.m), names.key),
        ("values", "v", request.w_v, request.b_v, some_rows(problem.m), names.key),
    ]
    entries = dict.fromkeys(problem.index(part)[:-1] if problem.packed else problem.index(part) for part in parts)
    steps = []
    for what, letter, weights, offset, rows, name in made:
        if weights is None:
            continue
        source = rows_behind(request, what)
        for entry in entries:
            array = _entry(np.asarray(getattr(request, source).array, np.float64), entry)
            steps.append(_step(what, letter, source, array, weights, offset, rows, name, entry, figures))
    return tuple(steps)


def some_rows(size: int) -> list[int]:
    """Return all rows, or those at both ends if there are many."""
    if size <= ROWS_AT_MOST:
        return list(range(size))
    return [*range(EDGE_KEYS), *range(size - EDGE_KEYS, size)]


def _entry(array: np.ndarray, entry: tuple[int, ...]) -> np.ndarray:
    """Return the rows of x for one entry of the leading axes, over which x broadcasts."""
    lead = array.shape[:-2]
    used = entry[len(entry) - len(lead) :] if lead else ()
    found: np.ndarray = array[tuple(0 if size == 1 else i for i, size in zip(used, lead, strict=True))]
    return found


def _step(
    what: str,
    letter: str,
    source: str,
    array: np.ndarray,
    weights: Matrix,
    offset: Matrix | None,
    rows: list[int],
    name: Callable[[int], str],
    entry: tuple[int, ...],
    figures: Figures,
) -> Step:
    matrix = np.asarray(weights.array, np.float64)
    added = None if offset is None else np.asarray(offset.array, np.float64).reshape(-1)
    worked = rows if len(rows) * matrix.shape[1] <= LINES_AT_MOST else rows[:1]
    lines: list[Line] = []
    for row in worked:
        lines += projected_lines(array[row], matrix, added, figures, f"{name(row)}, {letter}")
    for row in rows:
        lines.append(Line(name(row), Equation((figures.row(projected(array[row], matrix, added)),), ()), is_sum=True))
    plus = f" + b_{letter}" if added is not None else ""
    words = [f"Each column of w_{letter} mixes the numbers of a row of {source} into one number of its {letter}."]
    if len(worked) < len(rows):
        words.append(f"The arithmetic of {name(worked[0])}; the others are worked out in the same way.")
    place = f" of entry {', '.join(map(str, entry))}" if entry else ""
    return Step("project", f"Make the {what}{place}: {source} w_{letter}{plus}", None, tuple(words), tuple(lines))
