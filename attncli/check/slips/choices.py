"""Another choice in a stage that the problem has or could have: another normalizer, norm, top-k, length, or bias of the
heads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.check.error_pattern import position_text
from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.changes import change_visible, need, scored
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.records import replace
from attncli.similarities import unit_rows, unit_rows_backward
from attncli.stages.normalizers import NORMALIZERS, SOFTMAX, keep_largest
from attncli.stages.row_transforms import ROW_NORM_NAMES
from attncli.variants import BY_NAME, DEFAULT, Variant

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

COSINE, DOT_PRODUCT = BY_NAME["cosine"], BY_NAME[DEFAULT]
SAME = 1e-12  # relative difference of lengths that are the same up to rounding


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


@np.errstate(all="ignore")
def _unasked_norms(case: Case) -> list[Route]:
    """Return the routes with a norm of the rows, unless all rows are as long: then it is only another scale."""
    lengths = [np.linalg.norm(rows, axis=-1) for rows in (case.problem.queries, case.problem.keys)]
    if case.request.qk_norm is not None or all(np.ptp(own) < SAME * own.max() for own in lengths):
        return []
    return [
        Route(
            requests=(partial(replace, qk_norm=name),),
            said=f"the rows of Q and K were normalized by {name} before they were scored: no norm is asked for",
        )
        for name in ROW_NORM_NAMES
    ] + [
        Route(
            requests=(partial(replace, qk_norm=name),),
            problems=(partial(_norm_one, name=side),),
            said=f"the rows of {letter} were normalized by {name} before they were scored: no norm is asked for",
        )
        for name in ROW_NORM_NAMES
        for (side, letter), own in zip((("queries", "Q"), ("keys", "K")), lengths, strict=True)
        if np.ptp(own) >= SAME * own.max() and case.n > 1  # of one query, each key has one score, which may be any
    ]


def _norm_one(problem: Problem, name: str) -> Problem:
    norm = need(problem.row_norm)
    return replace(problem, row_norm=None, **{name: norm.apply(getattr(problem, name))})  # type: ignore[arg-type]


def _one_norm(case: Case) -> list[Route]:
    if case.problem.row_norm is None:
        return []
    return [
        Route(
            problems=(partial(_norm_one, name=name),),
            said=f"only {letter} was normed by {case.request.qk_norm}: the rows of Q and of K are",
        )
        for name, letter in (("queries", "Q"), ("keys", "K"))
    ]


def _over_one_length(*, of_queries: bool) -> Variant:
    """Return the dot product over the length of the query, or of the key, with its gradients."""

    def divided(queries: Array, keys: Array) -> tuple[Array, Array]:
        return (unit_rows(queries), keys) if of_queries else (queries, unit_rows(keys))

    def score(queries: Array, keys: Array) -> Array:
        q, k = divided(queries, keys)
        found: Array = q @ k.mT
        return found

    def backward(queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
        d_queries, d_keys = DOT_PRODUCT.backward(*divided(queries, keys), d_scores)
        if of_queries:
            return unit_rows_backward(queries, d_queries), d_keys
        return d_queries, unit_rows_backward(keys, d_keys)

    return replace(
        DOT_PRODUCT,
        name="half cosine",
        score=score,
        backward=backward,
        bound=lambda _q, _k, _d_k: np.inf,
        is_product=False,
    )


OVER_KEY, OVER_QUERY = (_over_one_length(of_queries=of_queries) for of_queries in (False, True))


def _half_cosine(case: Case) -> list[Route]:
    if case.problem.variant is not COSINE:
        return []
    return [
        Route(
            problems=(partial(scored, variant=variant),),
            said=f"the dot products were divided by the length of {letter} alone: a cosine is {case.formula}",
        )
        for variant, letter in ((OVER_KEY, "k"), (OVER_QUERY, "q"))
    ]


def _norm_together(problem: Problem) -> Problem:
    """Return the problem with one norm over the rows of all heads."""
    norm = need(problem.row_norm)
    found: dict[str, Any] = {}
    for name in ("queries", "keys"):
        joined = np.moveaxis(getattr(problem, name), -3, -2)
        normed = norm.apply(np.ascontiguousarray(joined).reshape(*joined.shape[:-2], -1))
        found[name] = np.moveaxis(normed.reshape(joined.shape), -2, -3)
    return replace(problem, row_norm=None, **found)


def _norm_of_all_heads(case: Case) -> list[Route]:
    if case.problem.row_norm is None or case.heads < 2:
        return []
    said = (
        f"the rows of Q and K were normalized by {case.request.qk_norm} over the columns of all {case.heads} heads: "
        f"each head's {case.d_k} columns have a norm of their own"
    )
    return [Route(problems=(_norm_together,), said=said)]


def _centred(problem: Problem) -> Problem:
    rows = {name: getattr(problem, name) for name in ("queries", "keys")}
    return replace(problem, **{name: array - array.mean(axis=-1, keepdims=True) for name, array in rows.items()})


def _layer_norm(case: Case) -> list[Route]:
    return [] if case.request.qk_norm is None or case.d_k < 2 else [Route(problems=(_centred,))]


ROOMS = (1e-6, 1e-5, 1e-8, 1e-3, 1.0)  # that layers add before they take the root


def _norms_otherwise(case: Case) -> list[Route]:
    """Return the routes with a norm of Q and K that adds to the mean square, takes no root of it, or goes over the
    positions."""
    name = case.request.qk_norm
    if name is None:
        return []
    mean, sized = ("mean", "mean square") if name == "rms" else ("sum", "sum of squares")
    due = f"{name} divides a row by the root of its {sized}"

    def squares(rows: Array, axis: int) -> Array:
        found: Array = getattr(np.square(rows), mean)(axis=axis, keepdims=True)
        return found

    def roomy(rows: Array, room: float) -> Array:
        found: Array = rows / np.sqrt(squares(rows, -1) + room)
        return found

    ways: dict[str, Callable[[Array], Array]] = {
        f"{room:g} was added to the {sized} before its root": partial(roomy, room=room) for room in ROOMS
    }
    ways[f"no root was taken of the {sized}"] = lambda rows: _over(rows, squares(rows, -1))
    ways["the norm went over the positions, by column"] = lambda rows: _over(rows, np.sqrt(squares(rows, -2)))
    return [
        Route(problems=(partial(_norm_by, norm=norm),), is_whole=True, said=f"{words}: {due}")
        for words, norm in ways.items()
    ]


def _norm_by(problem: Problem, norm: Callable[[Array], Array]) -> Problem:
    rows = {name: norm(np.asarray(getattr(problem, name), np.float64)) for name in ("queries", "keys")}
    return replace(problem, row_norm=None, **rows)  # type: ignore[arg-type]


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


def _normed_values(case: Case) -> list[Route]:
    """Return the routes with the rows of V over their lengths or root mean squares, or after a layer norm."""
    values = case.problem.values
    if values is None or "output" not in case.wrong or values.shape[-1] < 2:
        return []
    return [
        Route(problems=(partial(_norm_values, norm=norm),), said=f"the rows of V were normed, {words}: V has no norm")
        for words, norm in VALUE_NORMS.items()
    ]


def _over(rows: Array, sizes: Array) -> Array:
    found: Array = rows / np.where(sizes > 0, sizes, 1)
    return found


VALUE_NORMS: dict[str, Callable[[Array], Array]] = {
    "each over its root mean square": lambda rows: _over(rows, np.sqrt((rows**2).mean(axis=-1, keepdims=True))),
    "each over its length": lambda rows: _over(rows, np.sqrt((rows**2).sum(axis=-1, keepdims=True))),
    "each less its mean, over its standard deviation": lambda rows: _over(
        rows - rows.mean(axis=-1, keepdims=True), rows.std(axis=-1, keepdims=True)
    ),
}


def _norm_values(problem: Problem, norm: Callable[[Array], Array]) -> Problem:
    return replace(problem, values=norm(np.asarray(need(problem.values), np.float64)))


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


def _slip(
    name: str,
    family: str,
    routes: Callable[[Case], list[Route]],
    sentence: str | Callable[[Case], str],
    *,
    paired: bool = False,
) -> Slip:
    return Slip(name, family, routes, sentence, paired=paired, is_slight=paired)


CHOICE_SLIPS = (
    _slip("other-normalizer", "softmax", _other_normalizers, "another normalizer was taken"),
    _slip("unasked-qk-norm", "stage", _unasked_norms, "the rows were normed"),
    _slip(
        "qk-norm-other",
        "stage",
        _layer_norm,
        lambda case: (
            "the mean of each row of Q and K was subtracted before its norm, as a layer norm does: "
            f"{case.request.qk_norm} does not"
        ),
        paired=True,
    ),
    _slip("qk-norm-other", "stage", _norm_of_all_heads, "one norm was taken for all heads", paired=True),
    _slip("qk-norm-other", "stage", _norms_otherwise, "the norm was taken otherwise"),
    _slip("qk-norm-one-side", "stage", _one_norm, "only one of Q and K was normed"),
    _slip("cosine-one-side", "score", _half_cosine, "only one of the lengths divided the dot products"),
    _slip("top-k-other", "stage", _other_top_k, "another number of scores took part"),
    _slip("top-k-other", "softmax", _top_k_otherwise, "other scores took part"),
    _slip("unasked-qk-norm", "values", _normed_values, "the rows of V were normed"),
    _slip(
        "top-k-after-softmax",
        "weights",
        _top_k_of_weights,
        lambda case: (
            f"the {case.problem.top_k} largest weights of a row were kept as they were: the softmax is over the "
            f"{case.problem.top_k} largest scores, so that the weights sum to 1"
        ),
    ),
    _slip("no-mask", "mask", _lengths_unread, "the key lengths were left out"),
    _slip("key-lengths-off-by-one", "mask", _lengths, "the key lengths were off by one"),
    _slip(
        "padding-side",
        "mask",
        _from_the_end,
        lambda case: (
            f"the key lengths {list_numbers(case.problem.visible.lengths or ())} were counted from the last key, as if "
            "the padding came first: they are counted from the first key"
        ),
    ),
    _slip("bias-of-first-head", "stage", _bias_shared, "the bias of head 0 was added in every head"),
)
