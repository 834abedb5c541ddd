"""Judging one expected matrix by computed numbers: its verdict, and its worst cell.

It is judged by its text, by a tolerance, or by its dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.dtype_texts import FLOAT32_DIGITS, spacing
from attncli.check.expected_layouts import find_layout
from attncli.check.expected_matrix import DEFAULTS, ExpectedMatrix, Tolerance
from attncli.check.judged_block import JudgedBlock
from attncli.check.precision import Claims, read_claims
from attncli.check.tolerance.narrow import BITS, FAR
from attncli.errors import ProblemError
from attncli.inputs.request import GRADIENT_NAMES
from attncli.matrix import Array, holds_numbers
from attncli.problem.heads import swap_shape
from attncli.problem.layouts import ROWS

if TYPE_CHECKING:
    from attncli.check.tolerance.measures import Measured
    from attncli.inputs.request import Request
    from attncli.matrix import Matrix
    from attncli.problem.problem import Problem

Allowed = Callable[[JudgedBlock], "Array | float"]

FIRST_ROOM = 3.0  # times the error that a few computations in half precision show
SHARE = 8  # of a plain computation, fewer than one cell of so many is farther off
MANY = 64  # cells of a matrix for which that is sure
SPACINGS = 5  # of float32 at the largest number, by which a usual computation is off
MOST_UNITS = 10  # rounded inputs never explain a difference of more claimed units


@dataclass
class Judge(ExpectedMatrix):
    """The judge of one expected matrix."""

    def blocks(self, measured: Measured) -> Iterator[JudgedBlock]:
        """Yield the matrix block by block, which needs the shape of the computed numbers."""
        for where in measured.blocks(self.name):
            yield JudgedBlock(self, measured, where)

    def verdict(self, measured: Measured) -> str:
        """Return the best verdict for these numbers."""
        if measured.numbers[self.name].shape != self.expected.shape:
            return "wrong"
        if self.tolerance is not None:
            return self._by_tolerance(self.tolerance, measured)
        if self.claims is None:
            return "exact" if self.is_within(lambda block: 2 * block.bound(self.dtype), measured) else "wrong"
        return self._by_digits(self.claims, measured)

    def given_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return a shape of this result as users have it."""
        return swap_shape(shape) if self.heads_last and len(shape) > 2 else shape

    def given_cell(self, at: tuple[int, ...]) -> tuple[int, ...]:
        """Return the index of a cell as users have it."""
        return swap_shape(at) if self.heads_last and len(at) > 2 else at

    def text_of(self, at: tuple[int, ...]) -> str | None:
        """Return the text of a cell, or None if the numbers have no texts."""
        return None if self.texts is None else str(self.texts[self._place(at)])

    def _place(self, at: tuple[int, ...]) -> int:
        if self.order is not None:
            return int(self.order[at])
        return int(np.ravel_multi_index(at, self.expected.shape)) if at else 0

    @property
    def unit(self) -> float:
        """Return one unit of the numbers: of the last digit, or of the dtype at the largest number."""
        if self.claims is not None and not self.claims.extremes.has_full:
            return self.claims.extremes.largest
        dtype = self.narrow[0] if self.narrow else self.dtype
        return float(spacing(np.array(self.largest), dtype))

    def count_off(self, measured: Measured) -> int:
        """Return how many cells are off by more than their unit."""
        return sum(int((~(block.error <= block.scale)).sum()) for block in self.blocks(measured))

    def is_within(self, allowed: Allowed, measured: Measured) -> bool:
        """Return whether no cell is off by more than what is `allowed` in its block."""
        return all(bool((block.error <= allowed(block)).all()) for block in self.blocks(measured))

    def holds(self, measured: Measured) -> bool:
        """Return whether every cell is the right number as it would be printed, or one unit from it."""
        return all(bool(block.is_near.all()) for block in self.blocks(measured))

    def count_another(self, measured: Measured) -> int:
        """Return how many cells are not the right numbers as they would be printed."""
        return sum(int(block.is_another(None).sum()) for block in self.blocks(measured))

    def _by_tolerance(self, tolerance: Tolerance, measured: Measured) -> str:
        if all(
            bool(((block.error == 0) | (block.error <= tolerance.of(block.computed))).all())
            for block in self.blocks(measured)
        ):
            return "within-tolerance"
        if self.is_plain_float32 and self.is_within(lambda block: 2 * block.bound("float32"), measured):
            return "float32"
        return self._in_half(measured) or "wrong"

    def transposed(self, shape: tuple[int, ...]) -> Judge | None:
        """Return the judge of the same numbers with two neighbouring axes swapped, if that gives this shape, or
        None."""
        for axes in ((-1, -2), (-2, -3)):
            if self.expected.ndim >= -axes[1]:
                turn = partial(np.swapaxes, axis1=axes[0], axis2=axes[1])
                if turn(self.expected).shape == shape:
                    claims = None if self.claims is None else self.claims.arranged(turn)
                    return replace(self, expected=turn(self.expected), claims=claims, texts=None)
        return None

    def _by_digits(self, claims: Claims, measured: Measured) -> str:
        is_exact = True
        for block in self.blocks(measured):
            is_exact = is_exact and bool(block.is_printed.all())
            if not is_exact and not bool(block.is_near.all()):
                break
        else:
            return "exact" if is_exact else "last-digit"
        if self.is_float32 and self.is_within(self._allowed_of_float32, measured):
            return "float32"
        if self.rounds_float32 and self.is_within(self._allowed_of_rounded, measured):
            return "float32"
        return self._in_half(measured) or ("input-rounding" if self._is_moved(claims, measured) else "wrong")

    def _allowed_of_float32(self, block: JudgedBlock) -> Array:
        allowed: Array = 2 * spacing(block.computed, "float32")
        printed = np.minimum(block.claims.unit / 2, block.claims.limit)
        with_print: Array = np.maximum(allowed, printed)
        if self.shows_float32:
            with_print = np.maximum(2 * block.bound("float32"), allowed) + printed
        return with_print

    def _allowed_of_rounded(self, block: JudgedBlock) -> Array:
        """Return the error of a computation in float32, and the rounding of its print: of a small number among large
        ones, an exponent shows digits that the sum of the large ones never had.

        The error is at most half the bound, of which a usual computation reaches a third. If only the inputs are of
        float32, it is at most a few spacings of the largest number, too.
        """
        room = block.bound("float32") / 2
        if not self.says_float32:
            usual = SPACINGS * spacing(np.array(self.largest), "float32")
            if self.name in GRADIENT_NAMES:
                of_row = np.abs(block.computed).max(axis=-1, keepdims=True)
                usual = np.maximum(usual, 2 * SPACINGS * spacing(of_row, "float32"))
            room = np.minimum(room, usual)
        with_print: Array = room + np.minimum(block.claims.unit / 2, block.claims.limit)
        return with_print

    def _in_half(self, measured: Measured) -> str | None:
        """Return the half precision in which a plain computation is half as far off, if these are numbers of it, or
        None."""
        farthest = FAR * measured.largest(self.name)
        if not self.is_within(lambda _block: farthest, measured):  # imitating a computation takes long
            return None
        likely = (dtype for dtype in self.narrow if dtype == self.stated or not self._is_far_off(dtype, measured))
        return next((dtype for dtype in likely if self.is_within(_twice_narrow(dtype), measured)), None)

    def _is_far_off(self, dtype: str, measured: Measured) -> bool:
        """Return whether many cells are farther off than a few computations in a half precision, so that more of them
        need not be imitated."""
        few = measured.narrow_at_first(self.name, dtype)
        if few is None or few.size < MANY:
            return False
        beyond = sum(int((block.error > FIRST_ROOM * few[block.where]).sum()) for block in self.blocks(measured))
        return beyond > few.size / SHARE

    def _is_moved(self, claims: Claims, measured: Measured) -> bool:
        """Return whether some inputs within their rounding give all the numbers at once, each within a unit of the
        print."""
        if not measured.halves or not self.is_within(_most_moved, measured):
            return False
        movement = measured.movement
        may_be_moved = all(
            movement.may_explain(self.name, block.expected, _allowed_moved(block.claims), block.where)
            for block in self.blocks(measured)
        )
        if not may_be_moved or not movement.is_small:
            return may_be_moved
        return movement.explains(self.name, self.expected, _allowed_moved(claims))

    def worst(self, measured: Measured) -> tuple[tuple[int, ...], float]:
        """Return the cell with the largest error in its own unit, and this error (inf if kinds disagree).

        Of several infinite errors, it is the cell with the largest number. Of equal ones, it is the first.
        """
        found: list[tuple[float, float, tuple[int, ...]]] = []
        for block in self.blocks(measured):
            units, error = block.units, block.error
            largest = int(np.argmax(np.where(units == units.max(), error, 0)))  # NaN counts as the largest
            size = float(error.flat[largest])
            found.append((float(units.flat[largest]), np.inf if np.isnan(size) else size, block.cell(largest)))
        most = max(found, key=lambda one: one[:2])[:2]
        return min(at for *size, at in found if tuple(size) == most), most[0]

    def farthest(self, count: int, measured: Measured) -> list[tuple[int, ...]]:
        """Return the `count` cells that are farthest off in their own units, the farthest first."""
        found: list[tuple[float, tuple[int, ...]]] = []
        for block in self.blocks(measured):
            order = np.argsort(-block.units, axis=None, kind="stable")[:count]
            found += [(-float(block.units.flat[place]), block.cell(int(place))) for place in order]
        return [at for _, at in sorted(found)[:count]]


def _twice_narrow(dtype: str) -> Allowed:
    """Return twice the error of a computation in a half precision, for each block, and the rounding of a print that
    states it."""

    def allow(block: JudgedBlock) -> Array:
        allowed, judge = 2 * block.narrow(dtype), block.judge
        if dtype == judge.stated and judge.claims is not None:
            allowed = allowed + np.minimum(block.claims.shown / 2, block.claims.limit)
        return allowed

    return allow


def _most_moved(block: JudgedBlock) -> Array:
    """Return the largest difference that rounded inputs explain."""
    most: Array = np.minimum(MOST_UNITS * block.claims.unit, block.claims.limit)
    return most


def _allowed_moved(claims: Claims) -> Array:
    allowed: Array = np.minimum(claims.unit, claims.limit)
    return allowed


def make_judge(
    name: str, matrix: Matrix, problem: Problem, digits: int | None, tolerance: Tolerance | None, strict: bool
) -> Judge:
    """Return the judge of an expected matrix: by tolerance if given, or by its text, or else by its dtype."""
    array, dtype = _floats(matrix)
    claims = None if tolerance is not None else read_claims(matrix, digits)
    is_default = claims is None and tolerance is None and not strict
    if is_default:
        tolerance = DEFAULTS[dtype]
    lay, heads_last = find_layout(name, array.shape, problem), name in problem.heads_last
    if claims is not None:
        claims = claims.arranged(lay)
    laid, order = lay(array), None
    keeps_order = laid.flags.c_contiguous and np.may_share_memory(laid, array)
    if matrix.texts is not None and not keeps_order:
        order = lay(np.arange(array.size).reshape(array.shape))
    stated = matrix.stated_dtype
    return Judge(
        *(name, laid, claims, tolerance, dtype, matrix.texts, order, is_default, heads_last),
        stated=stated if stated in BITS else None,
        says_float32=stated == "float32",
    )


def _floats(matrix: Matrix) -> tuple[Array, str]:
    """Return the expected numbers in float64, and their original dtype."""
    array = matrix.array
    if not holds_numbers(array):
        raise ProblemError(matrix.where, f"holds {array.dtype.name} where numbers are expected")
    dtype = array.dtype.name if array.dtype.name in DEFAULTS else "float64"
    return np.asarray(array, np.float64), dtype


def recognize_rounded(judges: dict[str, Judge], measured: Measured) -> dict[str, Judge]:
    """Return the judges, which know if their numbers were rounded before they were printed with more digits: most cells
    that would claim less then are not the right numbers as they would be printed. A single one is an error."""
    return {name: _judge_rounded(judge, measured) for name, judge in judges.items()}


def _judge_rounded(judge: Judge, measured: Measured) -> Judge:
    if judge.claims is None or measured.numbers[judge.name].shape != judge.expected.shape:
        return judge
    rounded = judge.claims.as_rounded()
    if rounded is None:
        return judge
    coarser, another = rounded.unit > judge.claims.unit, judge.count_another(measured)
    return replace(judge, claims=rounded) if another >= max(2, coarser.sum() / 2) else judge


def recognize_float32(judges: dict[str, Judge], request: Request) -> dict[str, Judge]:
    """Return the judges, which know if Q, K and V are of float32, and if all texts together show numbers of it."""
    inputs = [matrix for name in ROWS if (matrix := getattr(request, name)) is not None]
    if all(matrix.texts is None and matrix.array.dtype == np.float32 for matrix in inputs):
        judges = {name: replace(judge, is_of_float32=True) for name, judge in judges.items()}
    texts = [replace(judge, is_beside_float32=True) for judge in judges.values() if judge.claims is not None]
    shown = (judge.evidence_of_float32 for judge in texts if judge.evidence_of_float32 and judge.is_float32)
    if sum(shown) < FLOAT32_DIGITS:
        return judges
    return {name: replace(judge, is_beside_float32=True) for name, judge in judges.items()}
