"""How scores become weights on a route: by the problem's own normalizer, or by what was taken for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.matrix import Array
from attncli.problem.problem import over_heads
from attncli.stages.normalizers import keep_largest

if TYPE_CHECKING:
    from attncli.problem.problem import Problem

SERIES = {2: "1 + s", 3: "1 + s + s²/2", 4: "1 + s + s²/2 + s³/6"}  # by the number of its terms


@np.errstate(all="ignore")
def softmax_over(scores: Array, unseen: float, axis: int | tuple[int, ...], base: float = np.e) -> Array:
    """Return base^score over the sum of these along the axis, or `unseen` if everything along it is masked."""
    largest = scores.max(axis=axis, keepdims=True)
    powers = np.exp(scores - largest) if base == np.e else np.power(base, scores - largest)
    weights: Array = np.where(largest == -np.inf, unseen, powers / powers.sum(axis=axis, keepdims=True))
    return weights


def normalize_scores(problem: Problem, scores: Array, unseen: float) -> Array:
    """Return the weights of other scores by the problem's own normalizer, with its sink, top-k and dropout."""
    if problem.top_k is not None:
        scores = np.array(scores)
        keep_largest(scores, problem.top_k)
    if problem.normalizer.weights is not None:
        weights = problem.normalizer.weights(scores)
    elif problem.sink is not None:
        joined = np.concatenate([scores, np.broadcast_to(over_heads(problem.sink), (*scores.shape[:-1], 1))], axis=-1)
        weights = softmax_over(joined, unseen, -1)[..., :-1]
    else:
        weights = softmax_over(scores, unseen, -1)
    return apply_dropout(problem, weights)


def apply_dropout(problem: Problem, weights: Array) -> Array:
    """Return the weights times the dropout mask over 1 − p, if the problem has one."""
    return weights if problem.dropout_mask is None else weights * problem.dropout_mask / (1 - problem.dropout)


@np.errstate(all="ignore")
def share_out(powers: Array, unseen: float) -> Array:
    """Return what takes the place of the exponentials, over its sum in each row, or `unseen` in a row that sums to
    0."""
    total = powers.sum(axis=-1, keepdims=True)
    return np.where(total != 0, powers / total, unseen)


@np.errstate(all="ignore")
def _over_sum(scores: Array, unseen: float) -> Array:
    """Return the scores over their sum, without an exponential."""
    seen = np.where(np.isneginf(scores), unseen, scores)
    shares: Array = seen / seen.sum(axis=-1, keepdims=True)
    return shares


def _largest_alone(scores: Array, unseen: float) -> Array:
    """Return 1 at the first of the largest scores of a row, 0 elsewhere, and `unseen` at the first of a masked row."""
    first = np.arange(scores.shape[-1]) == scores.argmax(axis=-1)[..., None]
    return np.where(first, np.where(np.isneginf(scores), unseen, 1.0), 0.0)


def _relu_over_sum(scores: Array, unseen: float) -> Array:
    """Return the scores above 0 over their sum, or `unseen` in a row without one."""
    return share_out(np.maximum(scores, 0), unseen)


@np.errstate(invalid="ignore")  # of a row that is masked as a whole
def _series_over_sum(scores: Array, unseen: float, terms: int, *, is_shifted: bool) -> Array:
    """Return the first terms of the series of e^score over their sum, of the scores or of their distances from the
    largest of their row, or `unseen` in a row without any."""
    is_masked = np.isneginf(scores)
    own = np.where(is_masked, 0, scores - scores.max(axis=-1, keepdims=True) if is_shifted else scores)
    series = sum(own**power / math.factorial(power) for power in range(terms))
    return share_out(np.where(is_masked, 0, series), unseen)


def _axes(*axes: int) -> Callable[[Array, float], Array]:
    return lambda scores, unseen: softmax_over(scores, unseen, axes)


NORMALIZATIONS: dict[str, Callable[[Array, float], Array]] = {  # of scores, and of the weight of masked cells
    "keys": _axes(-1),
    "queries": _axes(-2),
    "all": _axes(-2, -1),
    "none": lambda scores, unseen: np.where(np.isneginf(scores), unseen, scores),
    "exp2": lambda scores, unseen: softmax_over(scores, unseen, -1, 2.0),
    "sum": _over_sum,
    "largest": _largest_alone,
    "relu over sum": _relu_over_sum,
    "relu over keys": lambda scores, _unseen: np.maximum(scores, 0) / scores.shape[-1],
    "heads": _axes(-3),
    "heads and keys": _axes(-3, -1),
    "batch": _axes(0),
    **{f"{terms} terms": partial(_series_over_sum, terms=terms, is_shifted=False) for terms in SERIES},
    **{f"{terms} terms, shifted": partial(_series_over_sum, terms=terms, is_shifted=True) for terms in SERIES},
}


def _backward_over(*axes: int) -> Callable[[Array, Array], Array]:
    return lambda weights, d_weights: weights * (d_weights - (weights * d_weights).sum(axis=axes, keepdims=True))


BACKWARDS: dict[str, Callable[[Array, Array], Array]] = {  # gradients of scores, from weights and their gradients
    "queries": _backward_over(-2),
    "all": _backward_over(-2, -1),
    "none": lambda weights, d_weights: np.where(weights != 0, d_weights, 0),
    "exp2": lambda weights, d_weights: np.log(2) * _backward_over(-1)(weights, d_weights),
}
BY_ROW = ("keys", "exp2", "largest")  # those that leave a query without a key the row that its system gives it
OVER_PARTS = ("heads", "heads and keys", "batch")  # those in which it depends on other heads or entries
ACROSS = ("queries", "all")  # those in which a query's weights depend on other queries
