"""The calculation. Results that are not requested are neither computed nor held, and any number of threads gives the
same bits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from attncli.engine.blocks import Block, BlockJob, attend_block
from attncli.engine.engines import Engine, choose_engine
from attncli.engine.overflow import narrow_result
from attncli.engine.plan import Plan, Task, is_small, plan_for, tasks_of, workers_for
from attncli.engine.score_bounds import bounds_of
from attncli.engine.stacks import Stacks, select_parts
from attncli.problem.problem import Problem
from attncli.problem.row_masks import RowMasks
from attncli.records import record
from attncli.threads import one_blas_thread, run_tasks

if TYPE_CHECKING:
    from attncli.engine.kernels import Kernels
    from attncli.matrix import Array


class Sink(Protocol):
    """A place for the blocks of one result, such as an array or a file written at offsets.

    Blocks come from several threads in any order, each with cells of its own.
    """

    def __setitem__(self, where: tuple[int | slice, ...], block: Array) -> None: ...


@record(frozen=False)
class Outcome:
    """What the loop found besides the numbers: how many queries had no key, and the first of them as (part, query)."""

    empty: int = 0
    first_empty: tuple[int, int] | None = None
    engine: str = "numpy"
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_empty(self, task: Task, empty: Array) -> None:
        """Count the queries without a key in one block, from `empty` (…, b)."""
        places = np.argwhere(np.atleast_2d(empty))
        part, row = (int(place) for place in places[0])
        first = task.parts.start + part, task.rows.start + row
        with self._lock:
            self.empty += len(places)
            self.first_empty = first if self.first_empty is None else min(first, self.first_empty)


def compute(
    problem: Problem,
    sinks: Mapping[str, Sink],
    *,
    engine: str = "auto",
    progress: Callable[[int], None] | None = None,
    rows: range | None = None,
    parts: range | None = None,
    threads: int | None = None,
) -> Outcome:
    """Fill each sink by name (raw_scores, scores, weights, output, lse), indexed [*lead, query, column].

    `rows` restricts the queries and `parts` restricts the heads and entries. Sinks are still indexed as for the whole
    problem. Rows that start at a multiple of the plan's height, and parts that start at a multiple of its group
    (`plan_blocks`), get the same bits as in the whole. `progress` is called with the number of finished query rows,
    always on the calling thread. `threads` defaults to ATTNCLI_THREADS, then to the cores that the process may use, and
    does not change a bit.

    Raises NumericError if a score or a result overflows the dtype.
    """
    maker = choose_engine(problem, engine)
    wanted = frozenset(sinks)
    job = BlockJob(problem, wanted, _plan_for(problem, wanted, maker), RowMasks(problem))
    outcome = Outcome(engine=maker.name)
    queries, parts = range(problem.n) if rows is None else rows, range(problem.parts) if parts is None else parts
    tasks = list(tasks_of(problem, job.plan, queries, parts))
    stacks = Stacks(problem)
    engine_kernels = maker.load()  # here, so that the code that keeps BLAS to one thread finds its BLAS
    if tasks:
        stacks.get(tasks[0].parts)  # here, while no other thread wants the interpreter

    def worker() -> Callable[[Task], int]:
        kernels = thread_kernels(engine_kernels)

        def do(task: Task) -> int:
            block = attend_block(job, stacks.get(task.parts), task.rows, kernels)
            deliver(problem, task, block, sinks)
            if block.empty.any():
                outcome.note_empty(task, block.empty)
            return len(task.rows) * len(task.parts)

        return do

    with nullcontext() if is_small(problem) else one_blas_thread():
        run_tasks(tasks, worker, min(workers_for(problem, threads), len(tasks)), progress)
    return outcome


def plan_blocks(problem: Problem, wanted: Collection[str], engine: str = "auto") -> Plan:
    """Return the plan of `compute` for these results: how many queries of how many parts it takes at a time."""
    return _plan_for(problem, wanted, choose_engine(problem, engine))


def block_height(problem: Problem, wanted: Collection[str], engine: str = "auto") -> int:
    """Return how many queries `compute` takes at a time for these results.

    A calculation that is split by `rows` at multiples of it gives the same bits as the whole.
    """
    return plan_blocks(problem, wanted, engine).height


def may_overflow(problem: Problem, name: str) -> bool:
    """Return whether numbers of this result (raw_scores, scores or weights) could overflow a dtype, judged from the
    norms of the rows of Q and K.

    `compute` raises NumericError if one does.
    """
    if name != "weights" and problem.dtype != problem.queries.dtype:
        return True
    stacks, step = Stacks(problem), plan_blocks(problem, {name}).group
    for start in range(0, problem.parts, step):
        stack = stacks.get(range(start, min(start + step, problem.parts)))
        with np.errstate(all="ignore"):
            if not bounds_of(problem, stack.part, stack.reach, range(problem.n)).is_bounded:
                return True
    return False


_held = threading.local()


def thread_kernels(kind: type[Kernels]) -> Kernels:
    """Return this thread's kernels of a kind, which keep their arrays from one calculation to the next."""
    held: dict[type[Kernels], Kernels] = _held.__dict__.setdefault("kernels", {})
    if kind not in held:
        held[kind] = kind()
    return held[kind]


def _plan_for(problem: Problem, wanted: Collection[str], maker: Engine) -> Plan:
    return plan_for(problem, wanted, tall=maker.is_tall(problem), gathers=maker.gathers)


def deliver(problem: Problem, task: Task, block: Block, sinks: Mapping[str, Sink]) -> None:
    """Copy a block's results into its rows of the sinks."""
    rows = slice(task.rows.start, task.rows.stop)
    for name, sink in sinks.items():
        found = narrow_result(block.results[name], problem, name)
        if len(task.parts) == 1:
            sink[(*problem.index(task.parts.start), rows)] = found
        elif isinstance(sink, np.ndarray):
            sink[(*select_parts(problem, task.parts), rows)] = found
        else:
            for number, own in zip(task.parts, found, strict=True):
                sink[(*problem.index(number), rows)] = own
