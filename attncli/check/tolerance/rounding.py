"""What rounded inputs explain: how far results move if every input moves by up to half its last digit (also through
projections), and whether some such inputs give all the numbers of a matrix at once."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.precision import rounding_of
from attncli.check.tolerance.feasible import nearest_moves
from attncli.errors import AttncliError
from attncli.inputs.request import GRADIENT_NAMES, MATRIX_NAMES
from attncli.matrix import Array
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.check.blocks import Index
    from attncli.check.routes import Route
    from attncli.check.tolerance.rounding_large import LargeMovement
    from attncli.inputs.request import Request

STEPS = 4  # corrections of the moves by their computed effect


def find_rounded_inputs(request: Request) -> dict[str, Array]:
    """Return half a unit of the last digit of each rounded input, by matrix name."""
    found = {}
    for name in MATRIX_NAMES:
        matrix = getattr(request, name)
        if matrix is not None and name not in ("mask", "key_lengths"):
            half = rounding_of(matrix)
            if half is not None:
                found[name] = half
    return found


def _keeps_sums(difference: Array, allowed: Array) -> bool:
    """Return whether rows may have the same sums as before."""
    return bool((np.abs(difference.sum(axis=-1)) <= allowed.sum(axis=-1)).all())


class Movement:
    """The effect of each rounded input on each result, measured by moving it up and down by half its last digit."""

    def __init__(
        self,
        route: Route,
        request: Request,
        names: Collection[str],
        numbers: dict[str, Array],
        halves: dict[str, Array],
    ) -> None:
        self.route, self.request, self.names = route, request, tuple(names)
        self.numbers, self.halves = numbers, halves
        self.places = [
            (name, int(place)) for name, half in halves.items() for place in np.flatnonzero(half.reshape(-1))
        ]
        self._effects: dict[str, tuple[Array, Array]] | None = None

    @property
    def is_small(self) -> bool:
        """Return whether the problem is small enough to move every input by itself."""
        cells = sum(array.size for array in self.numbers.values())
        return len(self.places) <= 600 and len(self.places) * cells <= 2_000_000

    def bound(self, name: str) -> Array:
        """Return Σ |effect| over all inputs, for each cell of a result of a small problem."""
        found: Array = self._measured()[name][1]
        return found

    def may_explain(self, name: str, expected: Array, allowed: Array, where: Index) -> bool:
        """Return whether the numbers of a block may come of inputs within their rounding, each within what is
        `allowed`: they are within the bound of each cell, and in a large problem rows of weights keep their sums."""
        numbers = self.numbers[name][where]
        finite = np.isfinite(numbers) & np.isfinite(expected)
        error = np.where(finite, np.abs(np.where(finite, expected - numbers, 0)), 0)
        if self.is_small:
            return bool((error <= self.bound(name)[where] + allowed).all())
        if name in GRADIENT_NAMES:
            return bool((error <= allowed).all())
        bound = self._large.bound(name, where)
        return bool((error <= bound + allowed).all()) and (
            name != "weights" or _keeps_sums(expected - numbers, allowed)
        )

    @cached_property
    def _large(self) -> LargeMovement:
        from attncli.check.tolerance.rounding_large import LargeMovement

        return LargeMovement(self.route, self.request, self.halves)

    def explains(self, name: str, expected: Array, allowed: Array) -> bool:
        """Return whether some inputs within their rounding give all numbers of a small problem at once, each within
        what is `allowed`.

        The inputs are searched by first-order steps, and their results are computed.
        """
        numbers = self.numbers[name]
        finite = np.isfinite(numbers) & np.isfinite(expected)
        slopes = np.stack([slope[finite] for slope in self._measured()[name][0]], axis=-1) / 2
        moves = np.zeros(len(self.places))
        found = numbers
        for _ in range(STEPS):
            missing = (expected - found)[finite] + slopes @ moves
            moves = nearest_moves(slopes, missing, allowed[finite])
            reached = self._evaluated(moves)
            if reached is None:
                return False
            found = reached[name]
            if bool((np.abs(expected - found) <= allowed)[finite].all()):
                return True
        return False

    def _measured(self) -> dict[str, tuple[Array, Array]]:
        """Return the signed effect of each input (inputs, …) and the bound, by result."""
        if self._effects is None:
            slopes = {name: np.zeros((len(self.places), *self.numbers[name].shape)) for name in self.numbers}
            bounds = {name: np.zeros(self.numbers[name].shape) for name in self.numbers}
            signs = np.zeros(len(self.places))
            for number in range(len(self.places)):
                signs[number] = 1
                up, down = self._evaluated(signs), self._evaluated(-signs)
                signs[number] = 0
                for name, right in self.numbers.items():
                    above = right if up is None else up[name]
                    below = right if down is None else down[name]
                    with np.errstate(invalid="ignore"):
                        slopes[name][number] = np.nan_to_num(above - below, nan=0.0)
                        farther = np.maximum(np.abs(above - right), np.abs(below - right))
                    bounds[name] += np.nan_to_num(farther, nan=0.0)
            self._effects = {name: (slopes[name], bounds[name]) for name in self.numbers}
        return self._effects

    def _evaluated(self, signs: Array) -> dict[str, Array] | None:
        """Return the results with each input moved by its sign times half its last digit."""
        changes = {}
        place = 0
        for name, half in self.halves.items():
            matrix = getattr(self.request, name)
            flat = np.array(matrix.array, np.float64).reshape(-1)
            moved = np.flatnonzero(half.reshape(-1))
            flat[moved] += signs[place : place + len(moved)] * half.reshape(-1)[moved]
            place += len(moved)
            changes[name] = replace(matrix, array=flat.reshape(matrix.array.shape))
        try:
            return self.route.numbers(replace(self.request, **changes), self.numbers)
        except AttncliError:
            return None
