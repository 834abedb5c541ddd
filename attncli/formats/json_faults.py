"""The first fault of a text that is not JSON, found from the text alone.

The messages and positions of Python's json differ between versions of Python, and do not tell how to mend a text.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from attncli.files import path_text
from attncli.formats.tree import DEEPEST, FORM
from attncli.numbers.numerals import NumeralError, parse_number

_STRING = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+(?P<closing>"?)'
_TOKEN = re.compile(rf'[ \t\n\r]*+(?P<token>[\[\]{{}},:]|{_STRING}|[^\s\[\]{{}},:"]+|\s)')
_WORD = re.compile(r"true|false|null|NaN|-?Infinity|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_LONGEST = 40  # characters of a word that a message shows
_CLOSING = {"[": "]", "{": "}"}
_BEHIND_COMMA = {"[": "value", "{": "key"}
_VALUE = {"string": "comma", "word": "comma", "[": "value or ]", "{": "key or }"}
_KEY = {"string": "colon"}
_NEXT = {  # what may come, and what may come behind it
    "value": _VALUE,
    "value or ]": {**_VALUE, "]": "comma"},
    "key": _KEY,
    "key or }": {**_KEY, "}": "comma"},
    "colon": {":": "value"},
    "comma": {",": "", "]": "comma", "}": "comma"},  # behind a comma comes what the bracket says
    "end": {},
}
_VALUE_MISSING = ("not JSON: a value is missing", "a value is a number, text in double quotes, a list or a mapping")
_KEY_MISSING = ("not JSON: a key is missing", "keys go in double quotes")
_AT_KEY = ("key", "key or }")
_MISSING = {
    "value": _VALUE_MISSING,
    "value or ]": _VALUE_MISSING,
    "key": _KEY_MISSING,
    "key or }": _KEY_MISSING,
    "colon": ("not JSON: a colon is missing", "write a colon and a value after the key"),
    "comma": ("not JSON: a comma is missing", "put a comma between two values"),
    "end": (
        "something follows the end of the JSON value",
        "one value per file; lists on separate lines are read from a .txt file",
    ),
}


class JsonFault(NamedTuple):
    """What is wrong at an offset in the text, and how to mend it; a trailing one stands behind the end of a value."""

    offset: int
    what: str
    hint: str
    is_trailing: bool = False


def find_json_fault(text: str) -> JsonFault | None:
    """Return the first fault of a text, or None if Python's json reads it, no key is given twice in an object, and
    nothing is nested too deep."""
    scan, index = _Scan(), 0
    while found := _TOKEN.match(text, index):
        token, start = found["token"], found.start("token")
        index = found.end()
        if found["closing"] == "":
            return _fault_in_string(text, start, index)
        if fault := scan.take(token, start):
            return fault
    return scan.fault_at_end(len(text.rstrip()))


class _Scan:
    """What is open in a text up to a token, and what may come next."""

    def __init__(self) -> None:
        self.due = "value"
        self.open_: list[str] = []  # the brackets
        self.keys: list[set[str]] = []  # of each of them
        self.last_comma: int | None = None  # if it is the token before

    def take(self, token: str, index: int) -> JsonFault | None:
        """Go on by one token, or return what is wrong with it here."""
        kind = token if token in "[]{},:" else "string" if token[0] == '"' else "word"
        if fault := self._refuse(kind, token, index):
            return fault
        self.last_comma = index if kind == "," else None
        self.due = _BEHIND_COMMA[self.open_[-1]] if kind == "," else _NEXT[self.due][kind]
        if kind in "[{":
            self.open_.append(kind)
            self.keys.append(set())
        elif kind in "]}":
            del self.open_[-1], self.keys[-1]
        if self.due == "comma" and not self.open_:
            self.due = "end"
        return None

    def _refuse(self, kind: str, token: str, index: int) -> JsonFault | None:
        if kind == "word" and self.due not in ("colon", "end") and (self.due in _AT_KEY or not _WORD.fullmatch(token)):
            return JsonFault(index, *_refuse_word(token))
        if self.due == "comma" and kind in "]}" and kind != _CLOSING[self.open_[-1]]:
            closing = _CLOSING[self.open_[-1]]
            return JsonFault(
                index, f"not JSON: {closing} is missing before {kind}", f"close what is open with {closing}"
            )
        if kind not in _NEXT[self.due]:
            if kind in "]}" and self.last_comma is not None:
                return JsonFault(self.last_comma, f"not JSON: a comma before {kind}", "delete the comma")
            return JsonFault(index, *_MISSING[self.due], is_trailing=self.due == "end")
        if kind in "[{" and len(self.open_) == DEEPEST:
            return JsonFault(index, f"lists and objects more than {DEEPEST} deep", FORM)
        return self._refuse_key(json.loads(token), index) if kind == "string" and self.due in _AT_KEY else None

    def _refuse_key(self, key: str, index: int) -> JsonFault | None:
        keys = self.keys[-1]
        if key in keys:
            return JsonFault(index, f"the key {path_text(key)} is given twice", "remove one of the two")
        keys.add(key)
        return None

    def fault_at_end(self, index: int) -> JsonFault | None:
        if self.due == "end":
            return None
        return JsonFault(index, "not JSON: unexpected end", "close what is open: brackets, braces and quotation marks")


def _fault_in_string(text: str, start: int, end: int) -> JsonFault:
    """Return why the string that begins at `start` cannot go on at `end`."""
    if text[end : end + 1] == "\\" and end + 1 < len(text):
        return JsonFault(end, f"not JSON: invalid {text[end : end + 2]}", "write two backslashes for one")
    if end < len(text) and text[end] < " ":
        return JsonFault(end, "a line break or control character within a string", "write \\n for a line break")
    return JsonFault(start, "not JSON: a string that is never closed", 'end it with "')


def _refuse_word(word: str) -> tuple[str, str]:
    """Return what is wrong with a word where a value or a key belongs, and how to mend it."""
    if word.startswith(("#", "//", "/*")):
        return "a comment, which JSON does not have", "delete it"
    if word.isspace():
        return f"the character U+{ord(word):04X} between values", "use plain spaces"
    what = f"{word if len(word) <= _LONGEST else word[: _LONGEST - 3] + '...'!r} is not JSON"
    if word.lower() in ("true", "false", "null", "none"):
        return what, f"write {'null' if word == 'None' else word.lower()}"
    try:
        parse_number(word, leading_zero=False)
    except NumeralError as error:
        return (error.what, error.hint) if error.hint else (what, "text goes in double quotes")
    return what, f'write "{word}" in quotes'
