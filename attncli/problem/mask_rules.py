"""The rules that keep a query from a key, for one row of one head, in words."""

from __future__ import annotations

import numpy as np

from attncli.matrix import Array
from attncli.problem.problem import Problem, Visible
from attncli.records import record

ALLOWED = "allowed"  # written in a cell that no rule forbids
RULES = {  # the reasons why a key is forbidden, by name
    "mask": "the mask forbids it",
    "causal": "the key comes after the query",
    "window": "the key is outside the query's window",
    "chunk": "the key is in another chunk",
    "segment": "the key is in another segment",
    "length": "the key is beyond the key length",
    "bias": "the bias is −∞",
}


def first_keys(count: int) -> str:
    """Return “the first 3 keys” or “the first key”."""
    return "the first key" if count == 1 else f"the first {count} keys"


@record
class MaskRule:
    """A rule of RULES, in words with its numbers, and the keys (m,) that it forbids to a query."""

    name: str
    words: str
    forbids: Array


def mask_rules(problem: Problem, row: int) -> list[MaskRule]:
    """Return the rules of a problem without leading axes for this query, in the order mask, positions, segments,
    lengths, bias."""
    visible, keys = problem.visible, np.arange(problem.m)
    position = row + visible.offsets[0]
    rules: list[MaskRule] = []
    if problem.mask is not None:
        rules.append(MaskRule("mask", "the mask forbids it", ~np.asarray(problem.mask[row], np.bool_)))
    seen = _head(visible, keys, position)
    if visible.right is not None:
        name = "causal" if visible.is_causal else "window"
        rules.append(
            MaskRule(name, _describe_distance(visible.right, "after"), (keys > position + visible.right) & ~seen)
        )
    if visible.left is not None:
        rules.append(
            MaskRule("window", _describe_distance(visible.left, "before"), (keys < position - visible.left) & ~seen)
        )
    if visible.chunk is not None:
        is_other = keys // visible.chunk != position // visible.chunk
        rules.append(MaskRule("chunk", "it is in another chunk", is_other))
    if problem.segments is not None:
        queries, others = problem.segments
        rules.append(MaskRule("segment", "it is in another segment", others[0] != queries[0][row]))
    if visible.lengths is not None:
        length = visible.lengths[0]
        words = f"only {first_keys(length)} {'counts' if length == 1 else 'count'}" if length else "the key length is 0"
        rules.append(MaskRule("length", words, keys >= length))
    if problem.bias is not None:
        rules.append(MaskRule("bias", "its bias is −∞", np.isneginf(problem.bias[row])))
    return rules


def name_cells(problem: Problem, row: int) -> list[str]:
    """Return ALLOWED or the first rule of RULES that forbids it to this query, for each key of a problem without
    leading axes."""
    cells = np.full(problem.m, ALLOWED, dtype=object)
    for rule in reversed(mask_rules(problem, row)):
        cells[rule.forbids] = rule.name
    found: list[str] = cells.tolist()
    return found


def _describe_distance(reach: int, side: str) -> str:
    return f"it comes {side} the query" if reach == 0 else f"it is more than {reach} {side} the query"


def _head(visible: Visible, keys: Array, position: int) -> Array:
    """Return which keys at the beginning neither window nor causal hides from the query, whatever other rules do."""
    kept = min(visible.keep_first, position + 1) if visible.is_causal else visible.keep_first
    seen: Array = keys < max(kept, visible.prefix)
    return seen
