"""Tables as R's tibbles and data.table print them: the types of the columns under their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats.prints.lines import COPY_ALL, Lines, split_words, times

if TYPE_CHECKING:
    from attncli.matrix import Matrix, Reading

_TYPES = r"[ \t]*(?:\*[ \t]+)?(?:<[a-z0-9]+>[ \t]*)+"
_SIZE = re.compile(r"# A tibble: ([0-9,]+) [×x] ([0-9,]+)")
BEGINNING = re.compile(rf"\s*(?:{_SIZE.pattern}[^\n]*\n(?:[ \t]*#[^\n]*\n)*)?[^\n<>]*\n{_TYPES}(?:\n|$)")
_LEFT_OUT = re.compile(r"# .*\bmore (?:row|variable)|[ \t]*---+[ \t]*")
_NUMBERED = re.compile(r"[0-9]+:?")


def read_tibble(text: str, where: str, reading: Reading) -> Matrix:
    """Read the columns of numbers. The numbers of the rows are left out, and a first column of words holds labels.

    Raises InputError if rows or columns were left out, or if there are not as many as the first line says.
    """
    source = Lines(text, where)
    size = _SIZE.match(source.lines[0][1].strip())
    if any(_LEFT_OUT.match(line.strip()) for _, line in source.lines):
        what, hint = "rows or columns of the table are left out", "print it in full: print(x, n = Inf, width = Inf)"
        raise InputError(where, what, hint)
    names, types, *rows = [split_words(line) for _, line in source.lines if not line.strip().startswith("#")]
    types = types[types[0] == "*" :]
    if rows and all(len(row) == len(types) + 1 and _NUMBERED.fullmatch(row[0]) for row in rows):
        rows = [row[1:] for row in rows]
    for index, row in enumerate(rows):
        if len(row) != len(types) or len(names) != len(types):
            what = f"it has {len(names)} names and {len(types)} types, but {len(row)} words in a row"
            source.fail(index, None, what, "write.csv(x, row.names = FALSE) prints what attncli reads")
    labels = None
    if types[0] in ("<chr>", "<fct>") and len(types) > 1:
        labels = tuple(row[0] for row in rows)
        names, rows = names[1:], [row[1:] for row in rows]
    matrix = source.matrix(rows, reading, labels, tuple(names))
    shape = matrix.array.shape
    if size and [size[1].replace(",", ""), size[2]] != [str(shape[0]), str(shape[1] + (labels is not None))]:
        raise InputError(
            where, f"its first line says {size[1]} × {size[2]}, but {times(shape)} numbers follow", COPY_ALL
        )
    return matrix
