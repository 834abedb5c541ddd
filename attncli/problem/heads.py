"""Arrays with an axis of heads: before or after the axis of positions, or packed into the columns."""

from __future__ import annotations

import numpy as np

from attncli.matrix import Array


def swap_heads(array: Array) -> Array:
    """Return (…, n, heads, d) as (…, heads, n, d) or the reverse, as a view."""
    swapped: Array = np.swapaxes(array, -2, -3)
    return swapped


def swap_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an array with heads and positions swapped."""
    return (*shape[:-3], shape[-2], shape[-3], shape[-1])


def pack_heads(array: Array) -> Array:
    """Return (…, H, n, d) with the columns of the heads side by side: (…, n, H·d)."""
    array = swap_heads(array)
    return array.reshape(*array.shape[:-2], -1)


def unpack_heads(array: Array, heads: int) -> Array:
    """Return (…, n, H·d) as (…, H, n, d), a view."""
    return swap_heads(array.reshape(*array.shape[:-1], heads, array.shape[-1] // heads))
