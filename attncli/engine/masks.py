"""What a tile of queries × keys may see: nothing, everything, or a Boolean tile; and its bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from attncli.problem import Part, Problem

Array = np.ndarray


@dataclass(frozen=True, slots=True)
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
        if self.starts is not None and self.stops is not None:
            columns = np.arange(start, stop, dtype=self.starts.dtype)
            if self.common_start > start:
                allowed = columns >= self.starts[..., None]
            if self.common_stop < stop:
                before = columns < self.stops[..., None]
                allowed = before if allowed is None else allowed & before
        if self.mask is not None:
            tile = self.mask[..., start:stop]
            allowed = tile if allowed is None else allowed & tile
        if self.bias is not None:
            free = self.bias[..., start:stop] > -np.inf
            if not free.all():
                allowed = free if allowed is None else allowed & free
        return allowed


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
