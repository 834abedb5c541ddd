"""JSON with numbers kept as text. Strings may hold numbers that JSON cannot express ("-inf", "1/3")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from attncli.errors import InputError
from attncli.formats.contents import Contents, Quoted
from attncli.formats.encoding import decode
from attncli.formats.list_writer import nested_lists, quote_scalar
from attncli.formats.number_lists import read_json_lists
from attncli.formats.tree import DEEPEST, FORM, read_contents
from attncli.formats.tree_places import Event, make_tree, position

if TYPE_CHECKING:
    from attncli.matrix import Matrix, Reading

TOKEN = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*"|[^\s\[\]{},:"]+', re.DOTALL)


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read the one value of a file.

    Raises InputError with line and column for every error.
    """
    text = decode(data, where)
    root = read_json_lists(text, partial(_parse, where=where), keep_text=reading.keep_text)
    root = _parse(text, where) if root is None else root
    return read_contents(make_tree(root, text, partial(_events, text)), where, reading)


class TrailingTextError(InputError):
    """Something follows the end of a valid JSON value, as where each line is a list."""


def _parse(text: str, where: str) -> Any:
    import json

    encode = str.encode  # bytes mark a number until `_marked` has separated numbers from strings
    words = {"NaN": b"nan", "Infinity": b"inf", "-Infinity": b"-inf"}
    try:
        root = json.loads(
            text,
            parse_int=encode,
            parse_float=encode,
            parse_constant=words.__getitem__,
            object_pairs_hook=_unique,
        )
        return _marked(root, 0)
    except (ValueError, RecursionError):
        raise _fault(text, where) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError
    return mapping


def _marked(node: Any, depth: int) -> Any:
    """Return the node with numbers as plain text and strings as `Quoted`, converted one list at a time."""
    if isinstance(node, bytes):
        return node.decode()
    if isinstance(node, str):
        return Quoted(node)
    if node is None or isinstance(node, bool):
        return {None: "null", True: "true", False: "false"}[node]
    if depth >= DEEPEST:
        raise RecursionError
    if isinstance(node, dict):
        return {key: _marked(value, depth + 1) for key, value in node.items()}
    if set(map(type, node)) == {bytes}:
        return list(map(bytes.decode, node))
    return [_marked(inner, depth + 1) for inner in node]


def _fault(text: str, where: str) -> InputError:
    """Return the first fault of a text that cannot be read."""
    from attncli.formats.json_faults import find_json_fault

    if not text.strip():
        return InputError(where, "the file is empty", FORM)
    fault = find_json_fault(text)
    assert fault is not None
    line, column = position(text, fault.offset)
    kind = TrailingTextError if fault.is_trailing else InputError
    return kind(f"{where}: line {line}, column {column}", fault.what, fault.hint)


def _events(text: str) -> Iterator[Event]:
    """Yield the tokens of a valid JSON text, each with its position."""
    import json

    line, start, last = 1, 0, 0
    for token in TOKEN.finditer(text):
        between = text.count("\n", last, token.start())
        if between:
            line += between
            start = text.rfind("\n", last, token.start()) + 1
        last = token.start()
        word = token.group()
        kind = word if word in "[{" else "end" if word in "]}" else "scalar"
        yield Event(kind, json.loads(word) if word[0] == '"' else word, line, last - start + 1)


def write(matrices: Mapping[str, Matrix]) -> Iterator[bytes]:
    """Write one object of nested lists. Numbers that JSON cannot express are the strings "-inf", "inf" and "nan"."""
    lead = b"{\n"
    for name, matrix in matrices.items():
        yield lead + f"  {quote_scalar(name)}: ".encode()
        yield from (text.encode() for text in nested_lists(matrix.array, _number, "  "))
        lead = b",\n"
    yield b"\n}\n" if matrices else b"{}\n"


def _number(text: str) -> str:
    return text if text[-1] not in "fn" else f'"{text}"'
