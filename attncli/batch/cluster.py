"""A Dask cluster as a crew: paths are sent to it, not arrays, and its workers write their results themselves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import time
from concurrent.futures import CancelledError, Future
from typing import Any

from attncli.batch.worker import JobTask, Report, work
from attncli.errors import MissingExtraError, OutputError, UsageError
from attncli.files import path_text
from attncli.version import __version__

TIMEOUT = 5  # seconds for the scheduler to complete its first answer
LONELY = 30.0  # seconds without any worker, after which the run gives up
GO_ON = "finished jobs are kept: run the same command with --resume to continue"
START = "start it with: dask scheduler, and on each machine: dask worker ADDRESS"
ADDRESS = re.compile(r"(?:(?:tcp|tls|ws|wss|ucx)://)?(?:[^\s:/\[\]]+|\[[0-9a-fA-F:.%]+\]):[0-9]{1,5}")
# an expression that each worker evaluates: a function of attncli cannot be unpickled if attncli is missing there
ASK_VERSION = "__import__('importlib').import_module('attncli').__version__"
ASK_FILE = "__import__('os').path.exists({!r})"


class Cluster:
    """The workers of a scheduler, once each of them is known to have this version of attncli and to see the files."""

    def __init__(self, address: str, paths: list[str]) -> None:
        self.address = address
        self._client = connect(address)
        self._lonely: float | None = None
        try:
            self._threads = self._count()
            if not self._threads:
                raise OutputError(describe_scheduler(address), "the scheduler has no workers", f"dask worker {address}")
            self._refuse_workers(paths)
            self._executor = self._client.get_executor()
        except BaseException:
            self._client.close(timeout=TIMEOUT)
            raise

    def _count(self) -> int:
        return int(sum(self._client.nthreads().values()))

    @property
    def size(self) -> int:
        """Return two tasks per thread, so that no thread waits for its next task to arrive."""
        return 2 * self._threads

    def room(self, work: float | None) -> int:  # noqa: ARG002 - workers that run already cost nothing to start
        """Return as many tasks as the workers take."""
        return self.size

    def submit(self, task: JobTask) -> Future[Report]:
        """Send a task."""
        future: Future[Report] = self._executor.submit(work_there, task)
        return future

    def call(self, function: Any, *arguments: Any) -> Future[Any]:
        """Call any function that the workers have."""
        future: Future[Any] = self._executor.submit(function, *arguments)
        return future

    def lost(self, error: BaseException) -> bool:
        """Return whether workers died over the task repeatedly: the scheduler itself has tried it on several."""
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            return True
        if isinstance(error, (CancelledError, OSError)) or type(error).__name__ == "FutureCancelledError":
            raise OutputError(describe_scheduler(self.address), "the scheduler went away", GO_ON)
        return False

    def look(self) -> None:
        """Raise OutputError if the scheduler is gone, or if there has been no worker for a while."""
        try:
            self._threads = max(1, self._count())
            lonely = not self._client.nthreads()
        except OSError:
            raise OutputError(describe_scheduler(self.address), "the scheduler went away", GO_ON) from None
        if not lonely:
            self._lonely = None
            return
        self._lonely = self._lonely or time.monotonic()
        if time.monotonic() - self._lonely > LONELY:
            raise OutputError(describe_scheduler(self.address), "no worker is left", GO_ON)

    def stop(self) -> None:
        """Disconnect. Tasks that have not begun are cancelled."""
        with contextlib.suppress(Exception):  # a scheduler that is gone has nothing to cancel
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._client.close(timeout=TIMEOUT)

    def _refuse_workers(self, paths: list[str]) -> None:
        """Raise OutputError if a worker lacks attncli, has another version, or does not see one of the paths."""
        for worker, answer in self._ask(ASK_VERSION).items():
            if isinstance(answer, ModuleNotFoundError):
                raise OutputError(f"worker {worker}", "attncli is not installed there", "pip install 'attncli[dask]'")
            if isinstance(answer, BaseException):
                raise OutputError(f"worker {worker}", f"attncli cannot be imported there: {answer}")
            if answer != __version__:
                what = f"it has attncli {answer}, but this is {__version__}"
                raise OutputError(f"worker {worker}", what, f"pip install attncli=={__version__}")
        for path in paths:
            for worker, answer in self._ask(ASK_FILE.format(path)).items():
                if answer is not True:
                    hint = "the machines of a cluster must share one file system, with the same paths"
                    raise OutputError(f"worker {worker}", f"it does not see {path_text(path)}", hint)

    def _ask(self, expression: str) -> dict[str, Any]:
        answers: dict[str, Any] = self._client.run(eval, expression, on_error="return")
        return answers


def connect(address: str) -> Any:
    """Return a client of the scheduler.

    Raises OutputError if it does not answer, and MissingExtraError if distributed is not installed.
    """
    if not ADDRESS.fullmatch(address):
        raise UsageError(
            "--dask", f"{path_text(address)!r} is not the address of a scheduler", "as in tcp://10.0.0.1:8786"
        )
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtraError("--dask", "distributed", "dask") from None
    logging.disable()  # distributed, tornado and asyncio each have loggers and tracebacks of their own
    refuse_other_servers(address)
    try:
        client: Any = Client
        return client(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError):
        raise OutputError(describe_scheduler(address), "no scheduler answers there", START) from None


def refuse_other_servers(address: str) -> None:
    """Raise OutputError unless a Dask scheduler answers in time.

    A client would wait forever for a port that sends nothing, and would read the bytes of any other protocol as message
    lengths.
    """
    try:
        answer = asyncio.run(asyncio.wait_for(_identity(address), TIMEOUT))
    except Exception:  # bytes that are not a message can raise anything
        answer = None
    if isinstance(answer, dict) and "workers" in answer:
        return
    if isinstance(answer, dict) and "type" in answer:
        what = f"a Dask {str(answer['type']).lower()} answers there, not a scheduler"
        raise OutputError(describe_scheduler(address), what, START)
    raise OutputError(describe_scheduler(address), "no scheduler answers there", START)


async def _identity(address: str) -> Any:
    """Return how a Dask server describes itself."""
    from distributed.comm import connect
    from distributed.security import Security

    comm = await connect(address, timeout=TIMEOUT, **Security().get_connection_args("client"))
    try:
        await comm.write({"op": "identity", "reply": True})
        return await comm.read()
    finally:
        comm.abort()


def describe_scheduler(address: str) -> str:
    return f"--dask {path_text(address)}"


def work_there(task: JobTask) -> Report:
    """Run `work` on a cluster's worker, with the number of threads that its owner chose."""
    os.environ.setdefault("ATTNCLI_THREADS", "1")
    return work(task)
