"""How many threads there are, and running the blocks of one calculation on them, each with a single BLAS thread."""

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

from attncli.errors import UsageError

BRINGS_BLAS = ("numpy", "scipy.linalg")  # scipy's BLAS has the products of code that numba compiled
_lock = threading.Lock()
_known: set[str] = set()  # modules whose libraries have been found
_libraries: dict[str, Any] = {}  # by file
_limited: dict[str, int] = {}  # the number of threads that each library had
_inside = 0


def _find_libraries() -> None:
    """Look for the BLAS libraries of modules imported since the last call."""
    for module in BRINGS_BLAS:
        if module in sys.modules and module not in _known:
            from threadpoolctl import ThreadpoolController  # here, so that small work never waits for it

            _known.add(module)
            for library in ThreadpoolController().select(user_api="blas").lib_controllers:
                _libraries.setdefault(library.filepath, library)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread per call while any calculation is running, and restore the caller's setting after the
    last one.

    Otherwise the bits of a product would depend on the number of threads, and nested threads would slow each other
    down.
    """
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
    """Run each task once, on the calling thread and `threads` − 1 others.

    `worker` makes a function for each thread that runs a task and returns the number of rows done. The error of the
    first failed task is raised. An interrupt ends the other threads at their next task. `progress` is called with the
    rows done, only on the calling thread.
    """
    if threads <= 1:
        _run_here(tasks, worker, progress)
        return
    crew = _Crew(tasks, worker)
    place = _find_core()
    helpers: list[_Helper] = []
    try:
        for _ in range(1, threads):
            helper = _Helper.hire()
            helper.begin(partial(_begin_elsewhere, place, crew.work))
            # only now: an interrupt before this line would leave a helper to wait for that has no work
            helpers.append(helper)
        crew.work(progress)
    except BaseException:
        crew.stopped = True
        raise
    finally:
        for helper in helpers:
            helper.end()
    if progress is not None:
        crew.report_progress(progress)
    if crew.failure is not None:
        raise crew.failure[1]


def _run_here(
    tasks: Iterable[Any], worker: Callable[[], Callable[[Any], int]], progress: Callable[[int], None] | None
) -> None:
    do = worker()
    for task in tasks:
        done = do(task)
        if progress is not None and done:
            progress(done)


class _Helper:
    """A thread that waits for the next calculation, because starting a thread takes as long as a small block."""

    idle: ClassVar[list[_Helper]] = []

    def __init__(self) -> None:
        self._given: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._finished = threading.Semaphore(0)
        threading.Thread(target=self._serve, name="attncli", daemon=True).start()

    @classmethod
    def hire(cls) -> _Helper:
        try:
            return cls.idle.pop()
        except IndexError:
            return cls()

    def begin(self, work: Callable[[], None]) -> None:
        self._given.put(work)

    def end(self) -> None:
        """Wait for the end of the work, and release the helper."""
        self._finished.acquire()
        self.idle.append(self)

    def _serve(self) -> None:
        while True:
            work = self._given.get()
            try:
                work()
            finally:
                del work  # otherwise its arrays would be held until the next work
                self._finished.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Helper.idle.clear)  # a forked child does not have its parent's threads


@cache
def _core_finder() -> Callable[[], int] | None:
    """Return a function that gives the core of the current thread, or None if the system does not let threads choose a
    core."""
    return getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None


def _find_core() -> tuple[int, set[int]] | None:
    """Return the core of this thread, and all cores that it may use."""
    find = _core_finder()
    return None if find is None else (find(), os.sched_getaffinity(0))


def _begin_elsewhere(place: tuple[int, set[int]] | None, work: Callable[[], None]) -> None:
    """Begin the work on another core than the caller's.

    Some kernels wake sleeping threads all on one core, for milliseconds. After the start the system may move the thread
    to any core that the caller may use.
    """
    if place is not None:
        core, cores = place
        with suppress(OSError):
            os.sched_setaffinity(0, cores - {core} or cores)
            os.sched_setaffinity(0, cores)
    work()


class _Crew:
    """The remaining tasks, the number of rows done, and the errors."""

    def __init__(self, tasks: Iterable[Any], worker: Callable[[], Callable[[Any], int]]) -> None:
        self.tasks = enumerate(tasks)
        self.worker = worker
        self.lock = threading.Lock()
        self.stopped = False
        self.done = 0
        self.failure: tuple[int, BaseException] | None = None

    def work(self, progress: Callable[[int], None] | None = None) -> None:
        """Run tasks until none is left. Errors are kept, but on the calling thread an interrupt is raised at once."""
        number = -1
        try:
            do = self.worker()
            while (numbered := self.next_task()) is not None:
                number, task = numbered
                done = do(task)
                with self.lock:
                    self.done += done
                if progress is not None:
                    self.report_progress(progress)
        except Exception as error:
            with self.lock:
                self.stopped = True
                if self.failure is None or number < self.failure[0]:
                    self.failure = number, error

    def next_task(self) -> tuple[int, Any] | None:
        with self.lock:
            return None if self.stopped else next(self.tasks, None)

    def report_progress(self, progress: Callable[[int], None]) -> None:
        with self.lock:
            done, self.done = self.done, 0
        if done:
            progress(done)


def requested_threads() -> int | None:
    """Return the value of ATTNCLI_THREADS, or None if it is not set."""
    text = os.environ.get("ATTNCLI_THREADS", "").strip()
    if not text:
        return None
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 4 and int(digits) <= 1024):
        raise UsageError("ATTNCLI_THREADS", f"{text!r} is not a number of threads", "a whole number from 1 to 1024")
    return int(digits)


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
