"""What all masks of a problem together allow, as a matrix of all cells."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from attncli.problem.row_masks import make_row_mask

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem, Visible


def visible_cells(problem: Problem) -> Array:
    """Return (*lead, n, m) booleans: what all masks together allow."""
    visible = problem.visible
    found = np.ones((*problem.lead, problem.n, problem.m), np.bool_)
    if problem.segments is not None or len(visible.offsets) > 1 or len(visible.lengths or ()) > 1:
        for number in range(problem.parts):
            allowed = make_row_mask(problem, problem.part(number), range(problem.n)).allowed(0, problem.m)
            if allowed is not None:
                found[problem.index(number)] = allowed
        return found
    if not visible.is_everything:
        found &= _cells_by_position(visible, problem.n, problem.m)
    if problem.mask is not None:
        found &= problem.mask
    if problem.bias is not None:
        found &= problem.bias > -np.inf
    return found


@lru_cache(maxsize=16)  # most slips leave the positions alone
def _cells_by_position(visible: Visible, n: int, m: int) -> Array:
    """Return (n, m) booleans: what positions and one length allow."""
    rows, columns = np.arange(n), np.arange(m)
    ranges = [visible.interval(0, rows, m), *([visible.head(0, rows, m)] if visible.has_head else [])]
    found = [(columns >= starts[:, None]) & (columns < stops[:, None]) for starts, stops in ranges]
    return found[0] if len(found) == 1 else found[0] | found[1]
