"""Large lists of plain numbers in a JSON or YAML text, read by orjson.

A word takes the place of each such list, the careful reader parses the rest of the text, and the arrays take the place
of the words. For every text that is not as simple as that, the functions return None: it needs the careful reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from attncli.errors import InputError
from attncli.formats import tree as trees
from attncli.formats.contents import NumberList
from attncli.formats.plain_texts import PlainTexts
from attncli.numbers.decimal_commas import may_hold_decimal_commas
from attncli.numbers.json_rows import LARGE, PIECE, parse_json_list, parse_json_rows, stack_rows

if TYPE_CHECKING:
    from attncli.matrix import Array

_WORD = "a-list-of-numbers-"
_ONLY_LISTS = re.compile(rf"(?:[A-Za-z]\w*: {_WORD}[0-9]+\n)+", re.ASCII)  # YAML that needs no parser
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_DASH = re.compile(r"[ \n]*\n( *)- ")
_DASHES = re.compile(r"[ \n]*\n( *)- - (?=[-0-9])")


class _Part(NamedTuple):
    """A list in a text: where it begins and ends, and where its first row begins and its last one ends.

    A flow list begins and ends with a bracket, and its rows are all of it. A block list begins with what leads to it;
    its rows have a separator, and their cells another one.
    """

    begin: int
    end: int
    first: int
    last: int
    rows: str = ""
    cells: str = ","


def read_json_lists(text: str, parse: Callable[[str], Any], *, keep_text: bool = False) -> Any:
    """Return the root of a JSON text, or None if it has no such list. `parse` reads the rest of the text."""
    return _read(text, parse, _lists_of_json, '"{}"', keep_text)


def read_yaml_lists(text: str, parse: Callable[[str], Any], *, keep_text: bool = False) -> Any:
    """Return the root of a YAML text whose large lists are flow lists, or block lists of lists; otherwise None."""
    return _read(text, parse, _lists_of_yaml, " {}", keep_text)


def _read(
    text: str, parse: Callable[[str], Any], parts: Callable[[str], Iterator[_Part]], form: str, keep_text: bool
) -> Any:
    if len(text) < LARGE:
        return None
    lists: dict[str, NumberList] = {}
    left: list[str] = []
    last = 0
    for part in parts(text):
        found = _parse_list(text, part, keep_text)
        if found is None:
            return None
        word = f"{_WORD}{len(lists)}"
        lists[word] = found
        left += [text[last : part.begin], form.format(word)]
        last = part.end
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


def _lists_of_json(text: str) -> Iterator[_Part]:
    """Yield what stands between two strings, from the first bracket to the last one."""
    start = 0
    while start < len(text):
        quote = text.find('"', start)
        stop = quote if quote >= 0 else len(text)
        if stop - start > LARGE // 4:
            bracket, end = text.find("[", start, stop), text.rfind("]", start, stop) + 1
            if 0 <= bracket < end:
                yield _Part(bracket, end, bracket, end)
        string = _STRING.match(text, stop)
        start = string.end() if string else len(text)


def _lists_of_yaml(text: str) -> Iterator[_Part]:
    """Yield what stands between two colons: from the first bracket to the last one, one flow list or one per dash, or
    a dash per number."""
    colon = text.find(":")
    while colon >= 0:
        key, start = colon, colon + 1
        colon = text.find(":", start)
        stop = colon if colon >= 0 else len(text)
        if stop - start > LARGE // 4:
            bracket, end = text.find("[", start, stop), text.rfind("]", start, stop) + 1
            before = text[start : max(start, bracket)]
            if dashes := _DASHES.match(text, start, stop):
                last = text.rfind("\n", start, stop) if colon >= 0 else stop  # before the line of the next key
                if dashes.end() < last and len(dashes[1]) >= _column(text, key) and "{" not in text:
                    yield _Part(start, last, dashes.end(), last, f"\n{dashes[1]}- - ", f"\n{dashes[1]}  - ")
            elif before and end and not before.strip(" \n"):
                yield _Part(start, end, bracket, end)
            elif end and (dash := _DASH.fullmatch(before)) and len(dash[1]) >= _column(text, key) and "{" not in text:
                yield _Part(start, end, bracket + 1, end - 1, f"]\n{dash[1]}- [")


def _column(text: str, colon: int) -> int:
    """Return the indentation of the key before a colon."""
    line = text[text.rfind("\n", 0, colon) + 1 : colon]
    return len(line) - len(line.lstrip(" -"))


def _parse_list(text: str, part: _Part, keep_text: bool) -> NumberList | None:
    """Return the array of a list of lists of plain numbers, with the texts of its cells if asked for, or None if it is
    anything else."""
    if may_hold_decimal_commas(text[part.begin : part.end].encode("utf-8", "surrogateescape")):
        return None
    cells = bytearray()

    def parse(pieces: Iterator[bytes | None]) -> Iterator[Array | None]:
        for piece in pieces:
            yield None if piece is None else parse_json_rows(piece)
            if keep_text and piece is not None:
                cells.extend(b"," * bool(cells) + piece.translate(None, b"[] \n"))

    array = stack_rows(parse(_rows_in_block(text, part) if part.rows else _rows_in_list(text, part)))
    if array is None and not part.rows:
        whole = text[part.first : part.last].encode()
        array = _parse_deep_list(whole)
        cells = bytearray(whole.translate(None, b"[] \n"))
    if array is None:
        return None
    return NumberList(array, PlainTexts(cells + b"\n", b",", array.size) if keep_text else None)


def _rows_in_block(text: str, part: _Part) -> Iterator[bytes | None]:
    """Yield the rows of `[1, 0]⏎- [0, 1]` or `- - 1⏎  - 0⏎- - 0⏎  - 1` as JSON, some at a time, or None if the text is
    anything else."""
    others = "[]" if part.cells == "," else "[],"
    start, stop = part.first, -1
    while stop < part.last:
        found = text.find(part.rows, start + PIECE, part.last)
        stop = found if found >= 0 else part.last
        rows = "\0".join(text[start:stop].split(part.rows))
        if any(sign in rows for sign in others):
            yield None
            return
        yield f"[{rows.replace(part.cells, ',')}]".replace("\0", "],[").encode()
        start = stop + len(part.rows)


def _rows_in_list(text: str, part: _Part) -> Iterator[bytes | None]:
    """Yield the rows of `[[1, 0], [0, 1]]`, some at a time, or None if the text is anything else."""
    begin, stop = part.first, part.last
    start, last = text.find("[", begin + 1, stop), text.rfind("]", begin, stop - 1) + 1
    if not begin < start < last or (text[begin + 1 : start] + text[last : stop - 1]).strip(" \n"):
        yield None
        return
    while start < last:
        end = text.find("]", min(start + PIECE, last - 1)) + 1
        yield text[start:end].encode()
        start = end
        if end < last:
            start = text.find(",", end, last) + 1
            if not start or text[end : start - 1].strip(" \n"):
                yield None
                return


def _parse_deep_list(text: bytes) -> Array | None:
    """Return the array of a list of more than two axes, or None if the text is anything else."""
    array = parse_json_list(text)
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
