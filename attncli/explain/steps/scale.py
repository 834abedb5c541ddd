"""The equation of the scale: 1/√d_k, the number in it, and its value."""

from __future__ import annotations

from attncli.explain.page import Equation
from attncli.explain.rounding import Figures
from attncli.expressions import Expression, Numeral, Symbol, constant, divide, root
from attncli.problem.formula import RECIPROCAL, ROOT, scale_expression
from attncli.problem.problem import Problem


def scale_equation(problem: Problem, figures: Figures) -> Equation:
    """Return scale = 1/√d_k = 1/√2 ≈ 0.7071."""
    written, value = scale_expression(problem), figures.factor(problem.scale)
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
