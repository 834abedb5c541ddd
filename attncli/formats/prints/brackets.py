"""One pass over nested brackets, which finds the cells and that all lists at a depth are equally long."""

from __future__ import annotations

import re
from dataclasses import dataclass

from attncli.errors import InputError
from attncli.numbers.numerals import quote

DEEPEST = 32  # axes
CLOSERS = {"[": "]", "{": "}", "(": ")"}
TYPES = (  # of the items of a list, written before it
    r"(?:Float(?:16|32|64)|U?Int(?:8|16|32|64)?|Bool|Any)(?=\[)|vec!(?=\[)"
    r"|(?:\[(?:[0-9]*|\.\.\.)\])+\s*(?:float(?:32|64)|u?int[0-9]*|bool|f(?:16|32|64)"
    r"|[iu](?:8|16|32|64))(?=\{)"  # Go and Zig
    r"|new\s*(?:float|double|int|long)?\s*(?:\[[0-9, ]*\])+\s*(?=\{)"
    r"|(?:float|double|int|long)(?:\[[0-9]*\])+\s*(?=\{)"  # Java, C#
    r"|@[SM](?:Matrix|Vector)\s*(?=\[)|List(?=\[)"  # Julia, Mathematica
    r"|std::\w+<[\w:<>, ]*>\s*(?=\{)|'(?=\{)"  # C++, Verilog
    r"|(?:(?:Float(?:32|64)|U?[iI]nt(?:8|16|32))?Array)?\([0-9]+\)\s*(?=\[)|Array\s*(?=\[)"  # JavaScript
    r"|(?:array!|mat!|d?matrix!|Matrix|@|&|#|!!)(?=\[)|\.(?=[ \t]*\{)"  # Rust, Ruby, Nim, Lean, Zig
    r"|Numo::\w+(?:#shape=\[[0-9,]*\]\s*)?(?=\[)|(?:'?#(?:[0-9]A)?|'|@)(?=\()"  # Ruby, Lisp, PowerShell
)
_TOKEN = re.compile(  # str.split also splits at the no-break spaces within a number
    rf"[ \t\n\r\f\v]*(?:{TYPES})?([\[\]{{}},]|[\"'][^\"'\n]*[\"']"
    r"|-?[\w.]*[A-Za-z_]\w*\([^()\[\]{},;\s]*\)|[()]|[^ \t\n\r\f\v\[\]{}(),]+)"
)
_FORM = "a matrix is a list of rows, as in [[1, 0], [0, 1]]"


def _hint(token: str) -> str:
    """Return what to do about a word in place of a list: `indices=` of a sparse tensor, or a number."""
    return (
        "print all of its cells: print(x.to_dense())"
        if token.endswith("indices=")
        else "write a list: [[1, 0], [0, 1]]"
    )


@dataclass(slots=True)
class _Open:
    """A list that is not closed yet: the token that closes it, and the number of its items so far."""

    closer: str
    count: int = 0
    style: str = ""  # "," or " ", and "" before the second item


class BracketWalk:
    """One pass over the brackets, without recursion. Every list at a depth must be as long as the first one there."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.cells: list[str] = []
        self.lengths: list[int] = []  # per depth, from its first closed list (0 until then)
        self.open: list[_Open] = []
        self.leaf_depth = 0

    def shape(self) -> tuple[int, ...]:
        return tuple(self.lengths)

    def place(self, index: int) -> str:
        """Return the indices, such as `[1][0]`, of the cell at a position in C order."""
        indices = []
        for length in reversed(self.lengths):
            index, rest = divmod(index, length)
            indices.append(f"[{rest}]")
        return "".join(reversed(indices))

    def here(self) -> str:
        """Return the indices of the next item of the innermost list."""
        return f"{self.where}: {self._indices(self.open[:-1])}[{self.open[-1].count}]"

    def _indices(self, lists: list[_Open]) -> str:
        """Return the indices of the last item in each list."""
        return "".join(f"[{item.count - 1}]" for item in lists)

    def read(self, text: str, position: int) -> int:
        """Read the list that begins at `position`, and return the position of its end."""
        previous = ""
        while found := _TOKEN.match(text, position):
            token, position = found[1], found.end()
            if not self.open and token not in CLOSERS:
                raise InputError(self.where, f"expected '[', found {quote(token)}", _hint(token))
            if token == ",":
                self._separate(previous, ",")
            elif token in ("]", "}", ")"):
                self._close(token)
                if not self.open:
                    return position
            else:
                if previous not in ("", ",", *CLOSERS):
                    self._separate(previous, " ")
                if token in CLOSERS:
                    self._push(token)
                else:
                    self._number(token)
            previous = token
        closer = self.open[-1].closer if self.open else "]"
        opener = next(opener for opener, closing in CLOSERS.items() if closing == closer)
        raise InputError(self.where, f"a '{opener}' is never closed", f"end the list with '{closer}'")

    def _separate(self, previous: str, style: str) -> None:
        if style == "," and previous in (",", *CLOSERS):
            raise InputError(self.here(), "a number is missing before ','", "write it, or nan")
        innermost = self.open[-1]
        if innermost.style not in ("", style):
            what = "the items of a list are separated by commas or by spaces, not by both"
            raise InputError(self.here(), what, "put a comma between all of them, and a point in decimals: [1.5, 2, 3]")
        innermost.style = style

    def _push(self, opener: str) -> None:
        depth = len(self.open)
        if depth == DEEPEST:
            raise InputError(self.where, f"lists are nested deeper than {DEEPEST}", _FORM)
        if self.leaf_depth and depth == self.leaf_depth:
            raise InputError(self.here(), "found a list where other rows have a number", _FORM)
        if self.open:
            self.open[-1].count += 1
        self.open.append(_Open(CLOSERS[opener]))
        if len(self.lengths) < len(self.open):
            self.lengths.append(0)

    def _number(self, token: str) -> None:
        depth = len(self.open)
        if not self.leaf_depth:
            self.leaf_depth = depth
        if depth != self.leaf_depth or depth != len(self.lengths):
            raise InputError(self.here(), f"found {quote(token)} where other rows have a list", _FORM)
        self.open[-1].count += 1
        self.cells.append(token)

    def _close(self, token: str) -> None:
        depth = len(self.open)
        closed = self.open.pop()
        place = f"{self.where}: {self._indices(self.open)}" if self.open else self.where
        if token != closed.closer:
            what = f"the list is closed by '{token}', not by '{closed.closer}'"
            raise InputError(place, what, f"write '{closed.closer}' in its place, or check the brackets before it")
        if not closed.count:
            raise InputError(place, "the list is empty", "write numbers into it: [[1, 0], [0, 1]]")
        first = self.lengths[depth - 1]
        if first and closed.count != first:
            item = "number" if depth == self.leaf_depth else "list"
            what = f"this list has {closed.count} {item if closed.count == 1 else item + 's'}, the first has {first}"
            raise InputError(place, what, "all rows need the same number of entries")
        self.lengths[depth - 1] = closed.count
