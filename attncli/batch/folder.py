"""The folder of a run: made, locked against a second run, swept; and kept apart from what the run reads."""

# ruff: noqa: PTH100, PTH103, PTH108, PTH118, PTH208
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator

from attncli.batch.jobs import Job
from attncli.batch.options import USUAL, Options
from attncli.batch.saving import file_names
from attncli.errors import OutputError
from attncli.files import is_temporary, shown


def result_names(jobs: Iterable[Job], options: Options) -> Iterator[str]:
    """Every file that the jobs may write."""
    for job in jobs:
        yield from file_names(job.name, options.save or USUAL, options)


def refuse_inputs(jobs: Iterable[Job], options: Options) -> None:
    """OutputError where a result would replace a problem that the run reads."""
    folder = os.path.realpath(options.folder)
    known: dict[str, str] = {}
    results: set[str] = set()
    for job in jobs:
        path = os.path.join(options.start, job.path)
        parent, name = os.path.split(os.path.abspath(path))
        if parent not in known:
            known[parent] = os.path.realpath(parent)
        if known[parent] != folder:
            continue
        results = results or set(result_names(jobs, options))
        if name in results:
            raise OutputError(shown(job.path), "would be replaced by a result", "choose another -d DIR")


def sweep(folder: str) -> None:
    """Take away what interrupted writers left."""
    for name in os.listdir(folder):
        if is_temporary(name):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))


def make_folder(folder: str) -> None:
    where = shown(folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OutputError(where, "is a file, where a folder is due", "choose another -d DIR") from None
    except OSError as error:
        raise OutputError(where, (error.strerror or str(error)).lower()) from None
    except ValueError:
        raise OutputError(where, "is no name that a folder can have") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(where, "cannot be written to")


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """A lock that ends with the process, however that ends."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = "another attncli batch is writing there"
            raise OutputError(shown(folder), what, "wait for it, or choose another -d DIR") from None
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(descriptor)
