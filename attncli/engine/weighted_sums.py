"""Weighted sums of the values: weights with dropout, the products of a tile, and averages in which no intermediate sum
can overflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.engine.score_bounds import limits_of

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Part, Problem


def weigh(values: Array, weights: Array, allowed: Array | None, is_finite: bool) -> Array:
    """Return weights · values of a tile. A non-finite value that is masked adds nothing, others follow IEEE."""
    if is_finite:
        product: Array = weights @ values
        return product
    wild = ~np.isfinite(values).all(axis=-1)
    product = weights @ np.where(wild[..., None], values.dtype.type(0), values)
    allowed = None if allowed is None else np.broadcast_to(allowed, weights.shape)
    for *place, key in np.argwhere(wild):
        own = (*place, slice(None), key)
        share = weights[own][..., None] * values[(*place, key)]
        product[tuple(place)] += share if allowed is None else np.where(allowed[own][..., None], share, 0)
    return product


def drop(problem: Problem, part: Part, rows: range, keys: slice, weights: Array) -> Array:
    """Return the weights times the dropout mask, divided by 1 − P."""
    if part.dropout_mask is None:
        return weights
    kept = part.dropout_mask[..., rows.start : rows.stop, keys]
    dropped: Array = np.where(kept, weights * weights.dtype.type(1 / (1 - problem.dropout)), weights.dtype.type(0))
    return dropped


def spread(values: Array, keys: int) -> Array:
    """Return values (…, t, v) as (…, t, 2 v), so that no sum over `keys` can overflow.

    The first half has the values whose sums cannot overflow, the second half has the others, scaled down by a power of
    two. Each half has 0 in the other's places. A huge value then costs no digits of other values, neither in its column
    nor for queries that do not see it.
    """
    zero = values.dtype.type(0)
    huge = np.isfinite(values) & (np.abs(values) >= _limit(values.dtype, keys))
    lowered = np.where(huge, values, zero) * values.dtype.type(_share(keys))
    return np.concatenate((np.where(huge, zero, values), lowered), axis=-1)


def join_sums(sums: Array, divisor: Array, keys: int) -> Array:
    """Return the sums of spread values (…, b, 2 v) over the divisor (…, b, 1), as (…, b, v).

    An average of finite numbers is finite, and rounding is prevented from overflowing.
    """
    columns, largest = sums.shape[-1] // 2, limits_of(sums.dtype).largest
    averages = sums / divisor
    others = np.clip(averages[..., columns:] / sums.dtype.type(_share(keys)), -largest, largest)
    small = averages[..., :columns]
    average: Array = np.where(np.isinf(small), small, np.clip(small + others, -largest, largest))
    return average


def mean(values: Array) -> Array:
    """Return the average (…, 1, v) of the values (…, m, v) over all keys."""
    keys = values.shape[-2]
    sums = spread(values, keys).sum(axis=-2, keepdims=True)
    return join_sums(sums, np.full_like(sums[..., :1], keys), keys)


def _limit(dtype: np.dtype, keys: int) -> float:
    return limits_of(dtype).largest / (4 * keys)


def _share(keys: int) -> float:
    return 0.5 ** (keys.bit_length() + 1)
