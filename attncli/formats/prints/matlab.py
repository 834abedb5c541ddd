"""Matrices as MATLAB and Octave print them after `NAME =`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats import ruled_table
from attncli.formats.prints.lines import COPY_ALL, Lines, split_words, times
from attncli.numbers.numerals import REAL_PART, quote

if TYPE_CHECKING:
    from attncli.matrix import Matrix, Reading

_COLUMNS = re.compile(r"\s*[Cc]olumns? ([0-9]+)(?:\s*(?:through|and|to|-)\s*([0-9]+))?:?\s*")
_FACTOR = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?)[eE]([+-]?[0-9]+)\s*\*\s*")
_POWER = re.compile(r"\s*(?:0\.(0*)1|1(0*))\s*\*\s*")  # of ten, as libtorch prints the factor
_COMPLEX = re.compile(r"[0-9.] *[-+] *[0-9.]+(?:e[-+]?[0-9]+)?[ij]\b")
_PLACED = re.compile(r"^[ \t]*\([0-9]+, ?[0-9]+\)[ \t]+\S", re.MULTILINE)
_TABLE = re.compile(r"\s*([0-9]+)[×x]([0-9]+) (?:time)?table[ \t]*\n")
_CLASS = re.compile(
    r"\s*([0-9]+(?:[×x][0-9]+)+)(?:\s+(?:[A-Za-z0-9]+ )*(?:matrix|array|dlarray|gpuArray|distributed))?\s*"
    r"|\s*(?:Diagonal|Permutation) Matrix\s*"
)
BEGINNING = re.compile(
    rf"{_FACTOR.pattern}\n|{_COLUMNS.pattern}\n|{_TABLE.pattern}"
    r"|\s*[0-9]+(?:[×x][0-9]+)+ (?:[a-zA-Z0-9]+ )*(?:matrix|array)[ \t]*\n"
)
_CELLS = re.compile(r"\s*[0-9]+(?:[×x][0-9]+)+ cell array[ \t]*\n")
_PLAIN = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")


def read_matlab(text: str, where: str, reading: Reading) -> Matrix:
    """Read what MATLAB and Octave print after `NAME =`: rows, in blocks of columns if wide, with a common factor."""
    if _PLACED.search(text):
        hint = "print all of its cells: full(x)"
        raise InputError(where, "this is a sparse matrix, with only its nonzero cells", hint)
    if _COMPLEX.search(text):
        raise InputError(where, "its cells are complex, not real numbers", REAL_PART)
    if _CELLS.match(text):
        raise InputError(where, "this is a cell array", "print its numbers: cell2mat(x)")
    if table := _TABLE.match(text):
        return _read_table(text[table.end() :], (int(table[1]), int(table[2])), where, reading)
    source = Lines(text, where)
    exponent, claimed = "", ""
    blocks: list[list[list[str]]] = [[]]
    for _, line in source.lines:
        if factor := _FACTOR.fullmatch(line):
            if float(factor[1]) != 1 or (exponent and exponent != factor[2]):
                raise InputError(
                    where,
                    f"the common factor {quote(line.strip())} is not understood",
                    "print it without one: format long g",
                )
            exponent = factor[2]
        elif power := _POWER.fullmatch(line):
            exponent = str(-len(power[1]) - 1 if power[1] is not None else len(power[2]))
        elif about := _CLASS.fullmatch(line):
            claimed = about[1] or ""
        elif columns := _COLUMNS.fullmatch(line):
            width = sum(len(block[0]) for block in blocks if block)
            if int(columns[1]) != width + 1:
                raise InputError(where, f"expected column {width + 1}, found {quote(line.strip())}", COPY_ALL)
            if blocks[-1]:
                blocks.append([])
        else:
            blocks[-1].append(split_words(line))
    if len({len(block) for block in blocks}) > 1:
        raise InputError(where, "its blocks of columns do not have the same number of rows", COPY_ALL)
    rows = [[cell for part in parts for cell in part] for parts in zip(*blocks, strict=True)]
    if exponent:
        rows = [[f"{cell}e{int(exponent)}" if _PLAIN.fullmatch(cell) else cell for cell in row] for row in rows]
    matrix = source.matrix(rows, reading)
    if claimed and re.split("[×x]", claimed) != [str(length) for length in matrix.array.shape]:
        raise InputError(where, f"it says {claimed}, but {times(matrix.array.shape)} numbers follow", COPY_ALL)
    return matrix


def _read_table(text: str, size: tuple[int, int], where: str, reading: Reading) -> Matrix:
    """Read a table, whose names stand over a rule of underscores.

    Raises InputError if it has not the size that its first line says.
    """
    matrix = ruled_table.read(text, where, reading).matrices[""]()
    if matrix.array.shape != size:
        what = f"it says {times(size)}, but {times(matrix.array.shape)} numbers follow"
        raise InputError(where, what, COPY_ALL)
    return matrix
