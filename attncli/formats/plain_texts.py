"""The cells of a table of plain numbers as they were printed, kept in the bytes of its file.

A string for each cell would take ten times the memory of its number.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import overload

from attncli.patterns import pattern

_PIECE = 1 << 18  # characters: the strings of a piece are made together
_ENDS = {delimiter: pattern(re.escape(delimiter)) for delimiter in (b",", b"\t", b";")} | {b"": pattern(rb"\s")}


class PlainTexts(Sequence[str]):
    """The `count` cells of rows that end with a newline, in C order, with a delimiter or, if that is empty, spaces
    between them.

    A slice is a list. Neighbouring cells are fast to read, and cells in another order are not.
    """

    def __init__(self, data: bytes | bytearray, delimiter: bytes, count: int) -> None:
        self._data, self._delimiter, self._count = data, delimiter, count
        self._starts: list[int] = []  # of the pieces, in the data
        self._firsts: list[int] = []  # cells
        self._held: tuple[int, list[str]] = (-1, [])

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._count)
            return self._cells(start, stop)[::step] if step > 0 else list(self)[index]
        place = range(self._count)[index]
        return self._cells(place, place + 1)[0]

    def __iter__(self) -> Iterator[str]:
        self._divide()
        return chain.from_iterable(self._piece(number) for number in range(len(self._starts)))

    def _cells(self, start: int, stop: int) -> list[str]:
        self._divide()
        found: list[str] = []
        number = bisect_right(self._firsts, start) - 1
        while len(found) < stop - start:
            place = start + len(found) - self._firsts[number]
            found += self._piece(number)[place : place + stop - start - len(found)]
            number += 1
        return found

    def _piece(self, number: int) -> list[str]:
        if self._held[0] != number:
            end = self._starts[number + 1] if number + 1 < len(self._starts) else len(self._data)
            text = self._data[self._starts[number] : end].decode()
            self._held = number, _split(text, self._delimiter.decode())
        return self._held[1]

    def _divide(self) -> None:
        """Find where the pieces begin, between two cells each, when they are first used."""
        start = first = 0
        while start < len(self._data) and (start or not self._starts):
            end = _ENDS[self._delimiter].search(self._data, start + _PIECE)
            stop = len(self._data) if end is None else end.end()
            self._starts.append(start)
            self._firsts.append(first)
            piece = self._data[start:stop]
            first += piece.count(self._delimiter) + piece.count(b"\n") if self._delimiter else len(piece.split())
            start = stop


def _split(text: str, delimiter: str) -> list[str]:
    if not delimiter:
        return text.split()
    cells = text.replace("\n", delimiter).split(delimiter)[:-1]
    return [cell.strip() for cell in cells] if " " in text else cells
