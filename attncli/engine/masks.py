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
    """The masks of one block of queries: `starts` and `stops` (b,) bound each query's keys by position."""

    starts: Array | None
    stops: Array | None
    mask: Array | None
    bias: Array | None
    first_key: int  # no query of the block sees a key before this,
    last_key: int  # or from this on

    def allowed(self, start: int, stop: int) -> Array | None:
        """(b, stop − start) booleans, True where the query may attend; None where all are True."""
        allowed = None
        if self.starts is not None and self.stops is not None and not self._sees_all(start, stop):
            columns = np.arange(start, stop)
            allowed = (columns >= self.starts[:, None]) & (columns < self.stops[:, None])
        if self.mask is not None:
            tile = self.mask[:, start:stop]
            allowed = tile if allowed is None else allowed & tile
        if self.bias is not None:
            free = self.bias[:, start:stop] > -np.inf
            if not free.all():
                allowed = free if allowed is None else allowed & free
        return allowed

    def _sees_all(self, start: int, stop: int) -> bool:
        assert self.starts is not None
        assert self.stops is not None
        return bool(self.starts.max() <= start and self.stops.min() >= stop)


def row_mask(problem: Problem, part: Part, start: int, stop: int) -> RowMask:
    """The masks of queries start … stop of one part."""
    starts = stops = None
    first, last = 0, problem.m
    if not problem.visible.is_everything:
        starts, stops = problem.visible.interval(part.first, np.arange(start, stop), problem.m)
        seen = stops > starts
        first = int(starts[seen].min()) if seen.any() else 0
        last = int(stops[seen].max()) if seen.any() else 0
    mask = None if part.mask is None else part.mask[start:stop]
    bias = None if part.bias is None else part.bias[start:stop]
    return RowMask(starts, stops, mask, bias, first, last)
