"""How large the numbers of a problem can get: what decides, safely for any input, that scores need no shift and
results no search for infinities."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from attncli.problem import Part, Problem
from attncli.records import record

Array = np.ndarray

CHUNK = 1 << 16  # numbers looked at together


@record
class Limits:
    """Of a dtype, as Python's numbers: the largest, the smallest normal one, the spacing at 1, and the exponents that
    leave some room at both ends."""

    largest: float
    tiny: float
    spacing: float
    highest: float
    lowest: float


@cache
def limits_of(dtype: np.dtype) -> Limits:
    """The limits of float32 or float64."""
    info = np.finfo(dtype)
    largest, tiny = float(info.max), float(info.tiny)
    return Limits(largest, tiny, float(info.eps), math.log(largest) - 2, math.log(tiny) + 2)


@record
class Reach:
    """What bounds the keys and values of a part: `keys` is the largest Euclidean norm where the score is a product, the
    largest |entry| otherwise; `values` the largest |entry|, `least` the smallest that is not zero."""

    keys: float
    values: float
    least: float


def reach_of(problem: Problem, part: Part) -> Reach:
    """The reach of a part whose rows are as the variant scores them; nobody asks for it where some aren't finite."""
    keys = reach_of_rows(problem, part.keys)
    if part.values is None:
        return Reach(keys, 1.0, 1.0)
    return Reach(keys, *range_of(part.values))


def reach_of_rows(problem: Problem, rows: Array) -> float:
    """The largest norm or |entry| of some rows, rounded up; inf or NaN where a square overflows."""
    if problem.variant.is_product:
        limits = limits_of(rows.dtype)
        slack: float = 1 + (rows.shape[-1] + 8) * limits.spacing
        # a square that vanishes can hide at most the smallest normal number
        largest = float(np.vecdot(rows, rows).max()) + limits.tiny
        return math.sqrt(largest) * slack
    return max(float(rows.max()), -float(rows.min()))


def range_of(array: Array) -> tuple[float, float]:
    """(largest, smallest but zero) of the |entries|, both 1 where all are zero."""
    largest, least = 0.0, math.inf
    step = max(1, CHUNK // max(1, array[..., 0, :].size))
    for start in range(0, array.shape[-2], step):
        magnitudes = np.abs(array[..., start : start + step, :])
        largest = max(largest, float(magnitudes.max()))
        own = float(magnitudes.min())
        least = min(least, own or float(magnitudes.min(where=magnitudes > 0, initial=math.inf)))
    return (largest, least) if largest else (1.0, 1.0)


@record
class Bounds:
    """What is certain about one block of queries.

    `needs_shift`: exp(scores) could overflow, or lose what exp(scores − max) keeps. `is_bounded`: no score can
    overflow. `share`: what exponentials up to 1 are multiplied by so that no sum of weighted values can overflow; 1,
    but for values at the end of the dtype's range.
    """

    needs_shift: bool
    is_bounded: bool
    share: float


def bounds_of(problem: Problem, part: Part, reach: Reach, queries: Array) -> Bounds:
    """The bounds of a block, by Cauchy and Schwarz for a product, by the variant's own bound otherwise."""
    if not problem.is_finite:
        return Bounds(needs_shift=True, is_bounded=True, share=1.0)
    limits = limits_of(queries.dtype)
    values_fit = reach.values < limits.largest / (4 * problem.m)
    share = 1.0 if values_fit else 0.5 ** (problem.m.bit_length() + 1)
    raw = score_bound(problem, reach, queries)
    score = raw * abs(problem.scale)
    is_bounded = max(raw, score) < limits.largest / 8 and part.bias is None
    if problem.softcap is not None:
        score = min(score, problem.softcap)
    above = score + math.log(problem.m) + max(0.0, math.log(reach.values))
    below = min(0.0, math.log(reach.least)) - score
    free = is_bounded and values_fit and above < limits.highest and below > limits.lowest
    return Bounds(needs_shift=not free, is_bounded=is_bounded, share=share)


def score_bound(problem: Problem, reach: Reach, queries: Array) -> float:
    """At least every |raw score| of these queries; NaN or inf where that is unknown."""
    own = reach_of_rows(problem, queries)
    if problem.variant.is_product:
        return own * reach.keys
    try:
        return float(problem.variant.bound(own, reach.keys, problem.d_k))
    except OverflowError:
        return math.inf
