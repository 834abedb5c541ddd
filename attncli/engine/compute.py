"""One loop for everything: blocks of queries, tiles of keys; what nobody asked for is neither computed nor held."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from attncli.engine.masks import RowMask, row_mask
from attncli.engine.softmax import exponentials
from attncli.errors import NumericError
from attncli.problem import Part, Problem

Array = np.ndarray

BLOCK = 256  # queries to a block
TILE = 512  # keys to a tile, where whole rows are not asked for
ROW_CELLS = 1 << 20  # cells of a block whose rows are whole


class Sink(Protocol):
    """Where the blocks of one result go: an array does; so does a file written at offsets."""

    def __setitem__(self, where: tuple[int | slice, ...], block: Array) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What the loop learned beside the numbers: how many queries had no key, and the first of them (part, query)."""

    empty: int = 0
    first_empty: tuple[int, int] | None = None
    engine: str = "numpy"


def compute(
    problem: Problem,
    sinks: Mapping[str, Sink],
    *,
    engine: str = "auto",
    progress: Callable[[int], None] | None = None,
    rows: range | None = None,
) -> Outcome:
    """Fill each sink by name (raw_scores, scores, weights, output, lse), indexed [*lead, query, column].

    `rows` restricts the queries, which keep their positions; sinks are still indexed by query. `progress` is called
    with the number of query rows done. Raises NumericError where the dtype can't hold a score or a result.
    """
    del engine
    outcome = Outcome()
    whole_rows = any(name in sinks for name in ("raw_scores", "scores", "weights"))
    queries = range(problem.n) if rows is None else rows
    height = max(1, min(BLOCK, ROW_CELLS // problem.m)) if whole_rows else BLOCK
    for number in range(problem.parts):
        part = prepared(problem, problem.part(number))
        index = problem.index(number)
        for start in range(queries.start, queries.stop, height):
            stop = min(start + height, queries.stop)
            block = attend_block(problem, part, start, stop, set(sinks), whole_rows)
            for name, sink in sinks.items():
                sink[(*index, slice(start, stop))] = narrowed(block.results[name], problem, name)
            if block.empty.any():
                outcome.empty += int(block.empty.sum())
                if outcome.first_empty is None:
                    outcome.first_empty = number, start + int(np.argmax(block.empty))
            if progress is not None:
                progress(stop - start)
    return outcome


def prepared(problem: Problem, part: Part) -> Part:
    """The part with its rows as the variant scores them."""
    prepare = problem.variant.prepare
    if prepare is None:
        return part
    return Part(prepare(part.queries), prepare(part.keys), part.values, part.mask, part.bias, part.first)


@dataclass(slots=True)
class Block:
    """The results of one block of queries, and which of its queries had no key."""

    results: dict[str, Array]
    empty: Array


def attend_block(
    problem: Problem, part: Part, start: int, stop: int, wanted: Collection[str], whole_rows: bool
) -> Block:
    """Queries start … stop of one part against all their keys, with the running softmax of Milakov and Gimelshein
    2018: each tile's exponentials are relative to the largest score so far, and what was summed before is rescaled."""
    masks = row_mask(problem, part, start, stop)
    height, dtype = stop - start, problem.queries.dtype
    results: dict[str, Array] = {}
    shift = np.full(height, -np.inf, dtype)
    total = np.zeros(height, dtype)
    seen = np.zeros(height, np.bool_)
    gathered = None
    if part.values is not None and "output" in wanted:
        gathered = np.zeros((height, part.values.shape[1]), dtype)
    width = problem.m if whole_rows else TILE
    low, high = (0, problem.m) if whole_rows else (masks.first_key, masks.last_key)
    weights = None
    with np.errstate(all="ignore"):
        for left in range(low, high, width):
            right = min(left + width, high)
            raw, scores, allowed = score_tile(problem, part, masks, start, stop, left, right)
            if whole_rows:
                results["raw_scores"], results["scores"] = raw, scores
            seen |= True if allowed is None else allowed.any(axis=1)
            largest = np.maximum(shift, scores.max(axis=1))
            base = np.where(seen, largest, 0)
            weights = exponentials(scores, base.astype(dtype, copy=False))
            rescale = np.where(np.isneginf(shift), 0, np.exp(shift - base))
            total = total * rescale + weights.sum(axis=1)
            if gathered is not None:
                gathered = gathered * rescale[:, None] + weigh(weights, part, left, right, allowed, problem.is_finite)
            shift = np.where(seen, largest, shift)
        divisor = np.where(seen, total, 1)
        if weights is not None:
            results["weights"] = weights / divisor[:, None] if whole_rows else weights
        if gathered is not None:
            results["output"] = gathered / divisor[:, None]
        results["lse"] = np.where(seen, np.log(divisor) + shift, -np.inf).astype(dtype, copy=False)
    if problem.conventions.empty != "zeros" and not seen.all():
        fill_empty(problem, part, results, ~seen)
    check_finite(problem, results, wanted)
    return Block(results, ~seen)


def score_tile(
    problem: Problem, part: Part, masks: RowMask, start: int, stop: int, left: int, right: int
) -> tuple[Array, Array, Array | None]:
    """(raw scores, scores, allowed) of a tile: scale, softcap, bias, then the mask's -inf."""
    raw = problem.variant.score(part.queries[start:stop], part.keys[left:right])
    scores = raw * raw.dtype.type(problem.scale)
    bias = None if masks.bias is None else masks.bias[:, left:right]
    if problem.softcap is not None and not problem.conventions.softcap_after_bias:
        scores = capped(scores, problem.softcap)
    allowed = masks.allowed(left, right)
    if bias is not None:
        scores = scores + bias
    if problem.softcap is not None and problem.conventions.softcap_after_bias:
        scores = capped(scores, problem.softcap)
    if problem.is_finite:
        refuse_overflow(problem, scores, allowed)
    if allowed is not None:
        scores = np.where(allowed, scores, scores.dtype.type(-np.inf))
    return raw, scores, allowed


def capped(scores: Array, cap: float) -> Array:
    """C·tanh(scores/C)."""
    limit = scores.dtype.type(cap)
    capped: Array = limit * np.tanh(scores / limit)
    return capped


def weigh(weights: Array, part: Part, left: int, right: int, allowed: Array | None, is_finite: bool) -> Array:
    """weights · values of a tile; a non-finite value that is masked adds nothing, others what IEEE says."""
    assert part.values is not None
    values = part.values[left:right]
    if is_finite:
        product: Array = weights @ values
        return product
    wild = ~np.isfinite(values).all(axis=1)
    product = weights @ np.where(wild[:, None], values.dtype.type(0), values)
    for key in np.flatnonzero(wild):
        share = weights[:, key, None] * values[key]
        product += share if allowed is None else np.where(allowed[:, key, None], share, share.dtype.type(0))
    return product


def fill_empty(problem: Problem, part: Part, results: dict[str, Array], empty: Array) -> None:
    """The row of a query with no key as some systems have it: uniform over all keys, or NaN."""
    uniform = problem.conventions.empty == "uniform"
    if "weights" in results:
        results["weights"][empty] = 1 / problem.m if uniform else np.nan
    if "output" in results and part.values is not None:
        results["output"][empty] = part.values.mean(axis=0) if uniform else np.nan


def refuse_overflow(problem: Problem, scores: Array, allowed: Array | None) -> None:
    """NumericError where a finite problem has a score that its dtype cannot hold."""
    limit = np.inf if allowed is None else allowed
    lost = ~np.isfinite(scores)
    if lost.any() and (allowed is None or (lost & limit).any()):
        raise overflow("a score", problem)


def check_finite(problem: Problem, results: dict[str, Array], wanted: Collection[str]) -> None:
    if problem.is_finite and problem.conventions.empty != "nan":
        for name in ("raw_scores", "output"):
            if name in wanted and not np.isfinite(results[name]).all():
                raise overflow("a raw score" if name == "raw_scores" else "an output", problem)


def overflow(what: str, problem: Problem) -> NumericError:
    dtype = problem.queries.dtype
    hint = "--dtype float64" if dtype == np.float32 else "divide the inputs, and the scale, by a power of ten"
    return NumericError("scores" if "score" in what else "output", f"{what} overflows {dtype.name}", hint)


def narrowed(array: Array, problem: Problem, name: str) -> Array:
    """The block in the dtype that results are returned in; NumericError where that overflows."""
    if array.dtype == problem.dtype:
        return array
    with np.errstate(over="ignore"):
        narrow = array.astype(problem.dtype)
    if (np.isinf(narrow) & np.isfinite(array)).any():
        raise NumericError(name, f"a result overflows {problem.dtype.name}", "--dtype float32")
    return narrow
