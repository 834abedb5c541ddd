"""The tolerances of one way to compute a request: the error of a plain computation, and the effect of rounded
inputs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.precision import spacing
from attncli.check.routes import Route
from attncli.check.tolerance.error_bounds import plain_bounds
from attncli.check.tolerance.narrow import narrow_errors
from attncli.check.tolerance.rounding import Movement
from attncli.inputs.request import GRADIENT_NAMES

if TYPE_CHECKING:
    from attncli.inputs.request import Request

Array = np.ndarray


class Measured:
    """The numbers of a route through a request, with their bounds, which are computed when they are first used.

    `halves` are half a unit of the last digit of each input that counts as rounded, by matrix name.
    """

    def __init__(self, route: Route, request: Request, names: Collection[str], halves: dict[str, Array]) -> None:
        self.route = route
        self.request = request
        self.names = tuple(names)
        self.problem = route.problem(request)
        self.numbers = route.numbers_of(self.problem, names)
        self.halves = halves
        self._bounds: dict[str, dict[str, Array]] = {}
        self._narrow: dict[str, dict[str, Array]] = {}

    def bound(self, name: str, dtype: str) -> Array:
        """Return the error that a plain computation in `dtype` may make in each cell.

        A route without a softmax has the bounds of the steps before it. Cells that are not finite have none.
        """
        if dtype not in self._bounds:
            names = ("raw_scores", "scores", "weights")
            route = replace(self.route, present=None)
            right = route.numbers_of(self.problem, names)
            found = plain_bounds(route, self.request, self.problem, right, self.names, np.dtype(dtype))
            gradients = [name for name in self.names if name in GRADIENT_NAMES]
            if gradients:
                from attncli.check.tolerance.gradient_bounds import gradient_bounds

                u = float(np.finfo(dtype).eps) / 2
                found |= gradient_bounds(self.route, self.request, self.problem, self.numbers, gradients, u)
            if (present := self.route.present) is not None:
                found = {name: present(name, bound) for name, bound in found.items()}
            self._bounds[dtype] = {
                name: np.where(np.isfinite(self.numbers[name]), bound, 0.0) for name, bound in found.items()
            }
        return self._bounds[dtype][name]

    def narrow(self, name: str, dtype: str) -> Array:
        """Return how far a plain computation in a half precision may be off in each cell."""
        if name in GRADIENT_NAMES:  # sums of many rounded products, each as large as the largest or less
            right = self.numbers[name]
            largest = np.abs(right[np.isfinite(right)]).max(initial=0)
            return np.full(right.shape, spacing(np.array(largest), dtype))
        if dtype not in self._narrow:
            numbers = {each: array for each, array in self.numbers.items() if each not in GRADIENT_NAMES}
            self._narrow[dtype] = narrow_errors(self.route, self.request, numbers, tuple(numbers), dtype)
        return self._narrow[dtype][name]

    @cached_property
    def movement(self) -> Movement:
        """Return how the numbers move within the rounding of the inputs."""
        return Movement(self.route, self.request, self.names, self.numbers, self.halves)
