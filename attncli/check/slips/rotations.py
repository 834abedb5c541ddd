"""Rotary positions of one side only, of the values too, at other positions, of other columns, or with another base or
scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need_values
from attncli.check.slips.slip import Slip
from attncli.problem.problem import Problem

BASES = (100.0, 1000.0, 1e4, 1e5, 5e5, 1e6)  # that models use
SHIFTS = (1, -1)


def _turn(problem: Problem, name: str, by: int = 0) -> Problem:
    """Return the problem with rotated queries, keys or values, `by` positions later than they stand."""
    assert problem.rotation is not None
    rows = need_values(problem) if name == "values" else getattr(problem, name)
    positions = np.arange(rows.shape[-2]) + by
    if name == "queries":
        positions = positions + problem.visible.offsets[0]
    turned: Any = problem.rotation.apply(np.asarray(rows, np.float64), positions)
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


def _values_too(case: Case) -> list[Route]:
    problem = case.problem
    if problem.rotation is None or problem.values is None or problem.rotation.size > (problem.d_v or 0):
        return []
    return [Route(problems=(partial(_turn, name="values"),))]


def _shifted(case: Case) -> list[Route]:
    if not _has_one_position(case):
        return []
    first = case.problem.visible.offsets[0]
    return [
        Route(
            problems=(partial(_turned_sides, names=("queries", "keys"), by=by),),
            is_whole=True,
            said=f"query 0 was rotated as if it stood at position {first + by}: it stands at {first}",
        )
        for by in dict.fromkeys((*SHIFTS, -first))
        if by
    ]


def _other_base(case: Case) -> list[Route]:
    rotation = case.problem.rotation
    if rotation is None or rotation.size < 4:  # the first pair turns alike with any base
        return []
    return [
        Route(
            problems=(partial(_with_rotation, base=base),),
            said=f"the base of the rotary positions was {base:.10g}: it is {rotation.base:.10g}",
        )
        for base in BASES
        if base != rotation.base
    ]


def _with_rotation(problem: Problem, **changes: float) -> Problem:
    assert problem.rotation is not None
    return replace(problem, rotation=replace(problem.rotation, **changes))  # type: ignore[arg-type]


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
    ]


def _other_factor(case: Case) -> list[Route]:
    """Return the routes with positions that are not divided by the scale of the positions, or multiplied by it."""
    rotation = case.problem.rotation
    if rotation is None or rotation.factor == 1:
        return []
    ways = {1.0: "not divided", 1 / rotation.factor: "multiplied"}
    return [
        Route(
            problems=(partial(_with_rotation, factor=factor),),
            said=f"the positions were {taken} by {rotation.factor:g} before the rotation: they are divided by it",
        )
        for factor, taken in ways.items()
    ]


def _other_way(problem: Problem) -> Problem:
    assert problem.rotation is not None
    return _with_rotation(problem, factor=-problem.rotation.factor)


def _slip(name: str, routes: Callable[[Case], list[Route]], said: str, evidence: float = 0.0) -> Slip:
    return Slip(name, "stage", routes, lambda _case: said, paired=not evidence, evidence=evidence)


ROTATION_SLIPS = (
    _slip("rope-one-side", _one_side, "only one of Q and K was rotated"),
    _slip("rope-on-values", _values_too, "V was rotated too: only Q and K are"),
    _slip("rope-shifted", _shifted, "the queries were rotated at other positions"),
    _slip(
        "rope-reversed",
        lambda case: [] if case.problem.rotation is None else [Route(problems=(_other_way,))],
        "Q and K were rotated the other way, by minus the angle: (a, b) becomes (a cos − b sin, a sin + b cos)",
        evidence=2.0,
    ),
    _slip("rope-other-base", _other_base, "the rotary positions had another base", evidence=2.0),
    _slip("rope-other-columns", _other_columns, "other columns were rotated", evidence=2.0),
    _slip("rope-other-scale", _other_factor, "the positions were rotated with another scale", evidence=2.0),
)
