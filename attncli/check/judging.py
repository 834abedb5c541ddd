"""One expected matrix against computed numbers: which verdict it gets, and at which cell it is worst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.claims import Claims, are_float32, finer_than_float32
from attncli.records import record

if TYPE_CHECKING:
    from attncli.check.measures import Measured

Array = np.ndarray

EPSILON = float(np.finfo(np.float64).eps)
MOST_UNITS = 10  # an input-rounding bound of more claimed units explains nothing
FILL = -1e4  # a finite number that stands for -inf where a score is masked: the least that float16 fills hold
LOOSE = 1e-2  # of a number: no plain float32 computation is off by more and still worth a bound
NEAR = 1e-10  # of the largest number: from here on the rounding of float64 arithmetic is bounded, not guessed


@record
class Tolerance:
    """|expected − computed| ≤ absolute + relative·|computed|."""

    relative: float
    absolute: float

    def of(self, computed: Array) -> Array:
        """What is allowed in each cell."""
        with np.errstate(invalid="ignore"):  # 0 of an infinity is no number
            allowed: Array = self.absolute + self.relative * np.abs(computed)
        return allowed

    def __str__(self) -> str:
        return f"rtol {self.relative:g}, atol {self.absolute:g}"


# torch.testing.assert_close
DEFAULTS = {
    "float16": Tolerance(1e-3, 1e-5),
    "bfloat16": Tolerance(1.6e-2, 1e-5),
    "float32": Tolerance(1.3e-6, 1e-5),
    "float64": Tolerance(1e-7, 1e-7),
}


@dataclass(slots=True)
class Judge:
    """One expected matrix: `expected` in float64 and in the public shape of its result, with what its text claims, or
    the tolerance that it is compared by, or the dtype whose plain computation bounds it."""

    name: str
    expected: Array
    claims: Claims | None
    tolerance: Tolerance | None
    strict_dtype: str | None = None
    texts: Array | None = None
    _float32: bool | None = None

    def verdict(self, measured: Measured) -> str:
        """The best verdict that these numbers earn."""
        computed = measured.numbers[self.name]
        if computed.shape != self.expected.shape:
            return "wrong"
        settled, disagrees = self._unequal_kinds(computed)
        if disagrees.any():
            return "wrong"
        with np.errstate(invalid="ignore"):
            error = np.where(settled, 0.0, np.abs(self.expected - computed))
        if self.tolerance is not None:
            allowed = self.tolerance.of(computed)
            return "within-tolerance" if bool((error <= np.where(settled, 0.0, allowed)).all()) else "wrong"
        if self.claims is None:
            assert self.strict_dtype is not None
            return "exact" if bool((error <= 2 * measured.bound(self.name, self.strict_dtype)).all()) else "wrong"
        return self._by_digits(self.claims, error, computed, measured)

    def _by_digits(self, claims: Claims, error: Array, computed: Array, measured: Measured) -> str:
        unit = claims.unit
        slack = self._slack(claims, computed, measured)
        if bool((error <= unit / 2 + slack).all()):
            return "exact"
        # at most one unit from the right number rounded: half a unit more, where that is no tie
        if bool(((error < 1.5 * unit - slack) | (error <= unit / 2 + slack)).all()):
            return "last-digit"
        near = error <= LOOSE * (np.abs(np.where(np.isfinite(computed), computed, 0)) + LOOSE) + unit
        if bool(near.all()) and self.is_float32():
            allowed = 2 * np.spacing(np.abs(computed).astype(np.float32)).astype(np.float64)
            if self.shows_float32():
                allowed = np.maximum(2 * measured.bound(self.name, "float32"), allowed) + unit / 2
            if bool((error <= allowed).all()):
                return "float32"
        if bool((error <= (MOST_UNITS + 1) * unit + slack).all()):
            movement = measured.movement()
            if movement is not None and self._is_moved(movement, error, unit, computed):
                return "input-rounding"
        return "wrong"

    def _is_moved(self, movement: object, error: Array, unit: Array, computed: Array) -> bool:
        """Whether the rounding of the inputs explains each cell that the print does not, up to the print's unit."""
        from attncli.check.rounding import Movement

        assert isinstance(movement, Movement)
        doubtful = error >= 1.5 * unit * (1 - 1e-9)
        bound = movement.bound(self.name)
        if not bool(((bound <= MOST_UNITS * unit) & (error <= bound + unit))[doubtful].all()):
            return False
        for cell in np.argwhere(doubtful):
            place = tuple(int(i) for i in cell)
            upwards = bool(self.expected[place] > computed[place])
            reached = movement.reached(self.name, place, upwards)
            if reached is not None and error[place] > abs(reached - computed[place]) + unit[place]:
                return False
        return True

    def _slack(self, claims: Claims, computed: Array, measured: Measured) -> Array:
        """What a plain float64 computation may be off: its bound where the digits come near it, which includes sums
        that cancel to almost nothing; next to nothing beside a short number's digits."""
        finite = np.abs(np.where(np.isfinite(computed), computed, 0))
        units = claims.unit[claims.unit > 0]
        if claims.is_full.any() or (units.size and float(units.min()) < NEAR * max(1.0, float(finite.max()))):
            return measured.bound(self.name, "float64")
        slack: Array = 1e-9 * claims.unit + 8 * EPSILON * finite
        return slack

    def is_float32(self) -> bool:
        """Whether the texts are those of float32 numbers."""
        if self._float32 is None:
            self._float32 = self.claims is not None and are_float32(self.expected, self.claims)
        return self._float32

    def shows_float32(self) -> bool:
        """Whether some text is long enough for that to be no accident."""
        return self.claims is not None and finer_than_float32(self.expected, self.claims)

    def _unequal_kinds(self, computed: Array) -> tuple[Array, Array]:
        """(cells that agree in what is not finite, cells that don't). A finite fill counts as the -inf of a mask."""
        expected = self.expected
        both_nan = np.isnan(expected) & np.isnan(computed)
        infinite = np.isinf(expected) | np.isinf(computed)
        same = infinite & (expected == computed)
        filled = np.zeros(expected.shape, np.bool_)
        if self.name in ("scores", "lse"):
            filled = np.isneginf(computed) & (expected <= FILL)
        settled = both_nan | same | filled
        odd = np.isnan(expected) | np.isnan(computed) | infinite
        return settled, odd & ~settled

    def worst(self, measured: Measured) -> tuple[tuple[int, ...], Array]:
        """The cell whose error is largest in its own unit, and the errors so counted (inf where kinds disagree)."""
        computed = measured.numbers[self.name]
        settled, disagrees = self._unequal_kinds(computed)
        scale = self.scale(computed, measured)
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.where(settled, 0.0, np.abs(self.expected - computed))
            counted = np.where(disagrees, np.inf, np.where(error == 0, 0.0, error / scale))
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(counted)), counted.shape)), counted

    def scale(self, computed: Array, measured: Measured) -> Array:
        if self.claims is not None:
            full = self.claims.is_full
            if not full.any():
                return self.claims.unit
            if not full.all():  # a fraction among decimals: its error is told in their unit
                return np.where(full, self.claims.unit[~full].min(), self.claims.unit)
            spacing = np.spacing(np.abs(np.where(np.isfinite(computed), computed, 0)))
            smallest: Array = np.maximum(spacing, np.nextafter(0, 1))
            return smallest
        if self.tolerance is not None:
            allowed = self.tolerance.of(computed)
            positive: Array = np.where(np.isfinite(allowed) & (allowed > 0), allowed, np.nextafter(0, 1))
            return positive
        assert self.strict_dtype is not None
        bound: Array = np.maximum(measured.bound(self.name, self.strict_dtype), np.nextafter(0, 1))
        return bound
