"""Tables with vertical bars, as in Markdown, psql, MySQL and `attncli -f markdown`."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats.contents import Contents
from attncli.formats.encoding import decode
from attncli.formats.prints.headings import heading
from attncli.formats.table_cells import Table
from attncli.formats.text_table import matrix_of
from attncli.numbers.numerals import may_be_cell, quote
from attncli.records import record

if TYPE_CHECKING:
    from attncli.matrix import Matrix, Reading

_CORNERS = "".join(map(chr, (*range(0x250C, 0x254C), *range(0x2552, 0x2571))))  # of Unicode's boxes
_BOXES = str.maketrans(
    {**dict.fromkeys("│┃║┆┊", "|"), **dict.fromkeys("─━═╌", "-"), **dict.fromkeys(_CORNERS, "+")}  # as rich draws them
)
_RULE = re.compile(r"[ \t]*[|+]?(?:[ \t]*:?[-=]+:?[ \t]*[|+])*[ \t]*:?[-=]+:?[ \t]*[|+]?[ \t]*")
_TYPE = re.compile(
    r"(?:[iuf](?:8|16|32|64|128)|u?(?:tiny|small|big|huge)?int(?:eger|[0-9]*)|float[0-9]*|double|decimal|bool(?:ean)?|str(?:ing)?|varchar|text|cat|---)"
)
_TYPE_OF_POLARS = re.compile("[iuf](?:8|16|32|64|128)")
_BAR = re.compile(r"(?<!\\)\|")
_TITLE = re.compile(r"\s*(?:#{1,6}\s+(.+?)\s*#*|\*\*(.+?)\*\*(.*)|__(.+?)__|([A-Za-z_]\w*)\s*[:=])\s*")
_MARKED = re.compile(r"(\*\*|__|\*|`|\$)(.+?)\1")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_LATEX = re.compile(r"\\begin\s*\{(?:[bpBvV]?matrix|smallmatrix|array|tabular)\*?\}")
_SIZED = re.compile(  # the corner of a matrix in a page of explain: `Q, the queries (2 × 3)`
    r"(\w[^,()]*)(?:, the [^,()]*)?(, [^()]*)? \(([0-9]+) × ([0-9]+)\)"
)
_ROWS = "write | 1 | 0 | with a line |---|---| under the header"
_NO_TABLE = (
    ("\\begin{", "put its LaTeX matrices into a .tex file"),
    ("```", "put its fenced blocks into a .txt file"),
)
_IN_FULL = "attncli run … -f markdown --full --show queries,keys,values prints all of them"
_MASKED = {"weights": "0", "scores": "-inf", "dP": "0", "dS": "0"}  # what a dot means in attncli's own tables
NEAR = 40  # lines of a document among which a table makes it Markdown
_LEFT_OUT = re.compile(r"left out")
_COUNTED = re.compile(
    r"\s*(?:shape: \(([0-9_]+), ?([0-9_]+)\)|\(?([0-9]+) rows?(?:\)| in set.*)|(only showing top .*))\s*"
)


@dataclass(slots=True, eq=False, repr=False)
class _BarTable(Table):
    """A table whose header is recognized by the rule below it. `size` is what its corner says, (0, 0) for nothing."""

    name: str = ""
    has_header: bool = False
    size: tuple[int, int] = (0, 0)


@record
class _Line:
    number: int
    text: str


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read every table of a document.

    Each has the heading above it as its name. If one of several tables has no heading, they are numbered from 1.
    """
    return read_tables(decode(data, where), where, reading)


def has_table(text: str) -> bool:
    """Return whether the text begins with a table of bars, or a document with one of Markdown's near its beginning."""
    lines = [line for line in text.translate(_BOXES).split("\n") if line.strip()]
    if any(_is_rule(line) for line in lines[:3]):
        return any(_BAR.search(line) and not _is_rule(line) for line in lines[:3])
    pairs = pairwise(lines[:NEAR])
    return any("|" in rule and _is_rule(rule) and _BAR.search(header) is not None for header, rule in pairs)


def read_tables(text: str, where: str, reading: Reading) -> Contents:
    """Return the tables of a text by name. The name is "" for a single table without a heading."""
    tables = _tables(text, where)
    if tables and not any(table.size[0] for table in tables) and _LATEX.search(text):
        what = "holds tables and LaTeX matrices; only one kind can be read from a file"
        raise InputError(where, what, "keep the tables in this file, and move the matrices to a .tex file")
    if not tables:
        raise InputError(where, "there is no table", next((hint for sign, hint in _NO_TABLE if sign in text), _ROWS))
    if any(table.size[0] for table in tables):  # a page of explain: its other tables are steps in words
        tables = [table for table in tables if table.size[0]]
    names = [table.name for table in tables]
    if len(tables) > 1:
        names = [name or str(number) for number, name in enumerate(names, 1)]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InputError(where, f"two tables are called {quote(name)}", "give each its own heading")
    named = zip(names, tables, strict=True)
    return Contents(where, {name: partial(_matrix, table, name, where, reading) for name, table in named})


def _tables(text: str, where: str) -> list[_BarTable]:
    """Yield the runs of lines with bars that contain a rule, each with the heading above it."""
    found: list[_BarTable] = []
    run: list[_Line] = []
    title, shape = "", (0, 0)
    for number, line in enumerate([*text.translate(_BOXES).split("\n"), ""], 1):
        if line.strip() and (_BAR.search(line) or _is_rule(line)):
            run.append(_Line(number, line))
            continue
        if any(_is_rule(one.text) for one in run) and not all(_is_rule(one.text) for one in run):
            if _LEFT_OUT.search(title):
                raise InputError(where, f"rows or columns of {quote(title)} were left out", "print it in full: --full")
            found.append(_table(run, title, where))
            _check_count(found[-1], shape, where)
            title, shape = "", (0, 0)
        run = []
        if counted := _COUNTED.fullmatch(line):
            if counted[4]:
                raise InputError(where, "rows of the table were left out", "print all of its rows: df.show(df.count())")
            if counted[1]:
                shape = int(counted[1]), int(counted[2])
            elif found:
                _check_count(found[-1], (int(counted[3]), len(found[-1].rows[0])), where)
        if named := _TITLE.fullmatch(line):
            title = next(filter(None, named.groups()[:2] + named.groups()[3:]), "") + (named[3] or "")
        elif line.rstrip().endswith(":") and (called := heading(line)):
            title = called
    return found


def _check_count(table: _BarTable, shape: tuple[int, int], where: str) -> None:
    """Raise InputError if the table has not as many rows and columns as the line above or below it says."""
    size = len(table.rows) - table.has_header, len(table.rows[0])
    if any(shape) and size != shape:
        what = f"its lines say {shape[0]} × {shape[1]}, but the table has {size[0]} × {size[1]}"
        raise InputError(where, what, "copy everything that was printed")


def _is_rule(line: str) -> bool:
    is_long = any(mark in line for mark in ("|", "+", "--", "=="))
    return is_long and ("-" in line or "=" in line) and _RULE.fullmatch(line) is not None


def _table(run: list[_Line], title: str, where: str) -> _BarTable:
    """Return the cells. The header is the part above the first rule that has rows on both sides."""
    rows: list[list[str]] = []
    lines: list[int] = []
    header_rows = 0
    for line in run:
        if _is_rule(line.text):
            header_rows = header_rows or len(rows)
        else:
            rows.append(_cells(line.text))
            lines.append(line.number)
    if header_rows:
        header_rows = _drop_types(rows, lines, header_rows)
    table = _BarTable(where, rows, lines, "|", name=_strip_marks(title), has_header=header_rows == 1)
    if header_rows == 1 and rows[0] and (sized := _SIZED.fullmatch(rows[0][0])):
        table.name, table.size, rows[0][0] = sized[1] + (sized[2] or ""), (int(sized[3]), int(sized[4])), ""
    _add_empty_corners(rows, lines, run)
    for index, row in enumerate(rows):
        if len(row) != len(rows[0]):
            what = f"this row has {len(row)} cells, line {lines[0]} has {len(rows[0])}"
            place = table.place(index, min(len(row), len(rows[0])))
            raise InputError(place, what, "all rows need the same number of cells")
    return table


def _add_empty_corners(rows: list[list[str]], lines: list[int], run: list[_Line]) -> None:
    """Add the empty first cell of lines that begin with the bar after it, in a table without bars around it."""
    begin = {line.number for line in run if line.text.lstrip().startswith("|")}
    widths = {len(row) for row, line in zip(rows, lines, strict=True) if line not in begin}
    for row, line in zip(rows, lines, strict=True):
        if line in begin and len(row) not in widths and len(row) + 1 in widths:
            row.insert(0, "")


def _drop_types(rows: list[list[str]], lines: list[int], header_rows: int) -> int:
    """Drop the types of the columns that DuckDB and Polars print under the names; return the rows of the header that
    are left."""
    for index in (header_rows, header_rows - 1):
        type_of = _TYPE if index else _TYPE_OF_POLARS  # above them may be the names, which can be words
        if 0 <= index < len(rows) and all(map(type_of.fullmatch, rows[index])):
            del rows[index], lines[index]
            header_rows = min(header_rows, index)
    return header_rows


def _cells(line: str) -> list[str]:
    stripped = line.strip()
    cells = _BAR.split(stripped)
    if stripped.startswith("|"):
        cells = cells[1:]
    if len(cells) > 1 and not cells[-1].strip() and stripped.endswith("|"):
        cells = cells[:-1]
    return [_strip_marks(cell.strip()) for cell in cells]


def _strip_marks(text: str) -> str:
    """Return a cell without the marks for bold or code, and with its escapes resolved."""
    if marked := _MARKED.fullmatch(text):
        text = marked[2].strip()
    return _ESCAPED.sub(r"\1", html.unescape(text))


def _matrix(table: _BarTable, name: str, where: str, reading: Reading) -> Matrix:
    called = f"{where}: {name}" if name else where
    if table.size[0] and table.size != (len(table.rows) - 1, len(table.rows[0]) - 1):
        raise InputError(called, "rows or columns were left out", _IN_FULL)
    masked = _MASKED.get("".join(name.split()[:1]).rstrip(","))
    rows = [[masked if cell == "·" and masked else cell for cell in row] for row in table.rows]
    lines = list(table.lines)
    if table.has_header and reading.header is None:
        if not rows[1:]:
            raise InputError(
                f"{where}: line {lines[0]}",
                "the table has a header and no rows",
                "write rows under the line of dashes: | 1 | 0 |",
            )
        if any(rows[0][1:]) and rows[0][0] in (
            "",
            "(index)",
        ):  # in a table with names, a column without a name holds labels
            body = Table(where, [row[1:] for row in rows[1:]], lines[1:], "|", taken=1)
            matrix = matrix_of(body, where, replace(reading, header=False))
            labels = tuple(row[0] for row in rows[1:])
            return replace(matrix, where=called, row_labels=labels, column_labels=tuple(rows[0][1:]), notes=())
        if any(map(may_be_cell, rows[0])):
            hint = "leave its cells empty, or use --header or --no-header"
            raise InputError(f"{where}: line {lines[0]}", "the header of the table holds numbers", hint)
        reading = replace(reading, header=any(rows[0]))
        rows, lines = (rows, lines) if any(rows[0]) else (rows[1:], lines[1:])
    return replace(matrix_of(Table(where, rows, lines, "|"), where, reading), where=called)
