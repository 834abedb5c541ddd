"""How each query distributes its attention, in numbers: entropy, effective keys, and the keys with the largest
weights."""

from __future__ import annotations

import numpy as np

from attncli.matrix import Array
from attncli.records import record
from attncli.results.attention import entropies

TOP = 3  # keys that are listed for each query
NEAR = {2: 1e-2, 4: 1e-6, 8: 1e-12}  # by the bytes of a weight, how far rounding moves a row's sum from 1
MOST = 0.95  # of a row's weight


@record
class Statistics:
    """Statistics of weights (…, m), which are divided by their sum if it is not 1.

    `entropy` (…) is in nats, and `effective_keys` (…) = e^entropy. `keys_95` (…) is the smallest number of keys that
    hold 95 % of the weight. `first_key` (…) is the weight of key 0. `top` (…, 3) are the numbers of the keys with the
    largest weights, in the order of the keys if equal, and `top_weights` (…, 3) are their weights (fewer than 3 if
    there are fewer keys).

    If a query has no weight, or has a negative or NaN weight, the first two are NaN and `keys_95` is 0. `top` is −1
    after the last key that has a weight.
    """

    entropy: Array
    effective_keys: Array
    keys_95: Array
    first_key: Array
    top: Array
    top_weights: Array


def statistics_of(weights: Array) -> Statistics:
    """Return the statistics of weights (…, m), computed in float64. The weights in the result keep their dtype."""
    given, weights = weights, weights.astype(np.float64)
    order = np.argsort(-weights, axis=-1, kind="stable")[..., :TOP]
    top_weights = np.take_along_axis(given, order, axis=-1)
    total = weights.sum(axis=-1)
    is_share = (weights >= 0).all(axis=-1) & (total > 0) & np.isfinite(total)
    shares = np.where(is_share[..., None], weights, 0.0) / np.where(is_share, total, 1.0)[..., None]
    entropy = np.where(is_share, entropies(shares), np.nan)
    sums = np.cumsum(-np.sort(-shares, axis=-1), axis=-1)
    count = (sums < MOST * (1 - NEAR[given.dtype.itemsize])).sum(axis=-1) + 1
    return Statistics(
        entropy=entropy,
        effective_keys=np.exp(entropy),
        keys_95=np.where(is_share, np.minimum(count, weights.shape[-1]), 0),
        first_key=given[..., 0],
        top=np.where(top_weights != 0, order, -1),
        top_weights=top_weights,
    )
