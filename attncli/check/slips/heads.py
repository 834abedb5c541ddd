"""Slips of several heads: averaged, grouped differently, or normalized together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.errors import ProblemError
from attncli.matrix import Array
from attncli.problem.heads import unpack_heads
from attncli.problem.problem import Problem
from attncli.records import replace
from attncli.results.result import Result


def by_head(array: Array, problem: Problem) -> Array | None:
    """Return (…, heads, n, columns), of an output that is packed too, or None if heads are projected together."""
    if array.ndim and array.shape == problem.shapes().get("output") and problem.packed:
        if problem.output_projection is not None:
            return None
        return unpack_heads(array, problem.heads)
    return array


def _mean_weights(weights: Array) -> Array:
    return np.broadcast_to(weights.mean(axis=-3, keepdims=True), weights.shape)


def _averaged(case: Case) -> list[Route]:
    """Return the routes with the mean of the heads' weights, or of their outputs, for each head."""
    if case.heads < 2:
        return []
    weights = f"the weights were averaged over the {case.heads} heads: each head has its own"
    output = f"the outputs were averaged over the {case.heads} heads: each head has its own"
    routes = [
        Route(reweigh=lambda _problem, found: _mean_weights(found), mixes_heads=True, said=weights),
        Route(weigh=_mean_weights, mixes_heads=True, said=weights),
    ]
    if "output" in case.wrong and not case.problem.is_joined:
        added = f"the outputs of the {case.heads} heads were added up: each head has its own"
        routes.append(Route(present=_mean_output, said=output))
        routes.append(Route(present=partial(_mean_output, times=case.heads), said=added))
    return routes


def _scores_added(case: Case) -> list[Route]:
    """Return the route with the sum of the scores of all heads for each head, as of a product that sums over heads."""
    if case.heads < 2 or case.problem.lead[-1] != case.heads:
        return []
    said = f"the scores of the {case.heads} heads were added up: each head has its own"
    return [Route(rescore=_summed_scores, shown_scores=_shown_summed, mixes_heads=True, said=said)]


def _summed_scores(scores: Array) -> Array:
    return np.broadcast_to(scores.sum(axis=-3, keepdims=True), scores.shape)


def _shown_summed(problem: Problem) -> Array:
    return _summed_scores(Result(problem, "numpy").scores)


def _mean_output(name: str, array: Array, times: int = 1) -> Array:
    return np.broadcast_to(times * array.mean(axis=-3, keepdims=True), array.shape) if name == "output" else array


def _regrouped(choose: Callable[[int, int], int], *only: str) -> Callable[[Case], list[Route]]:
    """Return the routes with another key head for each query head, or only its keys or values: `choose(head, number of
    key heads)`."""

    def change(problem: Problem) -> Problem:
        if problem.key_heads is None:  # another slip has removed them
            raise ProblemError("slip", "no key head is shared")
        heads = [choose(head, problem.key_heads) for head in range(problem.lead[-1])]
        found = {}
        for name in ("keys", "values"):
            array = getattr(problem, name)
            if array is not None:
                is_other = not only or name in only
                found[name] = np.take(array, heads, axis=-3) if is_other else problem.repeat_key_heads(array)
        return replace(problem, key_heads=None, **found)  # type: ignore[arg-type]

    def routes(case: Case) -> list[Route]:
        return [] if case.problem.key_heads is None else [Route(problems=(change,))]

    return routes


def _grouping(case: Case) -> str:
    heads, key_heads = case.heads, case.problem.key_heads or 1
    each = heads // key_heads
    if case.problem.conventions.grouping == "tiled":
        return f"query head h reads key head h mod {key_heads}"
    return f"query heads 0 to {each - 1} share key head 0, the next {each} key head 1"


def _interleaved(case: Case) -> list[Route]:
    key_heads = case.problem.key_heads
    if key_heads is None or case.problem.conventions.grouping != "tiled":
        return []
    each = case.heads // key_heads
    return _regrouped(lambda head, _count: head // each)(case)


def _tiled(case: Case) -> list[Route]:
    if case.problem.conventions.grouping == "tiled":
        return []
    return _regrouped(lambda head, count: head % count)(case)


def _one_regrouped(case: Case) -> list[Route]:
    """Return the routes in which only the keys or only the values are shared in another way."""
    key_heads = case.problem.key_heads
    if key_heads is None or case.problem.values is None:
        return []
    each, is_tiled = case.heads // key_heads, case.problem.conventions.grouping == "tiled"
    ways = [(lambda _head, _count: 0, "head 0 for all query heads")]
    if is_tiled:
        ways.append((lambda head, _count: head // each, "shared by neighbouring query heads"))
    else:
        ways.append((lambda head, count: head % count, f"head h mod {key_heads} for query head h"))
    return [
        replace(route, said=f"the heads of {letter} were {words}, those of {other} not: {_grouping(case)}")
        for choose, words in ways
        for name, letter, other in (("values", "V", "K"), ("keys", "K", "V"))
        for route in _regrouped(choose, name)(case)
    ]


def _place(taken: list[int], head: int, _count: int) -> int:
    return taken[head]


def _misread_grouping(case: Case) -> list[Route]:
    """Return the routes in which the numbers of query heads and of key heads are taken for each other."""
    key_heads = case.problem.key_heads
    if key_heads is None:
        return []
    heads, each = case.heads, case.heads // key_heads
    is_tiled = case.problem.conventions.grouping == "tiled"
    right = [head % key_heads if is_tiled else head // each for head in range(heads)]
    known = ([head % key_heads for head in range(heads)], [head // each for head in range(heads)], [0] * heads)
    ways = {f"⌊h / {key_heads}⌋": [head // key_heads for head in range(heads)]}
    ways[f"⌊h / {key_heads}⌋, at most {key_heads - 1}"] = [
        min(head // key_heads, key_heads - 1) for head in range(heads)
    ]
    ways[f"h mod {each}"] = [head % each for head in range(heads)]
    ways[f"{key_heads - 1} − ⌊h / {each}⌋"] = [key_heads - 1 - head // each for head in range(heads)]
    return [
        Route(
            problems=_regrouped(partial(_place, taken))(case)[0].problems,
            said=f"query head h read key head {words}: {_grouping(case)}",
        )
        for words, taken in ways.items()
        if taken != right and taken not in known and max(taken) < key_heads
    ]


def _over_heads(case: Case) -> list[Route]:
    if case.heads < 2:
        return []
    told = f"the softmax was taken over the {case.heads} heads"
    return [
        Route(softmax="heads", said=f"{told}: it goes over the {case.m} keys"),
        Route(softmax="heads and keys", said=f"{told} and the {case.m} keys together: each head has its own"),
    ]


def _over_batch(case: Case) -> list[Route]:
    return [Route(softmax="batch")] if len(case.problem.lead) > 1 and case.problem.lead[0] > 1 else []


HEAD_SLIPS = (
    Slip("heads-averaged", "weights", _averaged, "the heads were averaged"),
    Slip("heads-added", "softmax", _scores_added, "the heads were added up", paired=False),
    Slip(
        "first-key-head",
        "heads",
        _regrouped(lambda _head, _count: 0),
        lambda case: f"all {case.heads} query heads read key head 0 of {case.problem.key_heads}: {_grouping(case)}",
    ),
    Slip(
        "heads-tiled",
        "heads",
        _tiled,
        lambda case: f"query head h read key head h mod {case.problem.key_heads}: {_grouping(case)}",
    ),
    Slip(
        "heads-interleaved",
        "heads",
        _interleaved,
        lambda case: f"neighbouring query heads shared a key head: {_grouping(case)}",
    ),
    Slip(
        "other-grouping",
        "heads",
        _one_regrouped,
        "K and V were shared in different ways",
        paired=False,
    ),
    Slip(
        "other-grouping",
        "heads",
        _misread_grouping,
        "the key heads were shared in another way",
        paired=False,
    ),
    Slip("softmax-over-heads", "softmax", _over_heads, "the softmax was taken over the heads"),
    Slip(
        "softmax-over-batch",
        "softmax",
        _over_batch,
        lambda case: (
            f"the softmax was taken over the {case.problem.lead[0]} entries of the batch: it goes over the keys"
        ),
    ),
)
