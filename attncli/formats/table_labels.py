"""Deciding which row and column of a table are labels, by their contents or by --header.

If a cell could be a number or a missing value, its row or column is not taken as labels: an error asks what is meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.errors import InputError, RowError
from attncli.formats.table_cells import DECIMAL_COMMA, NAMES
from attncli.numbers.blanks import is_blank
from attncli.numbers.foreign_numerals import HIDDEN, NUMBER, Doubt, doubt, invisible
from attncli.numbers.numerals import NumeralError, is_number, parse_number, quote
from attncli.patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attncli.formats.table_cells import Table
    from attncli.matrix import Reading


_NAME_AND_NUMBER = pattern(r".*[:=]\s+[-+]?\.?[0-9][\w.+-]*")
_OF_A_MATRIX = pattern(r"(?:[QKV]|quer(?:y|ies)|keys?|values?)[ _:]*[0-9]{0,3}:?", re.IGNORECASE)
_ENDS_WITH_FRACTION = pattern(r".*\s[-+]?[0-9]*\.[0-9]+(?:[eE][-+]?[0-9]+)?")


def take_header(table: Table, reading: Reading) -> tuple[int, list[str]] | None:
    """Remove the header from the table and return its line and cells.

    The first row is the header if --header or the rule says so.
    """
    first = table.rows[0]
    by_rule = reading.header is None and any(first) and not any(_is_cell(table, cell) for cell in first)
    if by_rule and reading.may_be_blank and _is_unanswered(first[1:] or first):
        return None
    if not by_rule and not reading.header:
        return None
    if by_rule:
        below = [row[0] for row in table.rows[1:]]
        start = 1 if len(first) > 1 and below and not any(_is_cell(table, cell) for cell in below) else 0
        if (found := first_doubt(first[start:])) is not None:
            column = found[0] + start
            raise _doubtful(table, 0, column, found[1], "use --header if the first row is a header")
    if len(table.rows) == 1:
        what = f"the only row is a header ({', '.join(map(quote, first[:3]))}{', …' if len(first) > 3 else ''})"
        raise InputError(
            table.place(0, 0), what, "leave out --header" if reading.header else "write rows of numbers under it"
        )
    return table.lines.pop(0), table.rows.pop(0)


def _is_unanswered(cells: list[str]) -> bool:
    """Return whether cells of an answer are all blank, and shown to be by a sign in one of them."""
    return any(cells) and all(map(is_blank, cells))


def take_row_labels(table: Table, reading: Reading) -> tuple[str, ...] | None:
    """Remove the first column from the table and return it as row labels, if none of its cells is a number."""
    first = [row[0] for row in table.rows]
    if reading.may_be_blank and _is_unanswered(first):
        return None
    if len(table.rows[0]) < 2 or not any(first) or any(_is_cell(table, cell) for cell in first):
        return None
    if (found := first_doubt(first)) is not None:
        row, about = found
        raise _doubtful(table, row, 0, about, f"add a word if it is a label, as in {quote('row ' + first[row])}")
    _refuse_numbers(table, first)
    if len(set(first)) < len(first) and all(label.endswith(":") for label in first):
        what = "its lines are keys and values, and some keys are repeated"
        raise InputError(table.where, what, "keep only the rows of the matrix, without their keys")
    if all(map(_OF_A_MATRIX.fullmatch, first)):
        _refuse_several(table, first)
    if "" in first:
        row = first.index("")
        what = "a row label is missing"
        if row:
            raise InputError(table.place(row, 0), what, "name every row, or none")
        raise RowError(table.place(0, 0), what, "use --header if the first row is a header, or else name it")
    table.rows = [row[1:] for row in table.rows]
    table.taken = 1
    return tuple(first)


def _refuse_several(table: Table, labels: list[str]) -> None:
    """Raise InputError for rows that are labelled Q, Q, K, or q1, q2, k1: they are those of several matrices."""
    names = [label.rstrip(" _:0123456789") for label in labels]
    if 1 < len(set(names)) < len(names):
        what = f"its rows are labelled as those of several matrices: {', '.join(dict.fromkeys(names))}"
        raise InputError(table.where, what, "put the rows of each after its name, Q = …, or into its own file")


def _refuse_numbers(table: Table, labels: list[str]) -> None:
    """Raise InputError for labels that end with a number of the row: `q1: 0.5` in each row, or `cat 0.5`."""
    for row, label in enumerate(labels):
        if _NAME_AND_NUMBER.fullmatch(label) or (row == 0 and all(map(_ENDS_WITH_FRACTION.fullmatch, labels))):
            sign = NAMES[table.delimiter]
            hint = f"leave the name out, or separate it from the number (here cells are separated by {sign})"
            raise InputError(table.place(row, 0), f"{quote(label)} holds a name and a number", hint)


def column_labels(
    line: int, header: list[str], where: str, has_row_labels: bool, *, may_be_name: bool
) -> tuple[str, ...]:
    """Return the header without its corner.

    Raises InputError if a label is missing. One that stands alone between spaces may be the name of the table.
    """
    labels = header[1:] if has_row_labels else header
    if "" in labels:
        column = labels.index("")
        place = f"{where}: line {line}, column {column + 1 + has_row_labels}"
        if column == 0 and not has_row_labels and len(labels) > 1:
            what = "the header begins with an empty cell, but the first column holds numbers, not labels"
            hint = "leave the index out (pandas: to_csv(FILE, index=False), R: row.names = FALSE)"
            if may_be_name and len(labels) == 2:
                what = f"{quote(labels[1])} is one label above 2 columns of numbers"
                hint = f"if it is the name of the table, put a colon after it: {labels[1]}:"
            raise InputError(place, what, hint)
        raise RowError(place, "a column label is missing", "name every column, or none")
    return tuple(labels)


def first_doubt(cells: Iterable[str]) -> tuple[int, Doubt] | None:
    """Return the index and the doubt of the first cell that cannot be a label, or None.

    A faint doubt (`.`, `?`, `nothing`) counts only if none of the cells is a word.
    """
    faint, has_word = None, False
    for index, cell in enumerate(cells):
        found = doubt(cell)
        if found is None:
            has_word = has_word or bool(cell)
        elif not found.is_faint:
            return index, found
        else:
            faint = faint or (index, found)
    return None if has_word else faint


def _is_cell(table: Table, cell: str) -> bool:
    """Return whether the cell is a number in this table, with a decimal comma if the delimiter allows one."""
    return is_number(cell) or (
        table.delimiter in ";\t" and bool(DECIMAL_COMMA.fullmatch(cell.replace("\N{MINUS SIGN}", "-")))
    )


def _doubtful(table: Table, row: int, column: int, about: Doubt, as_label: str) -> InputError:
    """Return the error for a doubtful cell, with the ways to resolve it: type the number plainly, or do `as_label`."""
    cell, cure = table.rows[row][column], about.hint
    if about.kind == HIDDEN:
        what = f"{quote(cell)} holds an invisible character, U+{ord(invisible(cell) or ' '):04X}"
        return InputError(table.place(row, column), what, cure)
    what = f"{quote(cell)} could be {about.kind} or a label"
    if about.kind == NUMBER and not about.cure:
        try:
            parse_number(cell)
        except NumeralError as error:
            cure = error.hint or cure
    if cell[-1] in ",;" and about.kind == NUMBER:
        cure = f"use one delimiter throughout (here cells are separated by {NAMES[table.delimiter]})"
    return InputError(table.place(row, column), what, f"{cure}, or {as_label}")
