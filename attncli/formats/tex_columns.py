"""The column argument of a LaTeX array, which can insert text between entries: `r@{.}l` is part of the numbers."""

from __future__ import annotations

import re

from attncli.errors import InputError
from attncli.numbers.numerals import quote

COLUMNS_HINT = "write each number out in one entry: 1.5 & 2.25"
_HARMLESS = re.compile(  # spacing, rules and fonts, which do not affect numbers
    r"\s+|~|\$|\||\\[,;:! ]|\\(?:h?space|hskip|kern|extracolsep|color|columncolor)\*?\s*"
    r"(?:\{[^{}]*\}|-?[0-9.]+\s*[a-z]{2})|\\(?:qquad|quad|displaystyle|textstyle|scriptstyle|centering|raggedleft"
    r"|raggedright|arraybackslash|bfseries|hfill|fill|vrule|vline|bf|rm|it|small|strut)(?![A-Za-z])"
)


def group_end(text: str, start: int) -> int:
    """Return the position after the brace group that begins at `start`, or -1 if it is never closed."""
    depth = 0
    for brace in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return brace.end()
    return -1


def refuse_inserted(columns: str, where: str) -> None:
    """Raise InputError if the columns insert text beside entries, or look like entries."""
    for insertion in re.finditer(r"[@!><]\s*(?=\{)", columns):
        group = columns[insertion.end() : group_end(columns, insertion.end())]
        if _HARMLESS.sub("", group[1:-1]).strip("{}"):
            what = f"the columns set {quote(insertion[0] + group)} beside entries, which is part of the numbers"
            raise InputError(where, what, COLUMNS_HINT)
    outside = re.sub(r"\{[^{}]*\}|(?<=S)\[[^][]*\]", "", re.sub(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", "", columns[1:-1]))
    if re.search(r"[0-9&]", outside):
        what = f"{quote(columns)} is in the place of the columns, and holds numbers"
        raise InputError(where, what, r"name the columns first: \begin{array}{cc} 1 & 0 \\ 0 & 1 \end{array}")
