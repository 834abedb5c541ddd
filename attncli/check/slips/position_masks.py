"""Masks by position that are left out, moved, turned round or not asked for: causal masks and windows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from attncli.check.error_pattern import position_text
from attncli.check.routes import Route
from attncli.check.slips.case import Case, count_keys
from attncli.check.slips.changes import need
from attncli.check.slips.mask_changes import ROWS, change_visible, drop_masks, drop_positions, fill_empty_rows
from attncli.check.slips.slip import Slip
from attncli.check.slips.tiles import TILES
from attncli.check.visible_cells import visible_cells
from attncli.problem.problem import Problem, Visible
from attncli.records import replace


def _no_causal(case: Case) -> list[Route]:
    if not case.request.causal:
        return []
    right = (case.request.window or (-1, -1))[1]
    return [Route(problems=(partial(change_visible, right=None if right == -1 else right),))]


def _no_window(case: Case) -> list[Route]:
    if case.request.window in (None, (-1, -1)):
        return []
    return [Route(problems=(partial(change_visible, left=None, right=0 if case.request.causal else None),))]


def _shifted(ahead: int) -> Callable[[Case], list[Route]]:
    """Return the routes with the last key of a query moved by `ahead`, where that is the key at its own position."""

    def routes(case: Case) -> list[Route]:
        if case.problem.visible.right != 0:
            return []
        return [
            Route(problems=(partial(change_visible, right=ahead), partial(fill_empty_rows, row=row)))
            for row in dict.fromkeys((case.problem.conventions.empty, *ROWS))
        ]

    return routes


def _off_diagonal(problem: Problem, offset: int) -> Problem:
    """Return the problem in which no query sees the key at its own position, `offset` keys on."""
    positions = np.arange(problem.n) + offset
    others = positions[:, None] != np.arange(problem.m)
    mask = others if problem.mask is None else problem.mask & others
    return replace(problem, mask=np.broadcast_to(mask, (*problem.lead, problem.n, problem.m)))


def _diagonal(case: Case) -> list[Route]:
    if len(case.problem.visible.offsets) > 1:
        return []
    rows = dict.fromkeys((case.problem.conventions.empty, *ROWS))
    offsets = dict.fromkeys((case.problem.visible.offsets[0], _last_offset(case)))
    return [
        Route(
            problems=(partial(_off_diagonal, offset=offset), partial(fill_empty_rows, row=row)),
            said=(
                f"the key at the query's own position, key {position_text(offset)} for query i, was masked: it is seen"
            ),
        )
        for offset in offsets
        for row in rows
    ]


def _last_offset(case: Case) -> int:
    """Return where query 0 stands: where its position is not asked for, the queries are those of the last keys, which
    a mask of them behind a cache implies."""
    is_behind = case.problem.mask is not None and case.m > case.n and not case.problem.visible.has_order
    return case.m - case.n if is_behind else case.problem.visible.offsets[0]


def _windows(case: Case) -> list[Route]:
    """Return the routes with one key more or less on a side of the window, and with a width of W keys taken as W before
    the query."""
    if case.request.window in (None, (-1, -1)):
        return []
    visible, routes = case.problem.visible, []
    for side, words in (("left", "before"), ("right", "after")):
        own = getattr(visible, side)
        if own is None or (side == "right" and case.request.causal):
            continue
        for step in (1, -1):
            if own + step >= 0:
                said = f"the window reached {count_keys(own + step)} {words} the query's position: it reaches {own}"
                routes.append(Route(problems=(partial(change_visible, **{side: own + step}),), said=said))
    return routes + _without_kept(case) + _both_sides(case)


def _without_kept(case: Case) -> list[Route]:
    """Return the routes with a window that is shorter or longer by the keys that it never hides."""
    kept, own = case.problem.visible.keep_first, case.problem.visible.left
    if kept < 2 or own is None:  # one key more or less is tried anyway
        return []
    return [
        Route(
            problems=(partial(change_visible, left=left),),
            said=f"the window reached {count_keys(left)} before the query's position, {words}: it reaches {own}",
        )
        for left, words in (
            (own - kept, f"as if the {kept} kept keys were part of it"),
            (own + kept, f"the {kept} kept keys more"),
        )
        if left >= 0
    ]


def _both_sides(case: Case) -> list[Route]:
    """Return the routes with one key more or less on both sides of a window, with its width shared by the sides, or
    with the width of one side on both."""
    left, right = case.problem.visible.left, case.problem.visible.right
    if left is None or right is None:
        return []
    ways = [(left + 1, right + 1), (left - 1, right - 1), (left // 2, right // 2), ((left + right) // 2,) * 2]
    ways += [(left // 2, right), (left + right, right), (left, left), (right, right)]
    own = f"it reaches {count_keys(left)} before and {right} after"
    return [
        Route(
            problems=(partial(change_visible, left=before, right=after),),
            said=f"the window reached {count_keys(before)} before the query's position and {after} after: {own}",
        )
        for before, after in dict.fromkeys(ways)
        if before >= 0 and after >= 0 and (before, after) != (left, right)
    ]


STEPS = (1, -1, 2, -2, 3, -3)  # from the right offset to others


def _other_offsets(case: Case) -> list[Route]:
    """Return the routes with queries that stand a few keys or as many as there are queries further on or back, or as
    far back as they stand on."""
    offsets = case.problem.visible.offsets
    if len(set(offsets)) > 1 or not (case.problem.visible.has_order or case.problem.rotation is not None):
        return []
    own = offsets[0]
    return [
        Route(
            problems=(partial(change_visible, offsets=(other,)), partial(fill_empty_rows, row=row)),
            said=f"query i stood at position {position_text(other)}: it stands at {position_text(own)}",
        )
        for other in dict.fromkeys([*(own + step for step in (*STEPS, case.n, -case.n)), -own, case.n, case.m])
        if other not in (own, 0, case.m - case.n)
        for row in dict.fromkeys((case.problem.conventions.empty, *ROWS))
    ]


def _halves_apart(case: Case) -> list[Route]:
    """Return the routes in which only one of a causal mask and a window counts the positions from query 0."""
    visible = case.problem.visible
    if not visible.is_causal or visible.left is None or len(visible.offsets) > 1 or visible.offsets[0] == 0:
        return []
    own = position_text(visible.offsets[0])
    return [
        Route(
            problems=(partial(_cut_apart, moved=moved), partial(fill_empty_rows, row=row)),
            said=f"{words} was that of query i at position i: it stands at {own}, as for {other}",
        )
        for moved, words, other in (
            ("left", "the window", "the causal mask"),
            ("right", "the causal mask", "the window"),
        )
        for row in dict.fromkeys((case.problem.conventions.empty, *ROWS))
    ]


def _cut_apart(problem: Problem, moved: str) -> Problem:
    sides = {"left": {"right": None}, "right": {"left": None}}
    alone = {name: change_visible(problem, **others) for name, others in sides.items()}
    seen = [
        visible_cells(change_visible(each, offsets=(0,)) if name == moved else each) for name, each in alone.items()
    ]
    return replace(drop_positions(problem), mask=seen[0] & seen[1])


def _by_tiles(case: Case) -> list[Route]:
    """Return the routes with a causal mask of whole tiles, which shows or hides those that it borders."""
    visible = case.problem.visible
    if visible.right is None or len(visible.offsets) > 1:
        return []
    sizes = [size for size in TILES if size < max(case.n, case.m)]
    shown = [
        Route(
            problems=(partial(_hide_tiles, size=size),),
            said=(
                f"{case.order} hid whole tiles of {size} keys only: a query also saw the keys after its last "
                "one in the same tile"
            ),
        )
        for size in sizes
    ]
    hidden = [
        Route(
            problems=(partial(_hide_tiles, size=size, is_border_seen=False), partial(fill_empty_rows, row=row)),
            said=(
                f"the tiles of {size} keys on the border of {case.order} were skipped: a query also sees the "
                "keys up to its last one in that tile"
            ),
        )
        for size in sizes
        for row in ("zeros", "nan")
    ]
    return shown + hidden


def _hide_tiles(problem: Problem, size: int, is_border_seen: bool = True) -> Problem:
    visible = problem.visible
    last = np.arange(problem.n)[:, None] + visible.offsets[0] + need(visible.right)
    tiles, border = np.arange(problem.m) // size, last // size
    free = change_visible(problem, right=None)
    return replace(free, mask=visible_cells(free) & (tiles <= border if is_border_seen else tiles < border))


SETTINGS = {  # whose number may be one too many or too few, in words
    "prefix": "the prefix that every query sees had {}",
    "keep_first": "the window kept {} at the start",
    "chunk": "a chunk had {}",
}


def _settings(case: Case) -> list[Route]:
    return [
        Route(
            requests=(partial(replace, **{name: number}),),
            said=f"{words.format(count_keys(number))}: {own} {'is' if own == 1 else 'are'} expected",
        )
        for name, words in SETTINGS.items()
        if (own := getattr(case.request, name)) is not None
        for number in (own + 1, own - 1)
        if number > 0
    ]


def _unasked(case: Case) -> list[Route]:
    """Return the routes with a causal mask, from either corner, that was not requested."""
    return _made_causal(case, "a causal mask was applied, query i saw only the keys up to {}: none is asked for")


def _in_place_of_mask(case: Case) -> list[Route]:
    """Return the routes with a causal mask, from either corner, in the place of the mask."""
    if case.problem.mask is None:
        return []
    said = "a causal mask took the place of the mask, query i saw the keys up to {}: the mask says which"
    return _made_causal(case, said, dropped=("mask",))


def _made_causal(case: Case, said: str, dropped: tuple[str, ...] = ()) -> list[Route]:
    if case.problem.visible.right is not None or case.m < 2:
        return []
    return [
        Route(
            problems=(
                partial(drop_masks, kinds=dropped),
                partial(_hide_later, offset=offset),
                partial(fill_empty_rows, row=row),
            ),
            said=said.format(position_text(offset)),
        )
        for offset in dict.fromkeys((0, case.m - case.n))
        for row in ("zeros", "nan")
    ]


def _hide_later(problem: Problem, offset: int) -> Problem:
    hidden = np.arange(problem.n)[:, None] + offset < np.arange(problem.m)
    seen = visible_cells(problem) & ~hidden
    return replace(drop_positions(problem), mask=seen)


def _order_of(visible: Visible) -> str:
    right = visible.right
    return "up to its own position" if right == 0 else f"up to {right} after its own position"


POSITION_MASK_SLIPS = (
    Slip(
        "no-causal",
        "mask",
        _no_causal,
        lambda case: f"the causal mask was left out: a query sees the keys {_order_of(case.problem.visible)}",
    ),
    Slip(
        "no-window",
        "mask",
        _no_window,
        lambda case: (
            f"the window {case.request.window[0]}, {case.request.window[1]} was left out" if case.request.window else ""
        ),
    ),
    Slip(
        "diagonal-masked",
        "mask",
        _diagonal,
        "the key at the query's own position was masked",
    ),
    Slip(
        "diagonal-masked",
        "mask",
        _shifted(-1),
        lambda case: f"{case.order} hid the query's own position, key {case.position} for query i: it is seen",
    ),
    Slip(
        "one-ahead",
        "mask",
        _shifted(1),
        lambda case: f"{case.order} let query i see one key more: key {case.position} is the last",
    ),
    Slip("window-off-by-one", "mask", _windows, "the window was one key wider or narrower"),
    Slip("causal-by-tiles", "mask", _by_tiles, "whole tiles were masked", paired=False),
    Slip("other-offset", "mask", _other_offsets, "the queries stood elsewhere", paired=False),
    Slip("other-offset", "mask", _halves_apart, "the queries stood elsewhere", paired=False),
    Slip("setting-off-by-one", "mask", _settings, "a number was off by one", paired=False),
    Slip("unasked-causal", "mask", _unasked, "a causal mask was applied"),
    Slip("unasked-causal", "mask", _in_place_of_mask, "a causal mask was applied", paired=False),
)
