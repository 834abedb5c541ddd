"""Matrices typed or pasted on the command line: rows by `;`, nested lists, the prints of NumPy and torch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from attncli.errors import InputError
from attncli.formats import by_suffix, split_suffix
from attncli.formats.raw import raw_form
from attncli.formats.table_cells import split_number
from attncli.matrix import Matrix
from attncli.numbers import numerals
from attncli.numbers.numerals import NumeralError, may_be_cell, quote

if TYPE_CHECKING:
    from attncli.matrix import Reading

_DEEPEST = 32  # axes
_NUMPY_DIGITS, _TORCH_DIGITS = 8, 4  # that their prints show at most
_OPENING = re.compile(r"(?:Parameter containing:\s*)?(?:(?:np|numpy|torch|jnp)\.)?(?:array|tensor|Array)\s*\(")
_KEYWORD = re.compile(
    r"\s*,\s*(?:dtype|device|grad_fn|requires_grad|layout)\s*=\s*(?:<[^<>]*>|'[^']*'|\"[^\"]*\"|[\w.]+)"
)
_TOKEN = re.compile(r"[ \t\n\r\f\v]*([\[\],]|\"[^\"]*\"|'[^']*'|[^ \t\n\r\f\v\[\],]+)")
_ROW_ENDS = re.compile(r";[ \t]*\n?")
_WORD = re.compile(r"[^ \t\r\f\v]+")  # str.split parts at the no-break spaces within a number too
_GAP = re.compile(r"^\t|\t *(?:\t|$)")
_FILL = "type the number that belongs there, or nan"
_QUOTED_NONFINITE = re.compile(r"[\"']([+-]?\.?(?:inf|infinity|nan))[\"']", re.IGNORECASE)
_PRINT_IN_FULL = (
    "print it in full: numpy.set_printoptions(threshold=sys.maxsize) or torch.set_printoptions(profile='full')"
)


def looks_like_path(text: str) -> bool:
    """Whether the text names a file, be it there or not, and so is never a literal."""
    plain = text.strip()
    if plain.startswith(("./", "../", "/", "~", ".\\", "..\\")) or _ends_like_file(plain):
        return True
    if plain.startswith("[") or _OPENING.match(plain) or ";" in plain:
        return False
    return bool(plain) and not any(may_be_cell(word) for word in re.split(r"[\s,]+", plain) if word)


def _ends_like_file(plain: str) -> bool:
    """`x.csv` or `x.npz:name`."""
    names = (plain, plain.rpartition(":")[0])
    return raw_form(plain) is not None or any(by_suffix(split_suffix(name)[1]) is not None for name in names)


def read_literal(text: str, where: str, reading: Reading) -> Matrix:
    """The matrix that `text` spells; rows of numbers have two axes, a list has as many as it is deep."""
    plain = text.strip(" \t\n\r")
    if "..." in plain or "…" in plain:
        raise InputError(where, "the array is printed with '...' in place of numbers", _PRINT_IN_FULL)
    if plain.startswith("[") and ";" in plain and plain.endswith("]") and plain.count("[") == 1:
        return _read_rows(plain[1:-1].strip(" \t\n\r"), where, reading)  # as MATLAB writes it
    if plain.startswith("[") or _OPENING.match(plain):
        return _read_list(plain, where, reading)
    return _read_rows(text.strip(" \n\r"), where, reading)


def _read_rows(plain: str, where: str, reading: Reading) -> Matrix:
    blanks = " \t\r" if ";" in plain else " \r"  # a tab at either end of a pasted line is an empty cell
    lines = [line.strip(blanks) for line in _ROW_ENDS.sub("\n", plain.removesuffix(";")).split("\n")]
    if lines == [""]:
        raise InputError(where, "the literal is empty", "type numbers, rows parted by ';': '1 0; 0 1'")
    for number, line in enumerate(lines, 1):
        if (doubt := split_number(line)) is not None:
            raise InputError(f"{where}: row {number}, column {doubt[0]}", doubt[1], doubt[2])
        if "," not in line and (gap := _GAP.search(line)):
            column = len(_WORD.findall(line[: gap.start()])) + 1
            raise InputError(f"{where}: row {number}, column {column}", "a cell is empty beside a tab", _FILL)
    rows = [[cell.strip() for cell in line.split(",")] if "," in line else _WORD.findall(line) for line in lines]
    columns = len(rows[0])
    for number, row in enumerate(rows, 1):
        if not row:
            raise InputError(f"{where}: row {number}", "the row is empty", "part rows by one ';'")
        if len(row) != columns:
            raise InputError(
                f"{where}: row {number}, column {min(len(row), columns) + 1}",
                f"this row has {_numbers(len(row))}, row 1 has {columns}",
                "give every row as many",
            )
    cells = [cell for row in rows for cell in row]
    try:
        array = numerals.parse_cells(cells).reshape(len(rows), columns)
    except NumeralError as error:
        row_index, column_index = divmod(error.index, columns)
        place = f"{where}: row {row_index + 1}, column {column_index + 1}"
        raise InputError(place, error.what, error.hint) from None
    return Matrix(array, where, texts=tuple(cells) if reading.keep_text else None)


def _numbers(count: int) -> str:
    return "1 number" if count == 1 else f"{count} numbers"


def _read_list(plain: str, where: str, reading: Reading) -> Matrix:
    opening = _OPENING.match(plain)
    walk = _Walk(where)
    end = walk.read(plain, opening.end() if opening else 0)
    if opening:
        while keyword := _KEYWORD.match(plain, end):
            end = keyword.end()
        closing = re.compile(r"\s*,?\s*\)").match(plain, end)
        if closing is None:
            _refuse_rest(where, plain[end:], "')'")
        end = closing.end()
    if plain[end:].strip():
        _refuse_rest(where, plain[end:], "the end")
    try:
        array = numerals.parse_cells(walk.cells, leading_zero=False).reshape(walk.shape())
    except NumeralError as error:
        raise InputError(f"{where}: {walk.place(error.index)}", error.what, error.hint) from None
    is_torch = opening is not None and "tensor" in opening.group()
    texts = tuple(walk.cells) if reading.keep_text else None
    return Matrix(array, where, texts=texts, point_digits=_TORCH_DIGITS if is_torch else _NUMPY_DIGITS)


def _refuse_rest(where: str, rest: str, expected: str) -> NoReturn:
    found = quote(rest.strip()) if rest.strip() else "nothing"
    raise InputError(where, f"expected {expected} after the list, found {found}")


class _Walk:
    """One pass over the brackets, without recursion; every list of a depth must be as long as the first of it."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.cells: list[str] = []
        self.lengths: list[int] = []  # per depth, as its first closed list says; 0 until then
        self.counts: list[int] = []  # of the open lists
        self.leaf_depth = 0

    def shape(self) -> tuple[int, ...]:
        return tuple(self.lengths)

    def place(self, index: int) -> str:
        """`[1][0]` of the cell with a place in C order."""
        indices = []
        for length in reversed(self.lengths):
            index, rest = divmod(index, length)
            indices.append(f"[{rest}]")
        return "".join(reversed(indices))

    def here(self) -> str:
        """Where the next item of the innermost list goes."""
        return f"{self.where}: {_indices(self.counts[:-1])}[{self.counts[-1]}]"

    def read(self, text: str, position: int) -> int:
        """Read the list that begins at `position`; where it ends."""
        previous = ""
        styles: list[str] = []  # of the open lists: "," or " ", "" before the second item
        while found := _TOKEN.match(text, position):
            token, position = found[1], found.end()
            if not self.counts and token != "[":
                raise InputError(self.where, f"expected '[', found {quote(token)}", "write a list: [[1, 0], [0, 1]]")
            if token == ",":
                self._separate(previous, styles, ",")
            elif token == "]":
                self._close()
                styles.pop()
                if not self.counts:
                    return position
            else:
                if previous not in ("", "[", ","):
                    self._separate(previous, styles, " ")
                if token == "[":
                    self._open()
                    styles.append("")
                else:
                    self._number(token)
            previous = token
        raise InputError(self.where, "a '[' is never closed", "end the list with ']'")

    def _separate(self, previous: str, styles: list[str], style: str) -> None:
        if style == "," and previous in ("[", ","):
            raise InputError(self.here(), "a number is missing before ','")
        if styles[-1] not in ("", style):
            raise InputError(self.here(), "the items of a list are parted by commas or by blanks, not by both")
        styles[-1] = style

    def _open(self) -> None:
        depth = len(self.counts)
        if depth == _DEEPEST:
            raise InputError(self.where, f"lists are nested deeper than {_DEEPEST}")
        if self.leaf_depth and depth == self.leaf_depth:
            raise InputError(self.here(), "a list stands where other rows have a number")
        if self.counts:
            self.counts[-1] += 1
        self.counts.append(0)
        if len(self.lengths) < len(self.counts):
            self.lengths.append(0)

    def _number(self, token: str) -> None:
        depth = len(self.counts)
        if not self.leaf_depth:
            self.leaf_depth = depth
        if depth != self.leaf_depth or depth != len(self.lengths):
            raise InputError(self.here(), f"{quote(token)} stands where other rows have a list")
        if nonfinite := _QUOTED_NONFINITE.fullmatch(token):
            token = nonfinite[1]  # as a JSON file spells it
        self.counts[-1] += 1
        self.cells.append(token)

    def _close(self) -> None:
        depth = len(self.counts)
        length = self.counts.pop()
        place = f"{self.where}: {_indices(self.counts)}" if self.counts else self.where
        if not length:
            raise InputError(place, "the list is empty", "write numbers into it: [[1, 0], [0, 1]]")
        first = self.lengths[depth - 1]
        if first and length != first:
            item = "number" if depth == self.leaf_depth else "list"
            what = f"this list has {length} {item if length == 1 else item + 's'}, the first has {first}"
            raise InputError(place, what, "give every one as many")
        self.lengths[depth - 1] = length


def _indices(counts: list[int]) -> str:
    """The indices of the last item in each open list."""
    return "".join(f"[{count - 1}]" for count in counts)
