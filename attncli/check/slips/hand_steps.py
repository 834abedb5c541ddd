"""Steps of hand work done twice, rounded on the way, or done with another matrix."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.normalizations import NORMALIZATIONS
from attncli.check.routes import Route
from attncli.check.sketch import sketch_result
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need_values
from attncli.check.slips.distances import EUCLIDEAN, scored
from attncli.check.slips.mask_changes import drop_bias, scores_without_masks
from attncli.check.slips.rounded_weights import count_decimals, round_cells
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.inputs.request import GRADIENT_NAMES
from attncli.records import replace
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

ROUNDINGS = (0, 1, 2, 3)  # decimals to which a step is rounded by hand
LARGEST = 600.0  # scores whose exponentials are taken as they are


def _twice(seen_only: bool) -> Callable[[Problem, Array], Array]:
    def reweigh(problem: Problem, weights: Array) -> Array:
        scores = np.where(visible_cells(problem), weights, -np.inf) if seen_only else weights
        return NORMALIZATIONS["keys"](scores, 0.0)

    return reweigh


def _softmax_twice(case: Case) -> list[Route]:
    if case.problem.normalizer is not SOFTMAX:
        return []
    return [Route(reweigh=_twice(seen_only)) for seen_only in ((True, False) if case.is_masked else (True,))]


def _rounded_powers(scores: Array, decimals: int) -> Array:
    """Return scores whose exponentials have few decimals."""
    with np.errstate(all="ignore"):
        found: Array = np.log(np.round(np.exp(np.minimum(scores, LARGEST)), decimals))
    return found


def _rounded_exponentials(case: Case) -> list[Route]:
    """Return the routes with each exponential rounded before they are added and divided: if all of a row become 0, its
    weights are 0, or 0/0 if the problem has no row without a key, which is reported by itself."""
    problem = case.problem
    if problem.normalizer is not SOFTMAX or problem.sink is not None:
        return []
    has_keys = not case.is_masked or bool(visible_cells(problem).any(axis=-1).all())
    return [
        Route(
            rescore=partial(_rounded_powers, decimals=decimals),
            unseen=lost,
            said=f"the exponentials were rounded to {count_decimals(decimals)} before they were added and divided",
        )
        for decimals in ROUNDINGS
        for lost in ((0.0, np.nan) if has_keys else (0.0,))
    ]


def _rounded_scores(case: Case) -> list[Route]:
    """Return the routes with the scores rounded before the softmax. The scores that are printed may be in full."""
    if case.has_stage("sink"):
        return []

    return [
        Route(
            rescore=partial(round_cells, decimals=decimals),
            said=f"the scores were rounded to {count_decimals(decimals)} before the softmax",
        )
        for decimals in ROUNDINGS
    ]


def _rounded_print(case: Case) -> list[Route]:
    """Return the routes with weights of one or two decimals where more are printed. For more decimals, the report says
    that the numbers hold to them."""
    claims = case.judges["weights"].claims if "weights" in case.wrong else None
    if claims is None or claims.decimals is None:
        return []
    return [
        Route(
            reweigh=partial(_rounded_cells, decimals=decimals),
            said=f"the weights were rounded to {count_decimals(decimals)}: {claims.decimals} are printed",
        )
        for decimals in range(1, min(claims.decimals, 3))
    ]


def _rounded_cells(_problem: Problem, weights: Array, decimals: int) -> Array:
    return round_cells(weights, decimals)


OF_FIRST = "the sum of row 0"
SUM_DUE = ": their own sum is expected"
FEW = 8  # keys of which each is left out of the sums


def _other_sums(case: Case) -> list[Route]:
    """Return the routes with exponentials over another number than their sum, in every row."""
    problem = case.problem
    if problem.normalizer is not SOFTMAX or case.has_stage("sink", "dropout_mask", "top_k"):
        return []
    ways: dict[str, Callable[[Problem, Array], Array]] = {
        "the root of the sum of their squares": _over_length,
        f"their number, {case.m}": lambda problem, weights: weights * _sums(problem) / weights.shape[-1],
    }
    ways["the sum of the scores"] = _over_scores
    if case.n > 1:
        ways[OF_FIRST] = lambda problem, weights: weights * _sums(problem, over_first=True)
    if case.m > 1:
        ways |= {f"their sum without key {key}": partial(_over_others, key=key) for key in range(min(case.m, FEW))}
    exchanged = [
        Route(
            reweigh=partial(_over_sums_of, order=order),
            is_whole=True,
            said=f"the sums of the exponentials of queries {one} and {two} were exchanged{SUM_DUE}",
        )
        for one, two in combinations(range(case.n if case.n <= FEW else 0), 2)
        for order in [[two if each == one else one if each == two else each for each in range(case.n)]]
    ]
    shifted = "e^(score − the largest of its row) was divided by the sum of e^score: both have the largest subtracted"
    routes = [Route(reweigh=_shifted_above, said=shifted)]
    return (
        routes
        + exchanged
        + [
            Route(
                reweigh=way,
                is_whole=words == OF_FIRST,
                said=f"the exponentials were divided by {words}{SUM_DUE}",
            )
            for words, way in ways.items()
        ]
    )


@np.errstate(all="ignore")
def _sums(problem: Problem, *, over_first: bool = False) -> Array:
    """Return the sums of the exponentials (…, n, 1), or these over that of the first query."""
    lse = sketch_result(problem).lse[..., None]
    found: Array = np.exp(lse - lse[..., :1, :] if over_first else lse)
    return found


@np.errstate(all="ignore")
def _over_sums_of(problem: Problem, weights: Array, order: list[int]) -> Array:
    sums = _sums(problem)
    found: Array = weights * sums / sums[..., order, :]
    return found


@np.errstate(all="ignore")
def _over_scores(problem: Problem, weights: Array) -> Array:
    scores = sketch_result(problem).scores
    total = np.where(np.isneginf(scores), 0, scores).sum(axis=-1, keepdims=True)
    found: Array = weights * _sums(problem) / total
    return found


@np.errstate(all="ignore")
def _shifted_above(problem: Problem, weights: Array) -> Array:
    found: Array = weights * np.exp(-sketch_result(problem).scores.max(axis=-1, keepdims=True))
    return np.where(weights > 0, found, 0)


@np.errstate(all="ignore")
def _over_length(_problem: Problem, weights: Array) -> Array:
    found: Array = weights / np.linalg.norm(weights, axis=-1, keepdims=True)
    return found


@np.errstate(all="ignore")
def _over_others(_problem: Problem, weights: Array, key: int) -> Array:
    found: Array = weights / (1 - weights[..., key, None])
    return found


def _signed(queries: Array, keys: Array) -> Array:
    """Return −Σ(q − k), whose terms cancel."""
    difference: Array = keys.sum(axis=-1)[..., None, :] - queries.sum(axis=-1)[..., :, None]
    return difference


def _signed_backward(queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
    """Return ∓Σ dS, the same in each column."""
    over_keys, over_queries = (d_scores.sum(axis=axis)[..., None] for axis in (-1, -2))
    return -over_keys * np.ones_like(queries), over_queries * np.ones_like(keys)


SIGNED = replace(EUCLIDEAN, name="signed", score=_signed, backward=_signed_backward)


def _without_absolute(case: Case) -> list[Route]:
    if not case.problem.variant.has_length:
        return []
    return [Route(problems=(partial(scored, variant=SIGNED),))]


def _bias_after(case: Case) -> list[Route]:
    bias = case.problem.bias
    if bias is None or not np.where(np.isneginf(bias), 0, bias).any():
        return []
    added = np.where(np.isfinite(bias), bias, 0)
    return [Route(problems=(drop_bias,), reweigh=lambda _problem, weights: weights + added, is_whole=True)]


def _unmasked_print(case: Case) -> list[Route]:
    """Return the route that prints the scores before the mask, and goes on with the masked ones."""
    if "scores" not in case.wrong or not case.is_masked:
        return []
    return [Route(shown_scores=scores_without_masks)]


# another matrix in the place of one


def _take_values(problem: Problem, name: str) -> Problem:
    return replace(problem, values=getattr(problem, name))


def _other_values(case: Case) -> list[Route]:
    problem = case.problem
    if problem.values is None or not any(name == "output" or name in GRADIENT_NAMES for name in case.wrong):
        return []
    routes = []
    for name, letter in (("keys", "K"), ("queries", "Q")):
        if getattr(problem, name).shape == problem.values.shape:
            said = f"the weights were multiplied by {letter}: V is expected"
            routes.append(Route(problems=(partial(_take_values, name=name),), said=said))
    return routes


def _values_for_keys(problem: Problem) -> Problem:
    return replace(problem, keys=need_values(problem))


def _values_as_keys(case: Case) -> list[Route]:
    problem = case.problem
    if problem.values is None or problem.values.shape != problem.keys.shape:
        return []
    return [Route(problems=(_values_for_keys,))]


def _exchange_keys_values(problem: Problem) -> Problem:
    return replace(problem, keys=need_values(problem), values=problem.keys)


def _exchange_queries_values(problem: Problem) -> Problem:
    return replace(problem, queries=need_values(problem), values=problem.queries)


def _queries_for_values(case: Case) -> list[Route]:
    problem = case.problem
    if problem.values is None or problem.values.shape != problem.queries.shape or problem.key_heads is not None:
        return []
    return [Route(problems=(_exchange_queries_values,))]


def _keys_for_values(case: Case) -> list[Route]:
    return [replace(route, problems=(_exchange_keys_values,)) for route in _values_as_keys(case)]


HAND_SLIPS = (
    Slip(
        "softmax-twice",
        "softmax",
        _softmax_twice,
        "the softmax was taken twice, of the scores and then of the weights: once is expected",
    ),
    Slip(
        "rounded-exponentials",
        "weights",
        _rounded_exponentials,
        "the exponentials were rounded",
        is_slight=True,
        passes_easily=True,
    ),
    Slip(
        "rounded-scores",
        "weights",
        _rounded_scores,
        "the scores were rounded",
        is_slight=True,
        passes_easily=True,
    ),
    Slip(
        "rounded-weights",
        "weights",
        _rounded_print,
        "the weights were rounded",
        paired=False,
        passes_easily=True,
    ),
    Slip(
        "other-sum",
        "weights",
        _other_sums,
        "another sum was taken",
        paired=False,
        passes_easily=True,
    ),
    Slip(
        "signed-distance",
        "score",
        _without_absolute,
        lambda case: (
            f"the differences q − k were added with their signs, so that they cancel: {case.formula} is expected"
        ),
    ),
    Slip(
        "bias-after-softmax",
        "stage",
        _bias_after,
        "the bias was added to the weights, after the softmax: it is added to the scores",
    ),
    Slip(
        "scores-before-mask",
        "result",
        _unmasked_print,
        lambda case: f"your scores are those before {case.masks}: a masked score is −inf",
    ),
    Slip(
        "other-values",
        "values",
        _other_values,
        "the weights were multiplied by another matrix",
    ),
    Slip(
        "values-as-keys",
        "keys",
        _values_as_keys,
        lambda case: f"{case.those} of QVᵀ, the values in place of the keys: QKᵀ is expected",
    ),
    Slip(
        "queries-values-swapped",
        "queries",
        _queries_for_values,
        lambda case: (
            f"Q and V changed places, so that {case.yours} of scores of V and K: the scores are of Q and K, and V is "
            "averaged"
        ),
        paired=False,
    ),
    Slip(
        "keys-values-swapped",
        "keys",
        _keys_for_values,
        lambda case: (
            f"K and V changed places, so that {case.yours} of scores of Q and V: the scores are of Q and K, and V is "
            "averaged"
        ),
    ),
)
