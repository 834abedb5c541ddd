"""The precision with which numbers were printed, read from their texts cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.check.blocks import block_indices
from attncli.check.rounded_texts import rounded_decimals, shown_by_rounded
from attncli.check.shown import FULL, LEAST, MOST, Shown, divide_text, read_texts
from attncli.matrix import Array
from attncli.records import record, replace

if TYPE_CHECKING:
    from attncli.matrix import Matrix

AS_SHOWN = -1


@record
class _Rule:
    """What all cells of a matrix decide together about the claim of each.

    `most` and `significant` are the most decimals and significant digits of a plain cell. `point_digits` are the
    decimals of a print of whole numbers with a point, or None for any other print. `least` is the unit of a zero. If
    all cells have exponents, `rounded` are the decimals that all were rounded to before, or None.
    """

    most: int | None = None
    significant: int = 0
    point_digits: int | None = None
    has_point: bool = False
    least: float = 1.0
    rounded: int | None = None

    @property
    def decimals(self) -> int | None:
        """Return the most decimals that a plain cell claims, or None if every cell has an exponent."""
        if self.most is None:
            return self.rounded
        return self.most if self.point_digits is None else self.point_digits

    def claim(self, shown: Shown) -> Array:
        """Return the decimals that each cell claims.

        They are the most of any plain cell, or those of the most significant digits, whichever are fewer. In a print of
        whole numbers with a point they are the usual digits of such a print.
        """
        plain, decimals = shown.is_plain, shown.decimals
        if self.most is None:
            return decimals if self.rounded is None else np.minimum(decimals, self.rounded)
        if self.point_digits is not None:
            return np.where(plain, self.point_digits, decimals)
        digits = shown.digits
        fewer = np.minimum(self.most, self.significant - digits + decimals)
        beside = np.where(digits > 0, fewer, self.most)
        return np.where(plain | ~shown.is_number, beside, decimals)

    def units(self, shown: Shown) -> Array:
        """Return one unit of the last claimed digit before a zero takes the smallest of all: 0 for a fraction."""
        claimed = self.claim(shown)
        units = np.where(shown.is_fraction, 0.0, _powers(-claimed))
        is_zero = shown.is_zero
        if is_zero.any():  # an exponent makes no zero larger: 0e3 claims what 0 does
            units[is_zero] = np.minimum(units[is_zero], _powers(-shown.behind[is_zero]))
        return units


@record
class Extremes:
    """What the claims of a matrix are at most: the least and the largest unit of all cells and of those that are not
    full, and whether some or all cells are full, and some are whole."""

    least: float
    largest: float
    least_decimal: float
    largest_decimal: float
    has_full: bool
    all_full: bool
    has_whole: bool


class Claims:
    """The precision of each cell of a matrix, or of some rows of it.

    The arrays have the shape of `numbers`, the cells' values, and are made when they are used: those of a large matrix
    are used a few rows at a time.
    """

    def __init__(
        self, numbers: Array, shown: Shown | None, rule: _Rule, given: int | None = None, fewer: int | None = None
    ) -> None:
        self.numbers, self._shown, self._rule = numbers, shown, rule
        self._given = given  # decimals that are claimed instead of those of the texts
        self._fewer = fewer  # decimals that are tried; AS_SHOWN tries those that each cell shows

    def arranged(self, arrange: Callable[[Array], Array]) -> Claims:
        """Return the same claims with each array in another layout, or only some cells of each."""
        shown = None if self._shown is None else self._shown.arranged(arrange)
        return Claims(arrange(self.numbers), shown, self._rule, self._given, self._fewer)

    def at(self, where: tuple[Any, ...]) -> Claims:
        """Return the claims of some cells, such as those of a few rows."""
        return self.arranged(lambda array: array[where])

    def with_decimals(self, decimals: int) -> Claims:
        """Return the claims of the same cells, each with so many decimals."""
        return Claims(self.numbers, self._shown, self._rule, self._given, decimals)

    def as_shown(self) -> Claims:
        """Return the claims of the same cells, each with the digits that it shows itself."""
        return Claims(self.numbers, self._shown, self._rule, self._given, AS_SHOWN)

    @property
    def decimals(self) -> int | None:
        """Return the most decimals that a plain cell claims, or None if every cell has an exponent."""
        return self._rule.decimals if self._given is None else self._given

    def as_rounded(self) -> Claims | None:
        """Return the claims of the same numbers as somebody rounded them before they were printed with more digits, or
        None if they do not look so."""
        if self._shown is None:
            return None
        if (short := shown_by_rounded(self.numbers, self._shown)) is not None:
            return Claims(self.numbers, short, _rule_of(short))
        decimals = None if self._rule.most is not None else rounded_decimals(self.numbers, self._shown)
        if decimals is None:
            return None
        return Claims(self.numbers, self._shown, replace(self._rule, rounded=decimals, least=float(f"1e-{decimals}")))

    @property
    def is_whole_print(self) -> bool:
        """Return whether the texts are a print of whole numbers with a point, as in `1. 0.`, which hides zeros."""
        return self._given is None and self._rule.point_digits is not None

    def _full(self, value: Any) -> Array:
        return np.full(self.numbers.shape, value)

    @cached_property
    def unit(self) -> Array:
        """Return one unit of the last claimed digit, which is 0 for a fraction. The unit of a zero is the smallest of
        all."""
        if self._fewer == AS_SHOWN:
            return np.where(self.is_full, 0.0, self.shown)
        if self._fewer is not None or self._shown is None:
            return self._full(10.0 ** -(self._given if self._fewer is None else self._fewer))  # type: ignore[operator]
        units = self._rule.units(self._shown)
        units[self._shown.is_zero] = self._rule.least
        return units

    @cached_property
    def is_full(self) -> Array:
        """Return which cells claim a float64 in full."""
        if self._shown is None or (self._fewer is not None and self._fewer != AS_SHOWN):
            return self._full(False)
        shown, claimed = self._shown, self._rule.claim(self._shown)
        # a zero has no significant digit, and claims its decimals
        size = np.where(shown.digits > 0, shown.digits + claimed - shown.decimals, claimed)
        full: Array = (shown.is_fraction | (size >= FULL)) & shown.is_number
        return full

    @cached_property
    def shown(self) -> Array:
        """Return one unit of the last digit in the text."""
        if self._shown is None:
            return self._full(10.0**-self._given)  # type: ignore[operator]
        shown, rule = self._shown, self._rule
        last = shown.decimals
        if rule.point_digits is not None:
            last = np.where(shown.is_plain, rule.point_digits, last)
        return np.where(shown.is_fraction, 0.0, _powers(-last))

    @property
    def digits(self) -> Array:
        """Return the number of significant digits in the text."""
        return self._full(np.int32(0)) if self._shown is None else self._shown.digits

    @cached_property
    def ceiling(self) -> Array:
        """Return what no tolerance reaches: half of a number that is whole or has an exponent."""
        if self._shown is None:
            return self._full(np.inf)
        shown, sizes = self._shown, np.abs(self.numbers)
        has_ceiling = (shown.has_exponent | (shown.is_plain & (shown.behind == 0))) & (sizes > 0)
        return np.where(has_ceiling, sizes / 2, np.inf)

    @property
    def is_whole(self) -> Array:
        """Return which cells claim to be exact, such as whole numbers printed without a point."""
        if self._shown is None or self._rule.has_point:
            return self._full(False)
        return self._shown.is_plain

    @property
    def limit(self) -> Array:
        """Return the largest possible tolerance of a print: slightly less than the ceiling."""
        return self.ceiling * (1 - 1e-12)

    @property
    def shows_less(self) -> bool:
        """Return whether some cell shows fewer digits itself than it claims."""
        blocks = (self.at(where) for where in block_indices(self.numbers.shape))
        return any(bool((np.where(own.is_full, 0.0, own.shown) > own.unit).any()) for own in blocks)

    @cached_property
    def extremes(self) -> Extremes:
        """Return what the claims are at most, over all cells."""
        found = [_extremes_of(self.at(where)) for where in block_indices(self.numbers.shape)]
        return Extremes(
            least=min((one.least for one in found), default=np.inf),
            largest=max((one.largest for one in found), default=0.0),
            least_decimal=min((one.least_decimal for one in found), default=np.inf),
            largest_decimal=max((one.largest_decimal for one in found), default=0.0),
            has_full=any(one.has_full for one in found),
            all_full=all(one.all_full for one in found),
            has_whole=any(one.has_whole for one in found),
        )


def _extremes_of(claims: Claims) -> Extremes:
    unit, full = claims.unit, claims.is_full
    return Extremes(
        least=float(unit.min(initial=np.inf)),
        largest=float(unit.max(initial=0)),
        least_decimal=float(unit[~full].min(initial=np.inf)),
        largest_decimal=float(unit[~full].max(initial=0)),
        has_full=bool(full.any()),
        all_full=bool(full.all()),
        has_whole=bool(claims.is_whole.any()),
    )


def read_claims(matrix: Matrix, digits: int | None = None) -> Claims | None:
    """Return what the texts claim, or `digits` decimals if given, or None for numbers without texts."""
    numbers = np.asarray(matrix.array, np.float64)
    if digits is not None:
        return Claims(numbers, None, _Rule(), digits)
    if matrix.texts is None:
        return None
    shown = read_texts(matrix.texts)
    if bool(shown.is_fraction.any()):  # an answer that is not worked out
        shown = read_texts([divide_text(text) for text in matrix.texts])
    rule = _rule_of(shown, matrix.point_digits)
    return Claims(numbers, shown.arranged(lambda array: array.reshape(numbers.shape)), rule)


def _rule_of(shown: Shown, point_digits: int = 8) -> _Rule:
    """Return what all cells decide together."""
    most: int | None = None
    significant = 0
    has_point = is_behind = has_zero = False
    for block in shown.blocks():
        plain = block.is_plain
        has_zero = has_zero or bool(block.is_zero.any())
        if plain.any():
            most = max(int(block.decimals[plain].max()), most or 0)
            significant = max(int(block.digits[plain].max()), significant)
            has_point = has_point or bool(block.has_point[plain].any())
            is_behind = is_behind or bool(block.behind[plain].any())
    rule = _Rule(most, significant, point_digits if has_point and not is_behind else None, has_point)
    if has_zero:
        units = ((rule.units(block), block) for block in shown.blocks())
        least = min(float(unit[(unit > 0) & block.is_number].min(initial=1.0)) for unit, block in units)
        rule = replace(rule, least=least)
    return rule


def _powers(exponents: Array) -> Array:
    """Return 10**exponent, rounded to the nearest double."""
    if not exponents.size:
        return np.zeros(exponents.shape)
    near = np.clip(exponents, LEAST, MOST)
    least, most = int(near.min()), int(near.max())
    table = np.array([float(f"1e{exponent}") for exponent in range(least, most + 1)])
    powers: Array = table[near - least]
    return powers


def rounding_of(matrix: Matrix) -> Array | None:
    """Return half a unit of the last digit of each number that counts as rounded: text with three decimals or more.

    Integers are exact, and so is a matrix without a number with three decimals. Beside four decimals 0.5 means 0.5000.
    So is a matrix with more digits than a float64 is sure to keep: its numbers are the shortest texts of float64.
    """
    if matrix.texts is None or matrix.array.dtype.kind != "f":
        return None
    shown = read_texts(matrix.texts)
    if any(bool((block.digits[block.is_number] > FULL).any()) for block in shown.blocks()):
        return None
    rule = _rule_of(shown)
    plain_are_rounded = any(bool((block.behind[~block.has_exponent] >= 3).any()) for block in shown.blocks())
    halves = []
    for block in shown.blocks():
        is_rounded = np.where(block.has_exponent, block.behind >= 3, plain_are_rounded & (block.behind > 0))
        halves.append(np.where(is_rounded & block.is_number, _powers(-rule.claim(block)) / 2, 0.0))
    half: Array = np.concatenate(halves).reshape(matrix.array.shape)
    return half if half.any() else None
