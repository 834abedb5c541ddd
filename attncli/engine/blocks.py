"""One block of queries against all their keys: the loop over tiles, and the results of the block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from attncli.engine.empty_rows import fill_empty
from attncli.engine.kernels import Gatherer, Gathering
from attncli.engine.log_sums import LogSum, in_doubt
from attncli.engine.overflow import refuse_infinite
from attncli.engine.score_bounds import Bounds, bounds_of
from attncli.engine.scores import Scoring, make_scoring
from attncli.engine.softmax import RunningSoftmax
from attncli.engine.stacks import Stack
from attncli.engine.weighted_sums import drop, join_sums, spread, weigh
from attncli.problem.problem import at_head
from attncli.problem.row_masks import RowMask, RowMasks
from attncli.records import record
from attncli.stages.normalizers import keep_largest

if TYPE_CHECKING:
    from attncli.engine.kernels import Kernels
    from attncli.engine.plan import Plan
    from attncli.matrix import Array
    from attncli.problem.problem import Part, Problem

GATHERED = frozenset({"output", "lse"})
STRETCH = 1 << 14  # keys that an engine processes before interrupts are checked again
UNEVEN_HEIGHT = 128  # queries scored together if they see different keys: keys that none of them sees are skipped
BUFFER = 512  # elements: with NumPy's default of 8192, broadcasting along shorter rows takes three times as long


@record
class BlockJob:
    """What is requested: these results of this problem, divided according to this plan."""

    problem: Problem
    wanted: frozenset[str]
    plan: Plan
    masks: RowMasks


@record(frozen=False)
class Block:
    """The results of one block of queries (…, b, columns), and which of its queries had no key (…, b)."""

    results: dict[str, Array]
    empty: Array


def attend_block(job: BlockJob, stack: Stack, rows: range, kernels: Kernels) -> Block:
    """Return the wanted results of these queries.

    Raises NumericError if a result overflows the dtype.
    """
    problem, part = job.problem, stack.part
    queries = np.ascontiguousarray(part.queries[..., rows.start : rows.stop, :])
    with np.errstate(all="ignore"):
        np.setbufsize(BUFFER)  # restored by errstate
        bounds = bounds_of(problem, part, stack.reach, rows)
        masks = job.masks.of(part, rows)
        block = attend_tiles(job, part, rows, queries, masks, bounds, kernels)
        if problem.conventions.empty != "zeros" and block.empty.any():
            fill_empty(problem, part, rows, block.results, block.empty, bounds, kernels)
        if "raw_scores" in job.wanted and not bounds.is_bounded:
            refuse_infinite(block.results["raw_scores"], problem, "a raw score")
        if "raw_scores" in job.wanted and part.given_keys is not None:
            score_hidden_keys(problem, part, queries, block.results["raw_scores"])
    return block


def score_hidden_keys(problem: Problem, part: Part, queries: Array, raw: Array) -> None:
    """Write the raw scores of non-finite keys that are masked for every query into their columns (…, b, m)."""
    assert part.given_keys is not None
    wild = ~np.isfinite(part.given_keys).all(axis=-1)
    columns = np.flatnonzero(np.atleast_2d(wild).any(axis=0))
    scores = problem.variant.score(queries, np.ascontiguousarray(part.given_keys[..., columns, :]))
    raw[..., columns] = np.where(wild[..., None, columns], scores, raw[..., columns])


def attend_tiles(
    job: BlockJob, part: Part, rows: range, queries: Array, masks: RowMask, bounds: Bounds, kernels: Kernels
) -> Block:
    """Run the loop over the keys, and finish the results."""
    wanted = job.wanted
    if job.problem.normalizer.weights is not None:
        return attend_rows(job, make_scoring(job.problem, part, rows, queries, masks, bounds, kernels, wanted))
    drops_tails = bounds.drops_tails and "weights" not in wanted
    softmax = RunningSoftmax(queries.shape[:-1], queries.dtype, needs_shift=bounds.needs_shift, drops_tails=drops_tails)
    gatherer = kernels.gatherer(job.problem.variant)
    if gatherer is not None and "output" in wanted and wanted <= GATHERED and is_plain(job.problem, part, bounds):
        gather(job, part, queries, masks, softmax, gatherer)
        results: dict[str, Array] = {}
    else:
        scoring = make_scoring(job.problem, part, rows, queries, masks, bounds, kernels, wanted)
        results = take_tiles(job, scoring, softmax, rows)
    if part.values is not None and "output" in wanted:
        results["output"] = output_of(job.problem, part, softmax, bounds)
    if "lse" in wanted:
        results["lse"] = lse = softmax.lse()
        exact = job.problem.is_finite and job.problem.sink is None and job.problem.top_k is None
        if exact and (near_zero := in_doubt(lse, masks, job.problem.m) & softmax.seen).any():
            plain = make_scoring(job.problem, part, rows, queries, masks, bounds, kernels, frozenset())
            np.copyto(lse, exact_lse(job, plain), where=near_zero, casting="same_kind")
    return Block(results, ~softmax.seen)


def take_tiles(job: BlockJob, scores: Scoring, softmax: RunningSoftmax, rows: range) -> dict[str, Array]:
    """Apply the softmax and add up the weighted values, one tile of keys at a time.

    If whole rows are wanted, all keys are one tile, and the rows are returned.
    """
    problem, wanted, part, bounds = job.problem, job.wanted, scores.part, scores.bounds
    results: dict[str, Array] = {}
    for keys in tiles_of(job, scores.masks):
        tile = scores.tile(keys)
        if tile.raw is not None:
            results["raw_scores"] = tile.raw
        if "scores" in wanted:
            results["scores"] = tile.scores.copy()
        if problem.top_k is not None:
            keep_largest(tile.scores, problem.top_k)
            tile.has_infinities = True
        weights = softmax.take(tile, scores.kernels)
        weights = drop(problem, part, rows, keys, weights)
        if part.values is not None and "output" in wanted:
            values = np.ascontiguousarray(part.values[..., keys, :])
            if not bounds.values_fit:
                values = spread(values, problem.m)
            softmax.gather(weigh(values, weights, tile.allowed, problem.is_finite))
        if "weights" in wanted:
            results["weights"] = weights
    if problem.sink is not None:
        factor = softmax.add_sink(at_head(problem.sink, part.head))
        if "weights" in wanted:
            results["weights"] = results["weights"] * factor[..., None]
    if "weights" in wanted:
        results["weights"] = results["weights"] / softmax.divisor[..., None]
    return results


def attend_rows(job: BlockJob, scores: Scoring) -> Block:
    """Return the results of a normalizer that needs each row as a whole."""
    problem, wanted, part = job.problem, job.wanted, scores.part
    assert problem.normalizer.weights is not None
    keys = slice(0, problem.m)
    tile = scores.tile(keys)
    results = {} if tile.raw is None else {"raw_scores": tile.raw}
    if "scores" in wanted:
        results["scores"] = tile.scores.copy()
    if problem.top_k is not None:
        keep_largest(tile.scores, problem.top_k)
    if "lse" in wanted:
        total = LogSum(tile.scores.shape[:-1])
        total.take(tile.scores.copy())
        results["lse"] = total.lse().astype(tile.scores.dtype, copy=False)
    weights = problem.normalizer.weights(tile.scores).astype(tile.scores.dtype, copy=False)
    weights = drop(problem, part, scores.rows, keys, weights)
    if "weights" in wanted:
        results["weights"] = weights
    if part.values is not None and "output" in wanted:
        results["output"] = weigh(np.ascontiguousarray(part.values), weights, tile.allowed, problem.is_finite)
        if problem.is_finite:
            refuse_infinite(results["output"], problem, "an output")
    seen = np.broadcast_to(tile.seen, weights.shape[:-1])
    return Block(results, ~seen)


def exact_lse(job: BlockJob, scores: Scoring) -> Array:
    """Return the log of the sum of the exponentials (…, b), from a second pass over the scores."""
    total = LogSum(scores.queries.shape[:-1])
    for keys in tiles_of(job, scores.masks):
        total.take(scores.tile(keys).scores)
    return total.lse()


def tiles_of(job: BlockJob, masks: RowMask) -> Iterator[slice]:
    """Yield the keys of each tile: all keys if whole rows are wanted, or else those that some query sees."""
    low, high = (0, job.problem.m) if job.plan.whole_rows else (masks.first_key, masks.last_key)
    for left in range(low, high, job.plan.width):
        yield slice(left, min(left + job.plan.width, high))


def is_plain(problem: Problem, part: Part, bounds: Bounds) -> bool:
    """Return whether the output needs only the exponentials of scale · score, apart from which keys each position
    allows."""
    has_mask = part.bias is not None or part.mask is not None
    stages = (problem.slopes, problem.sink, problem.dropout_mask, problem.head_scales)
    has_stage = any(each is not None for each in stages)
    has_rows = problem.needs_whole_rows or problem.segments is not None or problem.visible.has_head
    is_bare = not (has_mask or has_stage or has_rows) and problem.softcap is None
    return is_bare and not bounds.needs_shift and part.values is not None


def gather(
    job: BlockJob, part: Part, queries: Array, masks: RowMask, softmax: RunningSoftmax, gatherer: Gatherer
) -> None:
    """Let an engine process all keys in one call, or in several if one call would delay an interrupt."""
    problem, plan = job.problem, job.plan
    assert part.values is not None
    shape = queries.shape[:-1]
    softmax.gathered = np.zeros((*shape, part.values.shape[-1]), queries.dtype)
    starts, stops, height = np.zeros(shape, np.int64), np.full(shape, problem.m, np.int64), shape[-1]
    if masks.starts is not None and masks.stops is not None:
        starts[:], stops[:], height = masks.starts, masks.stops, min(height, UNEVEN_HEIGHT)
    for left in range(masks.first_key, masks.last_key, STRETCH):
        keys = slice(left, min(left + STRETCH, masks.last_key))
        work = Gathering(
            problem.variant,
            queries,
            part.keys[..., keys, :],
            part.values[..., keys, :],
            problem.scale,
            np.maximum(starts, left) - left,
            np.minimum(stops, keys.stop) - left,
            height,
            min(plan.width, keys.stop - left),
        )
        gatherer(work, softmax.gathered, softmax.total)
    softmax.seen |= stops > starts


def output_of(problem: Problem, part: Part, softmax: RunningSoftmax, bounds: Bounds) -> Array:
    """Return the weighted sums of the values over the sum of the exponentials."""
    assert part.values is not None
    if softmax.gathered is None:  # no query saw a key
        return np.zeros((*softmax.total.shape, part.values.shape[-1]), part.values.dtype)
    if bounds.values_fit:
        output: Array = softmax.gathered
        output /= softmax.divisor[..., None]
        return output
    output = join_sums(softmax.gathered, softmax.divisor[..., None], problem.m)
    if problem.is_finite:
        refuse_infinite(output, problem, "an output")
    return output
