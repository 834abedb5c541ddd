"""The loops over cells compiled by numba: an exponential fused with the sum of its row, and the distances.

Imported only once the numba engine is chosen: numba takes half a second to import, and a first compilation seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba.core import config

from attncli import __version__
from attncli.engine.kernels import NumpyKernels
from attncli.engine.numba_exp import EXACT, exponential, wide_exponential

if TYPE_CHECKING:
    from attncli.engine.scores import Tile
    from attncli.variants import Variant

Array = np.ndarray


def cache_folder() -> str:
    """Where compiled code is kept: the user's own cache, because site-packages may be read-only or shared; apart by
    version, because numba looks at the date of one source file only."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return str(Path(base) / "attncli" / f"numba-{__version__}")


PIECE = 128  # cells of a row


class Compiled:
    """A loop that is compiled, or read from the cache, at its first call with arrays of some dtype.

    LLVM calls back into Python as it compiles, and an interrupt that is raised in such a call is lost. Python raises
    them on the main thread, so that a thread of its own compiles while the caller waits.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self._dispatcher = _dispatcher_of(function)
        self._ready: set[tuple[Any, ...]] = set()

    def __call__(self, *arrays: Array) -> None:
        kinds = tuple((array.dtype, array.flags.writeable) for array in arrays)
        if kinds not in self._ready:
            signature = tuple(numba.typeof(array) for array in arrays)
            with ThreadPoolExecutor(1, "attncli-compile") as aside:
                aside.submit(self._dispatcher.compile, signature).result()
            self._ready.add(kinds)
        self._dispatcher(*arrays)


def _dispatcher_of(function: Callable[..., None]) -> Any:
    """numba's object for the function; uncached where no cache can be written."""
    options: dict[str, Any] = {"nogil": True, "fastmath": EXACT, "error_model": "numpy"}
    before = config.CACHE_DIR
    try:
        config.CACHE_DIR = before or cache_folder()
        return numba.njit(cache=True, **options)(function)
    except (RuntimeError, OSError):
        return numba.njit(**options)(function)
    finally:
        config.CACHE_DIR = before


@numba.njit(fastmath={"reassoc", "nsz"})
def _short_sum(row: Array) -> Any:
    """The sum of a row, in as many partial sums as make the processor quick."""
    total = row[0] - row[0]
    for j in range(row.shape[0]):
        total += row[j]
    return total


@numba.njit
def _sum(row: Array) -> Any:
    """The sum of a row, a piece at a time: rounding errors grow with the length of what is summed in one go."""
    total = row[0] - row[0]
    for start in range(0, row.shape[0], PIECE):
        total += _short_sum(row[start : start + PIECE])
    return total


@Compiled
def exponentials(scores: Array, scale: Array, sums: Array) -> None:
    """(r, t), (1,) → exp(scale · score) in place, and the sum of each row."""
    factor = scale[0]
    for i in range(scores.shape[0]):
        row = scores[i]
        for j in range(row.shape[0]):
            row[j] = exponential(factor * row[j])
        sums[i] = _sum(row)


@Compiled
def exponentials_within(scores: Array, scale: Array, starts: Array, stops: Array, sums: Array) -> None:
    """The same for the cells starts[i] to stops[i] of each row, 0 elsewhere."""
    factor = scale[0]
    for i in range(scores.shape[0]):
        start, stop = starts[i], max(starts[i], stops[i])
        scores[i, :start] = 0
        seen = scores[i, start:stop]  # a loop from 0: others are not vectorised, as indices could be negative
        for j in range(seen.shape[0]):
            seen[j] = exponential(factor * seen[j])
        scores[i, stop:] = 0
        sums[i] = _sum(scores[i])


@Compiled
def shifted_exponentials(scores: Array, shift: Array, sums: Array) -> None:
    """(r, t), (r,) → exp(score − shift) in place, with what the subtraction rounds off (Knuth's TwoSum)."""
    for i in range(scores.shape[0]):
        row, base = scores[i], shift[i]
        for j in range(row.shape[0]):
            score = row[j]
            difference = score - base
            rest = difference - score
            error = (score - (difference - rest)) - (base + rest)
            row[j] = wide_exponential(difference, error)
        sums[i] = _sum(row)


@Compiled
def manhattan(queries: Array, keys: Array, scores: Array) -> None:
    """−Σ|q − k|: (b, d), (d, t) → (b, t). Four coordinates at a time keep the sums in registers for longer."""
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


@Compiled
def half_square(queries: Array, keys: Array, scores: Array) -> None:
    """−Σ(q − k)²/2: (b, d), (d, t) → (b, t)."""
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


DISTANCES = {"laplace": manhattan, "gaussian": half_square}


class NumbaKernels(NumpyKernels):
    """NumPy's products, and compiled loops for the rest."""

    name = "numba"
    fuses = True

    def raw_scores(self, variant: Variant, queries: Array, keys: Array) -> Array:
        distance = DISTANCES.get(variant.name)
        if distance is None:
            return super().raw_scores(variant, queries, keys)
        scores = self.scratch.array("scores", (*queries.shape[:-1], keys.shape[-2]), queries.dtype)
        by_coordinate = np.ascontiguousarray(keys.mT)
        if queries.ndim == 2:
            distance(queries, by_coordinate, scores)
        else:
            for own, others, found in zip(queries, by_coordinate, scores, strict=True):
                distance(own, others, found)
        return scores

    def exponentials(self, tile: Tile, shift: Array | None) -> Array:
        scores = tile.scores
        sums = np.empty(scores.shape[:-1], scores.dtype)
        rows = scores.reshape(-1, scores.shape[-1])
        if shift is not None:
            shifted_exponentials(rows, shift.reshape(-1), sums.reshape(-1))
            return sums
        scale = np.full(1, 1 if tile.due is None else tile.due.scale, scores.dtype)
        span = None if tile.due is None else tile.due.span
        if span is None:
            exponentials(rows, scale, sums.reshape(-1))
        else:
            starts, stops = (np.broadcast_to(ends, sums.shape).flatten() for ends in (span.starts, span.stops))
            exponentials_within(rows, scale, starts, stops, sums.reshape(-1))
        return sums
