"""Results too large to hold in memory: their rows are computed when a writer reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.engine.compute import Outcome, compute, plan_blocks
from attncli.engine.plan import slabs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from attncli.matrix import Array
    from attncli.problem.problem import Problem

Place = tuple[int, int]  # the first part and the first query

SLAB = 1 << 22  # cells that are computed together
TOGETHER = 1 << 20  # cells that are processed together


def _part_number(problem: Problem, index: Sequence[int]) -> int:
    """Return the number of the part at this index, the reverse of `problem.index`."""
    return int(np.ravel_multi_index(tuple(index), problem.lead)) if problem.lead else 0


class Window:
    """A sink for some queries of some parts, backed by an array (parts, queries, …) of only these."""

    def __init__(self, problem: Problem, array: Array, parts: range, rows: range) -> None:
        self.problem, self.array, self.parts, self.rows = problem, array, parts, rows

    def __setitem__(self, where: tuple[int | slice, ...], block: Array) -> None:
        *index, rows = where
        assert isinstance(rows, slice)
        number = _part_number(self.problem, index)  # type: ignore[arg-type]
        own = slice(rows.start - self.rows.start, rows.stop - self.rows.start)
        self.array[number - self.parts.start, own] = block


class Slabs:
    """The rows of one result (…, n, m), computed in slabs. The last slab is kept, so sequential reading computes each
    once.

    Slabs are cut between the engine's blocks, which gives the same bits as the whole. `note` is called with the place
    and the engine's outcome for each slab.
    """

    def __init__(
        self, problem: Problem, name: str, engine: str, note: Callable[[tuple[int, int], Outcome], None]
    ) -> None:
        self.problem, self.name, self.engine, self._note = problem, name, engine, note
        self.group, self.height = slabs_of(problem, plan_blocks(problem, {name}, engine), SLAB)
        self._place: Place | None = None
        self._held: Array

    def rows(self, part: int, rows: range) -> Array:
        """Return rows (len(rows), m) of one part."""
        found = []
        start = rows.start
        while start < rows.stop:
            first = start // self.height * self.height
            slab = self._slab(part // self.group * self.group, first)[part % self.group]
            stop = min(rows.stop, first + self.height)
            found.append(slab[start - first : stop - first])
            start = stop
        return found[0] if len(found) == 1 else np.concatenate(found) if found else np.empty((0, self.problem.m))

    def _slab(self, part: int, row: int) -> Array:
        if self._place != (part, row):
            problem = self.problem
            parts = range(part, min(part + self.group, problem.parts))
            rows = range(row, min(row + self.height, problem.n))
            self._place, self._held = None, np.empty(0)  # frees the memory of the last slab first
            held = np.empty((len(parts), len(rows), problem.m), problem.dtype)
            sink = Window(problem, held, parts, rows)
            outcome = compute(problem, {self.name: sink}, engine=self.engine, rows=rows, parts=parts)
            self._held, self._place = held, (part, row)
            self._note((part, row), outcome)
        return self._held


class ComputedRows:
    """One result, or one of its heads, with the parts of the array interface that a writer needs: its shape, and its
    rows in order.

    `array[i]` is an entry of the first axis. `array[start:stop]` are rows, if there are only two axes.
    """

    def __init__(self, slabs: Slabs, index: tuple[int, ...] = ()) -> None:
        problem = slabs.problem
        self._slabs, self._index = slabs, index
        self.shape = (*problem.lead, problem.n, problem.m)[len(index) :]
        self.dtype = problem.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, where: int | slice) -> Any:
        if self.ndim > 2:
            assert isinstance(where, int)
            return ComputedRows(self._slabs, (*self._index, where))
        part = _part_number(self._slabs.problem, self._index)
        if isinstance(where, int):
            return self._slabs.rows(part, range(where, where + 1))[0]
        return self._slabs.rows(part, range(*where.indices(len(self))))


def row_blocks(array: Array | ComputedRows) -> Iterator[Array]:
    """Yield the rows of a matrix (…, n, m) in order, in blocks (rows, m)."""
    if array.ndim > 2:
        for part in array:
            yield from row_blocks(part)
        return
    if isinstance(array, np.ndarray) and array.ndim < 2:
        yield np.atleast_2d(array)
        return
    step = max(1, TOGETHER // array.shape[1])
    for start in range(0, array.shape[0], step):
        yield array[start : start + step]


class Nowhere:
    """A sink that keeps nothing, for a pass that only looks for overflow."""

    def __setitem__(self, where: tuple[int | slice, ...], block: Array) -> None:
        pass
