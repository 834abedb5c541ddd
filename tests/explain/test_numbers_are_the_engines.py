"""Every result that a page prints is the engine's, at the precision shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from explain.board import PROBLEMS, Interval, calculated, page_of, printed_lines, sides_and_signs, worksheet

from attncli.inputs.request import Request
from attncli.problem.names import Names
from attncli.problem.prepare import prepare
from attncli.results.result import Result

RESULTS = {"raw": "raw_scores", "masked": "scores", "weights": "weights"}


def printed_results(request: Request, digits: int) -> dict[tuple[str, str, str], Interval]:
    """(query and part, step, label) → the number that its line ends with."""
    page = page_of(request, digits=digits, queries=[str(i) for i in range(prepare(request).n)])
    found = {}
    for owner, step, line, text in printed_lines(page):
        if step.name in ("project", "change", "join", "given"):
            continue
        last = sides_and_signs(text)[0][-1]
        if "∞" not in last and not last.startswith("["):
            value = calculated(last, digits)
            assert isinstance(value, Interval)
            found[owner, step.name, line.label] = value
    return found


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
@pytest.mark.parametrize("digits", [1, 4, 12])
def test_each_printed_result_is_the_engines(path: Path, digits: int) -> None:
    request = replace(worksheet(path).request, w_o=None, b_o=None)
    problem = prepare(request, compute="float64")
    result, names = Result(problem), Names(problem)
    printed = printed_results(request, digits)
    seen = 0
    for part in range(problem.parts):
        for row in range(problem.n):
            owner = f"{names.query(row)} {names.part(part)}"
            for step, name in RESULTS.items():
                line = result.lines(name, part, [row])[0]
                for j, value in enumerate(line):
                    cell = printed.get((owner, step, names.key(j)))
                    if cell is not None:
                        seen += 1
                        assert cell.meets(Interval.of(value)), f"{owner}, {step}, {names.key(j)}: {cell}, not {value}"
            for c, value in enumerate(result.lines("output", part, [row])[0] if problem.values is not None else []):
                seen += 1
                assert printed[owner, "output", column_label(names, c)].meets(Interval.of(value))
    cells = problem.parts * problem.n * (problem.m + (problem.d_v or 0))
    assert seen >= cells, "most results of a small problem are on its page"
    assert np.isfinite(result.weights).all()


def column_label(names: Names, column: int) -> str:
    if names.has_labels("values"):
        return f"output: {names.column(column)}"
    return "output" if names.problem.d_v == 1 else f"output, {names.column(column)}"
