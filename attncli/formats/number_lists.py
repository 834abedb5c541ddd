"""Large lists of plain numbers in a JSON or YAML text, read by orjson.

A word takes the place of each such list, the careful reader parses the rest of the text, and the arrays take the place
of the words. For every text that is not as simple as that, the functions return None: it needs the careful reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from attncli.errors import InputError
from attncli.formats import tree as trees
from attncli.formats.contents import NumberList
from attncli.numbers.numerals import parse_plain_numbers

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LARGE = 1 << 17  # characters: a careful reader of fewer takes no longer than the import of orjson
_WORD = "a-list-of-numbers-"
_CHARACTERS = b"0123456789.+-eE, \n"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_DASH = re.compile(r"[ \n]*\n( *)- ")
_ZEROS = re.compile(r"-0[],\s]")  # as an integer, -0 has no sign for orjson

Parts = Iterator[
    tuple[int, int, int, str]
]  # begin of what leads to a list, its bracket, its end, what divides its rows


def read_json_lists(text: str, parse: Callable[[str], Any]) -> Any:
    """Return the root of a JSON text, or None if it has no such list. `parse` reads the rest of the text."""
    return _read(text, parse, _lists_of_json, '"{}"')


def read_yaml_lists(text: str, parse: Callable[[str], Any]) -> Any:
    """Return the root of a YAML text whose large lists are flow lists, or block lists of flow lists; otherwise None."""
    return _read(text, parse, _lists_of_yaml, " {}")


def _read(text: str, parse: Callable[[str], Any], parts: Callable[[str], Parts], form: str) -> Any:
    if len(text) < LARGE or _WORD in text:
        return None
    lists: dict[str, NumberList] = {}
    left: list[str] = []
    last = 0
    for begin, bracket, end, separator in parts(text):
        array = _parse_list(text[bracket:end], separator)
        if array is None:
            return None
        word = f"{_WORD}{len(lists)}"
        lists[word] = NumberList(array)
        left += [text[last:begin], form.format(word)]
        last = end
    if not lists:
        return None
    try:
        root = parse("".join(left) + text[last:])
    except InputError:
        return None  # the careful reader finds it again, at its place in the whole text
    return _put_back(root, lists)


def _lists_of_json(text: str) -> Parts:
    """Yield what stands between two strings, from the first bracket to the last one."""
    start = 0
    while start < len(text):
        quote = text.find('"', start)
        stop = quote if quote >= 0 else len(text)
        if stop - start > LARGE // 4:
            bracket, end = text.find("[", start, stop), text.rfind("]", start, stop) + 1
            if 0 <= bracket < end:
                yield bracket, bracket, end, ""
        string = _STRING.match(text, stop)
        start = string.end() if string else len(text)


def _lists_of_yaml(text: str) -> Parts:
    """Yield what stands between two colons, from the first bracket to the last one: one flow list, or one per dash."""
    colon = text.find(":")
    while colon >= 0:
        key, start = colon, colon + 1
        colon = text.find(":", start)
        stop = colon if colon >= 0 else len(text)
        if stop - start > LARGE // 4:
            bracket, end = text.find("[", start, stop), text.rfind("]", start, stop) + 1
            before = text[start : max(start, bracket)]
            if before and end and not before.strip(" \n"):
                yield start, bracket, end, ""
            elif end and (dash := _DASH.fullmatch(before)) and len(dash[1]) >= _column(text, key) and "{" not in text:
                yield start, bracket, end, f"]\n{dash[1]}- ["


def _column(text: str, colon: int) -> int:
    """Return the indentation of the key before a colon."""
    line = text[text.rfind("\n", 0, colon) + 1 : colon]
    return len(line) - len(line.lstrip(" -"))


def _parse_list(text: str, separator: str) -> Array | None:
    """Return the array of a list of lists of plain numbers, or None if the text is anything else."""
    import numpy as np

    rows = _split_rows(text, separator)
    if rows is not None:
        columns = rows[0].count(",") + 1
        if any(row.count(",") != columns - 1 for row in rows):
            return None
        numbers = _parse_numbers(",".join(rows), len(rows) * columns)
        return None if numbers is None else numbers.reshape(len(rows), columns)
    import orjson

    if separator or text.encode().translate(None, _CHARACTERS + b"[]") or _ZEROS.search(text):
        return None
    try:
        array = np.array(orjson.loads(text), np.float64)
    except ValueError:  # no list, or an uneven one
        return None
    return array if array.size and 2 <= array.ndim <= trees.MOST_AXES else None


def _split_rows(text: str, separator: str) -> list[str] | None:
    """Return the text of each row if one separator divides all of them, or None (also for more than two axes)."""
    lead = "["
    if not separator:
        first, end = text.find("[", 1), text.find("]")
        second = text.find("[", end)
        if not 0 < first < end < second or text[1:first].strip() or text[text.rfind("]", 0, -1) + 1 : -1].strip():
            return None
        lead, separator = text[: first + 1], text[end : second + 1]
        if separator[1:-1].strip() != ",":
            return None
        text = text[: text.rfind("]", 0, -1) + 1]
    rows = text[len(lead) : -1].split(separator)
    return rows if text.count("[", len(lead)) == len(rows) - 1 else None


def _parse_numbers(text: str, count: int) -> Array | None:
    """Return the numbers between the commas, or None if one is not valid."""
    data = text.encode()
    if data.translate(None, _CHARACTERS):
        return None
    return parse_plain_numbers(data, count, as_json=True)


def _put_back(root: Any, lists: dict[str, NumberList]) -> Any:
    """Return the root with each list for its word, or None if a word became part of a longer text."""
    missing = set(lists)

    def fill(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: fill(value) for key, value in node.items()}
        if isinstance(node, list):
            return [fill(inner) for inner in node]
        if isinstance(node, str) and node in lists:
            missing.discard(node)
            return lists[node]
        return node

    filled = fill(root)
    return None if missing else filled
