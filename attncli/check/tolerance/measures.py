"""The tolerances of one way to compute a request: the error of a plain computation, and the effect of rounded
inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.blocks import Index, block_indices, rows_of, rows_together
from attncli.check.dtype_texts import spacing
from attncli.check.routes import Route
from attncli.check.tolerance.error_bounds import magnitudes_of, plain_bounds
from attncli.check.tolerance.narrow import (
    DRAWS,
    FEW_DRAWS,
    FIRST_DRAWS,
    LARGE,
    LEAST_WEIGHTS,
    imitate,
    narrow_errors,
    round_inputs,
)
from attncli.check.tolerance.rounding import Movement
from attncli.inputs.request import GRADIENT_NAMES
from attncli.matrix import Array
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.check.routes import Present
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem

Finder = Callable[[str, range], dict[str, Array]]

KEPT = 1 << 24  # cells of bounds that are kept for the next look at a block


class Measured:
    """The numbers of a route through a request, with their bounds, which are computed when they are first used.

    `halves` are half a unit of the last digit of each input that counts as rounded, by matrix name. Of the routes of
    many slips (`is_tried`) nearly all are wrong, and most of these by far.
    """

    def __init__(
        self,
        route: Route,
        request: Request,
        names: Collection[str],
        halves: dict[str, Array],
        *,
        is_tried: bool = False,
    ) -> None:
        self.route = route
        self.request = request
        self.names = tuple(names)
        self.problem = route.problem(request, describes=True)
        self.numbers = route.numbers_of(self.problem, names)
        self.halves = halves
        self.is_tried = is_tried
        self._found: dict[tuple[str, str, int, int], dict[str, Array]] = {}  # of blocks, as many as KEPT cells allow
        self._entered: dict[str, Problem] = {}
        self._at_first: dict[str, dict[str, Array]] = {}
        self._largest: dict[str, float] = {}

    def blocks(self, name: str) -> list[Index]:
        """Return the indices of the blocks in which a result is judged: some queries of all heads, or some rows of a
        gradient."""
        shape = self.numbers[name].shape
        if name in GRADIENT_NAMES:
            return block_indices(shape)
        problem = self.problem
        width = problem.parts * max(problem.m, problem.d_k, problem.d_v or 0)
        return block_indices(shape, -1 if name == "lse" else -2, rows_together(width))

    def largest(self, name: str) -> float:
        """Return the size of the largest finite number of a result."""
        if name not in self._largest:
            numbers = (self.numbers[name][where] for where in self.blocks(name))
            self._largest[name] = max(float(np.abs(own[np.isfinite(own)]).max(initial=0)) for own in numbers)
        return self._largest[name]

    def bound(self, name: str, dtype: str, where: Index = (...,)) -> Array:
        """Return the error that a plain computation in `dtype` may make in each cell of a block (by default, of all).

        A route without a softmax has the bounds of the steps before it. Cells that are not finite have none.
        """
        kind = ("gradients", self._gradient_bounds) if name in GRADIENT_NAMES else ("results", self._bounds)
        bound = self._part(name, dtype, where, *kind)
        return np.where(np.isfinite(self.numbers[name][where]), bound, 0.0)

    def narrow(self, name: str, dtype: str, where: Index = (...,)) -> Array:
        """Return how far a plain computation in a half precision may be off in each cell of a block."""
        if name in GRADIENT_NAMES:  # sums of many rounded products, each as large as the largest or less
            return np.full(self.numbers[name][where].shape, spacing(np.array(self.largest(name)), dtype))
        return self._part(name, dtype, where, "narrow", self._narrow)

    def narrow_at_first(self, name: str, dtype: str) -> Array | None:
        """Return how far a plain computation in a half precision may be off in each cell, as few of them show, or None
        if that would save nothing."""
        cells = self.problem.parts * self.problem.n * self.problem.m
        if not self.is_tried or not LEAST_WEIGHTS <= cells <= LARGE or name in GRADIENT_NAMES:
            return None
        if dtype not in self._at_first:
            self._at_first[dtype] = self._narrow(dtype, range(self.problem.n), FIRST_DRAWS)
        return self._at_first[dtype][name]

    def _part(self, name: str, dtype: str, where: Index, kind: str, find: Finder) -> Array:
        """Return what `find` returns for the rows of this block, or for all rows and then cut, if a row depends on
        others."""
        by_row = name not in GRADIENT_NAMES and self.route.is_by_row and self.route.presents_by_row
        rows = rows_of(where if by_row else (...,), self.problem.n)
        key = (kind, dtype, rows.start, rows.stop)
        if key not in self._found:
            found = find(dtype, rows)
            cells = sum(array.size for each in (found, *self._found.values()) for array in each.values())
            if cells > KEPT:
                self._found.clear()
            self._found[key] = found
        found_here: Array = self._found[key][name]
        return found_here if by_row else found_here[where]

    def _bounds(self, dtype: str, rows: range) -> dict[str, Array]:
        route, present = replace(self.route, present=None), self.route.present
        problem, magnitudes = self.problem.take_rows(rows), self._magnitudes.take_rows(rows)
        right = route.numbers_of(problem, ("raw_scores", "scores", "weights"))
        found = plain_bounds(route, self.request, problem, magnitudes, right, self.names, np.dtype(dtype))
        return found if present is None else {name: _present_bound(present, name, found[name]) for name in found}

    def _gradient_bounds(self, dtype: str, _rows: range) -> dict[str, Array]:
        from attncli.check.tolerance.gradient_bounds import gradient_bounds

        names, present = [name for name in self.names if name in GRADIENT_NAMES], self.route.present
        u = float(np.finfo(dtype).eps) / 2
        found = gradient_bounds(self.route, self.request, self.problem, self.numbers, names, u)
        return found if present is None else {name: _present_bound(present, name, found[name]) for name in found}

    @cached_property
    def _magnitudes(self) -> Problem:
        return magnitudes_of(self.route, self.request)

    def _narrow(self, dtype: str, rows: range, draws: int | None = None) -> dict[str, Array]:
        if dtype not in self._entered:
            self._entered[dtype] = round_inputs(self.route, self.request, dtype)
        place = slice(rows.start, rows.stop)
        own = {
            name: self.numbers[name] if rows == range(self.problem.n) else self.numbers[name][index]
            for name in self.names
            if name not in GRADIENT_NAMES
            for index in [(..., place) if name == "lse" else (..., place, slice(None))]
        }
        if draws is None:
            draws = DRAWS if self.problem.parts * self.problem.n * self.problem.m <= LARGE else FEW_DRAWS
        return narrow_errors(self.route, self._entered[dtype].take_rows(rows), own, dtype, draws, rows.start)

    def imitate(self, name: str, dtype: str, where: Index) -> list[Array]:
        """Return a block of a result in the ways in which kernels compute in a half precision with wide sums."""
        return imitate(self.route, self.problem.take_rows(rows_of(where, self.problem.n)), name, dtype)

    @cached_property
    def movement(self) -> Movement:
        """Return how the numbers move within the rounding of the inputs."""
        return Movement(self.route, self.request, self.names, self.numbers, self.halves)


@np.errstate(invalid="ignore")
def _present_bound(present: Present, name: str, bound: Array) -> Array:
    """Return the bound of a result that is presented otherwise: what is added to a result has no part in its bound, and
    what takes the place of a cell has the largest of the others, relative to its own size."""
    others = present(name, np.zeros_like(bound))
    moved = np.abs(present(name, bound) - others)
    largest = float(bound[np.isfinite(bound)].max(initial=0))
    return np.where(moved > 0, moved, largest * np.fmax(np.abs(others), 1))
