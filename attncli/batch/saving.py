"""Saving a job's results in the run's folder, as whole files whose names belong to no other job."""

# ruff: noqa: PTH118
from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING

from attncli.batch.reading import file_print
from attncli.errors import AttncliError, OutputError, UsageError
from attncli.files import path_text, remove, resolve_path, stat_link, write_atomically
from attncli.formats import BY_NAME
from attncli.results.targets import label_result

if TYPE_CHECKING:
    from attncli.batch.options import Options
    from attncli.results.result import Result

Files = dict[str, list[int | str]]  # the log's: size and SHA-256 by name


class UnwritableError(OutputError):
    """The folder takes no more results, because of a full disk, a quota or a limit. The run ends, and no job is
    blamed."""


def file_names(name: str, results: Iterable[str], options: Options) -> dict[str, list[str]]:
    """Return the results in each of a job's files: all in one file, or one file per result if the format holds one
    matrix."""
    results = list(results)
    if BY_NAME[options.format].holds_many or (options.save is not None and len(options.save) == 1):
        return {f"{name}.{options.format}": results}
    return {f"{name}.{result}.{options.format}": [result] for result in results}


def choose_saved(result: Result, options: Options) -> list[str]:
    """Return the results to save: those asked for, or else the output (if the problem has values) and the weights."""
    from attncli.batch.options import USUAL

    if options.save is None:
        return [name for name in USUAL if result.has(name)]
    for name in options.save:
        if not result.has(name):
            raise UsageError("--save", f"there is no {name} without values", "give values, or --save weights")
    return list(options.save)


def save(name: str, result: Result, results: list[str], options: Options, inputs: list[str]) -> Files:
    """Write the job's files, and return what the log records of each.

    `inputs` are the absolute paths that the job was read from.
    """
    files: Files = {}
    for file, held in file_names(name, results, options).items():
        path = os.path.join(options.folder, file)
        refuse_foreign_file(path, inputs)
        matrices = {one: label_result(result, one, options.format) for one in held}
        measured = WrittenFile(BY_NAME[options.format].write(matrices))
        try:
            # a sync for each small file takes longer than everything else, and a resumed run finds files lost in a
            # power cut
            write_atomically(path, measured, force=True, lasting=False)
        except OutputError as error:
            if isinstance(error.__context__, OSError):  # an error of the system, not of the format
                raise UnwritableError(error.where, error.what, error.hint) from None
            raise
        files[file] = [measured.size, measured.digest.hexdigest()]
    return files


class WrittenFile:
    """The chunks of a file as they pass, with their total size and fingerprint."""

    def __init__(self, chunks: Iterable[bytes | memoryview]) -> None:
        self.chunks = chunks
        self.size = 0
        self.digest = sha256()

    def __iter__(self) -> Iterator[bytes | memoryview]:
        for chunk in self.chunks:
            self.digest.update(chunk)
            self.size += memoryview(chunk).nbytes
            yield chunk


def refuse_foreign_file(path: str, inputs: list[str]) -> None:
    """Remove a link at `path`, because it leads out of the folder.

    Raises OutputError for anything else that is not a regular file, and for a file that the job itself reads.
    """
    found = stat_link(path)
    if found is None:
        return
    if stat.S_ISLNK(found.st_mode):
        remove(path)
    elif not stat.S_ISREG(found.st_mode):
        raise OutputError(path_text(path), "is not a regular file, but a result has that name", "choose another -d DIR")
    elif resolve_path(path) in map(resolve_path, inputs):
        raise OutputError(path_text(path), "is read by this job and would be replaced", "choose another -d DIR")


def are_complete(files: Files, options: Options) -> bool:
    """Return whether each file exists as the log records it."""
    try:
        for file, (size, print_) in files.items():
            path = os.path.join(options.folder, file)
            found = stat_link(path)
            if found is None or not stat.S_ISREG(found.st_mode):
                return False
            if found.st_size != size or file_print(path) != print_:
                return False
    except AttncliError:
        return False
    return bool(files)


def remove_results(names: Iterable[str], folder: str) -> None:
    """Remove results that are out of date. Names that lead out of the folder are not results and are skipped."""
    for name in names:
        if name and "/" not in name and not name.startswith(".") and "\0" not in name:
            with contextlib.suppress(OutputError):
                remove(os.path.join(folder, name))
