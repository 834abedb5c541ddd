"""The number that fits the expected numbers best: first among sizes far apart, then between them, then by its slope."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.search.sampling import Sample
from attncli.check.slips.slip import Slip

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

Change = Callable[["Problem"], "Problem"]

SIZES = np.logspace(-3, 3, 37)  # factors that are tried first, as multiples of the right one
STEPS, STEPS_AT_LAST = 20, 4  # refinements of the best of them
FIRST_STEPS = 8  # after which the misfit of a size that fits is a fiftieth of what it was on both sides
FALLEN = 0.2  # and this share of it is allowed
FIT_ROWS = 8  # rows and columns of a head from which its factor is found
SMALL = 1e-5  # relative change of a factor, to see its effect


def make_fitted_slip(name: str, family: str, routes: list[Route], fitted: int) -> Slip:
    """Return a slip whose routes have so many numbers that were fitted to the expected ones."""
    return Slip(name, family, lambda _: routes, "", paired=False, fitted=fitted)


class _GoldenSection:
    """A search for the smallest misfit between two sizes, over their logarithms."""

    ratio = (math.sqrt(5) - 1) / 2

    def __init__(self, misfit: Callable[[float], float], sizes: Array, misfits: Sequence[float]) -> None:
        """Begin around the best of the sizes, whose misfits are given."""
        best = int(np.argmin(misfits))
        around = [max(0, best - 1), min(len(sizes) - 1, best + 1)]
        self.misfit_at_ends = max(misfits[place] for place in around)
        self.misfit = misfit
        self.start, self.stop = (math.log(sizes[place]) for place in around)
        self.one = self.stop - self.ratio * (self.stop - self.start)
        self.two = self.start + self.ratio * (self.stop - self.start)
        self.at_one, self.at_two = misfit(math.exp(self.one)), misfit(math.exp(self.two))

    def narrow(self, steps: int) -> None:
        for _ in range(steps):
            if self.at_one <= self.at_two:
                self.stop, self.two, self.at_two = self.two, self.one, self.at_one
                self.one = self.stop - self.ratio * (self.stop - self.start)
                self.at_one = self.misfit(math.exp(self.one))
            else:
                self.start, self.one, self.at_one = self.one, self.two, self.at_two
                self.two = self.start + self.ratio * (self.stop - self.start)
                self.at_two = self.misfit(math.exp(self.two))

    @property
    def size(self) -> float:
        return math.exp((self.start + self.stop) / 2)


def nearest_size(misfit: Callable[[float], float], sizes: Array) -> float:
    """Return the size with the smallest misfit around the best of these."""
    search = _GoldenSection(misfit, sizes, [misfit(size) for size in sizes])
    search.narrow(2 * STEPS)
    return search.size


def fitting_size(misfit: Callable[[float], float], sizes: Array, misfits: Sequence[float], room: float) -> float | None:
    """Return the size with the smallest misfit around the best of these, whose misfits are given, or None if no size
    fits.

    Where a size fits, the misfit falls to nothing, or to `room`, with the distance from it: none does if it has not
    fallen by far after the first steps.
    """
    search = _GoldenSection(misfit, sizes, misfits)
    search.narrow(FIRST_STEPS)
    if min(search.at_one, search.at_two) > FALLEN * search.misfit_at_ends + room:
        return None
    search.narrow(STEPS - FIRST_STEPS)
    return search.size


def corrected(sample: Sample, value: float, change: Callable[[float], Change]) -> float:
    """Return the number of this change, corrected a few times by its effect on the differences to the expected
    numbers."""

    def differences(value: float) -> Array:
        return sample.differences(sample.numbers(Route(problems=(change(value),))))

    for _ in range(STEPS_AT_LAST):
        off = differences(value)
        slope = (differences(value * (1 + SMALL)) - differences(value * (1 - SMALL))) / (2 * SMALL * value)
        use = np.isfinite(off) & np.isfinite(slope)
        steep = float((slope[use] ** 2).sum())
        step = -float((slope[use] * off[use]).sum()) / steep if steep > 0 else 0.0
        if abs(step) < abs(value) / 2:
            value += step
    return value
