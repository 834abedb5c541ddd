"""Arrays among the words of a page, as a worked example has them: each is found by its brackets, or as rows below its
name, and named by what stands before it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attncli.formats.prints.side_by_side import stack_matrices
from attncli.numbers.numerals import may_be_cell
from attncli.records import record

LONGEST = 1 << 16  # characters of a page
_MOST_WORDS = 60  # characters of a name
_CALL = r"(?:[A-Za-z_]\w*\.)*(?:[Tt]ensor|[Aa]rray|matrix|constant|Matrix|asarray)\("
_ARRAY = re.compile(rf"(?:{_CALL}\s*)?\[(?=\s*[-+.\d\[\N{{MINUS SIGN}}])")
_EQUAL = re.compile(rf"\s*(?:=|≈|≅)\s*(?={_ARRAY.pattern})")
_COMMENT = re.compile(r"[ \t]*(?:#|//|%|←|<-+[ \t]|--)[^\n]*")
_TAIL = re.compile(  # what may follow a whole array: its end, a remark, or another part of the sentence
    r"[ \t]*[`*_)]{0,3}[ \t]*(?:\Z|\n|[,;](?=[ \t]*(?:\Z|\n|\w|`|\*|#))|\.(?=[ \t]*(?:\Z|\n|[ \t][A-Z]))|#|//|←|%"
    r"|\((?=[^()\n]*\))|and\b|are\b|with\b|\[[0-9, ×x]+\][ \t]*(?:\n|\Z)|[|│])"
)
_ROW = re.compile(r"[ \t]*[\[|│(]?[ \t]*([-+.\d\N{MINUS SIGN}][^\n\[\]|│()]*?)[ \t]*[\]|│)]?[ \t]*,?[ \t]*")
_LABELLED_ROW = re.compile(r"[ \t]*(?:[-*•][ \t]*)?[\"'`]?[A-Za-z][^\n\[\]=:→]{0,24}[ \t]*(?:=|:|→|->)[ \t]*(?=\[)")
_NAME = r"[A-Za-z_][\w^{}'ᵀ⊤]*(?:[ \t]+[A-Za-z_][\w^{}'ᵀ⊤]*){0,4}(?:[ \t]*\([\"']?[A-Za-z0-9 _,×x]{1,24}[\"']?\))?"
_LEAD = re.compile(
    rf"(?:^|.*?[^\w^{{}}'ᵀ⊤ \t(])?[ \t]*({_NAME})[`*_\"')]{{0,4}}[ \t]*(?:=|:=|:|→|->|<-)[ \t]*", re.DOTALL
)
_ALIAS = re.compile(r"[`* \t]*([A-Za-z_][\w^{}]*)[`* \t]*")
_BARE = re.compile(r"[ \t]*(?:[-*•#]+[ \t]*)?[`*]*([A-Za-z_][\w^{}]*(?:[ \t]+\w+){0,3})[`*]*[ \t]*[:=]?[ \t]*")
_SHOWN = re.compile(r"print\([ \t]*(?:f?[\"'][^\"'\n]*[\"'],[ \t]*)?([A-Za-z_]\w*)[ \t]*\)")
_PROMPT = re.compile(r"^[ \t]*(?:>>>|In[ \t]*\[[0-9 ]*\]:|Out[ \t]*\[[0-9 ]*\]:|#>)[ \t]?", re.MULTILINE)
_WORDS = frozenset(("and", "the", "a", "with", "where", "let", "given", "then", "so"))
_CLAIM = re.compile(
    rf"^[ \t]*(?:[-*•>#]+[ \t]*|\d+[.)][ \t]*)?[`*_]{{0,3}}({_NAME})[`*_]{{0,3}}[ \t]*(?:=|:=|<-|:)(?!=)[ \t]*([^\n]*)",
    re.MULTILINE,
)


@record
class NamedText:
    """An array of a page, at a place in its text: what stands before it names it, and `also` are other names in a
    chain, `Q = K = [[1]]`."""

    name: str
    also: tuple[str, ...]
    text: str
    place: int


@record
class Claim:
    """A line, at a place in the text, that gives a name something else than an array."""

    name: str
    value: str
    place: int


def read_page(text: str) -> tuple[list[NamedText], list[Claim]]:
    """Return the arrays of a page with their names, and the names that get something else.

    An array that is an operand, `[1, 0] · [0, 1]`, or that no name stands before, is left out.
    """
    text = stack_matrices(_PROMPT.sub("", text))
    found = list(_blocks(text))
    found += [each for each in _arrays(text) if not any(start < each[1] and each[0] < end for start, end, _ in found)]
    taken = [(start, end) for start, end, _ in found]
    claims = [
        Claim(line[1].strip(), line[2], line.start())
        for line in _CLAIM.finditer(text)
        if not any(start < line.start(2) < end or _touches(text, line.end(), start) for start, end in taken)
        and not any(line.start() <= start < line.end() for start, _ in taken)
    ]
    return [each for _, _, each in sorted(found, key=lambda entry: entry[0])], claims


def _touches(text: str, end: int, start: int) -> bool:
    """Return whether nothing but spaces stands between a line and an array below it."""
    return end <= start and not text[end:start].strip()


def _arrays(text: str) -> Iterator[tuple[int, int, NamedText]]:
    """Yield the named arrays in brackets, with where each begins and ends."""
    position = before = 0
    carried: tuple[str, tuple[str, ...]] | None = None
    while found := _ARRAY.search(text, position):
        end = _closing(text, found.start())
        if end is None:
            position = found.end()
            continue
        position = end
        named = _name_before(text, before, found.start()) if carried is None else carried
        carried = named if _EQUAL.match(text, end) else None
        before = end
        if carried is not None:
            continue  # it is worked out: `[2/1.732, 0] = [1.155, 0]`
        is_row = text.count("[", found.start(), end) == 1 and _plain_row(
            text[end:].lstrip(" \t,").lstrip("\n").partition("\n")[0]
        )
        if named is not None and not is_row and _TAIL.match(text, end):
            yield found.start(), end, NamedText(*named, text[found.start() : end], found.start())


def _closing(text: str, start: int) -> int | None:
    """Return the end of the array that begins at `start`, with the call around it, or None if it is never closed."""
    depth = 0
    position = start
    while position < len(text):
        char = text[position]
        if char == "#":
            position = text.find("\n", position)
            if position < 0:
                return None
            continue
        depth += (char in "[(") - (char in "])")
        position += 1
        if char in "])" and depth == 0:
            return position
    return None


def _name_before(text: str, before: int, start: int) -> tuple[str, tuple[str, ...]] | None:
    """Return the name that stands before an array, in its line or above it, and other names in a chain, or None."""
    line_start = max(before, text.rfind("\n", 0, start) + 1)
    lead = text[line_start:start]
    if lead.strip(" \t`*"):
        return _name_of(lead)
    above = text[before:line_start].rstrip()
    line = above[above.rfind("\n") + 1 :]
    if not line.strip() or len(line) > 2 * _MOST_WORDS:
        return None
    if shown := _SHOWN.fullmatch(line.strip()):
        return shown[1], ()
    if line.rstrip(" \t*`").endswith(("=", ":", "→")):
        return _name_of(line.rstrip(" \t*`"))
    bare = _BARE.fullmatch(line)
    return (bare[1], ()) if bare else None


def _name_of(lead: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the name in `and key vectors K1 = ` or `S = Q K^T / sqrt(d_k): `, and what the same array is called in a
    chain, or None if what stands before an array does not end like that of a name."""
    lead = lead.rstrip(" \t`*")
    if not lead.endswith(("=", ":", "→", "->", "<-")):
        return None
    first, *others = re.split(r"(?<![=<>!:])=(?!=)", lead)
    found = _LEAD.fullmatch(f"{first.rstrip()} = " if others else f"{first} ")
    if found is None:
        return None
    words = found[1].split()
    while len(words) > 1 and words[0].lower() in _WORDS:
        words.pop(0)
    return " ".join(words), tuple(alias[1] for part in others if (alias := _ALIAS.fullmatch(part)))


def _blocks(text: str) -> Iterator[tuple[int, int, NamedText]]:
    """Yield rows of numbers below a name, each perhaps between bars, or in brackets of its own. One row in brackets may
    be a vector."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    index = 0
    while index < len(lines):
        rows: list[list[str]] = []
        while index + len(rows) < len(lines) and (row := _row_of(lines[index + len(rows)])):
            rows.append(row)
        above = next((line for line in reversed(lines[max(0, index - 2) : index]) if line.strip()), "")
        is_vector = len(rows) == 1 and "[" in lines[index] and not _LABELLED_ROW.match(lines[index])
        if rows and not is_vector and _is_heading(above):
            name = _name_of(above.rstrip(" \t*`"))
            if name is not None and len(set(map(len, rows))) == 1:
                whole = "[" + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]"
                yield starts[index], starts[index + len(rows)], NamedText(*name, whole, starts[index])
        index += max(1, len(rows))


def _is_heading(line: str) -> bool:
    return len(line) <= 2 * _MOST_WORDS and line.rstrip(" \t*`").endswith(("=", ":"))


def _plain_row(line: str) -> bool:
    return _LABELLED_ROW.match(line) is None and _row_of(line) is not None


def _row_of(line: str) -> list[str] | None:
    """Return the cells of a line that holds one row of numbers, perhaps after its label, and no list of lists."""
    line = _LABELLED_ROW.sub("", line, count=1)
    if "[[" in line or "]]" in line or not (found := _ROW.fullmatch(_COMMENT.sub("", line))):
        return None
    cells = found[1].replace(",", " ").split()
    return cells if cells and all(map(may_be_cell, cells)) else None
