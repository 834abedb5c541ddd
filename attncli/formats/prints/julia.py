"""Arrays as Julia's REPL shows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats.prints.lines import COPY_ALL, Lines, split_words, times
from attncli.matrix import Matrix

if TYPE_CHECKING:
    from attncli.matrix import Reading

_HEAD = re.compile(r"\s*([0-9]+(?:[×x][0-9]+)*)(-element)? [^\n]*:[ \t]*")
_FRACTION = re.compile(r"(-?[0-9]+)//([0-9]+)")
BEGINNING = re.compile(rf"{_HEAD.pattern}\n")


def _plain(cell: str) -> str:
    """Return a cell in our grammar: a fraction with one slash, and 0 for the dot of a structural zero."""
    return "0" if cell in ("⋅", "·") else _FRACTION.sub(r"\1/\2", cell)


def read_julia(text: str, where: str, reading: Reading) -> Matrix:
    """Read an array as Julia's REPL shows it: its size and type, then the rows."""
    head, _, body = text.lstrip().partition("\n")
    found = _HEAD.match(head)
    assert found is not None
    shape = tuple(int(length) for length in found[1].replace("x", "×").split("×"))
    if "Vector{Vector" in head:
        raise InputError(where, "this is a vector of vectors as Julia prints it", "show its rows: stack(x, dims = 1)")
    if len(shape) > 2:
        hint = "Julia's last axis is the first here: write each slice, x[:, :, 1], to its own file"
        raise InputError(where, f"this is an array of {len(shape)} axes as Julia prints it", hint)
    source = Lines(body, where)
    rows = [[_plain(cell) for cell in split_words(line)] for _, line in source.lines]
    matrix = source.matrix(rows, reading)
    array = matrix.array if len(shape) == 2 else matrix.array.reshape(-1)
    if array.shape != shape:
        raise InputError(where, f"its first line says {found[1]}, but {times(array.shape)} numbers follow", COPY_ALL)
    return Matrix(array, where, texts=matrix.texts)
