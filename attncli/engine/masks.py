"""What a tile of queries × keys may see: nothing, everything, or a Boolean tile; and its bias."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.records import record

if TYPE_CHECKING:
    from attncli.problem import Part, Problem

Array = np.ndarray


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
    common_stop: int = 0  # up to this, as far as positions go

    def allowed(self, start: int, stop: int) -> Array | None:
        """(…, b, stop − start) booleans, True where the query may attend; None where all are True."""
        allowed = None
        if self.starts is not None and self.stops is not None and (doubt := self._doubtful(start, stop)):
            columns = np.arange(doubt.start, doubt.stop, dtype=self.starts.dtype)
            allowed = np.ones((*self.starts.shape, stop - start), np.bool_)
            within = allowed[..., doubt.start - start : doubt.stop - start]
            np.less(columns, self.stops[..., None], out=within)
            if self.common_start > start:
                within &= columns >= self.starts[..., None]
        if self.mask is not None:
            tile = self.mask[..., start:stop]
            allowed = tile if allowed is None else allowed & tile
        if self.bias is not None:
            free = self.bias[..., start:stop] > -np.inf
            if not free.all():
                allowed = free if allowed is None else allowed & free
        return allowed

    def doubtful(self, start: int, stop: int) -> slice:
        """The columns of the tile start … stop outside of which everything is allowed, counted from `start`."""
        if self.mask is not None or self.bias is not None:
            return slice(0, stop - start)
        doubt = self._doubtful(start, stop)
        return slice(doubt.start - start, doubt.stop - start)

    def _doubtful(self, start: int, stop: int) -> range:
        """The keys from start to stop that the position of some query may forbid; one range holds them all."""
        first = start if self.common_start > start else max(start, self.common_stop)
        last = stop if self.common_stop < stop else min(stop, self.common_start)
        return range(first, last)


def row_mask(problem: Problem, part: Part, start: int, stop: int) -> RowMask:
    """The masks of queries start … stop of one part, or of a stack of parts."""
    mask = None if part.mask is None else part.mask[..., start:stop, :]
    bias = None if part.bias is None else part.bias[..., start:stop, :]
    if problem.visible.is_everything:
        return RowMask(None, None, mask, bias, 0, problem.m)
    starts, stops = problem.visible.interval(part.first, np.arange(start, stop), problem.m)
    seen = stops > starts
    first = int(starts[seen].min()) if seen.any() else 0
    last = int(stops[seen].max()) if seen.any() else 0
    narrow = np.int32 if problem.m < 2**31 else np.int64  # half the bytes: twice the speed of the comparisons
    return RowMask(
        starts.astype(narrow), stops.astype(narrow), mask, bias, first, last, int(starts.max()), int(stops.min())
    )
