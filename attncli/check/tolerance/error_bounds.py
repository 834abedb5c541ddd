"""How far a plain computation may be off: a running error bound through scores, exponentials, sum and product.

Every operation adds one rounding (u, half a unit in the last place) of its result to the error that it inherits. A
product of length d adds d of them (Higham 2002, chapter 3), and an error e of a score is a factor 1 ± e of its
exponential.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import weigh_values
from attncli.inputs.request import MATRIX_NAMES
from attncli.matrix import Array, Matrix
from attncli.problem.prepare import prepare
from attncli.problem.problem import over_heads
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.check.routes import Route
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem
    from attncli.stages.row_transforms import Rotation, RowNorm

EXPONENTIAL = 4  # roundings of an exponential, hyperbolic tangent, cosine or sine in a common library
ANGLE = 6  # roundings of an angle: a power, a reciprocal, a scaled position, and their product


def plain_bounds(
    route: Route,
    request: Request,
    problem: Problem,
    magnitudes: Problem,
    right: dict[str, Array],
    names: Collection[str],
    dtype: np.dtype,
) -> dict[str, Array]:
    """Return the bound of each result of a route in `dtype`, in its public shape.

    `problem` is the route's problem for the request or some rows of it, `magnitudes` has the same rows of
    `magnitudes_of`, and `right` has at least the raw_scores, scores and weights of these rows.
    """
    u = float(np.finfo(dtype).eps) / 2
    steps = _depth(request) * u
    keys, key_errors = map(problem.repeat_key_heads, (problem.keys, steps * magnitudes.keys))
    value_errors = None if magnitudes.values is None else problem.repeat_key_heads(steps * magnitudes.values)
    queries, query_errors = _changed_rows(
        problem, problem.queries, steps * magnitudes.queries, query_positions(problem), u
    )
    keys, key_errors = _changed_rows(problem, keys, key_errors, np.arange(problem.m), u)
    raw = _raw_bound(problem, queries, keys, query_errors, key_errors, u)
    raw = raw + u * np.abs(right["raw_scores"])
    scores = _score_bound(problem, raw, right, u)
    found = {"raw_scores": raw, "scores": scores}
    weights, m = np.where(np.isfinite(right["weights"]), right["weights"], 0), problem.m
    seen = np.where(np.isfinite(right["scores"]), right["scores"], 0)
    largest = np.where(np.isfinite(right["scores"]), right["scores"], -np.inf).max(axis=-1, keepdims=True)
    if problem.sink is not None:
        largest = np.maximum(largest, over_heads(problem.sink))
    distance = np.abs(seen - np.where(np.isfinite(largest), largest, 0))
    each = scores + u * distance + EXPONENTIAL * u
    mean = (np.abs(weights) * each).sum(axis=-1, keepdims=True)  # scores that are used as weights may be negative
    relative = _softmax_bound(np.abs(weights), each, mean) if _is_softmax(route, problem) else each + mean
    relative = np.minimum(relative + (m + 2) * u, 50)
    tiny = float(np.finfo(dtype).smallest_normal)
    if route.softmax == "none":
        found["weights"] = scores
    elif problem.normalizer.error is None:
        found["weights"] = np.abs(weights) * np.expm1(relative) + tiny
    else:
        found["weights"] = _normalizer_bound(problem, weights, scores, right["scores"], u) + tiny
    if "lse" in names:
        found["lse"] = (
            mean[..., 0] + (m + EXPONENTIAL) * u + 2 * u * np.abs(np.where(np.isfinite(largest), largest, 0))[..., 0]
        )
    if "output" in names and value_errors is not None:
        found["output"] = _output_bound(route, problem, weights, found["weights"], value_errors, u)
    return {name: found[name] for name in names if name in found}


def magnitudes_of(route: Route, request: Request) -> Problem:
    """Return the route's problem with every number made positive: |x||w| + |b| if Q, K and V are projected."""
    request = route.change_request(request)
    absolute = {
        name: Matrix(np.abs(matrix.array), matrix.where)
        for name in MATRIX_NAMES
        if name not in ("mask", "bias", "key_lengths") and (matrix := getattr(request, name)) is not None
    }
    return route.change_problem(prepare(replace(request, **absolute), compute="float64"))  # type: ignore[arg-type]


def _depth(request: Request) -> int:
    """Return the number of roundings in an entry of Q, K or V: that of the input, or those of a projection."""
    if request.x is None:
        return 1
    widths = [
        matrix.array.shape[-1] for matrix in (request.x, request.context, request.values_context) if matrix is not None
    ]
    return int(max(widths)) + 3


def query_positions(problem: Problem) -> Array:
    """Return the positions of the queries, (n,), or (entries, 1 …, n) if they differ from entry to entry."""
    offsets, rows = np.array(problem.visible.offsets), np.arange(problem.n)
    if len(offsets) == 1:
        positions: Array = rows + offsets[0]
        return positions
    return (offsets[:, None] + rows).reshape(len(offsets), *[1] * (len(problem.lead) - 1), problem.n)


def _changed_rows(problem: Problem, rows: Array, errors: Array, positions: Array, u: float) -> tuple[Array, Array]:
    """Return these rows of Q or K as they are scored, after qk-norm and rope, and their errors."""
    if problem.row_norm is not None:
        rows, errors = _normed(problem.row_norm, rows, errors, u)
    if problem.rotation is not None:
        rows, errors = _rotated(problem.rotation, rows, errors, positions, u)
    return rows, errors


def _normed(norm: RowNorm, rows: Array, errors: Array, u: float) -> tuple[Array, Array]:
    """Return the rows over their lengths, with the errors of the entries and of the lengths."""
    lengths = _above_zero(np.linalg.norm(rows, axis=-1, keepdims=True))
    of_length = np.linalg.norm(errors, axis=-1, keepdims=True) / lengths + (rows.shape[-1] / 2 + 4) * u
    scaled = norm.apply(rows)
    factors = np.linalg.norm(scaled, axis=-1, keepdims=True) / lengths
    found: Array = errors * factors + np.abs(scaled) * of_length
    return scaled, found


def _rotated(rotation: Rotation, rows: Array, errors: Array, positions: Array, u: float) -> tuple[Array, Array]:
    """Return the rotated rows, with the errors of both entries of a pair and of the cosine and sine of its angle.

    An angle is position · base^(−e): it has a few roundings, and that of the exponent counts e · ln base times.
    """
    size = rotation.size
    exponents = 2 * np.arange(size // 2) / size * abs(math.log(rotation.base))
    of_turn = (np.abs(rotation.angles(positions)) * (ANGLE + exponents) + EXPONENTIAL) * u
    first, second = (..., rotation.pairing.first(size)), (..., rotation.pairing.second(size))
    found = np.array(errors)
    found[first] = errors[first] + errors[second] + (np.abs(rows[first]) + np.abs(rows[second])) * of_turn
    found[second] = found[first]
    return rotation.apply(rows, positions), found


def _raw_bound(problem: Problem, queries: Array, keys: Array, dq: Array, dk: Array, u: float) -> Array:
    """Return the error of the raw scores, given those of the queries and keys."""
    d_k = problem.d_k
    q, k = np.abs(queries), np.abs(keys)
    if problem.variant.is_constant:
        return np.zeros((*problem.lead, problem.n, problem.m))
    if problem.variant.has_length:
        return _distance_bound(problem.variant.squares, queries, keys, dq, dk, u)
    if problem.variant.takes_weights:
        return _additive_bound(problem, queries, keys, dq, dk, u)
    if problem.variant.prepare is not None:
        ratios = [np.linalg.norm(d, axis=-1) / _above_zero(np.linalg.norm(a, axis=-1)) for d, a in ((dq, q), (dk, k))]
        angles: Array = 2 * (ratios[0][..., :, None] + ratios[1][..., None, :]) + (2 * d_k + 8) * u
        return angles
    # the errors of both sides meet if projections cancel to 0; 4, because some implementations scale each side by
    # √scale
    product: Array = dq @ (k + dk).mT + q @ dk.mT + (d_k + 4) * u * (q @ k.mT)
    return product


def _distance_bound(squares: float, queries: Array, keys: Array, dq: Array, dk: Array, u: float) -> Array:
    """Return Σ(error of q − k), times its slope 2c·|q − k| if the score is made of c·(q − k)² with c = `squares`, and a
    rounding for each term."""
    slope = 2 * squares
    total = np.zeros((*queries.shape[:-1], keys.shape[-2]))
    error = np.zeros_like(total)
    for a in range(queries.shape[-1]):
        difference = np.abs(queries[..., a, None] - keys[..., None, :, a])
        inherited = dq[..., a, None] + dk[..., None, :, a]
        if slope:
            error += slope * difference * inherited
            total += slope * difference * difference
        else:
            error += inherited
            total += difference
    found: Array = error + (queries.shape[-1] + 3) * u * total
    return found


def _additive_bound(problem: Problem, queries: Array, keys: Array, dq: Array, dk: Array, u: float) -> Array:
    """Return Σ |v| · (error of q + k, times the slope of tanh, and the roundings of tanh), and a rounding for each
    term."""
    weights = np.ones(problem.d_k) if problem.variant.weights is None else np.abs(problem.variant.weights)
    total = np.zeros((*queries.shape[:-1], keys.shape[-2]))
    for a in range(problem.d_k):
        inner = np.abs(queries[..., a, None] + keys[..., None, :, a])
        inherited = dq[..., a, None] + dk[..., None, :, a] + u * inner
        steepest = 1 - np.tanh(np.maximum(inner - inherited, 0)) ** 2
        total += weights[a] * (steepest * inherited + 8 * u)
    found: Array = total + (problem.d_k + 3) * u * weights.sum()
    return found


def _above_zero(lengths: Array) -> Array:
    return np.where(lengths > 0, lengths, 1)


def _score_bound(problem: Problem, raw: Array, right: dict[str, Array], u: float) -> Array:
    """Return the error of the input of the softmax, which is 0 where masked."""
    scaled = problem.scales * right["raw_scores"]
    error = np.abs(problem.scales) * raw + 2 * u * np.abs(scaled)
    if problem.softcap is not None:
        error = _capped_error(np.abs(scaled), error, problem.softcap)
        error = error + EXPONENTIAL * u * np.minimum(np.abs(scaled), problem.softcap)
    if problem.bias is not None:
        error = error + 2 * u * np.abs(problem.bias) + u * np.abs(scaled)
    if problem.slopes is not None:
        distances = np.abs(query_positions(problem)[..., None] - np.arange(problem.m))
        error = error + 3 * u * np.abs(over_heads(problem.slopes)) * distances + u * np.abs(scaled)
    finite: Array = np.where(np.isfinite(right["scores"]), error, 0)
    return finite


def _is_softmax(route: Route, problem: Problem) -> bool:
    """Return whether the weights are a softmax over the keys, of which nothing is dropped."""
    return route.softmax == "keys" and problem.normalizer.error is None and problem.dropout_mask is None


def _softmax_bound(weights: Array, errors: Array, mean: Array) -> Array:
    """Return the largest relative error of softmax weights w, given the errors e of their scores.

    It is e_i ∓ log Σ w_j e^(δ_j), with the error of the key itself on one side and those of the others on the other.
    Hence a weight near 1 has almost none, however large its score and the error of that score are. Rows whose weights
    come to more than 1 are not those of a softmax: there it is e_i + Σ w_j e_j.
    """
    errors = np.minimum(errors, 50)
    grown, shrunk = weights * np.expm1(errors), weights * np.expm1(-errors)
    with np.errstate(divide="ignore", invalid="ignore"):  # errors so large that others take all the weight
        above = errors - np.log1p(shrunk.sum(axis=-1, keepdims=True) - shrunk + grown)
        below = errors + np.log1p(grown.sum(axis=-1, keepdims=True) - grown + shrunk)
    is_share = weights.sum(axis=-1, keepdims=True) <= 1 + 1e-9
    found: Array = np.where(is_share, np.fmax(above, below), errors + mean)
    return np.where(np.isnan(found), errors + mean, found)


def _normalizer_bound(problem: Problem, weights: Array, errors: Array, scores: Array, u: float) -> Array:
    """Return the error of the weights of a normalizer that bounds its own, of which dropout leaves a multiple."""
    assert problem.normalizer.error is not None
    kept = 1.0 if problem.dropout_mask is None else problem.dropout_mask / (1 - problem.dropout)
    before = np.divide(weights, kept, out=np.zeros_like(weights), where=np.broadcast_to(kept, weights.shape) != 0)
    is_seen = np.isfinite(scores)
    found: Array = problem.normalizer.error(before, errors, np.where(is_seen, scores, 0), u) * kept * is_seen
    return found


def _capped_error(sizes: Array, error: Array, cap: float) -> Array:
    """Return the error of C·tanh(x/C) for an error of x, where the slope is largest on the side of 0."""
    least = np.maximum(sizes - error, 0)
    capped: Array = cap * (np.tanh(sizes / cap) - np.tanh(least / cap)) + np.maximum(error - sizes, 0)
    return capped


def _output_bound(
    route: Route, problem: Problem, weights: Array, errors: Array, value_errors: Array, u: float
) -> Array:
    """Return the error of weights · values, with heads joined and projected like the route's output."""
    assert problem.values is not None
    positive = replace(problem, values=np.abs(problem.values))
    if problem.output_projection is not None:
        projection, _ = problem.output_projection
        positive = replace(positive, output_projection=(np.abs(projection), None))
    own = replace(positive, key_heads=None, values=value_errors)
    width = 0 if problem.output_projection is None else problem.output_projection[0].shape[0] + 3
    size = np.abs(weights)
    found: Array = (
        weigh_values(positive, errors, route.join)
        + weigh_values(own, size, route.join)
        + (problem.m + 2 + width) * u * weigh_values(positive, size, route.join)
    )
    return found
