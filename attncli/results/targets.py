"""Writing results to files in every format, several matrices per file if it can hold them, each file whole or not at
all."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import TYPE_CHECKING, cast

from attncli.errors import OutputError, UsageError, nearest
from attncli.files import is_device, path_text, refuse_existing, resolve_path, write_together
from attncli.formats import WRITTEN, Format
from attncli.matrix import LABELS_OF, Matrix
from attncli.records import record

if TYPE_CHECKING:
    import numpy as np

    from attncli.engine import Sink
    from attncli.inputs.request import Labels
    from attncli.results.result import Result

OPTIONS = {"output": "--output", "weights": "--weights", "scores": "--scores", "lse": "--lse"}

BY_ROWS = ("csv", "tsv", "txt", "json", "yaml", "npz", "safetensors")  # formats that write a matrix row by row
TABLES = ("csv", "tsv", "txt", "tex")  # formats of two axes
FORMULA_SIGNS = ("=", "+", "-", "@")  # what a formula begins with
GRADIENTS_OF_CELLS = ("d_weights", "d_scores")


@record
class Targets:
    """The files of one command: the names of the results by path."""

    by_path: dict[str, list[str]] = field(default_factory=dict)
    force: bool = False
    streamed: dict[str, str] = field(default_factory=dict)  # by name, the file of a result written as it is computed

    @classmethod
    def settle(
        cls, named: dict[str, str], result: Result, *, force: bool, inputs: frozenset[str] = frozenset()
    ) -> Targets:
        """Refuse files that cannot be written, before anything is computed.

        `inputs` are the real paths of the files that were read.
        """
        by_path: dict[str, list[str]] = {}
        for name, path in named.items():
            if not result.has(name):
                raise UsageError(
                    OPTIONS.get(name, "--grads"),
                    "there is no output without values",
                    "give V, or -w FILE for the weights",
                )
            format = target_format(path, OPTIONS.get(name, "--grads"))
            refuse_input(path, OPTIONS.get(name, "--grads"), inputs)
            group = by_path.setdefault(_same_file(path, by_path), [])
            group.append(name)
            if len(group) > 1 and not format.holds_many:
                hint = "give each its own file, or use .npz, .yaml, .json or .safetensors"
                raise UsageError(
                    OPTIONS.get(name, "--grads"),
                    f"{path_text(path)} holds one matrix, and {' and '.join(group)} go there",
                    hint,
                )
            if format.name in TABLES:
                from attncli.formats.text_table_writer import refuse_axes

                refuse_axes(result.problem.shapes()[name], name)
        refuse_existing(list(by_path), force)
        return cls(by_path, force, _choose_streamed(by_path, result))

    @contextmanager
    def streams(self, result: Result) -> Iterator[Mapping[str, Sink]]:
        """Yield a sink for each result that is streamed. The files appear if the block succeeds."""
        if not self.streamed:
            yield {}
            return
        from attncli.results.npy_sink import npy_sinks

        with npy_sinks(result.problem, self.streamed, force=self.force) as sinks:
            yield sinks

    def held(self, result: Result) -> list[str]:
        """Return the names of the results that are computed before they are written."""
        by_rows = {name for path, names in self.by_path.items() if _is_written_by_rows(path) for name in names}
        every = [name for names in self.by_path.values() for name in names if name not in self.streamed]
        return [name for name in every if not (name in by_rows and result.is_streamed(name))]

    def save(self, result: Result, pictures: Mapping[str, Iterable[bytes]]) -> list[str]:
        """Write every file that was not streamed, with the files of the pictures, and return a line about each file.

        The files appear together, and none of them if one cannot be written.
        """
        lines = []
        shapes = result.problem.shapes()
        chunks: dict[str, Iterable[bytes | bytearray | memoryview]] = {}
        for path, names in self.by_path.items():
            if names[0] not in self.streamed:
                format = target_format(path, "output")
                chunks[path] = format.write({name: label_result(result, name, format.name) for name in names})
            told = ", ".join(f"{name} {' × '.join(map(str, shapes[name]))}" for name in names)
            lines.append(f"wrote {path_text(path)}: {told}")
        write_together({**chunks, **pictures}, force=self.force)
        return [*lines, *(f"wrote {path_text(path)}" for path in pictures)]


def note_formulas(labels: Labels, formats: Collection[str]) -> list[str]:
    """Return a note if a label begins like a spreadsheet formula and the format cannot mark it as text."""
    if not {"csv", "tsv", "long"} & {*formats}:
        return []
    axes = (labels.queries, labels.keys, labels.features, labels.values)
    found = next((label for axis in axes for label in axis or () if label.startswith(FORMULA_SIGNS)), None)
    if found is None:
        return []
    return [
        f"a spreadsheet takes the label {found!r} for a formula: import it as text, or attncli explain -o work.xlsx"
    ]


def refuse_input(path: str, option: str, inputs: Collection[str]) -> None:
    """Raise UsageError if the file is one of the `inputs` that were read, even with --force."""
    if resolve_path(path) in inputs:
        raise UsageError(option, f"{path_text(path)} is an input and would be overwritten", "name another file")


def _choose_streamed(by_path: dict[str, list[str]], result: Result) -> dict[str, str]:
    """Return the large results that are written to their own NPY file while they are computed, with their files."""
    from attncli.results.result import FINISHED_BY_ROW

    return {
        names[0]: path
        for path, names in by_path.items()
        if target_format(path, "output").name == "npy"
        and names[0] in FINISHED_BY_ROW
        and result.is_large(names[0])
        and not is_device(path)  # a device has no offsets to write at
    }


def _is_written_by_rows(path: str) -> bool:
    return target_format(path, "output").name in BY_ROWS


def label_result(result: Result, name: str, format: str) -> Matrix:
    """Return one result for a file of this format, with the labels that the format can hold."""
    labels = result.problem.words.labels
    array = result.stream(name) if format in BY_ROWS else result.array(name)
    columns = labels_of_columns(labels, name)
    if array.ndim != 2 or (columns is not None and len(columns) != array.shape[1]):
        columns = None
    rows = labels_of_rows(labels, name) if array.ndim == 2 else None
    return Matrix(cast("np.ndarray", array), name, row_labels=rows, column_labels=columns)


def labels_of_columns(labels: Labels, name: str) -> tuple[str, ...] | None:
    """Return the labels of the columns of a result, or of Q, K or V."""
    return _labels_of(labels, name)[1]


def labels_of_rows(labels: Labels, name: str) -> tuple[str, ...] | None:
    """Return the labels of the rows of a result, or of Q, K or V."""
    return _labels_of(labels, name)[0]


def _labels_of(labels: Labels, name: str) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return the labels of rows and columns, which a gradient has from its matrix."""
    if name == "lse":
        return labels.queries, None
    kinds = LABELS_OF.get(name.removeprefix("d_"))
    return (None, None) if kinds is None else (getattr(labels, kinds[0]), getattr(labels, kinds[1]))


def target_format(path: str, option: str) -> Format:
    """Return the format that the name of a file implies."""
    if not path:
        raise OutputError(option, "the name of the file is empty", f"{option} result.csv")
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - a trailing slash must stay
    format = WRITTEN.get(suffix)
    if format is None and is_device(path):
        return WRITTEN[".csv"]  # a device or FIFO has no suffix
    if format is None:
        near = nearest(suffix, tuple(WRITTEN)) if suffix else None
        what = (
            f"{path_text(path)} has no known suffix"
            if suffix
            else f"{path_text(path)} has no suffix to tell the format"
        )
        if path == "-":
            raise OutputError(option, "'-' is not a file", "-f csv prints the output, and --show NAME another result")
        if suffix in (".xlsx", ".ods"):
            what = f"{path_text(path)}: numbers for a spreadsheet are written as .csv"
            raise OutputError(option, what, "attncli explain -o work.xlsx writes live formulas")
        raise OutputError(option, what, f"did you mean {near}?" if near else f"one of: {' '.join(WRITTEN)}")
    return format


def _same_file(path: str, known: dict[str, list[str]]) -> str:
    """Return the path under which this file is already known, however it is spelled."""
    for other in known:
        if resolve_path(other) == resolve_path(path):
            return other
    return path
