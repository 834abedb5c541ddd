"""The loops that numba compiles: exponentials with the sums of their rows, distances, and a whole block of queries
without a return to Python, with matrix products from SciPy's BLAS.

This module is imported only if the numba engine is chosen: importing numba takes half a second, and a first compilation
takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import scipy.linalg.cython_blas  # noqa: F401 - numba would import it amid the first product, deaf to interrupts

from attncli.engine.compiled.compiler import Compiled
from attncli.engine.compiled.differences import SLOPES, send_differences
from attncli.engine.compiled.exponential import EXACT, FORMATS, exponential, wide_exponential
from attncli.engine.kernels import NumpyKernels
from attncli.engine.score_bounds import limits_of
from attncli.similarities import negative_half_square, negative_manhattan

if TYPE_CHECKING:
    from attncli.engine.kernels import Gatherer, Gathering
    from attncli.matrix import Array
    from attncli.variants import Variant

PIECE = 128  # cells of a row


@numba.njit(fastmath={"reassoc", "nsz"})
def _short_sum(row: Array) -> Any:
    """Return the sum of a row, as several partial sums that the processor computes in parallel."""
    total = row[0] - row[0]
    for j in range(row.shape[0]):
        total += row[j]
    return total


@numba.njit
def _sum(row: Array) -> Any:
    """Return the sum of a row, computed in pieces because rounding errors grow with the length of a single sum."""
    total = row[0] - row[0]
    for start in range(0, row.shape[0], PIECE):
        total += _short_sum(row[start : start + PIECE])
    return total


@Compiled
def exponentials(scores: Array, sums: Array) -> None:
    """Replace scores (r, t) by exp(score), and write the sum of each row."""
    for i in range(scores.shape[0]):
        row = scores[i]
        for j in range(row.shape[0]):
            row[j] = exponential(row[j])
        sums[i] = _sum(row)


@Compiled
def shifted_exponentials(scores: Array, shift: Array, least: Array, sums: Array) -> None:
    """Replace scores (r, t) by exp(score − shift), shift (r,), including the rounding error of the subtraction (Knuth's
    TwoSum), or by 0 where score − shift is below `least` (1,), and write the sum of each row."""
    lowest = least[0]
    for i in range(scores.shape[0]):
        row, base = scores[i], shift[i]
        for j in range(row.shape[0]):
            score = row[j]
            difference = score - base
            rest = difference - score
            error = (score - (difference - rest)) - (base + rest)
            row[j] = wide_exponential(difference, error, lowest)
        sums[i] = _sum(row)


@numba.njit(fastmath=EXACT, error_model="numpy")
def manhattan(queries: Array, keys: Array, scores: Array) -> None:
    """Compute −Σ|q − k| from (b, d) and (d, t) into (b, t). Four coordinates at a time keep the sums in registers for
    longer."""
    coordinates = queries.shape[1]
    whole = coordinates - coordinates % 4
    for i in range(queries.shape[0]):
        row, query = scores[i], queries[i]
        for j in range(row.shape[0]):
            row[j] = 0
        for c in range(0, whole, 4):
            q0, q1, q2, q3 = query[c], query[c + 1], query[c + 2], query[c + 3]
            k0, k1, k2, k3 = keys[c], keys[c + 1], keys[c + 2], keys[c + 3]
            for j in range(row.shape[0]):
                row[j] -= (abs(q0 - k0[j]) + abs(q1 - k1[j])) + (abs(q2 - k2[j]) + abs(q3 - k3[j]))
        for c in range(whole, coordinates):
            q0, k0 = query[c], keys[c]
            for j in range(row.shape[0]):
                row[j] -= abs(q0 - k0[j])


@numba.njit(fastmath=EXACT, error_model="numpy")
def half_square(queries: Array, keys: Array, scores: Array) -> None:
    """Compute −Σ(q − k)²/2 from (b, d) and (d, t) into (b, t)."""
    coordinates = queries.shape[1]
    half = queries.dtype.type(0.5)
    whole = coordinates - coordinates % 4
    for i in range(queries.shape[0]):
        row, query = scores[i], queries[i]
        for j in range(row.shape[0]):
            row[j] = 0
        for c in range(0, whole, 4):
            q0, q1, q2, q3 = query[c], query[c + 1], query[c + 2], query[c + 3]
            k0, k1, k2, k3 = keys[c], keys[c + 1], keys[c + 2], keys[c + 3]
            for j in range(row.shape[0]):
                d0, d1, d2, d3 = q0 - k0[j], q1 - k1[j], q2 - k2[j], q3 - k3[j]
                row[j] -= (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)
        for c in range(whole, coordinates):
            q0, k0 = query[c], keys[c]
            for j in range(row.shape[0]):
                row[j] -= (q0 - k0[j]) * (q0 - k0[j])
        for j in range(row.shape[0]):
            row[j] *= half


PRODUCT, MANHATTAN, HALF_SQUARE = range(3)
# by the score function
DISTANCES: dict[Callable[..., Array], int] = {negative_manhattan: MANHATTAN, negative_half_square: HALF_SQUARE}


@numba.njit(fastmath=EXACT, error_model="numpy")
def _score(kind: int, queries: Array, keys: Array, scratch: Array, scores: Array) -> None:
    """Compute scores (b, t) from (b, d) and (t, d). A distance reads the keys by coordinate, from `scratch`."""
    if kind == PRODUCT:
        np.dot(queries, keys.T, scores)
        return
    by_coordinate = scratch[: keys.size].reshape(keys.shape[1], keys.shape[0])
    for c in range(keys.shape[1]):
        for j in range(keys.shape[0]):
            by_coordinate[c, j] = keys[j, c]
    if kind == MANHATTAN:
        manhattan(queries, by_coordinate, scores)
    else:
        half_square(queries, by_coordinate, scores)


@Compiled
def score(kind: Array, queries: Array, keys: Array, scratch: Array, scores: Array) -> None:
    """Compute the scores of each part: (p, b, t) from (p, b, d) and (p, t, d)."""
    for part in range(queries.shape[0]):
        _score(kind[0], queries[part], keys[part], scratch, scores[part])


@numba.njit(fastmath=EXACT, error_model="numpy")
def _exponentials_within(scores: Array, scale: Any, starts: Array, stops: Array, left: int, sums: Array) -> None:
    """Replace scores by exp(scale · score) for the keys starts[i] to stops[i] of each row i, and by 0 for the others.

    `left` is the number of the first key. The sum of each row is added to `sums`.
    """
    for i in range(scores.shape[0]):
        start = min(max(0, starts[i] - left), scores.shape[1])
        stop = min(max(start, stops[i] - left), scores.shape[1])
        scores[i, :start] = 0
        # a loop from 0, because numba does not vectorize loops whose index could be negative
        seen = scores[i, start:stop]
        for j in range(seen.shape[0]):
            seen[j] = exponential(scale * seen[j])
        scores[i, stop:] = 0
        sums[i] += _sum(scores[i])


@Compiled
def gather_block(
    kind: Array,
    queries: Array,
    keys: Array,
    values: Array,
    scale: Array,
    starts: Array,
    stops: Array,
    tile: Array,
    scratch: Array,
    gathered: Array,
    sums: Array,
) -> None:
    """Add Σ exp(scale · score) · value and Σ exp(scale · score) to `gathered` (p, b, v) and `sums` (p, b).

    The sums are over the keys starts to stops (p, b) of each query, for each part: (p, b, d), (p, m, d), (p, m, v).
    `tile` is the number of queries and of keys that are scored together.
    """
    height, width = tile.shape
    cells, products = tile.reshape(height * width), np.empty((height, values.shape[2]), tile.dtype)
    for part in range(queries.shape[0]):
        for top in range(0, queries.shape[1], height):
            bottom = min(top + height, queries.shape[1])
            own_starts, own_stops = starts[part][top:bottom], stops[part][top:bottom]
            first, last = own_starts[0], own_stops[0]
            for i in range(bottom - top):
                first, last = min(first, own_starts[i]), max(last, own_stops[i])
            for left in range(first, last, width):
                right = min(left + width, last)
                scores = cells[: (bottom - top) * (right - left)].reshape(bottom - top, right - left)
                product = products[: bottom - top]
                _score(kind[0], queries[part][top:bottom], keys[part][left:right], scratch, scores)
                _exponentials_within(scores, scale[0], own_starts, own_stops, left, sums[part][top:bottom])
                np.dot(scores, values[part][left:right], product)
                for i in range(bottom - top):
                    row, more = gathered[part][top + i], product[i]
                    for j in range(row.shape[0]):
                        row[j] += more[j]


class NumbaKernels(NumpyKernels):
    """Compiled loops that call BLAS for their matrix products."""

    name = "numba"

    def raw_scores(self, variant: Variant, queries: Array, keys: Array) -> Array:
        if variant.score not in DISTANCES:
            return super().raw_scores(variant, queries, keys)
        scores = self.scratch.array("scores", (*queries.shape[:-1], keys.shape[-2]), queries.dtype)
        kind, scratch = np.array([DISTANCES[variant.score]]), self._by_coordinate(keys.shape[-2], keys)
        score(kind, in_parts(queries), in_parts(keys), scratch, scores.reshape(-1, *scores.shape[-2:]))
        return scores

    def _by_coordinate(self, width: int, keys: Array) -> Array:
        """Return an array for the keys of a tile, stored by coordinate."""
        return self.scratch.array("by coordinate", (width * keys.shape[-1],), keys.dtype)

    def exponentials(self, scores: Array, shift: Array | None, *, has_infinities: bool, drops_tails: bool) -> Array:  # noqa: ARG002
        sums = np.empty(scores.shape[:-1], scores.dtype)
        rows = scores.reshape(-1, scores.shape[-1])
        if shift is None:
            exponentials(rows, sums.reshape(-1))
        else:
            floor = FORMATS[numba.from_dtype(scores.dtype)].floor
            least = limits_of(scores.dtype).least if drops_tails else floor
            shifted_exponentials(rows, shift.reshape(-1), np.array([least], scores.dtype), sums.reshape(-1))
        return sums

    def backward(self, variant: Variant, queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
        if variant.backward not in SLOPES:
            return super().backward(variant, queries, keys, d_scores)
        d_queries, d_keys = np.empty_like(queries, order="C"), np.empty_like(keys, order="C")
        given = map(in_parts, (queries, keys, d_scores))
        found = (array.reshape(-1, *array.shape[-2:]) for array in (d_queries, d_keys))
        send_differences(np.array([SLOPES[variant.backward]]), *given, *found)
        return d_queries, d_keys

    def gatherer(self, variant: Variant) -> Gatherer | None:
        return self.gather if variant.is_product or variant.score in DISTANCES else None

    def gather(self, work: Gathering, gathered: Array, sums: Array) -> None:
        """Add the weighted values and the exponentials of some keys in one call."""
        tile = self.scratch.array("scores", (work.height, work.width), sums.dtype)
        kind = np.array([DISTANCES.get(work.variant.score, PRODUCT)])
        gather_block(
            kind,
            in_parts(work.queries),
            in_parts(work.keys),
            in_parts(work.values),
            np.array([work.scale], sums.dtype),
            work.starts.reshape(-1, work.starts.shape[-1]),
            work.stops.reshape(-1, work.starts.shape[-1]),
            tile,
            self._by_coordinate(work.width, work.keys),
            gathered.reshape(-1, *gathered.shape[-2:]),
            sums.reshape(-1, sums.shape[-1]),
        )


def in_parts(matrix: Array) -> Array:
    """Return an array (…, r, c) as (p, r, c) in the form that compiled code takes: in C order, aligned and
    read-only."""
    whole = np.require(matrix, requirements=("C", "A")).reshape(-1, *matrix.shape[-2:]).view()
    whole.flags.writeable = False
    return whole
