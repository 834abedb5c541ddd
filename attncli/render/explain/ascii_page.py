"""A page in ASCII, before it is laid out, so that the columns fit what is printed."""

from __future__ import annotations

from dataclasses import replace

from attncli.explain.page import Equation, Explanation, Grid, Line, Solution, Step
from attncli.render.result.tables import Style, to_ascii

STYLE = Style(ascii_only=True)


def convert_page(page: Explanation) -> Explanation:
    """The page with every string spelt out; its numbers are the notation's business."""
    return replace(
        page,
        title=_spelt(page.title),
        introduction=_spelt(page.introduction),
        formula=_equation(page.formula),
        facts=tuple((_spelt(name), _spelt(words)) for name, words in page.facts),
        preparation=tuple(map(_step, page.preparation)),
        solutions=tuple(map(_solution, page.solutions)),
        grids=tuple(map(_grid, page.grids)),
    )


def _grid(grid: Grid) -> Grid:
    return replace(
        grid,
        title=_spelt(grid.title),
        row_labels=tuple(map(_spelt, grid.row_labels)),
        column_labels=tuple(map(_spelt, grid.column_labels)),
    )


def _spelt(text: str) -> str:
    return to_ascii(text, STYLE)


def _equation(equation: Equation) -> Equation:
    return Equation(equation.sides, tuple("~" if sign == "≈" else sign for sign in equation.signs))


def _solution(solution: Solution) -> Solution:
    return Solution(
        _spelt(solution.query),
        _spelt(solution.part),
        tuple(map(_step, solution.steps)),
        tuple(map(_spelt, solution.summary)),
    )


def _step(step: Step) -> Step:
    return replace(
        step,
        title=_spelt(step.title),
        formula=step.formula and _equation(step.formula),
        words=tuple(map(_spelt, step.words)),
        lines=tuple(map(_line, step.lines)),
        after=tuple(map(_spelt, step.after)),
    )


def _line(line: Line) -> Line:
    equation = line.equation and _equation(line.equation)
    return replace(line, label=_spelt(line.label), note=_spelt(line.note), equation=equation)
