"""The contents of a file, whatever its format: one array, several named arrays, or a tree of keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any

from attncli.records import record, replace

if TYPE_CHECKING:
    import numpy as np

    from attncli.matrix import Matrix

STANDARD_INPUT = "standard input"  # `where`, of what was not read from a file


@record
class Contents:
    """The parsed file `where`.

    `matrices` maps a name to a function that decodes that array. Decoding is lazy, so only the arrays of an NPZ file
    that are used are decoded. A format of one unnamed array uses the name "". `select` returns a part of a spreadsheet
    by a name that is not in `matrices`, such as `Sheet!B2:E5`. `tree` is the whole document and is set only by YAML and
    JSON, for problem files. `passed_over` are names that code beside the arrays assigns, which was not run.
    `values` are numbers, truths and short lists of them beside the tensors of a `.pt` file, by name.
    """

    where: str
    matrices: Mapping[str, Callable[[], Matrix]]
    tree: Tree | None = None
    select: Callable[[str], Matrix] | None = None
    passed_over: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


def with_note(contents: Contents, note: str) -> Contents:
    """Return the contents with a note on each of their matrices, and on the problem that they may be."""

    def add_note(make: Callable[[], Matrix]) -> Matrix:
        matrix = make()
        return replace(matrix, notes=(*matrix.notes, note))

    matrices = {name: partial(add_note, make) for name, make in contents.matrices.items()}
    tree = contents.tree and replace(contents.tree, notes=(*contents.tree.notes, note))
    return replace(contents, matrices=matrices, tree=tree)


@record
class Tree:
    """A YAML or JSON document as dicts, lists and `str` scalars, of which none is converted to a number yet.

    A quoted scalar is a `Quoted`, a plain one is a `str` ("null", "true", "1e-3" as printed). `locate(path)` returns
    the 1-based (line, column) of the node at a path of keys and indices. It parses the source a second time, because
    only errors need it. `raw_rows(path)` returns the cells of the lists at a path with the spaces before them, if some
    of the commas between numbers could be decimal.
    """

    root: Any
    locate: Callable[[tuple[str | int, ...]], tuple[int, int]]
    raw_rows: Callable[[tuple[str | int, ...]], list[list[Any]]] | None = None
    notes: tuple[str, ...] = field(default=())


class NumberList(list[Any]):
    """A large list of lists whose scalars are numbers already: the array of them, as a list of its parts.

    `texts` are the cells as they were printed, in C order, if they were asked for.
    """

    __slots__ = ("array", "texts")

    def __init__(self, array: np.ndarray, texts: Sequence[str] | None = None) -> None:
        super().__init__(array)
        self.array = array
        self.texts = texts


class Quoted(str):
    """A quoted or block scalar, which is always text, never true, false or null."""

    __slots__ = ()


class Folded(Quoted):
    """A scalar of several lines, which YAML joins by spaces."""

    __slots__ = ()
