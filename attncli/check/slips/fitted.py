"""The single factor of the raw scores that fits the expected numbers best."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.sampling import Sample
from attncli.check.slips.scales import describe_factor, with_scale
from attncli.check.slips.slip import Slip

Array = np.ndarray

SIZES = np.logspace(-3, 3, 37)  # factors that are tried first, as multiples of the right one
STEPS, STEPS_AT_LAST = 20, 4  # refinements of the best of them
SMALL = 1e-5  # relative change of a factor, to see its effect


def fitted_scale(case: Case, sample: Sample) -> Slip | None:
    """Return `scale-other` with the factor that fits best, rounded if that fits too, or None if none fits."""
    if _freedom(case) < 2 or case.problem.variant.is_constant:
        return None
    own = case.problem.scale or 1.0

    def misfit(factor: float) -> float:
        route = Route(problems=(partial(with_scale, scale=factor),))
        return sample.misfit(sample.numbers(route, case.request))

    candidates = [sign * own * size for sign in (1, -1) for size in SIZES]
    misfits = [misfit(factor) for factor in candidates]
    if not np.isfinite(min(misfits)):  # other shapes, or no finite numbers
        return None
    best = int(np.argmin(misfits))
    half = len(SIZES)
    place, sign = best % half, candidates[best] / abs(candidates[best])
    low, high = (abs(own) * SIZES[max(0, min(half - 1, place + step))] for step in (-1, 1))
    direction = math.copysign(1, sign)
    factor = direction * _narrowed(lambda size: misfit(direction * size), low, high)
    for _ in range(STEPS_AT_LAST):
        factor += _correction(case, sample, factor)
    short = [float(f"{factor:.{digits}g}") for digits in range(2, 8)]
    routes = [
        Route(problems=(partial(with_scale, scale=value),), said=describe_factor(case, value))
        for value in dict.fromkeys([*short, factor])
        if value and not math.isclose(value, case.problem.scale)
    ]
    return Slip("scale-other", "scale", lambda _case: routes, lambda _case: "", paired=False, evidence=2.0, fitted=1)


def _correction(case: Case, sample: Sample, factor: float) -> float:
    """Return the linear correction that takes the factor nearer to the expected numbers."""

    def at(value: float) -> Array:
        route = Route(problems=(partial(with_scale, scale=value),))
        return sample.differences(sample.numbers(route, case.request))

    off = at(factor)
    slope = (at(factor * (1 + SMALL)) - at(factor * (1 - SMALL))) / (2 * SMALL * factor)
    use = np.isfinite(off) & np.isfinite(slope)
    steep = float((slope[use] ** 2).sum())
    step = -float((slope[use] * off[use]).sum()) / steep if steep > 0 else 0.0
    return step if abs(step) < abs(factor) / 2 else 0.0


def _narrowed(misfit: Callable[[float], float], low: float, high: float) -> float:
    """Return the smallest misfit between two factors, by golden section search over their logarithms."""
    ratio = (math.sqrt(5) - 1) / 2
    start, stop = math.log(low), math.log(high)
    one, two = stop - ratio * (stop - start), start + ratio * (stop - start)
    at_one, at_two = misfit(math.exp(one)), misfit(math.exp(two))
    for _ in range(STEPS):
        if at_one <= at_two:
            stop, two, at_two = two, one, at_one
            one = stop - ratio * (stop - start)
            at_one = misfit(math.exp(one))
        else:
            start, one, at_one = one, two, at_two
            two = start + ratio * (stop - start)
            at_two = misfit(math.exp(two))
    return math.exp((start + stop) / 2)


def _freedom(case: Case) -> int:
    """Return how many of the wrong numbers are free, because those of a row of weights sum to 1."""
    rows = case.problem.parts * case.n
    d_v = case.problem.d_v or 0
    free = {"weights": rows * (case.m - 1), "output": rows * min(d_v, case.m - 1), "lse": rows, "raw_scores": 0}
    return max(free.get(name, rows * case.m) for name in case.wrong)
