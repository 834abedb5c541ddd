"""`results.jsonl`: one whole line per finished job, of which the last line of each name counts, and the lock on its
folder."""

# ruff: noqa: PTH118
from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Collection, Iterator
from typing import Any

from attncli.batch.folder import Owners, sweep
from attncli.batch.saving import remove_results
from attncli.errors import OutputError
from attncli.files import (
    AtomicFile,
    append_lines,
    exists,
    list_folder,
    lock_folder,
    make_folder,
    open_file,
    path_text,
    remove,
    stat_link,
)

NAME = "results.jsonl"
GO_ON = "finished jobs are kept: free some space, then run the same command with --resume"
Record = dict[str, Any]


class Log:
    """The log of a folder that this process has locked. Lines are read from the file when they are needed, not kept in
    memory."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.path = os.path.join(folder, NAME)
        self._offsets: dict[str, int] = {}
        self._untidy = False

    def load(self) -> None:
        """Find the last line of each name. Lines that are not complete records are ignored."""
        self._offsets.clear()
        with open_file(self.path) as file:
            offset = 0
            for line in file:
                record = parse_line(line)
                self._untidy |= record is None or record["name"] in self._offsets
                if record is not None:
                    self._offsets[record["name"]] = offset
                offset += len(line)

    @property
    def names(self) -> Collection[str]:
        """Return the names of the jobs that have a line."""
        return self._offsets

    @property
    def is_empty(self) -> bool:
        """Return whether no job has ever been finished."""
        return not self._offsets

    def records(self, names: Collection[str] | None = None) -> Iterator[Record]:
        """Yield the last line of each of these names (by default, of all), in the order of the names."""
        offsets = self._offsets if names is None else {n: self._offsets[n] for n in names if n in self._offsets}
        if not offsets:
            return
        with open_file(self.path) as file:
            for offset in offsets.values():
                file.seek(offset)
                record = parse_line(file.readline())
                if record is not None:
                    yield record

    def append(self, records: list[Record]) -> None:
        """Append the lines with one write and one sync."""
        if not records:
            return
        self._untidy |= any(record["name"] in self._offsets for record in records)
        try:
            append_lines(self.path, "\n".join(format_line(record) for record in records))
        except OutputError as error:
            raise OutputError(error.where, error.what, GO_ON) from None

    def tidy(self) -> None:
        """Rewrite the log with one line per name, if it has more. The order is kept."""
        if not self._untidy:
            return
        self.load()
        with AtomicFile(self.path, force=True) as file, open_file(self.path) as lines:
            for offset in sorted(self._offsets.values()):
                lines.seek(offset)
                line = lines.readline()
                file.write(line if line.endswith(b"\n") else line + b"\n")
        self._untidy = False

    def clear(self) -> None:
        """Remove the log and the results that it names."""
        for record in self.records():
            remove_results(record.get("files", ()), self.folder)
        remove(self.path)
        self._offsets.clear()
        self._untidy = False


def parse_line(line: bytes) -> Record | None:
    """Return the record on a line, or None if the line is incomplete or not from attncli."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("name"), str) or "status" not in record:
        return None
    files, inputs = record.get("files", {}), record.get("inputs", {})
    if not isinstance(files, dict) or not isinstance(inputs, dict):
        return None
    return record if all(isinstance(facts, list) and len(facts) == 2 for facts in files.values()) else None


def format_line(record: Record) -> str:
    """Return the record as one line. Names that are not valid Unicode are escaped."""
    text = json.dumps(record, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(record)
    return text


@contextlib.contextmanager
def run_log(folder: str, owners: Owners, *, resume: bool, force: bool) -> Iterator[Log]:
    """Create and lock `folder`, remove leftovers before and after the run, and yield its log.

    Raises OutputError if the folder has the results of an earlier run and the run is neither resumed nor started over,
    if files of this run exist but no log records them, or if they belong to jobs of an earlier run that are not part of
    this one.
    """
    where = path_text(folder)
    make_folder(folder)
    with lock_folder(folder) as ours:
        if not ours:
            what = "another attncli batch is writing there"
            raise OutputError(where, what, "wait for it, or choose another -d DIR")
        log = Log(folder)
        found = stat_link(log.path)
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise OutputError(path_text(log.path), "is not a regular file", "choose another -d DIR")
        try:
            settle(log, owners, where, resume=resume, force=force)
            sweep(folder)
            yield log
            log.tidy()
        finally:
            sweep(folder)


def settle(log: Log, owners: Owners, where: str, *, resume: bool, force: bool) -> None:
    """Bring the log to the state in which the run begins."""
    if exists(log.path):
        log.load()
        if not log.is_empty and not resume and not force:
            raise OutputError(
                where, "holds the results of an earlier run", "--resume continues it, --force starts over"
            )
        if force:
            log.clear()
        for record in log.records([name for name in log.names if not owners.is_in_run(name)]):
            owners.add(record["name"], record.get("files", ()))
    elif not force:
        found = next((name for name in list_folder(log.folder) if owners.may_be_written(name)), None)
        if found is not None:
            what = f"holds {path_text(found)}, but no {NAME} with a record of its origin"
            raise OutputError(where, what, "choose another -d DIR, or --force to replace it")
    if not exists(log.path):
        with AtomicFile(log.path):
            pass  # from here on the folder is known to belong to attncli
