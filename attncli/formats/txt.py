""".txt files and standard input: rows that a semicolon ends, as they are typed, or what any text file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attncli.formats import text_file
from attncli.formats.contents import Contents
from attncli.formats.encoding import decode
from attncli.formats.prints.rows import ends_rows, is_typed, may_be_table, may_end_cells, read_rows
from attncli.formats.text_file import write
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Reading

__all__ = ["read", "write"]

_START = 4096  # bytes in which the first line is looked for


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read the one array of a text, or those that it names; a note says where a file of another suffix has other rows.

    Raises InputError for any error.
    """
    return text_file.note_page(_read_bare(text_file.undecorate(data, where), where, reading), data, where)


def _read_bare(data: bytes, where: str, reading: Reading) -> Contents:
    text = decode(data, where) if _may_end_rows(data[:_START]) else ""
    if not ends_rows(text) or not is_typed(text) or may_end_cells(text):
        return text_file.read_bare(data, where, reading)
    matrix = read_rows(text.strip(" \n\r"), where, reading)
    if may_be_table(text):
        rows = f"{len(matrix.array)} rows" if len(matrix.array) > 1 else "1 row"
        note = f"{where}: {rows}, because ';' ends a row; where it separates cells, read it as CSV (.csv, --from csv)"
        matrix = replace(matrix, notes=(*matrix.notes, note))
    return Contents(where, {"": lambda: matrix})


def _may_end_rows(start: bytes) -> bool:
    """Return whether the first line, in any encoding, ends with a semicolon, or is the only one and has one."""
    line, newline, _ = start.strip().partition(b"\n")
    return b";" in line and (not newline or line.rstrip(b" \t\r\0").endswith(b";"))
