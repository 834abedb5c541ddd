"""Judging one expected matrix by computed numbers: its verdict, and its worst cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.precision import Claims, are_float32, finer_than, spacing
from attncli.check.tolerance.narrow import FAR, are_printed, narrow_dtypes
from attncli.problem.heads import swap_shape
from attncli.records import record

if TYPE_CHECKING:
    from attncli.check.tolerance.measures import Measured

Array = np.ndarray

MOST_UNITS = 10  # rounded inputs never explain a difference of more claimed units
FILL = -1e4  # a finite number that stands for -inf where a score is masked: the smallest that float16 fills use
NEAR = 1e-10  # relative to the largest number: from here on the rounding of float64 is bounded, not estimated


@record
class Tolerance:
    """|expected − computed| ≤ absolute + relative·|computed|. `said` is its name in messages, if it has one."""

    relative: float
    absolute: float
    said: str = ""

    def of(self, computed: Array) -> Array:
        """Return what is allowed in each cell."""
        with np.errstate(invalid="ignore"):  # 0 times infinity is NaN
            allowed: Array = self.absolute + self.relative * np.abs(computed)
        return allowed

    def __str__(self) -> str:
        return self.said or f"rtol {self.relative:g}, atol {self.absolute:g}"


# torch.testing.assert_close
DEFAULTS = {
    "float16": Tolerance(1e-3, 1e-5),
    "bfloat16": Tolerance(1.6e-2, 1e-5),
    "float32": Tolerance(1.3e-6, 1e-5),
    "float64": Tolerance(1e-7, 1e-7),
}


@dataclass
class Judge:
    """One expected matrix, with what its text claims or the tolerance that it is compared by.

    `expected` is in float64 and in the public shape of its result. Without claims and tolerance, the bound is that of a
    plain computation in its dtype. If the tolerance is that of the dtype (`is_default`), numbers in half precision may
    also be off by the error of a computation in it. `heads_last`: users have the result as (…, n, heads, d), and here
    it is (…, heads, n, d).
    """

    name: str
    expected: Array
    claims: Claims | None
    tolerance: Tolerance | None
    dtype: str
    texts: Array | None = None
    is_default: bool = False
    heads_last: bool = False
    beside: frozenset[str] = frozenset()  # half precisions whose numbers other matrices are
    stated: str | None = None  # the half precision that a print says its numbers are of
    differing: int = 0  # cells that are not the right numbers as they would be printed, if the print may be a float16's

    def verdict(self, measured: Measured) -> str:
        """Return the best verdict for these numbers."""
        computed = measured.numbers[self.name]
        if computed.shape != self.expected.shape:
            return "wrong"
        error = self._error(computed)
        if self.tolerance is not None:
            return self._by_tolerance(self.tolerance, error, measured)
        if self.claims is None:
            return "exact" if bool((error <= 2 * measured.bound(self.name, self.dtype)).all()) else "wrong"
        return self._by_digits(self.claims, error, measured)

    def given_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return a shape of this result as users have it."""
        return swap_shape(shape) if self.heads_last and len(shape) > 2 else shape

    def given_cell(self, at: tuple[int, ...]) -> tuple[int, ...]:
        """Return the index of a cell as users have it."""
        return swap_shape(at) if self.heads_last and len(at) > 2 else at

    def is_off(self, measured: Measured) -> Array:
        """Return which cells are off by more than their unit."""
        computed = measured.numbers[self.name]
        found: Array = ~(self._error(computed) <= self.scale(computed, measured))
        return found

    def is_within(self, allowed: Array, measured: Measured) -> bool:
        """Return whether no cell is off by more than `allowed`."""
        error = self._error(measured.numbers[self.name])
        return bool((error <= allowed).all())

    def is_beyond(self, measured: Measured) -> Array:
        """Return which cells are off by more than one unit of the right number as it would be printed."""
        assert self.claims is not None
        error = self._error(measured.numbers[self.name])
        holds = self._is_printed(self.claims, error, measured) | self._is_neighbour(self.claims, error, measured)
        found: Array = ~holds
        return found

    def is_another(self, measured: Measured, dtype: str | None) -> Array:
        """Return which cells differ from the right number as it would be printed, or stored in the dtype."""
        computed = measured.numbers[self.name]
        error = self._error(computed)
        if dtype is None:
            assert self.claims is not None
            return ~self._is_printed(self.claims, error, measured)
        found: Array = ~(error <= spacing(computed, dtype) / 2 + 8 * spacing(computed, "float64"))
        return found

    def count_differing(self, measured: Measured) -> int:
        """Return how many cells are not the right numbers as they would be printed, or 0 if the texts are too short for
        those of a float16."""
        if self.claims is None or self.tolerance is not None:
            return 0
        if measured.numbers[self.name].shape != self.expected.shape:
            return 0
        if not finer_than(self.expected, self.claims, "float16"):
            return 0
        return int(self.is_another(measured, None).sum())

    def _is_printed(self, claims: Claims, error: Array, measured: Measured) -> Array:
        """Return which cells are the right number, rounded as it is printed."""
        holds: Array = error <= np.minimum(claims.unit / 2, claims.limit) + self._slack(claims, measured)
        return holds

    def _is_neighbour(self, claims: Claims, error: Array, measured: Measured) -> Array:
        """Return which cells are one unit from the rounded right number: half a unit more, if the rounding is not a
        tie."""
        near: Array = error < np.minimum(1.5 * claims.unit - self._slack(claims, measured), claims.limit)
        found: Array = ~claims.is_whole & near
        return found

    def _by_tolerance(self, tolerance: Tolerance, error: Array, measured: Measured) -> str:
        allowed = tolerance.of(measured.numbers[self.name])
        if bool(((error == 0) | (error <= allowed)).all()):
            return "within-tolerance"
        return self._in_half(error, measured) or "wrong"

    def transposed(self, shape: tuple[int, ...]) -> Judge | None:
        """Return the judge of the same numbers with two neighbouring axes swapped, if that gives this shape, or
        None."""
        for axes in ((-1, -2), (-2, -3)):
            if self.expected.ndim >= -axes[1]:
                turn = partial(np.swapaxes, axis1=axes[0], axis2=axes[1])
                if turn(self.expected).shape == shape:
                    claims = None if self.claims is None else self.claims.arranged(turn)
                    return replace(self, expected=turn(self.expected), claims=claims, texts=None)
        return None

    def _error(self, computed: Array) -> Array:
        """Return how far each cell is off.

        It is 0 if both are the same infinity or NaN, and NaN if only one is finite or they differ. A finite fill counts
        as the -inf of a mask.
        """
        expected = self.expected
        is_same = (expected == computed) | (np.isnan(expected) & np.isnan(computed))
        is_filled = np.isneginf(computed) & (expected <= FILL) & (self.name in ("scores", "lse"))
        is_finite = np.isfinite(expected) & np.isfinite(computed)
        with np.errstate(invalid="ignore"):
            error = np.where(is_finite, np.abs(expected - computed), np.nan)
        return np.where(is_same | is_filled, 0.0, error)

    def _by_digits(self, claims: Claims, error: Array, measured: Measured) -> str:
        computed = measured.numbers[self.name]
        holds = self._is_printed(claims, error, measured)
        if holds.all():
            return "exact"
        if (holds | self._is_neighbour(claims, error, measured)).all():
            return "last-digit"
        if self.is_float32:
            allowed = 2 * spacing(computed, "float32")
            if self.shows_float32:
                allowed = np.maximum(2 * measured.bound(self.name, "float32"), allowed)
                allowed = allowed + np.minimum(claims.unit / 2, claims.limit)
            if bool((error <= allowed).all()):
                return "float32"
        return self._in_half(error, measured) or ("input-rounding" if self._is_moved(error, measured) else "wrong")

    def _in_half(self, error: Array, measured: Measured) -> str | None:
        """Return the half precision in which a plain computation is half as far off, if these are numbers of it, or
        None."""
        computed = measured.numbers[self.name]
        largest = np.abs(computed[np.isfinite(computed)]).max(initial=0)
        if not bool((error <= FAR * largest).all()):  # imitating a computation takes long
            return None
        for dtype in self.narrow:
            allowed = 2 * measured.narrow(self.name, dtype)
            if dtype == self.stated and self.claims is not None:
                allowed = allowed + np.minimum(self.claims.shown / 2, self.claims.limit)
            if bool((error <= allowed).all()):
                return dtype
        return None

    def _is_moved(self, error: Array, measured: Measured) -> bool:
        """Return whether some inputs within their rounding give all the numbers at once, each within a unit of the
        print."""
        assert self.claims is not None
        unit, limit = self.claims.unit, self.claims.limit
        if not measured.halves or not bool((error <= np.minimum(MOST_UNITS * unit, limit)).all()):
            return False
        return measured.movement.explains(self.name, self.expected, np.minimum(unit, limit))

    def _slack(self, claims: Claims, measured: Measured) -> Array:
        """Return the possible error of a plain float64 computation.

        It is a bound if the digits come near it, also for sums that cancel to almost nothing, and else negligible
        beside the digits of a short number.
        """
        computed = measured.numbers[self.name]
        largest = np.abs(computed[np.isfinite(computed)]).max(initial=1.0)
        if claims.is_full.any() or claims.unit.min() < NEAR * largest:
            return measured.bound(self.name, "float64")
        slack: Array = 1e-9 * claims.unit + 8 * spacing(computed, "float64")
        return slack

    @cached_property
    def narrow(self) -> tuple[str, ...]:
        """Return the half precisions whose numbers these are, or none if another tolerance was requested."""
        if self.tolerance is not None and not self.is_default:
            return ()
        if self.stated is not None and self.claims is not None and are_printed(self.expected, self.claims, self.stated):
            return (self.stated,)
        return narrow_dtypes(self.expected, self.claims, self.beside, self.differing)

    @cached_property
    def is_float32(self) -> bool:
        """Return whether the texts are those of float32 numbers."""
        assert self.claims is not None
        return are_float32(self.expected, self.claims)

    @cached_property
    def shows_float32(self) -> bool:
        """Return whether some text is long enough to rule out a coincidence."""
        assert self.claims is not None
        return finer_than(self.expected, self.claims, "float32")

    def worst(self, measured: Measured) -> tuple[tuple[int, ...], Array]:
        """Return the cell with the largest error in its own unit, and all errors in these units (inf if kinds
        disagree).

        Of several infinite errors, it is the cell with the largest number.
        """
        computed = measured.numbers[self.name]
        error = self._error(computed)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            units = np.where(error == 0, 0.0, error / self.scale(computed, measured))
        counted = np.where(np.isnan(error), np.inf, units)
        largest = np.argmax(np.where(counted == counted.max(), error, 0))  # NaN counts as the largest
        at = np.unravel_index(int(largest), counted.shape)
        return tuple(int(i) for i in at), counted

    def scale(self, computed: Array, measured: Measured) -> Array:
        """Return the unit in which the error of each cell is counted."""
        if self.tolerance is not None:
            return self.tolerance.of(computed)
        if self.claims is None:
            return measured.bound(self.name, self.dtype)
        full = self.claims.is_full
        if full.all():
            return spacing(computed, "float64")
        # a fraction among decimals: its error is counted in their unit
        return np.where(full, self.claims.unit[~full].min(), self.claims.unit)
