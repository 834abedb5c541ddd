"""Mappings of arrays, as Python prints and writes them: `{'q': tensor(…), 'k': …}`, `OrderedDict([('q', …)])`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attncli.errors import InputError
from attncli.formats.contents import Contents
from attncli.formats.prints.named import NamedPart
from attncli.matrix import Reading
from attncli.numbers.numerals import quote

_KEY = r"(?:\"[^\"\n]*\"|'[^'\n]*'|[A-Za-z_$][\w$]*)"
_RECORD = (  # a dataclass or a named tuple whose first field is an array
    r"(?!(?:Tensor|Array|DeviceArray|Parameter|Variable|(?:Immutable|Mutable)?(?:Dense)?Matrix|NDArray|DataFrame)\b)"
    r"[A-Z]\w*\((?=\s*[A-Za-z_]\w*=(?:(?:np\.|numpy\.|torch\.|jnp\.)?(?:array|tensor|Array|matrix)\(|[\[(]\s*[\[(]))"
)
BEGINNING = re.compile(
    rf"\s*(?:\{{\s*{_KEY}\s*:(?!:)|(?:collections\.)?OrderedDict\(\s*(?:\{{\s*{_KEY}\s*:|\[\s*\(\s*[\"'])"
    rf"|dict\(\s*[A-Za-z_]\w*\s*=|{_RECORD})"
)
_OPENING = re.compile(rf"\s*(?:(?:collections\.)?OrderedDict\(\s*[{{\[]|dict\(|{_RECORD}|\{{)")
_ITEM = re.compile(rf"\s*(\(\s*)?({_KEY})\s*[:=,]\s*", re.DOTALL)
_CALL = re.compile(r"[:,]\s*(?:new\s+)?[A-Za-z_]?[\w.]*(?:\([0-9]*\)\s*\[|\()|(?:^|\s)//")
_STEPS = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|(?:#|//)[^\n]*|[\[({]|[\])}]|,")
_COMMENTS = re.compile(r"(?:\s*(?:#|//)[^\n]*\n)+")
_NOTHING = frozenset(("None", "null", "undefined"))
_SHOWN = 30


def read_document(text: str, where: str, reading: Reading) -> Contents:
    """Return what a mapping of JSON, YAML or a literal of Python holds."""
    from attncli.formats import json, yaml

    data = text.replace("\t", " ").encode("utf-8", "surrogateescape")  # YAML refuses tabs between its tokens
    if not text.lstrip("{ \n").startswith('"'):
        return yaml.read(data, where, reading)
    try:
        return json.read(data, where, reading)
    except InputError as refusal:
        try:
            return yaml.read(data, where, reading)
        except InputError:
            raise refusal from None


def holds_prints(text: str) -> bool:
    """Return whether values of the mapping may be calls or types, as arrays are printed, which no YAML has."""
    return not text.lstrip().startswith("{") or _CALL.search(text) is not None


def split_mapping(text: str, where: str) -> list[NamedPart]:
    """Return the arrays of a mapping by their keys, without those that are None.

    Raises InputError for a key or a bracket that is not understood.
    """
    opening = _OPENING.match(text)
    assert opening is not None
    parts = []
    for item in _items(text, opening.end(), where):
        found = _ITEM.match(item)
        if found is None:
            what = f"{quote(item.strip()[:_SHOWN])} is not understood; expected a name and an array"
            raise InputError(where, what, "keep only the arrays, each with its name: Q = …")
        value = item[found.end() :].strip()
        value = value.removesuffix(")") if found[1] else value
        if value not in _NOTHING:
            parts.append(NamedPart(found[2].strip("\"'"), value))
    return parts


def _items(text: str, start: int, where: str) -> Iterator[str]:
    """Yield the text of each item between the brackets that are open at `start`."""
    depth, begin = 0, start
    for step in _STEPS.finditer(text, start):
        token = step[0]
        if token in "[({":
            depth += 1
        elif token in "])}":
            depth -= 1
            if depth < 0:
                if item := _COMMENTS.sub("\n", "\n" + text[begin : step.start()]).strip():
                    yield item
                if text[step.end() :].strip(" \t\n;)"):
                    what = f"{quote(text[step.end() :].strip()[:_SHOWN])} after the mapping is not understood"
                    raise InputError(where, what, "keep only the mapping")
                return
        elif token == "," and not depth:
            yield _COMMENTS.sub("\n", "\n" + text[begin : step.start()] + "\n").strip()
            begin = step.end()
    raise InputError(where, "a bracket of the mapping is never closed", "copy the whole text")
