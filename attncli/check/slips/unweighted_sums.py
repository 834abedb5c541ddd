"""What is done with V in place of the weighted sum: its rows without weights, one term of the sum, sums along another
axis."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array

MOST = 1 << 16  # weights
DUE = "weights · V, a sum over the keys, is expected"


def _is_about_the_sum(case: Case) -> bool:
    """Return whether only the output is wrong, of few weights that are right, or not given."""
    return case.wrong == ("output",) and case.problem.values is not None and case.n * case.m <= MOST


def _without_weights(case: Case) -> list[Route]:
    """Return the routes with the sum, or the mean, of the rows of V: of all, and of those that the query sees."""
    if not _is_about_the_sum(case):
        return []
    seen = np.broadcast_to(visible_cells(case.problem), case.problem.shapes()["weights"]).astype(np.float64)
    kinds = {"the rows of V": np.ones_like(seen)}
    if case.is_masked:
        kinds["the rows of V that the query sees"] = seen
    routes = []
    for words, ones in kinds.items():
        count = np.maximum(ones.sum(axis=-1, keepdims=True), 1)
        for noun, shares in {"mean": ones / count, "sum": ones}.items():
            said = f"your output is the {noun} of {words}, without the weights: every row of V counts by its weight"
            routes.append(Route(weigh=partial(_taken, weights=shares), is_whole=True, said=said))
    return routes


def _taken(_weights: Array, weights: Array) -> Array:
    return weights


def _one_term(case: Case) -> list[Route]:
    """Return the routes with one term of each sum: that of the largest weight, or that of the query's own key."""
    if not _is_about_the_sum(case):
        return []
    ways = {"the largest weight": _largest_only}
    if case.n == case.m > 1:
        ways["the query's own key"] = _own_only
    return [
        Route(weigh=way, is_whole=True, said=f"your output is the term of {words} alone, weight · value: {DUE}")
        for words, way in ways.items()
    ]


def _largest_only(weights: Array) -> Array:
    return np.where(np.arange(weights.shape[-1]) == weights.argmax(axis=-1)[..., None], weights, 0)


def _own_only(weights: Array) -> Array:
    return np.where(np.eye(weights.shape[-1], dtype=bool), weights, 0)


def _broadcast(case: Case) -> list[Route]:
    """Return the routes with the weight of key c times the sum of column c of V, or of row c, as an array's product
    with V gives where its axes are not those of V. There are as many keys as columns of V."""
    problem = case.problem
    if not _is_about_the_sum(case) or case.m != problem.d_v or problem.packed or problem.output_projection is not None:
        return []
    assert problem.values is not None
    values = problem.repeat_key_heads(problem.values)
    right = Result(problem, "numpy").weights
    output = right @ values
    printed = case.judges.get("weights")
    weights = [right] if printed is None or printed.expected.shape != right.shape else [right, printed.expected]
    ways = {
        "each column of V was multiplied by the weight with its number, and the columns were added up": -2,
        "each row of V was multiplied by its weight, and its own columns were added up, not the rows": -1,
    }
    return [
        Route(present=partial(_in_its_place, made=own * values.sum(axis=axis)[..., None, :]), said=f"{words}: {DUE}")
        for words, axis in ways.items()
        if not np.allclose(right * values.sum(axis=axis)[..., None, :], output)  # as of a V with one number in each row
        for own in weights
    ]


def _in_its_place(name: str, array: Array, made: Array) -> Array:
    return made if name == "output" else array


def _raw_scores(case: Case) -> list[Route]:
    """Return the route with raw scores as the weights, beside right ones. A masked one is 0."""
    if not _is_about_the_sum(case) or "weights" not in case.judges or case.problem.scale == 1:
        return []
    raw = np.where(visible_cells(case.problem), Result(case.problem, "numpy").raw_scores, 0)
    said = f"your output is {case.score} · V, of the raw scores: V is multiplied by the weights"
    return [Route(weigh=partial(_taken, weights=raw), is_whole=True, said=said)]


def _slip(name: str, routes: object, words: str) -> Slip:
    return Slip(name, "rounding", routes, words, paired=False)  # type: ignore[arg-type]


UNWEIGHTED_SLIPS = (
    _slip("values-not-weighted", _without_weights, "V was not weighted"),
    _slip("terms-not-added", _one_term, "one term was taken"),
    _slip("terms-not-added", _broadcast, "the terms were added along another axis"),
    _slip("no-softmax", _raw_scores, "raw scores were multiplied by V"),
)
