"""The pattern of the errors in a matrix: noise, one row, one head, above a diagonal, growing with position."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.check.dtype_texts import spacing
from attncli.check.percentile import percentile_of
from attncli.check.report import ABSOLUTE, Errors
from attncli.matrix import Array
from attncli.records import record

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.judged_block import JudgedBlock
    from attncli.check.precision import Claims
    from attncli.check.tolerance.measures import Measured
    from attncli.problem.problem import Problem

SHRUNK = 2.0**-64  # errors are added up times this, so that no sum overflows; a power of two rounds nothing
MOST_PLACES = 8  # heads or entries that are listed one by one
MOSTLY = 0.8  # of the cells of some rows or heads, which are the pattern then
CLEAR = 3.4  # standard deviations from 0 of a rank correlation that shows that errors grow


def measure_errors(judge: Judge, measured: Measured) -> Errors:
    """Return the errors of a matrix."""
    dtype = claimed_dtype(judge)
    survey = _Survey(judge, measured, dtype)
    gap = survey.cosine_gap()
    if survey.beyond.any():
        first: tuple[int, ...] | None = _first(survey.beyond)
    else:
        first = _first_of(judge.blocks(measured), lambda block: block.is_another(dtype))
    return Errors(
        unit=survey.unit,
        largest=survey.largest,
        mean=survey.total / survey.count / SHRUNK if survey.count else 0.0,
        percentile_99=percentile_of(survey.finite_sizes, survey.count, 99),
        own_units=survey.most_units,
        cosine=None if gap is None else 1 - gap,
        gap=gap,
        first=None if first is None else judge.given_cell(first),
        dtype=dtype,
        plain=survey.plain,
        beyond=int(survey.beyond.sum()),
        cells=int(survey.beyond.size),
        structure=describe_pattern(survey.lines, survey.beyond, judge.name, has_heads=has_head_axis(measured.problem)),
    )


@record
class Largest:
    """The largest of the sizes in each row (…, n) and in each column (…, m), or of a list (m,) only these."""

    rows: Array
    columns: Array

    @classmethod
    def of(cls, sizes: Array) -> Largest:
        """Return those of an array of sizes (…, n, m)."""
        return cls(sizes.max(axis=-1), sizes.max(axis=-2)) if sizes.ndim > 1 else cls(sizes, sizes)

    def at(self, index: tuple[Any, ...]) -> Largest:
        """Return those of one head of an entry, or with an index along one leading axis those of several."""
        return Largest(self.rows[index], self.columns[index])


class _Survey:
    """What is found in one look at all blocks of a matrix, with one byte for each cell: whether it is `beyond` what
    rounding explains.

    `one` is the unit of all errors: that of the largest number, because near 0 the unit of a cell is meaningless. Texts
    that are compared by a tolerance claim no unit: their errors are reported as they are.
    """

    def __init__(self, judge: Judge, measured: Measured, dtype: str | None) -> None:
        self.judge, self.measured, self.dtype = judge, measured, dtype
        shape = judge.expected.shape
        if dtype is not None:
            self.one, self.unit = _spacing_at(measured.largest(judge.name), dtype), f"ulp of {dtype}"
        elif judge.claims is not None:
            self.one, self.unit = self._unit_of_largest(judge.claims), "units of the last digit"
        else:
            self.one, self.unit = 1.0, ABSOLUTE
        self.beyond = np.zeros(shape, np.bool_)
        self.total, self.count, self.largest, self.most_units = 0.0, 0, 0.0, 0.0
        self.plain: float | None = None if dtype is None else 0.0
        self.sides = [_largest_of(array, judge, measured) for array in (judge.expected, measured.numbers[judge.name])]
        self.squares = [0.0, 0.0]
        rows, columns = [], []
        for block in judge.blocks(measured):
            shown = self._see(block)
            if shown.ndim > 1 and judge.name != "lse":
                rows.append(shown.max(axis=-1))
                columns.append(shown.max(axis=-2))
            else:
                rows.append(shown)
        whole = np.concatenate(rows, axis=-1)
        self.lines = Largest(whole, np.maximum.reduce(columns) if columns else whole)

    def _see(self, block: JudgedBlock) -> Array:
        """Add a block to what is found, and return the sizes that show a pattern."""
        sizes = self._sizes(block)
        if self.dtype is not None:
            shown, beyond = sizes, self._is_beyond_bound(block, sizes, self.dtype)
        elif self.judge.claims is not None:
            shown, beyond = block.units, ~block.is_near
        else:
            shown, beyond = sizes, ~(block.error <= block.scale)
        self.beyond[block.where] = beyond
        self.most_units = max(self.most_units, float(shown.max(initial=0)))
        told = sizes[np.isfinite(sizes)]
        self.total, self.count = self.total + float((told * SHRUNK).sum()), self.count + told.size
        self.largest = max(self.largest, float(sizes.max(initial=0)))
        for number, side in enumerate(self._finite_sides(block)):
            self.squares[number] += float(side @ side)
        return shown

    def _sizes(self, block: JudgedBlock) -> Array:
        """Return the errors in the unit of all, infinite where kinds disagree."""
        with np.errstate(over="ignore"):
            return np.where(np.isfinite(block.error), block.error / self.one, np.inf)

    def _is_beyond_bound(self, block: JudgedBlock, sizes: Array, dtype: str) -> Array:
        """Return which cells are off by more than twice the error of a plain computation in the dtype."""
        is_narrow = dtype in ("float16", "bfloat16")
        bound = block.bound("float32" if is_narrow else dtype)
        if is_narrow:
            bound = np.maximum(bound, self.one / 2)
        with np.errstate(over="ignore"):
            allowed = bound / self.one
        assert self.plain is not None
        self.plain = max(self.plain, float(np.where(block.computed != 0, allowed, 0).max(initial=0)))
        beyond: Array = sizes / 2 > allowed  # twice the allowed error may overflow float64
        return beyond

    def finite_sizes(self) -> Iterator[Array]:
        """Yield the finite errors of each block in the unit of all."""
        for block in self.judge.blocks(self.measured):
            sizes = self._sizes(block)
            yield sizes[np.isfinite(sizes)]

    def _finite_sides(self, block: JudgedBlock) -> list[Array]:
        """Return the expected and the computed numbers where both are finite, each over its largest."""
        finite = np.isfinite(block.expected) & np.isfinite(block.computed)
        return [
            array[finite] / (largest or 1)
            for array, largest in zip((block.expected, block.computed), self.sides, strict=True)
        ]

    def cosine_gap(self) -> float | None:
        """Return 1 minus the cosine of the angle between all expected and all computed numbers, ½|a/‖a‖ − b/‖b‖|², or
        None for a zero vector."""
        lengths = [math.sqrt(square) for square in self.squares]
        if 0 in lengths:
            return None
        gap = 0.0
        for block in self.judge.blocks(self.measured):
            one, two = self._finite_sides(block)
            apart = one / lengths[0] - two / lengths[1]
            gap += float(apart @ apart)
        return gap / 2

    def _unit_of_largest(self, claims: Claims) -> float:
        """Return one unit of the last digit of the largest number that has one (fractions and full float64 numbers do
        not)."""
        extremes = claims.extremes
        if extremes.all_full:
            return _spacing_at(self.measured.largest(self.judge.name), "float64")
        size, unit = -np.inf, 0.0
        for block in self.judge.blocks(self.measured):
            is_full, units = block.claims.is_full, block.claims.unit
            sizes = np.where(is_full, -1, np.where(np.isfinite(block.computed), np.abs(block.computed), -1))
            place = int(np.argmax(sizes))
            if float(sizes.flat[place]) > size:
                size, unit = float(sizes.flat[place]), 0.0 if is_full.flat[place] else float(units.flat[place])
        return unit or float(extremes.largest_decimal)


def _largest_of(array: Array, judge: Judge, measured: Measured) -> float:
    """Return the size of the largest number of one side where both sides are finite."""
    largest = 0.0
    for block in judge.blocks(measured):
        finite = np.isfinite(block.expected) & np.isfinite(block.computed)
        largest = max(largest, float(np.abs(array[block.where][finite]).max(initial=0)))
    return largest


def _spacing_at(size: float, dtype: str) -> float:
    return float(spacing(np.array(size), dtype))


def _first(cells: Array) -> tuple[int, ...]:
    return tuple(int(index) for index in np.unravel_index(int(np.argmax(cells)), cells.shape))


def _first_of(blocks: Iterator[JudgedBlock], find: Callable[[JudgedBlock], Array]) -> tuple[int, ...] | None:
    """Return the first cell in C order that is found in a block, or None."""
    firsts = [block.cell(int(np.argmax(cells))) for block in blocks if (cells := find(block)).any()]
    return min(firsts, default=None)


def claimed_dtype(judge: Judge) -> str | None:
    """Return the dtype that the expected numbers claim to have in full, or None for rounded decimals and for texts that
    are compared by a tolerance."""
    if judge.narrow:
        return judge.narrow[0]
    if judge.claims is None:
        return judge.dtype if judge.texts is None else None
    if judge.shows_float32 and judge.is_float32:
        return "float32"
    return "float64" if judge.claims.extremes.all_full else None


def describe_pattern(largest: Largest, beyond: Array, name: str, *, has_heads: bool = True) -> str:
    """Return the end of a sentence: where the cells are whose error is larger than print or computation explain.

    `largest` are the largest errors of rows and columns. The last leading axis is that of heads if it `has_heads`.
    """
    count = int(beyond.sum())
    if count == 0:
        return "noise: no cell differs by more than rounding explains"
    if count == 1:
        return "one cell"
    if beyond.ndim == 1 and name != "lse":
        return "every cell" if bool(beyond.all()) else f"{count} of {beyond.size} cells"
    if name == "lse":
        return _growth({"query": largest.rows}) or f"{count} of {beyond.size} cells"
    *lead, _, _ = beyond.shape
    if lead and int(np.prod(lead)) > 1:
        parts = beyond.reshape(-1, *beyond.shape[-2:]).any(axis=(1, 2))
        if parts.sum() == 1:
            index = np.unravel_index(int(np.argmax(parts)), tuple(lead))
            inner = describe_pattern(largest.at(index), beyond[index], name)
            return f"only {name_leading_place(index, has_heads=has_heads)}, {inner}"
        nouns = ("head", "entry") if has_heads else ("entry",)
        for noun, axis in zip(nouns, reversed(range(len(lead))), strict=False):
            if (places := _only_some(beyond, axis)) is not None:
                along: tuple[Any, ...] = (*[slice(None)] * axis, places if len(places) > 1 else places[0])
                still = has_heads and (noun == "entry" or len(places) > 1)
                inner = describe_pattern(largest.at(along), beyond[along], name, has_heads=still)
                return f"only {_name_places(noun, places)}, {inner}"
    rows, columns = _any_along(beyond, -1), _any_along(beyond, -2)
    if rows.sum() == 1 < rows.size:
        return f"only row {int(np.argmax(rows))}"
    if columns.sum() == 1 < columns.size:
        return f"only column {int(np.argmax(columns))}"
    if name != "output" and (diagonal := _triangle(beyond)):
        return diagonal
    for noun, lines in (("rows", rows), ("columns", columns)):
        run = _run(lines)
        if run is not None and (beyond[..., run, :] if noun == "rows" else beyond[..., run]).mean() > 0.5:
            return f"only {noun} {run.start} to {run.stop - 1}"
    if growth := _growth({"query": largest.rows, "column": largest.columns}):
        return growth
    if not rows.all() and beyond[..., rows, :].mean() > MOSTLY:
        return f"only {_name_places('row', np.flatnonzero(rows).tolist())}"
    return "every cell" if bool(beyond.all()) else f"{count} of {beyond.size} cells, without a pattern"


def has_head_axis(problem: Problem) -> bool:
    """Return whether the last leading axis is that of heads: one that is alone may as well be that of a batch, unless
    heads were asked for."""
    return problem.packed or len(problem.lead) > 1


def name_leading_place(index: Sequence[Any], *, has_heads: bool) -> str:
    """Return the words for one head of an entry, by its index on the leading axes: `entry 0, head 1`, or `entry 0` for
    one without heads."""
    places = [str(int(place)) for place in index]
    entry = places[:-1] if has_heads else places
    named = [f"entry {', '.join(entry)}"] if entry else []
    return ", ".join([*named, f"head {places[-1]}"] if has_heads else named)


def _only_some(beyond: Array, axis: int) -> list[int] | None:
    """Return the indices of this axis with such cells, if others have none: one, or several with mostly such cells."""
    found = beyond.any(axis=tuple(other for other in range(beyond.ndim) if other != axis))
    places: list[int] = np.flatnonzero(found).tolist()
    is_part = len(places) < found.size and (len(places) == 1 or beyond.take(places, axis).mean() > MOSTLY)
    return places if is_part else None


def _name_places(noun: str, places: list[int]) -> str:
    """Return `head 1`, `heads 1, 3`, or `heads 1 to 5`."""
    if len(places) == 1:
        return f"{noun} {places[0]}"
    plural = {"entry": "entries"}.get(noun, f"{noun}s")
    if len(places) > 2 and places[-1] - places[0] == len(places) - 1:
        return f"{plural} {places[0]} to {places[-1]}"
    return f"{plural} {', '.join(map(str, places[:MOST_PLACES]))}{', …' if len(places) > MOST_PLACES else ''}"


def _run(lines: Array) -> slice | None:
    """Return the rows or columns that have such a cell if they stand together and are at most half of all."""
    places = np.flatnonzero(lines)
    start, stop = int(places[0]), int(places[-1]) + 1
    return slice(start, stop) if stop - start == places.size <= lines.size / 2 else None


def _any_along(beyond: Array, axis: int) -> Array:
    """Return which rows (axis −1) or columns (axis −2) have such a cell in any head."""
    along = np.asarray(beyond.any(axis=axis))
    return np.asarray(along.reshape(-1, along.shape[-1]).any(axis=0))


def _triangle(beyond: Array) -> str:
    """Return "above a diagonal" if the cells are where a causal mask of either corner would be."""
    n, m = beyond.shape[-2:]
    cells = np.asarray(beyond.reshape(-1, n, m).any(axis=0))
    if n < 3 or m < 3:
        return ""
    rows, keys = np.arange(n)[:, None], np.arange(m)
    found = [(0.5, "")]  # a diagonal must explain more than half
    for offset in dict.fromkeys((0, m - n)):
        line = "" if n == m else f" j = {position_text(offset)}"
        for word, side in (("above", keys > rows + offset), ("below", keys < rows + offset)):
            if side.any() and not cells[~side].any():
                found.append((float(cells[side].mean()), f"{word} the diagonal{line}"))
    return max(found, key=lambda one: one[0])[1]


def position_text(offset: int) -> str:
    """Return the key at the position of query i: i, i + 1, i − 1."""
    return "i" if offset == 0 else f"i {'+' if offset > 0 else '−'} {abs(offset)}"


def _growth(lines: dict[str, Array]) -> str:
    """Return whether the largest errors (…, positions) grow with the position of one of these."""
    for noun, sizes in lines.items():
        length = sizes.shape[-1]
        if length < 6:
            continue
        largest = sizes.reshape(-1, length).max(axis=0)
        ordered = np.sort(largest)
        ranks = ordered.searchsorted(largest) + ordered.searchsorted(largest, "right")  # equal sizes have equal ranks
        correlation = float(np.corrcoef(ranks, np.arange(length))[0, 1]) if np.ptp(ranks) > 0 else 0.0
        if (
            np.arctanh(np.clip(correlation, 0, 1 - 1e-9)) * np.sqrt(length - 3) > CLEAR
        ):  # Fisher: noise is not this ordered
            return f"growing with the {noun}'s position"
    return ""
