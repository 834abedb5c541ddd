"""From the inputs on the command line to jobs, each with a unique name that is a safe file name."""

# A path stays the text that was typed, because pathlib normalizes it.
# ruff: noqa: PTH100, PTH119, PTH122
from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator

from attncli.batch.job import Job
from attncli.errors import InputError, UsageError
from attncli.files import (
    LONGEST_NAME,
    exists,
    expand_pattern,
    is_folder,
    path_text,
    read_bytes,
    refuse_pipe,
)
from attncli.inputs.folders import is_problem_folder, problems_in
from attncli.inputs.sources import missing_file

PROBLEM_SUFFIXES = (".yaml", ".yml", ".json", ".npz", ".safetensors")
MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
LONGEST_ENDING = len(".raw_scores.json")
WILD = frozenset("*?[")
NO_JOB = "a batch takes problem files, folders of them, globs, or a manifest"


def find_jobs(inputs: Iterable[str]) -> list[Job]:
    """Return the jobs of all inputs, in order.

    Raises an error before anything runs if two jobs have the same name.
    """
    jobs = [job for text in inputs for job in _jobs_of(text)]
    owners: dict[str, Job] = {}
    for job in jobs:
        refuse_unsafe(job)
        other = owners.setdefault(same_name(job.name), job)
        if other is not job:
            raise _duplicate(other, job)
    return jobs


def _jobs_of(text: str) -> Iterator[Job]:
    if text == "-":
        raise UsageError("-", "a batch reads files, so that it can be resumed", "save the problem to a file")
    if exists(text):
        yield from _from_path(text)
        return
    if not WILD & set(text):
        raise missing_file(text, None, otherwise=NO_JOB)
    matches = expand_pattern(text)
    if not matches:
        raise InputError(path_text(text), "no file has such a name", NO_JOB)
    for match in matches:
        yield from _from_path(match)


def _from_path(path: str) -> Iterator[Job]:
    if not is_folder(path):
        yield from _from_file(path)
    elif is_problem_folder(path):
        yield Job(os.path.basename(os.path.abspath(path)), path)
    else:
        yield from _from_folder(path)


def _from_folder(folder: str) -> Iterator[Job]:
    """Yield a job for each problem file in the folder and each subfolder that is a problem, sorted."""
    found = problems_in(folder)
    for path in found:
        if is_folder(path):
            yield Job(os.path.basename(path), path)
        else:
            yield from _from_file(path)
    if not found:
        raise InputError(path_text(folder), f"holds no problem file ({' '.join(PROBLEM_SUFFIXES)})", NO_JOB)


def _from_file(path: str) -> Iterator[Job]:
    stem, suffix = os.path.splitext(os.path.basename(path))
    try:
        refuse_pipe(path)
    except InputError as error:
        yield Job(stem, path, fault=error)
        return
    if suffix.lower() in MANIFEST_SUFFIXES:
        from attncli.batch.manifest import manifest_jobs

        try:
            data = read_bytes(path)
        except InputError as error:
            yield Job(stem, path, fault=error)  # one bad job does not stop the others
            return
        jobs = manifest_jobs(path, data)
        if jobs is not None:
            yield from jobs
            return
    yield Job(stem, path)


def refuse_unsafe(job: Job) -> None:
    """Raise InputError if the name is not valid as a file name everywhere, or could lead out of the results folder."""
    name, what = job.name, None
    if not name.strip():
        what = "is empty"
    elif "/" in name or "\\" in name:
        what = "has a slash, but all results go into one folder"
    elif not all(letter.isprintable() or "\udc80" <= letter <= "\udcff" for letter in name):
        what = "has control characters"
    elif name.startswith("."):
        what = "begins with a dot, so its results would be hidden"
    elif len(os.fsencode(name)) > LONGEST_NAME - LONGEST_ENDING:
        what = f"is longer than {LONGEST_NAME - LONGEST_ENDING} bytes, so its result files could not be named"
    if what is not None:
        clipped = name if len(name) <= 40 else name[:40] + "…"
        hint = "give it another name" if job.entry else "rename the file, or name the job in a manifest"
        raise InputError(path_text(job.path), f"the name '{path_text(clipped)}' {what}", hint)


def same_name(name: str) -> str:
    """Return a form of the name that is equal for two names that some file system treats as the same."""
    return unicodedata.normalize("NFC", name).casefold()


def _duplicate(first: Job, second: Job) -> InputError:
    name, path = path_text(first.name), path_text(first.path)
    what = f"two jobs are called '{name}'"
    if first.name != second.name:
        what = f"'{name}' and '{path_text(second.name)}' are the same name on a file system that ignores case"
    if first.path != second.path:
        hint = "name them in a manifest, or give each folder its own -d DIR"
        return InputError("jobs", f"{what}: {path} and {path_text(second.path)}", hint)
    if first.entry == second.entry:
        return InputError(path, f"is given twice, which would make two jobs '{name}'", "give it once")
    return InputError(path, what, "give each job a name of its own")
