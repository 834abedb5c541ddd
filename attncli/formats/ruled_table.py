"""Tables whose columns stand over and under rules, `===  ===`, as in reStructuredText, tabulate, sqlite3 and MATLAB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats import text_table
from attncli.numbers.numerals import may_be_cell
from attncli.patterns import pattern
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.formats.contents import Contents
    from attncli.matrix import Reading

_RULE = pattern(r"[ \t]*(?=[- \t]*---|[=_])(?:-{2,}(?:[ \t]+-{2,})*|={2,}(?:[ \t]+={2,})*|_+(?:[ \t]+_+)*)[ \t\r]*")
_NO_NAME = pattern(r"(?<!\S)\.\.(?!\S)")  # above a column without a name, in reStructuredText


def is_ruled(start: str) -> bool:
    """Return whether one of the first two lines that are not blank is a rule, and the first none of YAML, `%YAML`."""
    if start.startswith("%YAML"):
        return False
    *lines, _ = start.split("\n")  # the last one may be cut short
    return any(map(_RULE.fullmatch, [line for line in lines if line.strip()][:2]))


def read(text: str, where: str, reading: Reading) -> Contents:
    """Read the rows between the rules. What stands above the first rule, or between the first two of three, is the
    header."""
    lines = text.split("\n")
    rules: list[int] = []
    rows: list[int] = []
    for index, line in enumerate(lines):
        if line.strip() and line.strip() != "#" and not line.startswith("# "):  # a comment is no header
            (rules if _RULE.fullmatch(line) else rows).append(index)
    if not rules:
        raise InputError(where, "there is no line of dashes under the column names", "copy everything that was printed")
    below = rules[0] if rows and rows[0] < rules[0] else rules[1] if len(rules) > 2 else -1
    header = [lines[index] for index in rows if index < below]
    if reading.header is None:
        if header and any(map(may_be_cell, header[0].split())):
            hint = "delete the rules if it is a row of numbers, or use --header if it holds names"
            raise InputError(f"{where}: line {rows[0] + 1}", "the header of the table holds numbers", hint)
        reading = replace(reading, header=bool(header))
    for index in rows[: len(header)]:
        lines[index] = _NO_NAME.sub("", lines[index])
    for index in rules:
        lines[index] = ""
    return text_table.read("\n".join(lines).encode("utf-8", "surrogateescape"), where, reading)
