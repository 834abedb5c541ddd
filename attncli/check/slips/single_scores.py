"""One score, or its exponential, that was worked out wrongly: all weights of its row follow from it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.orders import MANY, only_query
from attncli.check.slips.slip import SOME, Slip
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

LARGEST = 100.0  # scores whose exponentials are told


def _one_score(case: Case) -> list[Route]:
    """Return the routes with another score of one key, for the only query whose row is wrong, as its row gives it."""
    problem = case.problem
    is_plain = problem.normalizer is SOFTMAX and problem.sink is None and problem.dropout_mask is None
    if not is_plain or problem.lead or not 2 < case.m <= MANY or (query := only_query(case)) is None:
        return []
    scores = Result(problem, "numpy").scores[query]
    if not np.abs(scores[np.isfinite(scores)]).max(initial=0) < LARGEST:
        return []
    return [
        Route(
            score=partial(_with_score, cell=(query, key), score=score),
            told_scores=lambda changed: Result(changed, "numpy").scores,
            is_whole=True,
            said=(
                f"one score: the row of query {query} is that of {score:.6g} for key {key}, whose exponential is "
                f"{np.exp(score):.6g}; {scores[key]:.6g} and {np.exp(scores[key]):.6g} are right"
            ),
        )
        for key, exponential in _fitted_exponentials(case, query, np.exp(scores))
        for score in _short_scores(exponential)
    ]


def _fitted_exponentials(case: Case, query: int, powers: Array) -> Iterator[tuple[int, float]]:
    """Yield each visible key with the exponential that the row of weights, or else of the output, gives it beside those
    of the other keys."""
    is_of_weights = "weights" in case.wrong
    row = case.judges["weights" if is_of_weights else "output"].expected[query]
    values = case.problem.values
    for key in np.flatnonzero(powers):
        others = powers.copy()
        others[key] = 0
        if is_of_weights:
            rest = np.delete(row, key).sum()
            exponential = others.sum() * row[key] / rest if rest > 0 else 0.0
        else:
            assert values is not None
            if np.linalg.matrix_rank(values - values[key]) < 2:  # any row of weights gives what one score gives
                continue
            off = values[key] - row
            size = float(off @ off)
            exponential = float(off @ (others.sum() * row - others @ values)) / size if size > 0 else 0.0
        if exponential > 0 and np.isfinite(exponential):
            yield int(key), float(exponential)


def _short_scores(exponential: float) -> list[float]:
    """Return scores near the logarithm of the exponential: with few decimals, those of an exponential with few
    decimals, and itself."""
    score = float(np.log(exponential))
    short = [round(score, decimals) for decimals in (0, 1, 2)]
    rounded = [round(exponential, decimals) for decimals in (1, 2, 3)]
    return list(dict.fromkeys([*short, *(float(np.log(each)) for each in rounded if each > 0), score]))


def _with_score(problem: Problem, cell: tuple[int, int], score: float) -> Array:
    scores = np.array(Result(problem, "numpy").scores)
    scores[cell] = score
    return scores


SINGLE_SLIPS = (
    Slip(
        "one-score",
        "result",
        _one_score,
        lambda _case: "one score is another",
        paired=False,
        evidence=SOME,
        fitted=1,
        is_late=True,
    ),
)
