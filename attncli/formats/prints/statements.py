"""Code around arrays: the statements that may be passed over, because they can change none of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attncli.formats.prints.named import PREPARED
from attncli.records import record

_TOKENS = re.compile(
    r"\"\"\"(?:.|\n)*?\"\"\"|'''(?:.|\n)*?'''|\"[^\"\n]*\"|(?<![\w)\]}'.])'[^'\n]*'|#[^\n]*|[\[({]|[\])}]|\n|;"
)
_TEXTS = re.compile(r"\"[^\"\n]*\"|(?<![\w)\]}'.])'[^'\n]*'")
_NAME = r"[A-Za-z_]\w*"
_ASSIGNING = re.compile(rf"[ \t]*{_NAME}[ \t]*=(?!=)")
_NOTHING = frozenset(("None", "null", "NULL", "nil", "nothing", "[]"))
_DECLARED = r"(?:(?:const|let|var|auto|val|final)[ \t]+)?"
_ASSIGNED = re.compile(
    rf"{_DECLARED}({_NAME}(?:[ \t]*,[ \t]*{_NAME})*)[ \t]*(?::[ \t]*[\w.]+[ \t]*)?(?:=|<-)(?!=)[ \t]*(.+)", re.DOTALL
)
_SHOWN = re.compile(
    rf"(?:print|display|disp|println|show|console\.log|fmt\.Println|cat|plt(?:\.\w+)+)[ \t]*(\(.*\))|assert\b(.*)"
    rf"|({_NAME})",
    re.DOTALL,
)
_HEAD = re.compile(r"def\s+\w+\s*\(.*\)\s*(?:->[^:]*)?:\s*(?:return\b(.*))?", re.DOTALL)
_BLOCK_BELOW = re.compile(rf"({_NAME})[ \t]*=")  # above its array
_RETURNED = re.compile(r"return\b(.*)|pass|(?:\"\"\"|''')(?:.|\n)*", re.DOTALL)
_BLOCK = re.compile(r"(?:if|elif|else|for|while|with|try|except|finally)\b(.*):", re.DOTALL)
_LOADED = re.compile(r"(?:import|from|using|library|#include|package)\b.*", re.DOTALL)
# what could change an array that an expression only seems to use, or run what is not seen here
_UNSAFE = re.compile(
    r":=|<<-|\+\+|--(?=\w)|\bout[ \t]*=|\binplace\b|\.\w+_\(|\b(?:exec|eval|assign|globals|locals|vars|setattr|delattr"
    r"|shuffle|copyto|put|place|putmask|fill_diagonal|put_along_axis)\b"
    r"|(?<!np)(?<!numpy)(?<!torch)\.(?:sort|fill|partition|itemset|resize|setfield|byteswap|append|extend|insert|pop"
    r"|remove|reverse|clear|update|setflags|set|add|push|splice)\b"
)


@record
class _Statement:
    """A statement, and where it stands in the text."""

    start: int
    end: int
    text: str
    is_indented: bool


def pass_over(text: str, arrays: set[str]) -> tuple[str, list[str], list[str]] | None:
    """Return the text with spaces in place of statements that can change none of `arrays`, their first lines, and the
    names that they assign.

    None if there are none, or if there is one that is not understood.
    """
    passed: list[_Statement] = []
    names: list[str] = []
    in_function = in_block = False
    for statement in _statements(text):
        plain = statement.text
        in_function = in_function and statement.is_indented
        if in_function:
            if not _is_harmless_within(plain):
                return None
        elif head := _HEAD.fullmatch(plain):
            in_function = True
            if not _is_safe(head[1] or ""):
                return None
        elif _LOADED.fullmatch(plain):
            continue
        elif (below := _BLOCK_BELOW.fullmatch(plain)) and below[1] in arrays:
            in_block = True
            continue
        elif (assigned := _ASSIGNED.fullmatch(plain)) and (targets := _targets(assigned[1])) & arrays:
            if len(targets) > 1:
                return None
            in_block = False
            continue
        elif assigned and _is_safe(assigned[2]):
            names += sorted(targets) if assigned[2] not in _NOTHING else []
        elif in_block and not ((shown := _SHOWN.fullmatch(plain)) and not shown[3]):
            continue  # rows, or what the reader of the array refuses
        elif not PREPARED.fullmatch(plain) and not (
            (shown := _SHOWN.fullmatch(plain)) and _is_safe(shown[shown.lastindex or 0])
        ):
            return None
        in_block = False
        passed.append(statement)
    if not passed:
        return None
    kept, position = [], 0
    for statement in passed:
        gap = re.sub(r"[^\n]", " ", text[statement.start : statement.end])
        kept += [text[position : statement.start], gap]
        position = statement.end
    text = "".join([*kept, text[position:]])
    return text, [statement.text.split("\n")[0] for statement in passed], names


def _statements(text: str) -> Iterator[_Statement]:
    """Yield the statements, each of which ends with its line or a semicolon outside of all brackets."""
    depth = start = 0
    marks = [
        *((found.start(), found.end(), found[0]) for found in _TOKENS.finditer(text)),
        (len(text), len(text), "\n"),
    ]
    comments: list[tuple[int, int]] = []
    for begin, end, token in marks:
        if token[0] == "#":
            comments.append((begin, end))
        elif token in "[({":
            depth += 1
        elif token in "])}":
            depth -= 1
        elif token in "\n;" and depth <= 0:
            whole = text[start:begin]
            for first, last in reversed(comments):
                whole = whole[: first - start] + whole[last - start :]
            if plain := whole.strip():
                is_indented = whole[:1] in " \t" and (start == 0 or text[start - 1] == "\n")
                yield _Statement(start, end if token == ";" else begin, plain, is_indented)
            start, comments = end, []


def may_change_argument(line: str) -> bool:
    """Return whether a line calls what is known to change what it is given."""
    return _UNSAFE.search(_TEXTS.sub("''", _ASSIGNING.sub("", line))) is not None


def _targets(text: str) -> set[str]:
    return {name.strip() for name in text.split(",")}


def _is_harmless_within(plain: str) -> bool:
    """Return whether a line of a function changes nothing outside of it."""
    if returned := _RETURNED.fullmatch(plain):
        return _is_safe(returned[1] or "")
    found = _BLOCK.fullmatch(plain) or _ASSIGNED.fullmatch(plain) or _SHOWN.fullmatch(plain)
    return found is not None and _is_safe(found[found.lastindex or 0])


def _is_safe(expression: str) -> bool:
    """Return whether an expression only uses what it names: it assigns nothing, and calls nothing that is known to
    change what it is given."""
    depth = 0
    plain = _TEXTS.sub("''", expression)
    for place, sign in enumerate(plain):
        depth += (sign in "[({") - (sign in "])}")
        around = plain[max(0, place - 1) : place + 2]
        if sign == "=" and not depth and not re.search(r"[=!<>]=|==", around):
            return False
    return not _UNSAFE.search(plain)
