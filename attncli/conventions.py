"""Every convention that was in force, in words, and the warnings that need no computing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from attncli.problem import Problem, first_cell
from attncli.request import Request


def describe(problem: Problem, request: Request) -> Problem:
    """Add the conventions that were in force, in words, and the warnings known before anything is computed."""
    said = dict(_said_of_masks(problem, request))
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
    if problem.dtype != problem.queries.dtype:
        said["dtype"] = f"computed in {problem.queries.dtype.name}, returned in {problem.dtype.name}"
    warnings = list(problem.warnings)
    if problem.variant.name == "cosine":
        for name, rows in (("query", problem.queries), ("key", problem.keys)):
            zero = np.asarray(~rows.any(axis=-1))
            if zero.any():
                cell = first_cell(zero)
                warnings.append(
                    f"{name} {', '.join(map(str, cell))} is a zero vector, whose cosine with anything is taken as 0"
                )
    return replace(problem, described=said, warnings=tuple(warnings))


def _said_of_masks(problem: Problem, request: Request) -> list[tuple[str, str]]:
    said = []
    visible = problem.visible
    if problem.mask is not None:
        said.append(
            ("mask", "1 = masked, 0 = may attend" if request.mask_means == "drop" else "1 = may attend, 0 = masked")
        )
    if problem.bias is not None:
        said.append(("bias", "added to the scores"))
    offset = visible.offsets[0]
    position = "i" if offset == 0 else f"i {'+' if offset > 0 else '−'} {abs(offset)}"
    if len(visible.offsets) > 1:
        position = "i + length − n"
    if request.causal:
        said.append(("causal", f"query i sees keys j ≤ {position}"))
    if request.window not in (None, (-1, -1)):
        left, right = request.window
        low = "" if left == -1 else f"{position} − {left} ≤ "
        high = "" if right == -1 else f" ≤ {position} + {right}"
        said.append(("window", f"query i sees keys {low}j{high}"))
    if visible.left is not None or visible.right is not None:
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
