"""The numbers of one query: the engine's results, and the steps between them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from attncli.engine.compute import compute
from attncli.engine.stacks import transform_rows
from attncli.explain.noise import INVISIBLE, numeral, settled, settled_average, settled_score
from attncli.expressions import add
from attncli.matrix import Array
from attncli.problem.names import Names
from attncli.problem.problem import Problem
from attncli.problem.row_masks import make_row_mask
from attncli.records import record
from attncli.results.computed_rows import Window
from attncli.stages.normalizers import keep_largest

KEYS_AT_MOST, TOP_KEYS, EDGE_KEYS = 24, 5, 2


@record
class Numbers:
    """One query and the m keys of one head.

    `raw`, `scores`, `weights` (m,) and `output` (d_v,) are the engine's results. `query` and `keys` are the rows that
    are scored, after qk-norm and rope. `scaled` and `unmasked` (m,) are between raw and scores. `counted` are the
    allowed keys that top-k keeps, `distances` those of alibi, and `kept` those of dropout. `exponentials` (m,) are
    relative to `shift`, the largest score, and `total` is their sum. `shown` are the keys for which a page has room.
    """

    problem: Problem
    names: Names
    part: int
    row: int
    query: Array
    keys: Array
    values: Array | None
    bias: Array | None
    allowed: Array
    counted: Array
    slope: float | None
    distances: Array
    sink: float | None
    sink_power: float
    kept: Array | None
    raw: Array
    scaled: Array
    unmasked: Array
    scores: Array
    shift: float
    exponentials: Array
    total: float
    weights: Array
    output: Array | None
    shown: list[int]

    @property
    def has_key(self) -> bool:
        """Return whether the query may attend to any key."""
        return bool(self.allowed.any())

    @property
    def is_finite(self) -> bool:
        """Return whether the weights are finite, so that they can be described."""
        return bool(np.isfinite(self.weights).all())


def compute_numbers(problem: Problem, names: Names, part: int, row: int, engine: str = "auto") -> Numbers:
    """Compute one query of one part, and nothing else."""
    alone, own = problem.isolate_part(part), problem.part(part)
    wanted = ["raw_scores", "scores", "weights", *(["output"] if own.values is not None else [])]
    found = {name: np.empty((1, 1, *alone.shapes()[name][1:]), alone.dtype) for name in wanted}
    rows = range(row, row + 1)
    compute(alone, {name: Window(alone, found[name], range(1), rows) for name in wanted}, engine=engine, rows=rows)
    of_row = {name: array[0, 0] for name, array in found.items()}
    allowed = allowed_keys(problem, part, row)
    raw, scores, weights = of_row["raw_scores"], of_row["scores"], of_row["weights"]
    bias = None if own.bias is None else own.bias[row]
    given = own if own.given_keys is None else replace(own, keys=own.given_keys)
    with np.errstate(invalid="ignore"):  # a masked key may not be finite
        queries, keys = transform_rows(problem, given)
    slope = None if alone.slopes is None else float(alone.slopes[0])
    position = int(alone.visible.positions(0, np.array([row]))[0])
    distances = np.abs(position - np.arange(problem.m)).astype(np.float64)
    shown = choose_keys(weights, scores)
    for j in shown:
        raw[j] = settled_score(float(raw[j]), problem.variant, queries[row], keys[j])
    with np.errstate(all="ignore"):
        scaled = raw * alone.scale
        unmasked = unmasked_scores(problem, scaled, None if slope is None else -slope * distances, bias)
        if bias is not None and slope is None:
            for j in shown:
                unmasked[j] = settled(float(unmasked[j]), add(numeral(scaled[j]), numeral(bias[j])))
        scores = np.where(allowed & (np.abs(scores - unmasked) <= INVISIBLE), unmasked, scores)
        counted = allowed & kept_scores(scores, allowed, problem.top_k)
        sink = None if alone.sink is None else float(alone.sink[0])
        shift = float(scores[counted].max()) if counted.any() else 0.0
        shift = shift if sink is None else max(shift, sink)
        exponentials = np.where(counted, np.exp(np.where(counted, scores, shift) - shift), 0.0)
        sink_power = 0.0 if sink is None else math.exp(sink - shift)
    return Numbers(
        problem=alone,
        names=names,
        part=part,
        row=row,
        query=queries[row],
        keys=keys,
        values=own.values,
        bias=bias,
        allowed=allowed,
        counted=counted,
        slope=slope,
        distances=distances,
        sink=sink,
        sink_power=sink_power,
        kept=None if own.dropout_mask is None else own.dropout_mask[row],
        raw=raw,
        scaled=scaled,
        unmasked=unmasked,
        scores=scores,
        shift=shift,
        exponentials=exponentials,
        total=float(exponentials.sum()) + sink_power,
        weights=weights,
        output=settled_output(of_row["output"], weights, own.values) if own.values is not None else None,
        shown=shown,
    )


def settled_output(output: Array, weights: Array, values: Array) -> Array:
    """Return the output (d_v,), with 0 for numbers that are only rounding errors."""
    for column in np.flatnonzero(np.abs(output) <= INVISIBLE):
        output[column] = settled_average(float(output[column]), weights, values[:, column])
    return output


def kept_scores(scores: Array, allowed: Array, count: int | None) -> Array:
    """Return whether each score (m,) is among the `count` largest allowed ones (by default, all)."""
    if count is None:
        return np.ones(len(scores), np.bool_)
    cut = np.where(allowed, scores, -np.inf)
    keep_largest(cut, count)
    return ~np.isneginf(cut)


def unmasked_scores(problem: Problem, scaled: Array, alibi: Array | None, bias: Array | None) -> Array:
    """Return the scores before the mask: softcap, alibi and finite bias, in the order of the conventions."""
    finite = None if bias is None else np.where(np.isneginf(bias), 0.0, bias)
    if alibi is not None:
        finite = alibi if finite is None else alibi + finite
    scores = scaled
    if finite is not None and problem.conventions.softcap_after_bias:
        scores = scores + finite
    if problem.softcap is not None:
        scores = problem.softcap * np.tanh(scores / problem.softcap)
    if finite is not None and not problem.conventions.softcap_after_bias:
        scores = scores + finite
    return scores


def allowed_keys(problem: Problem, part: int, row: int) -> Array:
    """Return whether the query may attend to each key, (m,)."""
    own = problem.part(part)
    allowed = make_row_mask(problem, own, range(row, row + 1)).allowed(0, problem.m)
    return np.ones(problem.m, np.bool_) if allowed is None else allowed[0]


def choose_keys(weights: Array, scores: Array) -> list[int]:
    """Return all keys, or those with the largest weights, the first few and the last few if there are too many."""
    size = len(weights)
    if size <= KEYS_AT_MOST:
        return list(range(size))
    rank = np.where(np.isnan(scores), -np.inf, scores)
    top = np.argpartition(rank, size - TOP_KEYS)[-TOP_KEYS:]
    chosen = {int(key) for key in top} | set(range(EDGE_KEYS)) | set(range(size - EDGE_KEYS, size))
    return sorted(chosen)
