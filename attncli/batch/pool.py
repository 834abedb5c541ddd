"""Where tasks run: one interface to worker processes here and to a cluster, `concurrent.futures` behind both."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from typing import Protocol

from attncli.batch.worker import JobTask, Report, work
from attncli.engine.plan import usable_cores
from attncli.errors import OutputError, system_reason

ONE_THREAD = dict.fromkeys(
    (
        "ATTNCLI_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMBA_NUM_THREADS",
    ),
    "1",
)
FILES_OF_A_LANE = 8  # pipes and a sentinel
SPARE_FILES = 24  # for all the rest
START = 0.5  # seconds that a process takes to start, about


class Crew(Protocol):
    """Workers for `size` tasks at once."""

    @property
    def size(self) -> int: ...

    def room(self, work: float | None) -> int:
        """How many tasks may be under way where `work` seconds of work are left, as far as that is known."""

    def submit(self, task: JobTask) -> Future[Report]:
        """Start a task; at most `size` are under way."""

    def lost(self, error: BaseException) -> bool:
        """Whether the error says that a worker died, and not that the task went wrong; OutputError where the error
        says that nothing more can be expected."""

    def look(self) -> None:
        """Raise OutputError where nothing can be expected any more; called while waiting."""

    def stop(self) -> None:
        """End everything at once."""


class LocalCrew:
    """A process to each lane, so that it is known which task a dead one had, and so that it takes no other with it."""

    def __init__(self, size: int) -> None:
        self._lanes: list[ProcessPoolExecutor | None] = [None] * limit_lanes(size)
        self._taken: dict[Future[Report], int] = {}
        self._before = set(multiprocessing.active_children())

    @property
    def size(self) -> int:
        return len(self._lanes)

    def room(self, work: float | None) -> int:
        """As many lanes as there are cores, and more only for work that takes longer than starting them."""
        worth = 0 if work is None else int(min(work / START, self.size))
        return min(self.size, max(usable_cores(), worth))

    def submit(self, task: JobTask) -> Future[Report]:
        """Start a task on a free lane, with a new process where it has none."""
        self._taken = {future: lane for future, lane in self._taken.items() if not future.done()}
        lane = next(lane for lane in range(self.size) if lane not in self._taken.values())
        future = self._submit(lane, task)
        self._taken[future] = lane
        return future

    def _submit(self, lane: int, task: JobTask) -> Future[Report]:
        for _ in range(2):
            try:
                executor = self._lanes[lane] = self._lanes[lane] or _one_process()
                with _interrupts_held(), _environment(ONE_THREAD):
                    return executor.submit(work, task)
            except BrokenExecutor:  # it died between two tasks: a new one
                self._lanes[lane] = None
            except OSError as error:
                self._lanes[lane] = None
                what = f"no further process can be started: {system_reason(error)}"
                raise OutputError("attncli batch", what, "use fewer workers: -j 1") from None
        raise OutputError("attncli batch", "worker processes die as soon as they are started")

    def lost(self, error: BaseException) -> bool:
        """Whether the process died."""
        return isinstance(error, BrokenExecutor)

    def look(self) -> None:
        """A process that ends ends its task, so there is nothing to look for."""

    def stop(self) -> None:
        """Kill the processes: what they were writing has no name yet."""
        for process in set(multiprocessing.active_children()) - self._before:
            process.kill()
        for executor in self._lanes:
            if executor is not None:
                executor.shutdown(wait=True, cancel_futures=True)
        self._lanes = [None] * self.size


def limit_lanes(size: int) -> int:
    """As many of `size` lanes as the limit of open files allows."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return size
    return max(1, min(size, (limit - SPARE_FILES) // FILES_OF_A_LANE))


def _one_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=end_with_parent)


def end_with_parent() -> None:
    """In a worker: Ctrl-C is the parent's to answer, and without a parent the work has no purpose."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # as in the parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: multiprocessing.process.BaseProcess) -> None:
    from multiprocessing.connection import wait

    wait([parent.sentinel])
    os._exit(1)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Signals that arrive while a process is started wait, and the new process never sees them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """These variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
