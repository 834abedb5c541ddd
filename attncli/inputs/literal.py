"""Matrices typed or pasted on the command line or in a string of a problem file: rows separated by `;`, lists, printed
arrays, tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats import by_suffix, split_suffix
from attncli.formats.contents import Contents
from attncli.formats.prints import explain_refusal, is_code, is_labelled, is_print, read_print, strip_decorations
from attncli.formats.prints.rows import ends_rows, read_rows
from attncli.formats.raw import raw_form
from attncli.numbers.numerals import may_be_cell

if TYPE_CHECKING:
    from attncli.matrix import Reading

_BLANKS = " \t\n\r"


def looks_like_path(text: str) -> bool:
    """Return whether the text has the form of a file name, whether the file exists or not, and is thus not a
    literal."""
    plain = text.strip()
    if plain.startswith(("./", "../", "/", "~", ".\\", "..\\")) or ("\n" not in plain and _ends_like_file(plain)):
        return True
    if (
        plain.startswith(("[", "{", "\\", "$", "|"))
        or ";" in plain
        or "\n" in plain
        or "\\begin" in plain
        or is_print(plain)
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

    One line of rows has two axes, and a list has one axis per level of nesting. Several lines are read like a text
    file.
    """
    text = strip_decorations(text.replace("\r\n", "\n").replace("\r", "\n"))
    plain = text.strip(_BLANKS)
    if plain.startswith(("[", "{")) or is_print(plain) or is_labelled(plain):
        return read_print(plain, where, reading)
    if _is_text(plain):
        from attncli.formats import text_file

        return text_file.read(text.strip("\n\r").encode("utf-8", "surrogateescape"), where, reading)
    try:
        matrix = read_rows(text.strip(" \n\r"), where, reading)
    except InputError as refusal:
        raise explain_refusal(refusal, plain, where) from None
    return Contents(where, {"": lambda: matrix})


def _is_text(plain: str) -> bool:
    """Return whether this is like the contents of a file, a table or LaTeX, and not rows that each end with a
    semicolon."""
    return plain.startswith(("\\", "$", "<")) or "\\begin" in plain or ("\n" in plain and not ends_rows(plain))
