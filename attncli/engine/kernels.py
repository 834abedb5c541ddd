"""What an engine does with every cell of a tile, in NumPy: the scores of a variant and the exponentials."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from attncli.records import record

if TYPE_CHECKING:
    from attncli.variants import Variant

Array = np.ndarray


BLAS_SUM = range(64, 513)  # keys in a row that BLAS sums
LINE = 64  # bytes of a cache line
SHIFTED = 1 << 16  # cells that are shifted together, with three arrays beside them in the cache
PAGE = 4096  # bytes from which it matters


@record
class Gathering:
    """Scores that need a scale and no more, and are not asked for: queries (…, b, d) of keys (…, t, d) and values
    (…, t, v), of which each query sees starts to stops, int64 (…, b). `height` and `width`: how many are scored at a
    time."""

    variant: Variant
    queries: Array
    keys: Array
    values: Array
    scale: float
    starts: Array
    stops: Array
    height: int
    width: int


Gatherer = Callable[[Gathering, Array, Array], None]


class Kernels(Protocol):
    """The loops over cells that engines differ in. `scratch` arrays belong to one thread: one object to a thread."""

    name: str

    def raw_scores(self, variant: Variant, queries: Array, keys: Array) -> Array:
        """(…, b, d_k), (…, t, d_k) → (…, b, t), which the next call may overwrite."""

    def exponentials(self, scores: Array, shift: Array | None, *, has_infinities: bool) -> Array:
        """Put exp(scores − shift), with the rounding of the shift recovered, in place of a tile's scores, and give the
        sum of each row: (…, b)."""

    def gatherer(self, variant: Variant) -> Gatherer | None:
        """What adds Σ exp(scale · score) · value and Σ exp(scale · score) to two arrays, (…, b, v) and (…, b), without
        a step back into Python between the tiles; None where the engine has no such loop."""


class Scratch:
    """Arrays that a thread uses repeatedly: fresh memory costs more than what is done with it."""

    def __init__(self) -> None:
        self._held: dict[str, Array] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        """An array of this shape with anything in it."""
        size = math.prod(shape)
        held = self._held.get(name)
        if held is None or held.size < size or held.dtype != dtype:
            held = self._held[name] = allocate_aligned(size, dtype)
        return held[:size].reshape(shape)


def allocate_aligned(size: int, dtype: np.dtype) -> Array:
    """An uninitialised array at a cache line's start: else every access of a whole line touches two."""
    if size * dtype.itemsize < PAGE:
        return np.empty(size, dtype)
    memory = np.empty(size * dtype.itemsize + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size * dtype.itemsize].view(dtype)


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

    def exponentials(self, scores: Array, shift: Array | None, *, has_infinities: bool) -> Array:
        if shift is None:
            np.exp(scores, out=scores)
        else:
            self._exponentials(scores, shift, has_infinities)
        return self._row_sums(scores)

    def gatherer(self, variant: Variant) -> Gatherer | None:  # noqa: ARG002 - other engines look at it
        return None

    def _exponentials(self, scores: Array, shift: Array, has_infinities: bool) -> None:
        """exp(scores − shift) in place, some rows at a time."""
        step = max(1, SHIFTED // scores.shape[-1])
        for start in range(0, scores.shape[-2], step):
            rows = (..., slice(start, start + step))
            self._shifted_rows(scores[(*rows, slice(None))], shift[rows], has_infinities)

    def _shifted_rows(self, scores: Array, shift: Array, has_infinities: bool) -> None:
        """Knuth's TwoSum finds what the subtraction rounds off, which goes back as a factor 1 + error: without it the
        tails are wrong by hundreds of units in the last place."""
        column = shift[..., None]
        difference = np.subtract(scores, column, out=self.scratch.array("difference", scores.shape, scores.dtype))
        rest = np.subtract(difference, scores, out=self.scratch.array("rest", scores.shape, scores.dtype))
        error = self.scratch.array("error", scores.shape, scores.dtype)
        np.subtract(difference, rest, out=error)
        np.subtract(scores, error, out=error)
        rest += column
        error -= rest
        if has_infinities:
            np.copyto(error, 0, where=np.isnan(error))
        np.exp(difference, out=scores)
        error *= scores
        scores += error

    def _row_sums(self, weights: Array) -> Array:
        """By BLAS, three times as fast, where rows are of a tile's width; pairwise where its error could show."""
        width = weights.shape[-1]
        sums: Array = weights @ self._ones(weights) if width in BLAS_SUM else weights.sum(axis=-1)
        return sums

    def _ones(self, weights: Array) -> Array:
        ones = self.scratch.array("ones", weights.shape[-1:], weights.dtype)
        ones.fill(1)
        return ones
