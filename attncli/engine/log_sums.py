"""The log of the sum of a row's exponentials near 0, where log(Σ exp(score)) would lose digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.engine.kernels import NumpyKernels

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.row_masks import RowMask

SAFE = 4.0  # from here on an error in the last digits of the sum is smaller than one in those of the log


def in_doubt(lse: Array, masks: RowMask, keys: int) -> Array:
    """Return whether each row's lse (…, b) is near 0, or is that of a single key, whose score it equals exactly."""
    found: Array = (np.abs(lse) < SAFE) | (_count(masks, lse.shape, keys) == 1)
    return found


def _count(masks: RowMask, shape: tuple[int, ...], keys: int) -> Array:
    """Return the number of keys (…, b) that each query may attend to."""
    if masks.mask is None and masks.bias is None and masks.segments is None and masks.heads is None:
        return np.full(shape, keys) if masks.starts is None or masks.stops is None else masks.stops - masks.starts
    allowed = masks.allowed(0, keys)
    return np.full(shape, keys) if allowed is None else np.broadcast_to(allowed.sum(axis=-1), shape)


class LogSum:
    """The sum max + log1p(Σ exp(score − max) over the other keys), in float64, one tile of keys at a time."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.largest = np.full(shape, -np.inf)
        self.others = np.zeros(shape)
        self._kernels = NumpyKernels()

    def take(self, scores: Array) -> None:
        """Add a tile of scores (…, b, t), which is overwritten if it is float64."""
        scores = np.ascontiguousarray(scores, np.float64)
        first = scores.argmax(axis=-1)[..., None]
        top = np.take_along_axis(scores, first, axis=-1)[..., 0]
        is_larger = top > self.largest
        largest = np.where(is_larger, top, self.largest)
        base = np.where(np.isneginf(largest), 0.0, largest)
        self._kernels.exponentials(scores, base, has_infinities=True, drops_tails=False)
        np.put_along_axis(scores, first, np.where(is_larger, 0, np.exp(top - base))[..., None], axis=-1)
        before = np.where(np.isneginf(self.largest), 0.0, (self.others + 1) * np.exp(self.largest - base))
        self.others = np.where(is_larger, before, self.others) + scores.sum(axis=-1)
        self.largest = largest

    def lse(self) -> Array:
        """Return the result (…, b), which is −inf for a row without a score above it."""
        return self.largest + np.log1p(self.others)
