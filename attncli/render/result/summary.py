"""A result in five lines, for an interactive prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import printable
from attncli.numbers.display import format_number, format_shape
from attncli.problem.names import Names
from attncli.render.result.tables import result_heading

if TYPE_CHECKING:
    from attncli.results.result import Result

RESULTS = ("weights", "output", "lse")
WIDEST = 100  # characters of a line


def summary_lines(result: Result, computed: frozenset[str]) -> list[str]:
    """Return what was calculated, from what, under which conventions, and what the first query attends to.

    Only results that are `computed` already are used, so that a prompt never starts a calculation.
    """
    problem, shapes = result.problem, result.problem.shapes()
    what, sizes, *conventions = result_heading(result).split("\n")
    shown = ", ".join(f"{name} {format_shape(shapes[name])}" for name in RESULTS if name in shapes)
    lines = [what, sizes, f"{shown}: {problem.dtype.name}"]
    lines.append("; ".join(map(printable, conventions)) or "no mask: each query sees every key")
    lines.append(top_line(result) if "weights" in computed else "nothing is computed before it is asked for")
    return [line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…" for line in lines]


def top_line(result: Result) -> str:
    """Return the key that the first query attends to most."""
    row = np.asarray(result.weights[(*result.problem.index(0), 0)])
    names = Names(result.problem)
    if not np.isfinite(row).all() or not row.any():
        return f"{names.query(0)} attends to no key"
    best = int(row.argmax())
    return f"{names.query(0)} attends most to {names.key(best)}: {format_number(float(row[best]), 4)}"
