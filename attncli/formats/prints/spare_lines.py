"""Hints for a text that could be read without some of its lines: titles, notes, rows of empty cells. Each hint is tried
before it is given."""

from __future__ import annotations

import re

from attncli.errors import InputError
from attncli.formats.prints import is_print, read_print
from attncli.matrix import Reading
from attncli.numbers.numerals import may_be_cell, quote

_WORD = re.compile(r"[^\s,;|\"']+")
_NAME_LINE = re.compile(r"^[ \t]*([A-Za-z_]\w{0,30})[ \t]*$", re.MULTILINE)
_SIGNS = re.compile(r"[,;\t|]")
_SENTENCE = re.compile(r"\w\s+\w.*[.:!?]\s*\Z")  # words with commas, and the sign that ends them
_AROUND = " \"'\r"
_MOST_LINES = 8  # that stand above or below a table


def hint_at_lines(text: str) -> str | None:
    """Return a hint at the lines, or the signs at the ends of lines, without which the text can be read, or None."""
    lines = text.rstrip().split("\n")
    if _NAME_LINE.search(text) and _is_readable(_NAME_LINE.sub(r"\1:", text)):
        return f"if a line is the name of what follows, put a colon after it: {_NAME_LINE.findall(text)[0]}:"
    filled = [index for index, line in enumerate(lines) if line.strip()]
    above = _run_without_numbers(lines, filled)
    below = _run_without_numbers(lines, filled[::-1])
    if len(above) < len(filled):
        starts = [above[:count] for count in range(1, len(above) + 1)]
        for spare in (below, *starts, *(start + below for start in starts if below)):
            if spare and _is_readable("\n".join(line for index, line in enumerate(lines) if index not in spare)):
                return _tell_lines(sorted(index + 1 for index in spare))
    ends = [_last_signs(lines[index].removesuffix("\r")) for index in filled]
    least = min(ends, key=len, default="")
    if len(least) > 1 and _is_readable("\n".join(line.rstrip("\r")[: -len(least)] for line in lines)):
        return f"every line ends with {quote(least)}, which are empty cells: delete that in each line"
    return None


def _last_signs(line: str) -> str:
    """Return the commas, semicolons and tabs at the end of a line."""
    return line[len(line.rstrip(",;\t")) :]


def _run_without_numbers(lines: list[str], order: list[int]) -> list[int]:
    """Return the first of the lines that hold one cell of words, as a title, or empty cells, and not numbers."""
    run: list[int] = []
    for index in order[: _MOST_LINES + 1]:
        words = _WORD.findall(lines[index])
        is_row = sum(bool(cell.strip(_AROUND)) for cell in _SIGNS.split(lines[index])) > 1
        is_row = is_row and not _SENTENCE.search(lines[index])
        if is_row or 2 * sum(map(may_be_cell, words)) >= max(1, len(words)):
            return run
        run.append(index)
    return []


def _is_readable(text: str) -> bool:
    from attncli.formats import text_table
    from attncli.formats.prints.named import labelled

    try:
        if is_print(text) or labelled(text):
            contents = read_print(text.strip("\n"), "", Reading())
        else:
            contents = text_table.read(text.encode("utf-8", "surrogateescape"), "", Reading())
        return all(make().array.size > 1 for make in contents.matrices.values())
    except InputError:
        return False


def _tell_lines(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"line {numbers[0]} is not a row of numbers: if it is not part of the matrix, delete it"
    told = f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    return f"lines {told} are not rows of numbers: if they are not part of the matrix, delete them"
