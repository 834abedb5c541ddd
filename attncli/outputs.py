"""Results into files: every format, several matrices to a container, each file whole or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attncli.errors import OutputError, UsageError, nearest
from attncli.files import refuse_existing, shown, write_atomically
from attncli.formats import BY_SUFFIX, Format
from attncli.matrices import Matrix

if TYPE_CHECKING:
    from attncli.result import Result

OPTIONS = {"output": "--output", "weights": "--weights", "scores": "--scores", "lse": "--lse"}


@dataclass(frozen=True, slots=True)
class Targets:
    """The files of one command: by path, the names of the results that go there."""

    by_path: dict[str, list[str]] = field(default_factory=dict)
    force: bool = False

    @classmethod
    def settle(cls, named: dict[str, str], result: Result, *, force: bool) -> Targets:
        """Refuse, before anything is computed, what cannot be written."""
        by_path: dict[str, list[str]] = {}
        for name, path in named.items():
            if not result.has(name):
                raise UsageError(
                    OPTIONS[name], "there is no output without values", "give V, or -w FILE for the weights"
                )
            format = format_of(path, OPTIONS[name])
            group = by_path.setdefault(_same_file(path, by_path), [])
            group.append(name)
            if len(group) > 1 and not format.holds_many:
                hint = "give each its own file, or use .npz, .yaml, .json or .safetensors"
                raise UsageError(
                    OPTIONS[name], f"{shown(path)} holds one matrix, and {' and '.join(group)} go there", hint
                )
        refuse_existing(list(by_path), force)
        return cls(by_path, force)

    @property
    def held(self) -> list[str]:
        """The results that must be in memory to be written."""
        return [name for names in self.by_path.values() for name in names]

    def save(self, result: Result) -> list[str]:
        """Write every file; a line for each to say so."""
        lines = []
        for path, names in self.by_path.items():
            format = format_of(path, "output")
            matrices = {name: labelled(result, name) for name in names}
            write_atomically(path, format.write(matrices), force=self.force)
            shapes = ", ".join(f"{name} {' × '.join(map(str, matrices[name].array.shape))}" for name in names)
            lines.append(f"wrote {shown(path)}: {shapes}")
        return lines


def labelled(result: Result, name: str) -> Matrix:
    """One result with the labels that its file can carry."""
    problem, array = result.problem, result.array(name)
    labels = problem.labels
    columns = {"output": labels.values, "lse": None}.get(name, labels.keys)
    if array.ndim != 2 or (columns is not None and len(columns) != array.shape[1]):
        columns = None
    rows = labels.queries if array.ndim == 2 else None
    return Matrix(array, name, row_labels=rows, column_labels=columns)


def format_of(path: str, option: str) -> Format:
    """The format that a file's name asks for."""
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - a trailing slash must stay
    format = BY_SUFFIX.get(suffix)
    if format is None and os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113
        return BY_SUFFIX[".csv"]  # a device or a FIFO has no suffix to go by
    if format is None or not format.writable:
        near = nearest(suffix, tuple(BY_SUFFIX)) if suffix else None
        what = f"{shown(path)} has no known suffix" if suffix else f"{shown(path)} has no suffix to tell the format"
        raise OutputError(option, what, f"did you mean {near}?" if near else f"one of: {' '.join(BY_SUFFIX)}")
    return format


def _same_file(path: str, known: dict[str, list[str]]) -> str:
    """The path under which this file is already known, however it is written."""
    for other in known:
        if os.path.realpath(other) == os.path.realpath(path):
            return other
    return path
