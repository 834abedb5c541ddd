"""A Dask cluster as a crew: paths travel to it, not arrays, and its workers write their results themselves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import time
from concurrent.futures import CancelledError, Future
from typing import Any

from attncli import __version__
from attncli.batch.worker import JobTask, Report, work
from attncli.errors import MissingExtraError, OutputError, UsageError
from attncli.files import path_text

TIMEOUT = 5  # seconds for the scheduler to answer, from the first packet to its first sentence
LONELY = 30.0  # seconds without any worker, after which none is expected
GO_ON = "what is done is kept: the same command with --resume goes on"
START = "start it with: dask scheduler, and on each machine: dask worker ADDRESS"
ADDRESS = re.compile(r"(?:(?:tcp|tls|ws|wss|ucx)://)?(?:[^\s:/\[\]]+|\[[0-9a-fA-F:.%]+\]):[0-9]{1,5}")
# evaluated by each worker: a function of ours could not even be unpickled where attncli is missing
ASK_VERSION = "__import__('importlib').import_module('attncli').__version__"
ASK_FILE = "__import__('os').path.exists({!r})"


class Cluster:
    """A scheduler's workers, once each of them has this version of attncli and sees the files."""

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
        """Two tasks to a thread, so that none waits for the next one to travel."""
        return 2 * self._threads

    def room(self, work: float | None) -> int:  # noqa: ARG002 - workers that run already cost nothing to start
        """As many tasks as the workers take."""
        return self.size

    def submit(self, task: JobTask) -> Future[Report]:
        """Send a task."""
        future: Future[Report] = self._executor.submit(work_there, task)
        return future

    def call(self, function: Any, *arguments: Any) -> Future[Any]:
        """Send a call of any function that the workers have."""
        future: Future[Any] = self._executor.submit(function, *arguments)
        return future

    def lost(self, error: BaseException) -> bool:
        """Whether workers died on the task repeatedly: the scheduler itself has tried it on several."""
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            return True
        if isinstance(error, (CancelledError, OSError)) or type(error).__name__ == "FutureCancelledError":
            raise OutputError(describe_scheduler(self.address), "the scheduler went away", GO_ON)
        return False

    def look(self) -> None:
        """Raise OutputError where the scheduler is gone, or where there has been no worker for a while."""
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
        """Leave; tasks that have not begun are forgotten."""
        with contextlib.suppress(Exception):  # a scheduler that is gone has nothing to forget
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._client.close(timeout=TIMEOUT)

    def _refuse_workers(self, paths: list[str]) -> None:
        """OutputError where a worker lacks attncli, has another version, or does not see one of the paths."""
        for worker, answer in self._ask(ASK_VERSION).items():
            if isinstance(answer, ModuleNotFoundError):
                raise OutputError(f"worker {worker}", "attncli is not installed there", "pip install 'attncli[dask]'")
            if isinstance(answer, BaseException):
                raise OutputError(f"worker {worker}", f"attncli cannot be imported there: {answer}")
            if answer != __version__:
                what = f"it has attncli {answer}, and this is {__version__}"
                raise OutputError(f"worker {worker}", what, f"pip install attncli=={__version__}")
        for path in paths:
            for worker, answer in self._ask(ASK_FILE.format(path)).items():
                if answer is not True:
                    hint = "a cluster's machines need one file system, with the same paths"
                    raise OutputError(f"worker {worker}", f"it does not see {path_text(path)}", hint)

    def _ask(self, expression: str) -> dict[str, Any]:
        answers: dict[str, Any] = self._client.run(eval, expression, on_error="return")
        return answers


def connect(address: str) -> Any:
    """A client of the scheduler; OutputError where it does not answer, MissingExtraError without distributed."""
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
    """OutputError where nothing that speaks as a scheduler does answers in time. A client would wait for ever for a
    port that says nothing, and take whatever else it hears for lengths of messages."""
    try:
        answer = asyncio.run(asyncio.wait_for(_identity(address), TIMEOUT))
    except Exception:  # anything can come of bytes that are no message
        answer = None
    if isinstance(answer, dict) and "workers" in answer:
        return
    if isinstance(answer, dict) and "type" in answer:
        what = f"a Dask {str(answer['type']).lower()} answers there, not a scheduler"
        raise OutputError(describe_scheduler(address), what, START)
    raise OutputError(describe_scheduler(address), "no scheduler answers there", START)


async def _identity(address: str) -> Any:
    """What a server of Dask says of itself."""
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
    """`work` on a cluster's worker, with the number of threads that its owner chose."""
    os.environ.setdefault("ATTNCLI_THREADS", "1")
    return work(task)
