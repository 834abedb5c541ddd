"""The folder of a run: swept of what interrupted writers left, and kept apart from what the run reads."""

# ruff: noqa: PTH100, PTH118
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator

from attncli.batch.jobs import Job
from attncli.batch.options import USUAL, Options
from attncli.batch.saving import file_names
from attncli.errors import OutputError
from attncli.files import is_temporary, listed, real, remove, shown


def result_names(jobs: Iterable[Job], options: Options) -> Iterator[str]:
    """Every file that the jobs may write."""
    for job in jobs:
        yield from file_names(job.name, options.save or USUAL, options)


def refuse_inputs(jobs: Iterable[Job], options: Options) -> None:
    """OutputError where a result would replace a problem that the run reads."""
    folder = real(options.folder)
    known: dict[str, str] = {}
    results: set[str] = set()
    for job in jobs:
        path = os.path.join(options.start, job.path)
        parent, name = os.path.split(os.path.abspath(path))
        if parent not in known:
            known[parent] = real(parent)
        if known[parent] != folder:
            continue
        results = results or set(result_names(jobs, options))
        if name in results:
            raise OutputError(shown(job.path), "would be replaced by a result", "choose another -d DIR")


def sweep(folder: str) -> None:
    """Take away what interrupted writers left."""
    for name in listed(folder):
        if is_temporary(name):
            with contextlib.suppress(OutputError):
                remove(os.path.join(folder, name))
