"""Numbers as a page prints them, and equations with "=" only between printed numbers that are equal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

from attncli.explain.evaluation import comes_to, sign
from attncli.explain.page import Equation
from attncli.expressions import Expression, Numeral, Operation, Rest, Row
from attncli.numbers.display import format_number
from attncli.records import record

NOISE = 1e-13  # upper bound of the error of decimal sums in binary: 2.8950000000000005 is printed as 2.895
FINER_AT_MOST = 15  # digits: more than these are rounding errors of float64


@record
class Figures:
    """The number of decimals on a page, and of significant digits of a small number."""

    digits: int
    significant: int = 3

    def number(self, value: float) -> Numeral:
        """Return a number with the decimals of `run`, without trailing zeros if exact. It has at least three
        significant digits, so that results can be recomputed from it."""
        value = float(value)
        text = trim_zeros(format_number(value, self.digits), value)
        is_plain = abs(value) >= 10.0 ** (self.significant - 1 - self.digits)
        if value == 0 or not math.isfinite(value) or is_plain or is_exact(text, value):
            return Numeral(value, text)
        decimals = self.significant - 1 - math.floor(math.log10(abs(value)))
        is_fixed = abs(value) >= 10.0**-self.digits and decimals < 18
        text = f"{value:.{decimals}f}" if is_fixed else f"{value:.{self.significant - 1}e}"
        return Numeral(value, trim_zeros(text, value))

    def factor(self, value: float) -> Numeral:
        """Return a number by which others are multiplied, with two more decimals, so that their last digit is right."""
        return Figures(min(self.digits + 2, 17)).number(value)

    def row(self, values: Iterable[float], most: int = 12) -> Row:
        """Return a vector, or the first and last few numbers of a long one."""
        numbers = [float(value) for value in values]
        kept = pick_ends(len(numbers), most)
        cells = tuple(self.number(numbers[i]) for i in kept)
        gap = next((i for i in range(1, len(kept)) if kept[i] != kept[i - 1] + 1), 0)
        return Row(cells, gap, len(numbers) - len(kept))

    def equation(self, *sides: Expression) -> Equation:
        """Return the sides as a chain, each with the extra digits with which it gives the last side up to one unit of
        the last digit.

        A side that repeats its neighbour is left out. So is one whose value differs however many digits it has, because
        float64 cannot hold 1e-200·1e-200.
        """
        *worked, result = sides
        found = [self.finer(side, result) for side in worked]
        chain = [*(side for side in found if side is not None), result]
        kept = [side for i, side in enumerate(chain) if i == 0 or side != chain[i - 1]]
        return Equation(tuple(kept), tuple(sign(a, b) for a, b in pairwise(kept)))

    def finer(self, side: Expression, result: Expression) -> Expression | None:
        """Return the side in the fewest digits from which a reader can recompute the result, or None if there are
        none."""
        units = self.units(result)
        for more in range(FINER_AT_MOST + 1):
            found = side if more == 0 else Figures(self.digits + more, self.significant + more).rewrite(side)
            if comes_to(found, result, units):
                return found
        return None

    def units(self, result: Expression) -> list[float]:
        """Return the value of a 1 in the last digit, for each number of the result."""
        cells = result.cells if isinstance(result, Row) else (result,)
        return [self._unit(cell.text) if isinstance(cell, Numeral) else 0.0 for cell in cells]

    def _unit(self, text: str) -> float:
        mantissa, _, exponent = text.partition("e")
        decimals = len(mantissa.partition(".")[2])
        return float(10.0 ** (int(exponent) - decimals)) if exponent else 10.0 ** -max(decimals, self.digits)

    def rewrite(self, expression: Expression) -> Expression:
        """Return the expression with all rounded numbers in the digits of this page."""
        if isinstance(expression, Numeral):
            return expression if is_exact(expression.text, expression.value) else self._longer(expression)
        if isinstance(expression, Rest):
            total = self.rewrite(expression.total)
            return Rest(expression.count, total) if isinstance(total, Numeral) else expression
        if isinstance(expression, Row):
            cells = tuple(cell for cell in map(self.rewrite, expression.cells) if isinstance(cell, Numeral))
            return Row(cells, expression.gap, expression.left_out)
        if isinstance(expression, Operation):
            return Operation(expression.kind, tuple(self.rewrite(operand) for operand in expression.operands))
        return expression

    def _longer(self, numeral: Numeral) -> Numeral:
        """Return the number in these digits, unless its text is fixed, as the scale's is."""
        found = self.number(numeral.value)
        return found if len(found.text) > len(numeral.text) else numeral


def write_minus(text: str) -> str:
    """Return the text of a number with a minus sign in place of a hyphen before it."""
    return f"−{text[1:]}" if text.startswith("-") else text


def pick_ends(size: int, most: int) -> list[int]:
    """Return all indices, or the first four and the last two if there are too many."""
    return list(range(size)) if size <= most else [0, 1, 2, 3, size - 2, size - 1]


def trim_zeros(text: str, value: float) -> str:
    """Return the text without trailing zeros if it is exact (0.5000 becomes 0.5, but 0.50003 stays 0.5000), and without
    digits that come from binary (0.10000000000000001 becomes 0.1)."""
    if "." not in text or "e" in text or not is_exact(text, value):
        return text
    short = repr(value + 0.0)  # -0.0 becomes 0
    if "e" not in short and len(short) < len(text):
        text = short
    return text.rstrip("0").rstrip(".")


def is_exact(text: str, value: float) -> bool:
    """Return whether the text is not rounded."""
    return abs(float(text) - value) <= NOISE * abs(value)
