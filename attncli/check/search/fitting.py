"""The number that fits the expected numbers best: first among sizes far apart, then between them, then by its slope."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.search.sampling import Sample
from attncli.check.slips.case import Case
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
    return Slip(name, family, lambda _: routes, lambda _: "", paired=False, fitted=fitted)


def nearest_size(
    misfit: Callable[[float], float],
    sizes: Array,
    misfits: Sequence[float],
    *,
    steps: int = STEPS,
    room: float = math.inf,
) -> float | None:
    """Return the size with the smallest misfit around the best of these, by golden section search over logarithms.

    Where a size fits, the misfit falls to nothing, or to `room`, with the distance from it. None is returned if it has
    not fallen by far after the first steps.
    """
    ratio = (math.sqrt(5) - 1) / 2
    best = int(np.argmin(misfits))
    around = [max(0, best - 1), min(len(sizes) - 1, best + 1)]
    start, stop = (math.log(sizes[place]) for place in around)
    fallen = FALLEN * max(misfits[place] for place in around) + room
    one, two = stop - ratio * (stop - start), start + ratio * (stop - start)
    at_one, at_two = misfit(math.exp(one)), misfit(math.exp(two))
    for step in range(steps):
        if step == FIRST_STEPS and min(at_one, at_two) > fallen:
            return None
        if at_one <= at_two:
            stop, two, at_two = two, one, at_one
            one = stop - ratio * (stop - start)
            at_one = misfit(math.exp(one))
        else:
            start, one, at_one = one, two, at_two
            two = start + ratio * (stop - start)
            at_two = misfit(math.exp(two))
    return math.exp((start + stop) / 2)


def corrected(case: Case, sample: Sample, value: float, change: Callable[[float], Change]) -> float:
    """Return the number of this change, corrected a few times by its effect on the differences to the expected
    numbers."""

    def differences(value: float) -> Array:
        return sample.differences(sample.numbers(Route(problems=(change(value),)), case.request))

    for _ in range(STEPS_AT_LAST):
        off = differences(value)
        slope = (differences(value * (1 + SMALL)) - differences(value * (1 - SMALL))) / (2 * SMALL * value)
        use = np.isfinite(off) & np.isfinite(slope)
        steep = float((slope[use] ** 2).sum())
        step = -float((slope[use] * off[use]).sum()) / steep if steep > 0 else 0.0
        if abs(step) < abs(value) / 2:
            value += step
    return value
