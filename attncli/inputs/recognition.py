"""Which formats bytes without a telling name may have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.inputs.array_names import matrix_name
from attncli.patterns import pattern

if TYPE_CHECKING:
    from attncli.formats.contents import Contents
    from attncli.matrix import Reading

BY_MAGIC = {  # besides NPY, zip archives and text
    b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.": "pt",
    b"\x89HDF\r\n\x1a\n": "h5",
    b"%%MatrixMarket": "mtx",
    b"MATLAB 5.0 MAT-file": "mat",
    b"MATLAB 7.3 MAT-file": "mat",
}
_BRACES = pattern(r"\{\s*(?:[{\[(]|[-+\N{MINUS SIGN}]?\.?[0-9])")  # of Mathematica, C and Go
_COMMENTS = pattern(r"(?:^|\s)#[^\n]*", re.MULTILINE)
_NEXT_KEY = pattern(r"\n['\"]?[A-Za-z_]\w*['\"]?[ \t]*:")
_NO_YAML = pattern(
    r"[;({*`]|[0-9.][ \t]+[-+.0-9]|[0-9.]_?[fdLu][0-9]*\b|[0-9]//"
)  # in a list: YAML has commas and plain numbers
_NAMED_ITEM = pattern(r"- [A-Za-z]\w*[ \t]*=[ \t]*[\[{(]")  # - Q = [[1, 0]], of an answer in Markdown
_ROWS_BEHIND = pattern(r"[^\n:]*:[ \t]*[-+.0-9][^\n\[]*;")  # a label, as which they are text of YAML too
YAML_KEY = pattern(r"(?:[ \t]*(?:#.*)?\n)*(?:---|%YAML|- |['\"]?[A-Za-z_]\w*['\"]?[ \t]*:(?:\s|$))")


def recognize_format(data: bytes) -> tuple[str, ...]:
    """Return the formats that the bytes may have, the likeliest first."""
    if data.startswith(b"\x93NUMPY"):
        return ("npy",)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ("pt",) if is_of_torch(data) else ("npz",)
    for magic, name in BY_MAGIC.items():
        if data.startswith(magic):
            return (name,)
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8:
        return ("safetensors",)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    start = data[:65536].decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n").lstrip()
    if begins_mapping(start):
        return ("json", "yaml", "txt") if start[1:].lstrip()[:1] != "'" else ("txt", "yaml")
    if start.startswith("[") and "," in start and not any(mark in start for mark in ";("):
        return ("json", "txt", "yaml")
    from attncli.formats.prints import is_labelled, is_labelled_call, is_print, is_sized

    if is_print(start[:4096]) or is_sized(start[:4096]) or not YAML_KEY.match(start) or _NAMED_ITEM.match(start):
        return ("txt",)
    first = _COMMENTS.sub("", _NEXT_KEY.split(start, 1)[0])
    is_text = is_labelled_call(start[:4096]) or (
        is_labelled(start[:4096]) and _NO_YAML.search(first) and not _ROWS_BEHIND.match(first.lstrip())
    )
    return ("txt", "yaml") if is_text or start.startswith("shape: (") else ("yaml", "txt")


def begins_mapping(text: str) -> bool:
    """Return whether the text begins like a mapping of JSON or YAML, and not like lists in braces."""
    return text.startswith("{") and not _BRACES.match(text)


def read_as_problem(data: bytes, where: str, reading: Reading) -> Contents | None:
    """Return a text as the YAML that it begins like, if it has arrays or the name of a matrix among its keys, or None.

    So it is read from standard input, where nothing tells YAML from tables and prints.
    """
    if recognize_format(data)[0] != "yaml":
        return None
    from attncli.formats import yaml

    try:
        contents = yaml.read(data, where, reading)
    except InputError:
        return None
    root = None if contents.tree is None else contents.tree.root
    is_problem = isinstance(root, dict) and (contents.matrices or any(matrix_name(str(key)) for key in root))
    return contents if is_problem else None


def is_of_torch(data: bytes) -> bool:
    """Return whether a zip archive was written by torch.save, whose pickle is called data.pkl."""
    return b"/data.pkl" in data[:1024]


def looks_raw(data: bytes) -> bool:
    """Return whether unrecognized bytes cannot be text either."""
    return recognize_format(data) == ("txt",) and b"\0" in data[:4096] and data[:2] not in (b"\xff\xfe", b"\xfe\xff")
