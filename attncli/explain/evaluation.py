"""The values of printed expressions: as exact fractions if possible, or else in floating point."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from attncli.expressions import Expression, Numeral, Operation, Rest, Row


def sign(left: Expression, right: Expression) -> str:
    """Return "=" if both sides, computed from their printed numbers, are equal, or else "≈"."""
    if isinstance(right, Row):
        pairs = [_cellwise(left, i) for i in range(len(right.cells))]
        equal = all(a is not None and a == exact(b) for a, b in zip(pairs, right.cells, strict=True))
        return "=" if equal else "≈"
    if isinstance(left, Operation) and isinstance(right, Operation) and left.kind == right.kind == "exp":
        left, right = left.operands[0], right.operands[0]
    first, second = exact(left), exact(right)
    return "=" if first is not None and first == second else "≈"


def comes_to(side: Expression, result: Expression, units: list[float]) -> bool:
    """Return whether the printed numbers of a side give the printed result, up to one unit of its last digit. Return
    True if the result is not finite."""
    cells = result.cells if isinstance(result, Row) else (result,)
    for place, (cell, unit) in enumerate(zip(cells, units, strict=True)):
        found, wanted = floating(evaluate_at(side, place)), floating(cell)
        if math.isfinite(wanted) and not abs(found - wanted) <= unit:
            return False
    return True


def evaluate_at(expression: Expression, cell: int) -> Expression:
    """Return an expression over rows at one of their cells."""
    if isinstance(expression, Row):
        return expression.cells[cell]
    if isinstance(expression, Operation):
        return Operation(expression.kind, tuple(evaluate_at(operand, cell) for operand in expression.operands))
    return expression


def _cellwise(expression: Expression, cell: int) -> Fraction | None:
    """Return the value of one cell of an expression over rows."""
    return exact(evaluate_at(expression, cell))


def floating(expression: Expression) -> float:
    """Return the value of the printed numbers, or NaN if it is undefined.

    It is exact as long as fractions suffice, so that cancellation causes no noise.
    """
    fraction = exact(expression)
    if fraction is not None:
        return _to_float(fraction)
    if isinstance(expression, Rest):
        return floating(expression.total)
    if isinstance(expression, Numeral):
        return float(expression.text)
    if not isinstance(expression, Operation) or expression.kind not in FLOATING:
        return math.nan
    try:
        return FLOATING[expression.kind]([floating(operand) for operand in expression.operands])
    except (ArithmeticError, ValueError):
        return math.nan


def _to_float(fraction: Fraction) -> float:
    try:
        return float(fraction)
    except OverflowError:
        return math.inf if fraction > 0 else -math.inf


FLOATING: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "difference": lambda operands: operands[0] - operands[1],
    "product": lambda operands: operands[0] * operands[1],
    "quotient": lambda operands: operands[0] / operands[1],
    "negative": lambda operands: -operands[0],
    "absolute": lambda operands: abs(operands[0]),
    "square": lambda operands: operands[0] * operands[0],
    "root": lambda operands: math.sqrt(operands[0]),
    "exp": lambda operands: math.exp(operands[0]),
    "log": lambda operands: math.log(operands[0]),
    "tanh": lambda operands: math.tanh(operands[0]),
}


def exact(expression: Expression) -> Fraction | None:
    """Return the value of the printed numbers, or None if it is not a fraction."""
    if isinstance(expression, Rest):
        return exact(expression.total)
    if isinstance(expression, Numeral):
        return Fraction(expression.text) if math.isfinite(float(expression.text)) else None
    if not isinstance(expression, Operation) or expression.kind not in EXACTLY:
        return None
    if expression.kind == "exp" and isinstance(inner := expression.operands[0], Numeral) and inner.text == "-inf":
        return Fraction(0)
    operands = [exact(operand) for operand in expression.operands]
    if any(operand is None for operand in operands):
        return None
    return EXACTLY[expression.kind]([operand for operand in operands if operand is not None])


def _quotient(operands: list[Fraction]) -> Fraction | None:
    return operands[0] / operands[1] if operands[1] else None


def _root(operands: list[Fraction]) -> Fraction | None:
    if operands[0] < 0:
        return None
    above, below = math.isqrt(operands[0].numerator), math.isqrt(operands[0].denominator)
    exact = above * above == operands[0].numerator and below * below == operands[0].denominator
    return Fraction(above, below) if exact else None


EXACTLY: dict[str, Callable[[list[Fraction]], Fraction | None]] = {
    "sum": lambda operands: sum(operands, Fraction(0)),
    "difference": lambda operands: operands[0] - operands[1],
    "product": lambda operands: operands[0] * operands[1],
    "quotient": _quotient,
    "negative": lambda operands: -operands[0],
    "absolute": lambda operands: abs(operands[0]),
    "square": lambda operands: operands[0] * operands[0],
    "root": _root,
    "exp": lambda operands: Fraction(1) if operands[0] == 0 else None,
    "log": lambda operands: Fraction(0) if operands[0] == 1 else None,
    "tanh": lambda operands: Fraction(0) if operands[0] == 0 else None,
}
