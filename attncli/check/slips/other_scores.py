"""Weights of other numbers than the scores, and scores that are printed as other numbers than they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from attncli.matrix import Array
    from attncli.problem.problem import Problem


def _has_right_scores(case: Case) -> bool:
    """Return whether scores are given that are right, so that what follows was taken of other numbers."""
    is_given = "scores" in case.judges and "scores" not in case.wrong
    return is_given and case.problem.normalizer is SOFTMAX


def _times(scores: Array, factor: float) -> Array:
    return np.where(np.isneginf(scores), scores, factor * scores)


def _scaled_again(case: Case) -> list[Route]:
    """Return the routes with a softmax of the right scores times a factor."""
    if not _has_right_scores(case):
        return []
    ways = {2.0: "", 0.5: ""}
    if (own := case.problem.scale) not in (0, 1):
        ways |= {own: ", the scale, once more", 1 / own: ", 1 over the scale, as if they had none"}
    return [
        Route(
            rescore=partial(_times, factor=factor),
            said=f"the softmax was taken of the scores times {factor:.6g}{words}: it is taken of the scores as printed",
        )
        for factor, words in ways.items()
    ]


def _sizes(scores: Array) -> Array:
    return np.where(np.isneginf(scores), scores, np.abs(scores))


def _absolute_later(case: Case) -> list[Route]:
    """Return the route with a softmax of the sizes of the scores, which are printed with their signs."""
    if not _has_right_scores(case) or (count := _negative(case)) == 0:
        return []
    said = f"the softmax was taken of the scores without their signs: {_name_count(count)} negative"
    return [Route(rescore=_sizes, said=said)]


def _negative(case: Case) -> int:
    scores = Result(case.problem, "numpy").scores
    return int(((scores < 0) & ~np.isneginf(scores)).sum())


def _name_count(count: int) -> str:
    return f"{count} {'score is' if count == 1 else 'scores are'}"


def _without_negative(scores: Array) -> Array:
    return np.where(scores < 0, -np.inf, scores)


def _negative_left_out(case: Case) -> list[Route]:
    """Return the route in which keys of negative scores get no weight, and the others their exponentials."""
    if case.problem.normalizer is not SOFTMAX or (count := _negative(case)) == 0:
        return []
    said = f"keys of negative scores got no weight, the others e^score over their sum: {_name_count(count)} negative"
    return [Route(rescore=_without_negative, said=f"{said}, and e^score is expected for each")]


@np.errstate(all="ignore")
def _log_sigmoid(scores: Array) -> Array:
    """Return the logarithms of the sigmoids, whose softmax are the sigmoids over their sum."""
    found: Array = -np.logaddexp(0, -scores)
    return found


def _sigmoids(case: Case) -> list[Route]:
    if case.problem.normalizer is not SOFTMAX:
        return []
    said = "the sigmoid of each score was divided by the sum of those of its row: e^score over their sum is expected"
    return [Route(rescore=_log_sigmoid, said=said)]


# scores that are printed after a step of the softmax


@np.errstate(all="ignore")
def _less(problem: Problem, taken: Callable[[Array], Array]) -> Array:
    """Return the scores less a number of each row, of those that are not masked."""
    scores = Result(problem, "numpy").scores
    is_seen = np.isfinite(scores)
    return np.where(is_seen, scores - taken(np.where(is_seen, scores, np.nan)), scores)


LEVELS: dict[str, Callable[[Array], Array]] = {
    "the largest": partial(np.nanmax, axis=-1, keepdims=True),
    "the mean": lambda scores: np.asarray(np.nanmean(scores, axis=-1, keepdims=True)),
    "the smallest": partial(np.nanmin, axis=-1, keepdims=True),
}


def _shifted(case: Case) -> list[Route]:
    """Return the routes that print the scores less a number of their row, which leaves the weights as they are."""
    if "scores" not in case.wrong or case.m < 2 or not np.isfinite(Result(case.problem, "numpy").scores).any(-1).all():
        return []
    return [
        Route(
            shown_scores=partial(_less, taken=taken),
            is_whole=True,
            said=(
                f"your scores are the right ones minus {words} of their row, which does not change their softmax: the "
                "scores before that are expected"
            ),
        )
        for words, taken in LEVELS.items()
    ]


OTHER_SCORE_SLIPS = (
    Slip("scale-other", "softmax", _scaled_again, "the softmax is of other scores", paired=False),
    Slip("absolute-scores", "softmax", _absolute_later, "the scores were taken without their signs", paired=False),
    Slip("relu", "softmax", _negative_left_out, "keys of negative scores got no weight", paired=False),
    Slip("other-normalizer", "softmax", _sigmoids, "sigmoids were divided by their sum", paired=False),
    Slip("scores-shifted", "result", _shifted, "the scores are less a number of each row", paired=False),
)
