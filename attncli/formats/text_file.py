"""A .csv, .tsv or .txt file: Octave's if its comments say so, else a table; other prints are refused by name."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats import octave, text_table
from attncli.formats.contents import Contents

if TYPE_CHECKING:
    from collections.abc import Callable

    from attncli.matrix import Matrix, Reading

SQUARE = "write it as lists, [[1, 2], [3, 4]], into a .json file"
FOREIGN = (  # how it begins, what it is, what to do with it
    (
        re.compile(rb"<tf\.|tf\.Tensor\("),
        "a tensor as TensorFlow prints it",
        "print(x.numpy().tolist()) to a .json file",
    ),
    (
        re.compile(rb"([Aa]rray|tensor)\s*\("),
        "an array as Python prints it",
        "print(x.tolist()) to a .json file",
    ),
    (re.compile(rb"\[\s*\["), "nested lists", SQUARE),
    (re.compile(rb"\{\s*\{"), "nested braces, as Mathematica and C write them", SQUARE),
    (re.compile(rb"\|[^\n]*\|[ \t]*\r?\n[ \t]*\|[ :|-]+\|[ \t]*(?:\r?\n|$)"), "a Markdown table", "save it as CSV"),
    (
        re.compile(rb"(?:\[,[0-9]+\][ \t]*)+\r?\n"),
        "a matrix as R prints it",
        "write.table(x, FILE, row.names = FALSE, col.names = FALSE)",
    ),
)
_BLOCKS = re.compile(rb"[0-9.][ \t]*\r?\n[ \t]*\r?\n\s*[-+.0-9]")
_SLICE = re.compile(rb"^# New slice", re.MULTILINE)


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """The one table of a file, or Octave's variables by their names; any fault is an InputError."""
    plain = data.removeprefix(b"\xef\xbb\xbf")
    if octave.MARK.match(plain[:4096]):
        return octave.read(data, where, reading)
    start = plain[:4096].lstrip()
    for beginning, what, hint in FOREIGN:
        if beginning.match(start):
            raise InputError(where, f"this is {what}, not a plain table", hint)
    contents = text_table.read(data, where, reading)
    if note := _note_of_blocks(data, where):
        return Contents(where, {name: partial(_noted, make, note) for name, make in contents.matrices.items()})
    return contents


def _note_of_blocks(data: bytes, where: str) -> str:
    """What to say of blocks of rows, which may be matrices of their own."""
    if _SLICE.search(data):
        return f"{where}: its slices, as numpy.savetxt wrote them, are read as the rows of one matrix"
    if _BLOCKS.search(data):
        return f"{where}: blank lines divide its rows into blocks, which are read as one matrix"
    return ""


def _noted(make: Callable[[], Matrix], note: str) -> Matrix:
    from dataclasses import replace

    matrix = make()
    return replace(matrix, notes=(*matrix.notes, note))
