"""Large matrices some rows at a time: what `check` finds about them is collected block by block."""

from __future__ import annotations

import math
from types import EllipsisType

import numpy as np

Index = tuple[slice | EllipsisType, ...]

CELLS = 1 << 19  # that are judged together: a dozen arrays of them are needed at once


def rows_together(width: int) -> int:
    """Return how many rows of so many cells make a block."""
    return max(1, CELLS // max(1, width))


def block_indices(shape: tuple[int, ...], axis: int = -2, step: int | None = None) -> list[Index]:
    """Return the indices of the blocks of an array, cut along the axis of its rows.

    Each is a tuple that takes `step` rows (as many as make a block, if it is None) of every entry of the axes before. A
    list is cut along its only axis.
    """
    axis = max(axis, -len(shape))
    if not shape:
        return [(...,)]
    rows = shape[axis]
    if step is None:
        step = rows_together(math.prod(shape) // max(1, rows))
    rest = (slice(None),) * (-axis - 1)
    return [(..., slice(start, min(start + step, rows)), *rest) for start in range(0, max(1, rows), step)]


def rows_of(where: Index, rows: int) -> range:
    """Return which of so many rows a block has."""
    place = where[1] if len(where) > 1 else slice(None)
    assert isinstance(place, slice)
    return range(rows)[place]


def cell_of(flat: int, shape: tuple[int, ...], where: Index) -> tuple[int, ...]:
    """Return the index in the whole array of a cell of a block of this shape, by its place in C order."""
    found = [int(place) for place in np.unravel_index(flat, shape)]
    behind = len(where) - 1  # axes from the one that is cut
    if behind and isinstance(cut := where[1], slice) and cut.start is not None:
        found[-behind] += cut.start
    return tuple(found)
