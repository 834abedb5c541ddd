"""Converting a page to ASCII before it is laid out, so that columns have the right width."""

from __future__ import annotations

from dataclasses import replace

from attncli.explain.page import Equation, Explanation, Grid, Line, Solution, Step
from attncli.render.result.tables import Style, to_ascii

STYLE = Style(ascii_only=True)


def convert_page(page: Explanation) -> Explanation:
    """Return the page with every string in ASCII. Numbers are converted by the notation."""
    return replace(
        page,
        title=_spell(page.title),
        introduction=_spell(page.introduction),
        formula=_equation(page.formula),
        facts=tuple((_spell(name), _spell(words)) for name, words in page.facts),
        preparation=tuple(map(_step, page.preparation)),
        solutions=tuple(map(_solution, page.solutions)),
        grids=tuple(map(_grid, page.grids)),
    )


def _grid(grid: Grid) -> Grid:
    return replace(
        grid,
        title=_spell(grid.title),
        row_labels=tuple(map(_spell, grid.row_labels)),
        column_labels=tuple(map(_spell, grid.column_labels)),
    )


def _spell(text: str) -> str:
    return to_ascii(text, STYLE)


def _equation(equation: Equation) -> Equation:
    return Equation(equation.sides, tuple("~" if sign == "≈" else sign for sign in equation.signs))


def _solution(solution: Solution) -> Solution:
    return Solution(
        _spell(solution.query),
        _spell(solution.part),
        tuple(map(_step, solution.steps)),
        tuple(map(_spell, solution.summary)),
    )


def _step(step: Step) -> Step:
    return replace(
        step,
        title=_spell(step.title),
        formula=step.formula and _equation(step.formula),
        words=tuple(map(_spell, step.words)),
        lines=tuple(map(_line, step.lines)),
        after=tuple(map(_spell, step.after)),
    )


def _line(line: Line) -> Line:
    equation = line.equation and _equation(line.equation)
    return replace(line, label=_spell(line.label), note=_spell(line.note), equation=equation)
