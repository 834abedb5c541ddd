"""Pages of LaTeX: what is mathematics with a matrix in it, and what is prose around it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attncli.formats.tex_names import LABEL

_DISPLAYS = "equation|align|aligned|alignat|gather|gathered|multline|eqnarray|displaymath|math"
_MARK = re.compile(  # a bracket on its own line is what a chat leaves of \\[ where it is copied
    rf"(?<!\\)(?:\\[\[\]()]|\$\$?|\\(?:begin|end)\{{(?:{_DISPLAYS})\*?\}})|^[ \t]*[\[\]][ \t]*$", re.MULTILINE
)
_CLOSERS = {"[": "]", "\\[": "\\]", "\\(": "\\)", "$": "$", "$$": "$$"}
_MATRIX = re.compile(r"\\begin\s*\{(?:[bpB]?(?:small|Nice)?[mM]atrix|(?:Nice)?[aA]rray)\*?\}")
_NAMES = re.compile(r"=\s*(?:\$\$?|\\\]|\\\))\s*\Z")
_LABEL = re.compile(r"(?<![^\n])" + LABEL.pattern + r"\Z")  # a line of its own above a formula
_INK = re.compile(r"[^\n]")


def without_prose(text: str) -> str | None:
    """Return the text with spaces in place of everything but mathematics with a matrix in it, or None if a matrix
    stands in the prose.

    A formula that ends with `=` stays: it may name the matrix that follows.
    """
    kept = []
    position = 0
    for start, end in _formulas(text):
        prose, formula = text[position:start], text[start:end]
        if _MATRIX.search(prose):
            return None
        label = _LABEL.search(prose)
        before = label.start() if label else len(prose)
        kept += [
            _INK.sub(" ", prose[:before]),
            prose[before:],
            formula if _is_kept(formula) else _INK.sub(" ", formula),
        ]
        position = end
    return None if _MATRIX.search(text, position) else "".join([*kept, _INK.sub(" ", text[position:])])


def _formulas(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each formula, in one pass. One that is never closed is none."""
    start, closer = 0, ""
    for found in _MARK.finditer(text):
        mark = found[0].strip()
        if mark == closer:
            yield start, found.end()
            closer = ""
        elif not closer:
            start, closer = found.start(), _CLOSERS.get(mark, "")
            if mark.startswith("\\begin"):
                closer = mark.replace("begin", "end")


def _is_kept(formula: str) -> bool:
    return _MATRIX.search(formula) is not None or _NAMES.search(formula) is not None
