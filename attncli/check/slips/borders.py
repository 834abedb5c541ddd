"""Borders that stand elsewhere: those of chunks and of segments, and key lengths that are rounded to whole pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.error_pattern import position_text
from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.changes import need
from attncli.check.slips.mask_changes import change_visible, fill_empty_rows
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

PAGES = (2, 4, 8, 16, 32, 64, 128, 256)  # keys that caches keep together
MOVES = {"later": 1, "earlier": -1}  # by one position

Sees = Callable[["Array", "Array", int], "Array"]  # of the positions of queries and keys, and the size of a chunk


def _chunk_seen(problem: Problem, sees: Sees) -> Problem:
    """Return the problem with chunks by another rule."""
    visible = problem.visible
    chunk = need(visible.chunk)
    free = change_visible(problem, chunk=None)
    positions = np.arange(problem.n)[:, None] + visible.offsets[0]
    return replace(free, mask=visible_cells(free) & sees(positions, np.arange(problem.m), chunk))


def _other_chunks(case: Case) -> list[Route]:
    """Return the routes with borders of chunks one position later or earlier, with the chunk before seen too, and with
    a window of as many keys."""
    size = case.problem.visible.chunk
    if size is None or len(case.problem.visible.offsets) > 1:
        return []
    due = f"key j is seen if ⌊j/{size}⌋ = ⌊p/{size}⌋"
    ways: dict[str, Sees] = {
        f"the borders of the chunks stood one position {words}": partial(_moved, by=-step)
        for words, step in MOVES.items()
    }
    ways["a query also saw the chunk before its own"] = lambda p, j, n: (p // n - j // n >= 0) & (p // n - j // n <= 1)
    ways[f"the chunks were taken as a window: a query saw the keys less than {size} positions away"] = lambda p, j, n: (
        np.abs(p - j) < n
    )
    if offset := case.problem.visible.offsets[0]:
        ways[f"the chunk of query i was that of position i, and it stands at {position_text(offset)}"] = (
            lambda p, j, n: (p - offset) // n == j // n
        )
    return [
        Route(problems=(partial(_chunk_seen, sees=sees), partial(fill_empty_rows, row=row)), said=f"{words}: {due}")
        for words, sees in ways.items()
        for row in dict.fromkeys((case.problem.conventions.empty, "zeros", "uniform"))
    ]


def _moved(positions: Array, keys: Array, size: int, by: int) -> Array:
    same: Array = (positions + by) // size == (keys + by) // size
    return same


def _other_segments(case: Case) -> list[Route]:
    """Return the routes with borders of segments one position later or earlier, of queries and keys or of one."""
    if case.problem.segments is None:
        return []
    sides = {"the segments": (0, 1), "the segments of the keys": (1,), "the segments of the queries": (0,)}
    return [
        Route(
            problems=(partial(_move_segments, places=places, by=by),),
            said=f"{side} began one position {words} than they do",
        )
        for side, places in sides.items()
        for words, by in MOVES.items()
    ] + [*_without_ends(case), *_single_borders(case)]


ENDS = {"the first key": 1, "the last key": -1}


def _without_ends(case: Case) -> list[Route]:
    """Return the routes in which no query sees the first, or the last, key of its segment."""
    if case.problem.segments is None:
        return []
    return [
        Route(
            problems=(partial(_hide_end, step=step),),
            said=f"{words} of each segment was left out: a query sees all keys of its own",
        )
        for words, step in ENDS.items()
    ]


def _hide_end(problem: Problem, step: int) -> Problem:
    queries, keys = need(problem.segments)
    beside = np.roll(keys, step, axis=-1)
    is_end = keys != beside
    is_end[..., 0 if step > 0 else -1] = True
    hidden = np.where(is_end, np.min([queries.min(), keys.min()]) - 1, keys)
    return replace(problem, segments=(queries, hidden))


def _single_borders(case: Case) -> list[Route]:
    """Return the routes with the first or the last border of the segments only."""
    queries, keys = need(case.problem.segments)
    if queries.shape != keys.shape or not np.array_equal(queries, keys):
        return []
    if bool(((queries[..., 1:] != queries[..., :-1]).sum(axis=-1) < 2).all()):
        return []
    return [
        Route(
            problems=(partial(_keep_border, is_last=is_last),),
            said=f"only the {'last' if is_last else 'first'} border of the segments was kept: each of them is one",
        )
        for is_last in (False, True)
    ]


def _keep_border(problem: Problem, is_last: bool) -> Problem:
    ids, _ = need(problem.segments)
    border = np.diff(ids, axis=-1, prepend=ids[..., :1]) != 0
    before = np.cumsum(border, axis=-1)
    after = before == before[..., -1:] if is_last else before > 0
    return replace(problem, segments=(after.astype(np.int64), after.astype(np.int64)))


def _move_segments(problem: Problem, places: tuple[int, ...], by: int) -> Problem:
    queries, keys = (_move(ids, by) if place in places else ids for place, ids in enumerate(need(problem.segments)))
    return replace(problem, segments=(queries, keys))


def _move(ids: Array, by: int) -> Array:
    """Return ids whose borders stand one place further on or back. The first or last one is repeated."""
    size = ids.shape[-1]
    found: Array = ids[..., np.clip(np.arange(size) - by, 0, size - 1)]
    return found


def _longest(case: Case) -> list[Route]:
    """Return the route in which every entry has the longest of the key lengths, as after padding."""
    own = case.problem.visible.lengths
    if own is None or len(set(own)) < 2:
        return []
    said = f"every entry took the longest of the key lengths, {max(own)}: {list_numbers(own)} are expected"
    return [Route(problems=(partial(change_visible, lengths=(max(own),) * len(own)),), said=said)]


def _whole_pages(case: Case) -> list[Route]:
    """Return the routes with key lengths rounded up or down to whole pages."""
    own = case.problem.visible.lengths
    if own is None:
        return []
    ways: dict[tuple[tuple[int, ...], str], list[str]] = {}
    for size in PAGES:
        if size < case.m:
            up = tuple(min(-(-length // size) * size, case.m) for length in own)
            down = tuple(length // size * size for length in own)
            for lengths, words in ((up, "up"), (down, "down")):
                ways.setdefault((lengths, words), []).append(str(size))
    due = f"{list_numbers(own)} {'is' if len(own) == 1 else 'are'} expected"
    return [
        Route(
            problems=(partial(change_visible, lengths=lengths),),
            said=(
                f"the key lengths were {list_numbers(lengths)}, rounded {words} to whole pages of {' or '.join(sizes)} "
                f"keys: {due}"
            ),
        )
        for (lengths, words), sizes in ways.items()
        if lengths != own and any(lengths)
    ]


def _slip(name: str, routes: Callable[[Case], list[Route]], words: str) -> Slip:
    return Slip(name, "mask", routes, words, paired=False)


BORDER_SLIPS = (
    _slip("chunk-other", _other_chunks, "the chunks were others"),
    _slip("segments-moved", _other_segments, "the segments were others"),
    _slip("other-entry", _longest, "the key length was that of another entry"),
    _slip("key-lengths-rounded", _whole_pages, "the key lengths were rounded"),
)
