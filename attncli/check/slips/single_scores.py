"""One score, sum or term of one query that was worked out wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.check.slips.wrong_rows import MANY, only_row
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

Change = Callable[["Array"], "Array"]

LARGEST = 100.0  # scores whose exponentials are printed
FEW = 16  # keys of which each term is tried


def _row(case: Case, *, beside_weights: bool = False) -> tuple[int, ...] | None:
    """Return where the only row is that is wrong, if it is one of a plain softmax of a few keys."""
    if case.has_stage("sink", "dropout_mask") or not 2 < case.m <= MANY:
        return None
    if not {"weights", "output"} & set(case.wrong):
        return None
    return only_row(case, beside_weights=beside_weights)


def _row_of_output(case: Case) -> tuple[int, ...] | None:
    """Return where the only row of the output is that is wrong, of few keys and of weights that are right, or not
    given."""
    if case.wrong != ("output",) or case.m > FEW or case.problem.output_projection is not None:
        return None
    return _row(case, beside_weights=True)


def _scores(case: Case, at: tuple[int, ...]) -> Array | None:
    """Return the right scores of a row, or None if their exponentials are too large to print."""
    scores: Array = Result(case.problem, "numpy").scores[at]
    finite = np.abs(scores[np.isfinite(scores)])
    return scores if finite.max(initial=0) < LARGEST else None


def _named(at: tuple[int, ...]) -> str:
    """Return the query of a row, with its place among the leading axes if there are any."""
    return f"query {at[0]}" if len(at) == 1 else f"query [{', '.join(map(str, at))}]"


def _one_score(case: Case) -> list[Route]:
    """Return the routes with another score of one key, for the only query whose row is wrong, as its row gives it."""
    at = _row(case)
    if at is None or (scores := _scores(case, at)) is None:
        return []
    return [
        Route(
            score=partial(_with_score, cell=(*at, key), score=score),
            shown_scores=lambda changed: Result(changed, "numpy").scores,
            is_whole=True,
            said=(
                f"one score: the row of {_named(at)} is that of {score:.6g} for key {key}, whose exponential is "
                f"{np.exp(score):.6g}; {scores[key]:.6g} and {np.exp(scores[key]):.6g} are right"
            ),
            alike=len(short),
        )
        for key, exponential in _fitted_exponentials(case, at, np.exp(scores))
        for short in [_short_scores(exponential)]
        for score in short
    ]


def _fitted_exponentials(case: Case, at: tuple[int, ...], powers: Array) -> Iterator[tuple[int, float]]:
    """Yield each visible key with the exponential that the row of weights, or else of the output, gives it beside those
    of the other keys."""
    is_of_weights = "weights" in case.wrong
    row = case.judges["weights" if is_of_weights else "output"].expected[at]
    values = case.problem.values
    if values is not None:
        values = case.problem.repeat_key_heads(values)[at[:-1]]
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


def _with_score(problem: Problem, cell: tuple[int, ...], score: float) -> Array:
    scores = np.array(Result(problem, "numpy").scores)
    scores[cell] = score
    return scores


def _one_sum(case: Case) -> list[Route]:
    """Return the route with another sum of the exponentials, for the only query whose row is wrong, as its row gives
    it."""
    at = _row(case)
    if at is None or (scores := _scores(case, at)) is None:
        return []
    name = "weights" if "weights" in case.wrong else "output"
    right, row = Result(case.problem, "numpy").array(name)[at], case.judges[name].expected[at]
    size = float(right @ right)
    factor = float(right @ row) / size if size > 0 else 0.0
    if not np.isfinite(factor) or factor <= 0:
        return []
    total = float(np.exp(scores).sum())
    short = (round(total / factor, decimals) for decimals in (0, 1, 2, 3))
    sums = [taken for taken in dict.fromkeys([*short, total / factor]) if taken > 0]
    return [
        Route(
            reweigh=partial(_times_row, at=at, factor=total / taken),
            is_whole=True,
            said=(
                f"one sum: the exponentials of {_named(at)} were divided by {taken:.6g}, and {total:.6g} is their sum"
            ),
            alike=len(sums),
        )
        for taken in sums
    ]


def _times_row(_problem: Problem, weights: Array, at: tuple[int, ...], factor: float) -> Array:
    return _times(weights, at, factor)


def _times(weights: Array, at: tuple[int, ...], factor: float) -> Array:
    """Return the weights with this row, or this cell, times a factor."""
    found = np.array(weights)
    found[at] *= factor
    return found


def _with_printed(case: Case) -> list[Callable[[Change], Change]]:
    """Return what makes a change of the weights one of the weights in full, and one of those that are printed."""
    judge = case.judges.get("weights")
    if judge is None or judge.expected.shape != case.problem.shapes()["weights"]:
        return [lambda change: change]
    return [lambda change: change, lambda change: lambda _weights: change(judge.expected)]


def _one_term(case: Case) -> list[Route]:
    """Return the routes without one product of a weight and a row of V, for the only query whose output is wrong, or
    with one of the other sign or twice."""
    at = _row_of_output(case)
    if at is None:
        return []
    weights = Result(case.problem, "numpy").weights[at]
    changed = _with_printed(case)
    ways = {0.0: "was left out of the sum", -1.0: "was subtracted", 2.0: "was added twice"}
    return [
        Route(
            weigh=change(partial(_times, at=(*at, int(key)), factor=factor)),
            is_whole=True,
            said=f"one term: for {_named(at)}, {weights[key]:.6g} · row {key} of V {words}",
        )
        for change in changed
        for key in np.flatnonzero(weights)
        for factor, words in ways.items()
    ]


def _exchanged(case: Case) -> list[Route]:
    """Return the routes in which two weights met each other's rows of V, for the only query whose output is wrong."""
    at = _row_of_output(case)
    if at is None:
        return []
    weights = Result(case.problem, "numpy").weights[at]
    return [
        Route(
            weigh=change(partial(_with_exchange, at=at, pair=(one, two))),
            is_whole=True,
            said=(
                f"for {_named(at)}, the weights {weights[one]:.6g} of key {one} and {weights[two]:.6g} of key {two} "
                "changed places before they were multiplied by V"
            ),
        )
        for change in _with_printed(case)
        for one, two in combinations(range(case.m), 2)
    ]


def _with_exchange(weights: Array, at: tuple[int, ...], pair: tuple[int, int]) -> Array:
    found = np.array(weights)
    one, two = ((*at, key) for key in pair)
    found[one], found[two] = weights[two], weights[one]
    return found


SINGLE_SLIPS = (
    Slip(
        "one-term",
        "result",
        _exchanged,
        "two weights changed places",
        paired=False,
        is_slight=True,
        is_late=True,
    ),
    Slip(
        "one-term",
        "result",
        _one_term,
        "one term is wrong",
        paired=False,
        is_slight=True,
        is_late=True,
    ),
    Slip(
        "one-sum",
        "result",
        _one_sum,
        "one sum is another",
        paired=False,
        fitted=1,
        is_slight=True,
        is_late=True,
    ),
    Slip(
        "one-score",
        "result",
        _one_score,
        "one score is another",
        paired=False,
        fitted=1,
        is_slight=True,
        is_late=True,
    ),
)
