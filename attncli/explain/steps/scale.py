"""How the scale is written: 1/√d_k, with the number in it, and its value."""

from __future__ import annotations

import re

from attncli.explain.page import Equation
from attncli.explain.rounding import Figures
from attncli.expressions import Expression, Numeral, Symbol, constant, divide, root
from attncli.problem.problem import Problem

ROOT = re.compile(r"1/sqrt\((?:dk|d_k)\)")
RECIPROCAL = re.compile(r"1/(?:dk|d_k)")
WIDTH = Symbol("d", "k")


def scale_written(problem: Problem) -> Expression:
    """The scale as an expression of d_k or ℓ, as the user or the variant says it."""
    text = problem.scale_text
    if ROOT.fullmatch(text):
        return divide(constant(1), root(WIDTH))
    if RECIPROCAL.fullmatch(text):
        return divide(constant(1), WIDTH)
    if problem.length_scale is not None:
        length = Symbol("ℓ²" if "²" in problem.variant.default_scale else "ℓ")
        return divide(constant(1), length)
    try:
        return Numeral(float(text), text)
    except ValueError:
        return Symbol(text)


def scale_equation(problem: Problem, figures: Figures) -> Equation:
    """scale = 1/√d_k = 1/√2 ≈ 0.7071."""
    written, value = scale_written(problem), figures.factor(problem.scale)
    sides: list[Expression] = [value]
    if ROOT.fullmatch(problem.scale_text):
        sides.insert(0, divide(constant(1), root(constant(problem.d_k))))
    elif RECIPROCAL.fullmatch(problem.scale_text):
        sides.insert(0, divide(constant(1), constant(problem.d_k)))
    chain = figures.equation(*sides)
    if isinstance(written, Numeral):
        return Equation((Symbol("scale"), value), ("=",))
    first = "=" if len(sides) > 1 or float(value.text) == problem.scale else "≈"
    return Equation((Symbol("scale"), written, *chain.sides), ("=", first, *chain.signs))
