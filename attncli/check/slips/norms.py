"""Norms of the rows of Q, K or V: another one, of one side or all heads, not asked for, or with more under its root."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need
from attncli.check.slips.distances import scored
from attncli.check.slips.slip import Slip
from attncli.records import replace
from attncli.similarities import unit_rows, unit_rows_backward
from attncli.stages.row_transforms import ROW_NORM_NAMES
from attncli.variants import BY_NAME, DEFAULT, Variant

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


COSINE, DOT_PRODUCT = BY_NAME["cosine"], BY_NAME[DEFAULT]
SAME = 1e-12  # relative difference of lengths that are the same up to rounding


def _other_norm(case: Case) -> list[Route]:
    own = case.request.qk_norm
    return [
        Route(
            requests=(partial(replace, qk_norm=name),),
            said=f"the rows of Q and K were normalized by {name}: {own} is expected",
        )
        for name in ROW_NORM_NAMES
        if own is not None and name != own
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


NORM_SLIPS = (
    Slip("unasked-qk-norm", "stage", _unasked_norms, "the rows were normed", paired=False),
    Slip(
        "qk-norm-other",
        "stage",
        _layer_norm,
        lambda case: (
            "the mean of each row of Q and K was subtracted before its norm, as a layer norm does: "
            f"{case.request.qk_norm} does not"
        ),
        is_slight=True,
    ),
    Slip("qk-norm-other", "stage", _norm_of_all_heads, "one norm was taken for all heads", is_slight=True),
    Slip("qk-norm-other", "stage", _norms_otherwise, "the norm was taken otherwise", paired=False),
    Slip("qk-norm-one-side", "stage", _one_norm, "only one of Q and K was normed", paired=False),
    Slip("cosine-one-side", "score", _half_cosine, "only one of the lengths divided the dot products", paired=False),
    Slip("unasked-qk-norm", "values", _normed_values, "the rows of V were normed", paired=False),
)
# of which a scale gives the same numbers
OTHER_NORM_SLIPS = (Slip("qk-norm-other", "stage", _other_norm, "another norm was taken"),)
