"""Normalizers, which turn scores into weights: one record each, from which help, tables, `explain` and tests are
derived.

A function takes scores (…, b, m) of whole rows, −inf where masked, and returns weights (…, b, m). Masked weights are
always 0. Softmax itself is computed by the engine, one tile at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attncli.expressions import (
    Expression,
    Symbol,
    add,
    constant,
    divide,
    evaluate,
    function,
    larger,
    multiply,
    negate,
    root,
    square,
    subtract,
)
from attncli.records import record
from attncli.stages.steps import SCORE, WEIGHT

if TYPE_CHECKING:
    from numpy import ndarray

THRESHOLD = Symbol("τ")  # the value that a score, or half of it, must exceed to get a weight
# of the c largest scores: their sum, and the sum of their squares
TOTAL, SQUARES, COUNT = Symbol("Σ"), Symbol("Σ²"), Symbol("c")
MEAN = divide(TOTAL, COUNT)
HALF = divide(SCORE, constant(2))


def sparsemax(scores: ndarray) -> ndarray:
    """Project each row onto the simplex: max(s − τ, 0), with τ such that the row sums to 1."""
    import numpy as np

    ordered, counts, is_empty = _ordered(scores)
    total = np.cumsum(ordered, axis=-1)
    inside = 1 + counts * ordered > total
    size = np.maximum(inside.sum(axis=-1, keepdims=True), 1)
    threshold = (np.take_along_axis(total, size - 1, axis=-1) - 1) / size
    shifted = _shifted(scores)
    weights: ndarray = np.where(is_empty, shifted.dtype.type(0), np.maximum(shifted - threshold, 0))
    return weights


def entmax15(scores: ndarray) -> ndarray:
    """Compute 1.5-entmax from sorted scores: max(s/2 − τ, 0)², with τ such that the row sums to 1."""
    import numpy as np

    ordered, counts, is_empty = _ordered(scores / 2)
    mean = np.cumsum(ordered, axis=-1) / counts
    mean_of_squares = np.cumsum(np.square(ordered), axis=-1) / counts
    spread = counts * (mean_of_squares - np.square(mean))
    thresholds = mean - np.sqrt(np.maximum((1 - spread) / counts, 0))
    size = np.maximum((thresholds <= ordered).sum(axis=-1, keepdims=True), 1)
    threshold = np.take_along_axis(thresholds, size - 1, axis=-1)
    shifted = _shifted(scores / 2)
    weights: ndarray = np.where(is_empty, shifted.dtype.type(0), np.square(np.maximum(shifted - threshold, 0)))
    return weights


def sigmoid(scores: ndarray) -> ndarray:
    """Compute 1/(1 + e^−s) of each score. Rows need not sum to 1."""
    import numpy as np

    small = np.exp(-np.abs(scores))
    weights: ndarray = np.where(scores >= 0, 1, small) / (1 + small)
    return weights


def one_plus_tanh(scores: ndarray) -> ndarray:
    """Compute 1 + tanh(s) of each score, as 2/(1 + e^−2s), which keeps the digits of small weights."""
    return 2 * sigmoid(2 * scores)


def scores_themselves(scores: ndarray) -> ndarray:
    """Return the scores unchanged, with 0 where masked."""
    import numpy as np

    return np.where(np.isneginf(scores), scores.dtype.type(0), scores)


def error_of_sparsemax(weights: ndarray, errors: ndarray, scores: ndarray, u: float) -> ndarray:
    """Return the error of s − τ: that of the score, the largest one for τ, which is a mean, and those of the sums."""
    found: ndarray = errors + errors.max(axis=-1, keepdims=True) + _error_of_sums(weights, scores, u)
    return found


def error_of_entmax15(weights: ndarray, errors: ndarray, scores: ndarray, u: float) -> ndarray:
    """Return the error of (s/2 − τ)² for half the errors of s − τ, and those of the squares under the root of τ."""
    import numpy as np

    count = (weights > 0).sum(axis=-1, keepdims=True)
    root = error_of_sparsemax(weights, errors, scores, u) / 2 + np.square(count) * u
    found: ndarray = 2 * np.sqrt(np.abs(weights)) * root + np.square(root)
    return found


def _error_of_sums(weights: ndarray, scores: ndarray, u: float) -> ndarray:
    """Return the error of the sum of the scores that have a weight, over their number, and of the difference."""
    import numpy as np

    count = (weights > 0).sum(axis=-1, keepdims=True)
    found: ndarray = (count + 4) * u * (np.abs(scores).max(axis=-1, keepdims=True) + 1)
    return found


def error_of_sigmoid(weights: ndarray, errors: ndarray, _scores: ndarray, u: float) -> ndarray:
    """Return the error of 1/(1 + e^−s): the slope P (1 − P), and the roundings of P."""
    import numpy as np

    found: ndarray = weights * ((1 - weights) * np.expm1(np.minimum(errors, 50)) + 8 * u)
    return found


def error_of_one_plus_tanh(weights: ndarray, errors: ndarray, _scores: ndarray, u: float) -> ndarray:
    """Return the error of 1 + tanh(s): the slope P (2 − P) of the tangent, and its roundings, which are those of 1."""
    import numpy as np

    found: ndarray = weights * (2 - weights) * np.expm1(np.minimum(2 * errors, 50)) + 6 * u
    return found


def error_of_scores(_weights: ndarray, errors: ndarray, _scores: ndarray, _u: float) -> ndarray:
    """Return the errors unchanged."""
    return errors


def softmax_backward(weights: ndarray, d_weights: ndarray) -> ndarray:
    """Compute P ∘ (dP − Σ P ∘ dP), also if a sink takes a part of the row."""
    import numpy as np

    d_scores: ndarray = weights * d_weights
    np.subtract(d_weights, d_scores.sum(axis=-1, keepdims=True), out=d_scores)
    d_scores *= weights
    return d_scores


def sparsemax_backward(weights: ndarray, d_weights: ndarray) -> ndarray:
    """Compute dP minus its mean over the keys that have a weight. It is 0 elsewhere, also at a score that equals τ."""
    return _less_mean((weights > 0).astype(weights.dtype), d_weights)


def entmax15_backward(weights: ndarray, d_weights: ndarray) -> ndarray:
    """Compute √P ∘ (dP − Σ √P ∘ dP / Σ √P)."""
    import numpy as np

    return _less_mean(np.sqrt(weights), d_weights)


def sigmoid_backward(weights: ndarray, d_weights: ndarray) -> ndarray:
    """Compute P (1 − P) ∘ dP."""
    d_scores: ndarray = weights * (1 - weights) * d_weights
    return d_scores


def one_plus_tanh_backward(weights: ndarray, d_weights: ndarray) -> ndarray:
    """Compute P (2 − P) ∘ dP, which is (1 − tanh²) ∘ dP."""
    d_scores: ndarray = weights * (2 - weights) * d_weights
    return d_scores


def same_backward(_weights: ndarray, d_weights: ndarray) -> ndarray:
    """Return dP unchanged."""
    return d_weights


def _less_mean(shares: ndarray, d_weights: ndarray) -> ndarray:
    """Compute the gradients minus their mean weighted by these shares, times the shares."""
    import numpy as np

    total = shares.sum(axis=-1, keepdims=True)
    mean = (shares * d_weights).sum(axis=-1, keepdims=True) / np.where(total > 0, total, 1)
    d_scores: ndarray = shares * (d_weights - mean)
    return d_scores


def _shifted(scores: ndarray) -> ndarray:
    """Subtract the largest score of each row, which does not change any normalizer that needs whole rows."""
    import numpy as np

    largest = scores.max(axis=-1, keepdims=True)
    return scores - np.where(np.isneginf(largest), 0, largest)


def _ordered(scores: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """Return the shifted scores of each row in descending order, the numbers 1 … m, and which rows have no key (…, b,
    1).

    Masked scores become a finite number far below the others.
    """
    import numpy as np

    shifted = _shifted(scores)
    is_empty = np.asarray(np.isneginf(scores).all(axis=-1, keepdims=True))
    ordered = -np.sort(-np.maximum(shifted, -3), axis=-1)  # a score more than 1 below the largest has a weight of 0
    return ordered, np.arange(1, scores.shape[-1] + 1, dtype=scores.dtype), is_empty


@record
class Normalizer:
    """One way to turn a row of scores into weights.

    `weights` is None for softmax, which the engine computes by tiles. `sums_to_one` is true if rows of weights sum to
    1, and `is_signed` if a weight may be below 0. `weight` is one weight as an expression of its SCORE, and of
    THRESHOLD if there is a `threshold`: the threshold of the COUNT largest `heights`, as an expression of their TOTAL
    and SQUARES. The one that applies belongs to the largest COUNT for which it does not exceed the smallest of these
    heights.

    `backward(weights, d_weights)` returns d_scores (…, b, m) of whole rows, arbitrary in masked cells. As arithmetic,
    it is `slope`, an expression of WEIGHT, times d_weight minus a mean. `mean_by` says in words what the mean is
    weighted by ("" for no mean). The mean `is_divided` by
    the sum of the slopes if that is not 1. Keys without weight then have a slope of 0.

    `error(weights, errors, scores, u)` bounds the error of a plain computation whose scores have these errors, all
    (…, m) with 0 where masked, if every operation is rounded by u. It is None if the error is relative to the weight,
    as that of an exponential is.
    """

    name: str
    formula: str
    explained: str
    source: str
    weights: Callable[[ndarray], ndarray] | None
    backward: Callable[[ndarray, ndarray], ndarray]
    sums_to_one: bool
    weight: Expression | None = None
    heights: Expression = SCORE
    threshold: Expression | None = None
    slope: Expression = constant(1)
    mean_by: str = ""
    is_divided: bool = False
    is_signed: bool = False
    error: Callable[[ndarray, ndarray, ndarray, float], ndarray] | None = None


NORMALIZERS = (
    Normalizer(
        name="softmax",
        formula="eˢ / Σ eˢ",
        explained="exponentials over their sum",
        source="Bridle 1990",
        weights=None,
        backward=softmax_backward,
        slope=WEIGHT,
        mean_by="by the weights (the row sum of P ∘ dP)",
        sums_to_one=True,
    ),
    Normalizer(
        name="sparsemax",
        formula="max(s − τ, 0)",
        explained="what lies above a threshold τ, chosen so that the row sums to 1",
        source="Martins and Astudillo 2016",
        weights=sparsemax,
        error=error_of_sparsemax,
        backward=sparsemax_backward,
        mean_by="over the keys that have a weight",
        is_divided=True,
        sums_to_one=True,
        weight=larger(subtract(SCORE, THRESHOLD), constant(0)),
        threshold=divide(subtract(TOTAL, constant(1)), COUNT),
    ),
    Normalizer(
        name="entmax15",
        formula="max(s/2 − τ, 0)²",
        explained="the square of what half the score lies above a threshold τ, chosen so that the row sums to 1",
        source="Peters, Niculae and Martins 2019 (α = 1.5)",
        weights=entmax15,
        error=error_of_entmax15,
        backward=entmax15_backward,
        slope=root(WEIGHT),
        mean_by="by the roots of the weights",
        is_divided=True,
        sums_to_one=True,
        weight=square(larger(subtract(HALF, THRESHOLD), constant(0))),
        heights=HALF,
        threshold=subtract(
            MEAN,
            root(divide(larger(subtract(constant(1), subtract(SQUARES, multiply(MEAN, TOTAL))), constant(0)), COUNT)),
        ),
    ),
    Normalizer(
        name="sigmoid",
        formula="1 / (1 + e⁻ˢ)",
        explained="each score by itself, between 0 and 1",
        source="Ramapuram et al. 2024",
        weights=sigmoid,
        error=error_of_sigmoid,
        backward=sigmoid_backward,
        slope=multiply(WEIGHT, subtract(constant(1), WEIGHT)),
        sums_to_one=False,
        weight=divide(constant(1), add(constant(1), function("exp", negate(SCORE)))),
    ),
    Normalizer(
        name="tanh",
        formula="1 + tanh s",
        explained="each score by itself, between 0 and 2",
        source="Kim et al. 2019 (Attentive Neural Processes, laplace without normalisation)",
        weights=one_plus_tanh,
        error=error_of_one_plus_tanh,
        backward=one_plus_tanh_backward,
        slope=multiply(WEIGHT, subtract(constant(2), WEIGHT)),
        sums_to_one=False,
        weight=add(constant(1), function("tanh", SCORE)),
    ),
    Normalizer(
        name="none",
        formula="s",
        explained="the scores themselves",
        source="linear attention without a kernel: Katharopoulos et al. 2020 discuss it",
        weights=scores_themselves,
        error=error_of_scores,
        backward=same_backward,
        sums_to_one=False,
        weight=SCORE,
        is_signed=True,
    ),
)
NORMALIZER_NAMES = tuple(normalizer.name for normalizer in NORMALIZERS)
NORMALIZER_BY_NAME = {normalizer.name: normalizer for normalizer in NORMALIZERS}
SOFTMAX = NORMALIZERS[0]


def find_threshold(normalizer: Normalizer, scores: Sequence[float]) -> float | None:
    """Return τ of a row of scores without the masked ones, or None if the normalizer has none or there is no key."""
    found: float | None = None
    heights: list[float] = []
    if normalizer.threshold is None:
        return None
    for score in sorted(scores, reverse=True):
        heights.append(evaluate(normalizer.heights, {SCORE: score}))
        total, squares = math.fsum(heights), math.fsum(height * height for height in heights)
        threshold = evaluate(normalizer.threshold, {TOTAL: total, SQUARES: squares, COUNT: float(len(heights))})
        found = threshold if threshold <= heights[-1] else found
    return found


def keep_largest(scores: ndarray, count: int) -> None:
    """Set all but the `count` largest scores of each row (…, m) to −inf, in place. Of equal scores the first are
    kept."""
    import numpy as np

    if count >= scores.shape[-1]:
        return
    order = np.argsort(-scores, axis=-1, kind="stable")[..., count:]
    np.put_along_axis(scores, order, -np.inf, axis=-1)
