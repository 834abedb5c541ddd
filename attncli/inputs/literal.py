"""Matrices typed or pasted on the command line or in a string of a problem file: rows separated by `;`, lists, printed
arrays, tables."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats import by_suffix, split_suffix
from attncli.formats.contents import Contents
from attncli.formats.prints import (
    explain_refusal,
    is_code,
    is_labelled,
    is_print,
    note_left_out,
    read_print,
    strip_decorations,
)
from attncli.formats.prints.rows import ends_rows, may_end_cells, read_rows
from attncli.formats.raw import raw_form
from attncli.inputs.recognition import read_as_problem
from attncli.numbers.numerals import may_be_cell, quote
from attncli.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from attncli.matrix import Matrix, Reading

_BLANKS = " \t\n\r"
_OF_PATHS = frozenset("@/\\")
_FOLDERS = ("./", "../", "/", "~", ".\\", "..\\")


def looks_like_path(text: str) -> bool:
    """Return whether the text has the form of a file name, whether the file exists or not, and is thus not a
    literal."""
    plain = text.replace("\r", "\n").strip()
    if "\n" not in plain and (plain.startswith(_FOLDERS) or _ends_like_file(plain)):
        return True
    plain = strip_decorations(plain.removeprefix("\ufeff")).strip()
    if (
        plain.startswith(("[", "{", "\\", "$", "|"))
        or ";" in plain
        or "\n" in plain
        or any(mark in plain for mark in ("\\begin", "[[", "■"))
        or is_print(plain)
        or is_labelled(plain)
        or is_code(plain)
    ):
        return False
    separators = r"[\s,()]+" if plain.startswith("(") else r"[\s,]+"
    return bool(plain) and not any(may_be_cell(word) for word in re.split(separators, plain) if word)


def _ends_like_file(plain: str) -> bool:
    """Return whether the text ends like `x.csv` or `x.npz:name`."""
    names = (plain, plain.rpartition(":")[0])
    return raw_form(plain) is not None or any(by_suffix(split_suffix(name)[1]) is not None for name in names)


def read_typed(text: str, where: str, reading: Reading) -> Contents:
    """Return the matrix in `text` under the name "", or the matrices that it names.

    One line of rows has two axes, and a list has one axis per level of nesting. What is neither is read like a text
    file.
    """
    given = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    text = strip_decorations(given)
    try:
        return note_left_out(_read_undecorated(text, where, reading), given, where)
    except InputError:
        if "\n" not in text:
            raise
        problem = read_as_problem(text.encode("utf-8", "surrogateescape"), where, reading)
        if problem is not None:
            return note_left_out(problem, given, where)
        from attncli.inputs.worked_examples import read_example

        if (example := read_example(given, where, reading)) is None:
            raise
        return example


def _read_undecorated(text: str, where: str, reading: Reading) -> Contents:
    plain = text.strip(_BLANKS)
    if is_print(plain) or is_labelled(plain):
        return read_print(text.strip("\n"), where, reading)
    refusal: InputError | None = None
    if plain.startswith(("[", "{")) or not _is_text(plain):
        try:
            contents = _read_line(text, where, reading)
            if not plain.startswith(("[", "{")):  # a list that begins otherwise than all lists is none in a file
                return contents
        except InputError as error:
            refusal = explain_refusal(error, plain, where)
    from attncli.formats import txt

    try:
        contents = txt.read(text.strip("\n").encode("utf-8", "surrogateescape"), where, reading)
    except InputError:
        if refusal is None:
            raise
        raise refusal from None
    return contents if refusal is None else _note_labels(contents, refusal)


def _read_line(text: str, where: str, reading: Reading) -> Contents:
    """Return the matrix of rows that are separated by semicolons, or of a list."""
    if text.lstrip(_BLANKS).startswith(("[", "{")):
        return read_print(text, where, reading)
    matrix = read_rows(text.strip(" \n"), where, reading)
    return Contents(where, {"": lambda: matrix})


def _note_labels(contents: Contents, refusal: InputError) -> Contents:
    """Add a note if the first word of the only row is its label: it could be a slip of the pen for a number.

    Raises `refusal` if it could be the name of a file, `q.bin@float32:2`.
    """

    def add_note(make: Callable[[], Matrix]) -> Matrix:
        matrix = make()
        if matrix.row_labels is None or len(matrix.row_labels) > 1:
            return matrix
        label = matrix.row_labels[0]
        if not _OF_PATHS.isdisjoint(label) or _ends_like_file(label):
            raise refusal
        note = f"{contents.where}: {quote(matrix.row_labels[0])} is read as the label of its row"
        return replace(matrix, notes=(*matrix.notes, note))

    return replace(contents, matrices={name: partial(add_note, make) for name, make in contents.matrices.items()})


def _is_text(plain: str) -> bool:
    """Return whether this is like the contents of a file, a table or LaTeX, and not rows that each end with a
    semicolon."""
    return (
        plain.startswith(("\\", "$", "<"))
        or "\\begin" in plain
        or ("\n" in plain and (not ends_rows(plain) or may_end_cells(plain)))
    )
