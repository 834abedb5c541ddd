"""What qk-norm and rope make of the rows of Q and K before they are scored."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from attncli.explain.page import Equation, Line, Step
from attncli.explain.rounding import Figures, pick_ends
from attncli.explain.steps.output import COLUMNS_AT_MOST
from attncli.explain.steps.projections import LINES_AT_MOST, some_rows
from attncli.explain.steps.rows_back import turned_lines
from attncli.explain.steps.weights import sum_of_others
from attncli.expressions import Expression, Rest, add, constant, divide, root, square
from attncli.matrix import Array
from attncli.problem.names import Names, quote_name
from attncli.problem.problem import Problem
from attncli.records import record
from attncli.stages.row_transforms import Rotation, RowNorm


@record
class GivenRows:
    """Queries or keys of one part: all rows (rows, d), those that are worked out, their positions and their names."""

    what: str
    letter: str
    rows: Array
    worked: list[int]
    positions: Array
    name: Callable[[int], str]


def row_change_steps(
    problem: Problem, names: Names, queries: list[int], parts: list[int], figures: Figures
) -> tuple[Step, ...]:
    """Return a step for each norm and each rotation of the queries and of the keys, with the arithmetic of the rows
    that the solutions use."""
    if not problem.is_transformed:
        return ()
    steps: list[Step] = []
    key_parts: set[tuple[int, ...]] = set()
    for number in parts:
        part, alone = problem.part(number), problem.isolate_part(number)
        positions = alone.visible.positions(0, np.arange(problem.n))
        place = f" of {names.part(number)}" if problem.parts > 1 else ""
        steps += _steps_of(
            problem, GivenRows(f"queries{place}", "q", part.queries, queries, positions, names.query), figures
        )
        if (index := problem.key_index(number)) not in key_parts:
            key_parts.add(index)
            keys = part.keys if part.given_keys is None else part.given_keys
            given = GivenRows(f"keys{place}", "k", keys, some_rows(problem.m), np.arange(problem.m), names.key)
            steps += _steps_of(problem, given, figures)
    return tuple(steps)


def _steps_of(problem: Problem, given: GivenRows, figures: Figures) -> list[Step]:
    steps = []
    with np.errstate(invalid="ignore"):  # a masked key may not be finite
        if problem.row_norm is not None:
            steps.append(_norm_step(problem.row_norm, given, figures))
            given = replace(given, rows=problem.row_norm.apply(given.rows))
        if problem.rotation is not None:
            steps.append(_rotation_step(problem.rotation, given, figures))
    return steps


def _norm_step(norm: RowNorm, given: GivenRows, figures: Figures) -> Step:
    """Return the step of the lengths, or root mean squares, and each row over its own."""

    def lines(row: int) -> list[Line]:
        numbers = given.rows[row]
        kept = pick_ends(len(numbers), COLUMNS_AT_MOST)
        squares: list[Expression] = [square(figures.number(numbers[c])) for c in kept]
        if len(kept) < len(numbers):
            squares.append(Rest(len(numbers) - len(kept), figures.number(sum_of_others(np.square(numbers), kept))))
        is_mean = norm.name == "rms"
        size = math.hypot(*numbers) / (math.sqrt(len(numbers)) if is_mean else 1.0)
        below = divide(add(*squares), constant(len(numbers))) if is_mean else add(*squares)
        made = [Line(f"{given.name(row)}, length", figures.equation(root(below), figures.factor(size)))]
        if size == 0:
            return [replace(made[0], note="the row stays zero")]
        for c in kept:
            sides = divide(figures.number(numbers[c]), figures.factor(size)), figures.number(numbers[c] / size)
            made.append(Line(f"{given.name(row)}, {given.letter} {c}", figures.equation(*sides)))
        return made

    words = f"qk-norm: each row {norm.explained}, {norm.formula}, so that only its direction counts."
    return _step(f"Norm the {given.what}", words, given, lines, norm.apply(given.rows), figures)


def _rotation_step(rotation: Rotation, given: GivenRows, figures: Figures) -> Step:
    """Return the step of a cos − b sin and a sin + b cos for each pair (a, b) of a row."""

    def lines(row: int) -> list[Line]:
        position = int(given.positions[row])
        angles = rotation.angles(np.array([position]))[0]
        return turned_lines(rotation, -angles, given.rows[row], f"{given.name(row)}, {given.letter}", figures)

    over = "" if rotation.factor == 1 else f"/{rotation.factor:g}"
    first = given.worked[0]
    position = int(given.positions[first])
    angles = ", ".join(f"{angle:.6g}" for angle in rotation.angles(np.array([position]))[0][:4])
    words = (
        f"Rope: {rotation.pairing.explained} are turned as points (a, b), to a cos − b sin and a sin + b cos, by the "
        f"angle position{over} · {rotation.base:g}^(−2c/{rotation.size}). At position {position}, that of "
        f"{quote_name(given.name(first))}, it is {angles}{', …' if rotation.size > 8 else ''}."
    )
    turned = rotation.apply(given.rows, given.positions)
    return _step(f"Turn the {given.what} by their positions", words, given, lines, turned, figures)


def _step(
    title: str, words: str, given: GivenRows, lines: Callable[[int], list[Line]], changed: Array, figures: Figures
) -> Step:
    """Return the step with the arithmetic of the worked rows, or of the first of many, and the changed rows."""
    worked = given.worked if len(given.worked) * given.rows.shape[1] <= LINES_AT_MOST else given.worked[:1]
    said = [words]
    if len(worked) < len(given.worked):
        said.append(f"The arithmetic of {given.name(worked[0])}; the others are worked out in the same way.")
    made = [line for row in worked for line in lines(row)]
    for row in given.worked:
        made.append(Line(given.name(row), Equation((figures.row(changed[row]),), ()), is_sum=True))
    return Step("change", title, None, tuple(said), tuple(made))
