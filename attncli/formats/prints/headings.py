"""Matrices below headings, `# Q` or `**Query matrix**`, and in the fences of a page: what divides them becomes their
names, `Q =`."""

from __future__ import annotations

import re
from itertools import pairwise

from attncli.formats.prints.named import is_assignment
from attncli.numbers.numerals import may_be_cell

_NAME = (
    r"[QKVX]|quer(?:y|ies)|keys?|values?|context|mask|bias|[wb]_?[qkvo]"
    r"|(?:expected[ _]+)?(?:raw[_ ]scores|scores|weights|output|lse)|(?:attention|attn)[_ ](?:mask|weights|output)"
)
_WORDS = r"matrix|matrices|vectors?|tensors?|arrays?"
_HEADING = re.compile(
    r"[ \t]*(?:#{1,6}|%{1,2}|//|--+|==+|[-*•]|[0-9]{1,2}[.)])?[ \t]*(?:\*\*|__|`)?[ \t]*"
    rf"(?:(?:the|input|{_WORDS})[ \t]+)*({_NAME})(?:[ \t]+(?:{_WORDS}))?"
    r"(?:[ \t]*\((?:[QKV]|quer(?:y|ies)|keys?|values?)\))?"
    r"(?:[ \t]*[:,]?[ \t]*(?:of[ \t]+)?(?:shape)?[ \t]*[:=]?[ \t]*(?:torch\.Size\()?"
    r"[(\[][0-9]+(?:[ \t]*[,×x][ \t]*[0-9]+)*,?[)\]]\)?)?"
    r"[ \t]*[:=]?[ \t]*(?:\*\*|__|`)?[ \t]*:?[ \t]*(?:#+|--+|==+)?[ \t]*",
    re.IGNORECASE,
)
_NAMED_COMMENT = re.compile(
    rf"(?:#+|%+|//)[ \t]*(?:(?:the|input|{_WORDS})[ \t]+)*([QKV]|quer(?:y|ies)|keys?|values?)(?![\w.])", re.IGNORECASE
)
_LONGEST = 80  # characters of a heading
_MARKED_NAME = re.compile(  # of an answer in Markdown: - **Q** = [[1, 0]], or `Q`: `[[1, 0]]`
    r"^[ \t]*(?:(?:[-*•]|[0-9]{1,2}[.)])[ \t]+([A-Za-z]\w{0,30})[ \t]*="
    r"|(?:(?:[-*•]|[0-9]{1,2}[.)])[ \t]+)?(\*\*|__|`)([A-Za-z]\w{0,30})(?:\2[ \t]*[:=]|[ \t]*[:=][ \t]*\2))"
    r"[ \t]*(?=[\[{(`]|[a-z.]{2,20}\()(?:`([^`\n]*)`)?",
    re.MULTILINE,
)
_NAMED = re.compile(_NAME, re.IGNORECASE)
_GAP, _SPACE = r"[ \t]{0,3}", r"[ \t]{1,3}"  # no more: of many spaces, each part of a pattern could have any
_ALIAS = rf"{_GAP}\((?:[QKVX]|quer(?:y|ies)|keys?|values?)\)"
_LENGTHS = rf"[0-9]+(?:{_GAP}[,x×]{_GAP}[0-9]+)+"
_SIZE = (  # 3x2, (3 × 2), (3, 2), shape=(3, 2), torch.Size([3, 2])
    rf"(?:[:,]?{_GAP}(?:is{_SPACE})?[0-9]+(?:[ \t]?[x×][ \t]?[0-9]+)+|,?{_GAP}[(\[]{_LENGTHS}[)\]]"
    rf"|[:,]?{_GAP}(?:of{_SPACE})?(?:shape|size|dims?|torch\.Size\(){_GAP}(?:of{_SPACE}|is{_SPACE}|[:=]{_GAP})?"
    rf"[(\[]?{_LENGTHS}[)\]]{{0,2}})"
)
_SIZED_NAME = re.compile(  # a name with its size: Q (3x2):, # Q (3, 2), Q, shape (3, 2): [[…]], Q: shape=(3, 2)
    r"^[ \t]{0,20}"
    rf"(?:(?:#{{1,6}}|%{{1,2}}|//|[-*•]){_SPACE})?(?:\*\*|__|`)?"
    rf"(?:(?:the|input|{_WORDS}){_SPACE})*(?P<name>[A-Za-z]\w{{0,30}})(?:{_SPACE}(?:{_WORDS}))?"
    rf"(?:\*\*|__|`)?(?:{_ALIAS})?(?P<size>{_GAP}{_SIZE}(?:\*\*|__|`)?{_GAP}(?P<sign>[:=]?)(?:\*\*|__|`)?|(?<=\)){_GAP}(?P<alias>=))"
    rf"(?={_GAP}(?:\n\s*[-+.\d]|\s*(?:[\[({{]|(?:[a-z]+\.)?(?:array|tensor|Array)\()))",
    re.MULTILINE | re.IGNORECASE,
)
_MOST_SHAPES = 32
_SHAPE_LINE = re.compile(  # what print("Q.shape:", Q.shape) shows
    r"^[ \t]*([A-Za-z]\w*)\.(?:shape|size\(\)):?[ \t]*(?:torch\.Size\(\[([0-9, ]*)\]\)|\(([0-9, ]*)\))[ \t]*$",
    re.MULTILINE,
)
_SPACES = re.compile(r"[ \t]+")
_EMPTY = " \t\r,;"
_LABEL = re.compile(  # a line that only names what stands below it
    r"[ \t]*(?!Columns? )([A-Za-z_][\w^{}'-]*(?:[ \t][\w^{}()'-]+){0,4})[ \t]*"
    r"(?:\((?:[0-9]+[ \t]*[,×x][ \t]*)+[0-9]*\)[ \t]*)?:[ \t]*"
)
_RULED = re.compile(r"[ \t]*(?:\*\*|__|==+|--+)")
_OWN_READER = re.compile(r"\s*[\[{(|]|[^\n]*\n[ \t]*[|+:=_-]{2,}")
_INPUTS = frozenset("qkvx")  # first letters of what a problem is made of
_RESULT = re.compile(r"(?:expected_)?(?:raw_scores|scores|weights|output|lse)", re.IGNORECASE)  # of a sheet of answers
_COMMENT = re.compile(r"[ \t]*(?:#|%|//)")
_KEY = re.compile(r"[ \t]*(?:-[ \t]|[\"']?[A-Za-z_]\w*[\"']?[ \t]*:(?:[ \t]|$))")
_PLAIN_LABEL = re.compile(r"(?!.*\bshape\b)[A-Za-z][\w ]*(?:\((?:[A-Za-z]+|(?:[0-9]+, ?)+[0-9]*)\))?:")
_LISTED = re.compile(r"\s*(?:[\[{(]|[-+]?\.?[0-9][-+.0-9eE \t]*\Z)")  # a list, or a row of cells between spaces
_LISTED_ROWS = re.compile(r"\s*[-+]?\.?[0-9][-+.0-9eE \t]*(?:\n|\Z)")  # which the label has in its own reader
_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-{3,}:?[ \t]*\|")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([^`\n]*)")
_SIGNS_OF_DATA = ("[[", "{{", "```", "\\begin{", "array(", "tensor(")
_SHELLS = frozenset(("bash", "sh", "shell", "zsh", "console", "powershell"))


def strip_marks(text: str) -> str:
    """Return the text without the marks of Markdown around the names of arrays, and without lines that only show their
    shapes."""
    text = _SIZED_NAME.sub(_declare_lengths, text)
    text = _MARKED_NAME.sub(lambda found: f"{found[1] or found[3]} = {found[4] or ''}", text)
    return _take_shape_lines(text) if ".s" in text else text


def _take_shape_lines(text: str) -> str:
    """Return the text without lines that only show shapes, each of which is declared where the array has its name."""
    for shown in _SHAPE_LINE.findall(text)[:_MOST_SHAPES]:
        lengths = "".join(f"[{length}]" for length in re.findall("[0-9]+", shown[1] or shown[2]))
        name = re.compile(rf"^([ \t]{{0,20}}{shown[0]})[ \t]{{0,3}}[=:](?=[ \t]*(?:\n|[\[({{a-zA-Z]))", re.MULTILINE)
        text = name.sub(lambda found, lengths=lengths: f"{found[1]}{lengths} =", text, count=1)  # type: ignore[misc]
    return _SHAPE_LINE.sub("", text)


def begins_sized(text: str) -> bool:
    """Return whether the text begins with a name and its size, above or before an array."""
    return _SIZED_NAME.match(text) is not None


def _declare_lengths(found: re.Match[str]) -> str:
    """Return a name with its size as a declaration, `Q[3][2] =`, which has to be that of its array.

    A word without a sign after it, `conv 3x3`, may be two labels.
    """
    if found["sign"] == "" and not _NAMED.fullmatch(found["name"]):
        return found[0]
    lengths = re.findall("[0-9]+", found["size"])
    return f"{found['name']}{''.join(f'[{length}]' for length in lengths)} ="


def name_headings(text: str) -> str:
    """Return the text with `Q =` in place of headings above rows of numbers, if two or more divide it, one of them
    that of an input, or all of them those of results."""
    if "\\begin" in text:
        return text  # a page of LaTeX, which names its matrices itself
    lines = text.split("\n")
    places = _places(lines)
    names = [name for _, name in places]
    if len(places) < 2:
        return _name_label(lines) or text
    # a size after the name is that of a table of attncli, with rounded numbers
    is_sheet = all(_RESULT.fullmatch(name) and "(" not in lines[place] for place, name in places)
    if len(set(names)) < 2 or (_INPUTS.isdisjoint(name[0].lower() for name in names) and not is_sheet):
        return text
    if any(line.strip() and not _COMMENT.match(line) for line in lines[: places[0][0]]):
        return text
    ends = [place for place, _ in places[1:]] + [len(lines)]
    if not all(_is_block(lines[place + 1 : end]) for (place, _), end in zip(places, ends, strict=True)):
        return text
    for (place, name), end in zip(places, ends, strict=True):
        block = lines[place + 1 : end] = _without_empty_cells(lines[place + 1 : end])
        first = next(line for line in block if line.strip())
        line = lines[place].strip()
        if not (_PLAIN_LABEL.fullmatch(line) and _LISTED.match(first)):  # a label, which has its own reader
            lines[place] = f"{name} ="
    return "\n".join(lines)


def _name_label(lines: list[str]) -> str | None:
    """Return the text with `Tokens =` in place of the label of its only table, `Tokens:`, or None."""
    index = next((index for index, line in enumerate(lines) if line.strip() and not _COMMENT.match(line)), len(lines))
    body = lines[index + 1 :]
    if not _is_block(body):
        return None
    line = lines[index].rstrip(_EMPTY)
    if _RULED.match(line) and (called := heading(line)):
        return "\n".join([*lines[:index], f"{called} =", *body])
    label = _LABEL.fullmatch(line) if len(line) <= _LONGEST else None
    if label is None or _OWN_READER.match("\n".join(body).lstrip("\n")) or _LISTED_ROWS.match("\n".join(body)):
        return None
    return "\n".join([*lines[:index], f"{re.sub('[^0-9A-Za-z_]+', '_', label[1]).strip('_')} =", *body])


def _without_empty_cells(lines: list[str]) -> list[str]:
    """Return the lines of a block of cells without the empty cells after it, and without empty rows."""
    filled = [line.rstrip(" \r") for line in lines if line.strip(_EMPTY)]
    least = min(len(line) - len(line.rstrip(",;\t")) for line in filled)
    kept = (line.rstrip(" \r") if line.strip(_EMPTY) else "" for line in lines)
    return [line[: len(line) - least] if line else "" for line in kept]


def names_in_comments(text: str) -> list[str]:
    """Return the comments that begin with the names of different inputs, above rows of numbers each."""
    found: dict[str, str] = {}
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    for line, following in pairwise(lines):
        name = _NAMED_COMMENT.match(line)
        if name and following[:1] not in "#%/":
            found.setdefault(name[1][0].lower(), line)
    return list(found.values())


def _places(lines: list[str]) -> list[tuple[int, str]]:
    """Return the index and the name of each heading that stands outside of all brackets."""
    found = []
    depth = 0
    for index, line in enumerate(lines):
        if not depth and (name := heading(line)):
            found.append((index, name))
        else:
            depth += sum(map(line.count, "([{")) - sum(map(line.count, ")]}"))
    return found


def heading(line: str) -> str | None:
    """Return the name in a line that holds nothing but the heading of a matrix, or None."""
    line = line.rstrip(_EMPTY)  # cells of a sheet beside it
    # of several spaces, each of the signs that may be left out could have any
    if len(line) > _LONGEST or (found := _HEADING.fullmatch(_SPACES.sub(" ", line))) is None:
        return None
    return found[1].replace(" ", "_")


def _is_block(lines: list[str]) -> bool:
    """Return whether the lines below a heading may be a matrix without a name of its own."""
    filled = [line for line in lines if line.strip(_EMPTY)]
    if not filled or any(_KEY.match(line) or _RULE.match(line) or _FENCE.match(line) for line in filled):
        return False
    return not is_assignment(filled[0]) and any(char.isdigit() for line in filled for char in line)


def open_fences(text: str) -> tuple[str, bool] | None:
    """Return what stands between the fences of a page, below the names of its headings, and whether other words were
    left out.

    None if there are no fences, if one is never closed, if several arrays have no names, or if arrays may stand outside
    of them too.
    """
    lines = text.split("\n")
    fences = _fences(lines)
    if not fences:
        return None
    opened = [""] * len(lines)
    outside: list[str] = []
    nameless = arrays = after = 0
    for start, end in fences:
        between = [line for line in lines[after:start] if line.strip()]
        outside += between
        after = end + 1
        body = lines[start + 1 : end]
        if lines[start].strip(" \t`~").lower() in _SHELLS or not any(line.strip() for line in body):
            continue
        arrays += 1
        opened[start + 1 : end] = body
        if is_assignment("\n".join(body)):
            continue
        name = heading(between[-1]) if between else None
        nameless += name is None
        if name is not None:
            opened[start] = f"{name} ="
            outside.pop()
    outside += [line for line in lines[after:] if line.strip()]
    if not arrays or (nameless and arrays > 1) or any(map(_may_be_data, outside)):
        return None
    return "\n".join(opened), bool(outside)


def _fences(lines: list[str]) -> list[tuple[int, int]]:
    """Return the lines at which each fence begins and ends, or nothing if one has no end."""
    found = []
    start, mark = -1, ""
    for index, line in enumerate(lines):
        sign = _FENCE.fullmatch(line)
        if sign and start < 0:
            start, mark = index, sign[1]
        elif sign and sign[1].startswith(mark) and not sign[2].strip():
            found.append((start, index))
            start = -1
    return found if start < 0 else []


def _may_be_data(line: str) -> bool:
    """Return whether a line outside of all fences holds an array, or a row of one."""
    words = line.replace(",", " ").replace(";", " ").split()
    is_row = len(words) > 1 and all(map(may_be_cell, words))
    return is_row or bool(_RULE.match(line)) or any(sign in line for sign in _SIGNS_OF_DATA)
