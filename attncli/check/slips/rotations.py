"""Rotary positions of one side only, of the values too, at other positions, of other columns, or with another base or
scale."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need, need_values
from attncli.check.slips.slip import Slip
from attncli.problem.problem import Problem
from attncli.records import replace

BASES = (100.0, 1000.0, 1e4, 1e5, 5e5, 1e6)  # that models use
SHIFTS = (1, -1)
FAR = 16  # positions by which the queries of a cache may stand elsewhere
FEW = 24  # keys of which each is tried as a beginning


def _turn(problem: Problem, name: str, by: int = 0) -> Problem:
    """Return the problem with rotated queries, keys or values, `by` positions later than they stand."""
    rotation = need(problem.rotation)
    rows = need_values(problem) if name == "values" else getattr(problem, name)
    positions = np.arange(rows.shape[-2]) + by
    if name == "queries":
        positions = positions + problem.visible.offsets[0]
    turned: Any = rotation.apply(np.asarray(rows, np.float64), positions)
    return replace(problem, **{name: turned})


def _turned_sides(problem: Problem, names: tuple[str, ...], by: int = 0) -> Problem:
    """Return the problem with only these rotated, and without a rotation of its own."""
    for name in names:
        problem = _turn(problem, name, by if name == "queries" else 0)
    return replace(problem, rotation=None)


def _has_one_position(case: Case) -> bool:
    return case.problem.rotation is not None and len(case.problem.visible.offsets) == 1


def _one_side(case: Case) -> list[Route]:
    if not _has_one_position(case):
        return []
    return [
        Route(
            problems=(partial(_turned_sides, names=(name,)),),
            is_whole=True,
            said=f"only {letter} was rotated: Q and K are, each at its position",
        )
        for name, letter in (("queries", "Q"), ("keys", "K"))
    ]


def _turned_twice(case: Case) -> list[Route]:
    """Return the routes in which K, Q or both are rotated twice, as keys of a cache that are rotated when they are read
    too."""
    if not _has_one_position(case):
        return []
    sides = {"K was": ("keys",), "Q was": ("queries",), "Q and K were": ("queries", "keys")}
    return [
        Route(
            problems=tuple(partial(_turn, name=name) for name in names),
            is_whole=True,
            said=f"{words} rotated twice: Q and K are rotated once",
        )
        for words, names in sides.items()
    ]


def _turned_alike(problem: Problem) -> Problem:
    """Return the problem with all queries rotated as the first one is."""
    rotation = need(problem.rotation)
    positions = np.full(problem.n, problem.visible.offsets[0])
    queries: Any = rotation.apply(np.asarray(problem.queries, np.float64), positions)
    return _turned_sides(replace(problem, queries=queries), ("keys",))


def _alike(case: Case) -> list[Route]:
    if not _has_one_position(case) or case.n < 2:
        return []
    first = case.problem.visible.offsets[0]
    said = f"every query was rotated as if it stood at position {first}, that of the first one: each has its own"
    return [Route(problems=(_turned_alike,), is_whole=True, said=said)]


def _mirrored(problem: Problem) -> Problem:
    """Return the problem with pairs (a cos + b sin, a sin + b cos), which is no rotation."""
    rotation = need(problem.rotation)
    found = {}
    for name in ("queries", "keys"):
        rows = np.asarray(getattr(problem, name), np.float64)
        positions = np.arange(rows.shape[-2]) + (problem.visible.offsets[0] if name == "queries" else 0)
        turned: Any = rotation.apply(rows, positions)
        first = (..., rotation.pairing.first(rotation.size))
        turned[first] = rotation.backward(rows, positions)[first]
        found[name] = turned
    return replace(problem, rotation=None, **found)


def _unsigned(case: Case) -> list[Route]:
    if not _has_one_position(case):
        return []
    return [Route(problems=(_mirrored,), is_whole=True)]


def _values_too(case: Case) -> list[Route]:
    problem = case.problem
    if problem.rotation is None or problem.values is None or problem.rotation.size > (problem.d_v or 0):
        return []
    return [Route(problems=(partial(_turn, name="values"),))]


def _shifted(case: Case, shifts: tuple[int, ...] = ()) -> list[Route]:
    if not _has_one_position(case):
        return []
    first = case.problem.visible.offsets[0]
    return [
        Route(
            problems=(partial(_turned_sides, names=("queries", "keys"), by=by),),
            is_whole=True,
            said=f"query 0 was rotated as if it stood at position {first + by}: it stands at {first}",
        )
        for by in dict.fromkeys(shifts or (*SHIFTS, -first))
        if by
    ]


def _shifted_far(case: Case) -> list[Route]:
    first = 0 if case.problem.rotation is None else case.problem.visible.offsets[0]
    return [] if not first else _shifted(case, tuple(by for by in range(-FAR, FAR + 1) if by not in (*SHIFTS, -first)))


def _restarted(case: Case) -> list[Route]:
    """Return the routes in which the positions of the keys begin again at some key, as those of parts of a cache."""
    if not _has_one_position(case):
        return []
    m = case.m
    starts = range(1, m) if m <= FEW else [start for start in (8, 16, 32, 64, 128, 256, m // 2) if start < m]
    return [
        Route(
            problems=(partial(_turned_from, start=start),),
            is_whole=True,
            said=f"key {start} and those after it were rotated from position 0 on again: key j stands at position j",
        )
        for start in dict.fromkeys(starts)
    ]


def _turned_from(problem: Problem, start: int) -> Problem:
    rotation = need(problem.rotation)
    places = np.arange(problem.m)
    positions = np.where(places < start, places, places - start)
    keys: Any = rotation.apply(np.asarray(problem.keys, np.float64), positions)
    return _turned_sides(replace(problem, keys=keys), ("queries",))


def _other_base(case: Case) -> list[Route]:
    rotation = case.problem.rotation
    if rotation is None or rotation.size < 4:  # the first pair turns alike with any base
        return []
    exponents = {rotation.base**2: ", as of an exponent −4c/d", rotation.base**0.5: ", as of an exponent −c/d"}
    said = "the base of the rotary positions was {:.10g}{}: it is {:.10g}"
    routes = [
        Route(
            problems=(partial(_with_rotation, base=base),),
            said=said.format(base, exponents.get(base, ""), rotation.base),
        )
        for base in dict.fromkeys((*BASES, *exponents))
        if base != rotation.base
    ]
    if rotation.size < case.d_k:
        said = (
            f"the angles were position·{rotation.base:g}^(−2c/{case.d_k}), of all {case.d_k} columns: those of the "
            f"{rotation.size} that are rotated have −2c/{rotation.size}"
        )
        base = rotation.base ** (rotation.size / case.d_k)
        routes.insert(0, Route(problems=(partial(_with_rotation, base=base),), said=said))
    return routes


def _with_rotation(problem: Problem, **changes: float) -> Problem:
    return replace(problem, rotation=replace(need(problem.rotation), **changes))  # type: ignore[arg-type]


def _other_columns(case: Case) -> list[Route]:
    """Return the routes with all columns rotated, or the first half or quarter of them, as models have them."""
    rotation = case.problem.rotation
    if rotation is None:
        return []
    sizes = [case.d_k // part for part in (1, 2, 4) if case.d_k % (2 * part) == 0]
    return [
        Route(
            problems=(partial(_with_rotation, size=size),),
            said=f"the first {size} columns were rotated: the first {rotation.size} are",
        )
        for size in sizes
        if size != rotation.size
    ] + _last_columns(case)


def _last_columns(case: Case) -> list[Route]:
    rotation = case.problem.rotation
    if rotation is None or rotation.size == case.d_k:
        return []
    said = f"the last {rotation.size} columns were rotated: the first {rotation.size} are"
    return [Route(problems=(_with_last_first,), said=said)]


def _with_last_first(problem: Problem) -> Problem:
    """Return the problem with the columns that are rotated at the end, which scores do not depend on otherwise."""
    size = need(problem.rotation).size
    rows = {name: np.roll(getattr(problem, name), size, axis=-1) for name in ("queries", "keys")}
    return replace(problem, **rows)


def _other_factor(case: Case) -> list[Route]:
    """Return the routes with positions that are not divided by the scale of the positions, or multiplied by it, and
    with angles in degrees."""
    rotation = case.problem.rotation
    if rotation is None:
        return []
    degrees = Route(
        problems=(partial(_with_rotation, factor=rotation.factor * np.degrees(1)),),
        said="the angles were taken in degrees: they are in radians, the position times base^(−2c/d)",
    )
    if rotation.factor == 1:
        return [degrees]
    ways = {1.0: "not divided", 1 / rotation.factor: "multiplied"}
    return [degrees] + [
        Route(
            problems=(partial(_with_rotation, factor=factor),),
            said=f"the positions were {taken} by {rotation.factor:g} before the rotation: they are divided by it",
        )
        for factor, taken in ways.items()
    ]


def _reversed(case: Case) -> list[Route]:
    """Return the routes with the opposite angles for Q and K, or for one of them."""
    if case.problem.rotation is None:
        return []
    routes = [Route(problems=(_other_way,))]
    if len(case.problem.visible.offsets) == 1:
        routes += [
            Route(
                problems=(partial(_one_way, name=name, other=other),),
                is_whole=True,
                said=f"{letter} was rotated the other way, by minus the angle: Q and K are rotated alike",
            )
            for name, other, letter in (("queries", "keys", "Q"), ("keys", "queries", "K"))
        ]
    return routes


def _one_way(problem: Problem, name: str, other: str) -> Problem:
    turned = _turn(_other_way(problem), name)
    return _turned_sides(replace(turned, rotation=problem.rotation), (other,))


def _other_way(problem: Problem) -> Problem:
    return _with_rotation(problem, factor=-need(problem.rotation).factor)


def _slip(name: str, routes: Callable[[Case], list[Route]], said: str, *, paired: bool = False) -> Slip:
    return Slip(name, "stage", routes, said, paired=paired)


ROTATION_SLIPS = (
    _slip("rope-one-side", _one_side, "only one of Q and K was rotated", paired=True),
    _slip("rope-twice", _turned_twice, "the rows were rotated twice"),
    _slip(
        "rope-unsigned", _unsigned, "a pair (a, b) became (a cos + b sin, a sin + b cos): the first is a cos − b sin"
    ),
    _slip("rope-on-values", _values_too, "V was rotated too: only Q and K are", paired=True),
    _slip("rope-shifted", _alike, "the queries were rotated alike"),
    _slip("rope-shifted", _shifted, "the queries were rotated at other positions", paired=True),
    _slip("rope-shifted", _shifted_far, "the queries were rotated at other positions"),
    _slip("rope-shifted", _restarted, "the keys were rotated at other positions"),
    _slip(
        "rope-reversed",
        _reversed,
        "Q and K were rotated the other way, by minus the angle: (a, b) becomes (a cos − b sin, a sin + b cos)",
    ),
    _slip("rope-other-base", _other_base, "the rotary positions had another base"),
    _slip("rope-other-columns", _other_columns, "other columns were rotated"),
    _slip("rope-other-scale", _other_factor, "the positions were rotated with another scale"),
)
