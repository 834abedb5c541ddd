"""The rows of a large problem on which slips are tried first: some queries of all heads, or of the worst one alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.check.slips.mask_changes import visible_positions
from attncli.engine.stacks import transform_rows
from attncli.problem.heads import swap_heads, unpack_heads
from attncli.problem.problem import Part, Visible, over_heads
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


class SampledRows:
    """Queries, `rows`, of every part (head, entry) of a problem, or of `part` alone.

    In one part, its rows are those of a problem without leading axes.
    """

    def __init__(self, problem: Problem, rows: set[int], part: tuple[int, ...] | None) -> None:
        self.rows = np.array(sorted(rows))
        self.has_part = part is not None
        self._problem, self._index = problem, part or ()
        self._number = 0 if part is None else int(np.ravel_multi_index(part, problem.lead)) if part else 0

    def take(self, name: str, array: Array) -> Array:
        """Return these rows of a result in its public shape, which may have them alone."""
        if self.has_part:
            array = _by_head(self._problem, name, array)[self._index]
        return self._take_rows(name, array)

    def take_of_part(self, name: str, array: Array) -> Array:
        """Return these rows of a result of the part, which may have all parts because something that was joined to it
        has them, and all rows."""
        own = 1 if name == "lse" else 2
        if array.ndim > own:
            array = np.broadcast_to(array, (*self._problem.lead, *array.shape[-own:]))[self._index]
        return self._take_rows(name, array)

    def _take_rows(self, name: str, array: Array) -> Array:
        axis = -1 if name == "lse" else -2
        return array if array.shape[axis] == len(self.rows) else np.take(array, self.rows, axis=axis)

    def is_like(self, problem: Problem) -> bool:
        """Return whether the parts and results of a changed problem are those of the right one."""
        names = ("n", "lead", "packed", "heads_last", "output_projection")
        return all(getattr(problem, name) == getattr(self._problem, name) for name in names)

    def isolate(self, problem: Problem) -> Problem:
        """Return the part, with all its queries, as a problem of its own."""
        return problem.isolate_part(self._number)

    def cut(self, problem: Problem) -> Problem:
        """Return a problem whose queries stand at the same positions in all entries with these queries only. Positions,
        which would shift, become masks and biases, and rows are rotated before."""
        rows, mask, bias = self.rows, problem.mask, problem.bias
        if not problem.visible.is_everything or problem.segments is not None:
            seen = visible_positions(problem)
            mask = seen if mask is None else seen & mask
        bias = None if bias is None else bias[..., rows, :]
        if problem.slopes is not None:
            apart = np.abs(problem.visible.positions(0, rows)[:, None] - np.arange(problem.m))
            added = np.broadcast_to(-over_heads(problem.slopes) * apart, (*problem.lead, *apart.shape))
            bias = added if bias is None else added + bias
        queries, keys = problem.queries, problem.keys
        if problem.rotation is not None:
            queries, keys = transform_rows(problem, Part(queries, keys, None, None, None, first=0))
            problem = replace(problem, row_norm=None, rotation=None)
        return replace(
            problem,
            queries=queries[..., rows, :],
            keys=keys,
            mask=None if mask is None else mask[..., rows, :],
            bias=bias,
            dropout_mask=None if problem.dropout_mask is None else problem.dropout_mask[..., rows, :],
            visible=Visible(),
            segments=None,
            slopes=None,
        )


def can_be_cut(problem: Problem) -> bool:
    """Return whether the queries stand at the same positions in all entries, where these count by themselves."""
    return len(problem.visible.offsets) == 1 or (problem.slopes is None and problem.rotation is None)


def _by_head(problem: Problem, name: str, array: Array) -> Array:
    """Return a result in its public shape as (*lead, n, columns), or (*lead, n) of log-sum-exps."""
    if name in problem.heads_last:
        return swap_heads(array)
    return unpack_heads(array, problem.heads) if problem.packed and name == "output" else array


def part_of(problem: Problem, name: str, at: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Return the index on the leading axes and the query of a cell of a result in its public shape."""
    if name == "lse":
        return at[:-1], at[-1]
    if name in problem.heads_last:
        return (*at[:-3], at[-2]), at[-3]
    if problem.packed and name == "output":
        return (*at[:-2], at[-1] // (problem.d_v or 1)), at[-2]
    return at[:-2], at[-2]
