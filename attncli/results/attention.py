"""How a query distributes its attention: entropy, effective number of keys, and the keys with the largest weights."""

from __future__ import annotations

import math

import numpy as np

from attncli.matrix import Array
from attncli.records import record

SAME = 1e-12  # weights (relative) and distances that differ by less count as equal


@record
class Attention:
    """The keys with the largest weights: `top` share the largest weight, `next` the second largest (empty if all are
    equal)."""

    top: Array
    next: Array
    entropy: float
    allowed: Array

    @property
    def effective_keys(self) -> float:
        """Return exp(entropy): the number of equally weighted keys with the same entropy."""
        return math.exp(self.entropy)


def attention_of(weights: Array, allowed: Array) -> Attention:
    """Rank the keys that may be attended to by their weights (m,)."""
    keys = np.flatnonzero(allowed)
    seen = weights[keys]
    top = seen.max()
    is_top = seen >= top * (1 - SAME)
    rest = seen[~is_top]
    second = rest.max() if rest.size else 0.0
    is_second = ~is_top & (seen >= second * (1 - SAME)) if rest.size else np.zeros(len(seen), np.bool_)
    return Attention(keys[is_top], keys[is_second], float(entropies(seen)), keys)


def entropies(weights: Array) -> Array:
    """Return −Σ w ln w of each row, (…,) from (…, m). A weight of 0 adds nothing."""
    is_positive = weights > 0
    found: Array = -(np.where(is_positive, weights, 0) * np.log(np.where(is_positive, weights, 1))).sum(axis=-1)
    return found.clip(0)
