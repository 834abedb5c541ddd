"""The score functions of the variants, and their gradients.

A score function takes queries (…, b, d_k) and keys (…, t, d_k) of one floating dtype and returns the raw scores (…, b,
t) in that dtype. Its gradient takes those of the raw scores too, and returns those of the queries and keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray

TILE = 128, 512  # queries and keys of the sums of differences: a quarter of a megabyte in float32


def dot(queries: ndarray, keys: ndarray) -> ndarray:
    """Return q·k for every pair: (…, b, t) from (…, b, d_k) and (…, t, d_k)."""
    product: ndarray = queries @ keys.mT
    return product


def negative_manhattan(queries: ndarray, keys: ndarray) -> ndarray:
    """Return −Σ|q − k| for every pair, summed by coordinate, so that memory stays at two tiles."""
    return _negative_sum(queries, keys, lambda difference: abs_in_place(difference))


def negative_half_square(queries: ndarray, keys: ndarray) -> ndarray:
    """Return −Σ(q − k)²/2 for every pair, from the differences, because q² − 2qk + k² would cancel for near
    neighbours."""
    total = _negative_sum(queries, keys, lambda difference: square_in_place(difference))
    total *= total.dtype.type(0.5)
    return total


def zero_scores(queries: ndarray, keys: ndarray) -> ndarray:
    """Return 0 for every pair."""
    import numpy as np

    return np.zeros((*queries.shape[:-1], keys.shape[-2]), queries.dtype)


def unit_rows(rows: ndarray) -> ndarray:
    """Divide each row by its Euclidean length. A zero row remains zero.

    Rows are first divided by their largest entry, so that no square overflows or underflows.
    """
    import numpy as np

    with np.errstate(invalid="ignore"):  # an infinity, if allowed, has no direction
        largest = np.abs(rows).max(axis=-1, keepdims=True, initial=0)
        rows = rows / np.where(largest > 0, largest, 1)
        length = np.sqrt(np.square(rows).sum(axis=-1, keepdims=True))
        unit: ndarray = rows / np.where(length > 0, length, 1)
    return unit


def additive(queries: ndarray, keys: ndarray, weights: tuple[float, ...] | None = None) -> ndarray:
    """Return Σ v·tanh(q + k) for every pair, summed by coordinate, with weights v (d_k,) or ones."""
    import numpy as np

    total = np.zeros((*queries.shape[:-1], keys.shape[-2]), queries.dtype)
    for column, bent in _bent_sums(queries, keys, total):
        if weights is not None:
            bent *= bent.dtype.type(weights[column])
        total += bent
    return total


def _bent_sums(queries: ndarray, keys: ndarray, like: ndarray) -> Iterator[tuple[int, ndarray]]:
    """Yield tanh(q + k) of each coordinate for every pair, in one array that is used again."""
    import numpy as np

    bent = np.empty_like(like)
    by_column = np.ascontiguousarray(keys.mT)
    for column in range(queries.shape[-1]):
        np.add(queries[..., column, None], by_column[..., column, None, :], out=bent)
        np.tanh(bent, out=bent)
        yield column, bent


def abs_in_place(difference: ndarray) -> None:
    import numpy as np

    np.abs(difference, out=difference)


def square_in_place(difference: ndarray) -> None:
    import numpy as np

    np.multiply(difference, difference, out=difference)


def _negative_sum(queries: ndarray, keys: ndarray, term: Callable[[ndarray], None]) -> ndarray:
    import numpy as np

    scores = np.empty((*queries.shape[:-1], keys.shape[-2]), queries.dtype)
    by_column = np.ascontiguousarray(keys.mT)
    for rows, columns in _tiles_of(scores):
        total = np.zeros_like(scores[..., rows, columns])
        difference = np.empty_like(total)
        for c in range(queries.shape[-1]):
            np.subtract(queries[..., rows, c, None], by_column[..., c, None, columns], out=difference)
            term(difference)
            total -= difference
        scores[..., rows, columns] = total
    return scores


def _tiles_of(scores: ndarray) -> Iterator[tuple[slice, slice]]:
    """Yield the queries and keys of each tile: two arrays of its size fit into the cache of a core."""
    rows, columns = scores.shape[-2:]
    for top in range(0, rows, TILE[0]):
        for left in range(0, columns, TILE[1]):
            yield slice(top, min(top + TILE[0], rows)), slice(left, min(left + TILE[1], columns))


def dot_backward(queries: ndarray, keys: ndarray, d_scores: ndarray) -> tuple[ndarray, ndarray]:
    """Return dS K and dSᵀ Q."""
    return d_scores @ keys, d_scores.mT @ queries


def manhattan_backward(queries: ndarray, keys: ndarray, d_scores: ndarray) -> tuple[ndarray, ndarray]:
    """Return ∓Σ dS · sign(q − k), summed by coordinate. The sign of 0 is 0."""
    return _sum_differences(queries, keys, d_scores, takes_sign=True)


def half_square_backward(queries: ndarray, keys: ndarray, d_scores: ndarray) -> tuple[ndarray, ndarray]:
    """Return ∓Σ dS · (q − k), from the differences, as for the scores."""
    return _sum_differences(queries, keys, d_scores, takes_sign=False)


def additive_backward(
    queries: ndarray, keys: ndarray, d_scores: ndarray, weights: tuple[float, ...] | None = None
) -> tuple[ndarray, ndarray]:
    """Return Σ dS · v (1 − tanh²(q + k)), the same for both sides, summed by coordinate."""
    import numpy as np

    d_queries, d_keys = np.empty_like(queries), np.empty_like(keys)
    for column, bent in _bent_sums(queries, keys, d_scores):
        np.multiply(bent, bent, out=bent)
        np.subtract(1, bent, out=bent)
        bent *= d_scores
        factor = bent.dtype.type(1 if weights is None else weights[column])
        d_queries[..., column] = factor * bent.sum(axis=-1)
        d_keys[..., column] = factor * bent.sum(axis=-2)
    return d_queries, d_keys


def no_backward(queries: ndarray, keys: ndarray, _d_scores: ndarray) -> tuple[ndarray, ndarray]:
    """Return 0, because the scores depend on neither."""
    import numpy as np

    return np.zeros_like(queries), np.zeros_like(keys)


def _sum_differences(
    queries: ndarray, keys: ndarray, d_scores: ndarray, *, takes_sign: bool
) -> tuple[ndarray, ndarray]:
    """Return −Σ dS · f(q − k) over the keys and Σ dS · f(q − k) over the queries, where f is the sign or the identity.

    It is computed by coordinate in tiles that fit into the cache, and summed by BLAS.
    """
    import numpy as np

    d_queries, d_keys = np.zeros_like(queries), np.zeros_like(keys)
    queries_by_column, keys_by_column = np.ascontiguousarray(queries.mT), np.ascontiguousarray(keys.mT)
    ties = _find_ties(queries_by_column, keys_by_column) if takes_sign else ()
    for rows, columns in _tiles_of(d_scores):
        amounts = np.ascontiguousarray(d_scores[..., rows, columns])
        difference = np.empty_like(amounts)
        over_keys, over_queries = (np.ones(size, amounts.dtype) for size in amounts.shape[:-3:-1])
        for c in range(queries.shape[-1]):
            np.subtract(queries_by_column[..., c, rows, None], keys_by_column[..., c, None, columns], out=difference)
            if takes_sign:
                _copy_signs(difference, amounts, has_ties=ties[c])
            else:
                difference *= amounts
            d_queries[..., rows, c] -= difference @ over_keys
            d_keys[..., columns, c] += over_queries @ difference
    return d_queries, d_keys


def _find_ties(queries: ndarray, keys: ndarray) -> list[bool]:
    """Return for each coordinate whether some query may have the same number as some key, from (…, d, b) and (…, d,
    t)."""
    import numpy as np

    ties = []
    for c in range(queries.shape[-2]):
        numbers = np.sort(keys[..., c, :], axis=None)
        nearest = numbers.take(np.searchsorted(numbers, queries[..., c, :]), mode="clip")
        ties.append(bool((nearest == queries[..., c, :]).any()))
    return ties


def _copy_signs(difference: ndarray, amounts: ndarray, *, has_ties: bool) -> None:
    """Replace the difference by amount · sign(difference), using its bits, because np.sign takes five times as long."""
    import numpy as np

    integers = np.dtype(f"i{amounts.itemsize}")
    ties = difference == 0 if has_ties else None
    bits = difference.view(integers)
    np.bitwise_and(bits, integers.type(-1 << (8 * amounts.itemsize - 1)), out=bits)
    np.bitwise_xor(bits, amounts.view(integers), out=bits)
    if ties is not None:
        difference[ties] = 0


def unit_rows_backward(rows: ndarray, d_unit: ndarray) -> ndarray:
    """Return (dy − y (y·dy)) / ‖x‖ for y = x / ‖x‖, or 0 for a zero row, which has no direction."""
    import numpy as np

    unit = unit_rows(rows)
    largest = np.abs(rows).max(axis=-1, keepdims=True, initial=0)
    scaled = rows / np.where(largest > 0, largest, 1)
    length = np.sqrt(np.square(scaled).sum(axis=-1, keepdims=True)) * largest
    across = d_unit - unit * (unit * d_unit).sum(axis=-1, keepdims=True)
    d_rows: ndarray = np.where(length > 0, across / np.where(length > 0, length, 1), rows.dtype.type(0))
    return d_rows
