"""From the gradient of a row as it is scored to that of the row as it was given: lengths, rope, qk-norm."""

from __future__ import annotations

import math

import numpy as np

from attncli.explain.noise import settled_average
from attncli.explain.page import Line
from attncli.explain.rounding import Figures, pick_ends
from attncli.explain.steps.output import COLUMNS_AT_MOST
from attncli.explain.steps.weights import sum_of_others
from attncli.expressions import Expression, Rest, add, constant, divide, multiply, subtract
from attncli.matrix import Array
from attncli.problem.problem import Problem
from attncli.stages.row_transforms import Rotation


def row_back_lines(
    problem: Problem, given: Array, scored: Array, position: int, d_prepared: Array, name: str, figures: Figures
) -> tuple[list[Line], list[str]]:
    """Return lines, and words before them, from `d_prepared` (d_k,) back to the row `given` (d_k,), which was `scored`
    after qk-norm and rope at `position`."""
    lines: list[Line] = []
    words: list[str] = []
    d_row = d_prepared
    if problem.variant.prepare_backward is not None:
        more, more_words = _length_lines(scored, d_row, 1.0, f"{name} before length", figures)
        words.append("A row's length takes no part in a cosine: what lies along the row is taken away.")
        lines, words = [*lines, *more], [*words, *more_words]
        d_row = problem.variant.prepare_backward(scored[None], d_row[None])[0]
    if problem.rotation is not None:
        words.append("Rope turns the gradient back by the angles by which it turned the row.")
        angles = problem.rotation.angles(np.array([position]))[0]
        lines += turned_lines(problem.rotation, angles, d_row, f"{name} before rope", figures)
        d_row = problem.rotation.backward(d_row[None], np.array([position]))[0]
    if problem.row_norm is not None:
        factor = math.sqrt(len(given)) if problem.row_norm.name == "rms" else 1.0
        more, more_words = _length_lines(given, d_row, factor, f"{name} before qk-norm", figures)
        words.append("qk-norm takes the row's length away, and with it what of the gradient lies along the row.")
        lines, words = [*lines, *more], [*words, *more_words]
    return lines, words


def _length_lines(
    row: Array, gradient: Array, factor: float, name: str, figures: Figures
) -> tuple[list[Line], list[str]]:
    """Return the lines of (g − u (u·g)) · factor / ‖x‖ for the row x with direction u."""
    length = math.hypot(*row)
    if not length:
        words = "A row of zeros has no direction, and so no derivative: 0 is taken."
        return [Line(name, figures.equation(constant(0)), is_sum=True)], [words]
    unit = row / length
    kept = pick_ends(len(row), COLUMNS_AT_MOST)
    products = unit * gradient
    terms: list[Expression] = [multiply(figures.factor(unit[c]), figures.number(gradient[c])) for c in kept]
    if len(kept) < len(row):
        terms.append(Rest(len(row) - len(kept), figures.number(sum_of_others(products, kept))))
    along = settled_average(float(products.sum()), unit, gradient)
    lines = [Line(f"{name.partition(' ')[0]} along the row", figures.equation(add(*terms), figures.number(along)))]
    for c in kept:
        across = settled_average(
            float(gradient[c] - unit[c] * along), np.array([1.0, along]), np.array([gradient[c], -unit[c]])
        )
        written: Expression = subtract(
            figures.number(gradient[c]), multiply(figures.factor(unit[c]), figures.number(along))
        )
        sides = [divide(each, figures.factor(length / factor)) for each in (written, figures.number(across))]
        result = figures.number(across * factor / length)
        lines.append(Line(f"{name} {c}", figures.equation(*sides, result), is_sum=True))
    return lines, []


def turned_lines(rotation: Rotation, angles: Array, row: Array, name: str, figures: Figures) -> list[Line]:
    """Return the lines of a cos + b sin and b cos − a sin for each pair (a, b) of a row (d_k,): turned back by these
    angles (size/2,)."""
    columns = np.arange(rotation.size)
    firsts, seconds = (columns[part(rotation.size)] for part in (rotation.pairing.first, rotation.pairing.second))
    turned: dict[int, tuple[list[Expression], float]] = {}
    for one, two, angle in zip(firsts, seconds, angles, strict=True):
        cosine, sine = math.cos(angle), math.sin(angle)
        for column, factors in ((one, (cosine, sine)), (two, (-sine, cosine))):
            pair = np.array([row[one], row[two]])
            terms: list[Expression] = [
                multiply(figures.number(a), figures.factor(b)) for a, b in zip(pair, factors, strict=True)
            ]
            value = settled_average(float(pair @ np.array(factors)), pair, np.array(factors))
            turned[int(column)] = terms, value
    lines = []
    for c in pick_ends(len(row), COLUMNS_AT_MOST):
        terms, value = turned.get(c, ([figures.number(row[c])], float(row[c])))
        lines.append(Line(f"{name} {c}", figures.equation(add(*terms), figures.number(value)), is_sum=True))
    return lines
