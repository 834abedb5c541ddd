"""Several threads on the blocks of one calculation, each with a BLAS thread of its own."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

BRINGS_BLAS = ("numpy", "scipy.linalg")  # scipy's has the products of code that numba compiled
_lock = threading.Lock()
_controllers: dict[str, Any] = {}  # by the module that brought the libraries
_limits: dict[str, Any] = {}
_inside = 0


def _controller_of(module: str) -> Any:
    """What limits the libraries that are loaded when this module is first seen."""
    if module not in _controllers:
        from threadpoolctl import ThreadpoolController  # here: small work never waits for it

        _controllers[module] = ThreadpoolController()
    return _controllers[module]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS on one thread per call while any calculation is inside, and as the caller had it when the last one leaves:
    the bits of a product would depend on the number of threads, and threads of threads slow each other down."""
    global _inside
    with _lock:
        for module in BRINGS_BLAS:
            if module in sys.modules and module not in _limits:
                _limits[module] = _controller_of(module).limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            while not _inside and _limits:
                _limits.popitem()[1].restore_original_limits()  # last in, first out: each knows what it found


def run_tasks(
    tasks: Iterable[Any],
    worker: Callable[[], Callable[[Any], int]],
    threads: int,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Do each task once, on the calling thread and `threads` − 1 others. `worker` makes each thread's own function of
    a task, which gives the rows that it did. The error of the first task that failed is raised; an interrupt ends
    the others at their next task. `progress` gets the rows done, on the calling thread alone."""
    crew = _Crew(tasks, worker)
    core = _current_core() if threads > 1 else None
    others: list[threading.Thread] = []
    try:
        for number in range(1, threads):
            other = threading.Thread(target=_elsewhere, args=(core, crew.work), name=f"attncli-{number}", daemon=True)
            other.start()
            others.append(other)
        crew.work(progress)
        for other in others:
            other.join()
        if progress is not None:
            crew.tell(progress)
    finally:
        crew.stopped = True
        for other in others:
            other.join()
    if crew.failure is not None:
        raise crew.failure[1]


def _current_core() -> int | None:
    """The core that this thread is on; None where the system doesn't say it, or doesn't let threads choose."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    find = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return None if find is None else find()


def _elsewhere(core: int | None, work: Callable[[], None]) -> None:
    """Begin the work on another core than this one. Some kernels wake threads that slept a while all on one core, for
    milliseconds; afterwards the system is free to put the thread where it likes."""
    if core is not None:
        every = os.sched_getaffinity(0)
        with suppress(OSError):
            os.sched_setaffinity(0, every - {core} or every)
            os.sched_setaffinity(0, every)
    work()


class _Crew:
    """The tasks that are left, the rows that were done, and what went wrong."""

    def __init__(self, tasks: Iterable[Any], worker: Callable[[], Callable[[Any], int]]) -> None:
        self.tasks = enumerate(tasks)
        self.worker = worker
        self.lock = threading.Lock()
        self.stopped = False
        self.done = 0
        self.failure: tuple[int, BaseException] | None = None

    def work(self, progress: Callable[[int], None] | None = None) -> None:
        """Take tasks until none is left. Errors are kept; on the calling thread an interrupt is raised at once."""
        do = self.worker()
        while (numbered := self.next_task()) is not None:
            number, task = numbered
            try:
                done = do(task)
            except Exception as error:
                with self.lock:
                    self.stopped = True
                    if self.failure is None or number < self.failure[0]:
                        self.failure = number, error
                return
            with self.lock:
                self.done += done
            if progress is not None:
                self.tell(progress)

    def next_task(self) -> tuple[int, Any] | None:
        with self.lock:
            return None if self.stopped else next(self.tasks, None)

    def tell(self, progress: Callable[[int], None]) -> None:
        with self.lock:
            done, self.done = self.done, 0
        if done:
            progress(done)
