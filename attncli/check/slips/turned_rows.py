"""Rotary positions whose pairs and angles disagree, and rows, as those of a cache, that are rotated at other
positions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.check.routes import Route
from attncli.check.sketch import sketch_result
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need
from attncli.check.slips.slip import Slip
from attncli.check.slips.tiles import TILES
from attncli.check.visible_cells import visible_cells
from attncli.records import replace
from attncli.stages.row_transforms import PAIRINGS, Pairing

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

Places = Callable[["Problem", "Array"], "Array"]  # from the positions of rows to those at which they are rotated


def _as_they_are(_problem: Problem, positions: Array) -> Array:
    return positions


def _turn_at(problem: Problem, queries: Places, keys: Places) -> Problem:
    """Return the problem with rows that are rotated at other positions, and without a rotation of its own."""
    rotation = need(problem.rotation)
    found: dict[str, Any] = {}
    for name, places, first in (("queries", queries, problem.visible.offsets[0]), ("keys", keys, 0)):
        rows = np.asarray(getattr(problem, name), np.float64)
        at = places(problem, np.arange(rows.shape[-2]) + first)
        lead = np.broadcast_shapes(rows.shape[:-2], at.shape[:-1])
        found[name] = rotation.apply(np.broadcast_to(rows, (*lead, *rows.shape[-2:])), at)
    return replace(problem, rotation=None, **found)


def _has_one_position(case: Case) -> bool:
    return case.problem.rotation is not None and len(case.problem.visible.offsets) == 1


def _at_others(queries: Places, keys: Places, said: str) -> Route:
    return Route(problems=(partial(_turn_at, queries=queries, keys=keys),), is_whole=True, said=said)


# pairs and angles


def _order(pairing: Pairing, size: int) -> Array:
    """Return the columns of the first of each pair, then those of the second."""
    columns = np.arange(size)
    return np.concatenate([columns[pairing.first(size)], columns[pairing.second(size)]])


def _others(case: Case) -> list[Pairing]:
    own = case.problem.rotation
    return [] if own is None else [pairing for pairing in PAIRINGS if pairing is not own.pairing]


def _mix(problem: Problem, other: Pairing) -> Problem:
    """Return the problem with pairs whose two columns have the angles of columns of other pairs."""
    rotation = need(problem.rotation)
    own, theirs = (_order(pairing, rotation.size) for pairing in (rotation.pairing, other))
    half = rotation.size // 2
    found: dict[str, Any] = {}
    for name, first in (("queries", problem.visible.offsets[0]), ("keys", 0)):
        rows = np.array(getattr(problem, name), np.float64)
        angles = np.empty((rows.shape[-2], rotation.size))
        angles[:, theirs] = np.tile(rotation.angles(np.arange(rows.shape[-2]) + first), 2)
        across = np.empty_like(rows[..., : rotation.size])
        across[..., own[:half]], across[..., own[half:]] = -rows[..., own[half:]], rows[..., own[:half]]
        rows[..., : rotation.size] = rows[..., : rotation.size] * np.cos(angles) + across * np.sin(angles)
        found[name] = rows
    return replace(problem, rotation=None, **found)


def _mixed_pairs(case: Case) -> list[Route]:
    if not _has_one_position(case) or need(case.problem.rotation).size < 4:
        return []
    own = need(case.problem.rotation).pairing.name
    return [
        Route(
            problems=(partial(_mix, other=other),),
            is_whole=True,
            said=f"the columns were rotated in pairs of {own} with the angles of {other.name}: a pair has one angle",
        )
        for other in _others(case)
    ]


def _pair_one_side(problem: Problem, name: str, other: Pairing) -> Problem:
    """Return the problem with rows of one side that are rotated in other pairs."""
    rotation = need(problem.rotation)
    found: dict[str, Any] = {}
    for side, start in (("queries", problem.visible.offsets[0]), ("keys", 0)):
        rows = np.asarray(getattr(problem, side), np.float64)
        own = replace(rotation, pairing=other) if side == name else rotation
        found[side] = own.apply(rows, np.arange(rows.shape[-2]) + start)
    return replace(problem, rotation=None, **found)


def _other_pairs_of_one_side(case: Case) -> list[Route]:
    if not _has_one_position(case) or need(case.problem.rotation).size < 4:
        return []
    own = need(case.problem.rotation).pairing.name
    return [
        Route(
            problems=(partial(_pair_one_side, name=name, other=other),),
            is_whole=True,
            said=f"{letter} was rotated in pairs of {other.name}, {rest} in those of {own}: both are in those of {own}",
        )
        for other in _others(case)
        for name, letter, rest in (("queries", "Q", "K"), ("keys", "K", "Q"))
    ]


def _turn_otherwise(problem: Problem, way: str) -> Problem:
    """Return the problem with rows that are turned in one of the ways of TURNED."""
    rotation = need(problem.rotation)
    own = _order(rotation.pairing, rotation.size)
    half = rotation.size // 2
    found: dict[str, Any] = {}
    for name, start in (("queries", problem.visible.offsets[0]), ("keys", 0)):
        rows = np.array(getattr(problem, name), np.float64)
        angles = rotation.angles(np.arange(rows.shape[-2]) + start)
        angles = angles[..., ::-1] if way == "reversed" else angles[..., :1] if way == "alike" else angles
        one, two = rows[..., own[:half]], rows[..., own[half:]]
        cosine, sine = np.cos(angles), np.sin(angles)
        if way == "added":
            turned = one + sine, two + cosine
        elif way == "cosines":
            turned = one * cosine, two * cosine
        else:
            first = one * cosine - two * sine
            turned = first, (first if way == "in place" else one) * sine + two * cosine
            turned = (first, two) if way == "first only" else turned
        rows[..., own[:half]], rows[..., own[half:]] = turned
        found[name] = rows
    return replace(problem, rotation=None, **found)


TURNED = {
    "cosines": "the pairs were multiplied by their cosines only: (a, b) becomes (a cos − b sin, a sin + b cos)",
    "reversed": "the pairs had the angles of each other in reverse order: pair c turns by position·base^(−2c/d)",
    "alike": "all pairs had the angles of the first, the positions themselves: pair c turns by position·base^(−2c/d)",
    "in place": "the second of each pair was made of the first as it was turned already: both are made of those before",
    "first only": "only the first column of each pair was turned: (a, b) becomes (a cos − b sin, a sin + b cos)",
    "added": "sines and cosines of the positions were added to Q and K: they are rotated",
}


def _turned_otherwise(case: Case) -> list[Route]:
    if not _has_one_position(case) or need(case.problem.rotation).size < 4:
        return []
    return [
        Route(problems=(partial(_turn_otherwise, way=way),), is_whole=True, said=said) for way, said in TURNED.items()
    ]


def _factor_of_one_side(case: Case) -> list[Route]:
    """Return the routes in which the positions of only one of Q and K are divided by the scale of positions, and those
    in which the keys stand in reverse."""
    if not _has_one_position(case):
        return []
    factor = need(case.problem.rotation).factor

    def times(_problem: Problem, positions: Array) -> Array:
        return positions * factor  # so that they are not divided

    def reverse(problem: Problem, positions: Array) -> Array:
        return positions[::-1] if len(positions) == problem.m else positions

    said = "the keys were rotated at the positions in reverse: key j stands at position j"
    routes = [_at_others(_as_they_are, reverse, said)]
    if factor == 1:
        return routes
    undivided = f"the positions of the {{}} were not divided by {factor:g}, those of the {{}} were: both are"
    return [
        *routes,
        _at_others(times, _as_they_are, undivided.format("queries", "keys")),
        _at_others(_as_they_are, times, undivided.format("keys", "queries")),
    ]


def _permute(problem: Problem, name: str, order: Array) -> Problem:
    rows = np.array(getattr(problem, name))
    rows[..., : len(order)] = rows[..., order]
    return replace(problem, **{name: rows})  # type: ignore[arg-type]


def _permuted_side(case: Case) -> list[Route]:
    """Return the routes with the columns of one side in the order of other pairs, as projections that were converted
    for one side only give them."""
    if case.problem.rotation is None or case.problem.rotation.size < 4:
        return []
    rotation, routes = case.problem.rotation, []
    for other in _others(case):
        own, theirs = (_order(pairing, rotation.size) for pairing in (rotation.pairing, other))
        for order in (theirs[np.argsort(own)], own[np.argsort(theirs)]):
            for name, letter, rest in (("keys", "K", "Q"), ("queries", "Q", "K")):
                said = f"the columns of {letter} were in the order of the pairs of {other.name}, those of {rest} not"
                routes.append(Route(problems=(partial(_permute, name=name, order=order),), said=said))
    return routes


def _change_rotation(problem: Problem, **changes: float) -> Problem:
    return replace(problem, rotation=replace(need(problem.rotation), **changes))  # type: ignore[arg-type]


def _other_angles(case: Case) -> list[Route]:
    """Return the routes with an exponent of the other sign and, where positions are divided, with NTK's base for it."""
    rotation = case.problem.rotation
    if rotation is None or rotation.size < 4:
        return []
    routes = [
        Route(
            problems=(partial(_change_rotation, base=1 / rotation.base),),
            said="the angles were position·base^(2c/d), of an exponent without its minus sign: −2c/d is expected",
        )
    ]
    if (factor := rotation.factor) != 1:
        base = rotation.base * factor ** (rotation.size / (rotation.size - 2))
        said = (
            f"the base was {base:.6g}, that of NTK scaling by {factor:g}, and the positions were not divided: they are "
            f"divided by {factor:g}, with the base {rotation.base:g}"
        )
        routes.append(Route(problems=(partial(_change_rotation, base=base, factor=1.0),), said=said))
    return routes


# other positions


def _over_heads(case: Case) -> list[Route]:
    if not _has_one_position(case) or case.heads < 2 or case.problem.lead[-1] != case.heads:
        return []
    said = "every row of head h was rotated at position h, as if the heads were the positions: each has its own"
    return [_at_others(_heads_of("queries"), _heads_of("keys"), said)]


def _heads_of(name: str) -> Places:
    def places(problem: Problem, positions: Array) -> Array:
        heads = np.arange(getattr(problem, name).shape[-3])
        return np.broadcast_to(heads[:, None], (len(heads), len(positions)))

    return places


def _wrapped(case: Case) -> list[Route]:
    """Return the routes in which positions begin again after some of them, as places in a ring of a cache do."""
    if not _has_one_position(case):
        return []
    last = max(case.n + case.problem.visible.offsets[0], case.m)

    def within(_problem: Problem, positions: Array, size: int) -> Array:
        return positions % size

    return [
        _at_others(each, each, f"the positions of the rotation began again after {size}: they go on up to {last - 1}")
        for size in TILES
        if size < last
        for each in [partial(within, size=size)]
    ]


def _cached(case: Case, count: int, words: str) -> list[Route]:
    """Return the route in which the keys before query 0, which a cache holds, are rotated so many times."""
    first = case.problem.visible.offsets[0] if _has_one_position(case) else 0
    if not 0 < first < case.m:
        return []

    def times(_problem: Problem, positions: Array) -> Array:
        return np.where(positions < first, count * positions, positions)

    keys = f"the first {first} keys, those before query 0," if first > 1 else "the first key, that before query 0,"
    were = "were" if first > 1 else "was"
    return [_at_others(_as_they_are, times, f"{keys} {were} {words}: each key is rotated once")]


def _from_first_seen(problem: Problem, positions: Array) -> Array:
    """Return positions that are counted from the first key of each entry that any query sees."""
    seen = visible_cells(replace(problem, visible=replace(problem.visible, right=None))).any(axis=-2)
    found: Array = np.maximum(positions - seen.argmax(axis=-1)[..., None], 0)
    return found


def _padded(case: Case) -> list[Route]:
    """Return the routes in which only queries, or only keys, have positions that leave out the padding before them."""
    problem = case.problem
    if not _has_one_position(case) or problem.mask is None or problem.key_heads is not None:
        return []
    if not (_from_first_seen(problem, np.arange(case.m)) != np.arange(case.m)).any():
        return []
    said = "the positions of the {} were counted from the first key that is not masked, those of the {} from key 0"
    return [
        _at_others(_from_first_seen, _as_they_are, f"{said.format('queries', 'keys')}: both are counted from key 0"),
        _at_others(_as_they_are, _from_first_seen, f"{said.format('keys', 'queries')}: both are counted from key 0"),
    ]


def _in_cache(case: Case) -> list[Route]:
    """Return the route in which a query meets the keys that its window never hides at their places in a cache of these
    keys and those of the window."""
    visible = case.problem.visible
    if not _has_one_position(case) or not visible.keep_first or visible.left is None:
        return []
    kept, size = visible.keep_first, visible.keep_first + visible.left + 1
    keys = f"the first {kept} keys" if kept > 1 else "key 0"
    said = (
        f"each query and {keys} were rotated by their places in a cache of {size} keys, those that are kept and those "
        "of the window: they have positions of their own"
    )
    return [Route(score=_scores_in_cache, said=said)]


def _scores_in_cache(problem: Problem) -> Array:
    visible = problem.visible
    last = visible.keep_first + need(visible.left)  # the place of a query in the cache, if this is full
    moved = _turn_at(problem, lambda _problem, positions: np.minimum(positions, last), _as_they_are)
    is_kept = np.arange(problem.m) < visible.keep_first
    return np.where(is_kept, sketch_result(moved).scores, sketch_result(problem).scores)


def _slip(name: str, routes: Callable[[Case], list[Route]], said: str) -> Slip:
    return Slip(name, "stage", routes, said, paired=False, passes_easily=True)


TURNED_SLIPS = (
    _slip("rope-other-pairs", _mixed_pairs, "pairs and angles disagree"),
    _slip("rope-other-pairs", _other_pairs_of_one_side, "one side has other pairs"),
    _slip("rope-other-pairs", _permuted_side, "the columns of one side had another order"),
    _slip("rope-unsigned", _turned_otherwise, "the pairs were turned otherwise"),
    _slip("rope-shifted", _factor_of_one_side, "one side had other positions"),
    _slip("rope-other-base", _other_angles, "the angles were others"),
    _slip("rope-shifted", _over_heads, "the heads were taken for the positions"),
    _slip("rope-shifted", _wrapped, "the positions began again"),
    _slip("rope-twice", partial(_cached, count=2, words="rotated twice"), "the keys of a cache were rotated twice"),
    _slip("rope-one-side", partial(_cached, count=0, words="not rotated"), "the keys of a cache were not rotated"),
    _slip("rope-shifted", _in_cache, "the positions were those of a cache"),
    _slip("rope-shifted", _padded, "the positions were counted from another key"),
)
