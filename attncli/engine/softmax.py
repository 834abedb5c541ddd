"""The softmax over the keys and the weighted sum of the values, computed one tile of keys at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from attncli.engine.kernels import Kernels
    from attncli.engine.scores import Tile
    from attncli.matrix import Array


class RunningSoftmax:
    """The exponentials of each tile's scores, their sum, and the weighted values, for a block of queries (…, b).

    With a shift, each tile's exponentials are relative to the largest score so far, and earlier sums are rescaled
    (Milakov and Gimelshein 2018). Without a shift, which the caller knows to be safe, they are exp(score) itself. If
    `drops_tails`, those below the normal numbers are 0.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, *, needs_shift: bool, drops_tails: bool) -> None:
        self.shift = np.full(shape, -np.inf, dtype) if needs_shift else None
        self.drops_tails = drops_tails
        self.total = np.zeros(shape, dtype)
        self.seen = np.zeros(shape, np.bool_)
        self.gathered: Array | None = None
        self.has_sink = False

    def take(self, tile: Tile, kernels: Kernels) -> Array:
        """Replace the tile's scores by exponentials in place, and add them up."""
        self.seen |= tile.seen
        if self.shift is None:
            sums = kernels.exponentials(tile.scores, None, has_infinities=tile.has_infinities, drops_tails=False)
        else:
            largest = np.maximum(self.shift, tile.scores.max(axis=-1))
            # −inf: no key, or only keys with a score of −inf
            base = np.where(np.isneginf(largest), largest.dtype.type(0), largest)
            sums = kernels.exponentials(
                tile.scores, base, has_infinities=tile.has_infinities, drops_tails=self.drops_tails
            )
            self._rescale(base)
            self.shift = largest
        self.total += sums
        return tile.scores

    def _rescale(self, base: Array) -> None:
        """Rescale the sums so far to the new base."""
        assert self.shift is not None
        if np.array_equal(self.shift, base):
            return
        factor = np.where(np.isneginf(self.shift), 0, np.exp(self.shift - base)).astype(base.dtype, copy=False)
        self.total *= factor
        if self.gathered is not None:
            self.gathered *= factor[..., None]

    def gather(self, weighted: Array) -> None:
        """Add the values that a tile's exponentials weigh."""
        if self.gathered is None:
            self.gathered = weighted
        else:
            self.gathered += weighted

    def add_sink(self, logit: Array | float) -> Array:
        """Add the exponential of a sink's logit, which has no value, to each row's sum, and return the factor (…, b)
        for the exponentials so far."""
        assert self.shift is not None
        sink = np.broadcast_to(np.asarray(logit, self.total.dtype), self.total.shape)
        largest = np.maximum(self.shift, sink)
        factor = np.where(np.isneginf(self.shift), 0, np.exp(self.shift - largest)).astype(sink.dtype, copy=False)
        self.total = self.total * factor + np.exp(sink - largest)
        if self.gathered is not None:
            self.gathered *= factor[..., None]
        self.shift, self.has_sink = largest, True
        return factor

    @property
    def divisor(self) -> Array:
        """Return the sum of the exponentials (…, b), or 1 for a query that has no key."""
        return np.where(self.seen | self.has_sink, self.total, self.total.dtype.type(1))

    def lse(self) -> Array:
        """Return the log of the sum of the exponentials of the scores (…, b), or −inf for a query that has no key."""
        found = np.log(self.divisor)
        if self.shift is not None:
            found = np.where(np.isinf(self.shift), self.shift, found + self.shift)
        return np.where(self.seen | self.has_sink, found, -np.inf).astype(self.total.dtype, copy=False)
