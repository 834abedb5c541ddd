"""The scores of a tile: similarity, scale, softcap, bias and mask, in the order of the problem's conventions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from attncli.engine.overflow import refuse_overflow
from attncli.problem.problem import at_head
from attncli.records import record

if TYPE_CHECKING:
    from attncli.engine.kernels import Kernels
    from attncli.engine.score_bounds import Bounds
    from attncli.matrix import Array
    from attncli.problem.problem import Part, Problem
    from attncli.problem.row_masks import RowMask

MANY_KEYS = 1024  # with fewer keys, looking at the queries takes longer than it saves


@record(frozen=False)
class Tile:
    """Queries × keys: the raw scores if requested, the scores with −inf at masked cells, the mask, and which queries
    have a key here."""

    raw: Array | None
    scores: Array
    allowed: Array | None
    seen: Array | bool
    has_infinities: bool


@record
class Scoring:
    """How one block of queries, prepared for the variant, is scored."""

    problem: Problem
    part: Part
    queries: Array
    scale: float | Array
    masks: RowMask
    bounds: Bounds
    kernels: Kernels
    wanted: frozenset[str]
    rows: range
    positions: Array
    slope: Array | float | None = None

    def tile(self, keys: slice) -> Tile:
        """Return the tile of these keys.

        Raises NumericError if a score overflows.
        """
        problem, bounds = self.problem, self.bounds
        rows = np.ascontiguousarray(self.part.keys[..., keys, :])
        scores = self.kernels.raw_scores(problem.variant, self.queries, rows)
        raw = scores.copy() if "raw_scores" in self.wanted else None
        if np.ndim(self.scale) or self.scale != 1:
            scores *= np.asarray(self.scale, scores.dtype)
        late = problem.conventions.softcap_after_bias
        mask = self.masks.tile(keys.start, keys.stop)
        if problem.softcap is not None and not bounds.is_bounded:
            refuse_overflow(problem, scores, mask.allowed)  # before the softcap, which would hide it
        if problem.softcap is not None and not late:
            cap_scores(scores, problem.softcap)
        if self.slope is not None:
            distances = np.abs(self.positions[..., None] - np.arange(keys.start, keys.stop)).astype(scores.dtype)
            scores -= np.asarray(self.slope, scores.dtype)[..., None] * distances
        if self.masks.bias is not None:
            scores += self.masks.bias[..., keys]
        if problem.softcap is not None and late:
            cap_scores(scores, problem.softcap)
        if not bounds.is_bounded:
            refuse_overflow(problem, scores, mask.allowed)
        if mask.hidden is not None:
            np.copyto(scores[..., mask.doubt], -np.inf, where=mask.hidden)
        has_infinities = mask.hidden is not None or not bounds.is_bounded or not problem.is_finite
        return Tile(raw, scores, mask.allowed, mask.seen, has_infinities)


def make_scoring(
    problem: Problem,
    part: Part,
    rows: range,
    queries: Array,
    masks: RowMask,
    bounds: Bounds,
    kernels: Kernels,
    wanted: frozenset[str],
) -> Scoring:
    """Return the scoring for these queries of this part."""
    queries, scale = apply_scale(problem, part, queries, wanted)
    positions = problem.visible.positions(part.first, np.arange(rows.start, rows.stop))
    slope = None if problem.slopes is None else at_head(problem.slopes, part.head)
    return Scoring(problem, part, queries, scale, masks, bounds, kernels, wanted, rows, positions, slope)


def apply_scale(problem: Problem, part: Part, queries: Array, wanted: frozenset[str]) -> tuple[Array, float | Array]:
    """Return the queries times the scale, and the remaining scale of 1, or both unchanged.

    The scale is applied here if this changes no bit of the scores, because it is a power of two and nothing overflows
    or underflows. It saves a pass over every tile.
    """
    scale = problem.scale_at(part.head)
    if not isinstance(scale, float):
        return queries, scale
    is_power = math.frexp(scale)[0] == 0.5
    if problem.m < MANY_KEYS or not is_power or not problem.variant.is_product or "raw_scores" in wanted:
        return queries, scale
    factor = queries.dtype.type(scale)
    scaled = queries * factor
    return (scaled, 1.0) if np.array_equal(scaled / factor, queries) else (queries, scale)


def cap_scores(scores: Array, limit: float) -> None:
    """Compute C·tanh(scores/C) in place."""
    factor = scores.dtype.type(limit)
    scores /= factor
    np.tanh(scores, out=scores)
    scores *= factor
