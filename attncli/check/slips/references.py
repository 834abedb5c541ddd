"""References of a spreadsheet that move with the cell where they should stay, as those without `$` do when a formula is
filled to the right or down."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

MOVED, GROWN = "as a range that moves with the cell", "as a range of which one end moves with the cell"


def _from_own(array: Array, collect: np.ufunc) -> Array:
    """Return the sums or the largest numbers from each cell of a row to its end."""
    found: Array = np.flip(collect.accumulate(np.flip(array, axis=-1), axis=-1), axis=-1)
    return found


def _up_to_own(array: Array, collect: np.ufunc) -> Array:
    """Return those from the beginning of a row to each cell."""
    found: Array = collect.accumulate(array, axis=-1)
    return found


RANGES: dict[str, tuple[str, Callable[[Array, np.ufunc], Array]]] = {
    "from its own key on": (MOVED, _from_own),
    "up to its own key": (GROWN, _up_to_own),
}


@np.errstate(all="ignore")
def _over_range(_problem: Problem, weights: Array, ranged: Callable[[Array, np.ufunc], Array]) -> Array:
    return np.where(weights > 0, weights / ranged(weights, np.add), 0)


@np.errstate(invalid="ignore")
def _less_largest(scores: Array, ranged: Callable[[Array, np.ufunc], Array]) -> Array:
    largest = ranged(scores, np.maximum)
    return np.where(np.isfinite(scores), scores - np.where(np.isfinite(largest), largest, 0), scores)


def _moving_ranges(case: Case) -> list[Route]:
    """Return the routes with the sum, or the largest score, of a part of the row that depends on the key."""
    is_plain = case.problem.normalizer is SOFTMAX and not case.has_stage("sink", "dropout_mask", "top_k")
    if not is_plain or case.m < 2:
        return []
    sums = [
        Route(
            reweigh=partial(_over_range, ranged=ranged),
            said=f"each exponential was divided by the sum {words}, {why}: that of its whole row is expected",
        )
        for words, (why, ranged) in RANGES.items()
    ]
    largest = [
        Route(
            rescore=partial(_less_largest, ranged=ranged),
            said=f"from each score the largest {words} was subtracted, {why}: that of its whole row is expected",
        )
        for words, (why, ranged) in RANGES.items()
    ]
    return sums + largest


def _moving_values(case: Case) -> list[Route]:
    """Return the route with V taken from row i on for query i, and nothing below its last row."""
    if case.problem.values is None or "output" not in case.wrong or "weights" in case.wrong or case.n < 2:
        return []
    said = f"for query i, V was taken from row i on, {MOVED}: the weight of key j belongs to row j"
    return [Route(weigh=_moved_down, is_whole=True, said=said)]


def _moved_down(weights: Array) -> Array:
    """Return the weights of query i moved i keys on."""
    found = np.zeros_like(weights)
    m = weights.shape[-1]
    for query in range(min(weights.shape[-2], m)):
        found[..., query, query:] = weights[..., query, : m - query]
    return found


def _slip(family: str, routes: Callable[[Case], list[Route]]) -> Slip:
    return Slip("moving-reference", family, routes, "a reference moved", paired=False, passes_easily=True)


REFERENCE_SLIPS = (_slip("weights", _moving_ranges), _slip("rounding", _moving_values))
