"""Reading the problem of a job, with a fingerprint of everything that it is read from."""

# ruff: noqa: PTH100, PTH118, PTH120
from __future__ import annotations

import os
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO

from attncli.batch.job import Job
from attncli.batch.manifest import canonical, tree_of
from attncli.errors import InputError, UsageError
from attncli.files import list_folder, open_file, path_text
from attncli.inputs.array_names import expected_name, matrix_name
from attncli.inputs.folders import matrix_files
from attncli.inputs.problem_file import read_mapping, read_problem
from attncli.inputs.request import Labels, Request, Worksheet, overlay
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

if TYPE_CHECKING:
    from attncli.batch.options import Options
    from attncli.formats.contents import Contents


@dataclass
class TracedSources(Sources):
    """Sources that keep the fingerprint of each file and listing, by absolute path (a folder's ends in a slash)."""

    prints: dict[str, str] = field(default_factory=dict)
    _now: str = ""

    def _file(self, path: str) -> Contents:
        self._now = os.path.abspath(path)
        return super()._file(path)

    def _read(self, data: bytes, where: str, suffix: str) -> Contents:
        self.prints[self._now] = sha256(data).hexdigest()
        return super()._read(data, where, suffix)

    def data_of(self, path: str) -> bytes:
        data = super().data_of(path)
        self.prints[os.path.abspath(path)] = sha256(data).hexdigest()
        return data

    def _folder(self, path: str) -> Contents:
        folder = os.path.join(os.path.abspath(path), "")
        self.prints[folder] = listing_print(folder)
        return super()._folder(path)


def listing_print(folder: str) -> str:
    """Return the fingerprint of the names in a problem folder that make up the problem."""
    names = sorted(
        name
        for name in list_folder(folder)
        for stem in matrix_files([name])
        if matrix_name(stem) or expected_name(stem)
    )
    return sha256(os.fsencode("\0".join(names))).hexdigest()


def file_print(path: str) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    digest = sha256()
    with open_file(path) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def is_unchanged(job: Job, options: Options, prints: dict[str, str]) -> bool:
    """Return whether everything that a job was made from in an earlier run is unchanged."""
    base = base_of(job, options)
    try:
        for name, known in prints.items():
            if name == entry_name(job):
                current = entry_print(job)
            elif name.endswith("/"):
                current = listing_print(os.path.join(base, name))
            else:
                current = file_print(os.path.join(base, name))
            if current != known:
                return False
    except InputError:
        return False
    return bool(prints)


def base_of(job: Job, options: Options) -> str:
    """Return the folder that the log's paths of a job's inputs are relative to, whatever folder attncli was started
    in."""
    return os.path.dirname(os.path.abspath(os.path.join(options.start, job.path)))


def entry_name(job: Job) -> str | None:
    """Return the log's name for the text of a manifest job."""
    return f"{os.path.basename(job.path)}#{job.name}" if job.entry else None  # noqa: PTH119


def entry_print(job: Job) -> str:
    """Return the fingerprint of a manifest's job and its defaults. Other jobs of the manifest may change."""
    assert job.entry is not None
    said = f"{canonical(job.entry.defaults)}\n{canonical(job.entry.node)}"
    return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def read_job(job: Job, options: Options, *, keep_text: bool = False) -> tuple[Worksheet, dict[str, str]]:
    """Return the worksheet over the defaults of the run, and the fingerprints by name, sorted."""
    if job.fault is not None:
        raise job.fault
    reading = Reading(header=options.header, keep_text=keep_text)
    sources = TracedSources(_no_standard_input, reading, options.from_format)
    path = os.path.join(options.start, job.path)
    worksheet = read_problem(path, sources) if job.entry is None else _read_entry(job, path, sources)
    given: dict[str, Any] = dict(options.settings)
    for name, text in options.matrices.items():
        if getattr(worksheet.request, name) is None:
            given[name] = sources.matrix(text, role=name, folder=options.start, where=f"--{name.replace('_', '-')}")
    worksheet = replace(worksheet, request=overlay_fields(overlay(Request(), given), worksheet.request), name=job.name)
    if worksheet.expected and not keep_text:
        return read_job(job, options, keep_text=True)  # the text shows how many digits are claimed
    base = base_of(job, options)
    prints = {_named(path, base): found for path, found in sources.prints.items()}
    if job.entry is not None:
        prints[str(entry_name(job))] = entry_print(job)
    return worksheet, dict(sorted(prints.items()))


def _named(path: str, base: str) -> str:
    ending = "/" if path.endswith("/") else ""
    return os.path.relpath(path, base) + ending


def _read_entry(job: Job, path: str, sources: Sources) -> Worksheet:
    """Read a manifest's job over the defaults of the manifest."""
    assert job.entry is not None
    tree, folder, where = tree_of(job.entry, path), os.path.dirname(path), path_text(path)

    def read(place: tuple[str | int, ...]) -> Worksheet:
        return read_mapping(tree, place, name=job.name, where=where, folder=folder, sources=sources, also=("name",))

    own = read(("jobs", job.entry.index))
    if not job.entry.defaults:
        return own
    below = read(("defaults",))
    return replace(
        own,
        request=overlay_fields(below.request, own.request),
        title=own.title or below.title,
        source=own.source or below.source,
        expected=own.expected or below.expected,
        digits=below.digits if own.digits is None else own.digits,
    )


def overlay_fields(below: Request, own: Request) -> Request:
    """Return `own` with the fields that it does not set taken from `below`."""
    given = {f.name: getattr(own, f.name) for f in fields(Request) if f.name != "labels"}
    request = overlay(below, given)
    labels = {f.name: getattr(own.labels, f.name) or getattr(below.labels, f.name) for f in fields(Labels)}
    return replace(request, labels=Labels(**labels))


def _no_standard_input() -> BinaryIO:
    raise UsageError("standard input", "a batch reads files, so that it can be resumed", "save it to a file")
