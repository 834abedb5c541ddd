"""Queries, keys and values that one array holds, or the weights that make them, taken apart by the order that is
given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attncli.errors import InputError

if TYPE_CHECKING:
    from attncli.matrix import Matrix

# all of Q, then K, then V; or q, k and v of the first head, then of the next, as GPT-NeoX and BLOOM have them
QKV_ORDERS = ("blocks", "heads")
PARTS = {
    "qkv": ("queries", "keys", "values"),
    "w_qkv": ("w_q", "w_k", "w_v"),
    "b_qkv": ("b_q", "b_k", "b_v"),
}


def split_packed(name: str, matrix: Matrix, order: str, heads: tuple[int, int] | None) -> Mapping[str, Any]:
    """Return the three matrices of a packed one, whose last axis holds them, by their names.

    Raises InputError if the columns cannot be shared out.
    """
    import numpy as np

    array, (query_heads, key_heads) = matrix.array, heads or (1, 1)
    if not array.ndim:
        raise InputError(
            matrix.where, "a single number cannot hold queries, keys and values", "give rows of three parts"
        )
    width, shares = array.shape[-1], query_heads + 2 * key_heads
    if order == "heads" and (heads is None or query_heads != key_heads):
        what = "the order heads needs equally many key and query heads" if heads else "the order heads needs heads"
        raise InputError(matrix.where, what, "heads: 8, or qkv_order: blocks")
    if width % shares:
        of_heads = "" if heads is None else f" for {query_heads} query and {key_heads} key heads"
        what = f"{width} columns cannot be divided among Q, K and V{of_heads}"
        raise InputError(matrix.where, what, "a multiple of 3, or heads: H/KV where keys have fewer heads")
    size = width // shares
    columns = np.arange(width)
    if order == "heads":
        places = list(columns.reshape(query_heads, 3, size).swapaxes(0, 1).reshape(3, -1))
    else:
        places = np.split(columns, [query_heads * size, (query_heads + key_heads) * size])
    return {part: take_columns(matrix, own) for part, own in zip(PARTS[name], places, strict=True)}


def take_columns(matrix: Matrix, places: Any) -> Matrix:
    """Return some columns of a matrix, with their labels and texts."""
    import numpy as np

    array, labels = matrix.array, matrix.column_labels
    texts = matrix.texts
    if texts is not None:
        cells = np.arange(array.size).reshape(array.shape)[..., places].reshape(-1)
        texts = tuple(texts[cell] for cell in cells.tolist())
    return replace(
        matrix,
        array=array[..., places],
        column_labels=None if labels is None else tuple(labels[place] for place in places),
        texts=texts,
    )
