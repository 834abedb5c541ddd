"""Matrices as libtorch, and torch in Lua, print them: rows of spaces, and the type and the size below them."""

from __future__ import annotations

import re

from attncli.errors import InputError
from attncli.formats.prints.lines import COPY_ALL, times
from attncli.formats.prints.matlab import read_matlab
from attncli.matrix import Matrix, Reading

_CELL = r"[-+]?(?:[0-9][0-9.]*(?:e[-+]?[0-9]+)?|inf|nan)"
_SIZE = re.compile(
    r"[ \t]*\[[ \t]*(?:torch\.\w*Tensor of size ([0-9]+(?:x[0-9]+)*)|\w*Type\{([0-9]+(?:,[0-9]+)*)\})[^\[\]\n]*\]\s*"
)
BEGINNING = re.compile(
    rf"\s*(?:[0-9.e+-]+[ \t]*\*[ \t]*\n\s*)?(?:Columns?[^\n]*\n\s*)?{_CELL}"
    rf"(?:[ \t\n]+(?:Columns?[^\n]*+|{_CELL}))*+[ \t]*\n{_SIZE.pattern}"  # one way to each text, or time explodes
)


def read_torch_rows(text: str, where: str, reading: Reading) -> Matrix:
    """Read the rows, in blocks of columns if wide, with a common factor.

    Raises InputError if there are not as many as the last line says.
    """
    rows, _, last = text.rstrip().rpartition("\n")
    size = _SIZE.fullmatch(last)
    if size is None:
        raise InputError(where, "the line with its size is not the last one", "keep the numbers and that line only")
    matrix = read_matlab(rows, where, reading)
    shape = tuple(int(length) for length in re.findall("[0-9]+", size[1] or size[2]))
    array = matrix.array.reshape(-1) if len(shape) == 1 and matrix.array.shape[1] == 1 else matrix.array
    if array.shape != shape:
        raise InputError(
            where, f"its last line says {times(shape)}, but {times(array.shape)} numbers are above it", COPY_ALL
        )
    return matrix if len(shape) == 2 else Matrix(array, where, texts=matrix.texts)
