"""YAML 1.2 with plain scalars kept as text, read from parser events: the fastest way, and safe for any file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from attncli.errors import InputError
from attncli.files import path_text
from attncli.formats.contents import Contents, Folded, Quoted
from attncli.formats.encoding import decode
from attncli.formats.list_writer import PLAIN, flow_rows, flow_text, quote_scalar, shared_labels
from attncli.formats.number_lists import read_yaml_lists
from attncli.formats.tree import DEEPEST, FORM, read_contents
from attncli.formats.tree_places import Event, make_tree, position

if TYPE_CHECKING:
    import numpy as np

    from attncli.matrix import Matrix, Reading

MOST_NODES = 10_000_000
BRACKETS = re.compile(r"""[][{}]|"(?:[^"\\]|\\.)*+"|'[^']*+'|(?:^|\s)#.*""", re.MULTILINE)
_SEE_FORM = "attncli demo --yaml shows the form of a problem file"
_QUESTION = re.compile(
    r"([\[,:][ \t]*)\?(?=[ \t]*(?:[],]|$))", re.MULTILINE
)  # a missing value, for YAML the sign of a key
FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\ufeff")


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read the one document of a file.

    Raises InputError with line and column for every error.
    """
    text = decode(data, where)
    root = read_yaml_lists(text, lambda left: _Builder(left, where).document(), keep_text=reading.keep_text)
    if root is None:
        try:
            root = _Builder(text, where).document()
        except InputError:
            if _QUESTION.search(text) is None:
                raise
            text = _QUESTION.sub(r"\1~", text)
            root = _Builder(text, where).document()
    return read_contents(make_tree(root, text, partial(_events, text)), where, reading)


def _loader(text: str) -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)


class _Builder:
    """Convert events to dicts, lists and text without recursion. Aliases share their node, but are counted in full."""

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self.where = where
        self.nodes = 0  # as if every alias were written out
        self.anchors: dict[str, tuple[Any, int] | None] = {}  # node and its size, or None while the node is still open

    def document(self) -> Any:
        import yaml

        try:
            return self.build(_loader(self.text))
        except yaml.reader.ReaderError:
            raise self.unreadable() from None
        except yaml.MarkedYAMLError as error:
            raise self.malformed(error) from None
        except yaml.YAMLError as error:
            raise InputError(self.where, f"not YAML: {error}", _SEE_FORM) from None

    def build(self, loader: Any) -> Any:
        from yaml import events as kinds

        next_event = loader.get_event
        holder: list[Any] = []  # of the document's root
        current: Any = holder
        key: str | None = None  # of the entry that is being read, if `current` is a mapping
        stack: list[tuple[Any, str | None, str | None, int]] = []
        documents = 0
        while (event := next_event()) is not None:
            kind = type(event)
            if kind is kinds.ScalarEvent:
                node: Any = event.value
                if event.style in ("'", '"', "|", ">"):
                    node = Quoted(node)
                if type(current) is dict and " " in node and event.style != "|" and self.has_lines(event):
                    node = Folded(node)
                if event.tag is not None:
                    raise self.tag_fault(event)
                if event.anchor is not None:
                    self.anchors[event.anchor] = (node, 1)
            elif kind is kinds.SequenceStartEvent or kind is kinds.MappingStartEvent:
                self.check_start(event, len(stack), current, key)
                stack.append((current, key, event.anchor, self.nodes))
                current, key = ([] if kind is kinds.SequenceStartEvent else {}), None
                continue
            elif kind is kinds.SequenceEndEvent or kind is kinds.MappingEndEvent:
                node = current
                current, key, anchor, before = stack.pop()
                self.count(len(node) + 1, event)
                if anchor is not None:
                    self.anchors[anchor] = (node, self.nodes - before)
            elif kind is kinds.AliasEvent:
                if type(current) is dict and key is None:
                    raise self.fault(event, "an alias as a key", "write the key out")
                node = self.resolve_alias(event)
            else:
                documents += kind is kinds.DocumentStartEvent
                if documents > 1:
                    raise self.fault(event, "a second document", "one problem per file: remove what follows ---")
                continue

            if type(current) is list:
                current.append(node)
            elif key is None:
                key = self.check_key(event, node, current)
            else:
                current[key] = node
                key = None
        if not holder:
            raise InputError(self.where, "the file is empty", FORM)
        return holder[0]

    def has_lines(self, event: Any) -> bool:
        """Return whether a scalar that is not literal stands on several lines."""
        start, end = event.start_mark, event.end_mark
        return bool(start.line < end.line) and self.text[start.index : end.index].strip().count("\n") > (
            event.style == ">"
        )

    def check_start(self, event: Any, depth: int, current: Any, key: str | None) -> None:
        if depth >= DEEPEST:
            raise self.fault(event, f"lists and mappings more than {DEEPEST} deep", FORM)
        if event.tag is not None:
            raise self.tag_fault(event)
        if type(current) is dict and key is None:
            raise self.fault(event, "a list or mapping as a key", "a key is a word, as in queries: [[1, 0]]")
        if event.anchor is not None:
            self.anchors[event.anchor] = None

    def check_key(self, event: Any, key: str, mapping: Mapping[str, Any]) -> str:
        is_plain = type(key) is str
        if is_plain and key == "<<":
            raise self.fault(event, "a merge key", "write the keys out: << is not YAML 1.2")
        if is_plain and key == "":
            raise self.fault(event, "a value without a key", "a key is a word, as in queries: [[1, 0]]")
        if key in mapping:
            raise self.fault(event, f"the key {path_text(key)} is given twice", "remove one of the two")
        return str(key)

    def resolve_alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            raise self.fault(
                event,
                f"the alias *{event.anchor} has no anchor &{event.anchor} above it",
                "write out what it stands for",
            )
        anchored = self.anchors[event.anchor]
        if anchored is None:
            raise self.fault(
                event, f"the alias *{event.anchor} is inside what it repeats", "write out what it stands for"
            )
        node, size = anchored
        self.count(size, event)
        return node

    def count(self, nodes: int, event: Any) -> None:
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            raise self.fault(event, f"more than {MOST_NODES:,} entries, aliases written out", "use an NPY or NPZ file")

    def tag_fault(self, event: Any) -> InputError:
        return self.fault(
            event, f"the tag {event.tag.replace('tag:yaml.org,2002:', '!!')}", "write the value without a tag"
        )

    def fault(self, event: Any, what: str, hint: str | None = None) -> InputError:
        mark = event.start_mark
        return InputError(f"{self.where}: line {mark.line + 1}, column {mark.column + 1}", what, hint)

    def unreadable(self) -> InputError:
        found = FORBIDDEN.search(self.text)
        if not found:
            return InputError(
                self.where, "not YAML: a character that YAML does not allow", "save the file as plain UTF-8 text"
            )
        line, column = position(self.text, found.start())
        what = f"the character U+{ord(found.group()):04X}, which YAML does not allow"
        return InputError(f"{self.where}: line {line}, column {column}", what, "save the file as plain UTF-8 text")

    def malformed(self, error: Any) -> InputError:
        mark = error.problem_mark or error.context_mark
        if mark is None:
            return InputError(self.where, f"not YAML: {error.problem}", _SEE_FORM)
        if (deep := _too_deep(self.text[: mark.index + 1])) is not None:
            where = "{}: line {}, column {}".format(self.where, *position(self.text, deep))
            return InputError(where, f"lists and mappings more than {DEEPEST} deep", FORM)
        place = f"{self.where}: line {mark.line + 1}, column {mark.column + 1}"
        line = (self.text.splitlines() or [""])[mark.line : mark.line + 1]
        if line and line[0][mark.column : mark.column + 1] == "\t":
            return InputError(place, "a tab where YAML requires spaces", "indent with spaces")
        if self.text[mark.index : mark.index + 1] == "," and self.text[: mark.index].rstrip()[-1:] in ("[", ","):
            hint = "write it, or if it is a cell of an answer that is left blank, a question mark: [0.5, ?]"
            return InputError(place, "a value is missing before ','", hint)
        what = f"not YAML: {error.problem}"
        if error.context_mark:
            what += f", {error.context} that starts in line {error.context_mark.line + 1}"
        return InputError(place, what, _SEE_FORM)


def _too_deep(text: str) -> int | None:
    """Return the offset at which brackets first go deeper than the limit.

    The scanner runs ahead of its events, and newer versions of libyaml have a limit and a message of their own, which
    would come first.
    """
    depth = 0
    for found in BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found.group(), 0)
        if depth > DEEPEST:
            return found.start()
    return None


def _events(text: str) -> Iterator[Event]:
    from yaml import events as kinds

    loader = _loader(text)
    names = {
        kinds.ScalarEvent: "scalar",
        kinds.AliasEvent: "alias",
        kinds.SequenceStartEvent: "[",
        kinds.MappingStartEvent: "{",
        kinds.SequenceEndEvent: "end",
        kinds.MappingEndEvent: "end",
    }
    while (event := loader.get_event()) is not None:
        if name := names.get(type(event)):
            mark = event.start_mark
            yield Event(name, getattr(event, "value", ""), mark.line + 1, mark.column + 1)


def write(matrices: Mapping[str, Matrix]) -> Iterator[bytes]:
    """Write a mapping of names to matrices. Rows are flow lists, and numbers have the fewest digits that read back to
    the same bits."""
    if labels := shared_labels(matrices):
        lines = ["labels:\n"]
        lines += [f"  {kind}: [{', '.join(map(scalar, names))}]\n" for kind, names in labels.items()]
        yield "".join(lines).encode()
    for name, matrix in matrices.items():
        yield from block(scalar(name), matrix.array)


def block(name: str, array: np.ndarray, indent: str = "") -> Iterator[bytes]:
    """Write one matrix of any number of axes under its name."""
    if array.ndim < 2 or not array.size:
        yield f"{indent}{name}: {flow_text(array, _number)}\n".encode()
        return
    yield f"{indent}{name}:\n".encode()
    for lines in _lines(array, f"{indent}  "):
        yield "".join(lines).encode()


def _lines(array: np.ndarray, indent: str) -> Iterator[list[str]]:
    if array.ndim == 2:
        for rows in flow_rows(array, _number, "en"):
            yield [f"{indent}- {row}\n" for row in rows]
        return
    for part in array:
        lead = f"{indent}- "  # replaces the first line's indent
        for lines in _lines(part, f"{indent}  "):
            lines[0] = lead + lines[0][len(lead) :]
            lead = f"{indent}  "
            yield lines


def _number(text: str) -> str:
    """Return a number that YAML 1.1 readers understand too: they need a point before an exponent."""
    if text[-1] in "fn":
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}[text]
    if "e" in text and "." not in text and text[0] not in "tf":
        return text.replace("e", ".0e")
    return text


def scalar(text: str) -> str:
    """Return text as a plain scalar if every reader takes it as text, or else in quotes."""
    words = ("true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan", "infinity")
    return text if PLAIN.fullmatch(text) and text.lower() not in words else quote_scalar(text)
