"""Several arrays in one text, each after its name: `Q = np.array(…)`, `K <- c(…)`, `float v[2][2] = {…};`."""

from __future__ import annotations

import re

from attncli.errors import InputError
from attncli.numbers.numerals import quote
from attncli.records import record

_ANNOTATION = (  # a type after the name (if any word were allowed, the YAML text `title: x = [1]` would match)
    r"(?:[A-Za-z_]\w*\.[\w.]+|&?\[[^=\n]{0,80}\]|(?:[Ll]ist|Sequence|Vec|NDArray|[Aa]rray(?:[1-6D])?|[DS]?Matrix[1-6]?(?:x[1-6])?|Tensor)\b[^=\n]{0,80}?"
    r"|number\[\]\[\])"
)
_NAME = r"([A-Za-z_][\w.]*(?:\^\{?(?:[-+*\w]{1,4}|\\top)\}?|'(?!')|[⊤†])?)"
_CHANGED = re.compile(
    r".*(?:\.(?:m?T|t|H)|\^\s*\{?\s*(?:[TtH*+]|-1|\\?top)\s*\}?|'|[ᵀᵗ⊤ᴴ†]|\u207b\u00b9)(?:\s*\(.*\))?\s*"
    r"|(?:[QKVX]|[Qq]uer(?:y|ies)|[Kk]eys?|[Vv]alues?)_?(?:T|transp)|.*[Tt]ranspos(?:ed?|ition)(?![a-z]).*|[Tt]ransp_?[qkvQKV]"
)
_ASSIGNMENT = re.compile(
    r"[ \t]*(?![\w \t*&.:]*,)"  # several names, Q, K = …, share one value
    r"(?:[A-Za-z_](?:(?!:[ \t])[\w:<>, \t*&.]){0,80}(?:\[,*\]){0,4}[ \t*&])?[$@]?"  # type, sigil
    r"(?:(?:self|this)\.|(?:[A-Za-z_][\w.]*\[[0-9]+\]\.){1,4}"  # whose attribute or item it is
    r"|[A-Za-z_][\w.]*\[(?:\"(?=\w+\"\])|'(?=\w+'\])))?"
    rf"{_NAME}(?:[\"']\])?[ \t]*"
    r"((?:\[[0-9]*\][ \t]*)*)"  # C's lengths
    rf"(?:::?[ \t]*{_ANNOTATION})?[ \t]*(?:=|:=|<-)(?!=)[ \t]*"
)
_PRODUCT = re.compile(r"(?:[A-Za-z]+ )?(?:Q_?K|qk)(?:[\Wᵀᵗ]|\Z)")  # QK^T
_TYPE = re.compile(  # what stands before a name and is no part of it: a type, or a word that leads to it
    r"(?i:const|constexpr|static|auto|let|var|val|final|private|public|protected|internal|readonly|mut|my|our|local"
    r"|global|pub|export|default|extern|def|type|new|unsigned|signed|int|long|short|float|double|half|real|bool|number|numeric|size_t"
    r"|b?float[0-9]+|u?int[0-9]+|[fiu][0-9]+|tensor|mat(?:rix)?\w*|(?:nd)?array|vec(?:tor)?|list|seq(?:uence)?"
    r"|the|and|with|where|given|then|so|thus|hence|suppose|assume|consider|have|has|is|an?|input|compute)"
    r"|\w*[a-z0-9][A-Z]\w*|INDArray|\w*[.:<>*&,\[]\S*"
)
_STEPS = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|[\[({]|[\])}]|\n|;|,")
PREPARED = re.compile(  # statements that prepare a session, and no array
    r"(?:clear(?:vars)?(?:[ \t]+all)?|clc|close[ \t]+all|more[ \t]+off|format[ \t]+\w+(?:[ \t]+\w+)?"
    r"|pkg[ \t]+load[ \t]+\w+|set\.seed\([0-9]+\)|rm\(list ?= ?ls\(\)\)"
    r"|(?:(?:np|numpy|torch|tf|random|jax)\.)+(?:seed|manual_seed|set_seed|set_printoptions)\([^()\n]*\))"
    r"(?=[ \t]*(?:[;,#%\n]|\Z))"
)
_PASSED_OVER = re.compile(
    r"\s*(?:(?:import|from|using|library|#include|package|<\?php)\b[^\n]*|(?:#(?! A tibble)|//|%)[^\n]*|[;,]"
    rf"|{PREPARED.pattern})?\s*"
)
_BRACED = re.compile(r"[ \t]*(?!std::array)[A-Za-z_][\w:<>, \t*&.]{2,80}[ \t*&>]([A-Za-z_]\w*)[ \t]*()(?=\{)")  # of C++
_LABEL = re.compile(  # as print("Q:", q) prints it: a label and, after a colon, what can only be an array
    r"[ \t]*(?!Parameter containing|Columns? )[\"']?([A-Za-z_][\w .^{}()']{0,60}?)[\"']?[ \t]*()"
    r"(?:(?:\((?:[0-9]+, ?)+[0-9]*\)|shape=\([0-9, ]*\))[ \t]*)?:"
    r"(?=[ \t]*\n\s*[-+]?\.?[0-9][-+.\deE \t]*(?:\n|\Z)|[ \t]*[-+.\d][-+.\deE \t,]*;[ \t]*[-+.\d]|\s*"
    r"(?:[\[{]\s*[-+.\d\[{]|<tf\.|Parameter containing:|(?:[a-z]{2,9}\.)*(?:[Tt]ensor|[Aa]rray|matrix)\())[ \t]*"
)
_LISTED = re.compile(
    r"[ \t]*\$([A-Za-z_][\w.]*)[ \t]*()(?=\n\s*(?:\[,1\]|\[1\]|[^\n]*\n\s*\[1,\]))"
)  # as R prints a list
_LENGTHS_OF_CPP = re.compile(r",\s*([0-9]+)\s*>")
_BESIDE = frozenset(("shape", "strides", "size", "dims", "names", "place", "device", "layout"))
_ARRAY = re.compile(r"[\[{]|(?:[a-z]+\.)*(?:[Tt]ensor|[Aa]rray|matrix)\(")
_LENGTH = re.compile(r"\[([0-9]*)\]")


@record
class NamedPart:
    """The text of an array, its name ("" if it has none) and the lengths in its declaration."""

    name: str
    text: str
    lengths: tuple[int, ...] = ()
    line: int = 0  # 0-based, in which the text begins


def split_named(text: str, where: str) -> list[NamedPart]:
    """Return the arrays of a text in order.

    Raises InputError for other text around them.
    """
    starts = _starts(text)
    if not starts:
        return [NamedPart("", text)]
    position = _beginning(text)
    if position < starts[0].start() and text[position : starts[0].start()].strip():
        what = f"{quote(text[: starts[0].start()].strip())} before {starts[0][1]} is not understood"
        raise InputError(where, what, "keep only the arrays, each with its name: Q = …")
    parts = []
    line = counted = 0
    for found, following in zip(starts, [*(found.start() for found in starts[1:]), len(text)], strict=True):
        lengths = tuple(int(length or 0) for length in _LENGTH.findall(found[2]))
        if "std::array" in found[0]:
            lengths = tuple(int(length) for length in reversed(_LENGTHS_OF_CPP.findall(found[0])))
        line += text.count("\n", counted, found.end())
        counted = found.end()
        value = text[found.end() : following].rstrip()
        ended = value if value.endswith("];") and "\n" in value else value.rstrip(";,").rstrip()
        parts.append(NamedPart(_whole_name(found), ended, lengths, line))
    names = [part.name for part in parts]
    for name in names:
        if _CHANGED.fullmatch(name) and not _PRODUCT.match(name):
            what = f"{quote(name)} names a transposed or changed matrix"
            hint = "give the matrix itself a name, as in K = …: nothing is evaluated here"
            raise InputError(where, what, hint)
    return parts


def _whole_name(found: re.Match[str]) -> str:
    """Return the name of an assignment with the words before it that are no type: raw scores, head 1 output."""
    before = found[0][: found.start(1) - found.start()].split()
    while before and _TYPE.fullmatch(before[0]):
        before.pop(0)
    is_plain = all(word.isalnum() or word.replace("_", "").isalnum() for word in before)
    return " ".join([*before, found[1]]) if is_plain else found[1]


def labelled(text: str) -> str:
    """Return what begins the array after a label, `[` in `Q: [[1. 2.]]`, as `print("Q:", q)` prints it, or ""."""
    found = _LABEL.match(text, _beginning(text))
    return "" if found is None else text[found.end() :].lstrip()[:1]


def text_start(text: str) -> int:
    """Return the start of an array without a name below comments, or 0 if none stand above it."""
    return _beginning(text) if text.lstrip()[:2] in ("# ", "% ", "//") else 0


def value_start(text: str) -> int | None:
    """Return the start of the array if the text begins with a name for it, or None."""
    start = _beginning(text)
    found = _ASSIGNMENT.match(text, start) or _BRACED.match(text, start) or _LISTED.match(text, start)
    return None if found is None else found.end()


def is_assignment(text: str) -> bool:
    """Return whether the text begins, after comments and imports, with a name and what is assigned to it."""
    return _assignment(text, _beginning(text)) is not None


def _beginning(text: str) -> int:
    """Return the start of the first array or its name, after comments and lines that load libraries."""
    position = 0
    while (passed := _PASSED_OVER.match(text, position)) and passed.end() > position:
        position = passed.end()
    return position


def _starts(text: str) -> list[re.Match[str]]:
    """Return the assignments outside of all brackets, at the beginning of a line or after a semicolon, and those of
    arrays after a comma after another array."""
    if not any(mark in text for mark in ("=", "<-", ":", "{", "$")):
        return []
    found = []
    depth = closed = 0
    if first := _assignment(text, 0):
        found.append(first)
    for step in _STEPS.finditer(text):
        token = step[0]
        if token in "[({":
            depth += 1
        elif token in "])}":
            depth -= 1
            closed = step.end()
        elif depth or (token == "," and (not found or text[closed : step.start()].strip())):
            continue
        elif (
            token in "\n;,"
            and (assignment := _assignment(text, step.end()))
            and (token != "," or _is_array(text, assignment))
        ):
            found.append(assignment)
    return found


def _is_array(text: str, assignment: re.Match[str]) -> bool:
    """Return whether an array is assigned, and not what a library prints beside one, `shape=[2, 2]`."""
    return assignment[1] not in _BESIDE and _ARRAY.match(text, assignment.end()) is not None


def _assignment(text: str, position: int) -> re.Match[str] | None:
    forms = (_ASSIGNMENT, _LABEL, _BRACED, _LISTED)
    return next((found for form in forms if (found := form.match(text, position))), None)
