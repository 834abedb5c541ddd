"""What the first row and column of a table may be besides numbers: a header, the shape, or an index."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.numbers.numerals import is_number
from attncli.patterns import pattern

if TYPE_CHECKING:
    from attncli.matrix import Array

YEARS = range(1800, 2200)
INDEX = pattern(r"0|[1-9][0-9]{0,8}")
_WHOLE = pattern(r"[+-]?[0-9]{1,15}")
_LISTED = pattern(rb"[ \t]*[0-9]+\.(?:[ \t]+(?![0-9]+\.(?:\s|\Z))[^ \t\r]+)+[ \t\r]*")
_INDEX_NAMES = frozenset(
    (
        "#",
        "id",
        "ids",
        "idx",
        "index",
        "no",
        "no.",
        "nr",
        "nr.",
        "num",
        "number",
        "obs",
        "query",
        "key",
        "step",
        "_step",
        "epoch",
        "iteration",
        "position",
        "pos",
        "row",
        "rows",
        "unnamed: 0",
        "level_0",
    )
)
_LONG_LEADS = pattern(r"head|part|batch|layer|axis[0-9]+")
_LONG_ROWS = frozenset(("row", "i", "query", "key", "from"))
_LONG_COLUMNS = frozenset(("column", "col", "j", "key", "to"))
_LONG_VALUES = frozenset(("value", "val", "weight", "score", "attention"))
_SHAPE_GIVEN = "the first row, {}, is the shape of the rows below it"
_LEAVE_OUT = "if it is an index, leave it out of the file (pandas: to_csv(FILE, index=False))"


def is_long(rows: list[list[str]]) -> bool:
    """Return whether the first row names the columns of a long form (leading axes, row, column, value), and the rows
    below it have a place, by numbers or labels, before their value."""
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    names = [cell.strip().casefold() for cell in rows[0]]
    if names[-2:] in (["query", "value"], ["row", "value"]):  # a number to a row, as the lse
        leads, is_named = names[:-2], True
    elif len(names) < 3:
        return False
    else:
        *leads, row, column, value = names
        is_named = row in _LONG_ROWS and column in _LONG_COLUMNS and row != column and value in _LONG_VALUES
    if not is_named or not all(map(_LONG_LEADS.fullmatch, leads)):
        return False
    return all(INDEX.fullmatch(cell) or not is_number(cell) for cells in rows[1:] for cell in cells[:-1])


def is_shape(first: list[float], rows: int, columns: int) -> bool:
    """Return whether the first row is the shape of the rows below it: (…, rows, columns), or the row count of one
    column.

    Above a single row, it is more likely a row itself.
    """
    if rows < 2:
        return False
    if columns == 1:
        return first == [rows]
    return len(first) > 1 and first[-1] == columns and prod(first[:-1]) == rows


def shape_hint(rows: list[list[str]]) -> str | None:
    """Return a hint if the first row is shorter or longer than the others because it is their shape, or None."""
    lengths = {len(row) for row in rows[1:]}
    if len(lengths) != 1 or not all(_WHOLE.fullmatch(cell) for cell in rows[0]):
        return None
    first = [float(cell) for cell in rows[0]]
    is_count = is_shape(first, len(rows) - 1, *lengths) or first == [len(rows) - 1, *lengths]
    return "leave out the first line, which is the shape of the rows below it" if is_count else None


def refuse_shape(rows: list[list[str]], place: str) -> None:
    """Raise InputError if the first row, at `place`, is of whole numbers, and the shape of the rows below, which have
    fractions."""
    if not all(_WHOLE.fullmatch(cell) for cell in rows[0]):
        return
    first = [float(cell) for cell in rows[0]]
    if not is_shape(first, len(rows) - 1, len(rows[0])):
        return
    if not any(all(_WHOLE.fullmatch(cell) for cell in row) for row in rows[1:]):
        what = _SHAPE_GIVEN.format(" ".join(rows[0]))
        raise InputError(place, what, "leave it out, or use --no-header if it is a row of numbers")


def first_row_note(array: Array, where: str, texts: list[list[str]] | None = None) -> str | None:
    """Return a note if the first row of numbers may be a header or the shape of the rest, or None.

    `texts` are the cells, if they are known.
    """
    first = array[0].tolist()
    if is_shape(first, array.shape[0] - 1, array.shape[1]) and len(first) > 1:
        what = _SHAPE_GIVEN.format(" ".join(f"{size:g}" for size in first))
        return f"{where}: {what}: if it is not a row of numbers, leave it out, otherwise use --no-header"
    if looks_like_header(array) or (is_zero_one(array) and texts is not None and _only_first_is_whole(texts)):
        return f"{where}: the first row is {_list_start(first)}: if it is a header, use --header, otherwise --no-header"
    return None


def looks_like_header(array: Array) -> bool:
    """Return whether the first row looks like a header: 0, 1, 2, …, years, or increasing whole numbers above
    fractions."""
    first = array[0]
    rows, columns = array.shape
    if rows < 2 or columns < 2 or array.dtype == bool:
        return False
    if not ((first == first.round()) & (abs(first) < 1e15)).all() or not (first[1:] > first[:-1]).all():
        return False
    if first.tolist() == list(range(columns)) and not is_zero_one(array):
        return True
    if columns > 1 and all(year in YEARS for year in first.tolist()):
        return not all(year in YEARS for year in array[1:].ravel().tolist())
    return rows > 2 and _have_fractions(array[1:])


def is_zero_one(array: Array) -> bool:
    """Return whether the array has two columns, the first row 0, 1, and no other numbers.

    Such a first row is more likely one of numbers, unless it is written in another way than the others.
    """
    rows, columns = array.shape
    return rows > 1 and columns == 2 and array[0].tolist() == [0, 1] and bool(((array == 0) | (array == 1)).all())


def _only_first_is_whole(texts: list[list[str]]) -> bool:
    """Return whether the first row is written without decimal points, and all others with them, as pandas writes the
    numbers of unnamed columns above floats."""
    return all(map(_WHOLE.fullmatch, texts[0])) and all("." in cell for row in texts[1:] for cell in row)


def index_note(array: Array, where: str) -> str | None:
    """Return a note if the first column counts the rows (from 0 or 1) beside columns with fractions, or None."""
    if not _counts_rows(array) or not _have_fractions(array[:, 1:]):
        return None
    return f"{where}: the first column is {_list_start(array[:, 0].tolist())}: {_LEAVE_OUT}"


def list_note(array: Array, where: str, data: bytes) -> tuple[str, ...]:
    """Return a note if the rows are numbered as in a list, `1. 0 1`, and no other cell is written with such a point."""
    if not _counts_rows(array) or not all(_LISTED.fullmatch(line) for line in data.strip().split(b"\n")):
        return ()
    return (f"{where}: the first column is 1., 2., …: if it numbers the rows, leave it out of the file",)


def named_index_note(name: str, array: Array, where: str) -> str | None:
    """Return a note if the first column counts the rows (from 0 or 1) and its label, in the header, is one that an
    index has (`index`, `id`, `row`, `#`), or None."""
    plain = name.strip().casefold()
    if not (plain in _INDEX_NAMES or plain.endswith(("_id", " id", "_index", " index"))) or not _counts_rows(array):
        return None
    return f"{where}: the first column, {name}, is {_list_start(array[:, 0].tolist())}: {_LEAVE_OUT}"


def _counts_rows(array: Array) -> bool:
    """Return whether the first of several columns is 0, 1, 2, … or 1, 2, 3, …"""
    rows, columns = array.shape
    if rows < 2 or columns < 2 or array.dtype == bool or array[0, 0] not in (0, 1):
        return False
    first = array[:, 0].tolist()
    return bool(first == [first[0] + row for row in range(rows)])


def eaten_row_note(row: list[str], where: str) -> str:
    """Return the note for a row of numbers that --header makes the header."""
    shown = ", ".join(row[:3]) + (", …" if len(row) > 3 else "")
    return f"{where}: the first row, {shown}, is the header: leave out --header if it is a row of numbers"


def _have_fractions(rows: Array) -> bool:
    """Return whether every row has a number with a fraction."""
    return bool((rows != rows.round()).any(axis=1).all())


def _list_start(numbers: list[float]) -> str:
    goes_on = len(numbers) > 3 or numbers == [0, 1, 2]
    return ", ".join(f"{number:g}" for number in numbers[:3]) + (", …" if goes_on else "")
