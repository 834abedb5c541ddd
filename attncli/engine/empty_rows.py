"""The row of a query with no key, as different systems compute it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from attncli.engine.overflow import refuse_infinite
from attncli.engine.scores import make_scoring
from attncli.engine.weighted_sums import drop, join_sums, mean, spread, weigh
from attncli.problem.problem import Visible
from attncli.problem.row_masks import RowMask, make_row_mask
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.engine.kernels import Kernels
    from attncli.engine.score_bounds import Bounds
    from attncli.matrix import Array
    from attncli.problem.problem import Part, Problem

CELLS = 1 << 20  # weights made at a time
LOWERED = 1e9  # Keras' Attention subtracts it from a masked score, and it is visible if all keys are masked


def fill_empty(
    problem: Problem,
    part: Part,
    rows: range,
    results: dict[str, Array],
    empty: Array,
    bounds: Bounds,
    kernels: Kernels,
) -> None:
    """Write the system's weights and output into those rows of a block's results whose query has no key, where `empty`
    (…, b) is true."""
    rule = problem.conventions.empty
    if rule == "uniform" and part.bias is None and part.dropout_mask is None:  # without storing the weights of each row
        if "weights" in results:
            results["weights"][empty] = 1 / problem.m
        if "output" in results and part.values is not None:
            results["output"] = np.where(empty[..., None], mean(part.values), results["output"])
    else:
        step = max(1, CELLS // (problem.m * (empty.size // len(rows))))
        for start in range(0, len(rows), step):
            some = range(rows.start + start, min(rows.start + start + step, rows.stop))
            own = (..., slice(start, start + len(some)), slice(None))
            here = empty[own[:-1]]
            if here.any():
                weights = RULES[rule](problem, part, some, bounds, kernels)
                weights = drop(problem, part, some, slice(0, problem.m), weights)
                if "weights" in results:
                    np.copyto(results["weights"][own], weights, where=here[..., None])
                if "output" in results:
                    np.copyto(results["output"][own], _output(problem, part, some, weights), where=here[..., None])
    if "output" in results and problem.is_finite and rule != "nan" and part.bias is None:
        refuse_infinite(results["output"], problem, "an output")


def _output(problem: Problem, part: Part, rows: range, weights: Array) -> Array:
    assert part.values is not None
    sums = weigh(spread(part.values, problem.m), weights, None, problem.is_finite)
    output = join_sums(sums, np.ones_like(sums[..., :1]), problem.m)
    if problem.conventions.empty == "uniform, output zeros":
        visible = Visible(lengths=problem.visible.lengths)
        masks = make_row_mask(replace(problem, visible=visible), replace(part, bias=None), rows)
        seen = masks.tile(0, problem.m).seen
        output = np.where(np.broadcast_to(seen, output.shape[:-1])[..., None], output, output.dtype.type(0))
    return output


def _nan(problem: Problem, part: Part, rows: range, _bounds: Bounds, _kernels: Kernels) -> Array:
    return np.full((*part.queries.shape[:-2], len(rows), problem.m), np.nan, part.queries.dtype)


def _uniform(problem: Problem, part: Part, rows: range, _bounds: Bounds, _kernels: Kernels) -> Array:
    """Return uniform weights over the keys that the mask hides, because the mask replaces scores by one finite number.

    A bias of −inf stays. If the mask hides no key, all weights are NaN.
    """
    allowed = make_row_mask(problem, replace(part, bias=None), rows).allowed(0, problem.m)
    hidden = np.zeros((*part.queries.shape[:-2], len(rows), problem.m), part.queries.dtype)
    if allowed is not None:
        hidden += ~allowed
    weights: Array = hidden / hidden.sum(axis=-1, keepdims=True)
    return weights


def _lowered(problem: Problem, part: Part, rows: range, bounds: Bounds, kernels: Kernels) -> Array:
    """Return the softmax of the scores less one large number.

    The differences between scores are kept, except for what rounding loses.
    """
    queries = np.ascontiguousarray(part.queries[..., rows.start : rows.stop, :])
    everything = RowMask(None, None, None, None, 0, problem.m)
    scores = replace(
        make_scoring(problem, part, rows, queries, everything, bounds, kernels, frozenset({"raw_scores"})),
        wanted=frozenset(),
    )
    lowered = scores.tile(slice(0, problem.m)).scores - queries.dtype.type(LOWERED)
    powers = np.exp(lowered - lowered.max(axis=-1, keepdims=True))
    weights: Array = powers / powers.sum(axis=-1, keepdims=True)
    return weights


RULES: dict[str, Callable[[Problem, Part, range, Bounds, Kernels], Array]] = {
    "nan": _nan,
    "uniform": _uniform,
    "uniform, output zeros": _uniform,
    "scores less 1e9": _lowered,
}
