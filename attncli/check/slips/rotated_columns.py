"""Rotated columns of one side that are written in another order, and rotations in half precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need
from attncli.check.slips.few_bits import is_near
from attncli.check.slips.slip import Slip
from attncli.check.tolerance.narrow import BITS, rounded
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem
    from attncli.stages.row_transforms import Rotation

Waves = Callable[["Rotation", "Array"], "tuple[Array, Array]"]  # cosines and sines (n, size/2) of positions (n,)


def _has_one_position(case: Case) -> bool:
    rotation = case.problem.rotation
    return rotation is not None and len(case.problem.visible.offsets) == 1


def _usual(rotation: Rotation, positions: Array) -> tuple[Array, Array]:
    angles = rotation.angles(positions)
    return np.cos(angles), np.sin(angles)


def _turned(problem: Problem, waves: Waves = _usual) -> dict[str, Array]:
    """Return Q and K, rotated."""
    rotation = need(problem.rotation)
    first, second = rotation.pairing.first(rotation.size), rotation.pairing.second(rotation.size)
    found = {}
    for name, start in (("queries", problem.visible.offsets[0]), ("keys", 0)):
        rows = np.asarray(getattr(problem, name), np.float64)
        cosine, sine = waves(rotation, np.arange(rows.shape[-2]) + start)
        turned = rows.copy()
        turned[..., first] = rows[..., first] * cosine - rows[..., second] * sine
        turned[..., second] = rows[..., first] * sine + rows[..., second] * cosine
        found[name] = turned
    return found


def _turn(problem: Problem, waves: Waves) -> Problem:
    found: dict[str, Any] = _turned(problem, waves)
    return replace(problem, rotation=None, **found)


def _written(problem: Problem, order: tuple[int, ...]) -> Problem:
    """Return the problem with the rotated columns of K in this order."""
    found: dict[str, Any] = _turned(problem)
    found["keys"] = found["keys"].copy()
    found["keys"][..., : len(order)] = found["keys"][..., list(order)]
    return replace(problem, rotation=None, **found)


def _other_orders(case: Case) -> list[Route]:
    """Return the routes in which one of Q and K has its rotated columns in the order of the other pairs."""
    if not _has_one_position(case):
        return []
    size = need(case.problem.rotation).size
    halves = np.arange(size).reshape(2, -1).T.ravel()  # 0, d/2, 1, …
    ways = {
        "with those of its two halves in turn": halves,
        "with the even ones before the odd ones": np.argsort(halves),
    }
    return [
        Route(
            problems=(partial(_written, order=tuple(order.tolist())),),
            is_whole=True,
            said=f"the columns of K were written {words} after the rotation: they keep their places, as those of Q do",
        )
        for words, order in ways.items()
    ]


def _narrow(rotation: Rotation, positions: Array, dtype: str, parts: tuple[str, ...]) -> tuple[Array, Array]:
    """Return cosines and sines with these parts rounded to the dtype."""
    keep = partial(rounded, dtype=dtype)
    speeds = rotation.angles(np.ones(1))[0]
    if "speeds" in parts:
        speeds = keep(speeds)
    angles = np.asarray(positions, np.float64)[:, None] * speeds
    if "angles" in parts:
        angles = keep(angles)
    waves = np.cos(angles), np.sin(angles)
    return (keep(waves[0]), keep(waves[1])) if "waves" in parts else waves


NARROWED = {
    "the angles of the rotary positions": ("angles",),
    "the frequencies and angles of the rotary positions": ("speeds", "angles"),
    "the frequencies of the rotary positions": ("speeds",),
    "the cosines and sines of the rotary positions": ("waves",),
    "the frequencies, angles, cosines and sines of the rotary positions": ("speeds", "angles", "waves"),
}


def _in_half_precision(case: Case) -> list[Route]:
    if not _has_one_position(case) or not is_near(case):
        return []
    return [
        Route(
            problems=(partial(_turn, waves=partial(_narrow, dtype=dtype, parts=parts)),),
            is_whole=True,
            said=f"{words} were rounded to {dtype}: float32 is expected",
        )
        for words, parts in NARROWED.items()
        for dtype in BITS
    ]


ROTATED_COLUMN_SLIPS = (
    Slip("columns-other-order", "stage", _other_orders, "the columns of K were reordered", paired=False),
    Slip(
        "lower-precision",
        "stage",
        _in_half_precision,
        "the rotation was in half precision",
        paired=False,
        is_slight=True,
        passes_easily=True,
    ),
)
