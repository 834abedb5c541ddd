"""A matrix as it was read: its numbers, its name in messages, its labels and, on request, its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attncli.numbers.blanks import is_blank
from attncli.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

Array: TypeAlias = "np.ndarray"

# the axes of labels of the rows and the columns of each matrix
LABELS_OF = {
    "queries": ("queries", "features"),
    "keys": ("keys", "features"),
    "values": ("keys", "values"),
    "raw_scores": ("queries", "keys"),
    "scores": ("queries", "keys"),
    "weights": ("queries", "keys"),
    "output": ("queries", "values"),
}


@record
class Matrix:
    """One array from one source.

    `array` has any number of axes and any real or boolean dtype (text gives float64, or bool if every cell is true or
    false). `where` is its name in errors: "q.csv", "p.yaml: queries". `row_labels` and `column_labels` name the last
    two axes. `texts` are the cells as they were printed, in C order, or None for a binary source or if not requested
    (`Reading.keep_text`). `point_digits` is the number of decimals that a text such as `1.` stands for: NumPy prints 8,
    torch 4. `stated_dtype` is the floating dtype that a print says its numbers are of, as one of torch
    does that names none. `title` is what a table
    calls its numbers: the corner above its row labels, or the last column of a long form.
    """

    array: np.ndarray
    where: str
    row_labels: tuple[str, ...] | None = None
    column_labels: tuple[str, ...] | None = None
    texts: Sequence[str] | None = None
    notes: tuple[str, ...] = ()
    point_digits: int = 8
    stated_dtype: str | None = None
    title: str | None = None


@record
class Reading:
    """How a source is read: `--header/--no-header` (None: by the rule), whether to keep the texts of cells, and whether
    cells may be blank (NaN), as those of an answer; the texts show which."""

    header: bool | None = None
    keep_text: bool = False
    may_be_blank: bool = False

    def fill_blanks(self, cells: list[str]) -> list[str]:
        """Return the cells with NaN in place of those that are blank, if they may be."""
        return ["nan" if is_blank(cell) else cell for cell in cells] if self.may_be_blank else cells


def count_blanks(matrix: Matrix) -> int:
    """Return how many cells of an answer are blank."""
    return sum(map(is_blank, matrix.texts)) if matrix.texts is not None and has_nan(matrix.array) else 0


def has_nan(array: np.ndarray) -> bool:
    import numpy as np

    return array.dtype.kind == "f" and bool(np.isnan(array).any())


def holds_numbers(array: np.ndarray) -> bool:
    """Return whether the dtype is one of real numbers, and not of truth values."""
    return array.dtype.kind in "iuf" or array.dtype.name == "bfloat16"


def kind_of_contents(array: np.ndarray) -> str:
    """Return what an array without real numbers contains, in words."""
    if array.dtype.kind == "b":
        return "booleans"
    if array.dtype.kind in "US":
        return f"text ({str(array.reshape(-1)[0])!r})" if array.size else "text"
    if array.dtype.kind == "O":
        kinds = [type(cell).__name__ for cell in array.reshape(-1) if type(cell) not in (int, float, bool)]
        return f"Python objects ({kinds[0] if kinds else 'integers of any size'})"
    return str(array.dtype.name)


def first_cell(found: Array) -> tuple[int, ...]:
    """Return the index of the first True, in C order."""
    import numpy as np

    return tuple(int(i) for i in np.unravel_index(int(np.argmax(found)), found.shape))


def format_cell(cell: tuple[int, ...]) -> str:
    """Return an index as messages write it."""
    return f"at [{', '.join(map(str, cell))}]"
