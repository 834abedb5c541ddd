"""Which keys of a tile the queries may see: none, all, or those of a Boolean tile, and the bias of the tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.problem.problem import at_entry
from attncli.records import record, replace

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Part, Problem


KEPT = 8  # row masks that are kept for the next part


@record
class TileMask:
    """What a tile of queries × keys may see.

    `allowed` (…, b, t) is True where the query may attend, or None if all may. `hidden` is its opposite in the columns
    `doubt`, outside of which everything is allowed. `seen` (…, b) is true if the query has any key here.
    """

    allowed: Array | None
    doubt: slice
    hidden: Array | None
    seen: Array | bool


EVERYTHING = TileMask(None, slice(None), None, True)


@record
class RowMask:
    """The masks of one block of queries: `starts` and `stops` (…, b) bound each query's keys by position."""

    starts: Array | None
    stops: Array | None
    mask: Array | None
    bias: Array | None
    first_key: int  # no query of the block sees a key before this,
    last_key: int  # or from this on
    common_start: int = 0  # every query sees the keys from this on
    common_stop: int = 0  # up to this, as far as positions decide
    heads: tuple[Array, Array] | None = None  # starts and stops of the other keys that each query sees
    segments: tuple[Array, Array] | None = None  # the ids of the queries (…, b) and of the keys (…, m)
    kept: dict[tuple[int, int], TileMask] | None = None  # set if the same tiles are asked for again

    def tile(self, start: int, stop: int) -> TileMask:
        """Return the mask of the keys start … stop."""
        if self.kept is None:
            return self._tile(start, stop)
        if (start, stop) not in self.kept:
            self.kept[start, stop] = self._tile(start, stop)
        return self.kept[start, stop]

    def _tile(self, start: int, stop: int) -> TileMask:
        allowed = self.allowed(start, stop)
        if allowed is None:
            return EVERYTHING
        doubt = slice(None)
        if self.mask is None and self.bias is None and self.segments is None:
            by_position = self._doubtful(start, stop)
            doubt = slice(by_position.start - start, by_position.stop - start)
        return TileMask(allowed, doubt, ~allowed[..., doubt], np.any(allowed, axis=-1))

    def allowed(self, start: int, stop: int) -> Array | None:
        """Return (…, b, stop − start) booleans, True where the query may attend, or None if all are True."""
        allowed = None
        if self.starts is not None and self.stops is not None and (doubt := self._doubtful(start, stop)):
            columns = np.arange(doubt.start, doubt.stop, dtype=self.starts.dtype)
            allowed = np.ones((*self.starts.shape, stop - start), np.bool_)
            within = allowed[..., doubt.start - start : doubt.stop - start]
            np.less(columns, self.stops[..., None], out=within)
            if self.common_start > start:
                within &= columns >= self.starts[..., None]
            if self.heads is not None:
                within |= (columns >= self.heads[0][..., None]) & (columns < self.heads[1][..., None])
        if self.mask is not None:
            tile = self.mask[..., start:stop]
            allowed = tile if allowed is None else allowed & tile
        if self.segments is not None:
            queries, keys = self.segments
            same = queries[..., :, None] == keys[..., None, start:stop]
            allowed = same if allowed is None else allowed & same
        if self.bias is not None:
            free = self.bias[..., start:stop] > -np.inf
            if not free.all():
                allowed = free if allowed is None else allowed & free
        return allowed

    def _doubtful(self, start: int, stop: int) -> range:
        """Return one range that holds all keys from start to stop that the position of some query may forbid."""
        first = start if self.common_start > start else max(start, self.common_stop)
        last = stop if self.common_stop < stop else min(stop, self.common_start)
        return range(first, max(first, last))


def hidden_cells(numbers: Array, allowed: Array) -> Array:
    """Return which cells of scores or weights hold what a mask gives, 0 or −inf, where the query may not attend. In a
    row without a key some systems give other numbers, which are shown."""
    hidden: Array = ~allowed & ((numbers == 0) | np.isneginf(numbers))
    return hidden


class RowMasks:
    """The masks of a problem's blocks of queries. The first of them are kept if they are the same in every part."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        visible = problem.visible
        varies = max(len(visible.offsets), len(visible.lengths or ())) > 1
        is_alike = problem.mask is None and problem.bias is None and problem.segments is None and not varies
        self._is_shared = problem.parts > 1 and is_alike
        self._kept: dict[range, RowMask] = {}

    def of(self, part: Part, rows: range) -> RowMask:
        """Return the masks of these queries of one part, or of a stack of parts."""
        if not self._is_shared:
            return make_row_mask(self.problem, part, rows)
        if rows in self._kept:
            return self._kept[rows]
        made = replace(make_row_mask(self.problem, replace(part, first=0), rows), kept={})  # valid for any part
        if len(self._kept) < KEPT:
            self._kept[rows] = made
        return made


def make_row_mask(problem: Problem, part: Part, rows: range) -> RowMask:
    """Return the masks of these queries of one part, or of a stack of parts."""
    mask = None if part.mask is None else part.mask[..., rows.start : rows.stop, :]
    bias = None if part.bias is None else part.bias[..., rows.start : rows.stop, :]
    visible, segments = problem.visible, None
    if problem.segments is not None:
        queries, keys = (at_entry(ids, part.first) for ids in problem.segments)
        segments = queries[..., rows.start : rows.stop], keys
    if visible.is_everything:
        return RowMask(None, None, mask, bias, 0, problem.m, segments=segments)
    positions = np.arange(rows.start, rows.stop)
    ranges = [visible.interval(part.first, positions, problem.m)]
    if visible.has_head:
        ranges.append(visible.head(part.first, positions, problem.m))
    first = min(int(starts.min(where=stops > starts, initial=problem.m)) for starts, stops in ranges)
    last = max(int(stops.max(where=stops > starts, initial=0)) for starts, stops in ranges)
    narrow = np.int32 if problem.m < 2**31 else np.int64  # half the bytes, so the comparisons are twice as fast
    (starts, stops), *heads = ((low.astype(narrow), high.astype(narrow)) for low, high in ranges)
    return RowMask(
        starts,
        stops,
        mask,
        bias,
        min(first, last),
        last,
        int(starts.max()),
        int(stops.min()),
        heads=heads[0] if heads else None,
        segments=segments,
    )
