"""Numbers as a page prints them, and equations that say "=" only where the printed numbers are equal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise

from attncli.arithmetic import Expression, Numeral, Operation, Rest, Row
from attncli.digits import shown
from attncli.explain.records import Equation
from attncli.records import record

NOISE = 1e-13  # a sum of decimals in binary is off by less: 2.8950000000000005 is printed as 2.895


@record
class Figures:
    """How many decimals a page shows."""

    digits: int

    def number(self, value: float) -> Numeral:
        """The decimals of `run`, without the zeros behind an exact number; three significant digits at least, so that
        what follows can be recomputed from it."""
        value = float(value)
        text = trimmed(shown(value, self.digits), value)
        if value == 0 or not math.isfinite(value) or abs(value) >= 10.0 ** (2 - self.digits) or is_exact(text, value):
            return Numeral(value, text)
        decimals = 2 - math.floor(math.log10(abs(value)))
        text = f"{value:.{decimals}f}" if abs(value) >= 10.0**-self.digits and decimals < 18 else f"{value:.2e}"
        return Numeral(value, trimmed(text, value))

    def factor(self, value: float) -> Numeral:
        """A number that others are multiplied by: two more decimals, so that their last digit comes out."""
        return Figures(min(self.digits + 2, 17)).number(value)

    def row(self, values: Iterable[float], most: int = 12) -> Row:
        """A vector; the first and last few of a long one."""
        numbers = [float(value) for value in values]
        kept = ends(len(numbers), most)
        cells = tuple(self.number(numbers[i]) for i in kept)
        gap = next((i for i in range(1, len(kept)) if kept[i] != kept[i - 1] + 1), 0)
        return Row(cells, gap, len(numbers) - len(kept))


def ends(size: int, most: int) -> list[int]:
    """All indices, or the first four and the last two of too many."""
    return list(range(size)) if size <= most else [0, 1, 2, 3, size - 2, size - 1]


def trimmed(text: str, value: float) -> str:
    """Without the zeros behind an exact number: 0.5000 is 0.5, but 0.50003 stays 0.5000."""
    if "." not in text or "e" in text or not is_exact(text, value):
        return text
    return text.rstrip("0").rstrip(".")


def is_exact(text: str, value: float) -> bool:
    """Whether nothing was rounded away."""
    return abs(float(text) - value) <= NOISE * abs(value)


def equation(*sides: Expression) -> Equation:
    """The sides as a chain; a side that repeats its neighbour is left out."""
    kept = [side for i, side in enumerate(sides) if i == 0 or side != sides[i - 1]]
    return Equation(tuple(kept), tuple(sign(a, b) for a, b in pairwise(kept)))


def sign(left: Expression, right: Expression) -> str:
    """ "=" where both sides, worked out from their printed numbers, are the same number."""
    if isinstance(right, Row):
        pairs = [_cellwise(left, i) for i in range(len(right.cells))]
        equal = all(a is not None and a == _exact(b) for a, b in zip(pairs, right.cells, strict=True))
        return "=" if equal else "≈"
    if isinstance(left, Operation) and isinstance(right, Operation) and left.kind == right.kind == "exp":
        left, right = left.operands[0], right.operands[0]
    first, second = _exact(left), _exact(right)
    return "=" if first is not None and first == second else "≈"


def _cellwise(expression: Expression, cell: int) -> Fraction | None:
    """One cell of an expression over rows."""
    if isinstance(expression, Row):
        return _exact(expression.cells[cell])
    if isinstance(expression, Operation) and expression.kind == "product":
        left, right = (_cellwise(operand, cell) for operand in expression.operands)
        return None if left is None or right is None else left * right
    return _exact(expression)


def _exact(expression: Expression) -> Fraction | None:
    """What the printed numbers come to; None where that is no fraction."""
    if isinstance(expression, Rest):
        return _exact(expression.total)
    if isinstance(expression, Numeral):
        return Fraction(expression.text) if math.isfinite(float(expression.text)) else None
    if not isinstance(expression, Operation) or expression.kind not in EXACTLY:
        return None
    if expression.kind == "exp" and isinstance(inner := expression.operands[0], Numeral) and inner.text == "-inf":
        return Fraction(0)
    operands = [_exact(operand) for operand in expression.operands]
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
    "tanh": lambda operands: Fraction(0) if operands[0] == 0 else None,
}
