""".csv, .tsv and .txt files: a printed array, LaTeX, a table with bars, or a plain table, which alone is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats import ruled_table, text_table
from attncli.formats.contents import Contents, with_note
from attncli.formats.encoding import decode
from attncli.formats.prints import (
    explain_refusal,
    is_labelled,
    is_print,
    may_be_page,
    note_left_out,
    read_print,
    strip_decorations,
)
from attncli.formats.prints.rows import ends_rows, is_rows, is_typed, read_rows
from attncli.numbers.numerals import quote
from attncli.patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attncli.matrix import Matrix, Reading

_START = 4096  # bytes in which the kind of file is recognized
_BLOCKS = pattern(rb"[0-9.][ \t]*\r?\n[ \t]*\r?\n\s*[-+.0-9]")
_BLANK_LINE = pattern(rb"\n[ \t]*\r?\n")  # searched first, because finding newlines is faster than finding numbers
_DASH = pattern(rb"^-[ \t]*\r?$", re.MULTILINE)  # of a list of YAML below it
_SLICE = pattern(rb"^# New slice", re.MULTILINE)
_LATEX = pattern(
    r"\s*(?:%[^\n]*\n\s*)*(?:\\|\$(?=(?s:.*)\\begin))|[^\n]{0,80}\\begin\s*\{[bpBvV]?(?:small)?(?:matrix|array)"
)
_BARS = frozenset("|│┃║┆┊")
_PLAIN = frozenset(b"0123456789.,;+-eE \t\r\n")
_MARKS = (b";", b"---", b"- -")  # of plain characters, and yet more than a plain table


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read the one array of a file, or those that it names.

    Raises InputError for any error.
    """
    return note_page(read_bare(undecorate(data, where), where, reading), data, where)


def note_page(contents: Contents, data: bytes, where: str) -> Contents:
    """Return the contents of a text, with a note if it is a page with words around them."""
    start = _start(data) if b"``" in data[:_START] or b"~~" in data[:_START] else ""
    return note_left_out(contents, decode(data, where), where) if may_be_page(start) else contents


def read_bare(data: bytes, where: str, reading: Reading) -> Contents:
    """Read a text that has no fences and prompts around it."""
    if _may_be_print(data):
        start = _start(data)
        if "#" in start:
            from attncli.formats import octave

            if octave.MARK.match(start.encode()):
                return octave.read(data, where, reading)
        if (found := _printed(data, start, where, reading)) is not None:
            return found
    try:
        contents = text_table.read(data, where, reading)
    except InputError as refusal:
        text = decode(data, where)
        if "\\begin{" not in text:
            raise explain_refusal(refusal, text, where) from None
        from attncli.formats import tex  # tried late, because labels may contain LaTeX too

        return tex.read(data, where, reading)
    rows = len(contents.matrices[""]().array)
    if rows == 1 and b";" in data[:_START] and ends_rows(text := decode(data, where)) and is_typed(text):
        note = f"{where}: its one line is a row; typed as an argument, ';' would end a row"
        return with_note(contents, note)
    # as many lines as rows: there is no blank line and no comment, and nothing to look for
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    if lines > rows and b"#" in data:
        _refuse_named_comments(data, where)
    if lines > rows and (note := _note_of_blocks(data, where)):
        return with_note(contents, note)
    return contents


def undecorate(data: bytes, where: str) -> bytes:
    """Return the bytes without the fences and prompts around a print that was copied."""
    start = _start(data) if _may_be_print(data) else ""
    if not may_be_page(start) and strip_decorations(start) == start:
        return data
    return strip_decorations(decode(data, where)).encode()


def _may_be_print(data: bytes) -> bool:
    """Return whether a file begins with more than the characters of a plain table."""
    start = data[:_START]
    return bool(start.translate(None, bytes(_PLAIN)) or _DASH.search(start)) or any(mark in start for mark in _MARKS)


def _start(data: bytes) -> str:
    """Return the text that a file begins with, as `decode` does."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data[:_START].decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")


def write(matrices: Mapping[str, Matrix], delimiter: str) -> Iterator[bytes]:
    """Write the only matrix as a plain table."""
    from attncli.formats import text_table_writer  # reading needs none of it

    return text_table_writer.write(matrices, delimiter)


def _printed(data: bytes, start: str, where: str, reading: Reading) -> Contents | None:
    """Return the contents of a file that does not begin like a plain table, or None if it does."""
    if is_print(start) or is_labelled(start):
        return read_print(decode(data, where).strip("\n"), where, reading)
    if _LATEX.match(start):
        from attncli.formats import tex

        return tex.read(data, where, reading)
    if not _BARS.isdisjoint(start):
        from attncli.formats import markdown

        if markdown.has_table(start):
            return markdown.read_tables(decode(data, where), where, reading)
    if ("---" in start or "==" in start or "_ " in start or "_\n" in start) and ruled_table.is_ruled(start):
        return ruled_table.read(decode(data, where), where, reading)
    if ";" in start:
        text = decode(data, where)
        if is_rows(text):
            matrix = read_rows(text.strip(), where, reading)
            return Contents(where, {"": lambda: matrix})
    return None


def _refuse_named_comments(data: bytes, where: str) -> None:
    """Raise InputError if comments between the rows call them by the names of several inputs."""
    from attncli.formats.prints.headings import names_in_comments

    comments = names_in_comments(decode(data, where))
    if len(comments) > 1:
        what = f"its comments name several matrices: {', '.join(map(quote, comments))}"
        raise InputError(where, what, "let each contain only the name of the matrix below it, as in # Q")


def _note_of_blocks(data: bytes, where: str) -> str:
    """Return the note about blocks of rows, which may be separate matrices."""
    if b"#" in data and _SLICE.search(data):
        return f"{where}: its slices, as numpy.savetxt wrote them, are read as the rows of one matrix"
    if _BLANK_LINE.search(data) and _BLOCKS.search(data):
        return f"{where}: blank lines divide its rows into blocks, which are read as one matrix"
    return ""
