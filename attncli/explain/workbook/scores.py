"""The scores of one head or entry as blocks of formulas, from Q and K to the masked scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from attncli.errors import ProblemError
from attncli.explain.steps.weights import term_values
from attncli.explain.workbook.formulas import Cell, Named, to_formula, write_cell
from attncli.explain.workbook.inputs import (
    TOP,
    WHERE,
    Grid,
    Written,
    add_numbers,
)
from attncli.explain.workbook.sheets import Sheet
from attncli.expressions import (
    KEY,
    KEY_LENGTH,
    QUERY,
    QUERY_LENGTH,
    TOTAL,
    Expression,
    contains,
    multiply,
    substitute,
)
from attncli.inputs.scale import SIZE
from attncli.problem.names import Names
from attncli.problem.problem import Part, Problem
from attncli.stages.row_transforms import ANGLE, FIRST, SECOND, TURN, TURNED_FIRST, TURNED_SECOND, WIDTH
from attncli.stages.row_transforms import COUNT as PAIR
from attncli.stages.steps import (
    BIAS,
    PLACE,
    POSITION,
    RAW,
    SCORE,
    STAGES,
)
from attncli.variants import FEATURE_WEIGHT

MASKED = "−∞"  # a text, which SUM, MAX, COUNT, LARGE and RANK ignore


@dataclass(slots=True)
class Calculation:
    """The sheet of a part while it is written. `numbers` are the values of its formulas, by the names of results."""

    problem: Problem
    names: Names
    rows: list[int]
    sheet: Sheet
    settings: dict[Expression, Named]
    part: Part
    positions: list[int]
    allowed: np.ndarray
    empty: Cell
    numbers: dict[str, list[list[float]]]
    lse: list[float] | None = None
    output: Written | None = None

    @property
    def queries(self) -> tuple[str, ...]:
        return tuple(self.names.query(i) for i in self.rows)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.names.key(j) for j in range(self.problem.m))

    def add(
        self, title: str, cells: Grid, step: str, more: tuple[str, ...] = (), *, is_shaded: bool = False
    ) -> Written:
        """Add a block with a row per query and a column per key, followed by `more` columns."""
        columns = (*self.keys, *more)
        area = self.sheet.add(title, self.queries, columns, cells, step=step, is_shaded=is_shaded)
        return Written(area, cells)

    def each(self, make: Callable[[int, int], Cell]) -> Grid:
        """Return a cell for each query and each key, by their positions on the sheet."""
        return [[make(i, j) for j in range(self.problem.m)] for i in range(len(self.rows))]


def empty_weight(problem: Problem, allowed: np.ndarray) -> Cell:
    """Return the weight of a query without a key.

    Raises ProblemError if there is such a query and its weight has no formula.
    """
    rule = problem.conventions.empty
    if rule == "zeros" or problem.sink is not None:
        return Cell(0.0, "0")
    if rule == "uniform" and problem.bias is None:
        return Cell(1 / problem.m, f"1/{problem.m}")
    if not allowed.any(axis=1).all():
        what = f"a query has no key, and its weights are {problem.empty_row}: that has no formula"
        raise ProblemError(WHERE, what, "-f html")
    return Cell(0.0, "0")


def transform_both(own: Calculation, queries: Written, keys: Written) -> tuple[Written, Written]:
    """Return Q and K after qk-norm and rope, with a block for each that is changed."""
    if (norm := own.problem.row_norm) is not None:
        queries, keys = (
            add_rows(own, f"{letter} after qk-norm: {norm.formula}", rows, norm_rows(own, norm.entry, rows))
            for letter, rows in (("Q", queries), ("K", keys))
        )
    if own.problem.rotation is not None:
        queries = rotate_rows(own, "Q", queries, own.positions)
        keys = rotate_rows(own, "K", keys, list(range(own.problem.m)))
    return queries, keys


def add_rows(own: Calculation, title: str, like: Written, cells: Grid) -> Written:
    """Add a block with the labels of another block, of Q or K."""
    labels = own.queries if len(like.cells) == len(own.queries) and title.startswith("Q") else own.keys
    columns = tuple(own.names.feature(c) for c in range(own.problem.d_k))
    return Written(own.sheet.add(title, labels, columns, cells), cells)


def norm_rows(own: Calculation, entry: Expression, rows: Written) -> Grid:
    """Return each number of a row over its length, as the norm defines it, or 0 in a row of zeros."""

    def make(row: int, column: int) -> Cell:
        here, length = rows.area.row(row), math.hypot(*rows.numbers(row))
        given = {
            QUERY: rows.named(row, column),
            QUERY_LENGTH: (f"SQRT(SUMSQ({here}))", length or 1.0),
            WIDTH: own.settings[SIZE],
        }
        cell = write_cell(entry, given)
        return Cell(cell.value if length else 0.0, f"IF(SUMSQ({here})=0,0,{cell.formula})")

    return [[make(row, column) for column in range(own.problem.d_k)] for row in range(len(rows.cells))]


def rotate_rows(own: Calculation, letter: str, rows: Written, positions: list[int]) -> Written:
    """Add the angles as a block, and return the rows rotated by them."""
    rotation = own.problem.rotation
    assert rotation is not None
    angles = [
        [
            write_cell(TURN, {**own.settings, POSITION: named_number(place), PAIR: named_number(pair)})
            for pair in range(rotation.size // 2)
        ]
        for place in positions
    ]
    labels = own.queries if letter == "Q" else own.keys
    title = f"angles of {letter}: position / scale · base^(−2c/dims), for the pairs c = 0, 1, …"
    pairs = tuple(f"pair {pair}" for pair in range(rotation.size // 2))
    turned = Written(own.sheet.add(title, labels, pairs, angles), angles)
    order = list(range(own.problem.d_k))
    firsts, seconds = order[rotation.pairing.first(rotation.size)], order[rotation.pairing.second(rotation.size)]
    partners = {c: (pair, TURNED_FIRST) for pair, c in enumerate(firsts)}
    partners |= {c: (pair, TURNED_SECOND) for pair, c in enumerate(seconds)}

    def make(row: int, column: int) -> Cell:
        if column not in partners:
            text, number = rows.named(row, column)
            return Cell(number, text)
        pair, expression = partners[column]
        given: dict[Expression, Named] = {
            FIRST: rows.named(row, firsts[pair]),
            SECOND: rows.named(row, seconds[pair]),
            ANGLE: turned.named(row, pair),
        }
        return write_cell(expression, given)

    cells = [[make(row, column) for column in range(own.problem.d_k)] for row in range(len(rows.cells))]
    return add_rows(own, f"{letter} after rope: {rotation.pairing.explained}", rows, cells)


def named_number(number: float) -> Named:
    """Return a number that is written into formulas as it is."""
    return (f"{number:g}" if number >= 0 else f"({number:g})", float(number))


def compare_rows(own: Calculation, queries: Written, keys: Written) -> Written:
    """Add the raw scores of each query and key, computed with the variant's own expressions."""
    variant = own.problem.variant
    needs_lengths = contains(variant.raw_score, QUERY_LENGTH)
    weights: dict[Expression, str] = {}
    if variant.weights is not None:
        weights = {FEATURE_WEIGHT: f"{{{','.join(map(repr, variant.weights))}}}"}

    def make(i: int, j: int) -> Cell:
        rows = queries.area.row(i), keys.area.row(j)
        given: dict[Expression, Named] = {}
        if variant.term is not None:
            is_product = variant.term == multiply(QUERY, KEY)
            operands = {**weights, QUERY: rows[0], KEY: rows[1]}
            inner = ",".join(rows) if is_product else to_formula(variant.term, operands)
            total = math.fsum(term_values(variant, np.array(queries.numbers(i)), np.array(keys.numbers(j))).tolist())
            given[TOTAL] = (f"SUMPRODUCT({inner})", total)
        if not needs_lengths:
            return write_cell(variant.raw_score, given)
        lengths = [math.hypot(*queries.numbers(i)), math.hypot(*keys.numbers(j))]
        given |= {
            symbol: (f"SQRT(SUMSQ({row}))", length or 1.0)
            for symbol, row, length in zip((QUERY_LENGTH, KEY_LENGTH), rows, lengths, strict=True)
        }
        cell = write_cell(variant.raw_score, given)
        formula = f"IF(OR(SUMSQ({rows[0]})=0,SUMSQ({rows[1]})=0),0,{cell.formula})"
        return Cell(cell.value if all(lengths) else 0.0, formula)

    raw = own.add(f"raw scores: {variant.formula}", own.each(make), "raw")
    own.numbers["raw_scores"] = [raw.numbers(i) for i in range(len(own.rows))]
    return raw


def score_keys(own: Calculation, raw: Written) -> Written:
    """Add the scores before the mask: scale, softcap, ALiBi and bias, in the order of the conventions."""
    problem, bias = own.problem, own.part.bias
    stages = ["scaled"]
    if problem.softcap is not None and not problem.conventions.softcap_after_bias:
        stages.append("capped")
    if problem.slopes is not None:
        stages.append("distanced")
    if bias is not None:
        stages.append("biased")
    if problem.softcap is not None and problem.conventions.softcap_after_bias:
        stages.append("capped")
    expression: Expression = SCORE
    for stage in stages:
        expression = substitute(STAGES[stage], {SCORE: expression})
    added = None
    if bias is not None:
        shown = np.where(np.isneginf(bias), 0.0, bias)[own.rows]
        added = add_numbers(own.sheet, "bias (0 where it is −∞: that is in the mask)", own.queries, own.keys, shown)

    def make(i: int, j: int) -> Cell:
        given = {**own.settings, RAW: raw.named(i, j), POSITION: named_number(own.positions[i]), PLACE: named_number(j)}
        if added is not None:
            given[BIAS] = added.named(i, j)
        return write_cell(expression, given)

    words = {"scaled": "scaled", "capped": "capped", "distanced": "less the distance", "biased": "with the bias"}
    title = f"scores: {', '.join(words[stage] for stage in stages)}"
    return own.add(title, own.each(make), "scores")


def mask_scores(own: Calculation, scores: Written) -> Written:
    """Add the masked scores: −∞, as a text, if the mask forbids the key or top-k does not keep it."""
    if not own.allowed.all():
        mask = add_numbers(
            own.sheet, "mask: 1 where the query may attend to the key", own.queries, own.keys, own.allowed
        )

        def hide(i: int, j: int) -> Cell:
            text, number = scores.named(i, j)
            return Cell(number if own.allowed[i, j] else MASKED, f'IF({mask.area.cell(i, j)}=1,{text},"{MASKED}")')

        scores = own.add("masked scores", own.each(hide), "masked", is_shaded=True)
    own.numbers["scores"] = [[finite_or_masked(cell) for cell in row] for row in scores.cells]
    return scores if own.problem.top_k is None else keep_top(own, scores)


def finite_or_masked(cell: Cell) -> float:
    """Return the number of a cell, or −inf for a masked one."""
    return -math.inf if cell.value == MASKED else float(cell.value or 0)


def keep_top(own: Calculation, scores: Written) -> Written:
    """Add the scores that are among the k largest of their row. Of equal ones, the first are kept."""
    text, number = own.settings[TOP]

    def make(i: int, j: int) -> Cell:
        cell, area = scores.cells[i][j], scores.area
        before, this = area.row(i, 0, j), area.cell(i, j)
        rank = f"RANK({this},{area.row(i)})+COUNTIF({before},{this})-1<={text}"
        value: float | str = MASKED
        if isinstance(cell.value, float):
            larger = sum(other > cell.value for other in scores.numbers(i))
            same = sum(other.value == cell.value for other in scores.cells[i][:j])
            value = cell.value if larger + same < number else MASKED
        return Cell(value, f'IF(ISNUMBER({this}),IF({rank},{this},"{MASKED}"),"{MASKED}")')

    return own.add("scores that top-k keeps", own.each(make), "masked")
