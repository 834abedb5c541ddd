"""What the weights make of the values: the products of a tile, and averages that no intermediate sum can overflow."""

from __future__ import annotations

import numpy as np

from attncli.engine.score_bounds import limits_of

Array = np.ndarray


def weigh(values: Array, weights: Array, allowed: Array | None, is_finite: bool) -> Array:
    """weights · values of a tile; a non-finite value that is masked adds nothing, others what IEEE says."""
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


def spread(values: Array, keys: int) -> Array:
    """(…, t, v) → (…, t, 2 v): first the values of which no sum over `keys` can overflow, then the others, times a
    power of two that keeps theirs in the range; 0 in the place of each in the other half. A huge value is then no
    reason to take digits from another: not of its own column, nor of a query that doesn't see it."""
    zero = values.dtype.type(0)
    huge = np.isfinite(values) & (np.abs(values) >= _limit(values.dtype, keys))
    lowered = np.where(huge, values, zero) * values.dtype.type(_share(keys))
    return np.concatenate((np.where(huge, zero, values), lowered), axis=-1)


def join_sums(sums: Array, divisor: Array, keys: int) -> Array:
    """(…, b, 2 v), (…, b, 1) → (…, b, v): the sums of spread values over the divisor. An average of finite numbers is
    finite, and its rounding is kept from being otherwise."""
    columns, largest = sums.shape[-1] // 2, limits_of(sums.dtype).largest
    averages = sums / divisor
    others = np.clip(averages[..., columns:] / sums.dtype.type(_share(keys)), -largest, largest)
    small = averages[..., :columns]
    average: Array = np.where(np.isinf(small), small, np.clip(small + others, -largest, largest))
    return average


def mean(values: Array) -> Array:
    """(…, m, v) → (…, 1, v): the average of all keys."""
    keys = values.shape[-2]
    sums = spread(values, keys).sum(axis=-2, keepdims=True)
    return join_sums(sums, np.full_like(sums[..., :1], keys), keys)


def _limit(dtype: np.dtype, keys: int) -> float:
    return limits_of(dtype).largest / (4 * keys)


def _share(keys: int) -> float:
    return 0.5 ** (keys.bit_length() + 1)
