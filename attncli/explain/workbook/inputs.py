"""The inputs of a workbook: settings, given or projected Q, K and V, and the joined heads."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from attncli.errors import ProblemError
from attncli.explain.workbook.formulas import Cell, Named, write_cell
from attncli.explain.workbook.sheets import Area, Sheet
from attncli.expressions import Expression, Numeral, Symbol, constant, divide, evaluate, power, substitute
from attncli.inputs.request import Request
from attncli.inputs.scale import KEYS, QUERIES, SIZE, parse_scale
from attncli.problem.names import Names
from attncli.problem.problem import Problem, at_head
from attncli.records import record
from attncli.stages.row_transforms import BASE_OF_SPEEDS, FACTOR, WIDTH
from attncli.stages.steps import CAP, DROPOUT, SCALE, SLOPE

LENGTH, SINK, TOP = Symbol("ℓ"), Symbol("sink"), Symbol("k")
LETTERS = {"queries": "Q", "keys": "K", "values": "V"}
Grid = list[list[Cell]]
WHERE = "attncli explain"


@record
class Written:
    """A block and its cells."""

    area: Area
    cells: Grid

    def number(self, row: int, column: int) -> float:
        value = self.cells[row][column].value
        assert isinstance(value, float)
        return value

    def named(self, row: int, column: int) -> Named:
        """Return the cell as formulas refer to it, and its number."""
        return self.area.cell(row, column), self.number(row, column)

    def of_column(self, column: int) -> list[float]:
        """Return the numbers of a column."""
        return [self.number(row, column) for row in range(len(self.cells))]

    def numbers(self, row: int, stop: int | None = None) -> list[float]:
        """Return the numbers of a row, without texts."""
        return [cell.value for cell in self.cells[row][:stop] if isinstance(cell.value, float)]


@dataclass(slots=True)
class Inputs:
    """The blocks in which matrices that several sheets use were first written.

    Projected queries, keys and values are found by role, others by role and memory address, because heads may read one
    array.
    """

    request: Request
    projected: dict[str, Written] = field(default_factory=dict)
    shared: dict[Hashable, Written] = field(default_factory=dict)


def write_settings(sheet: Sheet, problem: Problem, request: Request, number: int) -> dict[Expression, Named]:
    """Write each setting of a part to a cell of its own, and return the names in formulas and the numbers."""
    head = problem.part(number).head
    area = sheet.place(0, 1)
    found: list[tuple[Expression, str, Cell, str]] = []

    def put(symbol: Expression, name: str, cell: Cell, note: str) -> None:
        found.append((symbol, name, cell, note))

    def named() -> dict[Expression, Named]:
        return {symbol: (area.fixed(place), float(cell.value or 0)) for place, (symbol, _, cell, _) in enumerate(found)}

    put(SIZE, "d_k", Cell(float(problem.d_k)), "features of a query and of a key")
    if problem.variant.has_length and request.scale is None:
        put(LENGTH, "ℓ", Cell(float(request.length_scale or 1.0)), "how far a distance reaches")
    scale = write_cell(scale_formula(problem.isolate_part(number), request), named())
    put(SCALE, "scale", scale, "what the raw scores are multiplied by")
    rotation, slopes, sink = problem.rotation, problem.slopes, problem.sink
    several: list[tuple[Expression, str, float | None, str]] = [
        (CAP, "softcap", problem.softcap, "no score is further from 0"),
        (SLOPE, "slope", None if slopes is None else at_head(slopes, head), "of the distance to a key (ALiBi)"),
        (SINK, "sink", None if sink is None else at_head(sink, head), "a score without a value, which joins the sum"),
        (TOP, "top-k", problem.top_k, "so many of the largest scores are kept"),
        (DROPOUT, "dropout", None if problem.dropout_mask is None else problem.dropout, "of the weights are dropped"),
    ]
    if rotation is not None:
        several += [
            (WIDTH, "rope dims", rotation.size, "features that are rotated"),
            (BASE_OF_SPEEDS, "rope base", rotation.base, "of the speeds of rotation"),
            (FACTOR, "rope scale", rotation.factor, "what positions are divided by"),
        ]
    for symbol, name, value, note in several:
        if value is not None:
            put(symbol, name, Cell(float(value)), note)
    sheet.add(
        "Settings: change a number, and all below follows",
        tuple(name for _, name, _, _ in found),
        ("",),
        [[cell] for _, _, cell, _ in found],
        notes=tuple(note for *_, note in found),
    )
    return named()


def scale_formula(problem: Problem, request: Request) -> Expression:
    """Return the scale over SIZE or LENGTH, or its number if it comes from a system."""
    if problem.variant.is_constant:
        return constant(1)
    if problem.variant.has_length and request.scale is None:
        exponent = problem.variant.length_power
        return divide(constant(1), LENGTH if exponent == 1 else power(LENGTH, constant(exponent)))
    try:
        expression = parse_scale(problem.scale_text)
        counts: dict[Expression, Expression] = {
            symbol: constant(count) for symbol, count in ((QUERIES, problem.n), (KEYS, problem.m))
        }
        expression = substitute(expression, counts)
        if math.isclose(evaluate(expression, {SIZE: float(problem.d_k)}), problem.scale, rel_tol=1e-12):
            return expression
    except (ValueError, ArithmeticError):
        pass
    return Numeral(problem.scale, repr(problem.scale))


def numbered(noun: str, count: int) -> tuple[str, ...]:
    return tuple(f"{noun} {place}" for place in range(count))


def add_numbers(
    sheet: Sheet, title: str, rows: tuple[str, ...], columns: tuple[str, ...], array: np.ndarray, step: str = "given"
) -> Written:
    """Write a block of numbers without formulas."""
    cells = [[Cell(float(number)) for number in row] for row in array]
    return Written(sheet.add(title, rows, columns, cells, step=step), cells)


def write_given(
    sheet: Sheet, inputs: Inputs, problem: Problem, names: Names, rows: list[int], number: int
) -> list[Written]:
    """Write Q, K and V (if any) of a part: as numbers, or as references to an earlier sheet."""
    part, head, key_head = problem.part(number), problem.index(number)[-1:], problem.key_index(number)[-1:]
    features = tuple(names.feature(c) for c in range(problem.d_k))
    queries, keys = tuple(names.query(i) for i in rows), tuple(names.key(j) for j in range(problem.m))
    given_keys = part.keys if part.given_keys is None else part.given_keys
    found = [
        write_matrix(sheet, inputs, "queries", queries, features, part.queries, rows, head),
        write_matrix(sheet, inputs, "keys", keys, features, given_keys, None, key_head),
    ]
    if part.values is not None:
        columns = tuple(names.column(c) for c in range(part.values.shape[1]))
        found.append(write_matrix(sheet, inputs, "values", keys, columns, part.values, None, key_head))
    return found


def write_matrix(
    sheet: Sheet,
    inputs: Inputs,
    role: str,
    labels: tuple[str, ...],
    columns: tuple[str, ...],
    array: np.ndarray,
    rows: list[int] | None,
    head: tuple[int, ...],
) -> Written:
    """Write one of these matrices, or some rows of it.

    Raises ProblemError if a projected matrix is not the part of its product that formulas would use.
    """
    place = (role, array.__array_interface__["data"][0], array.shape, array.strides)
    width, array = array.shape[1], array if rows is None else array[rows]
    if (projected := inputs.projected.get(role)) is not None:
        first = head[0] * width if head and projected.area.columns > width else 0
        cells = mirror(projected, sheet.name, first, width)
        own = np.array([[cell.value for cell in row] for row in cells], np.float64)
        if own.shape != array.shape or not np.allclose(own, array, rtol=1e-6, atol=1e-12):
            raise ProblemError(WHERE, f"the {role} of this problem have no formulas", "-f html")
    elif (earlier := inputs.shared.get(place)) is not None:
        cells = mirror(earlier, sheet.name, 0, width)
    else:
        cells = [[Cell(float(cell)) for cell in row] for row in array]
    written = Written(sheet.add(f"{LETTERS[role]}, the {role}", labels, columns, cells), cells)
    inputs.shared.setdefault(place, written)
    return written


def mirror(source: Written, sheet: str, first: int, width: int) -> Grid:
    """Return some columns of a block as references to its cells."""
    seen = source.area.seen_from(sheet)
    return [
        [Cell(row[c].value, seen.cell(i, c)) for c in range(first, first + width)] for i, row in enumerate(source.cells)
    ]
