"""JSON with numbers kept as text. Strings may hold numbers that JSON cannot express ("-inf", "1/3")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from attncli.errors import InputError
from attncli.files import path_text
from attncli.formats.contents import Contents, Quoted
from attncli.formats.encoding import decode
from attncli.formats.list_writer import nested_lists, quote_scalar
from attncli.formats.number_lists import read_json_lists
from attncli.formats.tree import DEEPEST, FORM, read_contents
from attncli.formats.tree_places import Event, make_tree, position
from attncli.numbers.numerals import NumeralError, parse_number

if TYPE_CHECKING:
    from attncli.matrix import Matrix, Reading

TOKEN = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*"|[^\s\[\]{},:"]+', re.DOTALL)
_CURES = (  # for our words of an error, and for those of Python's json that begin alike in all its versions
    ("not JSON: a comma before", "delete the comma"),
    ("not JSON: unexpected end", "close what is open: brackets, braces and quotation marks"),
    ("not JSON: a string that is never closed", 'end it with "'),
    ("not JSON: invalid \\", "write two backslashes for one"),
    ("not JSON: expecting ',' delimiter", "put a comma between two values"),
    ("not JSON: expecting ':' delimiter", "write a colon and a value after the key"),
    ("not JSON: expecting property name", "keys go in double quotes"),
)
_ANY_CURE = "a value is a number, text in double quotes, a list or a mapping"
WORD = re.compile(r'[^\s\[\]{},:"]+')


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read the one value of a file.

    Raises InputError with line and column for every error.
    """
    text = decode(data, where)
    root = read_json_lists(text, partial(_parse, where=where), keep_text=reading.keep_text)
    root = _parse(text, where) if root is None else root
    return read_contents(make_tree(root, text, partial(_events, text)), where, reading)


class _DuplicateKeyError(Exception):
    pass


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
    except _DuplicateKeyError:
        raise _duplicate_fault(text, where) from None
    except json.JSONDecodeError as error:
        raise _malformed(text, where, error) from None
    except RecursionError:
        raise InputError(where, f"lists and objects more than {DEEPEST} deep", FORM) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise _DuplicateKeyError
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


def _malformed(text: str, where: str, error: Any) -> InputError:
    """Rephrase an error of json, which reports the character where it stopped, not the word that is wrong."""
    if not text.strip():
        return InputError(where, "the file is empty", FORM)
    index = error.pos
    what, hint, kind = f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}", None, InputError
    if error.msg.startswith(("Invalid", "Unterminated")):  # within a string
        if error.msg.startswith("Invalid control"):
            what, hint = "a line break or control character within a string", "write \\n for a line break"
        elif error.msg.startswith("Unterminated"):
            what = "not JSON: a string that is never closed"
    elif not text[index:].strip():
        what = "not JSON: unexpected end"
    elif error.msg.startswith("Illegal trailing comma"):  # the message since Python 3.13
        what = f"not JSON: a comma before {text[index + 1 :].lstrip()[:1]}"
    else:
        while index and WORD.fullmatch(text[index - 1]):
            index -= 1
        before = text[:index].rstrip()
        word = WORD.match(text, index)
        if error.msg == "Extra data" and (word is None or index == error.pos):
            kind, what = TrailingTextError, "something follows the end of the JSON value"
            hint = "one value per file; lists on separate lines are read from a .txt file"
        elif word is not None:
            what, hint = _foreign_word(word.group())
        elif before.endswith(",") and text[index] in "]}":
            index, what = len(before) - 1, f"not JSON: a comma before {text[index]}"
    line, column = position(text, index)
    hint = hint or next((cure for begins, cure in _CURES if what.startswith(begins)), _ANY_CURE)
    return kind(f"{where}: line {line}, column {column}", what, hint)


def _foreign_word(word: str) -> tuple[str, str | None]:
    what = f"{word if len(word) <= 40 else word[:37] + '...'!r} is not JSON"
    if word.lower() in ("true", "false", "null", "none"):
        return what, f"write {'null' if word == 'None' else word.lower()}"
    try:
        parse_number(word, leading_zero=False)
    except NumeralError as error:
        return (error.what, error.hint) if error.hint else (what, "text goes in double quotes")
    return what, f'write "{word}" in quotes'


def _duplicate_fault(text: str, where: str) -> InputError:
    open_objects: list[set[str] | None] = []
    is_key = False
    for event in _events(text):
        if event.kind == "end":
            open_objects.pop()
        elif is_key and open_objects[-1] is not None:
            if event.value in open_objects[-1]:
                return InputError(
                    f"{where}: line {event.line}, column {event.column}",
                    f"the key {path_text(event.value)} is given twice",
                    "remove one of the two",
                )
            open_objects[-1].add(event.value)
            is_key = False
            continue
        elif event.kind in "[{":
            open_objects.append(set() if event.kind == "{" else None)
        is_key = bool(open_objects) and open_objects[-1] is not None
    raise AssertionError("no key is given twice")


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
