"""The data of an interactive page: each part of a problem as the page computes it, and the initial settings."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import numpy as np

from attncli.engine.stacks import transform_rows
from attncli.errors import ProblemError
from attncli.inputs.request import Request
from attncli.numbers.display import format_shape
from attncli.numbers.numerals import shortest_texts
from attncli.problem.names import Names
from attncli.problem.prepare import prepare_heads_first
from attncli.problem.problem import Problem
from attncli.problem.row_masks import make_row_mask
from attncli.records import record
from attncli.results.result import Result
from attncli.stages.normalizers import keep_largest

WHERE = "attncli play"
MOST = 64  # rows and columns of a matrix that a person can still read
AXES = ("queries", "keys", "features", "values")
TEXT_AT_MOST = 11  # characters per number: longer texts are packed


@record
class PageData:
    """`data` is what the page's script reads, all of it JSON. `notes` and `warnings` are for the terminal."""

    title: str
    data: dict[str, Any]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def make_page_data(request: Request, title: str | None) -> PageData:
    """Return the page of a problem in float64.

    Raises ProblemError if it is larger than 64 × 64, and the same errors as `prepare`.
    """
    request, problem = prepare_heads_first(request, compute="float64")
    refuse_large(problem)
    own_rules = has_own_rules(problem, request)
    refuse_unplayable(problem, request, own_rules)
    shown_title = title or "Attention to play with"
    data: dict[str, Any] = {
        "title": shown_title,
        "labels": name_axes(problem),
        "given": {axis: list(getattr(problem.words.labels, axis)) for axis in AXES if Names(problem).has_labels(axis)},
        "parts": [describe_part(problem, number, own_rules) for number in range(problem.parts)],
        **pack_matrices(problem),
        "settings": initial_settings(problem, request, own_rules),
        "conventions": {
            "empty": problem.conventions.empty,
            "capAfterBias": problem.conventions.softcap_after_bias,
            "topK": problem.top_k,
            "dropout": problem.dropout,
        },
    }
    notes = problem.words.notes
    if problem.output_projection is not None:
        notes = (*notes, "the page shows the output before w_o: run shows it projected")
    if problem.is_transformed:
        notes = (*notes, f"Q and K of the page are those after {transforms(problem)}, which the page does not repeat")
    if not own_rules:
        notes = (*notes, "window and causal are part of the page's mask: it has no controls for what keeps some keys")
    return PageData(shown_title, data, notes, problem.words.warnings)


def transforms(problem: Problem) -> str:
    """Return what changed the rows of Q and K before they are scored."""
    return " and ".join(
        name for name, stage in (("qk-norm", problem.row_norm), ("rope", problem.rotation)) if stage is not None
    )


def refuse_large(problem: Problem) -> None:
    """Raise ProblemError if a matrix has more rows or columns than a page can show."""
    sizes = {
        "queries": (problem.n, problem.d_k),
        "keys": (problem.m, problem.d_k),
        **({} if problem.d_v is None else {"values": (problem.m, problem.d_v)}),
    }
    for name, size in sizes.items():
        if max(size) > MOST:
            what = f"{name} are {format_shape(size)}, but a page to play with shows at most {MOST} × {MOST}"
            raise ProblemError(WHERE, what, "attncli run and attncli explain take problems of any size")


def refuse_unplayable(problem: Problem, request: Request, own_rules: bool) -> None:
    """Raise ProblemError if `run` applies something to this problem that the page's own stages do not."""
    hint = "attncli run and attncli explain take it"
    if problem.variant.weights is not None:
        what = f"v_a is given, and a page to play with has {problem.variant.name} with ones"
        raise ProblemError(WHERE, what, hint)
    if problem.head_scales is not None:
        raise ProblemError(WHERE, "each head has its own scale, but a page to play with has one for all", hint)
    if problem.sink is not None and len(set(problem.sink)) > 1:
        raise ProblemError(WHERE, "each head has its own sink, but a page to play with has one for all", hint)
    result = Result(problem).compute("raw_scores", "weights")
    for number in range(problem.parts):
        index = problem.index(number)
        allowed = result.allowed(number, list(range(problem.n)))
        is_same = not own_rules or (allowed == playable_keys(problem.isolate_part(number), request)).all()
        raw, weights = stage_weights(problem.isolate_part(number), allowed)
        if not (is_same and is_close(raw, result.raw_scores[index]) and is_close(weights, result.weights[index])):
            raise ProblemError(WHERE, "this problem has a stage that the page cannot play", hint)


def has_own_rules(problem: Problem, request: Request) -> bool:
    """Return whether the page's own causal and window, beside what else forbids keys, give the problem's mask."""
    result = Result(problem)
    for number in range(problem.parts):
        allowed = result.allowed(number, list(range(problem.n)))
        if not (allowed == playable_keys(problem.isolate_part(number), request)).all():
            return False
    return True


def playable_keys(alone: Problem, request: Request) -> np.ndarray:
    """Return which keys each query may see, (n, m) booleans, by the page's own causal and window."""
    distances = np.arange(alone.m) - (np.arange(alone.n)[:, None] + alone.visible.offsets[0])
    left, right = request.window or (-1, -1)
    allowed = np.ones(distances.shape, np.bool_) if (own := own_mask(alone)) is None else own.copy()
    if request.causal:
        allowed &= distances <= 0
    if left != -1:
        allowed &= distances >= -left
    if right != -1:
        allowed &= distances <= right
    return allowed


def own_mask(alone: Problem) -> np.ndarray | None:
    """Return what mask, bias and lengths allow, without causal and window: (n, m) booleans, or None for everything."""
    return whole_mask(replace(alone, visible=replace(alone.visible, left=None, right=None)))


def whole_mask(alone: Problem) -> np.ndarray | None:
    """Return which keys each query may see, by all rules: (n, m) booleans, or None for everything."""
    return make_row_mask(alone, alone.part(0), range(alone.n)).allowed(0, alone.m)


def is_close(own: np.ndarray, computed: np.ndarray) -> bool:
    return bool(np.isclose(own, computed, rtol=1e-6, atol=1e-9, equal_nan=True).all())


def stage_weights(alone: Problem, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return raw scores and weights (n, m) as the stages of the page compute them from Q and K (n, d_k), (m, d_k)."""
    variant, cap, late, part = alone.variant, alone.softcap, alone.conventions.softcap_after_bias, alone.part(0)
    rows = transform_rows(alone, part)
    with np.errstate(all="ignore"):
        raw = variant.score(*(rows if variant.prepare is None else map(variant.prepare, rows)))
        scores = raw * alone.scale_at(part.head)
        if cap is not None and not late:
            scores = cap * np.tanh(scores / cap)
        if alone.slopes is not None:
            positions = np.arange(alone.n)[:, None] + alone.visible.offsets[0]
            scores = scores - alone.slopes[0] * np.abs(positions - np.arange(alone.m))
        scores = scores + (0.0 if part.bias is None else part.bias)
        if cap is not None and late:
            scores = cap * np.tanh(scores / cap)
        kept = np.where(allowed, scores, -np.inf)
        if alone.top_k is not None:
            keep_largest(kept, alone.top_k)
        if alone.normalizer.weights is not None:
            weights = alone.normalizer.weights(kept)
        else:
            sink = -np.inf if alone.sink is None else alone.sink[0]
            largest = np.maximum(kept.max(axis=1, keepdims=True), sink)
            exponentials = np.where(np.isneginf(kept), 0, np.exp(kept - largest))
            weights = exponentials / (exponentials.sum(axis=1, keepdims=True) + np.exp(sink - largest))
    empty = {"zeros": 0.0, "uniform": 1 / alone.m, "nan": np.nan}.get(alone.conventions.empty, np.nan)
    weights[~allowed.any(axis=1)] = 0.0 if alone.sink is not None else empty
    if part.dropout_mask is not None:
        weights = weights * part.dropout_mask / (1 - alone.dropout)
    return raw, weights


def name_axes(problem: Problem) -> dict[str, list[str]]:
    """Return the name of every row and column, or numbers if there are no labels."""
    names = Names(problem)
    return {
        "queries": [names.query(i) for i in range(problem.n)],
        "keys": [names.key(j) for j in range(problem.m)],
        "features": [names.feature(c) for c in range(problem.d_k)],
        "values": [names.column(c) for c in range(problem.d_v or 0)],
    }


def pack_matrices(problem: Problem) -> dict[str, list[Any]]:
    """Return queries by part, and keys and values by key head, which several parts may read."""
    keys: dict[tuple[int, ...], list[Any]] = {}
    values: dict[tuple[int, ...], list[Any]] = {}
    for number in range(problem.parts):
        place, part = problem.key_index(number), problem.part(number)
        keys.setdefault(place, pack(transform_rows(problem, part)[1]))
        if part.values is not None:
            values.setdefault(place, pack(part.values))
    queries = [pack(transform_rows(problem, problem.part(number))[0]) for number in range(problem.parts)]
    return {"queries": queries, "keys": list(keys.values()), "values": list(values.values())}


def describe_part(problem: Problem, number: int, own_rules: bool) -> dict[str, Any]:
    """Return one head of one entry: which keys it reads, the positions of its queries, and what its masks forbid."""
    places = list(dict.fromkeys(problem.key_index(each) for each in range(problem.parts)))
    alone = problem.isolate_part(number)
    allowed = own_mask(alone) if own_rules else whole_mask(alone)
    bias, kept = alone.bias, alone.dropout_mask
    return {
        "name": Names(problem).part(number),
        "keys": places.index(problem.key_index(number)),
        "offset": alone.visible.offsets[0],
        "allowed": None if allowed is None else ["".join("01"[cell] for cell in row) for row in allowed.astype(int)],
        "slope": None if alone.slopes is None else alone.slopes[0],
        "kept": None if kept is None else pack(kept),
        "bias": None if bias is None else pack(np.where(np.isneginf(bias), 0.0, bias)),
    }


def initial_settings(problem: Problem, request: Request, own_rules: bool) -> dict[str, Any]:
    """Return the initial values of the controls. The default scale of a variant is "", so that it changes with the
    variant."""
    return {
        "variant": problem.variant.name,
        "scale": request.scale or "",
        "length_scale": request.length_scale,
        "softcap": problem.softcap,
        "sink": None if problem.sink is None else problem.sink[0],
        "normalizer": problem.normalizer.name,
        "temperature": 1,
        "causal": bool(request.causal) and own_rules,
        "window": list(request.window) if own_rules and request.window not in (None, (-1, -1)) else None,
    }


def pack(matrix: np.ndarray) -> list[Any]:
    """Return [rows, columns, numbers], with the numbers as text, or as base 64 of their float64 bytes if that is
    shorter."""
    rows, columns = matrix.shape
    cells = shortest_texts(np.asarray(matrix, np.float64).ravel()) if matrix.size else []
    text = ",".join(cell.removesuffix(".0") for cell in cells)
    if len(text) > TEXT_AT_MOST * matrix.size:
        text = "=" + base64.b64encode(np.asarray(matrix, "<f8").tobytes()).decode()
    return [rows, columns, text]
