"""Other distances than the variant's: squared ones, Euclidean ones, and lengths of d_k."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import change_scale
from attncli.problem.scaling import length_factor
from attncli.records import replace
from attncli.similarities import half_square_backward, negative_half_square
from attncli.variants import VARIANTS, Variant

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


def length_of_dk(case: Case) -> list[Route]:
    """Return ℓ = d_k: a scale of 1/d_k for a distance, or 1/d_k² for a squared one."""
    power = case.problem.variant.length_power
    if not power:
        return []
    scale = "1/dk" if power == 1 else f"1/dk**{power}"
    return [Route(requests=(partial(change_scale, scale=scale),))]


def _squared(queries: Array, keys: Array) -> Array:
    return 2 * negative_half_square(queries, keys)


def _squared_backward(queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
    return half_square_backward(queries, keys, 2 * d_scores)


def _euclidean(queries: Array, keys: Array) -> Array:
    distance: Array = np.sqrt(-2 * negative_half_square(queries, keys))
    return -distance


def _euclidean_backward(queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
    """Return ∓Σ dS · (q − k) / ‖q − k‖, without the pairs of equal rows, which have no direction."""
    distance = -_euclidean(queries, keys)
    return half_square_backward(
        queries, keys, np.divide(d_scores, distance, out=np.zeros_like(d_scores), where=distance > 0)
    )


_OF_POWER = {variant.length_power: variant for variant in VARIANTS}


# without bounds of their size
SQUARED = replace(
    _OF_POWER[2],
    name="squared",
    score=_squared,
    backward=_squared_backward,
    squares=1,
    bound=lambda _q, _k, _d_k: np.inf,
)


EUCLIDEAN = replace(
    _OF_POWER[1], name="euclidean", score=_euclidean, backward=_euclidean_backward, bound=lambda _q, _k, _d_k: np.inf
)


def scored(problem: Problem, variant: Variant) -> Problem:
    return replace(problem, variant=variant)


def rescaled(problem: Problem) -> Problem:
    """Return the problem with the factor that ℓ gives for such scores as its scale, if the scale comes from a length,
    and without the scale of a dot product."""
    length = problem.length_scale
    if length is None and problem.scale_text == "1/sqrt(dk)":
        return problem.with_scale(1.0)
    return problem if length is None else problem.with_scale(length_factor(problem.variant, length))
