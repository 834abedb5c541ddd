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
from attncli.numbers.json_rows import LARGE, PIECE, parse_json_list, parse_json_rows, stack_rows

if TYPE_CHECKING:
    from attncli.matrix import Array

_WORD = "a-list-of-numbers-"
_ONLY_LISTS = re.compile(rf"(?:[A-Za-z]\w*: {_WORD}[0-9]+\n)+", re.ASCII)  # YAML that needs no parser
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_DASH = re.compile(r"[ \n]*\n( *)- ")

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
    if len(text) < LARGE:
        return None
    lists: dict[str, NumberList] = {}
    left: list[str] = []
    last = 0
    for begin, bracket, end, separator in parts(text):
        array = _parse_list(text, bracket, end, separator)
        if array is None:
            return None
        word = f"{_WORD}{len(lists)}"
        lists[word] = NumberList(array)
        left += [text[last:begin], form.format(word)]
        last = end
    if not lists:
        return None
    left.append(text[last:])
    if any(_WORD in part for part in left[::2]):
        return None
    rest = "".join(left)
    if _ONLY_LISTS.fullmatch(rest):
        words = [line.split(": ") for line in rest.splitlines()]
        return {name: lists[word] for name, word in words} if len(dict(words)) == len(words) else None
    try:
        root = parse(rest)
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


def _parse_list(text: str, bracket: int, stop: int, separator: str) -> Array | None:
    """Return the array of the list of lists of plain numbers from a bracket on, or None if it is anything else."""
    if separator:
        return stack_rows(_rows_in_block(text, bracket, stop, separator))
    rows = stack_rows(_rows_in_list(text, bracket, stop))
    return _parse_deep_list(text[bracket:stop]) if rows is None else rows


def _rows_in_block(text: str, start: int, stop: int, separator: str) -> Iterator[Array | None]:
    """Yield the rows of `[1, 0]⏎- [0, 1]`, some at a time, or None if the text is anything else."""
    while start < stop:
        found = text.find(separator, start + PIECE, stop)
        end = found + 1 if found >= 0 else stop
        rows = text[start:end].split(separator)
        inner = ",".join(rows)  # with the last bracket, and no other one after the first
        is_plain = inner.find("]") == len(inner) - 1 and inner.rfind("[") == 0
        yield parse_json_rows("],[".join(rows).encode()) if is_plain else None
        start = found + len(separator) - 1 if found >= 0 else stop


def _rows_in_list(text: str, bracket: int, stop: int) -> Iterator[Array | None]:
    """Yield the rows of `[[1, 0], [0, 1]]`, some at a time, or None if the text is anything else."""
    start, last = text.find("[", bracket + 1, stop), text.rfind("]", bracket, stop - 1) + 1
    if not bracket < start < last or (text[bracket + 1 : start] + text[last : stop - 1]).strip(" \n"):
        yield None
        return
    while start < last:
        end = text.find("]", min(start + PIECE, last - 1)) + 1
        yield parse_json_rows(text[start:end].encode())
        start = end
        if end < last:
            start = text.find(",", end, last) + 1
            if not start or text[end : start - 1].strip(" \n"):
                yield None
                return


def _parse_deep_list(text: str) -> Array | None:
    """Return the array of a list of more than two axes, or None if the text is anything else."""
    array = parse_json_list(text.encode())
    return None if array is None or not 2 < array.ndim <= trees.MOST_AXES else array


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
