"""Upper bounds for the numbers of a problem.

From these, valid for any input, follows whether scores need a shift and results a check for infinities.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from attncli.matrix import Array
from attncli.problem.problem import Part, Problem
from attncli.records import record

CHUNK = 1 << 16  # numbers processed together


@record
class Limits:
    """The limits of a dtype as Python numbers: the largest, the smallest normal one, the spacing at 1, the exponents
    that leave some room at both ends, and the whole one whose exponential is the last normal number."""

    largest: float
    tiny: float
    spacing: float
    highest: float
    lowest: float
    least: float


@cache
def limits_of(dtype: np.dtype) -> Limits:
    """Return the limits of float32 or float64."""
    info = np.finfo(dtype)
    largest, tiny = float(info.max), float(info.tiny)
    return Limits(
        largest, tiny, float(info.eps), math.log(largest) - 2, math.log(tiny) + 2, float(math.ceil(math.log(tiny)))
    )


@record
class Reach:
    """The bounds of a part: the squared Euclidean norm of each query (…, n), the largest norm of a key, the largest and
    the smallest nonzero |entry| of the values, and whether some entry is 0."""

    queries: Array
    keys: float
    values: float
    least: float
    has_zeros: bool


def reach_of(problem: Problem, part: Part) -> Reach:
    """Return the reach of a part whose rows are as the variant scores them. It is not used if some are not finite."""
    queries, keys = (np.vecdot(rows, rows) for rows in (part.queries, part.keys))
    values = (1.0, 1.0, False) if part.values is None else range_of(part.values)
    return Reach(queries, largest_norm(keys, problem.d_k), *values)


def largest_norm(squares: Array, columns: int) -> float:
    """Return the root of the largest of these sums of `columns` squares, rounded up, or inf or NaN if one overflows."""
    limits = limits_of(squares.dtype)
    # a square that underflows hides at most the smallest normal number
    return math.sqrt(float(squares.max()) + limits.tiny) * (1 + (columns + 8) * limits.spacing)


def range_of(array: Array) -> tuple[float, float, bool]:
    """Return the largest and the smallest nonzero |entry| of an array, or 1 and 1 if all are zero, and whether some
    are."""
    largest, least, has_zeros = 0.0, math.inf, False
    step = max(1, CHUNK // max(1, array[..., 0, :].size))
    for start in range(0, array.shape[-2], step):
        magnitudes = np.abs(array[..., start : start + step, :])
        largest = max(largest, float(magnitudes.max()))
        own = float(magnitudes.min())
        has_zeros |= own == 0
        least = min(least, own or float(magnitudes.min(where=magnitudes > 0, initial=math.inf)))
    return (largest, least, has_zeros) if largest else (1.0, 1.0, True)


@record
class Bounds:
    """What is certain about one block of queries.

    `needs_shift`: exp(scores) could overflow, or lose digits that exp(scores − max) keeps. `is_bounded`: no score can
    overflow. `values_fit`: no sum of values, each times an exponential up to 1, can overflow. `drops_tails`: an output
    has the same digits without the values whose exp(score − max) is not a normal number.
    """

    needs_shift: bool
    is_bounded: bool
    values_fit: bool
    drops_tails: bool


def bounds_of(problem: Problem, part: Part, reach: Reach, rows: range) -> Bounds:
    """Return the bounds of a block of queries, from the variant's bound of a score."""
    if not problem.is_finite:
        return Bounds(needs_shift=True, is_bounded=True, values_fit=False, drops_tails=False)
    limits = limits_of(part.queries.dtype)
    values_fit = reach.values < limits.largest / (4 * problem.m)
    raw = score_bound(problem, reach, rows)
    score = raw * abs(problem.scale)
    is_bounded = max(raw, score) < limits.largest / 8 and part.bias is None and problem.slopes is None
    if problem.softcap is not None:
        score = min(score, problem.softcap)
    above = score + math.log(problem.m) + max(0.0, math.log(reach.values))
    below = min(0.0, math.log(reach.least)) - score
    free = is_bounded and values_fit and above < limits.highest and below > limits.lowest
    free = free and problem.sink is None
    tails = values_fit and part.dropout_mask is None and are_tails_lost(reach, limits, problem.m)
    return Bounds(needs_shift=not free, is_bounded=is_bounded, values_fit=values_fit, drops_tails=tails)


def are_tails_lost(reach: Reach, limits: Limits, keys: int) -> bool:
    """Return whether `keys` values, each times an exponential below the normal numbers, are lost in the rounding of the
    one value whose exponential is 1.

    If they are, they need not be multiplied: some processors take fifteen times as long for products of subnormal
    numbers.
    """
    if reach.has_zeros:
        return False
    tails = math.log(keys) + limits.least + math.log(reach.values)
    return tails < math.log(reach.least) + math.log(limits.spacing) - 2


def score_bound(problem: Problem, reach: Reach, rows: range) -> float:
    """Return an upper bound of |raw score| for these queries, or NaN or inf if there is none."""
    own = largest_norm(reach.queries[..., rows.start : rows.stop], problem.d_k)
    return float(problem.variant.bound(own, reach.keys, problem.d_k))
