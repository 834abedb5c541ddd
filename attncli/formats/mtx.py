"""Matrix Market files: array or coordinate format, general, symmetric or skew-symmetric."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from attncli.errors import InputError, suggest
from attncli.formats.archive import HARMLESS
from attncli.formats.contents import Contents
from attncli.formats.encoding import decode
from attncli.formats.prints.lines import split_words
from attncli.matrix import Matrix
from attncli.numbers import numerals
from attncli.numbers.numerals import NumeralError, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attncli.matrix import Reading

BANNER = "%%MatrixMarket"
_WORDS = (
    ("matrix",),
    ("array", "coordinate"),
    ("real", "integer", "double", "pattern"),
    ("general", "symmetric", "skew-symmetric"),
)
_EXAMPLE = f"{BANNER} matrix array real general"
_MOST_ZEROS = 1000  # per entry


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read the only matrix, under the name "". Entries that are not listed are 0."""
    matrix = _Reader(decode(data, where), where).matrix(reading)
    return Contents(where, {"": lambda: matrix})


class _Reader:
    """The nonblank lines of a file, each with its number."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        first, _, rest = text.partition("\n")
        self.form, self.field, self.symmetry = self._banner(first)
        lines = enumerate(rest.split("\n"), 2)
        words = ((number, split_words(line)) for number, line in lines if not line.startswith("%"))
        self.lines = [(number, found) for number, found in words if found]
        if not self.lines:
            self.fail(1, "the line with the size is missing", "rows, columns and, of a coordinate file, the entries")

    def fail(self, line: int, what: str, hint: str | None = None) -> NoReturn:
        raise InputError(f"{self.where}: line {line}", what, hint)

    def _banner(self, line: str) -> tuple[str, str, str]:
        banner, *words = line.split() or [""]
        if banner.lower() != BANNER.lower():
            self.fail(1, f"a Matrix Market file begins with {BANNER}", f"as in {_EXAMPLE}")
        words = [word.lower() for word in words]
        if len(words) != len(_WORDS):
            self.fail(1, f"{BANNER} is followed by {len(words)} words, not {len(_WORDS)}", f"as in {_EXAMPLE}")
        for word, known in zip(words, _WORDS, strict=True):
            if word == "complex":
                self.fail(1, "its cells are complex, not real numbers", "save its real part")
            if word not in known:
                self.fail(1, f"{quote(word)} is not known here", suggest(word, known))
        if words[1] == "array" and words[2] == "pattern":
            self.fail(1, "an array without numbers", "a pattern is of the form coordinate")
        return words[1], words[2], words[3]

    def matrix(self, reading: Reading) -> Matrix:
        rows, columns, *entries = self._size()
        places = self._coordinates(rows, columns, entries[0]) if entries else self._column_by_column(rows, columns)
        cells = {}
        for number, row, column, text in places:
            if (row, column) in cells:
                self.fail(
                    number, f"the entry in row {row + 1}, column {column + 1} is given twice", "delete one of the two"
                )
            cells[row, column] = (number, text)
        try:
            numbers = numerals.parse_cells([text for _, text in cells.values()]) if cells else ()
        except NumeralError as error:
            self.fail(list(cells.values())[error.index][0], error.what, error.hint or numerals.NUMBER_HINT)
        return self._fill(rows, columns, cells, numbers, reading)

    def _fill(
        self,
        rows: int,
        columns: int,
        cells: Mapping[tuple[int, int], tuple[int, str]],
        numbers: Iterable[float],
        reading: Reading,
    ) -> Matrix:
        """Return the matrix with its zeros and, if it is symmetric, both halves."""
        import numpy as np

        array = np.zeros((rows, columns))
        texts = ["0"] * (rows * columns) if reading.keep_text else []
        for ((row, column), (_, text)), value in zip(cells.items(), numbers, strict=True):
            array[row, column] = value
            mirrored = self.symmetry != "general" and row != column
            if mirrored:
                array[column, row] = -value if self.symmetry == "skew-symmetric" else value
            if texts:
                texts[row * columns + column] = text
                if mirrored:
                    texts[column * columns + row] = text
        return Matrix(array, self.where, texts=tuple(texts) if reading.keep_text else None)

    def _size(self) -> list[int]:
        number, words = self.lines.pop(0)
        due = 2 if self.form == "array" else 3
        if len(words) != due or not all(word.isascii() and word.isdigit() and len(word) < 16 for word in words):
            self.fail(
                number, f"the size is {due} whole numbers", "rows, columns" + (" and entries" if due == 3 else "")
            )
        sizes = [int(word) for word in words]
        if self.symmetry != "general" and sizes[0] != sizes[1]:
            self.fail(
                number,
                f"a {self.symmetry} matrix of {sizes[0]} × {sizes[1]} is not square",
                "call it general in the first line",
            )
        if not sizes[0] or not sizes[1]:
            self.fail(
                number, f"a matrix of {sizes[0]} × {sizes[1]} is empty", "write its rows and columns, 1 or more each"
            )
        cells = sizes[0] * sizes[1]
        if cells * 8 > HARMLESS and cells > _MOST_ZEROS * len(self.lines):
            self.fail(
                number,
                f"{cells} cells are claimed, but {len(self.lines)} entries follow",
                "write the size that the entries have",
            )
        return sizes

    def _coordinates(self, rows: int, columns: int, entries: int) -> list[tuple[int, int, int, str]]:
        if len(self.lines) != entries:
            self.fail(
                self.lines[-1][0] if self.lines else 1,
                f"{len(self.lines)} entries, not the {entries} claimed",
                "write their number into the size",
            )
        found = []
        due = 2 if self.field == "pattern" else 3
        for number, words in self.lines:
            if len(words) != due:
                self.fail(number, f"an entry of {len(words)} words, not {due}", "row, column, number, from 1")
            row, column = (
                int(word) - 1 if word.isascii() and word.isdigit() and len(word) < 16 else -1 for word in words[:2]
            )
            if not (0 <= row < rows and 0 <= column < columns):
                self.fail(
                    number,
                    f"the matrix of {rows} × {columns} has no row {words[0]}, column {words[1]}",
                    "both are counted from 1",
                )
            if self.symmetry != "general" and column > row:
                self.fail(
                    number,
                    f"the entry lies above the diagonal of a {self.symmetry} matrix",
                    "write only those below it, or call it general",
                )
            found.append((number, row, column, "1" if self.field == "pattern" else words[2]))
        return found

    def _column_by_column(self, rows: int, columns: int) -> list[tuple[int, int, int, str]]:
        below = {"general": -columns, "symmetric": 0, "skew-symmetric": 1}[self.symmetry]
        places = [(row, column) for column in range(columns) for row in range(max(column + below, 0), rows)]
        words = [(number, word) for number, line in self.lines for word in line]
        if len(words) != len(places):
            last = self.lines[-1][0] if self.lines else 1
            self.fail(
                last,
                f"{len(words)} numbers, but a {self.symmetry} matrix of {rows} × {columns} has {len(places)}",
                "write the numbers column by column",
            )
        return [(number, row, column, word) for (row, column), (number, word) in zip(places, words, strict=True)]
