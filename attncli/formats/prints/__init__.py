"""Arrays as other programs print and write them: one reader for arguments, standard input, text files and strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attncli.formats.contents import Contents
    from attncli.matrix import Reading

_MARKS = frozenset("[({=")  # no program prints an array without one of them; the patterns take a while to compile


def is_print(text: str) -> bool:
    """Whether the text begins as one of the forms, or gives an array a name."""
    if _MARKS.isdisjoint(text):
        return False
    from attncli.formats.prints.reader import begins_as_print

    return begins_as_print(text)


def read_print(text: str, where: str, reading: Reading) -> Contents:
    """The array of a text under the name "", or those that it names."""
    from attncli.formats.prints.reader import read_parts

    return read_parts(text, where, reading)
