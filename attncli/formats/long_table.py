"""Tables in long form, a line per cell, as `run -f long` writes them: query, key, weight."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats.table_notes import INDEX
from attncli.matrix import Matrix
from attncli.numbers import numerals
from attncli.numbers.numerals import NUMBER_HINT, NumeralError, quote

if TYPE_CHECKING:
    from attncli.formats.table_cells import Table
    from attncli.matrix import Reading


def read_long(table: Table, where: str, reading: Reading) -> Matrix:
    """Return the array of a table in long form, with a note. Its cells may come in any order.

    Raises InputError for a cell that is missing or given twice.
    """
    names, rows = table.rows[0], table.rows[1:]
    axes = [_axis([row[column] for row in rows]) for column in range(len(names) - 1)]
    shape = tuple(length for _, length, _ in axes)
    size = " × ".join(map(str, shape))
    places = []
    lines: dict[int, int] = {}
    for line, row in enumerate(rows, 1):
        if "" in row[:-1]:
            hint = "type the number or the label that belongs there"
            raise InputError(table.place(line, row.index("")), "the cell is empty", hint)
        place = 0
        for index, (axis, length, _) in zip(row, axes, strict=False):
            place = place * length + axis[index]
        if place in lines:
            what = f"the cell {', '.join(map(quote, row[:-1]))} is also in line {table.lines[lines[place]]}"
            raise InputError(table.place(line, 0), what, "keep one of the two")
        lines[place] = line
        places.append(place)
    if len(rows) != prod(shape):
        what = f"a table in long form ({', '.join(names)}) with {len(rows)} of its {size} cells"
        hint = "add the others; or give its columns other names, if they are those of a matrix"
        raise InputError(where, what, hint)
    try:
        cells = [row[-1] for row in rows]
        array = numerals.parse_cells(reading.fill_blanks(cells))
    except NumeralError as error:
        raise InputError(table.place(error.index + 1, len(names) - 1), error.what, error.hint or NUMBER_HINT) from None
    labels = [tuple(axis) if has_labels else None for axis, _, has_labels in axes]
    has_columns = len(labels) > 1 and names[-2].strip().casefold() not in ("query", "row")
    order = sorted(range(len(rows)), key=places.__getitem__)
    return Matrix(
        array[order].reshape(shape),
        where,
        row_labels=labels[-2] if has_columns else labels[-1],
        column_labels=labels[-1] if has_columns else None,
        texts=tuple(rows[index][-1] for index in order) if reading.keep_text else None,
        title=names[-1],
        notes=(f"{where}: in long form ({', '.join(names)}), read as {size}",),
    )


def _axis(cells: list[str]) -> tuple[dict[str, int], int, bool]:
    """Return the place of each index or label along an axis, the length of the axis, and whether it has labels.

    Indices begin with 0 or 1, labels stand in the order of their first lines.
    """
    found = list(dict.fromkeys(cells))
    if not all(map(INDEX.fullmatch, found)):
        return {label: place for place, label in enumerate(found)}, len(found), True
    first = min(1, *map(int, found), 1)
    return {index: int(index) - first for index in found}, max(map(int, found)) - first + 1, False
