"""The equation of the scale: 1/√d_k, the number in it, and its value."""

from __future__ import annotations

from attncli.explain.page import Equation
from attncli.explain.rounding import Figures
from attncli.expressions import Expression, Numeral, Operation, Symbol, constant, contains, divide, root, substitute
from attncli.inputs.scale import KEYS, QUERIES, SIZE, parse_scale
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
    elif (parsed := _operation_of(problem)) is not None:
        counts: dict[Expression, Expression] = {
            SIZE: constant(problem.d_k),
            QUERIES: constant(problem.n),
            KEYS: constant(problem.m),
        }
        written = parsed
        if any(contains(parsed, symbol) for symbol in counts):
            sides.insert(0, substitute(parsed, counts))
    chain = figures.equation(*sides)
    if isinstance(written, Numeral):
        return Equation((Symbol("scale"), value), ("=",))
    first = "=" if len(sides) > 1 or float(value.text) == problem.scale else "≈"
    return Equation((Symbol("scale"), written, *chain.sides), ("=", first, *chain.signs))


def _operation_of(problem: Problem) -> Expression | None:
    """Return the scale as an operation on sizes and numbers, or None if it is a number, comes from a length or is
    written as given."""
    if problem.length_scale is not None:
        return None
    parsed = parse_scale(problem.scale_text)
    return parsed if isinstance(parsed, Operation) and "power" not in kinds_of(parsed) else None


def kinds_of(expression: Expression) -> set[str]:
    """Return the kinds of the operations in an expression."""
    if not isinstance(expression, Operation):
        return set()
    return {expression.kind}.union(*map(kinds_of, expression.operands))
