"""The rows of a printed array, and the matrix that they form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from attncli.errors import InputError
from attncli.formats.prints import cells
from attncli.formats.prints.rows import count_numbers
from attncli.matrix import Matrix
from attncli.numbers.numerals import NUMBER_HINT, NumeralError

if TYPE_CHECKING:
    from attncli.matrix import Reading

COPY_ALL = "copy everything that was printed"
_WORD = re.compile(r"[^ \t\r]+")  # str.split also splits at the no-break spaces within a number


def split_words(line: str) -> list[str]:
    """Return the cells of a line that are separated by spaces."""
    return _WORD.findall(line)


class Lines:
    """The nonblank lines of one printed array, and the errors in them."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self.lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]

    def fail(self, row: int, column: int | None, what: str, hint: str | None = None) -> NoReturn:
        place = f"row {row + 1}" if column is None else f"row {row + 1}, column {column + 1}"
        raise InputError(f"{self.where}: {place}", what, hint)

    def matrix(
        self,
        rows: list[list[str]],
        reading: Reading,
        row_labels: tuple[str, ...] | None = None,
        column_labels: tuple[str, ...] | None = None,
    ) -> Matrix:
        """Return the matrix of these rows.

        Raises InputError if their lengths differ.
        """
        if not rows or not rows[0]:
            raise InputError(self.where, "holds no numbers", COPY_ALL)
        for index, row in enumerate(rows):
            if len(row) != len(rows[0]):
                what = f"this row has {count_numbers(len(row))}, row 1 has {len(rows[0])}"
                self.fail(index, min(len(row), len(rows[0])), what, "all rows need the same number of entries")
        flat = [cell for row in rows for cell in row]
        try:
            array, texts = cells.parse(flat)
        except NumeralError as error:
            place = divmod(error.index, len(rows[0]))
            name = flat[error.index].removesuffix(":")
            is_setting = name.isidentifier() and name != flat[error.index]
            hint = f"if it is a setting, write {name} = … on its own line" if is_setting else NUMBER_HINT
            self.fail(*place, error.what, error.hint or hint)
        return Matrix(
            array.reshape(len(rows), len(rows[0])),
            self.where,
            row_labels=row_labels,
            column_labels=column_labels,
            texts=tuple(texts) if reading.keep_text else None,
        )


def times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
