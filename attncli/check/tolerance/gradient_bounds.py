"""How far a plain computation of gradients may be off, estimated by experiment.

The inputs are moved a little at random, and the effect on each gradient is scaled down to a rounding. A rounding for
each term of the sums is added.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from attncli.inputs.request import MATRIX_NAMES
from attncli.problem.origins import is_ones
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.check.routes import Route
    from attncli.inputs.request import Request
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

MOVE = 2.0**-26  # relative, of every input: far above the rounding of float64, and near enough for a slope
DRAWS = 4
SAFETY = 8  # times the largest effect
STILL = ("mask", "key_lengths", "segments", "key_segments", "dropout_mask")


def gradient_bounds(
    route: Route, request: Request, problem: Problem, numbers: dict[str, Array], names: Collection[str], u: float
) -> dict[str, Array]:
    """Return the error of each of these gradients, in its public shape, if each operation rounds by u."""
    moved = {name: np.zeros(numbers[name].shape) for name in names}
    random = np.random.default_rng(0)
    for _ in range(DRAWS):
        drawn = route.numbers(_moved_inputs(request, random), names)
        for name in names:
            moved[name] = np.maximum(moved[name], np.abs(drawn[name] - numbers[name]))
    terms = problem.n + problem.m + problem.d_k + (problem.d_v or 0) + 16
    return {
        name: SAFETY * u / MOVE * moved[name] + 4 * terms * u * float(np.abs(numbers[name]).max(initial=0))
        for name in names
    }


def _moved_inputs(request: Request, random: np.random.Generator) -> Request:
    changes = {}
    for name in MATRIX_NAMES:
        matrix = getattr(request, name)
        if matrix is not None and name not in STILL and not is_ones(matrix):
            factors = 1 + MOVE * random.uniform(-1, 1, matrix.array.shape)
            changes[name] = replace(matrix, array=matrix.array * factors, texts=None)
    return replace(request, dtype=None, **changes)
