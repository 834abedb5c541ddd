"""A spreadsheet program in small: what the formulas of a workbook come to, from their text alone."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?)|"(?P<text>[^"]*)"|(?P<place>(?:'(?:[^']|'')+'!)?\$?[A-Z]{1,3}\$?\d+
    (?::\$?[A-Z]{1,3}\$?\d+)?)(?![A-Z(])|(?P<name>[A-Z]+)(?=\()|(?P<sign><=|>=|<>|[-+*/^(),=<>]))""",
    re.VERBOSE,
)


class Spreadsheet:
    """The cells of a file, formulas calculated when they are asked for."""

    def __init__(self, data: bytes) -> None:
        import openpyxl

        self.written = openpyxl.load_workbook(io.BytesIO(data))
        self.stored = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
        self.known: dict[tuple[str, str], Any] = {}
        self.changed: dict[tuple[str, str], float] = {}

    def formulas(self) -> list[tuple[str, str]]:
        """Sheet and address of every formula."""
        return [
            (sheet.title, cell.coordinate)
            for sheet in self.written
            for row in sheet.iter_rows()
            for cell in row
            if cell.data_type == "f"
        ]

    def value(self, sheet: str, address: str) -> Any:
        """What a cell comes to: a number, a text, or None where it is empty."""
        if (sheet, address) not in self.known:
            cell = self.written[sheet][address]
            found: Any = self.changed.get((sheet, address), cell.value)
            if cell.data_type == "f" and (sheet, address) not in self.changed:
                found = _Formula(self, sheet, cell.value[1:]).result()
            self.known[sheet, address] = found
        return self.known[sheet, address]

    def change(self, sheet: str, address: str, number: float) -> None:
        """Type a number into a cell."""
        self.changed[sheet, address] = number
        self.known.clear()

    def block(self, sheet: str, title: str) -> list[list[Any]]:
        """The values below a title, up to the first empty row and column."""
        page = self.written[sheet]
        top = next(row for row in range(1, page.max_row + 1) if str(page.cell(row, 1).value or "").startswith(title))
        rows = []
        row = top + 2
        while page.cell(row, 1).value is not None:
            line, column = [], 2
            while page.cell(top + 1, column).value is not None:
                line.append(self.value(sheet, page.cell(row, column).coordinate))
                column += 1
            rows.append(line)
            row += 1
        return rows


class _Formula:
    """One formula: precedence as spreadsheets have it, a sign in front before ^, and ^ from the left."""

    def __init__(self, book: Spreadsheet, sheet: str, text: str) -> None:
        self.book, self.sheet, self.text = book, sheet, text

    @cached_property
    def tokens(self) -> list[tuple[str, str]]:
        found, place = [], 0
        while place < len(self.text):
            match = TOKEN.match(self.text, place)
            assert match is not None, self.text[place:]
            kind = match.lastgroup
            assert kind is not None
            found.append((kind, match[kind]))
            place = match.end()
        return found

    def result(self) -> Any:
        value = self.comparison()
        assert not self.tokens, self.text
        return float(value.item()) if isinstance(value, np.floating | np.ndarray) and value.size == 1 else value

    def take(self, *signs: str) -> str | None:
        if self.tokens and self.tokens[0][0] == "sign" and self.tokens[0][1] in signs:
            return self.tokens.pop(0)[1]
        return None

    def chain(self, signs: dict[str, Callable[[Any, Any], Any]], inner: Callable[[], Any]) -> Any:
        value = inner()
        while (sign := self.take(*signs)) is not None:
            value = attempt(signs[sign], value, inner())
        return value

    def comparison(self) -> Any:
        signs = {"=": lambda a, b: a == b, "<=": compare_cells, ">": lambda a, b: a > b, "<": lambda a, b: a < b}
        return self.chain(signs, self.sum)

    def sum(self) -> Any:
        return self.chain({"+": lambda a, b: a + b, "-": lambda a, b: a - b}, self.product)

    def product(self) -> Any:
        return self.chain({"*": lambda a, b: a * b, "/": lambda a, b: a / b}, self.power)

    def power(self) -> Any:
        return self.chain({"^": lambda a, b: a**b}, self.signed)

    def signed(self) -> Any:
        return attempt(lambda value: -value, self.signed()) if self.take("-") else self.atom()

    def atom(self) -> Any:
        kind, text = self.tokens.pop(0)
        if kind == "number":
            return float(text)
        if kind == "text":
            return text
        if kind == "place":
            return self.area(text)
        if kind == "name":
            assert self.take("(")
            arguments: list[Any] = []
            while not self.take(")"):
                arguments.append(self.comparison())
                self.take(",")
            return attempt(FUNCTIONS[text], *arguments)
        assert text == "(", text
        value = self.comparison()
        assert self.take(")")
        return value

    def area(self, text: str) -> Any:
        sheet, _, cells = text.rpartition("!")
        sheet = sheet[1:-1].replace("''", "'") if sheet else self.sheet
        cells = cells.replace("$", "")
        if ":" not in cells:
            value = self.book.value(sheet, cells)
            return 0.0 if value is None else value
        page = self.book.written[sheet]
        return np.array(
            [[self.book.value(sheet, cell.coordinate) for cell in row] for row in page[cells]], dtype=object
        )


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives; NaN for an error, which an IF may leave aside, as #VALUE! is."""
    try:
        return function(*arguments)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError, IndexError):
        return math.nan


def compare_cells(left: Any, right: Any) -> Any:
    """<= of numbers and texts, cell by cell: a text is larger than any number."""
    if not isinstance(left, np.ndarray):
        return left <= right
    pairs = zip(left.flat, right.flat, strict=True)
    order = [((isinstance(a, str), a), (isinstance(b, str), b)) for a, b in pairs]
    return np.array([a[0] < b[0] or (a[0] == b[0] and a[1] <= b[1]) for a, b in order], float).reshape(left.shape)


def numbers(*areas: Any) -> list[float]:
    """The numbers of the areas; texts are left out."""
    cells = [cell for area in areas for cell in (area.flat if isinstance(area, np.ndarray) else [area])]
    return [cell for cell in cells if isinstance(cell, int | float) and not isinstance(cell, bool)]


def every(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of a number, or of each cell of an area."""

    def apply(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return np.array([function(cell) for cell in value.flat]).reshape(value.shape)
        return function(value)

    return apply


def sum_of_products(*areas: Any) -> float:
    assert len({area.shape for area in areas}) == 1
    products = np.ones(areas[0].shape)
    for area in areas:
        products = products * np.array(area, float)
    return math.fsum(products.flat)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "SUM": lambda *areas: math.fsum(numbers(*areas)),
    "SUMSQ": lambda *areas: math.fsum(number * number for number in numbers(*areas)),
    "SUMPRODUCT": sum_of_products,
    "MMULT": lambda left, right: np.array(left, float) @ np.array(right, float),
    "MAX": lambda *areas: max(numbers(*areas), default=0.0),
    "COUNT": lambda *areas: float(len(numbers(*areas))),
    "COUNTIF": lambda area, wanted: float(sum(cell == wanted for cell in np.ravel(area))),
    "RANK": lambda number, area: 1.0 + sum(other > number for other in numbers(area)) if number != "−∞" else None,
    "LARGE": lambda area, place: (
        sorted(numbers(area), reverse=True)[int(place) - 1] if place <= len(numbers(area)) else None
    ),
    "INDEX": lambda area, place: area.flat[int(place) - 1] if place else None,
    "IF": lambda condition, then, other: then if condition else other,
    "OR": lambda *conditions: any(conditions),
    "AND": lambda *conditions: all(conditions),
    "ISNUMBER": lambda value: every(lambda cell: float(isinstance(cell, int | float)))(value),
    "ABS": every(abs),
    "SQRT": every(math.sqrt),
    "EXP": every(math.exp),
    "LN": every(math.log),
    "TANH": every(math.tanh),
    "COS": every(math.cos),
    "SIN": every(math.sin),
}
