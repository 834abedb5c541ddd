"""What a text is that is not an array in full: code, a print without its numbers, or rows between other signs."""

from __future__ import annotations

import re
from collections.abc import Callable

from attncli.errors import InputError, RowError
from attncli.formats.prints.spare_lines import hint_at_lines
from attncli.formats.prints.unread_forms import UNREAD
from attncli.numbers.numerals import may_be_cell

_LONGEST = 1 << 16  # characters in which a form is looked for
_LONGEST_ECHO = 60
_ROW_SIGNS = (r"\s*\\\\\s*", r"\s+//?\s+", r"\s*\|\s*", r"\s*\\n\s*", r"\s+:\s+", r"\s+\\\s+")


def looks_like_code(text: str) -> bool:
    """Return whether a line is a call such as `np.eye(2)`, or names an array without its numbers, `<…>`: no path."""
    return bool(
        re.fullmatch(
            r"(?:[\w.]+[ \t]*(?:=|<-)[ \t]*)?(?:[0-9.]+[ \t]*[*/+-][ \t]*)?[A-Za-z_][\w.]*\([^/\\]*\)|[\w.]*<.*>", text
        )
    )


def name_beginning(refusal: InputError, text: str, where: str) -> InputError:
    """Return the error that says what begins the text, which could be YAML, or the refusal itself."""
    return _named_by(re.Pattern.match, refusal, text[:_LONGEST], where)


def name_form(refusal: InputError, text: str, where: str) -> InputError:
    """Return the error that says what the text is as a whole, or the refusal itself where that is not known."""
    start = text[:_LONGEST]
    if rewritten := _rows_between_other_signs(start):
        echo = rewritten if len(rewritten) <= _LONGEST_ECHO else "1 0; 0 1"
        return InputError(refusal.where, refusal.what, f"rows are separated by ';': '{echo}'")
    named = _named_by(re.Pattern.search, refusal, start, where)
    if named is refusal and len(text) <= _LONGEST and isinstance(refusal, RowError):
        return InputError(refusal.where, refusal.what, hint_at_lines(text) or refusal.hint)
    return named


def _named_by(find: Callable[[re.Pattern[str], str], object], refusal: InputError, text: str, where: str) -> InputError:
    """Return the error of the first form that is found in the text, or the refusal itself."""
    form = next((form for form in UNREAD if find(form.looks, text)), None)
    return refusal if form is None else InputError(where, form.what, form.hint)


def _rows_between_other_signs(text: str) -> str | None:
    """Return one line of rows with semicolons where it has other signs between them, `1 0 / 0 1`, or None."""
    line = text.strip()
    if "\n" in line or len(line) > 1000:
        return None
    cells = re.sub(r"\s*&\s*", " ", line.removesuffix(r"\\"))
    for sign in _ROW_SIGNS:
        rows = [row.replace(",", " ").split() for row in re.split(sign, cells)]
        lengths = {len(row) for row in rows}
        if len(rows) > 1 and len(lengths) == 1 and all(may_be_cell(cell) for row in rows for cell in row):
            return "; ".join(" ".join(row) for row in rows)
    return None
