"""Several threads on the blocks of one calculation, each with a BLAS thread of its own."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from queue import SimpleQueue
from typing import Any, ClassVar

BRINGS_BLAS = ("numpy", "scipy.linalg")  # scipy's has the products of code that numba compiled
_lock = threading.Lock()
_known: set[str] = set()  # modules whose libraries were found
_libraries: dict[str, Any] = {}  # by file
_limited: dict[str, int] = {}  # the threads that each had
_inside = 0


def _find_libraries() -> None:
    """Look for the BLAS of modules that were imported since the last look."""
    for module in BRINGS_BLAS:
        if module in sys.modules and module not in _known:
            from threadpoolctl import ThreadpoolController  # here: small work never waits for it

            _known.add(module)
            for library in ThreadpoolController().select(user_api="blas").lib_controllers:
                _libraries.setdefault(library.filepath, library)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS on one thread per call while any calculation is inside, and as the caller had it when the last one leaves:
    the bits of a product would depend on the number of threads, and threads of threads slow each other down."""
    global _inside
    with _lock:
        _find_libraries()
        for file, library in _libraries.items():
            if file not in _limited:
                _limited[file] = library.num_threads
                library.set_num_threads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            while not _inside and _limited:
                file, threads = _limited.popitem()
                _libraries[file].set_num_threads(threads)


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
    place = _place() if threads > 1 else None
    helpers: list[_Helper] = []
    try:
        for _ in range(1, threads):
            helper = _Helper.hired()
            helper.begin(partial(_elsewhere, place, crew.work))
            helpers.append(helper)  # now: an interrupt before would leave one to be waited for that has nothing to do
        crew.work(progress)
    except BaseException:
        crew.stopped = True
        raise
    finally:
        for helper in helpers:
            helper.end()
    if progress is not None:
        crew.tell(progress)
    if crew.failure is not None:
        raise crew.failure[1]


class _Helper:
    """A thread that waits for the next calculation: to start one costs as much as a small block does."""

    idle: ClassVar[list[_Helper]] = []

    def __init__(self) -> None:
        self._given: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._finished = threading.Semaphore(0)
        threading.Thread(target=self._serve, name="attncli", daemon=True).start()

    @classmethod
    def hired(cls) -> _Helper:
        try:
            return cls.idle.pop()
        except IndexError:
            return cls()

    def begin(self, work: Callable[[], None]) -> None:
        self._given.put(work)

    def end(self) -> None:
        """Wait for the work's end; afterwards others may have the helper."""
        self._finished.acquire()
        self.idle.append(self)

    def _serve(self) -> None:
        while True:
            work = self._given.get()
            try:
                work()
            finally:
                del work  # or its arrays would be held until the next
                self._finished.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Helper.idle.clear)  # threads stay with the parent


@cache
def _core_finder() -> Callable[[], int] | None:
    """What gives the core that a thread is on; None where the system doesn't let threads choose."""
    return getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None


def _place() -> tuple[int, set[int]] | None:
    """The core that this thread is on, and all that it may use."""
    find = _core_finder()
    return None if find is None else (find(), os.sched_getaffinity(0))


def _elsewhere(place: tuple[int, set[int]] | None, work: Callable[[], None]) -> None:
    """Begin the work on another core than the caller's. Some kernels wake threads that slept a while all on one core,
    for milliseconds; afterwards the system is free to put the thread wherever the caller may be."""
    if place is not None:
        core, cores = place
        with suppress(OSError):
            os.sched_setaffinity(0, cores - {core} or cores)
            os.sched_setaffinity(0, cores)
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
        number = -1
        try:
            do = self.worker()
            while (numbered := self.next_task()) is not None:
                number, task = numbered
                done = do(task)
                with self.lock:
                    self.done += done
                if progress is not None:
                    self.tell(progress)
        except Exception as error:
            with self.lock:
                self.stopped = True
                if self.failure is None or number < self.failure[0]:
                    self.failure = number, error

    def next_task(self) -> tuple[int, Any] | None:
        with self.lock:
            return None if self.stopped else next(self.tasks, None)

    def tell(self, progress: Callable[[int], None]) -> None:
        with self.lock:
            done, self.done = self.done, 0
        if done:
            progress(done)
