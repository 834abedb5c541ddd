"""A percentile of many numbers that come block by block, exactly as of all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from attncli.matrix import Array

Blocks = Callable[[], Iterable[Array]]  # each call yields the same lists of numbers, none below 0 and none NaN

BITS = 16  # by which numbers are told apart in one look at all of them
FEW = 1 << 16  # numbers that are sorted


def percentile_of(blocks: Blocks, count: int, percent: float) -> float:
    """Return what `np.percentile` returns for these `count` numbers, or 0 for none."""
    if not count:
        return 0.0
    place = (count - 1) * (percent / 100)
    below = int(place)
    part = place - below
    low, high = (number_at(blocks, min(rank, count - 1), count) for rank in (below, below + 1))
    step = high - low
    return low + step * part if part < 0.5 else high - step * (1 - part)


def number_at(blocks: Blocks, rank: int, count: int) -> float:
    """Return the number at this place of the sorted list of `count`.

    The bits of a float that is not below 0 are ordered as the floats are. Each look at the numbers tells the next
    `BITS` of the number that is sought, until few numbers share them.
    """
    known, shift = 0, 64
    while count > FEW and shift:
        shift -= BITS
        counts = np.zeros(1 << BITS, np.int64)
        for numbers in blocks():
            bits = _sharing(numbers, known, shift + BITS) >> np.uint64(shift)
            counts += np.bincount(bits.astype(np.int64) & ((1 << BITS) - 1), minlength=1 << BITS)
        ends = np.cumsum(counts)
        digit = int(np.searchsorted(ends, rank, side="right"))
        count = int(counts[digit])
        rank -= int(ends[digit]) - count
        known = known << BITS | digit
    if not shift:
        return float(np.array(known, np.uint64).view(np.float64))
    shared = np.concatenate([_sharing(numbers, known, shift) for numbers in blocks()])
    return float(np.partition(shared, rank)[rank].view(np.float64))


def _sharing(numbers: Array, known: int, shift: int) -> Array:
    """Return the bits of those numbers whose bits above `shift` are the known ones."""
    bits = (numbers + 0.0).view(np.uint64)  # −0 is 0
    return bits if shift == 64 else bits[bits >> np.uint64(shift) == np.uint64(known)]
