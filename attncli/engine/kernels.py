"""What an engine does with every cell of a tile, in NumPy: the scores of a variant and the exponentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from attncli.engine.scores import Tile
    from attncli.variants import Variant

Array = np.ndarray


class Kernels(Protocol):
    """The loops over cells that engines differ in. `scratch` arrays belong to one thread: one object to a thread."""

    name: str

    def raw_scores(self, variant: Variant, queries: Array, keys: Array) -> Array:
        """(…, b, d_k), (…, t, d_k) → (…, b, t), which the next call may overwrite."""

    def exponentials(self, tile: Tile, shift: Array | None) -> Array:
        """exp(scores − shift) of a tile in place of its scores, with the rounding of the shift recovered."""

    def row_sums(self, weights: Array) -> Array:
        """The sum of each row: (…, b, t) → (…, b)."""


class Scratch:
    """Arrays that a thread uses again and again: fresh memory costs more than what is done with it."""

    def __init__(self) -> None:
        self._held: dict[str, Array] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        """An array of this shape with anything in it."""
        size = int(np.prod(shape))
        held = self._held.get(name)
        if held is None or held.size < size or held.dtype != dtype:
            held = self._held[name] = np.empty(size, dtype)
        return held[:size].reshape(shape)


class NumpyKernels:
    """Everything by whole-tile ufuncs and BLAS."""

    name = "numpy"

    def __init__(self) -> None:
        self.scratch = Scratch()

    def raw_scores(self, variant: Variant, queries: Array, keys: Array) -> Array:
        if not variant.is_product:
            return variant.score(queries, keys)
        shape = (*queries.shape[:-1], keys.shape[-2])
        scores = self.scratch.array("scores", shape, queries.dtype)
        np.matmul(queries, keys.mT, out=scores)
        return scores

    def exponentials(self, tile: Tile, shift: Array | None) -> Array:
        """Knuth's TwoSum finds what the subtraction rounds off, which goes back as a factor 1 + error: without it the
        tails are wrong by hundreds of units in the last place."""
        scores = tile.scores
        if shift is None:
            np.exp(scores, out=scores)
            return scores
        column = shift[..., None]
        difference = np.subtract(scores, column, out=self.scratch.array("difference", scores.shape, scores.dtype))
        rest = np.subtract(difference, scores, out=self.scratch.array("rest", scores.shape, scores.dtype))
        error = self.scratch.array("error", scores.shape, scores.dtype)
        np.subtract(difference, rest, out=error)
        np.subtract(scores, error, out=error)
        rest += column
        error -= rest
        if tile.has_infinities:
            np.copyto(error, 0, where=np.isnan(error))
        np.exp(difference, out=scores)
        error *= scores
        scores += error
        return scores

    def row_sums(self, weights: Array) -> Array:
        sums: Array = weights.sum(axis=-1)
        return sums
