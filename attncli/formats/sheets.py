"""Spreadsheets (.xlsx and .ods), read with python-calamine (extra `sheets`): sheets by name, a range of one as
Q!B2:E5."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from attncli.errors import InputError, MissingExtraError, suggest
from attncli.formats.archive import DAMAGED, MAGIC, open_archive, read_member
from attncli.formats.contents import Contents
from attncli.formats.encoding import RENAME, looks_like_text
from attncli.formats.foreign import refuse_foreign
from attncli.formats.table_cells import Table
from attncli.formats.text_table import matrix_of

if TYPE_CHECKING:
    import zipfile

    from attncli.matrix import Matrix, Reading

_ADDRESS = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})(?::\$?([A-Za-z]{1,3})\$?([0-9]{1,7}))?")
_CELL_NAME = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
# of a cell or a row, however it is written, also where no sheet reaches: the library makes room for all of them
_PLACE = re.compile(rb"""\br\s*=\s*["']\s*([A-Za-z]*)([0-9]+)\s*["']""")
_LONGEST_PLACE = 12  # letters and digits, beyond any sheet
_UNCALCULATED = re.compile(rb"<c\b([^>]*)><f\b[^>]*?(?:/>|>[^<]*</f>)(?:<v\s*/>|<v></v>)?</c>")
_WITH_ERROR = re.compile(rb'<c\b[^>]*\bt="e"[^>]*>')
_HIDDEN_ROW = re.compile(rb'<row\b(?=[^>]*\bhidden="(?:1|true)")[^>]*\br="([0-9]{1,7})"')
_HIDDEN_COLUMNS = re.compile(
    rb'<col\b(?=[^>]*\bhidden="(?:1|true)")(?=[^>]*\bmin="([0-9]{1,5})")[^>]*\bmax="([0-9]{1,5})"'
)
_OF_TABLES = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_REPEATED = re.compile(rb'number-(?:columns|rows)-repeated="([0-9]+)"[^>]*office:value')
_HARMLESS = 1_000_000  # cells
_MOST_TITLED = 10_000  # cells of a sheet in which titles are looked for
_MOST_EMPTY = 1000  # empty cells per cell in the file
_AGAIN = "open it in a spreadsheet program and save it there"


@dataclass(frozen=True, slots=True)
class _Unseen:
    """What the cells of a sheet do not show: formulas without a value, errors, and the 0-based rows and columns that
    are hidden."""

    uncalculated: tuple[str, ...] = ()
    errors: frozenset[str] = frozenset()
    hidden_rows: tuple[range, ...] = ()
    hidden_columns: tuple[range, ...] = ()


@dataclass(slots=True, eq=False, repr=False)
class _SheetTable(Table):
    """A block of cells with spreadsheet addresses. `corner` is the 0-based row and column of its first cell."""

    corner: tuple[int, int] = (0, 0)

    def place(self, row: int, column: int) -> str:
        return f"{self.where}: {address(self.lines[row] - 1, self.corner[1] + column + self.taken)}"


def address(row: int, column: int) -> str:
    """Return the address of a cell, such as `B3`, from its 0-based row and column."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row + 1}"


def _column(letters: str) -> int:
    """Return the 0-based number of a column."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read each sheet under its name. `select` returns a range of a sheet."""
    refuse_foreign(data, where, "a spreadsheet", known=(MAGIC,))
    if not data.startswith(MAGIC):
        if looks_like_text(data):
            raise InputError(where, "this is text, not a spreadsheet", "name it .csv")
        raise InputError(where, "this is not a spreadsheet: it does not begin like a zip archive", RENAME)
    archive = open_archive(data, where, "save it again, without what inflates it")
    names = {member.filename: member for member in archive.infolist()}
    if "xl/workbook.xml" not in names and "content.xml" not in names:
        raise InputError(where, "this is a zip archive, but not a spreadsheet", "an NPZ file is named .npz")
    _refuse_bombs(archive, names, where)
    workbook = _workbook(data, where)
    find = _find_unseen if "xl/workbook.xml" in names else _find_hidden
    unseen = find(archive, names, where)
    sheets = list(workbook.sheet_names)

    def select(name: str) -> Matrix:
        return _select(workbook, sheets, name, where, reading, unseen)

    parts = _titled_parts(workbook, sheets[0]) if len(sheets) == 1 else {}
    named = {title: f"{sheets[0]}!{part}" for title, part in parts.items()} or {name: name for name in sheets}
    return Contents(where, {name: partial(select, part) for name, part in named.items()}, select=select)


def _titled_parts(workbook: Any, sheet: str) -> dict[str, str]:
    """Return the addresses of the blocks that empty rows divide a small sheet into, by the titles in the one cell above
    each. Blocks of words are none. If numbers stand under no title, or a title twice, nothing is returned."""
    try:
        cells = workbook.get_sheet_by_name(sheet)
        rows = cells.to_python(skip_empty_area=False) if cells.height * cells.width <= _MOST_TITLED else []
    except Exception:  # reported where the sheet is read
        return {}
    runs = _runs([index for index, row in enumerate(rows) if any(cell != "" for cell in row)])
    parts: dict[str, str] = {}
    for first, last in runs if len(runs) > 1 else ():
        block = [cell for row in rows[first : last + 1] for cell in row if cell != ""]
        if all(isinstance(cell, str) for cell in block):
            continue
        title = [cell for cell in rows[first] if cell != ""]
        name = title[0].strip().rstrip(":") if len(title) == 1 and isinstance(title[0], str) else ""
        if name in ("", *parts):
            return {}
        columns = [column for row in rows[first + 1 : last + 1] for column, cell in enumerate(row) if cell != ""]
        parts[name] = f"{address(first + 1, min(columns))}:{address(last, max(columns))}"
    return parts


def _workbook(data: bytes, where: str) -> Any:
    try:
        import python_calamine
    except ImportError:
        raise MissingExtraError(where, "python-calamine", "sheets") from None
    try:
        return python_calamine.CalamineWorkbook.from_filelike(BytesIO(data))
    except Exception:  # CalamineError, and panics of the Rust code
        raise InputError(where, "the spreadsheet cannot be read", DAMAGED) from None


def _refuse_bombs(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], where: str) -> None:
    """Raise InputError if a few distant cells, or a repeated one, claim a sheet that does not fit into memory."""
    for name, member in names.items():
        if name.startswith("xl/worksheets/") and name.endswith(".xml"):
            rows = columns = cells = 0
            for found in _PLACE.finditer(read_member(archive, member, where)):
                cells += bool(found[1])  # and not a row
                rows = max(rows, int(found[2].lstrip(b"0")[:_LONGEST_PLACE] or b"0"))
                columns = max(columns, _column(found[1][:_LONGEST_PLACE].decode()) + 1)
            if rows * columns > _HARMLESS and rows * columns > _MOST_EMPTY * cells:
                raise InputError(where, f"{cells} cells lie in a sheet of {rows} × {columns}", "move them together")
        elif name == "content.xml":
            for found in _REPEATED.finditer(read_member(archive, member, where)):
                if int(found[1]) > _HARMLESS // 10:
                    raise InputError(
                        where, f"a cell is repeated {int(found[1])} times", "save only the cells that are needed"
                    )


def _find_unseen(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], where: str) -> dict[str, _Unseen]:
    """Return of each sheet what its cells do not show, such as formulas that a program wrote without a value."""
    from xml.etree import ElementTree

    def parsed(name: str) -> Any:
        try:
            return ElementTree.fromstring(read_member(archive, names[name], where))
        except (KeyError, ElementTree.ParseError):
            raise InputError(where, "the spreadsheet cannot be read", DAMAGED) from None

    targets = {node.get("Id"): node.get("Target", "") for node in parsed("xl/_rels/workbook.xml.rels")}
    found = {}
    for node in parsed("xl/workbook.xml").iter():
        if node.tag.rpartition("}")[2] != "sheet":
            continue
        identity = next((value for key, value in node.items() if key.rpartition("}")[2] == "id"), None)
        path = targets.get(identity, "").removeprefix("/")
        member = names.get(path if path.startswith("xl/") else f"xl/{path}")
        if member is not None:
            found[node.get("name", "")] = _unseen_in(read_member(archive, member, where))
    return found


def _unseen_in(sheet: bytes) -> _Unseen:
    pending = [_CELL_NAME.search(cell[1]) for cell in _UNCALCULATED.finditer(sheet)]
    errors = [_CELL_NAME.search(cell[0]) for cell in _WITH_ERROR.finditer(sheet)] if b't="e"' in sheet else []
    rows: list[range] = []
    columns: list[range] = []
    if b"hidden=" in sheet:
        rows = [range(int(row[1]) - 1, int(row[1])) for row in _HIDDEN_ROW.finditer(sheet)]
        columns = [range(int(found[1]) - 1, int(found[2])) for found in _HIDDEN_COLUMNS.finditer(sheet)]
    return _Unseen(
        tuple((name[1] + name[2]).decode() for name in pending if name),
        frozenset((name[1] + name[2]).decode() for name in errors if name),
        tuple(rows),
        tuple(columns),
    )


def _find_hidden(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], where: str) -> dict[str, _Unseen]:
    """Return of each sheet of an .ods file the rows and columns that are hidden, by hand or by a filter."""
    content = read_member(archive, names["content.xml"], where)
    if b"table:visibility=" not in content:
        return {}
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError:
        raise InputError(where, "the spreadsheet cannot be read", DAMAGED) from None
    return {
        sheet.get(f"{_OF_TABLES}name", ""): _Unseen(
            hidden_rows=_hidden_runs(sheet, "row"), hidden_columns=_hidden_runs(sheet, "column")
        )
        for sheet in root.iter(f"{_OF_TABLES}table")
    }


def _hidden_runs(sheet: Any, what: str) -> tuple[range, ...]:
    """Return the runs of hidden rows or columns, of which one element stands for as many as it is repeated."""
    found = []
    index = 0
    for node in sheet.iter(f"{_OF_TABLES}table-{what}"):
        text = node.get(f"{_OF_TABLES}number-{what}s-repeated", "1")
        count = int(text) if text.isdecimal() else 1
        if node.get(f"{_OF_TABLES}visibility", "visible") != "visible":
            found.append(range(index, index + count))
        index += count
    return tuple(found)


def _select(
    workbook: Any, sheets: list[str], name: str, where: str, reading: Reading, unseen: dict[str, _Unseen]
) -> Matrix:
    """Return a sheet, a range `Sheet!B2:E5`, or a range `B2:E5` of the only sheet."""
    sheet, mark, part = ("", "", "") if name in sheets else name.rpartition("!")
    if name in sheets:
        sheet, part = name, ""
    elif not mark and len(sheets) == 1 and (_ADDRESS.fullmatch(name) or not name[:1].isalpha()):
        sheet, part = sheets[0], name
    sheet = sheet[1:-1].replace("''", "'") if sheet[:1] == "'" and sheet[-1:] == "'" and sheet not in sheets else sheet
    if sheet not in sheets:
        what = f"has no sheet {(sheet or name)!r}: it holds {', '.join(sheets)}"
        raise InputError(where, what, suggest(sheet or name, sheets))
    if part and not _ADDRESS.fullmatch(part):
        raise InputError(where, f"{part!r} is not a range of cells", f"as in {_typed(f'{where}:{sheet}', 'B2:E5')}")
    here = f"{where}: {sheet}"
    facts = unseen.get(sheet, _Unseen())
    if facts.uncalculated:
        raise InputError(f"{here}: {facts.uncalculated[0]}", "holds a formula that was never calculated", _AGAIN)
    try:
        rows = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except Exception:
        raise InputError(here, "the sheet cannot be read", DAMAGED) from None
    return _matrix(rows, part, here, f"{where}:{sheet}", reading, facts)


def _matrix(rows: list[list[Any]], part: str, where: str, source: str, reading: Reading, unseen: _Unseen) -> Matrix:
    """Return the cells of a range as a table with labels. Without a range, the sheet must have a single block of
    cells."""
    top, left, bottom, right = _range(part) if part else _block(rows, where, source)
    if bottom >= len(rows) or right >= len(rows[0]):
        raise InputError(
            f"{where}: {part}",
            "the range reaches beyond the cells of the sheet",
            "leave the range out, for all cells of the sheet",
        )
    cells = [
        [_text(row[column], f"{where}: {address(index, column)}") for column in range(left, right + 1)]
        for index, row in enumerate(rows[top : bottom + 1], top)
    ]
    places = [_range(name)[:2] for name in unseen.errors]
    if wrong := [place for place in places if top <= place[0] <= bottom and left <= place[1] <= right]:
        what = "the cell holds an error of the spreadsheet, such as #DIV/0!"
        raise InputError(f"{where}: {address(*min(wrong))}", what, "type the number that belongs there, or nan")
    table = _SheetTable(where, list(cells), list(range(top + 1, bottom + 2)), " ", corner=(top, left))
    try:
        matrix = matrix_of(table, where, reading)
    except InputError as error:
        if not part and _is_title(cells, where, reading):
            below = f"{address(top + 1, left)}:{address(bottom, right)}"
            hint = f"if the first row is a title, specify the cells below it, as in {_typed(source, below)}"
            raise InputError(error.where, error.what, hint) from None
        if part or rows[top][left] != "":
            raise
        inner = f"{address(top + 1, left + 1)}:{address(bottom, right)}"
        hint = f"specify the cells, as in {_typed(source, inner)} (pandas: to_excel(FILE, index=False, header=False))"
        raise InputError(error.where, error.what, hint) from None
    notes = matrix.notes
    for hidden, first, last, what in (
        (unseen.hidden_rows, top, bottom, "rows"),
        (unseen.hidden_columns, left, right, "columns"),
    ):
        if count := sum(max(0, min(run.stop, last + 1) - max(run.start, first)) for run in hidden):
            notes = (*notes, f"{where}: {count} of its {what} {'is' if count == 1 else 'are'} hidden, and read too")
    return replace(matrix, notes=notes)


def _is_title(cells: list[list[str]], where: str, reading: Reading) -> bool:
    """Return whether the first row has one cell of several that is filled, and the rows below it can be read."""
    if len(cells) < 2 or len(cells[0]) < 2 or sum(map(bool, cells[0])) != 1:
        return False
    try:
        matrix_of(Table(where, cells[1:], list(range(2, len(cells) + 1)), " "), where, reading)
    except InputError:
        return False
    return True


def _typed(source: str, cells: str) -> str:
    """Return `'q.xlsx:Sheet!B2:E5'` in quotes, as interactive shells take what follows a bare `!` for a command."""
    import shlex

    return shlex.quote(f"{source}!{cells}")


def _range(part: str) -> tuple[int, int, int, int]:
    found = _ADDRESS.fullmatch(part)
    assert found is not None
    columns = sorted((_column(found[1]), _column(found[3] or found[1])))
    lines = sorted((int(found[2]) - 1, int(found[4] or found[2]) - 1))
    return lines[0], columns[0], lines[1], columns[1]


def _block(rows: list[list[Any]], where: str, source: str) -> tuple[int, int, int, int]:
    """Return the rows and columns that are not empty.

    Raises InputError if an empty row or column divides them.
    """
    filled = [index for index, row in enumerate(rows) if any(cell != "" for cell in row)]
    if not filled:
        raise InputError(where, "the sheet is empty", "write numbers into it, or name another sheet")
    columns = sorted({column for row in rows for column, cell in enumerate(row) if cell != ""})
    for used, what in ((filled, "row"), (columns, "column")):
        gap = next((before for before, after in pairwise(used) if after != before + 1), None)
        if gap is not None:
            part = _largest_part(rows, _runs(filled), _runs(columns))
            raise InputError(
                where, f"an empty {what} divides its cells", f"specify which, as in {_typed(source, part)}"
            )
    return filled[0], columns[0], filled[-1], columns[-1]


def _runs(used: list[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers."""
    if not used:
        return []
    ends = [before for before, after in pairwise(used) if after != before + 1]
    return list(zip([used[0], *(used[used.index(end) + 1] for end in ends)], [*ends, used[-1]], strict=True))


def _largest_part(rows: list[list[Any]], runs: list[tuple[int, int]], columns: list[tuple[int, int]]) -> str:
    """Return the address of the part with the most numbers, of those that runs of rows and of columns make."""

    def count_numbers(part: tuple[tuple[int, int], tuple[int, int]]) -> int:
        (top, bottom), (left, right) = part
        return sum(isinstance(cell, (int, float)) for row in rows[top : bottom + 1] for cell in row[left : right + 1])

    (top, bottom), (left, right) = max(((run, column) for run in runs for column in columns), key=count_numbers)
    return f"{address(top, left)}:{address(bottom, right)}"


def _text(cell: Any, place: str) -> str:
    """Return a cell as text for a table: a number in the digits that it holds, however many of them are displayed.

    Raises InputError for a date, into which spreadsheets convert 1/2.
    """
    if isinstance(cell, (bool, str)):
        return str(cell).strip()
    if isinstance(cell, (int, float)):
        return str(int(cell)) if cell == int(cell) and abs(cell) < 1 << 53 else repr(float(cell))
    raise InputError(place, f"the cell holds a date or a time, {cell}", "format it as a number, and type it again")
