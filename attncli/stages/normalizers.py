"""What makes weights of scores: one record per normalizer, which help, tables, `explain` and tests follow.

A function gets scores (…, b, m) of whole rows, −inf where masked, and gives weights (…, b, m); a masked weight is 0 in
all of them. Softmax itself is the engine's, which computes it a tile at a time.
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

THRESHOLD = Symbol("τ")  # what a score, or half of it, must be above to get a weight
TOTAL, SQUARES, COUNT = Symbol("Σ"), Symbol("Σ²"), Symbol("c")  # of the c largest scores: their sum, that of squares
MEAN = divide(TOTAL, COUNT)
HALF = divide(SCORE, constant(2))


def sparsemax(scores: ndarray) -> ndarray:
    """The projection of each row onto the simplex: max(s − τ, 0), τ such that the row sums to 1."""
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
    """max(s/2 − τ, 0)², τ such that the row sums to 1: 1.5-entmax, by the sorted scores."""
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
    """1/(1 + e^−s) of each score: rows need not sum to 1."""
    import numpy as np

    small = np.exp(-np.abs(scores))
    weights: ndarray = np.where(scores >= 0, 1, small) / (1 + small)
    return weights


def one_plus_tanh(scores: ndarray) -> ndarray:
    """1 + tanh(s) of each score; written 2/(1 + e^−2s), which keeps the digits of small weights."""
    return 2 * sigmoid(2 * scores)


def scores_themselves(scores: ndarray) -> ndarray:
    """The scores as they are, 0 where masked."""
    import numpy as np

    return np.where(np.isneginf(scores), scores.dtype.type(0), scores)


def softmax_backward(weights: ndarray, d_weights: ndarray) -> ndarray:
    """P ∘ (dP − Σ P ∘ dP), also where a sink takes its part of the row."""
    d_scores: ndarray = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
    return d_scores


def sparsemax_backward(weights: ndarray, d_weights: ndarray) -> ndarray:
    """dP less its mean over the keys that have a weight; 0 elsewhere, also at a score that equals τ."""
    return _less_mean((weights > 0).astype(weights.dtype), d_weights)


def entmax15_backward(weights: ndarray, d_weights: ndarray) -> ndarray:
    """√P ∘ (dP − Σ √P ∘ dP / Σ √P)."""
    import numpy as np

    return _less_mean(np.sqrt(weights), d_weights)


def sigmoid_backward(weights: ndarray, d_weights: ndarray) -> ndarray:
    """P (1 − P) ∘ dP."""
    d_scores: ndarray = weights * (1 - weights) * d_weights
    return d_scores


def one_plus_tanh_backward(weights: ndarray, d_weights: ndarray) -> ndarray:
    """P (2 − P) ∘ dP, which is (1 − tanh²) ∘ dP."""
    d_scores: ndarray = weights * (2 - weights) * d_weights
    return d_scores


def same_backward(_weights: ndarray, d_weights: ndarray) -> ndarray:
    """dP itself."""
    return d_weights


def _less_mean(shares: ndarray, d_weights: ndarray) -> ndarray:
    """The gradients less their mean by these shares, times the shares."""
    import numpy as np

    total = shares.sum(axis=-1, keepdims=True)
    mean = (shares * d_weights).sum(axis=-1, keepdims=True) / np.where(total > 0, total, 1)
    d_scores: ndarray = shares * (d_weights - mean)
    return d_scores


def _shifted(scores: ndarray) -> ndarray:
    """The scores less the largest of their row, which no normalizer that needs whole rows depends on."""
    import numpy as np

    largest = scores.max(axis=-1, keepdims=True)
    return scores - np.where(np.isneginf(largest), 0, largest)


def _ordered(scores: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """The shifted scores of each row from the largest down, a finite number far below the others where masked; 1 … m;
    and which rows have no key (…, b, 1)."""
    import numpy as np

    shifted = _shifted(scores)
    is_empty = np.asarray(np.isneginf(scores).all(axis=-1, keepdims=True))
    ordered = -np.sort(-np.maximum(shifted, -3), axis=-1)  # from 1 below the largest on, a weight is 0
    return ordered, np.arange(1, scores.shape[-1] + 1, dtype=scores.dtype), is_empty


@record
class Normalizer:
    """One way to make weights of a row of scores.

    `weights` is None for softmax, which the engine does by tiles. `sums_to_one`: whether a row of weights does.
    `weight` is one weight as an expression of its SCORE, and of THRESHOLD where there is a `threshold`: that of the
    COUNT largest `heights`, an expression of their TOTAL and SQUARES. It counts for the largest COUNT whose threshold
    is at most the smallest of them.
    `backward(weights, d_weights)` gives d_scores (…, b, m) of whole rows; what it says of masked cells does not count.
    As arithmetic that is `slope`, an expression of WEIGHT, times d_weight less a mean: that `mean_by` the slopes, in
    words ("" for no mean). It `is_divided` by their sum, which takes the slopes of keys without weight as 0.
    """

    name: str
    formula: str
    latex: str
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


NORMALIZERS = (
    Normalizer(
        name="softmax",
        formula="eˢ / Σ eˢ",
        latex=r"\frac{e^{s}}{\sum e^{s}}",
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
        latex=r"\max(s - \tau, 0)",
        explained="what lies above a threshold τ, chosen so that the row sums to 1",
        source="Martins and Astudillo 2016",
        weights=sparsemax,
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
        latex=r"\max(\tfrac{s}{2} - \tau, 0)^2",
        explained="the square of what half the score lies above a threshold τ, chosen so that the row sums to 1",
        source="Peters, Niculae and Martins 2019 (α = 1.5)",
        weights=entmax15,
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
        latex=r"\frac{1}{1 + e^{-s}}",
        explained="each score by itself, between 0 and 1",
        source="Ramapuram et al. 2024",
        weights=sigmoid,
        backward=sigmoid_backward,
        slope=multiply(WEIGHT, subtract(constant(1), WEIGHT)),
        sums_to_one=False,
        weight=divide(constant(1), add(constant(1), function("exp", negate(SCORE)))),
    ),
    Normalizer(
        name="tanh",
        formula="1 + tanh s",
        latex=r"1 + \tanh s",
        explained="each score by itself, between 0 and 2",
        source="Kim et al. 2019 (Attentive Neural Processes, laplace without normalisation)",
        weights=one_plus_tanh,
        backward=one_plus_tanh_backward,
        slope=multiply(WEIGHT, subtract(constant(2), WEIGHT)),
        sums_to_one=False,
        weight=add(constant(1), function("tanh", SCORE)),
    ),
    Normalizer(
        name="none",
        formula="s",
        latex="s",
        explained="the scores themselves",
        source="linear attention without a kernel: Katharopoulos et al. 2020 discuss it",
        weights=scores_themselves,
        backward=same_backward,
        sums_to_one=False,
        weight=SCORE,
    ),
)
NORMALIZER_NAMES = tuple(normalizer.name for normalizer in NORMALIZERS)
NORMALIZER_BY_NAME = {normalizer.name: normalizer for normalizer in NORMALIZERS}
SOFTMAX = NORMALIZERS[0]


def find_threshold(normalizer: Normalizer, scores: Sequence[float]) -> float | None:
    """τ of a row of scores, those that are masked left out; None where the normalizer has none, or there is no key."""
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
    """Put −inf in place of all but the `count` largest scores of each row (…, m); of equal ones the first stay."""
    import numpy as np

    if count >= scores.shape[-1]:
        return
    order = np.argsort(-scores, axis=-1, kind="stable")[..., count:]
    np.put_along_axis(scores, order, -np.inf, axis=-1)
