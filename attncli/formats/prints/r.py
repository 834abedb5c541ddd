"""What R prints, and R code for vectors and matrices."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import InputError
from attncli.formats.prints.lines import COPY_ALL, Lines, split_words, times
from attncli.matrix import Matrix
from attncli.numbers.numerals import quote

if TYPE_CHECKING:
    from attncli.matrix import Reading

_COLUMNS = re.compile(r"\s*(?:\[,[0-9]+\]\s*)+")
_ROW = re.compile(r"\s*\[([0-9]+),\]\s*(.*)")
_SLICE = re.compile(r"\s*, , ")
_VECTOR = re.compile(r"\s*\[([0-9]+)\]\s+(.*)")
_CLASSED = re.compile(
    r"\s*([0-9]+) x ([0-9]+) (?:(sparse|diagonal) )?Matrix of class [^\n]*\n"
)  # of the package Matrix
PRINT = re.compile(rf"{_CLASSED.pattern}|{_COLUMNS.pattern}\n|\s*[^\n]*\n\s*\[1,\]\s|\s*\[1\]\s|\s*, , ")
CODE = re.compile(
    r"\s*(?:(?:matrix|structure|array)\s*\(\s*(?:c\s*\(|[0-9]+:[0-9])|c\s*\(\s*[-+.0-9TFNI]|[rc]bind\s*\(\s*(?:\w+\s*=\s*)?c\s*\()"
)
_VALUES = re.compile(r"c\s*\(([^()]*)\)|([0-9]{1,9}:[0-9]{1,9})")
_RANGE = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")
_LONGEST_RANGE = 1 << 14
_BOUND = re.compile(r"\s*([rc])bind\s*\(\s*((?:(?:\w+\s*=\s*)?c\s*\([^()]*\)\s*,?\s*)+)\)\s*;?\s*")
_PART = re.compile(r"(?:(\w+)\s*=\s*)?(c\s*\([^()]*\))")
_NAMES = r"(?:NULL|c\s*\((?:[^()\"']|\"[^\"]*\"|'[^']*')*\))"
_DIMNAMES = re.compile(rf"\s*,\s*\.?[dD]imnames\s*=\s*list\(\s*({_NAMES})\s*,\s*({_NAMES})\s*\)")
_NAME = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_DOT = re.compile(r"(?<!\S)\.(?!\S)")
_MOST_COLUMNS = 1 << 12
_LENGTH = re.compile(r"[0-9]{1,9}L?")
_OPTION = re.compile(
    r"\s*,\s*(?:\.?(nrow|ncol|byrow|dim|Dim)\s*=\s*)?(c\s*\([^()]*\)|[0-9]{1,9}:[0-9]{1,9}|[0-9]+L?|TRUE|FALSE|T|F)"
)


def read_r_print(text: str, where: str, reading: Reading) -> Matrix:
    """Read a matrix as R prints it, with `[1,]` before its rows and `[,1]` above its columns, or with names, or a
    vector, with `[1]`."""
    if classed := _CLASSED.match(text):
        return _read_classed(text[classed.end() :], classed, where, reading)
    source = Lines(text, where)
    first = source.lines[0][1]
    if _SLICE.match(first):
        hint = "R's last axis is the first here: write each slice, x[,,1], to its own file"
        raise InputError(where, "this is an array of three axes as R prints it", hint)
    if _VECTOR.match(first):
        return _read_vector(source, reading)
    blocks = _blocks(source)
    names, rows = blocks[0]
    for other_names, other in blocks[1:]:
        if [name for name, _ in other] != [name for name, _ in rows]:
            raise InputError(where, "its blocks of columns do not have the same rows", COPY_ALL)
        names = names + other_names
        rows = [(name, row + more) for (name, row), (_, more) in zip(rows, other, strict=True)]
    _check_numbered([name for name, _ in rows], r"\[([0-9]+),\]", source)
    _check_numbered(names, r"\[,([0-9]+)\]", source)
    matrix = source.matrix([row for _, row in rows], reading)
    if len(names) != matrix.array.shape[1]:
        raise InputError(
            where, f"its rows have {matrix.array.shape[1]} numbers, and {len(names)} columns are named", COPY_ALL
        )
    labels = tuple(name for name, _ in rows)
    return Matrix(
        matrix.array,
        where,
        row_labels=None if labels[0].startswith("[") else labels,
        column_labels=None if names[0].startswith("[") else tuple(names),
        texts=matrix.texts,
    )


def _read_classed(body: str, head: re.Match[str], where: str, reading: Reading) -> Matrix:
    """Read a matrix of the package Matrix, whose zeros may be dots, below its size."""
    rows, columns = int(head[1]), int(head[2])
    if head[3]:
        body = _DOT.sub("0", body)
    if not body.partition("\n")[0].strip():  # a sparse matrix without names has spaces above its columns
        body = " ".join(f"[,{column}]" for column in range(1, min(columns, _MOST_COLUMNS) + 1)) + f"\n{body}"
    matrix = read_r_print(body, where, reading)
    if matrix.array.shape != (rows, columns):
        what = f"its first line says {rows} × {columns}, but {times(matrix.array.shape)} numbers follow"
        raise InputError(where, what, COPY_ALL)
    return matrix


def _blocks(source: Lines) -> list[tuple[list[str], list[tuple[str, list[str]]]]]:
    """Return the column names and (row name, cells) pairs of each block. A line without numbers in its cells begins a
    block."""
    blocks: list[tuple[list[str], list[tuple[str, list[str]]]]] = []
    for _, line in source.lines:
        found = split_words(line)
        is_numbered = bool(blocks and blocks[0][1]) and blocks[0][1][0][0].startswith("[")
        if not blocks or _COLUMNS.fullmatch(line) or (is_numbered and not _ROW.match(line)):
            blocks.append((found, []))
        elif row := _ROW.match(line):
            blocks[-1][1].append((f"[{row[1]},]", split_words(row[2])))
        else:
            blocks[-1][1].append((found[0], found[1:]))
    return blocks


def _check_numbered(names: list[str], form: str, source: Lines) -> None:
    """Raise InputError if names such as [1,] do not count from 1, or are mixed with other names."""
    found = [re.fullmatch(form, name) for name in names]
    if any(found) and [int(one[1]) if one else 0 for one in found] != list(range(1, len(names) + 1)):
        raise InputError(source.where, "its rows or columns are not numbered from 1", "print all of the matrix")


def _read_vector(source: Lines, reading: Reading) -> Matrix:
    found: list[str] = []
    for index, (_, line) in enumerate(source.lines):
        row = _VECTOR.match(line)
        if row is None or int(row[1]) != len(found) + 1:
            source.fail(index, None, f"expected [{len(found) + 1}] and numbers, found {quote(line.strip())}", COPY_ALL)
        found += split_words(row[2])
    matrix = source.matrix([found], reading)
    return Matrix(matrix.array.reshape(-1), source.where, texts=matrix.texts)


def read_code(text: str, where: str, reading: Reading) -> Matrix:
    """Read the output of dput() or typed code: c(…), matrix(c(…), nrow = 2, byrow = TRUE), structure(c(…), dim = …)."""
    if re.match(r"\s*[rc]bind", text):
        return _read_bound(text, where, reading)
    row_labels, column_labels = None, None
    if names := _DIMNAMES.search(text):
        row_labels, column_labels = _labels(names[1]), _labels(names[2])
        text = text[: names.start()] + text[names.end() :]
    call = re.match(r"\s*(matrix|structure|array)\s*\(\s*", text)
    position = call.end() if call else len(text) - len(text.lstrip())
    values = _VALUES.match(text, position)
    if values is None:
        raise InputError(where, f"{quote(text.strip())} is not understood", "list the numbers, as in c(1, 2, 3, 4)")
    position = values.end()
    options: dict[str, str] = {}
    while call and (option := _OPTION.match(text, position)):
        places = ("nrow", "ncol", "byrow") if call[1] == "matrix" else ("dim",)
        if len(options) == len(places):
            break
        name = option[1] or places[len(options)]
        if name in options:
            raise InputError(where, f"{name} is given twice", "give it once")
        options[name], position = option[2], option.end()
    if text[position:].strip().rstrip(";").strip() != (")" if call else ""):
        raise InputError(where, f"{quote(text[position:].strip())} is not understood", "write matrix(c(…), nrow = 2)")
    cells = _cells(values[0], where)
    source = Lines(text, where)
    matrix = source.matrix([cells], reading)
    shape, by_row = _shape(call[1] if call else "c", options, len(cells), where)
    order = np.arange(len(cells)).reshape(shape, order="C" if by_row else "F")
    texts = None if matrix.texts is None else tuple(matrix.texts[index] for index in order.reshape(-1).tolist())
    for labels, length in zip((row_labels, column_labels), shape, strict=False):
        if labels is not None and len(labels) != length:
            raise InputError(where, f"{len(labels)} names are given for {length} rows or columns", "give each its name")
    array = matrix.array.reshape(-1)[order]
    return Matrix(array, where, row_labels=row_labels, column_labels=column_labels, texts=texts)


def _cells(values: str, where: str) -> list[str]:
    """Return the numbers in `c(1, 2, 5:8)` or `1:4`, each range written out."""
    cells: list[str] = []
    for word in values.strip().removeprefix("c").strip().strip("()").split(","):
        if (found := _RANGE.fullmatch(word.strip())) is None:
            cells.append(word.strip())
            continue
        first, last = int(found[1]), int(found[2])
        if abs(last - first) > _LONGEST_RANGE:
            raise InputError(where, f"the range {quote(word.strip())} is too long", "write its numbers to a file")
        cells += map(str, range(first, last + 1) if first <= last else range(first, last - 1, -1))
    return cells


def _labels(names: str) -> tuple[str, ...] | None:
    return None if names == "NULL" else tuple(found[1] or found[2] or "" for found in _NAME.finditer(names))


def _read_bound(text: str, where: str, reading: Reading) -> Matrix:
    """Read rbind(c(1, 2), c(3, 4)), rows, or cbind(…), columns; their names are labels."""
    call = _BOUND.fullmatch(text)
    if call is None:
        raise InputError(where, f"{quote(text.strip())} is not understood", "write rbind(c(1, 2), c(3, 4))")
    parts = _PART.findall(call[2])
    matrix = Lines(text, where).matrix([_cells(part, where) for _, part in parts], reading)
    names = tuple(name for name, _ in parts)
    labels = names if all(names) else None
    if call[1] == "r":
        return Matrix(matrix.array, where, row_labels=labels, texts=matrix.texts)
    order = np.arange(matrix.array.size).reshape(matrix.array.shape).T.reshape(-1)
    texts = None if matrix.texts is None else tuple(matrix.texts[index] for index in order.tolist())
    return Matrix(matrix.array.T.copy(), where, column_labels=labels, texts=texts)


def _shape(call: str, options: dict[str, str], count: int, where: str) -> tuple[tuple[int, ...], bool]:
    if call == "c":
        return (count,), True
    is_by_row = options.get("byrow", "F")[0] == "T"
    if call == "matrix":
        given = {name: options[name] for name in ("nrow", "ncol") if name in options}
        for name, length in given.items():
            if not _LENGTH.fullmatch(length):
                raise InputError(
                    where, f"{name} is {quote(length)}, not a whole number", "write matrix(c(…), nrow = 2)"
                )
        rows, columns = (int(given[name].rstrip("L")) if name in given else 0 for name in ("nrow", "ncol"))
        if not rows and not columns:
            rows, columns = count, 1
        return _fill_shape([rows or count // columns, columns or count // rows], count, where), is_by_row
    lengths = options.get("dim") or options.get("Dim", "")
    sizes = [word for word in _cells(lengths, where) if _LENGTH.fullmatch(word)]
    return _fill_shape([int(word.rstrip("L")) for word in sizes], count, where), False


def _fill_shape(shape: list[int], count: int, where: str) -> tuple[int, ...]:
    """Return the shape, with a missing length filled in.

    Raises InputError if `count` cells do not fill it.
    """
    if not shape or math.prod(shape) != count:
        raise InputError(
            where,
            f"{count} numbers do not fit {times(tuple(shape)) or 'an array without a size'}",
            "write the size that they have",
        )
    return tuple(shape)
