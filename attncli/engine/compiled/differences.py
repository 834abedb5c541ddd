"""The way back through the score of a distance: sums of dS · sign(q − k), or of dS · (q − k), over keys and queries.

A tile of keys is stored by coordinate, so that the inner loop runs along the keys, and four queries share what it reads
and writes of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from attncli.engine.compiled.compiler import Compiled
from attncli.engine.compiled.exponential import EXACT
from attncli.matrix import Array
from attncli.similarities import half_square_backward, manhattan_backward

ROWS = 4  # queries processed together
WIDTH = 512  # keys of a tile
PARTIAL = EXACT | {"reassoc", "nsz"}  # a sum along the keys may be several partial sums

SIGN, DIFFERENCE = range(2)
# by the gradient function
SLOPES: dict[Callable[..., tuple[Array, Array]], int] = {manhattan_backward: SIGN, half_square_backward: DIFFERENCE}


@numba.njit(fastmath=EXACT)
def _times_sign(amount: Any, query: Any, key: Any, zero: Any) -> Any:
    """Return amount · sign(query − key), as two selections without a branch. The sign of 0 is 0."""
    return (amount if query > key else zero) - (amount if query < key else zero)


@numba.njit(fastmath=EXACT)
def _times_difference(amount: Any, query: Any, key: Any, _zero: Any) -> Any:
    return amount * (query - key)


def _compile_sums(product: Callable[..., Any]) -> Callable[..., None]:
    """Return a function that adds the products of four queries with a tile of keys to their sums."""

    @numba.njit(fastmath=PARTIAL, error_model="numpy")
    def add_products(numbers: Array, amounts: Array, keys: Array, over_keys: Array, over_queries: Array) -> None:
        """Add to `over_keys` (4, d) and `over_queries` (d, t), from the queries (4, d), dS (4, t) and keys (d, t)."""
        zero = numbers.dtype.type(0)
        amounts0, amounts1, amounts2, amounts3 = amounts[0], amounts[1], amounts[2], amounts[3]
        for c in range(keys.shape[0]):
            query0, query1, query2, query3 = numbers[0, c], numbers[1, c], numbers[2, c], numbers[3, c]
            key, sent = keys[c], over_queries[c]
            sum0 = sum1 = sum2 = sum3 = zero
            for j in range(key.shape[0]):
                product0 = product(amounts0[j], query0, key[j], zero)
                product1 = product(amounts1[j], query1, key[j], zero)
                product2 = product(amounts2[j], query2, key[j], zero)
                product3 = product(amounts3[j], query3, key[j], zero)
                sum0 += product0
                sum1 += product1
                sum2 += product2
                sum3 += product3
                sent[j] += (product0 + product1) + (product2 + product3)
            over_keys[0, c] += sum0
            over_keys[1, c] += sum1
            over_keys[2, c] += sum2
            over_keys[3, c] += sum3

    return add_products


_add_signs = _compile_sums(_times_sign)
_add_differences = _compile_sums(_times_difference)


@Compiled
def send_differences(
    kind: Array, queries: Array, keys: Array, d_scores: Array, d_queries: Array, d_keys: Array
) -> None:
    """Write −Σ dS · f(q − k) over the keys and Σ dS · f(q − k) over the queries, where f is the sign or the identity.

    The arrays are (p, b, d), (p, t, d), (p, b, t), (p, b, d) and (p, t, d).
    """
    count, width, features = queries.shape[1], min(WIDTH, keys.shape[1]), queries.shape[2]
    numbers, over_keys = np.empty((ROWS, features), queries.dtype), np.empty((ROWS, features), queries.dtype)
    row_cells = np.empty(ROWS * width, queries.dtype)
    key_cells, sum_cells = np.empty(features * width, queries.dtype), np.empty(features * width, queries.dtype)
    for part in range(queries.shape[0]):
        d_queries[part] = 0
        for left in range(0, keys.shape[1], width):
            wide = min(width, keys.shape[1] - left)
            amounts = row_cells[: ROWS * wide].reshape(ROWS, wide)
            by_coordinate = key_cells[: features * wide].reshape(features, wide)
            over_queries = sum_cells[: features * wide].reshape(features, wide)
            for c in range(features):
                for j in range(wide):
                    by_coordinate[c, j] = keys[part, left + j, c]
            over_queries[:] = 0
            for top in range(0, count, ROWS):
                numbers[:] = 0
                amounts[:] = 0  # rows beyond the last query send nothing
                over_keys[:] = 0
                for i in range(min(ROWS, count - top)):
                    numbers[i] = queries[part, top + i]
                    amounts[i] = d_scores[part, top + i, left : left + wide]
                if kind[0] == SIGN:
                    _add_signs(numbers, amounts, by_coordinate, over_keys, over_queries)
                else:
                    _add_differences(numbers, amounts, by_coordinate, over_keys, over_queries)
                for i in range(min(ROWS, count - top)):
                    for c in range(features):
                        d_queries[part, top + i, c] -= over_keys[i, c]
            for c in range(features):
                for j in range(wide):
                    d_keys[part, left + j, c] = over_queries[c, j]
