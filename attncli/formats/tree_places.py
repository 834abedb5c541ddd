"""Where the nodes of a YAML or JSON document stand in its text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from attncli.errors import InputError
from attncli.formats.contents import Tree
from attncli.numbers.decimal_commas import find_decimal_comma, may_hold_decimal_commas

Path = tuple[str | int, ...]


class Key(str):
    """The last step of a path if it means the key itself, not its value."""

    __slots__ = ()


class Event(NamedTuple):
    """A piece of a document, in order: `kind` is one of "[", "{", "end", "scalar", "alias"."""

    kind: str
    value: str
    line: int
    column: int


def position(text: str, index: int) -> tuple[int, int]:
    """Return the 1-based line and column of a character. LF, CRLF and CR end a line."""
    before = text[:index].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def locate(events: Callable[[], Iterator[Event]], path: Path) -> tuple[int, int]:
    """Return the position of the node at `path`, or of its nearest ancestor if the path leaves the document."""
    found, _ = _find(events(), path)
    return found.line, found.column


def _find(stream: Iterator[Event], path: Path) -> tuple[Event, Iterator[Event]]:
    """Return the event that begins the node at `path`, or its nearest ancestor, and those after it."""
    found = next(stream)
    for step in path:
        if found.kind == "[" and isinstance(step, int):
            for _ in range(step):
                _skip(next(stream), stream)
            found = next(stream)
        elif found.kind == "{":
            key = next(stream)
            while key.kind != "end" and key.value != step:
                _skip(next(stream), stream)
                key = next(stream)
            if key.kind == "end":
                break
            found = key if isinstance(step, Key) else next(stream)
        else:  # a scalar, or an alias, whose node is elsewhere
            break
    return found, stream


def make_tree(root: Any, text: str, events: Callable[[], Iterator[Event]]) -> Tree:
    """Return the document whose text has these events."""
    rows = partial(_raw_rows, events) if may_hold_decimal_commas(text.encode("utf-8", "surrogateescape")) else None
    return Tree(root, partial(locate, events), raw_rows=rows)


def _raw_rows(events: Callable[[], Iterator[Event]], path: Path) -> list[list[Event]]:
    """Return the cells of the innermost lists at `path`, each with a space, or the end of its line, before it if that
    stands between it and the one before."""
    found, stream = _find(events(), path)
    rows: list[list[Event]] = []
    open_: list[str] = []
    last: Event | None = None
    while True:
        is_cell = found.kind == "scalar" and open_[-1:] == ["["]
        if is_cell:
            gap = ""
            if last is None:
                rows.append([])
            elif found.line > last.line:
                gap = "\n"
            elif found.column > last.column + len(last.value) + 1:
                gap = " "
            rows[-1].append(found._replace(value=gap + found.value))
        last = found if is_cell else None
        if found.kind in "[{":
            open_.append(found.kind)
        elif found.kind == "end":
            del open_[-1]
        if not open_:
            return rows
        found = next(stream)


def refuse_decimal_commas(tree: Tree, path: Path, where: str) -> None:
    """Raise InputError if commas between the numbers of the lists at `path` could be decimal."""
    if tree.raw_rows is None:
        return
    rows = tree.raw_rows(path)
    if doubt := find_decimal_comma([cell.value for cell in row] for row in rows):
        cell = rows[doubt.row][doubt.column]
        raise InputError(f"{where}: line {cell.line}, column {cell.column}", doubt.what, doubt.hint)


def _skip(event: Event, stream: Iterator[Event]) -> None:
    depth = 0
    while True:
        depth += {"[": 1, "{": 1, "end": -1}.get(event.kind, 0)
        if depth == 0:
            return
        event = next(stream)


def fault_at(tree: Tree, where: str, path: Path, what: str, hint: str | None = None) -> InputError:
    """Return an error at the line and column of a node."""
    line, column = tree.locate(path)
    return InputError(f"{where}: line {line}, column {column}", what, hint)


def node_at(tree: Tree, path: Path) -> Any:
    """Return the node at a path of keys and indices."""
    node = tree.root
    for step in path:
        node = node[step]
    return node
