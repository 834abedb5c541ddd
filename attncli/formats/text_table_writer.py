"""Writing text tables with the shortest digits, and with labels that are read back as labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attncli.errors import OutputError
from attncli.numbers.numerals import is_number, lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attncli.matrix import Array, Matrix

_CELLS_AT_ONCE = 1 << 15
_BEGINNINGS = frozenset("#[({=\\$%|")  # of a comment, a printed array, LaTeX or a table with bars


def write(matrices: Mapping[str, Matrix], delimiter: str) -> Iterator[bytes]:
    """Write the only matrix as UTF-8 lines. One axis becomes a column. Labels that would not be read back are left
    out."""
    ((name, matrix),) = matrices.items()
    table = as_table(matrix, name)
    labels = matrix.row_labels
    if matrix.array.ndim == 1 and labels is None:
        labels = matrix.column_labels
    row_labels = _readable(labels, table.shape[0])
    column_labels = _readable(matrix.column_labels if matrix.array.ndim == 2 else None, table.shape[1])
    return _chunks(table, row_labels, column_labels, delimiter)


def refuse_axes(shape: tuple[int, ...], name: str) -> None:
    """Raise OutputError unless an array of this shape is a table with cells."""
    hint = "write it to a .npy, .json or .yaml file"
    if len(shape) > 2:
        what = f"a text table holds two axes, this array has {len(shape)}: {shape}"
        raise OutputError(name, what, f"{hint}; -f long prints it")
    if 0 in shape:
        raise OutputError(name, f"a text table cannot show an array without cells: {shape}", hint)


def as_table(matrix: Matrix, name: str) -> Array:
    """Return the array with two nonempty axes.

    Raises OutputError if that is not possible.
    """
    array = matrix.array
    refuse_axes(array.shape, name or matrix.where)
    return array if array.ndim == 2 else array.reshape(array.size, 1)


def _readable(labels: tuple[str, ...] | None, count: int) -> tuple[str, ...] | None:
    """Return the labels if a reader would take every one as a label with the same text, or None."""
    if labels is None or len(labels) != count:
        return None
    from attncli.formats.table_labels import first_doubt  # slow to import

    if not all(map(_reads_back, labels)) or first_doubt(labels) is not None:
        return None
    return labels


def _reads_back(label: str) -> bool:
    if not label or label != label.strip() or is_number(label) or "\0" in label or "\r" in label:
        return False
    if "\\begin" in label:  # anywhere in a file, it makes the reader expect LaTeX
        return False
    return not any("\ud800" <= character <= "\udfff" for character in label)  # unpaired surrogates are not valid UTF-8


def _quote(label: str) -> str:
    """Return the label, in quotes if it contains a delimiter, a quotation mark or the beginning of another format."""
    if not _BEGINNINGS.isdisjoint(label) or any(character in ',;"' or character.isspace() for character in label):
        return '"' + label.replace('"', '""') + '"'
    return label


def _chunks(
    table: Array, row_labels: tuple[str, ...] | None, column_labels: tuple[str, ...] | None, delimiter: str
) -> Iterator[bytes]:
    if column_labels is not None:
        # a corner that is empty does not show between spaces, so the header has one cell less there
        corner = [""] if row_labels is not None and delimiter != " " else []
        yield (delimiter.join([*corner, *map(_quote, column_labels)]) + "\n").encode()
    rows_at_once = max(_CELLS_AT_ONCE // table.shape[1], 1)
    for start in range(0, table.shape[0], rows_at_once):
        block = table[start : start + rows_at_once]
        written = lines(block, delimiter)
        if row_labels is not None:
            labels = map(_quote, row_labels[start : start + rows_at_once])
            rows = zip(labels, written.decode().splitlines(), strict=True)
            written = "".join(f"{label}{delimiter}{row}\n" for label, row in rows).encode()
        yield written
