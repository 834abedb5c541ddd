"""Text tables, whatever their suffix: rows of numbers, with a header and row labels or without.

Nothing is guessed into a number. What has to be chosen (the delimiter, the header, the labels, the
decimal comma) follows rules that look at the whole table.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from attncli import numerals
from attncli.errors import InputError
from attncli.formats.contents import Contents
from attncli.formats.encoding import decode
from attncli.matrices import Matrix, Reading
from attncli.numerals import NumeralError, quoted, reads_as_cell

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

NO_HEADER = Reading(header=False)
BLANKS = " "
DELIMITERS = (";", "\t", ",", BLANKS)  # in this order: a semicolon parts decimal commas, a comma is followed by blanks
NAMES = {";": "semicolons", "\t": "tabs", ",": "commas", BLANKS: "blanks"}
_CELLS = {
    delimiter: re.compile(rf' *(?:"((?:[^"]|"")*)" *|([^{delimiter}]*))(?:{delimiter}|\Z)') for delimiter in ";\t,"
}
_CELLS[BLANKS] = re.compile(r'\s*(?:"((?:[^"]|"")*)"|(\S+))(?:\s+|\Z)')
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?|[+-]?[0-9]+,(?:[eE][+-]?[0-9]+)?")
_DECIMAL_POINT = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPLIT_THOUSANDS = re.compile(r"(?:^|(?<=,))[+-]?[1-9][0-9]{0,2},0[0-9]{2}(?=,|$)", re.MULTILINE)
_LEADING_ZEROS = re.compile(rb",0[0-9][0-9](?![0-9.eE])")


@dataclass(slots=True, eq=False, repr=False)
class _Table:
    """Stripped cells, `lines` the number of the line each row began in, `taken` the columns of labels taken out."""

    where: str
    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    taken: int = 0

    def place(self, row: int, column: int) -> str:
        return f"{self.where}: line {self.lines[row]}, column {column + 1 + self.taken}"


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """The one table of a file, under the name ""; any fault is an InputError with line and column."""
    matrix = _read_plain(data, where, reading) or _read_headed(data, where, reading)
    if matrix is None:
        matrix = _read_table(decode(data, where), where, reading)
    return Contents(where, {"": lambda: matrix})


def _read_plain(data: bytes, where: str, reading: Reading) -> Matrix | None:
    """The fast way for a table of decimals alone, its lines alike; None where it does not apply or anything is amiss.

    What is left of such a file without its decimals are delimiters in a pattern that repeats.
    """
    if reading.keep_text or reading.header:
        return None
    data = data.replace(b"\r\n", b"\n") if b"\r" in data else data
    if not data.endswith(b"\n"):
        data += b"\n"
    present = [delimiter for delimiter in (b",", b"\t", b";") if delimiter in data]
    if not present:
        return _read_blanks(data, where, reading)
    if len(present) > 1:
        return None
    delimiter = present[0]
    between = data.translate(None, numerals.FLOAT_ALONE.replace(delimiter, b"").replace(b".", b""))
    points = between.count(b".")
    between = between.translate(None, b".")
    columns, rows = between.index(b"\n") + 1, between.count(b"\n")
    if between != (delimiter * (columns - 1) + b"\n") * rows:
        return None
    if delimiter == b"," and points < rows * columns and _LEADING_ZEROS.search(data):
        return None  # there may be a 1,000; not where every cell has a point
    flat = data.replace(b"\n", b",").replace(delimiter, b",")  # a C reader would skip a run of tabs
    numbers = numerals.numbers_between(flat, rows * columns)
    return None if numbers is None else _plain_matrix(numbers.reshape(rows, columns), where, reading)


def _read_headed(data: bytes, where: str, reading: Reading) -> Matrix | None:
    """The same under a header; the first two lines alone are read with care."""
    header, _, body = data.partition(b"\n")
    if b"\r" in header.removesuffix(b"\r"):
        return None  # several lines of a file whose line ends differ
    if reading.keep_text or (plain := _read_plain(body, where, NO_HEADER)) is None:
        return None
    try:
        head = _read_table(decode(header + b"\n" + body.partition(b"\n")[0], where), where, reading)
    except InputError:
        return None  # to be told with the whole table in view
    if head.column_labels is None:
        return None
    return Matrix(plain.array, where, column_labels=head.column_labels)


def _read_blanks(data: bytes, where: str, reading: Reading) -> Matrix | None:
    """The same where runs of blanks part the cells, or nothing does."""
    if data.translate(None, numerals.FLOAT_ALONE + b"\n"):
        return None
    lines = [line for line in data.split(b"\n") if line.strip(b" ")]
    counts = {len(line.split()) for line in lines}
    if len(counts) != 1:
        return None
    columns = counts.pop()
    numbers = numerals.numbers_between(b" ".join(lines), len(lines) * columns, " ")
    return None if numbers is None else _plain_matrix(numbers.reshape(len(lines), columns), where, reading)


def _plain_matrix(array: Array, where: str, reading: Reading) -> Matrix:
    return Matrix(array, where, notes=_header_note(array, where, reading))


def _header_note(array: Array, where: str, reading: Reading) -> tuple[str, ...]:
    columns = array.shape[1]
    if reading.header is None and columns > 2 and array.shape[0] > 1 and array[0].tolist() == list(range(columns)):
        return (f"{where}: the first row is 0, 1, 2, …: if it is a header, say --header, otherwise --no-header",)
    return ()


def _read_table(text: str, where: str, reading: Reading) -> Matrix:
    table = _split(text, where)
    header = _take_header(table, reading)
    row_labels = _take_row_labels(table)
    column_labels = None if header is None else _column_labels(*header, where, row_labels is not None)
    if table.delimiter in ";\t":
        _read_decimal_commas(table)
    cells = list(chain.from_iterable(table.rows))
    columns = len(table.rows[0])
    try:
        array = numerals.parse_cells(cells).reshape(len(table.rows), columns)
    except NumeralError as error:
        row, column = divmod(error.index, columns)
        raise _bad_cell(table, row, column, error, reading) from None
    return Matrix(
        array,
        where,
        row_labels=row_labels,
        column_labels=column_labels,
        texts=tuple(cells) if reading.keep_text else None,
        notes=_header_note(array, where, reading) if header is None else (),
    )


def _bad_cell(table: _Table, row: int, column: int, error: NumeralError, reading: Reading) -> InputError:
    what, hint = error.what, error.hint
    if not table.rows[row][column]:
        what, hint = "the cell is empty", "type the number that belongs there, or nan"
    elif hint is None and row == 0 and reading.header is False:
        hint = "leave out --no-header if the first row is a header"
    elif hint is None and column + table.taken == 0 and len(table.rows[0]) > 1:
        hint = "a first column holds labels only where no cell of it is a number"
    elif hint is None and row == 0 and len(table.rows) > 1 and reading.header is None:
        hint = "say --header if the first row is a header"
    return InputError(table.place(row, column), what, hint)


def _split(text: str, where: str) -> _Table:
    """Rows of cells by the delimiter that fits every line, blank lines and comments left out."""
    numbered = _logical_lines(text, where)
    if not any(line.strip() for _, line in numbered):
        raise InputError(where, "the file holds no numbers")
    delimiter = _delimiter([line for _, line in numbered])
    if delimiter != "\t":
        numbered = [(number, line) for number, line in numbered if line.strip()]
    rows = [_cells(line, delimiter, f"{where}: line {number}") for number, line in numbered]
    lines = [number for number, _ in numbered]
    table = _Table(where, rows, lines, delimiter)
    for number, line in numbered if delimiter == "," else ():
        if (doubt := split_thousands(line)) is not None:
            raise InputError(f"{where}: line {number}, column {doubt[0]}", doubt[1], doubt[2])
    if delimiter == BLANKS and {len(row) for row in rows[1:]} == {len(rows[0]) + 1}:
        rows[0].insert(0, "")  # blanks cannot show an empty corner
    expected = len(rows[0])
    for index, row in enumerate(rows):
        if len(row) != expected:
            raise InputError(
                table.place(index, min(len(row), expected)),
                f"this row has {_cells_of(len(row))}, line {lines[0]} has {expected}",
                f"the cells are parted by {NAMES[delimiter]}: give every row as many",
            )
    return table


def _cells_of(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _logical_lines(text: str, where: str) -> list[tuple[int, str]]:
    """Numbered lines that are no comments and not blank; a quoted cell may run over several."""
    physical = text.split("\n")
    if '"' not in text:
        pairs = enumerate(physical, 1)
        return [(n, line) for n, line in pairs if line.strip(" ") and line != "#" and not line.startswith("# ")]
    found = []
    number = 0
    while number < len(physical):
        line, first = physical[number], number + 1
        number += 1
        if not line.strip(" ") or line == "#" or line.startswith("# "):
            continue
        if line.count('"') % 2:
            parts = [line]
            while number < len(physical):
                parts.append(physical[number])
                number += 1
                if parts[-1].count('"') % 2:
                    break
            else:
                raise InputError(f"{where}: line {first}", "a quotation mark is never closed", 'write it twice: ""')
            line = "\n".join(parts)
        found.append((first, line))
    return found


def _delimiter(lines: list[str]) -> str:
    """The one that gives every line as many cells, two or more, and numbers; else the one that almost does."""
    solid = [line for line in lines if line.strip()]
    fitting = []
    likely: tuple[int, str] = (0, BLANKS)
    for delimiter in DELIMITERS:
        counts = Counter(_count(line, delimiter) for line in solid)
        header = _count(solid[0], delimiter)
        if delimiter == BLANKS and counts[header] == 1 and counts[header + 1] == len(solid) - 1 > 0:
            counts = Counter({header + 1: len(solid)})
        if len(counts) == 1 and min(counts) > 1:
            fitting.append(delimiter)
        several = sum(times for cells, times in counts.items() if cells > 1)
        likely = max(likely, (several, delimiter), key=lambda pair: pair[0])
    for delimiter in fitting:
        last = _cells(solid[-1], delimiter)
        if delimiter == fitting[0]:
            del last[0]  # it may be a label; elsewhere that would be the label `1,x,` in `1,x, 3`
        if all(not cell or _could_be_number(cell) for cell in last):
            return delimiter
    return fitting[0] if fitting else likely[1]


def _could_be_number(cell: str) -> bool:
    return reads_as_cell(cell) or bool(_DECIMAL_COMMA.fullmatch(cell))


def _count(line: str, delimiter: str) -> int:
    if '"' in line:
        return len(_cells(line, delimiter))
    return len(line.split()) if delimiter == BLANKS else line.count(delimiter) + 1


def _cells(line: str, delimiter: str, place: str | None = None) -> list[str]:
    """The stripped cells of a line; without a place for the error, a misplaced quotation mark is let pass."""
    if '"' not in line:
        return line.split() if delimiter == BLANKS else [cell.strip() for cell in line.split(delimiter)]
    cells: list[str] = []
    start, pattern = 0, _CELLS[delimiter]
    while True:
        found = pattern.match(line, start)
        if found is None or (found[2] is not None and '"' in found[2]):
            if place is not None:
                raise InputError(
                    f"{place}, column {len(cells) + 1}",
                    "a quotation mark stands inside a cell",
                    'put the whole cell in quotes and write the mark twice: ""',
                )
            return [*cells, ""]
        cells.append((found[2] or "" if found[1] is None else found[1].replace('""', '"')).strip())
        start = found.end()
        if start == len(line) and (delimiter == BLANKS or not found[0].endswith(delimiter)):
            return cells


def _take_header(table: _Table, reading: Reading) -> tuple[int, list[str]] | None:
    """The first row's line and cells, taken out of the table, where the reading or the rule makes it the header."""
    first = table.rows[0]
    by_rule = any(first) and not any(map(reads_as_cell, first))
    if not (by_rule if reading.header is None else reading.header):
        return None
    if len(table.rows) == 1:
        what = f"the only row is a header ({', '.join(map(quoted, first[:3]))}{', …' if len(first) > 3 else ''})"
        raise InputError(table.place(0, 0), what, "leave out --header" if reading.header else None)
    return table.lines.pop(0), table.rows.pop(0)


def _take_row_labels(table: _Table) -> tuple[str, ...] | None:
    """The first column, taken out of the table, where no cell of it is a number."""
    first = [row[0] for row in table.rows]
    if len(table.rows[0]) < 2 or not any(first) or any(map(reads_as_cell, first)):
        return None
    if "" in first:
        raise InputError(table.place(first.index(""), 0), "a row label is missing", "name every row, or none")
    table.rows = [row[1:] for row in table.rows]
    table.taken = 1
    return tuple(first)


def _column_labels(line: int, header: list[str], where: str, has_row_labels: bool) -> tuple[str, ...]:
    """The header without its corner; a label that is missing is an error."""
    labels = header[1:] if has_row_labels else header
    if "" in labels:
        column = labels.index("")
        what, hint = "a column label is missing", "name every column, or none"
        if column == 0 and not has_row_labels and len(labels) > 1:
            what = "the header begins with an empty cell, but the first column holds numbers, not labels"
            hint = "leave the index out (pandas: to_csv(FILE, index=False)), or name the column"
        raise InputError(f"{where}: line {line}, column {column + 1 + has_row_labels}", what, hint)
    return tuple(labels)


def split_thousands(line: str) -> tuple[int, str, str] | None:
    """Column, fault and hint of `1,000` where commas part the cells: one number or two? A blank after it would say."""
    if (
        '"' in line
        or not _LEADING_ZEROS.search(line.encode("utf-8", "replace"))
        or not (found := _SPLIT_THOUSANDS.search(line))
    ):
        return None
    whole, part = found[0].split(",")
    column = line.count(",", 0, found.start()) + 1
    what = f"'{found[0]}' could be {whole}{part}, {whole}.{part} or two cells"
    return column, what, f"type {whole}{part}, {whole}.{part} or {whole},{int(part)}"


def _read_decimal_commas(table: _Table) -> None:
    """Put points for commas where some cell shows that they are decimal ones."""
    if not any("," in cell for row in table.rows for cell in row):
        return
    settled: tuple[int, int] | None = None
    point: tuple[int, int] | None = None
    for index, row in enumerate(table.rows):
        for column, cell in enumerate(row):
            plain = cell.replace("\N{MINUS SIGN}", "-")
            if "," not in cell:
                if point is None and _DECIMAL_POINT.fullmatch(plain):
                    point = (index, column)
            elif _DECIMAL_COMMA.fullmatch(plain) and not _THOUSANDS.fullmatch(plain):
                settled = settled or (index, column)
    if settled is None:
        return  # a doubtful one is refused as a number
    if point:
        comma = table.rows[settled[0]][settled[1]]
        what = f"'{table.rows[point[0]][point[1]]}' has a decimal point"
        what = f"{what}, but '{comma}' in line {table.lines[settled[0]]} has a decimal comma"
        raise InputError(table.place(*point), what, "use one of them throughout")
    table.rows = [[_with_point(cell) for cell in row] for row in table.rows]


def _with_point(cell: str) -> str:
    is_decimal = "," in cell and _DECIMAL_COMMA.fullmatch(cell.replace("\N{MINUS SIGN}", "-"))
    return cell.replace(",", ".") if is_decimal else cell
