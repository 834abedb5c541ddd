"""Where tasks run: one interface to local worker processes and to a cluster, based on `concurrent.futures`."""

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
from attncli.errors import OutputError, system_reason
from attncli.threads import usable_cores

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
SPARE_FILES = 24  # for everything else
START = 0.5  # seconds that a process takes to start, roughly


class Crew(Protocol):
    """Workers that run up to `size` tasks at once."""

    @property
    def size(self) -> int: ...

    def room(self, work: float | None) -> int:
        """Return how many tasks may be in flight when `work` seconds of work are left (None if unknown)."""

    def submit(self, task: JobTask) -> Future[Report]:
        """Start a task. At most `size` tasks are in flight."""

    def lost(self, error: BaseException) -> bool:
        """Return whether the error means that a worker died, rather than that the task failed.

        Raises OutputError if the error means that the crew cannot continue.
        """

    def look(self) -> None:
        """Raise OutputError if the crew cannot continue. Called while waiting."""

    def stop(self) -> None:
        """End everything at once."""


class LocalCrew:
    """One process per lane, so that a process that dies is known to have had one task, and takes no other task with
    it."""

    def __init__(self, size: int) -> None:
        self._lanes: list[ProcessPoolExecutor | None] = [None] * limit_lanes(size)
        self._taken: dict[Future[Report], int] = {}
        self._before = set(multiprocessing.active_children())

    @property
    def size(self) -> int:
        return len(self._lanes)

    def room(self, work: float | None) -> int:
        """Return as many lanes as there are cores, and more only for work that takes longer than starting them."""
        worth = 0 if work is None else int(min(work / START, self.size))
        return min(self.size, max(usable_cores(), worth))

    def submit(self, task: JobTask) -> Future[Report]:
        """Start a task on a free lane, in a new process if the lane has none."""
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
            except BrokenExecutor:  # it died between two tasks: start a new one
                self._lanes[lane] = None
            except OSError as error:
                self._lanes[lane] = None
                what = f"no further process can be started: {system_reason(error)}"
                raise OutputError("attncli batch", what, "use fewer workers: -j 1") from None
        raise OutputError("attncli batch", "worker processes die as soon as they start")

    def lost(self, error: BaseException) -> bool:
        """Return whether the process died."""
        return isinstance(error, BrokenExecutor)

    def look(self) -> None:
        """Do nothing: a process that ends also ends its task."""

    def stop(self) -> None:
        """Kill the processes. A file that they were writing does not have its name yet."""
        for process in set(multiprocessing.active_children()) - self._before:
            process.kill()
        for executor in self._lanes:
            if executor is not None:
                executor.shutdown(wait=True, cancel_futures=True)
        self._lanes = [None] * self.size


def limit_lanes(size: int) -> int:
    """Return `size`, reduced to the number of lanes that the limit of open files allows."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return size
    return max(1, min(size, (limit - SPARE_FILES) // FILES_OF_A_LANE))


def _one_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=end_with_parent)


def end_with_parent() -> None:
    """Set up a worker: ignore Ctrl-C, which the parent handles, and exit when the parent is gone."""
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
    """Block signals while a process is started, so that the new process never receives them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the processes that are started within the block."""
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
