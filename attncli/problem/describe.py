"""The conventions in force, in words, and the warnings that need no calculation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attncli.inputs.request import Labels, Request
from attncli.matrix import first_cell
from attncli.problem.asides import describe_asides
from attncli.problem.mask_rules import first_keys
from attncli.problem.nonfinite import reached_keys
from attncli.problem.problem import Problem, Visible
from attncli.problem.words import Words
from attncli.stages.normalizers import SOFTMAX
from attncli.stages.slopes import slope_words
from attncli.systems import BY_NAME, HEADS_LAST


def describe(problem: Problem, request: Request, labels: Labels, forms: dict[str, str], notes: Sequence[str]) -> Words:
    """Return the conventions in force, in words, and the warnings known before the calculation.

    `forms` are the words about the axes of what was given, and `notes` those about reading it.
    """
    said = {} if request.system is None else {"as": f"{request.system} ({BY_NAME[request.system].describes})"}
    said |= forms
    said |= dict(_mask_words(problem, request))
    said |= stage_words(problem)
    if problem.softcap is not None:
        order = "after the bias" if problem.conventions.softcap_after_bias else "after the scale, before bias and mask"
        said["softcap"] = f"{problem.softcap:g}·tanh(scores/{problem.softcap:g}), {order}"
    if problem.key_heads is not None:
        share = problem.lead[-1] // problem.key_heads
        who = (
            f"heads 0 to {share - 1} share key head 0"
            if problem.conventions.grouping == "interleaved"
            else f"head h reads key head h mod {problem.key_heads}"
        )
        said["grouped heads"] = (
            f"{problem.lead[-1]} on {problem.key_heads} key/value heads, {problem.conventions.grouping}: {who}"
        )
    elif request.heads is not None and request.heads[0] > request.heads[1]:
        said["grouped heads"] = f"{request.heads[0]} on 1 key/value head"
    if problem.dtype != problem.queries.dtype:
        said["dtype"] = f"computed in {problem.queries.dtype.name}, returned in {problem.dtype.name}"
    notes = (
        *notes,
        *_ignored_options(problem, request),
        *_notes_of_packing(problem),
        *describe_asides(problem, request),
    )
    return Words(labels, said, notes, tuple(_zero_vectors(problem)))


def _zero_vectors(problem: Problem) -> list[str]:
    """Return warnings about zero vectors among the queries, and among the keys that some query may attend to."""
    if problem.variant.prepare is None:  # the rows are not divided by their lengths
        return []
    warnings = []
    for name, rows in (("query", problem.queries), ("key", problem.keys)):
        with np.errstate(invalid="ignore"):  # of a signaling NaN
            zero = np.asarray(~rows.any(axis=-1))
        if zero.any() and name == "key":
            zero &= reached_keys(problem)
        if zero.any():
            count, first = int(zero.sum()), ", ".join(map(str, first_cell(zero)))
            subject = f"{name} {first} is a zero vector"
            if count > 1:
                subject = f"{count} {'queries' if name == 'query' else 'keys'} are zero vectors, the first is {first}"
            warnings.append(f"{subject}: a cosine with it is taken as 0")
    return warnings


def _ignored_options(problem: Problem, request: Request) -> list[str]:
    """Return notes about options that have no effect here."""
    notes = []
    if not (problem.visible.has_order or problem.rotation is not None or problem.slopes is not None):
        if request.align is not None:
            notes.append(f"--align {request.align} changes nothing without --causal or --window")
        if request.query_offset is not None:
            notes.append("--query-offset changes nothing without --causal or --window")
    visible = problem.visible
    if request.prefix and not visible.has_order:
        notes.append("--prefix changes nothing without --causal, --window or --chunk")
    if request.keep_first and visible.left is None and (visible.right is None or visible.is_causal):
        notes.append("--keep-first changes nothing without --window")
    if request.top_k is not None and request.top_k >= problem.m:
        notes.append(f"--top-k {request.top_k} changes nothing with {problem.m} {'key' if problem.m == 1 else 'keys'}")
    if request.layout == HEADS_LAST and not problem.heads_last:
        notes.append("--layout heads-last changes nothing if Q, K and V have two axes")
    if request.mask_means == "drop" and request.mask is None:
        notes.append("--mask-means drop changes nothing without --mask")
    if request.scale is not None and problem.variant.is_constant:
        notes.append(f"--scale changes nothing with {problem.variant.name}, whose scores are all 0")
    return notes


def _notes_of_packing(problem: Problem) -> list[str]:
    """Return a note if positions are used and some query does not stand at a key of its own segment."""
    has_positions = problem.visible.has_order or problem.slopes is not None or problem.rotation is not None
    if problem.segments is None or not has_positions:
        return []
    queries, keys = problem.segments
    entries = max(len(queries), len(keys), len(problem.visible.offsets))
    positions = problem.visible.positions(np.arange(entries), np.arange(problem.n))
    inside = (positions >= 0) & (positions < problem.m)
    at_keys = np.take_along_axis(np.broadcast_to(keys, (entries, problem.m)), np.where(inside, positions, 0), axis=-1)
    is_elsewhere = ~inside | (at_keys != queries)
    if not is_elsewhere.any():
        return []
    entry, query = first_cell(is_elsewhere)
    position = positions[entry, query]
    place = f"key {position}, of another segment" if inside[entry, query] else f"position {position}, where no key is"
    what = (
        "--causal, --window, --chunk, --alibi and --rope go by the position in the whole packing, not in each segment"
    )
    return [f"query {query} stands at {place}: {what}"]


def _mask_words(problem: Problem, request: Request) -> list[tuple[str, str]]:
    said = []
    visible = problem.visible
    if problem.mask is not None:
        said.append(
            ("mask", "1 = masked, 0 = may attend" if request.mask_means == "drop" else "1 = may attend, 0 = masked")
        )
    if problem.bias is not None:
        said.append(("bias", "added to the scores"))
    if request.causal:
        said.append(("causal", f"query i sees keys j ≤ {_position(visible, 0)}"))
    if request.window not in (None, (-1, -1)):
        left, right = request.window
        low = "" if left == -1 else f"{_position(visible, -left)} ≤ "
        high = "" if right == -1 else f" ≤ {_position(visible, right)}"
        said.append(("window", f"query i sees keys {low}j{high}"))
    if visible.left is not None or visible.right is not None or problem.slopes or problem.rotation or visible.chunk:
        said.append(
            (
                "align",
                f"query offset {request.query_offset}"
                if request.query_offset is not None
                else request.align or "top-left",
            )
        )
    if visible.lengths is not None:
        said.append(("key lengths", ", ".join(map(str, visible.lengths))))
    return said


def stage_words(problem: Problem) -> dict[str, str]:
    """Return descriptions of the stages besides score, scale and mask, by name."""
    visible, found = problem.visible, {}
    if problem.head_scales is not None:
        found["scale"] = f"one per query head: {', '.join(f'{scale:.6g}' for scale in problem.head_scales)}"
    if problem.variant.weights is not None:
        shown = [f"{weight:g}" for weight in problem.variant.weights]
        found["v_a"] = ", ".join(shown if len(shown) < 9 else [*shown[:4], "…", *shown[-2:]])
    if problem.row_norm is not None:
        found["qk-norm"] = f"each row of Q and K {problem.row_norm.explained}, before it is scored"
    if problem.rotation is not None:
        found["rope"] = f"{problem.rotation.words}; columns rotated: {problem.rotation.size} of {problem.d_k}"
    if problem.slopes is not None:
        found["alibi"] = slope_words(problem.slopes)
    if visible.keep_first and visible.has_head:
        found["keep first"] = f"the window never hides {first_keys(visible.keep_first)}"
    if visible.prefix and visible.has_head:
        found["prefix"] = f"every query sees {first_keys(visible.prefix)}"
    if visible.chunk is not None:
        own = "position" if visible.chunk == 1 else f"{visible.chunk} positions"
        found["chunk"] = f"a query sees keys of its own {own} only"
    if problem.segments is not None:
        found["segments"] = "a query sees keys of its own segment only"
    if problem.sink is not None:
        found["sink"] = f"{', '.join(f'{logit:g}' for logit in problem.sink)}: e^S joins each sum and has no value"
    if problem.top_k is not None:
        one, several = (
            "the largest score of each row takes part",
            f"the {problem.top_k} largest scores of each row take part",
        )
        found["top-k"] = one if problem.top_k == 1 else several
    if problem.normalizer is not SOFTMAX:
        found["normalizer"] = f"{problem.normalizer.name}: {problem.normalizer.explained}"
    if problem.dropout_mask is not None:
        found["dropout"] = f"weights times the dropout mask, over 1 − {problem.dropout:g}"
    return found


def _position(visible: Visible, beyond: int) -> str:
    """Return i + offset + beyond in words. The offset is a word if batch entries have different ones."""
    several = len(visible.offsets) > 1
    number = beyond if several else visible.offsets[0] + beyond
    start = "i + length − n" if several else "i"
    return start if number == 0 else f"{start} {'+' if number > 0 else '−'} {abs(number)}"
