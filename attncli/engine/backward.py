"""Gradients by blocks of queries. Each block computes its rows of weights again and adds its part of dK and dV.

With whole rows, the same code serves every normalizer, and the row sum in the gradient of a softmax uses exactly the
weights that it belongs to. A block has so few rows that memory stays far below n·m. The blocks of a key head are
divided among a fixed number of lanes, each of which adds up its blocks in order, so any number of threads gives the
same bits. The parts of a small problem are stacked into one block, because its steps take longer than its arithmetic.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.engine.blocks import BUFFER
from attncli.engine.compute import thread_kernels
from attncli.engine.engines import NUMPY, choose_engine
from attncli.engine.plan import HEIGHT, is_small, workers_for
from attncli.engine.score_bounds import bounds_of
from attncli.engine.scores import Scoring, make_scoring
from attncli.engine.stacks import Stacks, select_parts, take_parts
from attncli.errors import ProblemError
from attncli.problem.problem import at_head
from attncli.problem.row_masks import RowMasks
from attncli.records import record
from attncli.stages.normalizers import keep_largest
from attncli.threads import one_blas_thread, run_tasks

if TYPE_CHECKING:
    from attncli.engine.kernels import Kernels
    from attncli.engine.stacks import Stack
    from attncli.matrix import Array
    from attncli.problem.problem import Part, Problem

CELLS = 1 << 20  # (query, key) cells of a block
TOGETHER = 1 << 15  # (query, key) cells of a small problem
LANES = 4  # per key head, if there are fewer key heads than this


@record
class _Lane:
    """Blocks (parts, rows) of one key head, in the order in which they are added up, or the only block of a small
    problem, which has no key index."""

    key_index: tuple[int, ...] | None
    blocks: tuple[tuple[range, range], ...]


@dataclass(slots=True, eq=False)
class _Work:
    """One calculation of gradients: which ones are wanted, and where they are written."""

    problem: Problem
    d_output: Array
    found: dict[str, Array]
    stacks: Stacks
    masks: RowMasks
    weights: Array | None = None  # in the place of the problem's own
    row_sums: Array | None = None  # likewise, of P ∘ dP
    sums: dict[_Lane, dict[str, Array]] = field(default_factory=dict)

    @property
    def needs_scores(self) -> bool:
        """Return whether scores are needed: for the weights, or for what is not given with these."""
        problem = self.problem
        return self.weights is None or problem.softcap is not None or problem.conventions.empty != "zeros"

    def wants(self, *names: str) -> bool:
        return not self.found.keys().isdisjoint(names)


def compute_gradients(
    problem: Problem,
    d_output: Array,
    wanted: Collection[str],
    *,
    engine: str = "auto",
    threads: int | None = None,
    weights: Array | None = None,
    row_sums: Array | None = None,
    part: int | None = None,
) -> dict[str, Array]:
    """Return the wanted ones of d_values, d_weights, d_scores, d_bias, d_queries and d_keys, in the computing dtype.

    `d_output` (*lead, n, d_v) is the gradient with respect to each head's output. d_queries has the shape (*lead, n,
    d_k), d_keys and d_values (*key_lead, m, …), the others (*lead, n, m). `weights` (*lead, n, m) take the place of
    those before dropout, and `row_sums` (*lead, n) that of Σ P ∘ dP in the derivative of a softmax. With `part`, the
    parts that read the same keys as this one are computed, and all other numbers are NaN. Raises ProblemError
    if the problem has no values, or has a query with no key under conventions that give it weights, and NumericError if
    a score overflows.
    """
    if problem.values is None:
        raise ProblemError("d_output", "there is no output without values", "give V")
    n, m = problem.n, problem.m
    shapes = {"d_queries": problem.queries.shape, "d_keys": problem.keys.shape, "d_values": problem.values.shape}
    found = {name: np.zeros(shapes.get(name, (*problem.lead, n, m)), problem.queries.dtype) for name in wanted}
    work = _Work(problem, d_output, found, Stacks(problem), RowMasks(problem), weights, row_sums)
    lanes = _lanes_of(problem) if part is None else [_lane_of_part(problem, part)]
    if part is not None:
        _leave_out_others(found, problem.key_index(part))
    load = (choose_engine(problem, engine) if problem.is_finite else NUMPY).load()

    def worker() -> Callable[[_Lane], int]:
        kernels = thread_kernels(load)

        def do(lane: _Lane) -> int:
            return _run_lane(work, lane, kernels)

        return do

    if is_small(problem):
        run_tasks(lanes, worker, 1)
    else:
        with one_blas_thread():
            run_tasks(lanes, worker, min(workers_for(problem, threads), len(lanes)))
    for lane in lanes:
        for name, total in work.sums.get(lane, {}).items():
            if lane.key_index is not None:
                found[name][lane.key_index] += total
                continue
            for number, own in enumerate(total.reshape(problem.parts, *total.shape[-2:])):
                found[name][problem.key_index(number)] += own
    return found


def _lanes_of(problem: Problem) -> list[_Lane]:
    """Return the lanes of every key head, or a single one for a small problem.

    Later blocks come first if they see more keys. The lanes depend only on the problem, not on the threads.
    """
    if problem.parts * problem.n * problem.m <= TOGETHER and problem.n <= HEIGHT:
        return [_Lane(None, ((range(problem.parts), range(problem.n)),))]
    height = max(1, min(HEIGHT, problem.n, CELLS // problem.m))
    rows = [range(start, min(start + height, problem.n)) for start in range(0, problem.n, height)]
    by_key: dict[tuple[int, ...], list[tuple[range, range]]] = defaultdict(list)
    for number in range(problem.parts):
        alone = range(number, number + 1)
        by_key[problem.key_index(number)] += [(alone, block) for block in reversed(rows)]
    count = LANES if len(by_key) < LANES else 1
    lanes = [_Lane(index, tuple(blocks[lane::count])) for index, blocks in by_key.items() for lane in range(count)]
    return [lane for lane in lanes if lane.blocks]


def _lane_of_part(problem: Problem, part: int) -> _Lane:
    """Return the only lane of the parts that read the same keys as this one."""
    index, height = problem.key_index(part), max(1, min(HEIGHT, problem.n, CELLS // problem.m))
    alike = [number for number in range(problem.parts) if problem.key_index(number) == index]
    rows = [range(start, min(start + height, problem.n)) for start in range(0, problem.n, height)]
    return _Lane(index, tuple((range(number, number + 1), block) for number in alike for block in rows))


def _leave_out_others(found: dict[str, Array], index: tuple[int, ...]) -> None:
    """Make all numbers NaN, but for the sums of the keys at this index, which start at 0."""
    for name, array in found.items():
        array.fill(np.nan)
        if name in ("d_keys", "d_values"):
            array[index] = 0


def _run_lane(work: _Work, lane: _Lane, kernels: Kernels) -> int:
    """Run the blocks of a lane one after another, with sums of d_keys and d_values of its own."""
    done = 0
    sums: dict[str, Array] = {}
    for place, (parts, rows) in enumerate(lane.blocks):
        with np.errstate(all="ignore"):
            np.setbufsize(BUFFER)  # restored by errstate
            d_keys, d_values = _run_block(work, parts, rows, kernels)
            if d_values is not None:
                _add(sums, "d_values", d_values)
            if d_keys is not None:
                _add(sums, "prepared", d_keys)
            is_last = place + 1 == len(lane.blocks) or lane.blocks[place + 1][0] != parts
            if is_last and "prepared" in sums:
                _add(sums, "d_keys", _keys_before(work.problem, parts, sums.pop("prepared")))
        done += len(rows) * len(parts)
    work.sums[lane] = sums
    return done


def _add(sums: dict[str, Array], name: str, block: Array) -> None:
    """Add a block to the sum of this name in place. The first block becomes the sum."""
    if name in sums:
        sums[name] += block
    else:
        sums[name] = block


def _run_block(work: _Work, parts: range, rows: range, kernels: Kernels) -> tuple[Array | None, Array | None]:
    """Return what these queries add to the gradients of the prepared keys and of the values, and write the other
    gradients."""
    problem, stack = work.problem, work.stacks.get(parts)
    index = problem.index(parts.start) if len(parts) == 1 else select_parts(problem, parts)
    where = (*index, slice(rows.start, rows.stop))
    d_output = work.d_output[where]
    if work.needs_scores:
        weights, kept, slopes, hidden = _weights_of(work, stack, rows, kernels)
    else:
        kept, slopes = _kept_of(problem, stack.part, rows), None
    if work.weights is not None:  # a weight that is given counts, whatever the masks
        weights, hidden = work.weights[where], None
    d_values = None
    if "d_values" in work.found:
        used = weights if kept is None else weights * kept
        d_values = used.mT @ d_output
    if not work.wants("d_weights", "d_scores", "d_bias", "d_queries", "d_keys"):
        return None, d_values
    values = stack.part.values
    assert values is not None
    d_weights = d_output @ values.mT
    _deliver(work, "d_weights", where, d_weights)
    if not work.wants("d_scores", "d_bias", "d_queries", "d_keys"):
        return None, d_values
    arriving = d_weights if kept is None else d_weights * kept
    if work.row_sums is None:
        d_scores = problem.normalizer.backward(weights, arriving)
    else:
        d_scores = weights * (arriving - work.row_sums[where][..., None])
    if hidden is not None:
        d_scores[hidden] = 0
    _deliver(work, "d_scores", where, d_scores)
    late = problem.conventions.softcap_after_bias
    if slopes is not None and late:
        d_scores *= slopes
    _deliver(work, "d_bias", where, d_scores)
    if not work.wants("d_queries", "d_keys"):
        return None, d_values
    if slopes is not None and not late:
        d_scores *= slopes
    d_scores *= np.asarray(problem.scale_at(stack.part.head), d_scores.dtype)
    queries = np.ascontiguousarray(stack.part.queries[..., rows.start : rows.stop, :])
    d_queries, d_keys = kernels.backward(problem.variant, queries, stack.part.keys, d_scores)
    if "d_queries" in work.found:
        _deliver(work, "d_queries", where, _queries_before(problem, parts, rows, d_queries))
    return (d_keys if "d_keys" in work.found else None), d_values


def _deliver(work: _Work, name: str, where: tuple[Any, ...], block: Array) -> None:
    if name in work.found:
        work.found[name][where] = block


def _weights_of(
    work: _Work, stack: Stack, rows: range, kernels: Kernels
) -> tuple[Array, Array | None, Array | None, Array | None]:
    """Return four (…, b, m) arrays: the normalized weights before dropout, the factors of dropout, the slope of the
    softcap at each score, and the mask.

    All but the first are None if they do not apply.
    """
    problem, part = work.problem, stack.part
    queries = np.ascontiguousarray(part.queries[..., rows.start : rows.stop, :])
    masks, bounds = work.masks.of(part, rows), bounds_of(problem, part, stack.reach, rows)
    wanted = frozenset() if problem.softcap is None else frozenset({"raw_scores"})
    scoring = make_scoring(problem, part, rows, queries, masks, bounds, kernels, wanted)
    tile = scoring.tile(slice(0, problem.m))
    if problem.conventions.empty != "zeros" and not np.all(tile.seen):
        what = f"gradients of a query with no key are not available if its weights are {problem.empty_row}"
        raise ProblemError("d_output", what, "leave out --as, or give every query a key")
    slopes = None if tile.raw is None else _cap_slopes(scoring, tile.raw)
    if problem.top_k is not None:
        keep_largest(tile.scores, problem.top_k)
    scores = tile.scores
    hidden = np.isneginf(scores) if tile.has_infinities or problem.top_k is not None else None
    kept = _kept_of(problem, part, rows)
    if problem.normalizer.weights is not None:
        return problem.normalizer.weights(scores).astype(scores.dtype, copy=False), kept, slopes, hidden
    sink = None if problem.sink is None else np.asarray(at_head(problem.sink, part.head), scores.dtype)[..., None]
    return _softmax(scores, sink), kept, slopes, hidden


def _kept_of(problem: Problem, part: Part, rows: range) -> Array | None:
    """Return the factors (…, b, m) of dropout, if there are any."""
    if part.dropout_mask is None:
        return None
    factor = part.queries.dtype.type(1 / (1 - problem.dropout))
    factors: Array = part.dropout_mask[..., rows.start : rows.stop, :] * factor
    return factors


def _softmax(scores: Array, sink: Array | None) -> Array:
    """Replace each row by its exponentials over their sum, which includes that of the sink. Masked cells are 0."""
    largest = scores.max(axis=-1, keepdims=True)
    if sink is not None:
        largest = np.maximum(largest, sink)
    largest = np.where(np.isneginf(largest), scores.dtype.type(0), largest)
    scores -= largest
    np.exp(scores, out=scores)
    total = scores.sum(axis=-1, keepdims=True)
    if sink is not None:
        total += np.exp(sink - largest)
    scores /= np.where(total > 0, total, scores.dtype.type(1))
    return scores


def _cap_slopes(scoring: Scoring, raw: Array) -> Array:
    """Return 1 − tanh²(x/C), where x is the input of the softcap: the scaled scores, with or without the bias."""
    problem = scoring.problem
    assert problem.softcap is not None
    scores = raw * np.asarray(scoring.scale, raw.dtype)
    if problem.conventions.softcap_after_bias:
        if scoring.slope is not None:
            distances = np.abs(scoring.positions[..., None] - np.arange(problem.m)).astype(scores.dtype)
            scores -= np.asarray(scoring.slope, scores.dtype)[..., None] * distances
        if scoring.masks.bias is not None:
            scores += scoring.masks.bias
    tanh = np.tanh(scores / scores.dtype.type(problem.softcap))
    slopes: Array = (1 - tanh) * (1 + tanh)
    return slopes


def _queries_before(problem: Problem, parts: range, rows: range, d_queries: Array) -> Array:
    """Return the gradient of the given queries from that of the prepared ones, through the variant's preparation, rope
    and qk-norm."""
    if problem.variant.prepare_backward is None and not problem.is_transformed:
        return d_queries
    part = take_parts(problem, parts)
    given = part.queries[..., rows.start : rows.stop, :]
    positions = problem.visible.positions(part.first, np.arange(rows.start, rows.stop))
    return _rows_before(problem, given, positions, d_queries)


def _keys_before(problem: Problem, parts: range, d_keys: Array) -> Array:
    if problem.variant.prepare_backward is None and not problem.is_transformed:
        return d_keys
    return _rows_before(problem, take_parts(problem, parts).keys, np.arange(problem.m), d_keys)


def _rows_before(problem: Problem, given: Array, positions: Array, d_rows: Array) -> Array:
    if problem.variant.prepare_backward is not None:
        normed = given if problem.row_norm is None else problem.row_norm.apply(given)
        turned = normed if problem.rotation is None else problem.rotation.apply(normed, positions)
        d_rows = problem.variant.prepare_backward(turned, d_rows)
    if problem.rotation is not None:
        d_rows = problem.rotation.backward(d_rows, positions)
    if problem.row_norm is not None:
        d_rows = problem.row_norm.backward(given, d_rows)
    return d_rows
