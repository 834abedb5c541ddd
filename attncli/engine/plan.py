"""How the work is divided: blocks of queries, tiles of keys, stacks of small parts.

The plan depends on the problem and on the results that are requested, not on the number of threads or on the rows that
are computed, so that neither of these changes a bit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from attncli.problem.problem import Problem
from attncli.records import record
from attncli.threads import requested_threads, usable_cores

CELLS = 1 << 18  # (query, key) cells of a tile: a few such tiles fit into a core's own cache
HEIGHT = 512  # queries per block
DISTANCE_HEIGHT = 256  # for a distance, whose ufunc call per coordinate is faster on long rows
FEW = 4  # blocks of causal queries: smaller ones are divided more evenly among threads
ROW_CELLS = 1 << 20  # cells of a block with whole rows
GATHERED_CELLS = 1 << 20  # cells of several parts that one call gathers
SHARES = 8  # groups of parts, at least, so that threads can share the work
SMALL = 1 << 13  # multiplications that BLAS does not spread over threads, so that it need not be limited
ALONE = 1 << 21  # multiplications that are too few for a second thread
WHOLE = frozenset({"raw_scores", "scores", "weights"})


@record
class Plan:
    """`height` queries × `width` keys at a time, of `group` parts at once. `whole_rows` if the width is all keys."""

    height: int
    width: int
    group: int
    whole_rows: bool


@record
class Task:
    """One block of queries, of one part or of a stack of small parts."""

    parts: range
    rows: range


def plan_for(problem: Problem, wanted: Collection[str], *, tall: bool = True, gathers: bool = False) -> Plan:
    """Return the plan for these results.

    `tall` is true if the engine's scores are fast at any shape of tile, and `gathers` if it holds the scores of one
    part at a time when they are not requested.
    """
    n, m = problem.n, problem.m
    whole = problem.needs_whole_rows or not WHOLE.isdisjoint(wanted)
    height = HEIGHT if tall else DISTANCE_HEIGHT
    width = max(1, min(m, CELLS // height))
    if problem.visible.right is not None and height < n < FEW * height:
        height //= 2  # on the diagonal, half of a block is computed in vain
    if whole:
        height, width = max(1, min(height, ROW_CELLS // m)), m
    widest = max(n * m, n * problem.d_k, m * problem.d_k, m * (problem.d_v or 0))
    group = CELLS // widest
    if gathers and not whole:
        group = max(group, min(GATHERED_CELLS // widest, problem.parts // SHARES))
    return Plan(height, width, max(1, min(problem.parts, group)) if n <= height and m <= width else 1, whole)


def tasks_of(problem: Problem, plan: Plan, queries: range, parts: range) -> Iterator[Task]:
    """Yield every block.

    If later queries see more keys they come first, so that no long block is left for the end.
    """
    starts = range(queries.start, queries.stop, plan.height)
    later_see_more = problem.visible.right is not None and problem.visible.left is None
    for first in range(parts.start, parts.stop, plan.group):
        group = range(first, min(first + plan.group, parts.stop))
        for start in reversed(starts) if later_see_more else starts:
            yield Task(group, range(start, min(start + plan.height, queries.stop)))


def slabs_of(problem: Problem, plan: Plan, cells: int) -> tuple[int, int]:
    """Return how many parts and queries make about `cells` cells of whole rows, cut between blocks: several whole
    parts, or some queries of one part."""
    size = problem.n * problem.m
    if size <= cells:
        return min(problem.parts, max(1, cells // size // plan.group) * plan.group), problem.n
    return 1, max(1, cells // problem.m // plan.height) * plan.height


def multiplications(problem: Problem) -> int:
    """Return an upper bound of the multiplications in the matrix products of the whole problem."""
    return problem.parts * problem.n * problem.m * (problem.d_k + (problem.d_v or 0))


def is_small(problem: Problem) -> bool:
    """Return whether the work is so small that BLAS uses no threads, and need not be limited."""
    return multiplications(problem) <= SMALL


def workers_for(problem: Problem, threads: int | None) -> int:
    """Return the number of threads: `threads`, or else ATTNCLI_THREADS, or else the cores that this process may use."""
    if threads is None:
        threads = requested_threads()
    if threads is None:
        threads = usable_cores() if multiplications(problem) > ALONE else 1
    return threads
