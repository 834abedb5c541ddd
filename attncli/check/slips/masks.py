"""Masks that are added, multiplied, moved, applied to other axes or partly left out, and rows of queries without a
key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from attncli.check.routes import Route
from attncli.check.sketch import sketch_result
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.changes import need
from attncli.check.slips.gradients import is_about
from attncli.check.slips.mask_changes import (
    KINDS,
    ROWS,
    change_visible,
    drop_masks,
    fill_empty_rows,
    scores_without_masks,
    weigh_empty_rows,
    with_empty_rows,
)
from attncli.check.slips.position_masks import POSITION_MASK_SLIPS
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.matrix import Array
from attncli.problem.problem import Problem
from attncli.records import replace
from attncli.results.result import Result


def _added(problem: Problem, dropped: bool) -> Problem:
    """Add the mask to the scores as numbers: 1 where a query may attend, or where it may not."""
    seen = visible_cells(problem)
    free = drop_masks(problem, KINDS)
    numbers = (~seen if dropped else seen).astype(np.float64)
    return replace(free, bias=numbers if free.bias is None else free.bias + numbers)


def _mask_added(case: Case) -> list[Route]:
    if not case.is_masked:
        return []
    return [
        Route(
            problems=(partial(_added, dropped=dropped),),
            said=f"{case.masks} was added to the scores as the numbers 0 and 1, {where}: a masked score is −inf",
        )
        for dropped, where in ((False, "1 where a query may look"), (True, "1 where it may not"))
    ]


def _ones_added(case: Case) -> list[Route]:
    """Return the route with 1 added to the scores that are not masked, which changes no weight."""
    return [Route(problems=(_with_ones,))] if case.is_masked and {"scores", "lse"} & {*case.wrong} else []


def _with_ones(problem: Problem) -> Problem:
    ones = np.ones((*problem.lead, problem.n, problem.m))
    return replace(problem, bias=ones if problem.bias is None else problem.bias + ones)


def _hide_weights(problem: Problem, weights: Array) -> Array:
    return np.where(visible_cells(problem), weights, 0)


def _times_scores(problem: Problem) -> Array:
    """Return scores of 0 where masked, which count as e⁰ in the softmax."""
    return np.where(visible_cells(problem), scores_without_masks(problem), 0)


def _masked(route: Route) -> Callable[[Case], list[Route]]:
    return lambda case: [route] if case.is_masked else []


def _on_queries(case: Case) -> list[Route]:
    """Return the routes with a mask of keys applied to the queries: in the softmax, or to the rows of the result."""
    if case.n != case.m or not case.is_masked:
        return []
    routes = with_empty_rows(case, _turn_mask, ROWS)
    return [*routes, Route(problems=(partial(drop_masks, kinds=KINDS),), reweigh=_rows_hidden(case), is_whole=True)]


def _last_turned(case: Case) -> list[Route]:
    """Return the routes with the last columns of a mask transposed, those of the queries' own keys behind a cache."""
    mask, n, m = case.problem.mask, case.n, case.m
    if mask is None or mask.shape[-2:] != (n, m) or not 1 < n < m:
        return []
    routes = with_empty_rows(case, _turn_last, ROWS)
    said = f"the last {n} columns of the mask, of keys {m - n} to {m - 1}, were transposed: row i is what query i sees"
    return [replace(route, said=said) for route in routes]


def _turn_last(problem: Problem) -> Problem:
    mask, n = need(problem.mask), problem.n
    return replace(problem, mask=np.concatenate([mask[..., :-n], mask[..., -n:].mT], axis=-1))


def _turn_mask(problem: Problem) -> Problem:
    """Return the mask of keys as one of queries. What positions forbid stays."""
    whole = change_visible(problem, left=None, right=None)
    turned = np.swapaxes(visible_cells(whole), -1, -2)
    return replace(
        problem, mask=turned, bias=drop_masks(problem, ("mask",)).bias, visible=replace(problem.visible, lengths=None)
    )


def _describe_turned(case: Case) -> str:
    seen = visible_cells(change_visible(case.problem, left=None, right=None))
    if bool((seen != seen[..., :1, :]).any()):
        return f"{case.masks} was transposed, that of query j and key i for query i and key j"
    return f"{case.masks}, which is one of keys, was laid over the queries: each of the {case.m} columns is a key"


def _rows_hidden(case: Case) -> Callable[[Problem, Array], Array]:
    kept = np.swapaxes(visible_cells(case.problem), -1, -2)[..., :, :1]
    return lambda _problem, weights: np.where(kept, weights, 0)


def _tiled(case: Case) -> list[Route]:
    """Return the route with the masks of the batch's entries repeated as 0, 1, 0, 1 instead of 0, 0, 1, 1."""
    lead = case.problem.lead
    if len(lead) != 2 or min(lead) < 2 or not case.is_masked:
        return []
    return [Route(problems=(_tile_mask,))]


def _of_one_query(case: Case) -> list[Route]:
    """Return the routes with the mask of the first or the last query for all of them."""
    mask = case.problem.mask
    if mask is None or case.n < 2 or mask.shape[-2] < case.n or bool((mask == mask[..., :1, :]).all()):
        return []
    return [
        Route(
            problems=(partial(_take_row, place=place),),
            said=f"every query had the mask of query {place}: each has its own",
        )
        for place in (case.n - 1, 0)
    ]


def _take_row(problem: Problem, place: int) -> Problem:
    mask = need(problem.mask)
    return replace(problem, mask=np.broadcast_to(mask[..., place : place + 1, :], mask.shape))


def _tile_mask(problem: Problem) -> Problem:
    seen = visible_cells(change_visible(problem, left=None, right=None))
    batch, heads = problem.lead
    order = np.arange(batch * heads) % batch
    tiled = seen[:, 0][order].reshape(seen.shape)
    visible = replace(problem.visible, lengths=None)
    return replace(problem, mask=tiled, bias=drop_masks(problem, ("mask",)).bias, visible=visible)


def _as_lengths(problem: Problem, kinds: tuple[str, ...]) -> Problem:
    """Return the problem with as many keys from the first on as these kinds of masks allow."""
    others = tuple(kind for kind in KINDS if kind not in kinds)
    counts = visible_cells(drop_masks(problem, others)).sum(axis=-1, keepdims=True)
    return replace(drop_masks(problem, kinds), mask=np.arange(problem.m) < counts)


def _counted(case: Case) -> list[Route]:
    """Return the routes with all masks as a number of keys, or the mask alone beside what positions forbid."""
    if not case.is_masked:
        return []
    kinds = [KINDS, ("mask",)] if not case.problem.visible.is_everything else [KINDS]
    return [
        Route(
            problems=(partial(_as_lengths, kinds=each),),
            said=(
                f"{case.masks if each == KINDS else 'the mask'} was taken as a number of keys, counted from the first: "
                "it says which keys"
            ),
        )
        for each in kinds
    ]


def _beside(case: Case) -> list[Route]:
    """Return the routes in which each key, or query, has the mask of the one beside it."""
    mask = case.problem.mask
    if mask is None or mask.shape[-2:] != (case.n, case.m):
        return []
    return [
        route
        for noun, axis in (("key", -1), ("query", -2))
        for words, step, first, last in (("before", 1, "first", "last"), ("after", -1, "last", "first"))
        for route in _told(
            with_empty_rows(case, partial(_roll_mask, axis=axis, step=step), ROWS),
            f"each {noun} had the mask of the {noun} {words} it (the {first} that of the {last}): it has its own",
        )
    ]


def _told(routes: list[Route], said: str) -> list[Route]:
    return [replace(route, said=said) for route in routes]


def _roll_mask(problem: Problem, axis: int, step: int) -> Problem:
    return replace(problem, mask=np.roll(need(problem.mask), step, axis=axis))


def _lengths_of_queries(case: Case) -> list[Route]:
    """Return the routes in which key lengths hide the queries from there on, and no key."""
    lengths = case.problem.visible.lengths
    if lengths is None or min(lengths) >= case.n or case.n == case.m:
        return []  # of as many queries, a mask that is laid over them
    said = f"the key lengths {list_numbers(lengths)} were taken for those of the queries: they are those of the keys"
    return _told(with_empty_rows(case, _hide_queries, ROWS), said)


def _hide_queries(problem: Problem) -> Problem:
    lengths = np.array(need(problem.visible.lengths))
    entries = lengths.reshape(-1, *[1] * (len(problem.lead) + 1)) if problem.lead else lengths
    free = drop_masks(problem, ("lengths",))
    return replace(free, mask=visible_cells(free) & (np.arange(problem.n)[:, None] < entries))


# keys that are no keys, and queries without any


MULTIPLES = (2, 4, 8, 16, 32, 64, 128)  # to which the number of keys is padded


def _phantoms(case: Case) -> list[Route]:
    """Return the routes with zero keys after the real ones that count in the softmax."""
    m = case.m
    counts = dict.fromkeys([-m % multiple for multiple in MULTIPLES] + [1, 2, 3])
    # keys of score 0 are a sink of log count, which the log-sum-exps have too
    is_told = "lse" in case.wrong and case.problem.sink is None
    return [
        Route(
            problems=(partial(replace, sink=(float(np.log(count)),)),) if is_told else (),
            reweigh=None if is_told else partial(_diluted, count=count),
            said=f"the softmax counts {m + count} keys, {count} of them of score 0 as padding has: there are {m} keys",
        )
        for count in counts
        if count
    ]


@np.errstate(all="ignore")
def _diluted(problem: Problem, weights: Array, count: int | Array) -> Array:
    """Return the weights if `count` keys of score 0 take part."""
    lse = sketch_result(problem).lse[..., None]
    own = np.where(np.isneginf(lse), 0, 1 / (1 + count * np.exp(-lse)))
    return weights * own


def _counted_masked(case: Case) -> list[Route]:
    """Return the route in which masked keys count in the sum as a score of 0 does, though they have no weight: as those
    of a cache that is filled with zeros."""
    if not case.is_masked or case.problem.sink is not None or case.problem.dropout_mask is not None:
        return []
    told = None
    if "lse" in case.wrong:
        hidden = _count_masked(case.problem)
        with np.errstate(divide="ignore"):
            told = np.logaddexp(Result(case.problem, "numpy").lse, np.log(hidden[..., 0]))
    return [Route(reweigh=_diluted_by_masked, present=None if told is None else partial(_told_lse, told=told))]


def _count_masked(problem: Problem) -> Array:
    """Return how many keys are masked for each query, (…, n, 1)."""
    found: Array = (~visible_cells(problem)).sum(axis=-1, keepdims=True)
    return found


def _told_lse(name: str, array: Array, told: Array) -> Array:
    return told if name == "lse" else array


def _diluted_by_masked(problem: Problem, weights: Array) -> Array:
    return _diluted(problem, weights, _count_masked(problem))


def _empty_row(row: str) -> Callable[[Case], list[Route]]:
    def routes(case: Case) -> list[Route]:
        if case.problem.conventions.empty == row or bool(visible_cells(case.problem).any(axis=-1).all()):
            return []
        if is_about(case):
            return [weigh_empty_rows(row)]
        return [Route(problems=(partial(fill_empty_rows, row=row),))]

    return routes


def _describe_empty_row(case: Case, row: str) -> str:
    empty = ~visible_cells(case.problem).any(axis=-1)
    first = ", ".join(str(int(place)) for place in np.unravel_index(int(np.argmax(empty)), empty.shape))
    place = f"[{first}]" if case.problem.lead else first
    count = int(empty.sum())
    has = f"query {place} has no key" if count == 1 else f"{count} queries have no key, the first is query {place}"
    return f"{has}: its row is {row} here, and {case.problem.empty_row} is expected"


MASK_SLIPS = (
    Slip("mask-added", "mask", _mask_added, "the mask was added"),
    Slip(
        "mask-added",
        "mask",
        _ones_added,
        lambda case: f"the scores are 1 too high: {case.masks} was added with 1, not 0, where a query may look",
        paired=False,
    ),
    Slip(
        "mask-after-softmax",
        "mask",
        _masked(Route(problems=(), score=scores_without_masks, reweigh=_hide_weights)),
        lambda case: (
            f"{case.masks} was applied to the weights, after the softmax: a masked score is −inf before it, "
            "so that each row sums to 1"
        ),
    ),
    Slip(
        "mask-times-scores",
        "mask",
        _masked(Route(score=_times_scores)),
        lambda case: f"the scores were multiplied by {case.masks}, and a score of 0 counts as e⁰ = 1: −inf is expected",
    ),
    Slip(
        "mask-on-queries",
        "mask",
        _on_queries,
        _describe_turned,
    ),
    Slip(
        "mask-on-queries",
        "mask",
        _last_turned,
        "a part of the mask was transposed",
        paired=False,
    ),
    Slip(
        "mask-tiled",
        "mask",
        _tiled,
        lambda case: (
            f"the masks of the {case.problem.lead[0]} entries were repeated in turn, 0, 1, …, 0, 1: each entry's mask "
            f"is that of its {case.problem.lead[-1]} heads"
        ),
    ),
    Slip(
        "mask-tiled",
        "mask",
        _of_one_query,
        "every query had the mask of one of them",
        paired=False,
    ),
    Slip(
        "mask-tiled",
        "mask",
        _beside,
        "each key had the mask of another",
        paired=False,
        passes_easily=True,
    ),
    Slip(
        "mask-on-queries",
        "mask",
        _lengths_of_queries,
        "the key lengths were taken for those of the queries",
        paired=False,
    ),
    Slip(
        "mask-as-length",
        "mask",
        _counted,
        "the mask was taken as a number of keys",
    ),
    *POSITION_MASK_SLIPS,
    Slip("phantom-keys", "weights", _phantoms, "keys of zeros counted", paired=False),
    Slip(
        "phantom-keys",
        "weights",
        _counted_masked,
        lambda case: (
            f"the sums of exponentials count each key that {case.masks} hides with a score of 0, as where zeros stand "
            "in its place: it has no part in them"
        ),
        paired=False,
    ),
    *(
        Slip(f"empty-row-{row}", "mask", _empty_row(row), partial(_describe_empty_row, row=words))
        for row, words in (("uniform", "uniform over all keys"), ("nan", "NaN"), ("zeros", "0"))
    ),
)
