"""The file formats: one record each, from which every look-up is derived.

A format is one module with `read(data, where, reading) -> Contents` and/or `write(matrices) -> Iterable[bytes-like]`.
To add a format, add that module and its record here.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from attncli.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attncli.formats.contents import Contents
    from attncli.matrix import Matrix, Reading


@record
class Format:
    """A format: the `suffixes` of its files, the `module` that reads and writes it, and whether it `holds_many` named
    arrays.

    `is_written` is False for formats that are only read. A text table is written with a `delimiter` between its cells,
    and read by its contents.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    holds_many: bool
    is_written: bool = True
    delimiter: str | None = None

    def read(self, data: bytes, where: str, reading: Reading) -> Contents:
        """Parse the bytes of a whole file.

        Raises InputError with the place of the error.
        """
        contents: Contents = import_module(self.module).read(data, where, reading)
        return contents

    def write(self, matrices: Mapping[str, Matrix]) -> Iterable[bytes | memoryview]:
        """Return the bytes of the file in chunks. A format of one array writes the only matrix."""
        options = () if self.delimiter is None else (self.delimiter,)
        chunks: Iterable[bytes | memoryview] = import_module(self.module).write(matrices, *options)
        return chunks


FORMATS = (
    Format("csv", (".csv",), "attncli.formats.text_file", holds_many=False, delimiter=","),
    Format("tsv", (".tsv",), "attncli.formats.text_file", holds_many=False, delimiter="\t"),
    Format("txt", (".txt",), "attncli.formats.txt", holds_many=False, delimiter=" "),
    Format("yaml", (".yaml", ".yml"), "attncli.formats.yaml", holds_many=True),
    Format("json", (".json",), "attncli.formats.json", holds_many=True),
    Format("npy", (".npy",), "attncli.formats.npy", holds_many=False),
    Format("npz", (".npz",), "attncli.formats.npz", holds_many=True),
    Format("tex", (".tex",), "attncli.formats.tex", holds_many=True),
    Format("safetensors", (".safetensors",), "attncli.formats.safetensors", holds_many=True),
    Format("markdown", (".md",), "attncli.formats.markdown", holds_many=True, is_written=False),
    Format("xlsx", (".xlsx", ".ods"), "attncli.formats.sheets", holds_many=True, is_written=False),
    Format("mat", (".mat",), "attncli.formats.mat", holds_many=True, is_written=False),
    Format("h5", (".h5", ".hdf5"), "attncli.formats.h5", holds_many=True, is_written=False),
    Format("mtx", (".mtx",), "attncli.formats.mtx", holds_many=False, is_written=False),
    Format("pb", (".pb",), "attncli.formats.pb", holds_many=False, is_written=False),
    Format("pt", (".pt", ".pth"), "attncli.formats.pt", holds_many=True, is_written=False),
)
BY_NAME = {format.name: format for format in FORMATS}
BY_SUFFIX = {suffix: format for format in FORMATS for suffix in format.suffixes}
WRITTEN = {suffix: format for suffix, format in BY_SUFFIX.items() if format.is_written}
COMPRESSED = (".gz", ".bz2", ".xz")  # may follow any suffix


def split_suffix(path: str) -> tuple[str, str]:
    """Return a path without its suffix, and the suffix in lower case: `.csv`, or `.csv.gz` for a compressed file."""
    stem, suffix = os.path.splitext(path)  # noqa: PTH122 - a path stays the text that was typed
    inner, before = os.path.splitext(stem)  # noqa: PTH122
    if suffix.lower() in COMPRESSED and before:
        return inner, f"{before}{suffix}".lower()
    return stem, suffix.lower()


def by_suffix(suffix: str) -> Format | None:
    """Return the format of a suffix from `split_suffix`, compressed or not, or None."""
    for compression in COMPRESSED:
        suffix = suffix.removesuffix(compression)
    return BY_SUFFIX.get(suffix)
