"""How languages and programs write lists: comments, fractions, rows between semicolons, builders; all become lists of
lists with commas."""

from __future__ import annotations

import re
from itertools import pairwise

from attncli.errors import InputError
from attncli.formats.prints.brackets import CLOSERS
from attncli.numbers.decimal_commas import find_decimal_comma, may_hold_decimal_commas
from attncli.numbers.numerals import REAL_PART
from attncli.records import record

_BUILDERS = re.compile(
    r"(?<![\w.])(?:(?:(?:float|double|int|long)A|a)rrayOf|(?:mutableL|l)istOf|Arrays\.asList|List\.of|[Aa]rray|List|Seq|Vector)\s*\(\s*"
)
_NUMBER = r"[-+]?\.?[0-9][\w.]*\s*"
BUILT = re.compile(  # lists in the parentheses of Kotlin, Scala and PHP; of a call, NumPy's array(1.5) is one number
    rf"\s*(?:{_BUILDERS.pattern}(?:{_NUMBER},\s*{_NUMBER}[,)]|(?:{_BUILDERS.pattern})+{_NUMBER}[,)]))"
)
ROW_ARGUMENTS = re.compile(  # of Maxima and of Breeze: a row is an argument
    rf"\s*(?:matrix(?=\s*\(\s*\[\s*{_NUMBER}[^][()]*\]\s*,\s*\[)|DenseMatrix(?=\s*\(\s*\(\s*{_NUMBER}))"
)
_MATRIX_TEXT = re.compile(  # NumPy's np.matrix("1 2; 3 4"), and mat(1, 2; 3, 4) of Typst
    r"\s*\$?\s*(?:np\.|numpy\.)?mat(?:rix)?\s*\(\s*([\"']?)([^()\[\]{}\"']*;[^()\[\]{}\"']*)\1\s*\)\s*\$?\s*"
)
_COMMENT = re.compile(
    r"(?:(?<=[,;()\[\]{}])[ \t]*|^[ \t]*)(?:#(?!(?:[0-9]A)?\()|//|%)[^\n]*|/\*.*?\*/", re.DOTALL | re.MULTILINE
)
_SEPARATORS = re.compile(r"[][;]")
_ROWS = re.compile(r"\[([^\[\]{}();]*+;[^\[\]{}()]*+)\]")  # as MATLAB and Julia separate them
_SHEET = re.compile(r"\s*(?:=\s*)?\{([^\[\]{}()\\;]*+;[^\[\]{}()\\]*+)\}\s*")  # as spreadsheets do
_DECIMAL_COMMAS = re.compile(r"\s*(?:=\s*)?\{([^\[\]{}().\\]*+\\[^\[\]{}().]*+)\}\s*")  # of spreadsheets in Europe
SIZED_LIST = re.compile(r"\s*\(([0-9]+)><([0-9]+)\)\s*(?=\[[^\[\]]*\]\s*\Z)")  # of Haskell's hmatrix
SIZED_ROWS = re.compile(r"\s*\[([0-9]+),([0-9]+)\](?=\(\()")  # of Boost's uBLAS
LENGTHS = re.compile(r"std::\w+ of length [0-9]+(?:, capacity [0-9]+)? = (?=\{)")  # of gdb
_QUOTIENT = re.compile(r"(?<![\w.])(?:Fraction|Rational)\(\s*(-?[0-9]+)\s*,\s*([0-9]+)\s*\)")  # of Python, SymPy
_FLOAT = re.compile(r"(?<![\w.])Float\(\s*'([^'\n]*)'\s*(?:,\s*precision=[0-9]+\s*)?\)")  # of SymPy's srepr
_RATIO = re.compile(r"(?<![\w./])(-?[0-9]+)//([0-9]+)(?![\w./])")  # of Julia
_SPLIT_COMPLEX = re.compile(r"[0-9.][ \t]+[-+][ \t]*[0-9.]+(?:e[-+]?[0-9]+)?[ij]\b")
_LINES = re.compile(r"\s*(?:\(\s*)?\[([^\[\]{}(),;]*)\]\s*\)?\s*")
_LINES_ENDED = re.compile(  # rows of MATLAB and Julia: NumPy prints no semicolon, and a list has commas between lines
    r"\s*\[((?:[^\[\]{}();\n]*[^\[\]{}();,\s][ \t]*\n)+[^\[\]{}();\n]*)\]\s*;\s*"
)
_GROUP = re.compile(r"\(\s*(?:\(\s*)?[\[{]")
_PIECES = re.compile(r"[][(){}]|[^][(){}\s]+")
_CALLED = re.compile(r"[\w'#@!>.]")  # what makes of parentheses after it a call, or a list of Lisp
_INNERMOST = re.compile(r"[\[{(]([^][{}()]*)[\]})]")
_FLAT_LIST = re.compile(r"\[[^][]*\]")
_OWN_LISTS = re.compile(r"\s*\[(?![ \t]*\])[^][{}();\n]*\](?:[ \t]*(?:,[ \t]*)?\n\s*\[[^][{}();\n]*\])+\s*(?:,\s*)?")
_NARROW = 60  # characters: NumPy and torch fill about 75 before they wrap a line


@record
class PlainList:
    """A text as a list of lists, with notes about how it was read, and the shape that stands before it, if any."""

    text: str
    notes: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()


def write_numbers_plainly(text: str, where: str) -> str:
    """Return the text without comments and lengths, and its fractions as 1/3.

    Raises InputError for complex numbers.
    """
    if "\n" not in text:  # or what stands after // may be a comment
        text = _RATIO.sub(r"\1/\2", text)
    text = _FLOAT.sub(r"\1", text)
    if _SPLIT_COMPLEX.search(text):
        raise InputError(where, "its cells are complex, not real numbers", REAL_PART)
    return LENGTHS.sub("", _QUOTIENT.sub(r"\1/\2", _COMMENT.sub("", text)))


def write_lists_plainly(text: str, where: str) -> PlainList:
    """Return the text with its rows as lists.

    Raises InputError for semicolons that could separate rows or matrices.
    """
    notes: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    if sized := SIZED_ROWS.match(text):
        text, shape = text[sized.end() :], (int(sized[1]), int(sized[2]))
    if "[|" in text:  # of OCaml and F#, where a semicolon separates the items
        text = text.replace("[|", "[").replace("|]", "]").replace(";", ",")
    if _DECIMAL_COMMAS.fullmatch(text):
        text = text.replace(",", ".").replace("\\", ",")
    if _OWN_LISTS.fullmatch(text):
        rows = [row for row in _FLAT_LIST.findall(text) if row.strip("[] \t")]
        text = f"[{','.join(rows)}]"
        notes = (f"{where}: its {len(rows)} lists, each on its own line, are read as the rows of one matrix",)
    if ended := _LINES_ENDED.fullmatch(text):
        text = _make_list(ended)
    if BUILT.match(text):
        text = _BUILDERS.sub("(", text)
    elif named := ROW_ARGUMENTS.match(text):
        text = text[named.end() :]
    if quoted := _MATRIX_TEXT.fullmatch(text):
        text = f"[{quoted[2]}]"
    text = _strip_groups(text)
    _refuse_mixed(text, where)
    if _SHEET.fullmatch(text):
        text = _SHEET.sub(_make_list, text)
    return PlainList(_ROWS.sub(_make_list, text), notes, shape)


def _strip_groups(text: str) -> str:
    """Return the text without the parentheses around one list in brackets: a tuple of one has a comma after it."""
    if _GROUP.search(text) is None:
        return text
    spare: list[int] = []
    open_: list[tuple[int, list[str]]] = []  # the place of each bracket, and the kinds of what stands in it
    for found in _PIECES.finditer(text):
        piece = found[0]
        if piece in CLOSERS:
            open_.append((found.start(), []))
        elif piece in ("]", "}", ")") and open_:
            start, inner = open_.pop()
            kind = text[start]
            is_called = _CALLED.search(text, max(0, start - 1), start) is not None
            if kind == "(" and inner in (["["], ["tuple"]) and not is_called:
                spare += [start, found.start()]
                kind = "["
            elif kind == "(" and set(inner) == {"[", ","}:  # of Python, where spaces separate nothing
                kind = "tuple"
            if open_:
                open_[-1][1].append("[" if kind == "{" else kind)
        elif open_:
            open_[-1][1].append(",")
    ends = [-1, *sorted(spare), len(text)]
    return "".join(text[before + 1 : after] for before, after in pairwise(ends))


def _make_list(found: re.Match[str]) -> str:
    """Return rows that are separated by semicolons or line ends as a list of rows."""
    rows = re.split(r"\s*;\s*|\s*\n\s*", found[1].strip().removesuffix(";"))
    return "[" + ",".join(f"[{row}]" for row in rows) + "]"


def _refuse_mixed(text: str, where: str) -> None:
    """Raise InputError for semicolons among brackets within brackets: MATLAB joins `[[1 2; 3 4]]` and `[[1 2]; [3 4]]`
    to a matrix, Julia makes a list of matrices of the first."""
    if ";" not in text:
        return
    depth, deepest, has_semicolon = 0, 0, False
    for token in _SEPARATORS.findall(text):
        depth += {"[": 1, "]": -1}.get(token, 0)
        deepest = max(deepest, depth)
        has_semicolon |= token == ";" and depth > 0
    if has_semicolon and deepest > 1:
        what = "a semicolon among nested brackets could separate rows or matrices"
        raise InputError(where, what, "commas for lists: [[1, 0], [0, 1]], or rows in one pair of brackets: [1 0; 0 1]")


def refuse_lines(text: str, where: str) -> None:
    """Raise InputError for `[1 2` above `3 4]`, which is one wrapped axis in NumPy but two rows in MATLAB."""
    found = _LINES.match(text)
    if found is None or "\n" not in found[1]:
        return
    lines = [line.split() for line in found[1].strip().split("\n")]
    if len({len(line) for line in lines}) == 1 and len(found[1].strip().split("\n")[0]) < _NARROW:
        hint = "separate rows by ';', or write one line"
        raise InputError(where, f"{len(lines)} lines in one pair of brackets could be rows or one row", hint)


def refuse_doubtful_commas(text: str, where: str) -> None:
    """Raise InputError with the indices of two cells that could be one number with a decimal comma."""
    if not may_hold_decimal_commas(text.encode("utf-8", "surrogateescape")):
        return
    rows = [(found.start(1), found[1].split(",")) for found in _INNERMOST.finditer(text)]
    if doubt := find_decimal_comma(row for _, row in rows):
        indices: list[int] = []
        for token in re.findall(r"[][(){},]", text[: rows[doubt.row][0]]):
            if token in CLOSERS:
                indices.append(0)
            elif token != ",":
                del indices[-1:]
            elif indices:
                indices[-1] += 1
        place = "".join(f"[{index}]" for index in (*indices[:-1], doubt.column))
        raise InputError(f"{where}: {place}", doubt.what, doubt.hint)
