"""Masks that are right within blocks of keys or queries and wrong between them: chunks, tiles, parts of a ring, and the
rows of heads that share a key head."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.error_pattern import position_text
from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need
from attncli.check.slips.mask_changes import change_visible, drop_masks
from attncli.check.slips.slip import Slip
from attncli.check.slips.tiles import TILES
from attncli.check.visible_cells import visible_cells
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

Sees = Callable[["Array", "Array", int], "Array"]  # of the positions of queries and keys, and the size of a block


def _has_one_offset(case: Case) -> bool:
    return len(set(case.problem.visible.offsets)) == 1


def _sizes(case: Case) -> list[int]:
    """Return the sizes of blocks that are tried: those of kernels, and a half, a third and a quarter of the keys."""
    m = case.m
    return sorted({size for size in (*TILES, m // 2, -(-m // 2), m // 3, m // 4) if 1 < size < m})


def _positions(problem: Problem) -> Array:
    found: Array = np.arange(problem.n)[:, None] + problem.visible.offsets[0]
    return found


def see_less(problem: Problem, sees: Sees, size: int) -> Problem:
    """Return the problem in which a query sees only those of its keys that the rule allows."""
    rule = sees(_positions(problem), np.arange(problem.m), size)
    return replace(problem, mask=visible_cells(problem) & rule)


def see_instead(problem: Problem, sees: Sees, size: int) -> Problem:
    """Return the problem with the rule in place of the causal mask."""
    return see_less(change_visible(problem, right=None), sees, size)


def _unasked_chunks(case: Case) -> list[Route]:
    """Return the routes in which a query sees only its own chunk, as where the chunks of a prefill do not see what is
    cached."""
    if case.request.chunk is not None or not _has_one_offset(case):
        return []
    return [
        Route(
            problems=(partial(see_less, sees=lambda p, j, size: p // size == j // size, size=size),),
            said=f"a query saw only the keys of its own chunk of {size} positions: no chunks are asked for",
        )
        for size in _sizes(case)
    ]


def _own_causal(case: Case) -> list[Route]:
    """Return the routes with a causal mask by the places in a tile, in the tiles before the query's own or in all."""
    if case.problem.visible.right != 0 or not _has_one_offset(case):
        return []
    ways: dict[str, Sees] = {
        "each tile of {} keys had {} of the query's own tile, as parts of a ring that count from 0 have": (
            lambda p, j, size: (j % size <= p % size) & (j // size <= p // size)
        ),
        "every tile of {} keys, also after the query, had {} of the query's own tile": (
            lambda p, j, size: j % size <= p % size
        ),
    }
    return [
        Route(
            problems=(partial(see_instead, sees=sees, size=size),),
            said=f"{words.format(size, case.order)}: a query sees all keys up to its own position",
        )
        for words, sees in ways.items()
        for size in _sizes(case)
    ]


def _window_by_tiles(case: Case) -> list[Route]:
    """Return the routes with a window that begins at the border of a tile."""
    left = case.problem.visible.left
    if left is None or not _has_one_offset(case) or case.request.keep_first:
        return []
    routes = []
    for size in _sizes(case):
        after = partial(_begins, left=left, is_later=True)
        before = partial(_begins, left=left, is_later=False)
        due = f"it begins {left} before the query's position"
        routes += [
            Route(
                problems=(partial(see_less, sees=after, size=size),),
                said=f"the window began with the first whole tile of {size} keys in it: {due}",
            ),
            Route(
                problems=(partial(change_visible, left=None), partial(see_less, sees=before, size=size)),
                said=f"the window began with the tile of {size} keys in which its first key stands: {due}",
            ),
        ]
    return routes


WindowSees = Callable[["Array", "Array", int, int, int], "Array"]  # positions, keys, before, after, number of keys

SHAPES: dict[str, WindowSees] = {
    "took every second key only, and so reached twice as far": lambda p, j, left, right, _m: (
        (j >= p - 2 * left) & (j <= p + 2 * right) & ((j - p) % 2 == 0)
    ),
    "was moved inwards at the ends, so that each query saw as many keys": lambda p, j, left, right, m: (
        (j >= np.clip(p - left, 0, max(m - 1 - left - right, 0))) & (j - left - right <= np.clip(p - left, 0, m))
    ),
    "went round the ends, so that the first keys followed the last": lambda p, j, left, right, m: (
        ((p - j) % m <= left) | ((j - p) % m <= right)
    ),
}


def _other_windows(case: Case) -> list[Route]:
    """Return the routes with a window of as many keys that are others."""
    left, right = case.problem.visible.left, case.problem.visible.right
    if left is None or right is None or not _has_one_offset(case) or case.request.keep_first or case.request.prefix:
        return []
    own = f"it reaches {left} before the query's position and {right} after, and ends at the first and the last key"
    return [
        Route(problems=(partial(_see_window, sees=sees),), said=f"the window {words}: {own}")
        for words, sees in SHAPES.items()
    ]


def _see_window(problem: Problem, sees: WindowSees) -> Problem:
    left, right = need(problem.visible.left), need(problem.visible.right)
    free = change_visible(problem, left=None, right=None)
    rule = sees(_positions(problem), np.arange(problem.m), left, right, problem.m)
    return replace(free, mask=visible_cells(free) & rule)


def _whole_tiles(case: Case) -> list[Route]:
    """Return the routes in which a tile of queries sees each tile of keys of which one of its queries sees a key."""
    if not case.is_masked or (case.problem.segments is None and case.problem.mask is None):
        return []
    return [
        Route(
            problems=(partial(_by_whole_tiles, size=size),),
            said=(
                f"masks hid whole tiles of {size} queries and {size} keys only: where a query sees one key of a tile, "
                "all queries of its tile saw all keys of it"
            ),
        )
        for size in _sizes(case)
    ]


def _by_whole_tiles(problem: Problem, size: int) -> Problem:
    seen = visible_cells(problem)
    rows, keys = np.arange(0, problem.n, size), np.arange(0, problem.m, size)
    tiles = np.logical_or.reduceat(np.logical_or.reduceat(seen, rows, axis=-2), keys, axis=-1)
    whole = np.repeat(np.repeat(tiles, size, axis=-2), size, axis=-1)[..., : problem.n, : problem.m]
    free = drop_masks(problem, ("mask", "order", "lengths"))
    return replace(free, mask=whole)


TILED: dict[str, Callable[[Array, int], Array]] = {  # which mask, (…, n, m), has tiles of so many keys
    "masks were applied to the first tile of {} keys only: they hide keys of all tiles": (
        lambda seen, size: seen | (np.arange(seen.shape[-1]) >= size)
    ),
    "masks were not applied to the last tile of {} keys: they hide keys of all tiles": (
        lambda seen, size: seen | (np.arange(seen.shape[-1]) >= (seen.shape[-1] - 1) // size * size)
    ),
    "every tile of {} keys had the mask of the first one: each has its own": (
        lambda seen, size: seen[..., np.arange(seen.shape[-1]) % size]
    ),
}


def _masks_of_tiles(case: Case) -> list[Route]:
    """Return the routes with masks of some tiles of keys only, or with that of the first for all."""
    if not case.is_masked:
        return []
    return [
        Route(problems=(partial(_mask_tiles, change=change, size=size),), said=words.format(size))
        for words, change in TILED.items()
        for size in _sizes(case)
    ]


def _mask_tiles(problem: Problem, change: Callable[[Array, int], Array], size: int) -> Problem:
    free = drop_masks(problem, ("mask", "order", "lengths"))
    return replace(free, mask=change(visible_cells(problem), size))


def _begins(positions: Array, keys: Array, size: int, *, left: int, is_later: bool) -> Array:
    first = np.maximum(positions - left, 0)
    border = np.minimum(-(-first // size), positions // size) if is_later else first // size
    seen: Array = keys >= border * size
    return seen


def _packed_rows(problem: Problem, *, is_by_query: bool) -> Problem:
    """Return the problem with the positions of rows in which the heads that share a key head follow each other."""
    heads = problem.lead[-1]
    each = heads // (problem.key_heads or heads)
    place = (np.arange(heads) % each)[:, None, None]
    rows = np.arange(problem.n)[:, None]
    packed = (rows * each + place if is_by_query else place * problem.n + rows) + problem.visible.offsets[0]
    free = change_visible(problem, right=None)
    return replace(free, mask=visible_cells(free) & (np.arange(problem.m) <= packed))


def _packed(case: Case) -> list[Route]:
    """Return the routes with a causal mask by the rows of a matrix of all heads that share a key head."""
    shared, visible = case.problem.key_heads, case.problem.visible
    if shared is None or visible.right != 0 or not _has_one_offset(case) or shared == case.heads:
        return []
    each, own = case.heads // shared, position_text(visible.offsets[0])
    ways = {True: f"row i·{each} + h mod {each}", False: f"row (h mod {each})·{case.n} + i"}
    return [
        Route(
            problems=(partial(_packed_rows, is_by_query=is_by_query),),
            said=(
                f"{case.order} took {words} of the heads that share a key head for the position of query i of head "
                f"h: it stands at {own}"
            ),
        )
        for is_by_query, words in ways.items()
    ]


def _all_before(case: Case) -> list[Route]:
    """Return the routes in which a query sees the segments before its own too, or those after."""
    if case.problem.segments is None:
        return []
    ways: dict[str, Callable[[Array, Array], Array]] = {
        "the segments before its own, ids compared by order": np.greater_equal,
        "the segments after its own, ids compared by order": np.less_equal,
        "the segment just before its own": lambda own, other: (own == other) | (own == other + 1),
        "the segment just after its own": lambda own, other: (own == other) | (own == other - 1),
    }
    return [
        Route(
            problems=(partial(_compared, compare=compare),),
            said=f"a query also saw {words}: it sees only its own",
        )
        for words, compare in ways.items()
    ]


def _compared(problem: Problem, compare: Callable[[Array, Array], Array]) -> Problem:
    queries, keys = need(problem.segments)
    seen = compare(queries[..., :, None], keys[..., None, :])
    free = replace(problem, segments=None)
    while seen.ndim > 2 and seen.ndim < free.queries.ndim:  # of entries, for all their heads
        seen = seen[..., None, :, :]
    return replace(free, mask=visible_cells(free) & seen)


def _joined(case: Case) -> list[Route]:
    """Return the routes in which a query sees what either of two masks lets it see."""
    problem, request = case.problem, case.request
    own = drop_masks(problem, ("mask", "lengths"))
    parts: dict[str, Callable[[Problem], Array]] = {}
    if problem.mask is not None or problem.segments is not None:
        parts["the mask" if problem.mask is not None else "the segments"] = _seen_by_mask
    if request.causal and request.window not in (None, (-1, -1)) and request.window is not None:
        right = None if request.window[1] == -1 else request.window[1]
        parts["the causal mask"] = lambda changed: visible_cells(_by_order(changed, left=None, chunk=None))
        parts["the window"] = lambda changed: visible_cells(_by_order(changed, right=right, chunk=None))
    elif own.visible.has_order:
        words = "the chunks" if request.chunk is not None and not request.causal else case.order
        parts[words] = lambda changed: visible_cells(_by_order(changed))
    return [
        Route(
            problems=(partial(_either, seen=(parts[one], parts[two])),),
            said=f"{one} and {two} were joined by or, a query saw what either lets it see: both have to",
        )
        for one, two in combinations(parts, 2)
    ]


def _seen_by_mask(problem: Problem) -> Array:
    return visible_cells(drop_masks(problem, ("order", "lengths")))


def _by_order(problem: Problem, **sides: int | None) -> Problem:
    return change_visible(drop_masks(problem, ("mask", "lengths")), **sides)


def _either(problem: Problem, seen: tuple[Callable[[Problem], Array], ...]) -> Problem:
    found = seen[0](problem) | seen[1](problem)
    return replace(drop_masks(problem, ("mask", "order")), mask=found)


def _slip(name: str, routes: Callable[[Case], list[Route]], words: str) -> Slip:
    return Slip(name, "mask", routes, words, paired=False, passes_easily=True)


BLOCK_SLIPS = (
    _slip("unasked-chunk", _unasked_chunks, "chunks were applied"),
    _slip("causal-by-tiles", _own_causal, "tiles had a causal mask of their own"),
    _slip("window-by-tiles", _window_by_tiles, "the window began at the border of a tile"),
    _slip("window-shape", _other_windows, "the window had other keys"),
    _slip("mask-by-tiles", _whole_tiles, "whole tiles were masked"),
    _slip("mask-by-tiles", _masks_of_tiles, "tiles had other masks"),
    _slip("other-offset", _packed, "the queries stood elsewhere"),
    _slip("segments-moved", _all_before, "other segments were seen"),
    _slip("masks-joined", _joined, "masks were joined by or"),
)
