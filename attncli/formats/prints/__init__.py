"""Arrays as other programs print and write them. One reader serves arguments, standard input, text files and
strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attncli.formats.contents import Contents
    from attncli.matrix import Reading

# every printed array contains one of these, so the patterns, which are slow to compile, are not always needed
_MARKS = frozenset("[({=")


def is_print(text: str) -> bool:
    """Return whether the text begins like one of the forms, or assigns an array to a name."""
    if _MARKS.isdisjoint(text):
        return False
    from attncli.formats.prints.reader import begins_as_print

    return begins_as_print(text)


def read_print(text: str, where: str, reading: Reading) -> Contents:
    """Return the array of a text under the name "", or the arrays that it names."""
    from attncli.formats.prints.reader import read_parts

    return read_parts(text, where, reading)
