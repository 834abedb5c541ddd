"""From nested lists and mappings of YAML and JSON to matrices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any

from attncli.errors import InputError
from attncli.formats.contents import Contents, NumberList, Quoted, Tree
from attncli.formats.tree_places import Path, fault_at, node_at, refuse_decimal_commas
from attncli.matrix import LABELS_OF, Matrix

if TYPE_CHECKING:
    import numpy as np

    from attncli.matrix import Reading
    from attncli.numbers.numerals import NumeralError

MOST_AXES = 32
DEEPEST = 64
_SHAPES, _CELLS = frozenset(("shape", "dims", "size")), frozenset(("data", "values", "buffer", "data_sync"))
NULLS = frozenset(("", "~", "null", "Null", "NULL"))
LEADING_ZERO = re.compile(r"^\s*[-+−]?0[0-9]", re.MULTILINE)
FORM = "a matrix is a list of rows, as in [[1, 0], [0, 1]]"
EVEN_ROWS = "every row has the same number of entries"
BLANK_ENTRIES = f"{EVEN_ROWS}; one that is left blank is written as a question mark: [0.5, ?]"
NUMBERS_APART = "write a row as a list, with a comma between its numbers and a point in decimals: [0.5, 2.5]"
_SEVERAL_NUMBERS = re.compile(r"[-+−.\d][-+−.,\deE/]*(?:[\s;,]+[-+−.,\deE/?]+)+")


def read_contents(tree: Tree, where: str, reading: Reading) -> Contents:
    """Return each list under a key of the document as a matrix with that name. A document that is a list is the matrix
    ""."""
    if isinstance(tree.root, list):
        return Contents(where, {"": partial(matrix_at, tree, (), where, where, reading)}, tree)
    if not isinstance(tree.root, dict):
        raise fault_at(tree, where, (), f"{describe_node(tree.root)}; expected a list or a mapping", FORM)
    matrices = {
        str(name): partial(_labelled_matrix, tree, name, where, reading)
        for name, node in tree.root.items()
        if isinstance(node, list)
    }
    return Contents(where, matrices, tree)


def _labelled_matrix(tree: Tree, name: str, where: str, reading: Reading) -> Matrix:
    matrix = matrix_at(tree, (name,), where, f"{where}: {name}", reading)
    labels = tree.root.get("labels")
    if not isinstance(labels, dict) or name not in LABELS_OF or matrix.array.ndim < 2:
        return matrix
    rows, columns = (
        _fitting(labels.get(kind), size) for kind, size in zip(LABELS_OF[name], matrix.array.shape[-2:], strict=True)
    )
    return replace(matrix, row_labels=rows, column_labels=columns)


def _fitting(names: Any, size: int) -> tuple[str, ...] | None:
    if isinstance(names, list) and len(names) == size and all(isinstance(name, str) for name in names):
        return tuple(str(name) for name in names)
    return None


def matrix_at(tree: Tree, path: Path, where: str, name: str, reading: Reading) -> Matrix:
    """Return the list at `path` as a matrix called `name`.

    Raises InputError with the line and column in the file `where`.
    """
    refuse_decimal_commas(tree, path, where)
    return _matrix(tree, path, where, name, reading)


def _matrix(tree: Tree, path: Path, where: str, name: str, reading: Reading) -> Matrix:
    from attncli.numbers.numerals import NumeralError

    node = node_at(tree, path)
    if not isinstance(node, list):
        raise fault_at(tree, where, path, f"{describe_node(node)}; expected a list", FORM)
    if isinstance(node, NumberList):
        return Matrix(node.array, name, texts=node.texts)
    if node and all(isinstance(row, dict) for row in node):
        return _records(tree, path, where, name, reading)
    try:
        shape, cells = _flattened(node)
    except _UnevenError:
        raise _uneven_fault(tree, path, where, reading) from None
    try:
        array = _array(reading.fill_blanks(cells)).reshape(shape)
    except NumeralError as error:
        place = (*path, *_indices(error.index, shape))
        raise _bad_cell(tree, where, place, error) from None
    return Matrix(array, name, texts=tuple(map(str, cells)) if reading.keep_text else None)


def _bad_cell(tree: Tree, where: str, path: Path, error: NumeralError) -> InputError:
    from attncli.numbers.numerals import NUMBER_HINT

    cell = node_at(tree, path)
    if type(cell) is str and cell in NULLS:
        return fault_at(tree, where, path, "null; expected a number", "nothing is guessed: write the number")
    is_row = error.hint is None and isinstance(cell, str) and _SEVERAL_NUMBERS.fullmatch(cell.strip()) is not None
    return fault_at(tree, where, path, error.what, NUMBERS_APART if is_row else error.hint or NUMBER_HINT)


def _records(tree: Tree, path: Path, where: str, name: str, reading: Reading) -> Matrix:
    """Return a list of mappings with the same keys, which name the columns. A first column of words holds labels."""
    from attncli.formats.table_notes import named_index_note
    from attncli.numbers.numerals import NumeralError, may_be_cell

    node = node_at(tree, path)
    columns = list(node[0])
    for index, row in enumerate(node):
        if list(row) != columns or not columns:
            what = "the keys of this row are not those of the first"
            raise fault_at(tree, where, (*path, index), what, "all rows need the same keys in one order")
        for key, cell in row.items():
            if not isinstance(cell, str):
                raise fault_at(tree, where, (*path, index, key), f"{describe_node(cell)}; expected a number", FORM)
    labels = None
    if len(columns) > 1 and all(type(row[columns[0]]) is Quoted and not may_be_cell(row[columns[0]]) for row in node):
        labels = tuple(str(row[columns[0]]) for row in node)
        del columns[0]
    cells = [row[key] for row in node for key in columns]
    try:
        array = _array(reading.fill_blanks(cells)).reshape(len(node), len(columns))
    except NumeralError as error:
        index, column = divmod(error.index, len(columns))
        raise _bad_cell(tree, where, (*path, index, columns[column]), error) from None
    texts = tuple(map(str, cells)) if reading.keep_text else None
    counted = None if labels else named_index_note(str(columns[0]), array, name)
    notes = () if counted is None else (counted,)
    return Matrix(array, name, row_labels=labels, column_labels=tuple(map(str, columns)), texts=texts, notes=notes)


def labelled_rows(tree: Tree, path: Path, where: str, name: str, reading: Reading) -> Matrix:
    """Return the mapping of labels to rows at `path` as a matrix with row labels. Every row is a list of numbers."""
    import numpy as np

    rows: list[Matrix] = []
    if not _SHAPES.isdisjoint(node_at(tree, path)) and not _CELLS.isdisjoint(node_at(tree, path)):
        what = f"{path[-1]}: a mapping with its shape and its numbers, as a library writes an array"
        raise fault_at(tree, where, path, what, FORM)
    refuse_decimal_commas(tree, path, where)
    for label in node_at(tree, path):
        row = _matrix(tree, (*path, label), where, name, reading)
        if row.array.ndim != 1 or (rows and row.array.shape != rows[0].array.shape):
            what = "a row is a list of numbers"
            if row.array.ndim == 1:
                what = f"a row of {len(row.array)}, but the first has {len(rows[0].array)}"
            raise fault_at(tree, where, (*path, label), what, FORM)
        rows.append(row)
    texts = tuple(chain.from_iterable(row.texts or () for row in rows)) if reading.keep_text else None
    labels = tuple(map(str, node_at(tree, path)))
    return replace(rows[0], array=np.stack([row.array for row in rows]), row_labels=labels, texts=texts)


class _UnevenError(Exception):
    """The lists do not form an array. A second pass finds the place and the reason."""


def _flattened(node: list[Any]) -> tuple[tuple[int, ...], list[str]]:
    """Return the shape and the cells, flattened one axis at a time: each step is a few C calls, whatever the size."""
    shape: list[int] = []
    lists = [node]
    while len(shape) < MOST_AXES:
        lengths = set(map(len, lists))
        if len(lengths) > 1 or 0 in lengths:
            raise _UnevenError
        shape += lengths
        inner = list(chain.from_iterable(lists)) if len(lists) > 1 else lists[0]
        kinds = set(map(type, inner))
        if kinds <= {str, Quoted}:
            return tuple(shape), inner
        if kinds != {list}:
            raise _UnevenError
        lists = inner
    raise _UnevenError


def _array(cells: list[str]) -> np.ndarray:
    from attncli.numbers.numerals import TRUTHS, NumeralError, parse_cells

    # one search over all cells is faster than testing each
    padded = LEADING_ZERO.search("\n".join(cells))
    array: np.ndarray = parse_cells(cells, leading_zero=not padded)
    if array.dtype == bool and Quoted in set(map(type, cells)):
        index = next(i for i, cell in enumerate(cells) if type(cell) is Quoted and cell.strip() in TRUTHS)
        raise NumeralError(f"{cells[index]!r} is text, not a boolean", "write it without quotes", index)
    return array


def _uneven_fault(tree: Tree, path: Path, where: str, reading: Reading) -> InputError:
    """Find the list that is ragged, empty or not a list: the first one in document order."""
    node = node_at(tree, path)
    # for each depth, the length of the first list there, or None for a cell
    expected: list[tuple[int | None, Path]] = []
    queue: list[tuple[Path, Any]] = [(path, node)]
    while queue:
        here, node = queue.pop()
        depth = len(here) - len(path)
        length = len(node) if isinstance(node, list) else None
        if isinstance(node, dict):
            return fault_at(tree, where, here, "a mapping; expected a number or a list", FORM)
        if length == 0:
            return fault_at(tree, where, here, "an empty list", FORM)
        if depth == MOST_AXES and length is not None:
            return fault_at(tree, where, here, f"more than {MOST_AXES} axes", FORM)
        if depth == len(expected):
            expected.append((length, here))
        elif expected[depth][0] != length:
            hint = BLANK_ENTRIES if reading.may_be_blank else EVEN_ROWS
            return _ragged_fault(tree, where, here, length, *expected[depth], hint)
        if isinstance(node, list):
            queue += [((*here, i), inner) for i, inner in reversed(list(enumerate(node)))]
    raise AssertionError("even after all")


def _ragged_fault(
    tree: Tree, where: str, here: Path, length: int | None, first_length: int | None, first: Path, hint: str
) -> InputError:
    line, _ = tree.locate(first)
    if length is None:
        what = f"{describe_node(node_at(tree, here))} beside lists, the first in line {line}"
        return fault_at(tree, where, here, what, FORM)
    if first_length is None:
        return fault_at(tree, where, here, f"a list beside numbers, the first in line {line}", FORM)
    what = f"a list of {length}, where the first, in line {line}, has {first_length}"
    entries = (*node_at(tree, here), *node_at(tree, first))
    joined = next((entry for entry in entries if isinstance(entry, str) and ";" in entry), None)
    return fault_at(tree, where, here, what, hint if joined is None else NUMBERS_APART)


def _indices(index: int, shape: tuple[int, ...]) -> Iterable[int]:
    for axis in range(len(shape)):
        inner = prod(shape[axis + 1 :])
        yield index // inner
        index %= inner


def describe_node(node: Any) -> str:
    if isinstance(node, dict):
        return "a mapping"
    if not isinstance(node, str):
        return "a list"
    if type(node) is str and node in NULLS:
        return "nothing"
    text = str(node)
    return repr(text if len(text) <= 40 else text[:37] + "...")
