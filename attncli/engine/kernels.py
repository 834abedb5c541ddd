"""The loops of an engine over the cells of a tile, here in NumPy: the scores of a variant, and the exponentials."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from attncli.engine.score_bounds import limits_of
from attncli.matrix import Array
from attncli.records import record

if TYPE_CHECKING:
    from attncli.variants import Variant


BLAS_SUM = range(64, 513)  # lengths of the rows that BLAS sums
LINE = 64  # bytes of a cache line
SHIFTED = 1 << 16  # cells shifted together: they and three arrays of their size fit into the cache
PAGE = 4096  # bytes: alignment matters for arrays of this size and more


@record
class Gathering:
    """Input for scores that need only a scale and are not requested themselves.

    The queries (…, b, d) attend to keys (…, t, d) and values (…, t, v), each from `starts` to `stops`, int64 (…, b).
    `height` and `width` are the numbers of queries and keys scored at a time.
    """

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
    """The loops over cells in which engines differ. The `scratch` arrays belong to one thread, so each thread has its
    own object."""

    name: str

    def raw_scores(self, variant: Variant, queries: Array, keys: Array) -> Array:
        """Return scores (…, b, t) from (…, b, d_k) and (…, t, d_k), in an array that the next call may overwrite."""

    def exponentials(self, scores: Array, shift: Array | None, *, has_infinities: bool, drops_tails: bool) -> Array:
        """Replace a tile's scores by exp(scores − shift), corrected for the rounding of the subtraction, and return the
        sum of each row (…, b).

        If `drops_tails`, those below the normal numbers are 0.
        """

    def backward(self, variant: Variant, queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
        """Return the gradients (…, b, d_k) and (…, t, d_k) of the rows, which are finite, from those of their raw
        scores."""

    def gatherer(self, variant: Variant) -> Gatherer | None:
        """Return a function that adds Σ exp(scale · score) · value and Σ exp(scale · score) to arrays (…, b, v) and (…,
        b), without a return to Python between tiles, or None if the engine has none."""


class Scratch:
    """Arrays that a thread uses again and again, because allocating memory takes longer than the work on it."""

    def __init__(self) -> None:
        self._held: dict[str, Array] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        """Return an array of this shape with arbitrary contents."""
        size = math.prod(shape)
        held = self._held.get(name)
        if held is None or held.size < size or held.dtype != dtype:
            held = self._held[name] = allocate_aligned(size, dtype)
        return held[:size].reshape(shape)


def allocate_aligned(size: int, dtype: np.dtype) -> Array:
    """Return an uninitialized array that starts at a cache line, so that the access to a line does not touch two."""
    if size * dtype.itemsize < PAGE:
        return np.empty(size, dtype)
    memory = np.empty(size * dtype.itemsize + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size * dtype.itemsize].view(dtype)


class NumpyKernels:
    """Kernels of whole-tile ufuncs and BLAS calls."""

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

    def exponentials(self, scores: Array, shift: Array | None, *, has_infinities: bool, drops_tails: bool) -> Array:
        if shift is None:
            np.exp(scores, out=scores)
        else:
            self._exponentials(scores, shift, has_infinities, drops_tails)
        return self._row_sums(scores)

    def backward(self, variant: Variant, queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
        return variant.backward(queries, keys, d_scores)

    def gatherer(self, variant: Variant) -> Gatherer | None:  # noqa: ARG002 - used by other engines
        return None

    def _exponentials(self, scores: Array, shift: Array, has_infinities: bool, drops_tails: bool) -> None:
        """Compute exp(scores − shift) in place, several rows at a time."""
        step = max(1, SHIFTED // scores.shape[-1])
        for start in range(0, scores.shape[-2], step):
            rows = (..., slice(start, start + step))
            self._shifted_rows(scores[(*rows, slice(None))], shift[rows], has_infinities, drops_tails)

    def _shifted_rows(self, scores: Array, shift: Array, has_infinities: bool, drops_tails: bool) -> None:
        """Compute exp(scores − shift) for a few rows.

        Knuth's TwoSum finds the rounding error of the subtraction, which is then applied as a factor 1 + error. Without
        it the tails are wrong by hundreds of ulp.
        """
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
        if drops_tails and difference.min() < (least := limits_of(scores.dtype).least):
            np.copyto(difference, -np.inf, where=difference < least)
        np.exp(difference, out=scores)
        error *= scores
        scores += error

    def _row_sums(self, weights: Array) -> Array:
        """Return the row sums, by BLAS (three times as fast) for rows as wide as a tile, or pairwise if the error of
        BLAS could be visible."""
        width = weights.shape[-1]
        sums: Array = weights @ self._ones(weights) if width in BLAS_SUM else weights.sum(axis=-1)
        return sums

    def _ones(self, weights: Array) -> Array:
        ones = self.scratch.array("ones", weights.shape[-1:], weights.dtype)
        ones.fill(1)
        return ones
