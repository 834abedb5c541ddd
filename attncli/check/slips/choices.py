"""Another choice in a stage that the problem has or could have: another normalizer, top-k, length, or bias of the
heads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.error_pattern import position_text
from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.changes import need
from attncli.check.slips.mask_changes import change_visible
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.records import replace
from attncli.stages.normalizers import NORMALIZERS, SOFTMAX, keep_largest

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


def _other_normalizers(case: Case) -> list[Route]:
    """Return the routes with each normalizer but the right one and softmax, which is a slip of its own."""
    own = case.problem.normalizer
    return [
        Route(
            requests=(partial(replace, normalizer=other.name),),
            said=f"the scores became weights by {other.name}, {other.formula}: {own.name} is expected",
        )
        for other in NORMALIZERS
        if other not in (own, SOFTMAX)
    ]


def _other_top_k(case: Case) -> list[Route]:
    own = case.problem.top_k
    if own is None:
        return []
    return [
        Route(
            requests=(partial(replace, top_k=count),),
            said=f"the {count} largest scores of a row took part: the {own} largest are expected",
        )
        for count in (own - 1, own + 1)
        if 0 < count < case.m
    ]


def _top_k_otherwise(case: Case) -> list[Route]:
    """Return the routes with the smallest scores of a row, or the largest of a column."""
    own = case.problem.top_k
    if own is None:
        return []
    free = (partial(replace, top_k=None),)
    smallest = f"the {own} smallest scores of a row took part: the {own} largest are expected"
    routes = [Route(requests=free, rescore=partial(_keep_smallest, count=own), said=smallest)]
    by_size = (
        f"the {own} scores of a row of the largest size took part, whatever their sign: the {own} largest are expected"
    )
    routes.append(Route(requests=free, rescore=partial(_keep_of_sizes, count=own), said=by_size))
    if own < case.n:
        said = f"the {own} largest scores of a column took part: the {own} largest of a row are expected"
        routes.append(Route(requests=free, rescore=partial(_keep_of_columns, count=own), is_whole=True, said=said))
    return routes


def _keep_smallest(scores: Array, count: int) -> Array:
    seen = np.where(np.isneginf(scores), -np.inf, -scores)
    keep_largest(seen, count)
    return np.where(np.isneginf(seen), seen, scores)


def _keep_of_sizes(scores: Array, count: int) -> Array:
    seen = np.where(np.isneginf(scores), -np.inf, np.abs(scores))
    keep_largest(seen, count)
    return np.where(np.isneginf(seen), seen, scores)


def _keep_of_columns(scores: Array, count: int) -> Array:
    columns = np.ascontiguousarray(scores.mT)
    keep_largest(columns, count)
    return columns.mT


def _keep_weights(_problem: Problem, weights: Array, count: int) -> Array:
    kept = np.array(weights)
    keep_largest(kept, count)
    kept[np.isneginf(kept)] = 0
    return kept


def _top_k_of_weights(case: Case) -> list[Route]:
    own = case.problem.top_k
    if own is None:
        return []
    return [Route(requests=(partial(replace, top_k=None),), reweigh=partial(_keep_weights, count=own))]


def _lengths(case: Case) -> list[Route]:
    """Return the routes with each entry's number of keys one more or one less."""
    own = case.problem.visible.lengths
    if own is None:
        return []
    due = f"{list_numbers(own)} {'is' if len(own) == 1 else 'are'} expected"
    ways = {
        tuple(min(max(length + step, 0), case.m) for length in own): words
        for step, words in ((1, "one key too many"), (-1, "one key too few"))
    }
    return [
        Route(
            problems=(partial(change_visible, lengths=moved),),
            said=f"the key lengths were {list_numbers(moved)}, {words}: {due}",
        )
        for moved, words in ways.items()
        if moved != own
    ]


def _lengths_unread(case: Case) -> list[Route]:
    """Return the route without the key lengths, where the queries stand at the last of all keys then."""
    own, offset = case.problem.visible.lengths, case.m - case.n
    if own is None or case.request.align != "bottom-right" or set(case.problem.visible.offsets) == {offset}:
        return []
    said = (
        f"the key lengths {list_numbers(own)} were left out: query i stood at key {position_text(offset)}, as if all "
        f"{case.m} keys counted"
    )
    return [Route(requests=(partial(replace, key_lengths=None),), said=said)]


def _last_keys(problem: Problem) -> Problem:
    """Return the problem in which each entry sees as many keys as its length says, but the last ones."""
    lengths = need(problem.visible.lengths)
    free = change_visible(problem, lengths=None)
    first = problem.m - np.array(lengths).reshape(-1, *[1] * (len(problem.lead) + 1))
    return replace(free, mask=visible_cells(free) & (np.arange(problem.m) >= first))


def _from_the_end(case: Case) -> list[Route]:
    own = case.problem.visible.lengths
    return [] if own is None else [Route(problems=(_last_keys,))]


def _bias_of_first_head(problem: Problem) -> Problem:
    bias = need(problem.bias)
    return replace(problem, bias=np.broadcast_to(bias[..., :1, :, :], bias.shape))


def _bias_shared(case: Case) -> list[Route]:
    bias = case.problem.bias
    if bias is None or bias.ndim < 3 or bool((bias == bias[..., :1, :, :]).all()):
        return []
    return [Route(problems=(_bias_of_first_head,))]


CHOICE_SLIPS = (
    Slip("other-normalizer", "softmax", _other_normalizers, "another normalizer was taken", paired=False),
    Slip("top-k-other", "stage", _other_top_k, "another number of scores took part", paired=False),
    Slip("top-k-other", "softmax", _top_k_otherwise, "other scores took part", paired=False),
    Slip(
        "top-k-after-softmax",
        "weights",
        _top_k_of_weights,
        lambda case: (
            f"the {case.problem.top_k} largest weights of a row were kept as they were: the softmax is over the "
            f"{case.problem.top_k} largest scores, so that the weights sum to 1"
        ),
        paired=False,
    ),
    Slip("no-mask", "mask", _lengths_unread, "the key lengths were left out", paired=False),
    Slip("key-lengths-off-by-one", "mask", _lengths, "the key lengths were off by one", paired=False),
    Slip(
        "padding-side",
        "mask",
        _from_the_end,
        lambda case: (
            f"the key lengths {list_numbers(case.problem.visible.lengths or ())} were counted from the last key, as if "
            "the padding came first: they are counted from the first key"
        ),
        paired=False,
    ),
    Slip("bias-of-first-head", "stage", _bias_shared, "the bias of head 0 was added in every head", paired=False),
)
