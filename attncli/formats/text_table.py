"""Text tables with any suffix: rows of numbers, with or without a header and row labels.

Nothing is guessed to be a number. The delimiter, the header, the labels and the decimal comma are chosen by rules that
look at the whole table.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from attncli.errors import InputError, RowError
from attncli.formats.contents import Contents
from attncli.formats.encoding import decode
from attncli.formats.plain_texts import PlainTexts
from attncli.formats.table_cells import DECIMAL_COMMA, LEADING_ZERO, NAMES, SPACES, Table, split, split_line
from attncli.formats.table_notes import (
    eaten_row_note,
    first_row_note,
    index_note,
    is_long,
    is_shape,
    is_zero_one,
    list_note,
    looks_like_header,
    named_index_note,
    refuse_shape,
)
from attncli.matrix import Matrix, Reading
from attncli.numbers import numerals
from attncli.numbers.decimal_commas import find_decimal_comma, may_hold_decimal_commas
from attncli.numbers.json_rows import LARGE, PIECE, parse_json_rows
from attncli.numbers.numerals import NumeralError, is_number
from attncli.patterns import pattern
from attncli.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attncli.matrix import Array

_DELIMITERS = (b",", b"\t", b";")
_EMPTY = "the cell is empty"
_THOUSANDS = pattern(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_DECIMAL_POINT = pattern(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read the one table of a file, under the name "".

    Raises InputError with line and column for any error.
    """
    quick = (read(data, where, reading) for read in (_read_plain, _read_headed, _read_labelled))
    matrix = next((found for found in quick if found is not None), None)
    if matrix is None:
        matrix = _read_table(decode(data, where), where, reading)
    return Contents(where, {"": lambda: matrix})


def _read_plain(data: bytes, where: str, reading: Reading) -> Matrix | None:
    """Read a table of only decimals whose lines are alike, the fast way. Return None if that does not apply or anything
    is wrong.

    Without its decimals, such a file is a repeating pattern of delimiters.
    """
    if reading.header:
        return None
    data = data.replace(b"\r\n", b"\n") if b"\r" in data else data
    if not data.endswith(b"\n"):
        data += b"\n"
    present = [delimiter for delimiter in _DELIMITERS if delimiter in data]
    if len(present) > 1:
        return None
    delimiter = present[0] if present else b""
    if delimiter == b"," and may_hold_decimal_commas(data):
        lines = data.decode("latin-1").split("\n")
        if find_decimal_comma(line.split(",") for line in lines if line.strip()):
            return None
    array = _parse_pieces(data, delimiter)
    if array is None or (found := _plain_matrix(array, where, reading, data)) is None:
        return None
    return replace(found, texts=PlainTexts(data, delimiter, array.size)) if reading.keep_text else found


def _parse_pieces(data: bytes, delimiter: bytes) -> Array | None:
    """Return the (rows, columns) numbers between delimiters or, if it is empty, spaces, or None if the lines are not
    alike."""
    import numpy as np

    array: Array | None = None
    filled = 0
    for piece in _pieces(data):
        if not delimiter and not piece.strip():
            continue
        if not delimiter:
            numbers = _parse_blanks(piece)
        else:
            numbers = _parse_as_json(piece, delimiter) if len(data) >= LARGE else _parse_piece(piece, delimiter)
        if numbers is None:
            return None
        if array is None:
            array = np.empty((data.count(b"\n"), numbers.shape[1]))
        if numbers.shape[1] != array.shape[1]:
            return None
        array[filled : filled + len(numbers)] = numbers
        filled += len(numbers)
    return array if array is None else array[:filled]


def _pieces(data: bytes) -> Iterator[bytes]:
    """Yield some lines at a time, so that what is made of them fits into the cache."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + PIECE) + 1
        yield data[start : end or len(data)]
        start = end or len(data)


def _parse_as_json(data: bytes, delimiter: bytes) -> Array | None:
    """Return the numbers of some lines that are JSON's, as those of most tables, or else of any other decimals."""
    if b"[" in data:
        return None
    lines = data[:-1] if delimiter == b"," else data[:-1].replace(delimiter, b",")
    rows = parse_json_rows(b"[%b]" % lines.replace(b"\n", b"],["))
    return _parse_piece(data, delimiter) if rows is None else rows


def _parse_piece(data: bytes, delimiter: bytes) -> Array | None:
    between = data.translate(None, numerals.FLOAT_CHARACTERS.replace(delimiter, b"").replace(b".", b""))
    points = between.count(b".")
    between = between.translate(None, b".")
    columns, rows = between.index(b"\n") + 1, between.count(b"\n")
    if between != (delimiter * (columns - 1) + b"\n") * rows:
        return None
    if delimiter == b"," and points < rows * columns and LEADING_ZERO.search(data):
        return None  # it may contain 1,000, which is not possible if every cell has a point
    flat = data.replace(b"\n", b",")
    flat = flat if delimiter == b"," else flat.replace(delimiter, b",")
    numbers = numerals.parse_plain_numbers(flat, rows * columns)
    return None if numbers is None else numbers.reshape(rows, columns)


def _read_headed(data: bytes, where: str, reading: Reading) -> Matrix | None:
    """Read the same kind of table with a header. The first two lines are read the slow way."""
    header, _, body = data.partition(b"\n")
    if b"\r" in header.removesuffix(b"\r"):
        return None  # several lines, because the line ends of the file differ
    plain = _read_plain(body, where, Reading(header=False, keep_text=reading.keep_text))
    if plain is None:
        return None
    try:
        head = _read_table(decode(header + b"\n" + body.partition(b"\n")[0], where), where, reading)
    except InputError:
        return None  # the slow way reports it, with the whole table in view
    if head.column_labels is None:
        return None
    notes = _notes_under_header(list(head.column_labels), plain.array, where, reading)
    return Matrix(plain.array, where, column_labels=head.column_labels, texts=plain.texts, notes=notes)


def _read_labelled(data: bytes, where: str, reading: Reading) -> Matrix | None:
    """Read the same kind of table with row labels if it is large. Its first line and its labels are read the slow
    way."""
    if len(data) < LARGE:
        return None
    lines = data.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    delimiter = next((sign for sign in _DELIMITERS if sign in lines[-1]), None)
    if delimiter is None or any(line.startswith(b"#") for line in lines):
        return None
    parts = [line.partition(delimiter) for line in lines]
    try:
        table = _head_of(lines[0], [label for label, _, _ in parts], delimiter.decode(), where)
        if table is None or is_long(table.rows):
            return None
        header, row_labels, labels = _take_labels(table, where, reading)
    except InputError:
        return None  # the slow way reports it, with the whole table in view
    body = b"\n".join(numbers for _, _, numbers in parts[header is not None :])
    plain = None if row_labels is None else _read_plain(body, where, replace(reading, header=False))
    shape = len(row_labels or ()), lines[-1].count(delimiter)
    if plain is None or plain.array.shape != shape or (labels is not None and len(labels) != shape[1]):
        return None
    notes = () if labels is None else _note_eaten_row(list(labels), plain.array, where, reading)
    return Matrix(plain.array, where, row_labels, labels, plain.texts, notes)


def _head_of(first: bytes, column: list[bytes], delimiter: str, where: str) -> Table | None:
    """Return the cells of the first line and of the first column, with a number beside each label, or None if the table
    might have another delimiter."""
    line, names = decode(first, where), decode(b"\n".join(column), where).split("\n")
    if any(sign in text for sign in ";\t,".replace(delimiter, "") for text in (line, *names)):
        return None
    labels = [split_line(name, delimiter, where) for name in names]
    if len(labels) != len(column) or any(len(cells) != 1 for cells in labels):
        return None
    rows = [split_line(line, delimiter, where), *([*cells, "0"] for cells in labels[1:])]
    return Table(where, rows, list(range(1, len(rows) + 1)), delimiter)


def _parse_blanks(data: bytes) -> Array | None:
    """Return the numbers of some lines with spaces between the cells, or with one cell per line."""
    if data.translate(None, numerals.FLOAT_CHARACTERS + b"\n"):
        return None
    rows = [cells for line in data.split(b"\n") if (cells := line.split())]
    columns = len(rows[0])
    if any(len(cells) != columns for cells in rows):
        return None
    numbers = numerals.parse_plain_numbers(b",".join(chain.from_iterable(rows)), len(rows) * columns)
    return None if numbers is None else numbers.reshape(len(rows), columns)


def _plain_matrix(array: Array, where: str, reading: Reading, data: bytes) -> Matrix | None:
    """Return the matrix with its notes, or None if only the texts of the cells show whether the first row is the shape
    of the others, or a header."""
    is_like_shape = is_shape(array[0].tolist(), array.shape[0] - 1, array.shape[1])
    if reading.header is None and (is_like_shape or is_zero_one(array)):
        return None
    notes = _notes(array, where, reading) or list_note(array, where, data)
    return Matrix(array, where, notes=notes)


def _notes(array: Array, where: str, reading: Reading, texts: list[list[str]] | None = None) -> tuple[str, ...]:
    """Return the notes on a table without labels."""
    first_row = first_row_note(array, where, texts) if reading.header is None else None
    return tuple(note for note in (first_row, index_note(array, where)) if note is not None)


def _notes_under_header(header: list[str], array: Array, where: str, reading: Reading) -> tuple[str, ...]:
    """Return the notes on a table with a header and without row labels."""
    index = named_index_note(header[0], array, where)
    return (*_note_eaten_row(header, array, where, reading), *(() if index is None else (index,)))


def _note_eaten_row(header: list[str], array: Array, where: str, reading: Reading) -> tuple[str, ...]:
    """Return a note if --header makes a header of a row that looks like the other rows of numbers."""
    import numpy as np

    if not reading.header or not all(map(is_number, header)):
        return ()
    row = np.array([numerals.parse_cells(header)], np.float64)
    if header == [str(column) for column in range(len(header))]:
        return ()
    return () if looks_like_header(np.concatenate([row, array])) else (eaten_row_note(header, where),)


def _read_table(text: str, where: str, reading: Reading) -> Matrix:
    return matrix_of(split(text, where), where, reading)


def matrix_of(table: Table, where: str, reading: Reading) -> Matrix:
    """Return the matrix and the labels of a table. Errors name a cell by its place in the table."""
    if reading.header is not False and is_long(table.rows):
        from attncli.formats.long_table import read_long

        if table.delimiter in ";\t":
            _read_decimal_commas(table)
        return read_long(table, where, reading)
    header, row_labels, labels = _take_labels(table, where, reading)
    title = header[1][0] if header is not None and row_labels is not None else None
    if header is None and row_labels is None and reading.header is None:
        refuse_shape(table.rows, table.place(0, 0))
    if table.delimiter in ";\t":
        _read_decimal_commas(table)
    if reading.may_be_blank and _is_counted(table.rows):
        raise _empty_cell(table, 0, 0)
    cells = list(chain.from_iterable(table.rows))
    columns = len(table.rows[0])
    try:
        array = numerals.parse_cells(reading.fill_blanks(cells)).reshape(len(table.rows), columns)
    except NumeralError as error:
        row, column = divmod(error.index, columns)
        raise _bad_cell(table, row, column, error, reading, header is not None) from None
    if labels is not None:
        note = _notes_under_header if row_labels is None else _note_eaten_row
        notes = note(list(labels), array, where, reading)
    else:
        notes = _notes(array, where, reading, table.rows) if row_labels is None else ()
    return Matrix(
        array,
        where,
        row_labels=row_labels,
        column_labels=labels,
        texts=tuple(cells) if reading.keep_text else None,
        notes=notes,
        title=title,
    )


def _is_counted(rows: list[list[str]]) -> bool:
    """Return whether the first row and the first column count what is between them, with nothing in the corner: an
    index and a header, as pandas prints them."""
    (corner, *header), index = rows[0], [row[0] for row in rows[1:]]
    counts = (list(map(str, range(len(each)))) for each in (header, index))
    return corner == "" and len(rows) > 1 and [header, index] == list(counts)


def _take_labels(
    table: Table, where: str, reading: Reading
) -> tuple[tuple[int, list[str]] | None, tuple[str, ...] | None, tuple[str, ...] | None]:
    """Remove header and row labels from a table and return the header's line and cells, the row labels and those of
    the columns."""
    from attncli.formats.table_labels import column_labels, take_header, take_row_labels  # slow to import

    header = take_header(table, reading)
    row_labels = take_row_labels(table, reading)
    if header is None:
        return None, row_labels, None
    is_counted = [row[0] for row in table.rows] == [str(index) for index in range(len(table.rows))]
    may_be_name = table.delimiter == SPACES and not is_counted
    labels = column_labels(*header, where, row_labels is not None, may_be_name=may_be_name)
    return header, row_labels, labels


def _bad_cell(
    table: Table, row: int, column: int, error: NumeralError, reading: Reading, has_header: bool
) -> InputError:
    hint = error.hint
    if not table.rows[row][column]:
        return _empty_cell(table, row, column)
    if hint is None and row == 0 and reading.header is False:
        hint = "leave out --no-header if the first row is a header"
    elif hint is None and column + table.taken == 0 and len(table.rows[0]) > 1:
        return RowError(table.place(row, column), error.what, _hint_for_labels(table))
    elif hint is None and row == 0 and len(table.rows) > 1 and reading.header is None and not has_header:
        hint = "a first row is a header only if no cell of it is a number"
    return InputError(table.place(row, column), error.what, hint or numerals.NUMBER_HINT)


def _hint_for_labels(table: Table) -> str:
    """Return the rule of row labels, with the number among the words of the first column, if most are words."""
    rule = "a first column holds labels only if no cell of it is a number"
    numbers = [index for index, row in enumerate(table.rows) if is_number(row[0])]
    if not numbers or 2 * len(numbers) > len(table.rows) or (numbers[0] == 0 and 2 * len(numbers) == len(table.rows)):
        return rule
    cell = numerals.quote(table.rows[numbers[0]][0])
    return f"add a word to {cell} in line {table.lines[numbers[0]]} if it is a label: {rule}"


def _empty_cell(table: Table, row: int, column: int) -> InputError:
    place, first = table.place(row, column), table.rows[row]
    if not any(cells[-1] for cells in table.rows) and len(table.rows[0]) > 1 and table.delimiter in NAMES:
        hint = f"every line ends with a delimiter ({NAMES[table.delimiter]}): delete the last one of each line"
        return InputError(place, _EMPTY, hint)
    if (row, column, table.taken) == (0, 0, 0) and len(first) > 1 and len(table.rows) > 1 and all(first[1:]):
        pandas = "pandas: to_csv(FILE, index=False, header=False)"
        hint = f"leave index and header out ({pandas}), or type the number that belongs there"
        return InputError(place, _EMPTY, hint)
    return RowError(place, _EMPTY, "type the number that belongs there, or nan")


def _read_decimal_commas(table: Table) -> None:
    """Replace commas by points if some cell shows that they are decimal commas."""
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
            elif DECIMAL_COMMA.fullmatch(plain) and not _THOUSANDS.fullmatch(plain):
                settled = settled or (index, column)
    if settled is None:
        return  # a doubtful one is refused as a number later
    if point:
        comma = table.rows[settled[0]][settled[1]]
        what = f"'{table.rows[point[0]][point[1]]}' has a decimal point"
        what = f"{what}, but '{comma}' in line {table.lines[settled[0]]} has a decimal comma"
        raise InputError(table.place(*point), what, "use one of them throughout")
    table.rows = [[_with_point(cell) for cell in row] for row in table.rows]


def _with_point(cell: str) -> str:
    is_decimal = "," in cell and DECIMAL_COMMA.fullmatch(cell.replace("\N{MINUS SIGN}", "-"))
    return cell.replace(",", ".") if is_decimal else cell
