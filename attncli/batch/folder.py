"""The folder of a run: cleared of the leftovers of interrupted writers, and kept apart from what the run reads."""

# ruff: noqa: PTH100, PTH118
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from attncli.batch.job import Job
from attncli.batch.jobs import same_name
from attncli.batch.options import USUAL, Options
from attncli.batch.saving import file_names, remove_results
from attncli.errors import OutputError
from attncli.files import is_temporary, list_folder, path_text, remove, resolve_path
from attncli.inputs.request import RESULT_NAMES


class Owners:
    """Which job each file in the folder belongs to: the job that may write it in this run, or a job of an earlier run
    that is not part of this one.

    Two jobs can use one file name at different times: job `x` of one run wrote x.output.npy, which in the next run is
    the file of job `x.output`.
    """

    def __init__(self, jobs: Iterable[Job], options: Options) -> None:
        self.options = options
        self._jobs: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        for job in jobs:
            self._jobs[job.name] = job.path
            for file in file_names(job.name, options.save or USUAL, options):
                self._owners[same_name(file)] = job.name

    def is_in_run(self, name: str) -> bool:
        """Return whether this run has a job of that name."""
        return name in self._jobs

    def may_be_written(self, file: str) -> bool:
        """Return whether a job of this run may write a file of that name."""
        return self._owners.get(same_name(file)) in self._jobs

    def add(self, name: str, files: Iterable[str]) -> None:
        """Protect the files of an earlier run's job that is not part of this run.

        Raises OutputError if a result of this run would replace one of them.
        """
        for file in files:
            owner = self._owners.setdefault(same_name(file), name)
            if owner in self._jobs:
                what = f"a result would replace {path_text(file)} of the job '{path_text(name)}' of an earlier run"
                raise OutputError(path_text(self._jobs[owner]), what, "choose another -d DIR")

    def remove_stale(self, job: Job, record: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
        """Remove a job's files from earlier runs that its new `record` does not name."""
        own = {*file_names(job.name, self.options.save or USUAL, self.options), *(before or {}).get("files", ())}
        if record["status"] == "error":
            own.update(file_names(job.name, RESULT_NAMES, self.options))
        stale = own.difference(record.get("files", ()))
        remove_results(
            [file for file in stale if self._owners.get(same_name(file), job.name) == job.name], self.options.folder
        )


def refuse_inputs(jobs: Iterable[Job], owners: Owners) -> None:
    """Raise OutputError if a result would replace a problem that the run reads."""
    options = owners.options
    folder = resolve_path(options.folder)
    known: dict[str, str] = {}
    for job in jobs:
        path = os.path.join(options.start, job.path)
        parent, name = os.path.split(os.path.abspath(path))
        if parent not in known:
            known[parent] = resolve_path(parent)
        if known[parent] != folder:
            continue
        if owners.may_be_written(name):
            raise OutputError(path_text(job.path), "would be replaced by a result", "choose another -d DIR")


def sweep(folder: str) -> None:
    """Remove the temporary files of interrupted writers."""
    for name in list_folder(folder):
        if is_temporary(name):
            with contextlib.suppress(OutputError):
                remove(os.path.join(folder, name))
