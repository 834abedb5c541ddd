"""How far a plain computation of gradients may be off, estimated by experiment.

The inputs, the gradients of the scores and the slopes of these are moved by a few roundings at random, or by more where
these drown in those of float64, and the effect on each gradient is scaled down. A rounding for each term of the sums is
added. Inputs alone would not do: whatever they are, the gradients of a row of scores add up to 0, but those that a
computation has rounded do not. Larger moves would not do either: whether a key has a weight at all, of which the root
may be a slope, depends on their size.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import NumericError
from attncli.inputs.request import MATRIX_NAMES
from attncli.problem.origins import is_ones
from attncli.records import replace
from attncli.results.gradients import Gradients

if TYPE_CHECKING:
    from attncli.check.routes import Route
    from attncli.inputs.request import Request
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

LEAST_MOVE = 2.0**-26  # relative, of every input: far above the rounding of float64, and near enough for a slope
DRAWS = 8
SAFETY = 8  # roundings that a move stands for
STILL = ("mask", "key_lengths", "segments", "key_segments", "dropout_mask")


def gradient_bounds(
    route: Route, request: Request, problem: Problem, numbers: dict[str, Array], names: Collection[str], u: float
) -> dict[str, Array]:
    """Return the error of each of these gradients, in its public shape, if each operation rounds by u."""
    moved = {name: np.zeros(numbers[name].shape) for name in names}
    random, move = np.random.default_rng(0), max(LEAST_MOVE, SAFETY * u)
    for draw in range(DRAWS):
        drawn = _drawn_gradients(route, request, names, random, draw, move)
        for name in names:
            apart = np.abs(drawn.get(name, np.nan) - numbers[name])
            moved[name] = np.maximum(moved[name], np.where(np.isfinite(apart), apart, np.nan))
    terms = problem.n + problem.m + problem.d_k + (problem.d_v or 0) + 16
    sizes = {name: _largest_finite(numbers[name]) for name in names}
    if problem.softcap is not None:  # its slope 1 − tanh² has the rounding of 1, however small it is
        free = _without_slopes(route, problem)
        sizes |= {name: max(size, _largest_finite(free.array(name))) for name, size in sizes.items()}
    return {name: SAFETY * u / move * moved[name] + 4 * terms * u * sizes[name] for name in names}


def _without_slopes(route: Route, problem: Problem) -> Gradients:
    """Return the gradients that would be if the slope of the softcap were 1 everywhere.

    The weights of a mistake may be infinite, as the logarithms of those of masked keys are: so are its gradients then.
    """
    free = replace(problem, dropout_mask=None, dropout=0.0, is_finite=False)
    weights = route.numbers_of(free, ["weights"])["weights"]
    return Gradients(replace(free, softcap=None), "numpy", weights)


def _drawn_gradients(
    route: Route, request: Request, names: Collection[str], random: np.random.Generator, draw: int, move: float
) -> dict[str, Array]:
    """Return the gradients of moved inputs, gradients of scores and slopes, or nothing if they overflow, as those of a
    slip may."""
    problem = route.problem(_moved_inputs(request, random, move))
    try:
        return route.numbers_of(_move_slopes(_move_scores(problem, draw, move), move), names)
    except NumericError:
        return {}


def _largest_finite(array: Array) -> float:
    return float(np.abs(array[np.isfinite(array)]).max(initial=0))


def _move_scores(problem: Problem, seed: int, move: float) -> Problem:
    """Return the problem with gradients of its scores that are moved by roundings of their terms."""
    right = problem.normalizer.backward

    def moved(weights: Array, arriving: Array) -> Array:
        random = np.random.default_rng(seed)  # one for each block, since blocks may be computed in any order
        gradients = right(weights, arriving)
        terms = right(weights, np.abs(arriving) * random.choice((-1.0, 1.0), arriving.shape))
        size = np.abs(gradients) + np.abs(terms)
        if problem.normalizer.sums_to_one:  # the mean of nearly one gradient alone, from which that is subtracted
            shares = np.abs(weights * arriving)
            size += shares + np.abs(weights) * shares.sum(axis=-1, keepdims=True)
        elif problem.normalizer.error is not None:  # the slope is made of the weight, as it was rounded
            still = np.zeros_like(weights)
            size += np.abs(arriving) * problem.normalizer.error(weights, still, still, 1.0)
        return np.asarray(gradients + move * random.uniform(-1, 1, gradients.shape) * size)

    return replace(problem, normalizer=replace(problem.normalizer, backward=moved))


def _move_slopes(problem: Problem, move: float) -> Problem:
    """Return the problem with slopes of its raw scores that are moved by roundings of terms that may cancel."""
    variant = problem.variant
    if not variant.slope_size:
        return problem
    size = move * variant.slope_size * np.abs(variant.weights or 1.0)

    def moved(queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
        d_queries, d_keys = variant.backward(queries, keys, d_scores)
        sums = np.abs(d_scores)
        return d_queries + size * sums.sum(axis=-1)[..., None], d_keys + size * sums.sum(axis=-2)[..., None]

    return replace(problem, variant=replace(variant, backward=moved))


def _moved_inputs(request: Request, random: np.random.Generator, move: float) -> Request:
    changes = {}
    for name in MATRIX_NAMES:
        matrix = getattr(request, name)
        if matrix is not None and name not in STILL and not is_ones(matrix):
            factors = 1 + move * random.uniform(-1, 1, matrix.array.shape)
            changes[name] = replace(matrix, array=matrix.array * factors, texts=None)
    return replace(request, dtype=None, **changes)
