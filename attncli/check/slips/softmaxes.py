"""Other ways from scores to weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.normalizations import NORMALIZATIONS
from attncli.check.routes import Route
from attncli.check.sketch import sketch_result
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.inputs.request import GRADIENT_NAMES
from attncli.records import replace
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


ONE_BLOCK = 512  # queries that the engine takes at once, so that gradients may add up over them


def derived(case: Case, route: Route) -> list[Route]:
    """Return the route whose gradients are those of its own softmax, as automatic ones are, if gradients are wrong."""
    is_graded = any(name in GRADIENT_NAMES for name in case.wrong) and case.n <= ONE_BLOCK
    return [replace(route, derives=True)] if is_graded else []


def _over_sum(case: Case) -> list[Route]:
    """Return the routes with scores or raw scores over their sum, which are the same unless something is added."""
    lost = [Route(softmax="sum", unseen=float("-inf"))] if case.is_masked else []
    return [Route(softmax="sum"), Route(softmax="sum", score=_raw_scores), *lost]


def _sizes_over_sum(_case: Case) -> list[Route]:
    """Return the routes with what has no sign over its sum, or over its length."""
    ways: dict[str, Callable[[Array], Array]] = {
        "the square of each score over the sum of the squares": _squares,
        "the size of each score over the sum of the sizes": _of_sizes,
        "each score over the root of the sum of the squares": _over_length,
        "score^e, the score to the power of e, over the sum of these": _powers_of_scores,
    }
    due = "the exponential of each score over the sum of the exponentials is expected"
    return [
        Route(
            softmax="none" if rescore is _over_length else "sum",
            rescore=rescore,
            said=f"{words} was taken as the weight: {due}",
        )
        for words, rescore in ways.items()
    ]


@np.errstate(all="ignore")
def _over_length(scores: Array) -> Array:
    """Return the scores over the length of their row."""
    seen = np.where(np.isneginf(scores), 0, scores)
    return np.where(np.isneginf(scores), scores, scores / np.linalg.norm(seen, axis=-1, keepdims=True))


@np.errstate(all="ignore")
def _powers_of_scores(scores: Array) -> Array:
    """Return score^2.718, NaN for a score below 0."""
    return np.where(np.isneginf(scores), scores, np.power(scores, np.e))


def _squares(scores: Array) -> Array:
    return np.where(np.isneginf(scores), scores, np.square(np.where(np.isneginf(scores), 0, scores)))


def _cut_at_zero(case: Case) -> list[Route]:
    """Return the routes with the scores above 0, over their sum or over the number of keys."""
    lost = f"{_negative(case)} negative and got no weight; the exponential of each score over their sum is expected"
    told = {"sum": "the sum of its row", "keys": f"the {case.m} keys"}
    return [
        Route(
            softmax=f"relu over {over}",
            unseen=empty,
            said=f"negative scores were taken as 0 (ReLU), without an exponential, and divided by {words}: {lost}",
        )
        for over, words in told.items()
        for empty in ((0.0, float("nan")) if over == "sum" else (0.0,))
    ]


def _squares_above_zero(scores: Array) -> Array:
    squares: Array = np.maximum(scores, 0) ** 2
    return squares


def _squared_relu(case: Case) -> list[Route]:
    """Return the routes with the squares of the scores above 0, over their sum, over the number of keys, or as they
    are."""
    ways = {"relu over sum": "over the sum of its row", "relu over keys": f"over the {case.m} keys", "none": "as it is"}
    return [
        Route(
            softmax=over,
            rescore=_squares_above_zero,
            said=(
                f"the square of each score above 0 (ReLU²) was taken as the weight, {words}: the exponential of each "
                "score over their sum is expected"
            ),
        )
        for over, words in ways.items()
    ]


def _negative(case: Case) -> str:
    """Return how many scores are negative: "3 of the 12 scores are"."""
    scores = Result(case.problem, "numpy").scores
    count = int(((scores < 0) & ~np.isneginf(scores)).sum())
    return f"{count} of the {scores.size} scores {'is' if count == 1 else 'are'}"


def _raw_scores(problem: Problem) -> Array:
    result = sketch_result(problem).compute("raw_scores", "scores")
    return np.where(np.isneginf(result.scores), result.scores, result.raw_scores)


def _largest(case: Case) -> list[Route]:
    """Return the routes with all weight on the largest score: of a masked row, on none, or on the first key, as an
    argmax gives it."""
    return [Route(softmax="largest", unseen=first) for first in ((0.0, 1.0) if case.is_masked else (0.0,))]


def _values_alone(case: Case) -> list[Route]:
    if case.n != case.m or "output" not in case.wrong:
        return []
    return [Route(weigh=lambda weights: np.broadcast_to(np.eye(case.m), weights.shape), is_whole=True)]


def _left_columns(problem: Problem, columns: slice) -> Problem:
    queries = np.array(problem.queries)
    queries[..., columns] = 0
    if not problem.variant.is_product:
        keys = np.array(problem.keys)
        keys[..., columns] = 0
        return replace(problem, queries=queries, keys=keys)
    return replace(problem, queries=queries)


FEW = 16  # columns that are tried one by one
BORDERS = (8, 16, 32, 64, 128)  # columns after which kernels may stop


def _columns_left_out(case: Case) -> list[Route]:
    """Return the routes without one column, or without those before or after the border of a tile."""
    d_k = case.d_k
    runs = [range(column, column + 1) for column in range(d_k if 1 < d_k <= FEW else 0)]
    if d_k >= BORDERS[0]:
        for border in dict.fromkeys((d_k // 2, *BORDERS)):
            runs += [each for each in (range(border, d_k), range(border)) if 1 < len(each) < d_k]
    routes = [
        Route(
            problems=(partial(_left_columns, columns=slice(run.start, run.stop)),),
            said=f"{_named(run)} left out of the scores: all {d_k} columns count",
        )
        for run in runs
    ]
    if not np.isclose(case.problem.scale, d_k**-0.5):
        return routes
    return routes + [
        Route(
            problems=(
                partial(_left_columns, columns=slice(run.start, run.stop)),
                partial(_scaled_by, scale=count**-0.5),
            ),
            said=f"{_named(run)} left out of the scores, and of the scale 1/√{count}: all {d_k} columns count",
        )
        for run in runs
        if len(run) > 1
        for count in [d_k - len(run)]
    ]


def _scaled_by(problem: Problem, scale: float) -> Problem:
    return problem.with_scale(scale)


def _named(run: range) -> str:
    """Return "column 3 of Q and K was" or "columns 32 to 47 of Q and K were"."""
    return f"column {run[0]} of Q and K was" if len(run) == 1 else f"columns {run[0]} to {run[-1]} of Q and K were"


def _of_sizes(scores: Array) -> Array:
    return np.where(np.isneginf(scores), scores, np.abs(scores))


def _shown_sizes(problem: Problem) -> Array:
    return _of_sizes(Result(problem, "numpy").scores)


def _absolute(case: Case) -> list[Route]:
    if case.problem.softcap is not None or case.problem.bias is not None or case.problem.slopes is not None:
        return []
    later = Route(rescore=_of_sizes, shown_scores=_shown_sizes)
    has_raw = "raw_scores" in case.wrong and case.problem.d_output is None
    return [Route(problems=(_without_signs,)), later] if has_raw else [later]


def _without_signs(problem: Problem) -> Problem:
    """Return the problem with |score| for each raw score, which has no gradient here."""
    own = problem.variant
    sizes = replace(
        own, name="absolute", score=lambda queries, keys: np.abs(own.score(queries, keys)), is_product=False
    )
    return replace(problem, variant=sizes)


def _squared_weights(case: Case) -> list[Route]:
    noun = "weights" if case.subject == "weights" else "output"
    said = f"your {noun} {'are' if noun == 'weights' else 'is that of'} the squares of the weights"
    return [Route(reweigh=lambda _problem, weights: weights**2, said=f"{said}: the weights themselves are expected")]


@np.errstate(all="ignore")
def _powers(scores: Array, *, is_shifted: bool) -> Array:
    """Return e^score, or e^(score − the largest of its row), 0 where masked."""
    largest = scores.max(axis=-1, keepdims=True)
    found: Array = np.exp(scores - largest if is_shifted else scores)
    return np.where(np.isneginf(scores), 0, found)


def _not_divided(case: Case) -> list[Route]:
    """Return the routes with exponentials as weights, of the scores or of the scores less the largest of their row."""
    if case.problem.normalizer is not SOFTMAX:
        return []
    ways = {"e^score": False, "e^(score − the largest of its row)": True}
    return [
        Route(
            softmax="none",
            rescore=partial(_powers, is_shifted=is_shifted),
            said=f"{words} was taken as the weight, without dividing by the sum of the exponentials of its row",
        )
        for words, is_shifted in ways.items()
    ]


@np.errstate(all="ignore")
def _logarithms(_problem: Problem, weights: Array) -> Array:
    found: Array = np.log(weights)
    return found


def _softmax_of_output(case: Case) -> list[Route]:
    """Return the route with a softmax of the scores times V, along the columns."""
    if "output" not in case.wrong or case.problem.is_joined:
        return []
    unnormalized = Route(softmax="none").numbers_of(case.problem, ["output"])["output"]
    taken = NORMALIZATIONS["keys"](unnormalized, 0.0)
    return [Route(present=lambda name, array: taken if name == "output" else array)]


BASES = {"10": 10.0, "3": 3.0, "2.7": 2.7, "2.71": 2.71, "2.72": 2.72}  # taken for e


def _times(scores: Array, factor: float) -> Array:
    return np.where(np.isneginf(scores), scores, factor * scores)


def _other_base(case: Case) -> list[Route]:
    """Return the routes with powers of another number, or of e with the other sign, of scores that are right."""
    if case.problem.normalizer is not SOFTMAX:
        return []
    factors = {f"{base}^score": math.log(number) for base, number in BASES.items()} | {"e^(−score)": -1.0}
    return [
        Route(
            rescore=partial(_times, factor=factor),
            said=f"{case.yours} of {words}: e^score is expected{'' if factor < 0 else ', e = 2.71828'}",
        )
        for words, factor in factors.items()
    ]


def _best_value(case: Case) -> list[Route]:
    """Return the route whose output is the value of the best key, while the weights that are printed are right."""
    if "weights" not in case.judges or "weights" in case.wrong:
        return []
    return [Route(weigh=lambda weights: NORMALIZATIONS["largest"](weights, 0.0))]


BASE_SLIPS = (
    Slip(
        "other-base",
        "softmax",
        _other_base,
        "another base was taken",
        paired=False,
        passes_easily=True,
    ),
)

SOFTMAX_SLIPS = (
    Slip(
        "no-exponential",
        "softmax",
        _over_sum,
        lambda case: (
            f"{case.yours} of scores over their sum: the exponential of each score over the sum of the exponentials "
            "is expected"
        ),
    ),
    Slip("no-exponential", "softmax", _sizes_over_sum, "sizes were taken", paired=False),
    Slip("relu", "softmax", _cut_at_zero, "negative scores were taken as 0"),
    Slip("relu", "softmax", _squared_relu, "squares were taken", paired=False),
    Slip(
        "exp2",
        "softmax",
        lambda case: [Route(softmax="exp2"), *derived(case, Route(softmax="exp2"))],
        lambda case: (
            f"{case.yours} of 2^score: e^score is expected, as if the scores were multiplied by log 2 = 0.693147"
        ),
    ),
    Slip(
        "hardmax",
        "softmax",
        _largest,
        "all weight was given to the key with the largest score: the softmax gives each key a share",
    ),
    Slip(
        "hardmax",
        "rounding",
        _best_value,
        "your output is the row of V with the largest weight: every row of V counts by its weight",
        paired=False,
    ),
    Slip(
        "not-averaged",
        "softmax",
        _values_alone,
        "your output is V itself: each row is the average of the rows of V by the weights",
        paired=False,
        is_common=True,
    ),
    Slip("not-divided", "softmax", _not_divided, "the exponentials were not divided", is_slight=True),
    Slip(
        "log-softmax",
        "weights",
        lambda case: [] if case.is_masked and "weights" not in case.wrong else [Route(reweigh=_logarithms)],
        lambda case: (
            f"{case.those} of the logarithms of the right weights (log-softmax)"
            if "weights" not in case.wrong
            else "your weights are the logarithms of the right ones (log-softmax)"
        ),
        paired=False,
    ),
    Slip(
        "softmax-of-output",
        "result",
        _softmax_of_output,
        lambda case: (
            f"the softmax was taken of {case.scaled_score} · V, along its columns: it is taken of the scores, before V"
        ),
        paired=False,
    ),
    Slip(
        "absolute-scores",
        "softmax",
        _absolute,
        lambda case: f"the scores were taken without their signs: {_negative(case)} negative",
        paired=False,
    ),
    Slip("weights-squared", "weights", _squared_weights, "squares were taken", paired=False),
    Slip("column-left-out", "score", _columns_left_out, "a column was left out", paired=False),
)
