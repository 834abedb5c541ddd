"""Attention as plain loops over Python floats: slow, and simple enough to be seen to be right.

It shares no code with attncli and does no arithmetic in NumPy. Arrays are nested lists; everything works on one
number at a time. `attention` takes the names of the problem file and gives raw_scores, scores, weights, output and
lse as nested lists.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

Nested = Any  # a number, or a list of Nested
INFINITY = math.inf


def attention(
    queries: Nested,
    keys: Nested,
    values: Nested | None = None,
    *,
    variant: str = "scaled",
    scale: float | None = None,
    length_scale: float | None = None,
    mask: Nested | None = None,
    mask_means: str = "keep",
    bias: Nested | None = None,
    causal: bool = False,
    align: str = "top-left",
    query_offset: int | None = None,
    window: tuple[int, int] = (-1, -1),
    softcap: float | None = None,
    softcap_after_bias: bool = False,
    heads: tuple[int, int] | None = None,
    grouping: str = "interleaved",
    key_lengths: int | list[int] | None = None,
    empty: str = "zeros",
) -> dict[str, Nested]:
    """Every result of one problem; leading axes broadcast as NumPy's do."""
    if heads is not None:
        queries, keys = split(queries, heads[0]), split(keys, heads[1])
        values = None if values is None else split(values, heads[1])
    n, m, d_k = shape(queries)[-2], shape(keys)[-2], shape(queries)[-1]
    d_v = 0 if values is None else shape(values)[-1]
    query_heads = shape(queries)[-3] if len(shape(queries)) > 2 else 1
    key_heads = shape(keys)[-3] if len(shape(keys)) > 2 else 1
    is_grouped = 1 < key_heads < query_heads
    leads = [shape(queries)[:-2], shape(keys)[:-2]] + ([] if values is None else [shape(values)[:-2]])
    if is_grouped:
        leads = [lead[:-1] + [query_heads] if lead else [query_heads] for lead in leads]
    leads += [shape(extra)[:-2] for extra in (mask, bias) if extra is not None]
    lead = broadcast_shape(leads)
    if scale is None:
        scale = default_scale(variant, d_k, length_scale or 1.0)

    results: dict[str, dict[tuple[int, ...], Any]] = {
        name: {} for name in ("raw_scores", "scores", "weights", "output", "lse")
    }
    for place in itertools.product(*(range(size) for size in lead)):
        key_place = place
        if is_grouped:
            head = place[-1]
            key_head = head // (query_heads // key_heads) if grouping == "interleaved" else head % key_heads
            key_place = (*place[:-1], key_head)
        length = m
        if isinstance(key_lengths, list):
            length = key_lengths[place[0] if len(key_lengths) > 1 else 0]
        elif key_lengths is not None:
            length = key_lengths
        offset = length - n if align == "bottom-right" else 0
        if query_offset is not None:
            offset = query_offset
        value_rows = (
            [] if values is None else [[pick(values, (*key_place, j, c)) for c in range(d_v)] for j in range(m)]
        )
        for i in range(n):
            query = [pick(queries, (*place, i, c)) for c in range(d_k)]
            raw_row, row, allowed, hidden = [], [], [], []
            for j in range(m):
                key = [pick(keys, (*key_place, j, c)) for c in range(d_k)]
                added = 0.0 if bias is None else pick(bias, (*place, i, j))
                raw = similarity(variant, query, key)
                score = raw * scale
                if softcap is not None and not softcap_after_bias:
                    score = softcap * math.tanh(score / softcap)
                score += added
                if softcap is not None and softcap_after_bias:
                    score = softcap * math.tanh(score / softcap)
                position, (left, right) = i + offset, window
                may = j < length
                if mask is not None:
                    may = may and bool(pick(mask, (*place, i, j))) == (mask_means == "keep")
                if causal:
                    may = may and j <= position
                if left != -1:
                    may = may and j >= position - left
                if right != -1:
                    may = may and j <= position + right
                hidden.append(not may)
                may = may and added != -INFINITY
                raw_row.append(raw)
                row.append(score if may else -INFINITY)
                allowed.append(may)
            weights, lse = softmax(row, allowed, empty, hidden)
            results["raw_scores"][(*place, i)] = raw_row
            results["scores"][(*place, i)] = row
            results["weights"][(*place, i)] = weights
            results["lse"][(*place, i)] = lse
            results["output"][(*place, i)] = [
                math.fsum(weights[j] * value_rows[j][c] for j in range(m) if weights[j]) for c in range(d_v)
            ]
    gathered = {name: gather(cells, [*lead, n]) for name, cells in results.items() if name != "output"}
    if values is not None:
        output = gather(results["output"], [*lead, n])
        gathered["output"] = output if heads is None else join(output)
    return gathered


def similarity(variant: str, query: list[float], key: list[float]) -> float:
    """The raw score of one query and one key."""
    pairs = list(zip(query, key, strict=True))
    if variant in ("scaled", "dot"):
        return math.fsum(a * b for a, b in pairs)
    if variant == "laplace":
        return -math.fsum(abs(a - b) for a, b in pairs)
    if variant == "gaussian":
        return -math.fsum((a - b) ** 2 for a, b in pairs) / 2
    if variant == "cosine":
        lengths = math.hypot(*query), math.hypot(*key)
        if 0 in lengths:
            return 0.0
        return math.fsum((a / lengths[0]) * (b / lengths[1]) for a, b in pairs)
    if variant == "additive":
        return math.fsum(math.tanh(a + b) for a, b in pairs)
    assert variant == "uniform"
    return 0.0


def default_scale(variant: str, d_k: int, length_scale: float) -> float:
    """What the raw scores are multiplied by where nobody says."""
    return {"scaled": 1 / math.sqrt(d_k), "laplace": 1 / length_scale, "gaussian": 1 / length_scale**2}.get(
        variant, 1.0
    )


def softmax(scores: list[float], allowed: list[bool], empty: str, hidden: list[bool]) -> tuple[list[float], float]:
    """(weights, log of the sum of exponentials) of one row."""
    if not any(allowed):
        if empty != "uniform":
            return [0.0] * len(scores), -INFINITY
        if not any(hidden):  # a bias forbids all, and no mask fills in a finite number
            return [math.nan] * len(scores), -INFINITY
        return [1 / sum(hidden) if each else 0.0 for each in hidden], -INFINITY
    largest = max(score for score, may in zip(scores, allowed, strict=True) if may)
    exponentials = [math.exp(score - largest) if may else 0.0 for score, may in zip(scores, allowed, strict=True)]
    total = math.fsum(exponentials)
    return [each / total for each in exponentials], largest + math.log(total)


def shape(nested: Nested) -> list[int]:
    """The lengths of the axes."""
    return [len(nested), *shape(nested[0])] if isinstance(nested, list) else []


def pick(nested: Nested, index: tuple[int, ...]) -> Any:
    """The number at this index; axes of length 1 serve every index, missing leading axes too."""
    for i in index[len(index) - len(shape(nested)) :]:
        nested = nested[i if len(nested) > 1 else 0]
    return nested


def broadcast_shape(shapes: list[list[int]]) -> list[int]:
    """The leading axes that all of these broadcast to."""
    longest = max(len(each) for each in shapes)
    padded = [[1] * (longest - len(each)) + each for each in shapes]
    return [max(sizes) for sizes in zip(*padded, strict=True)]


def split(nested: Nested, heads: int) -> Nested:
    """(…, n, heads · d) → (…, heads, n, d)."""
    if isinstance(nested[0][0], list):
        return [split(each, heads) for each in nested]
    width = len(nested[0]) // heads
    return [[row[head * width : (head + 1) * width] for row in nested] for head in range(heads)]


def join(nested: Nested) -> Nested:
    """(…, heads, n, d) → (…, n, heads · d)."""
    if isinstance(nested[0][0][0], list):
        return [join(each) for each in nested]
    return [[cell for head in nested for cell in head[i]] for i in range(len(nested[0]))]


def gather(cells: dict[tuple[int, ...], Any], sizes: list[int], place: tuple[int, ...] = ()) -> Nested:
    """What was filed under index tuples, as nested lists."""
    if not sizes:
        return cells[place]
    return [gather(cells, sizes[1:], (*place, i)) for i in range(sizes[0])]
