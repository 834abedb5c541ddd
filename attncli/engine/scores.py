"""The scores of a tile: similarity, scale, softcap, bias and mask, in the order of the problem's conventions."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attncli.engine.overflow import refuse_overflow

if TYPE_CHECKING:
    from attncli.engine.bounds import Bounds
    from attncli.engine.kernels import Kernels
    from attncli.engine.masks import RowMask, TileMask
    from attncli.problem import Part, Problem

Array = np.ndarray

MANY_KEYS = 1024  # from here on the scale is worth a look at the queries


@dataclass(slots=True, eq=False, repr=False)
class Tile:
    """Queries × keys: raw scores where they were asked for, scores with −inf where masked, and the mask."""

    raw: Array | None
    scores: Array
    mask: TileMask
    has_infinities: bool


def with_scale(problem: Problem, queries: Array, wanted: Collection[str]) -> tuple[Array, float]:
    """The queries times the scale, and the scale that is left, 1: where that changes no bit of the scores, because the
    scale is a power of two and nothing leaves the range, and saves a pass over every tile. Else both as they are."""
    scale = problem.scale
    is_power = math.frexp(scale)[0] == 0.5
    if problem.m < MANY_KEYS or not is_power or not problem.variant.is_product or "raw_scores" in wanted:
        return queries, scale
    factor = queries.dtype.type(scale)
    scaled = queries * factor
    return (scaled, 1.0) if np.array_equal(scaled / factor, queries) else (queries, scale)


def score_tile(
    problem: Problem,
    part: Part,
    queries: Array,
    scale: float,
    masks: RowMask,
    columns: slice,
    bounds: Bounds,
    kernels: Kernels,
    wanted: Collection[str],
) -> Tile:
    """The tile of these (prepared) queries and the keys of `columns`; NumericError where a score overflows."""
    scores = kernels.raw_scores(problem.variant, queries, np.ascontiguousarray(part.keys[..., columns, :]))
    raw = scores.copy() if "raw_scores" in wanted else None
    if scale != 1:
        scores *= scores.dtype.type(scale)
    late = problem.conventions.softcap_after_bias
    mask = masks.tile(columns.start, columns.stop)
    if problem.softcap is not None and not bounds.is_bounded:
        refuse_overflow(problem, scores, mask.allowed)  # which the cap would hide
    if problem.softcap is not None and not late:
        cap(scores, problem.softcap)
    if masks.bias is not None:
        scores += masks.bias[..., columns]
    if problem.softcap is not None and late:
        cap(scores, problem.softcap)
    if not bounds.is_bounded:
        refuse_overflow(problem, scores, mask.allowed)
    if mask.hidden is not None:
        np.copyto(scores[..., mask.doubt], -np.inf, where=mask.hidden)
    has_infinities = mask.hidden is not None or not bounds.is_bounded or not problem.is_finite
    return Tile(raw, scores, mask, has_infinities)


def cap(scores: Array, limit: float) -> None:
    """C·tanh(scores/C), in place."""
    factor = scores.dtype.type(limit)
    scores /= factor
    np.tanh(scores, out=scores)
    scores *= factor
