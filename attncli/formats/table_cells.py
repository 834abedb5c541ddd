"""Splitting a text table into rows of cells before anything is parsed: lines, comments, delimiter, quotes."""

from __future__ import annotations

import re
from collections import Counter

from attncli.errors import InputError, RowError
from attncli.formats.foreign import WRITE_NUMBERS
from attncli.formats.table_notes import shape_hint
from attncli.numbers.decimal_commas import find_decimal_comma, may_hold_decimal_commas
from attncli.numbers.numerals import may_be_cell
from attncli.patterns import pattern
from attncli.records import record

SPACES = " "
DELIMITERS = (
    ";",
    "\t",
    ",",
    SPACES,
)  # tried in this order: semicolons separate decimal commas, and spaces follow commas
NAMES = {";": "semicolons", "\t": "tabs", ",": "commas", SPACES: "spaces", "|": "bars", "&": "ampersands"}
DECIMAL_COMMA = pattern(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?|[+-]?[0-9]+,(?:[eE][+-]?[0-9]+)?")
LEADING_ZERO = pattern(rb",0[0-9]+(?![0-9.])")
_CELLS = {delimiter: pattern(rf' *(?:"((?:[^"]|"")*)" *|([^{delimiter}]*))(?:{delimiter}|\Z)') for delimiter in ";\t,"}
_CELLS[SPACES] = pattern(r'[ \t\n]*(?:"((?:[^"]|"")*)"|([^ \t\n]+))(?:[ \t\n]+|\Z)')
_BETWEEN_SPACES = pattern(r"[^ \t]+")  # str.split also splits at the no-break spaces within a number
_SEPARATOR = pattern(r"\"?[sS][eE][pP]=([;,\t])\"?[ \r]*")
_TAB_ALONE, _COMMA_ALONE = pattern(r"(?<!,)\t(?!,)"), pattern(r",(?!\t|\Z)")
_SPLIT_NUMBER = pattern(r"(?:^|(?<=,))[+-]?([0-9]+),(0[0-9]+)(?:[eE][+-]?[0-9]+)?(?=,|$)", re.MULTILINE)


@record(frozen=False)
class Table:
    """Rows of stripped cells.

    `lines` are the line numbers in which the rows begin, and `taken` counts the label columns that were removed.
    """

    where: str
    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    taken: int = 0

    def place(self, row: int, column: int) -> str:
        return f"{self.where}: line {self.lines[row]}, column {column + 1 + self.taken}"


def split(text: str, where: str) -> Table:
    """Split the text into rows of cells, with the delimiter that fits every line. Blank lines and comments are left
    out."""
    numbered = _logical_lines(text, where)
    if not any(line.strip() for _, line in numbered):
        raise InputError(where, "the file holds no numbers", WRITE_NUMBERS)
    declared = _SEPARATOR.fullmatch(numbered[0][1])
    if declared is not None and len(numbered) > 1:  # Excel's own first line
        numbered = numbered[1:]
    else:
        declared = None
    delimiter = declared[1] if declared else _delimiter([line for _, line in numbered])
    if delimiter != "\t":
        numbered = [(number, line) for number, line in numbered if line.strip()]
    if delimiter == "\t" and not declared:
        delimiter = _between_tabs_or_commas(numbered, where)
    rows = [split_line(line, delimiter, f"{where}: line {number}") for number, line in numbered]
    lines = [number for number, _ in numbered]
    table = Table(where, rows, lines, delimiter)
    for number, line in numbered if delimiter == "," else ():
        if (doubt := split_number(line)) is not None:
            raise InputError(f"{where}: line {number}, column {doubt[0]}", doubt[1], doubt[2])
    if delimiter == "," and may_hold_decimal_commas(text.encode("utf-8", "replace")):
        _refuse_decimal_commas(table, numbered)
    looks_like_shape = shape_hint(rows)
    if delimiter == SPACES and not looks_like_shape and {len(row) for row in rows[1:]} == {len(rows[0]) + 1}:
        rows[0].insert(0, "")  # a corner that is empty does not show between spaces
    expected = len(rows[0])
    for index, row in enumerate(rows):
        if len(row) != expected:
            place = table.place(index, min(len(row), expected))
            what = f"this row has {_cells_of(len(row))}, line {lines[0]} has {expected}"
            if looks_like_shape:
                raise InputError(place, what, looks_like_shape)
            hint = f"cells are separated by {NAMES[delimiter]}: all rows need the same number of cells"
            raise RowError(place, what, hint)
    return table


def _refuse_decimal_commas(table: Table, numbered: list[tuple[int, str]]) -> None:
    """Raise InputError if some of the commas that separate cells without quotes could be decimal."""
    lines = [line for _, line in numbered]
    doubt = None if any('"' in line for line in lines) else find_decimal_comma(line.split(",") for line in lines)
    if doubt is not None:
        raise InputError(table.place(doubt.row, doubt.column), doubt.what, doubt.hint)


def _between_tabs_or_commas(numbered: list[tuple[int, str]], where: str) -> str:
    """Return the delimiter of lines that tabs divide: a comma where one stands before every tab, and nowhere else.

    Raises InputError if a comma stands beside every tab, each line has as many, and others separate cells or are
    decimal commas: `1<tab>,3` could be 1 and 0.3, or 1 and 3 in cells that commas separate.
    """
    solid = [(number, line) for number, line in numbered if line.strip()]
    lines = ["\t".join(part.strip(" ") for part in line.split("\t")) for _, line in solid]
    if len({line.count(",") for line in lines}) > 1 or any(map(_TAB_ALONE.search, lines)):
        return "\t"
    if any(map(_COMMA_ALONE.search, lines)):
        what = "a comma beside each tab could be a decimal comma, or separate the cells"
        raise InputError(f"{where}: line {solid[0][0]}, column 2", what, "type 0,3 for 0.3, or delete the tabs")
    return "\t" if any(line.endswith(",") for line in lines) else ","


def _cells_of(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _logical_lines(text: str, where: str) -> list[tuple[int, str]]:
    """Return the numbered lines that are neither blank nor comments. A quoted cell may span several lines."""
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
    """Return the delimiter that gives every line the same number of cells, at least two, and numbers, or else the best
    one."""
    solid = [line for line in lines if line.strip()]
    fitting = []
    likely: tuple[int, str] = (0, SPACES)
    for delimiter in DELIMITERS:
        counts = Counter(_count(line, delimiter) for line in solid)
        header = _count(solid[0], delimiter)
        if delimiter == SPACES and counts[header] == 1 and counts[header + 1] == len(solid) - 1 > 0:
            counts = Counter({header + 1: len(solid)})
        if len(counts) == 1 and min(counts) > 1:
            fitting.append(delimiter)
        several = sum(times for cells, times in counts.items() if cells > 1)
        likely = max(likely, (several, delimiter), key=lambda pair: pair[0])
    for delimiter in fitting:
        last = split_line(solid[-1], delimiter)
        if delimiter == fitting[0]:
            del last[0]  # it may be a label (elsewhere the label would be `1,x,` in `1,x, 3`)
        if all(not cell or _could_be_number(cell) for cell in last):
            return delimiter
    return fitting[0] if fitting else likely[1]


def _could_be_number(cell: str) -> bool:
    return may_be_cell(cell) or bool(DECIMAL_COMMA.fullmatch(cell))


def _count(line: str, delimiter: str) -> int:
    if '"' in line:
        return len(split_line(line, delimiter))
    return len(_BETWEEN_SPACES.findall(line)) if delimiter == SPACES else line.count(delimiter) + 1


def split_line(line: str, delimiter: str, place: str | None = None) -> list[str]:
    """Return the stripped cells of a line. Without a place for the error, a misplaced quotation mark is accepted."""
    if '"' not in line:
        return (
            _BETWEEN_SPACES.findall(line) if delimiter == SPACES else [cell.strip() for cell in line.split(delimiter)]
        )
    cells: list[str] = []
    start, form = 0, _CELLS[delimiter]
    while True:
        found = form.match(line, start)
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
        if start == len(line) and (delimiter == SPACES or not found[0].endswith(delimiter)):
            return cells


def split_number(line: str) -> tuple[int, str, str] | None:
    """Find `1,000` or `0,05` in a line whose cells are separated by commas: it could be one number or two.

    Returns column, error and hint, or None. A space after the comma makes it two.
    """
    if (
        '"' in line
        or not LEADING_ZERO.search(line.encode("utf-8", "replace"))
        or not (found := _SPLIT_NUMBER.search(line))
    ):
        return None
    whole, part = found[0].split(",")
    column = line.count(",", 0, found.start()) + 1
    number = f"{whole}.{part}"
    if part == found[2] and len(part) == 3 and len(found[1]) <= 3 and found[1][0] != "0":
        number = f"{whole}{part}, {number}"
    what = f"'{found[0]}' could be {number} or two cells"
    return column, what, f"type {number} or {whole}, {found[2].lstrip('0') or '0'}{part[len(found[2]) :]}"
