"""What a file holds, whatever its format: one array, several by name, or a tree of keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from attncli.records import record

if TYPE_CHECKING:
    from attncli.matrix import Matrix


@record
class Contents:
    """The parsed file `where`.

    `matrices` maps a name to a function that decodes that array (decoding is lazy: an NPZ of many
    members costs only what is used). A format of one unnamed array uses the name "".
    `select` gives a part of a spreadsheet by a name that is not in `matrices`, as `Sheet!B2:E5`.
    `tree` is set by YAML and JSON alone: the whole document, for problem files.
    """

    where: str
    matrices: Mapping[str, Callable[[], Matrix]]
    tree: Tree | None = None
    select: Callable[[str], Matrix] | None = None


@record
class Tree:
    """A YAML or JSON document as dicts, lists and `str` scalars, none converted to a number yet.

    A scalar that was quoted is a `Quoted`; a plain one is a bare `str` ("null", "true", "1e-3" as printed).
    `locate(path)` gives (line, column), 1-based, of the node at a path of keys and indices (a second
    pass over the source: only errors need it).
    """

    root: Any
    locate: Callable[[tuple[str | int, ...]], tuple[int, int]]
    notes: tuple[str, ...] = field(default=())


class Quoted(str):
    """A scalar that stood in quotes (or in a block): text, never true, false or null."""

    __slots__ = ()
