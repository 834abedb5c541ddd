"""Some rows of an expected matrix against the same rows of the right one: errors, units, and which cells hold."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.blocks import cell_of
from attncli.check.dtype_texts import spacing
from attncli.check.precision import Claims
from attncli.matrix import Array

if TYPE_CHECKING:
    from attncli.check.blocks import Index
    from attncli.check.expected_matrix import ExpectedMatrix
    from attncli.check.tolerance.measures import Measured

FILL = -1e4  # a finite number that stands for -inf where a score is masked: the smallest that float16 fills use
NEAR = 1e-10  # relative to the largest number: from here on the rounding of float64 is bounded, not estimated


class JudgedBlock:
    """A block of a judge's matrix and of the computed numbers. `where` is its index in both."""

    def __init__(self, judge: ExpectedMatrix, measured: Measured, where: Index) -> None:
        self.judge, self.measured, self.where = judge, measured, where
        self.expected: Array = judge.expected[where]
        self.computed: Array = measured.numbers[judge.name][where]

    @cached_property
    def claims(self) -> Claims:
        """Return what the texts of these cells claim."""
        assert self.judge.claims is not None
        return self.judge.claims.at(self.where)

    def bound(self, dtype: str) -> Array:
        """Return the error that a plain computation in `dtype` may make in each cell."""
        return self.measured.bound(self.judge.name, dtype, self.where)

    def narrow(self, dtype: str) -> Array:
        """Return how far a plain computation in a half precision may be off in each cell."""
        return self.measured.narrow(self.judge.name, dtype, self.where)

    @cached_property
    def error(self) -> Array:
        """Return how far each cell is off.

        It is 0 if both are the same infinity or NaN, and NaN if only one is finite or they differ. A finite fill counts
        as the -inf of a mask.
        """
        expected, computed = self.expected, self.computed
        is_same = (expected == computed) | (np.isnan(expected) & np.isnan(computed))
        if self.judge.name in ("scores", "lse"):
            is_same |= np.isneginf(computed) & (expected <= FILL)
        is_finite = np.isfinite(expected) & np.isfinite(computed)
        with np.errstate(invalid="ignore"):
            error = np.where(is_finite, np.abs(expected - computed), np.nan)
        return np.where(is_same, 0.0, error)

    @cached_property
    def is_printed(self) -> Array:
        """Return which cells are the right number, rounded as it is printed."""
        holds: Array = self.error <= np.minimum(self.claims.unit / 2, self.claims.limit) + self._slack
        return holds

    @cached_property
    def is_cut(self) -> Array:
        """Return which cells are the right number, cut off after the last digit that is printed."""
        is_short = np.abs(self.expected) <= np.abs(self.computed) + self._slack
        holds: Array = self.is_printed | (is_short & (self.error <= self.claims.unit + self._slack))
        return holds

    @cached_property
    def is_near(self) -> Array:
        """Return which cells are the right number as it is printed, or one unit from it: half a unit more, if the
        rounding is not a tie."""
        near = self.error < np.minimum(1.5 * self.claims.unit - self._slack, self.claims.limit)
        found: Array = self.is_printed | (~self.claims.is_whole & near)
        return found

    @cached_property
    def _slack(self) -> Array:
        """Return the possible error of a plain float64 computation.

        It is a bound if the digits come near it, also for sums that cancel to almost nothing, and else negligible
        beside the digits of a short number.
        """
        assert self.judge.claims is not None
        extremes = self.judge.claims.extremes
        largest = max(self.measured.largest(self.judge.name), 1.0)
        if extremes.has_full or extremes.least < NEAR * largest:
            return self.bound("float64")
        slack: Array = 1e-9 * self.claims.unit + 8 * spacing(self.computed, "float64")
        return slack

    def is_another(self, dtype: str | None) -> Array:
        """Return which cells differ from the right number as it would be printed, or stored in the dtype."""
        if dtype is None and self.judge.claims is not None:
            return ~self.is_printed
        found: Array = ~(
            self.error <= spacing(self.computed, dtype or "float64") / 2 + 8 * spacing(self.computed, "float64")
        )
        return found

    @cached_property
    def scale(self) -> Array:
        """Return the unit in which the error of each cell is counted."""
        judge = self.judge
        if judge.tolerance is not None:
            return judge.tolerance.of(self.computed)
        if judge.claims is None:
            return self.bound(judge.dtype)
        if judge.claims.extremes.all_full:
            return spacing(self.computed, "float64")
        # a fraction among decimals: its error is counted in their unit
        return np.where(self.claims.is_full, judge.claims.extremes.least_decimal, self.claims.unit)

    @cached_property
    def units(self) -> Array:
        """Return the error of each cell in its own unit, which is infinite if kinds disagree."""
        error = self.error
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            units = np.where(error == 0, 0.0, error / self.scale)
        return np.where(np.isnan(error), np.inf, units)

    def cell(self, flat: int) -> tuple[int, ...]:
        """Return the index in the whole matrix of a cell of this block, by its place in C order."""
        return cell_of(flat, self.expected.shape, self.where)
