"""Octave's text files: `# name:`, `# type: matrix`, `# rows:`, `# columns:`, then the rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats.contents import Contents
from attncli.formats.encoding import decode
from attncli.formats.prints.lines import split_words
from attncli.matrix import Matrix
from attncli.numbers import numerals
from attncli.numbers.numerals import NumeralError, quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from attncli.matrix import Reading

MARK = re.compile(rb"\s*#[^\n]*\n?(?:\s*#[^\n]*\n)*?\s*# type: |\s*# (?:Created by Octave|type: )")
_HEADER = re.compile(r"#\s*([a-z]+):\s*(.*)")
_AGAIN = "the file is damaged or was cut off: write it again"


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read each variable under its name.

    Raises InputError if one is not a full matrix or a scalar.
    """
    lines = decode(data, where).split("\n")
    matrices: dict[str, Callable[[], Matrix]] = {}
    index = 0
    while index < len(lines):
        heads: dict[str, str] = {}
        first = index
        while index < len(lines) and (not lines[index].strip() or lines[index].startswith("#")):
            if found := _HEADER.match(lines[index]):
                heads[found[1]] = found[2].strip()
            index += 1
        if index == len(lines) and "type" not in heads:
            break
        name = heads.get("name", "")
        if name in matrices:
            raise InputError(
                f"{where}: line {first + 1}", f"there are two variables called {quote(name)}", "give each its own name"
            )
        rows, columns = _shape(heads, f"{where}: line {index}")
        matrix = _matrix(lines, index, rows, columns, f"{where}: {name}" if name else where, where, reading)
        matrices[name] = lambda matrix=matrix: matrix  # type: ignore[misc]
        index += rows
    return Contents(where, matrices)


def _shape(heads: dict[str, str], place: str) -> tuple[int, int]:
    """Return the numbers of rows and columns.

    Raises InputError if the numbers that follow are not the rows of a matrix.
    """
    kind = heads.get("type")
    if kind is None:
        raise InputError(place, "numbers without # type: before them", _AGAIN)
    if kind == "scalar":
        return 1, 1
    sizes = [heads.get(word, "") for word in ("rows", "columns")]
    if kind != "matrix" or not all(size.isascii() and size.isdigit() for size in sizes):
        what = f"the variable {heads.get('name', '')} is of the type {quote(kind)}, whose rows Octave does not write"
        if kind == "matrix":
            what = f"the variable {heads.get('name', '')} has no # rows: and # columns:, as one of three axes has none"
        raise InputError(place, what, "save a full matrix of two axes: X = double(full(X)); save -text FILE X")
    rows, columns = map(int, sizes)
    if not rows or not columns:
        raise InputError(place, f"the variable {heads.get('name', '')} is empty", "save a matrix that has rows")
    return rows, columns


def _matrix(lines: list[str], start: int, rows: int, columns: int, name: str, where: str, reading: Reading) -> Matrix:
    cells: list[str] = []
    for row in range(rows):
        line = lines[start + row] if start + row < len(lines) else ""
        found = split_words(line)
        if len(found) != columns or line.startswith("#"):
            count = 0 if line.startswith("#") else len(found)
            what = f"this row has {count} {'number' if count == 1 else 'numbers'}, the header says {columns}"
            raise InputError(f"{where}: line {min(start + row + 1, len(lines))}", what, _AGAIN)
        cells += found
    try:
        array = numerals.parse_cells(cells).reshape(rows, columns)
    except NumeralError as error:
        row, column = divmod(error.index, columns)
        raise InputError(f"{where}: line {start + row + 1}, column {column + 1}", error.what, error.hint) from None
    return Matrix(array, name, texts=tuple(cells) if reading.keep_text else None)
