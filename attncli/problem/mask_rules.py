"""Which rule keeps a query from a key: one row of one head, rule by rule, in words."""

from __future__ import annotations

import numpy as np

from attncli.problem.problem import Array, Problem


def mask_rules(problem: Problem, row: int) -> dict[str, Array]:
    """For each rule of a problem without leading axes, in words, which keys (m,) it forbids to this query; in the
    order in which a mask, positions, segments, lengths and a bias are looked at."""
    visible, keys = problem.visible, np.arange(problem.m)
    position = row + visible.offsets[0]
    rules: dict[str, Array] = {}
    if problem.mask is not None:
        rules["the mask forbids it"] = ~np.asarray(problem.mask[row], np.bool_)
    seen = _head(problem, row)
    if visible.right is not None:
        rules[_far(visible.right, "after")] = (keys > position + visible.right) & ~seen
    if visible.left is not None:
        rules[_far(visible.left, "before")] = (keys < position - visible.left) & ~seen
    if visible.chunk is not None:
        rules["it is in another chunk"] = keys // visible.chunk != position // visible.chunk
    if problem.segments is not None:
        queries, others = problem.segments
        rules["it is in another segment"] = others[0] != queries[0][row]
    if visible.lengths is not None:
        length = visible.lengths[0]
        rules[f"only the first {length} keys count" if length else "the key length is 0"] = keys >= length
    if problem.bias is not None:
        rules["its bias is −∞"] = np.isneginf(problem.bias[row])
    return rules


def _far(reach: int, side: str) -> str:
    return f"it comes {side} the query" if reach == 0 else f"it is more than {reach} {side} the query"


def _head(problem: Problem, row: int) -> Array:
    """The keys at the beginning that the query sees whatever the window, or causal, says."""
    keys = np.arange(problem.m)
    if not problem.visible.has_head:
        return np.zeros(problem.m, np.bool_)
    starts, stops = problem.visible.head(0, np.array([row]), problem.m)
    seen: Array = (keys >= starts[0]) & (keys < stops[0])
    return seen
