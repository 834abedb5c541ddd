"""Rows of numbers that are separated by semicolons, as typed on the command line: `1 0; 0 1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attncli.errors import InputError, RowError
from attncli.formats.table_cells import split_number
from attncli.matrix import Matrix
from attncli.numbers import numerals
from attncli.numbers.decimal_commas import find_decimal_comma
from attncli.numbers.numerals import NUMBER_HINT, NumeralError, may_be_cell, quote
from attncli.patterns import pattern

if TYPE_CHECKING:
    from attncli.matrix import Reading

_ROW_ENDS = pattern(r";[ \t]*\n?")
_WORD = pattern(r"[^ \t\r]+")  # str.split also splits at the no-break spaces within a number
_GAP = pattern(r"^\t|\t *(?:\t|$)")
_OTHER_ROW_END = pattern(r"[|\\]")  # also \n as a backslash and a letter
_FILL = "type the number that belongs there, or nan"
_CELL = pattern(r"[^ \t\n\r\f\v,;]+")
_SPACES = " \t\n\r"
_SEVERAL = pattern(r"[^ \t,]+(?:,?[ \t]+[^ \t,]+)+")


def is_rows(text: str) -> bool:
    """Return whether the text is rows separated by semicolons: each piece is several numbers with spaces between
    them."""
    pieces = _pieces(text)
    return (
        ";" in text
        and all(_SEVERAL.fullmatch(piece.strip()) for piece in pieces)
        and may_be_cell(_WORD.findall(text)[0].rstrip(",;"))
    )


def ends_rows(text: str) -> bool:
    """Return whether the text has semicolons, and each of its lines but the last ends with one, as typed rows do."""
    *lines, _ = text.strip(_SPACES).split("\n")
    return ";" in text and all(line.rstrip().endswith(";") for line in lines)


def may_end_cells(text: str) -> bool:
    """Return whether semicolons separate the cells of several lines and stand at the ends of them too, `1;2;`."""
    lines = text.strip(_SPACES).split("\n")
    inner = [line.strip().removesuffix(";") for line in lines]
    return (
        len(lines) > 1 and any(";" in line for line in inner) and not any(" " in line.strip() for line in _pieces(text))
    )


def is_typed(text: str) -> bool:
    """Return whether the text has nothing but cells, and none is missing between two semicolons."""
    return all(piece.strip(_SPACES) for piece in _pieces(text)) and all(map(may_be_cell, _CELL.findall(text)))


def may_be_table(text: str) -> bool:
    """Return whether semicolons could separate the cells of one row, `1;2;3`, or decimal commas."""
    plain = text.strip(_SPACES)
    return ("\n" not in plain or "," in plain) and not any(" " in piece.strip() for piece in _pieces(text))


def _pieces(text: str) -> list[str]:
    return _ROW_ENDS.sub("\n", text.strip(_SPACES).removesuffix(";")).split("\n")


def read_rows(plain: str, where: str, reading: Reading) -> Matrix:
    """Return the matrix.

    Raises InputError with the row and the column.
    """
    spaces = " \t\r" if ";" in plain else " \r"  # a tab at either end of a pasted line is an empty cell
    lines = [line.strip(spaces) for line in _ROW_ENDS.sub("\n", plain.removesuffix(";")).split("\n")]
    if lines == [""]:
        raise InputError(where, "the literal is empty", "type numbers, rows separated by ';': '1 0; 0 1'")
    for number, line in enumerate(lines, 1):
        if (split := split_number(line)) is not None:
            raise InputError(f"{where}: row {number}, column {split[0]}", split[1], split[2])
        if "," in line and "\t" in line:  # decimal commas between tabs, as spreadsheets copy them
            what = f"{quote(line)} has commas and tabs"
            raise InputError(
                f"{where}: row {number}", what, "put commas or spaces between its cells, and a point in decimals"
            )
        if "," not in line and (gap := _GAP.search(line)):
            column = len(_WORD.findall(line[: gap.start()])) + 1
            raise RowError(f"{where}: row {number}, column {column}", "a cell next to a tab is empty", _FILL)
    if doubt := find_decimal_comma(line.split(",") for line in lines):
        raise InputError(f"{where}: row {doubt.row + 1}, column {doubt.column + 1}", doubt.what, doubt.hint)
    rows = [[cell.strip() for cell in line.split(",")] if "," in line else _WORD.findall(line) for line in lines]
    _refuse_mixed_separators(rows, where)
    columns = len(rows[0])
    for number, row in enumerate(rows, 1):
        if not row:
            raise InputError(f"{where}: row {number}", "the row is empty", "separate rows by one ';'")
        if len(row) != columns:
            raise RowError(
                f"{where}: row {number}, column {min(len(row), columns) + 1}",
                f"this row has {count_numbers(len(row))}, row 1 has {columns}",
                "all rows need the same number of cells",
            )
    cells = [cell for row in rows for cell in row]
    try:
        array = numerals.parse_cells(cells).reshape(len(rows), columns)
    except NumeralError as error:
        row_index, column_index = divmod(error.index, columns)
        place = f"{where}: row {row_index + 1}, column {column_index + 1}"
        raise InputError(place, error.what, _hint(cells[error.index]) or error.hint or NUMBER_HINT) from None
    return Matrix(array, where, texts=tuple(cells) if reading.keep_text else None)


def _refuse_mixed_separators(rows: list[list[str]], where: str) -> None:
    """Raise InputError for several numbers with spaces between them in a row that has commas, `1,5 2`."""
    for number, row in enumerate(rows, 1):
        for column, cell in enumerate(row, 1):
            words = _WORD.findall(cell) if " " in cell else []
            if len(words) > 1 and all(map(may_be_cell, words)):
                what = f"{quote(cell)} is not a number"
                hint = "separate cells by commas or by spaces, not both, and write decimals with a point: '1.5 2; 3 4'"
                raise InputError(f"{where}: row {number}, column {column}", what, hint)


def _hint(cell: str) -> str | None:
    """Return a hint if the cell is a sign that separates rows elsewhere, or begins a tuple, or None."""
    if _OTHER_ROW_END.search(cell):
        return "rows are separated by ';': '1 0; 0 1'"
    return "write a list: [[1, 0], [0, 1]]" if cell.startswith("(") else None


def count_numbers(count: int) -> str:
    """Return "1 number", "2 numbers", …"""
    return "1 number" if count == 1 else f"{count} numbers"
