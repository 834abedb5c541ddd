"""The backward pass of one query: from the gradient at its output to those of its scores and of itself."""

from __future__ import annotations

import numpy as np

from attncli.explain.noise import numeral, settled, settled_average
from attncli.explain.numbers import Numbers
from attncli.expressions import evaluate, subtract
from attncli.matrix import Array
from attncli.problem.problem import Problem
from attncli.records import record
from attncli.results.gradients import refuse_infinite_gradient
from attncli.stages.normalizers import Normalizer
from attncli.stages.steps import WEIGHT


@record
class Backward:
    """The backward pass of one query of one part.

    `arriving` (d_v,) is the gradient at its output. `used` (m,) are the weights of the output, after dropout, and
    `d_used` their gradients; `weights` and `d_weights` (m,) are those before dropout. `d_scores` (m,) are `factors`
    times (d_weights minus `mean`), if the normalizer has a mean. `d_raw` (m,) result from d_scores through the `slopes`
    (m,) of the softcap (None without one) and the scale.

    `query_slopes` (shown keys, d_k) and `key_slopes` (m, d_k) are the derivatives of the raw scores by the query and by
    each key. `d_prepared` (d_k,) is the gradient of the query as it is scored, of which `rest` (d_k,) comes from the
    keys that are not shown, and `d_query` (d_k,) is the gradient of the query as it was given.
    """

    numbers: Numbers
    arriving: Array
    used: Array
    d_used: Array
    weights: Array
    d_weights: Array
    factors: Array
    mean: float | None
    d_scores: Array
    slopes: Array | None
    d_raw: Array
    query_slopes: Array
    rest: Array
    key_slopes: Array
    d_prepared: Array
    d_query: Array

    @property
    def problem(self) -> Problem:
        return self.numbers.problem


def compute_backward(numbers: Numbers, arriving: Array, given: Array, position: int) -> Backward:
    """Run the backward pass of one query, which was `given` (d_k,) before its norm and is at `position`."""
    problem = numbers.problem
    assert numbers.values is not None
    counted, used = numbers.counted, numbers.weights
    with np.errstate(all="ignore"):
        d_used = numbers.values @ arriving
        for j in numbers.shown:
            d_used[j] = settled_average(float(d_used[j]), numbers.values[j], arriving)
        kept = np.ones(len(used)) if numbers.kept is None else numbers.kept / (1 - problem.dropout)
        weights = weights_before_dropout(numbers)
        d_weights = np.where(counted, d_used * kept, 0.0)
        factors, mean = slopes_and_mean(problem.normalizer, weights, d_weights)
        d_scores = np.where(counted, problem.normalizer.backward(weights[None], d_weights[None])[0], 0.0)
        if mean is not None:
            for j in np.flatnonzero(counted).tolist():
                apart = settled(float(d_weights[j] - mean), subtract(numeral(d_weights[j]), numeral(mean)))
                d_scores[j] = d_scores[j] if apart else 0.0
        slopes = cap_slopes(numbers)
        d_raw = d_scores * (1.0 if slopes is None else slopes) * problem.scale
        prepare = problem.variant.prepare
        prepared = numbers.query if prepare is None else prepare(numbers.query[None])[0]
        keys = np.where(counted[:, None], numbers.keys, 0.0)  # a masked key may not be finite
        keys = keys if prepare is None else prepare(keys)
        query_slopes, key_slopes = slopes_of(problem, prepared, keys, numbers.shown)
        d_prepared, rest = (
            problem.variant.backward(prepared[None], keys, part[None])[0][0]
            for part in (d_raw, hidden_part(numbers, d_raw))
        )
        for c in range(len(d_prepared)):
            amounts = np.append(d_raw[numbers.shown], 1.0)
            d_prepared[c] = settled_average(float(d_prepared[c]), amounts, np.append(query_slopes[:, c], rest[c]))
        d_query = rows_before(problem, given, numbers.query, position, d_prepared)
    for gradient in (d_raw, d_query):
        refuse_infinite_gradient(problem, "d_queries", gradient)
    return Backward(
        numbers=numbers,
        arriving=arriving,
        used=used,
        d_used=d_used,
        weights=weights,
        d_weights=d_weights,
        factors=factors,
        mean=mean,
        d_scores=d_scores,
        slopes=slopes,
        d_raw=d_raw,
        query_slopes=query_slopes,
        rest=rest,
        key_slopes=key_slopes,
        d_prepared=d_prepared,
        d_query=d_query,
    )


def weights_before_dropout(numbers: Numbers) -> Array:
    """Return the normalized weights (m,) before dropout."""
    if numbers.kept is None:
        return numbers.weights
    if numbers.problem.normalizer.weights is None:
        return numbers.exponentials / (numbers.total or 1.0)
    scores = np.where(numbers.counted, numbers.scores, -np.inf)
    found: Array = numbers.problem.normalizer.weights(scores[None])[0]
    return found


def slopes_and_mean(normalizer: Normalizer, weights: Array, d_weights: Array) -> tuple[Array, float | None]:
    """Return the slopes (m,) of a normalizer, and the mean of d_weights weighted by them, or None if it subtracts
    none."""
    is_counted = weights > 0 if normalizer.is_divided else np.isfinite(weights)
    found = (evaluate(normalizer.slope, {WEIGHT: float(weight)}) for weight in weights)
    slopes = np.array([slope if is_in else 0.0 for slope, is_in in zip(found, is_counted, strict=True)])
    if not normalizer.mean_by:
        return slopes, None
    total = float(slopes.sum()) if normalizer.is_divided else 1.0
    mean = settled_average(float(np.where(slopes, slopes * d_weights, 0.0).sum()), slopes, d_weights)
    return slopes, mean / total if total else 0.0


def cap_slopes(numbers: Numbers) -> Array | None:
    """Return 1 − tanh²(x/C) (m,) for the input x of the softcap, or None without one."""
    if numbers.problem.softcap is None:
        return None
    slopes: Array = 1 - np.tanh(capped_scores(numbers) / numbers.problem.softcap) ** 2
    return slopes


def capped_scores(numbers: Numbers) -> Array:
    """Return the input (m,) of the softcap: the scaled scores, with alibi and bias if the softcap comes after them."""
    scores = numbers.scaled
    if numbers.problem.conventions.softcap_after_bias:
        if numbers.slope is not None:
            scores = scores - numbers.slope * numbers.distances
        if numbers.bias is not None:
            scores = scores + np.where(np.isneginf(numbers.bias), 0.0, numbers.bias)
    return scores


def hidden_part(numbers: Numbers, amounts: Array) -> Array:
    """Return the amounts (m,) of the keys that are not shown, with 0 for the others."""
    hidden = amounts.copy()
    hidden[numbers.shown] = 0.0
    return hidden


def slopes_of(problem: Problem, query: Array, keys: Array, shown: list[int]) -> tuple[Array, Array]:
    """Return the derivatives of the raw scores by the prepared query, for the `shown` keys, and by each prepared key
    (m, d_k)."""
    backward, one = problem.variant.backward, np.ones((1, 1))
    by_query = np.array([backward(query[None], keys[j][None], one)[0][0] for j in shown])
    return by_query, backward(query[None], keys, np.ones((1, len(keys))))[1]


def rows_before(problem: Problem, given: Array, scored: Array, position: int, d_prepared: Array) -> Array:
    """Return the gradient (d_k,) of a row as it was given from that of the prepared row: back through the variant's
    preparation of the `scored` row, rope at this position, and qk-norm."""
    d_row = d_prepared[None]
    if problem.variant.prepare_backward is not None:
        d_row = problem.variant.prepare_backward(scored[None], d_row)
    if problem.rotation is not None:
        d_row = problem.rotation.backward(d_row, np.array([position]))
    if problem.row_norm is not None:
        d_row = problem.row_norm.backward(given[None], d_row)
    found: Array = d_row[0]
    return found
