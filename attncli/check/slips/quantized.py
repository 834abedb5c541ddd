"""Matrices in int8 or uint8 that wrapped around, or whose zero point was left out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.few_bits import AXES, SIDES
from attncli.check.slips.slip import Slip
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

Axes = tuple[int, ...] | None
STEPS = 255  # of uint8, from its least to its largest number
HALF = 128  # the zero point of numbers of both signs in uint8


def _scale_of(array: Array, axes: Axes, largest: int) -> Array:
    scale: Array = np.abs(array).max(axis=axes, keepdims=True) / largest
    return np.where(scale > 0, scale, 1)


def _wrapped(array: Array, axes: Axes) -> Array:
    """Return numbers with a scale that takes the largest of them to 128, which int8 holds as −128."""
    scale = _scale_of(array, axes, HALF)
    found: Array = ((np.round(array / scale) + HALF) % (2 * HALF) - HALF) * scale
    return found


def _without_least(array: Array, axes: Axes) -> Array:
    """Return numbers of uint8 from the least to the largest, without the zero point that makes them signed."""
    least = array.min(axis=axes, keepdims=True)
    step = (array.max(axis=axes, keepdims=True) - least) / STEPS
    found: Array = np.round((array - least) / np.where(step > 0, step, 1)) * step
    return found


def _without_half(array: Array, axes: Axes) -> Array:
    """Return numbers of uint8 around 128, which was not subtracted."""
    scale = _scale_of(array, axes, HALF - 1)
    found: Array = (np.round(array / scale) + HALF) * scale
    return found


WAYS: dict[str, Callable[[Array, Axes], Array]] = {
    "kept in int8 with {}, whose largest number, 128, wrapped around to −128: full numbers are expected": _wrapped,
    "kept in uint8 with {} from the least to the largest number, and the zero point was not subtracted": _without_least,
    "kept in uint8 with {} and the zero point 128, which was not subtracted": _without_half,
}


def _change(problem: Problem, names: tuple[str, ...], keep: Callable[[Array, Axes], Array], axes: Axes) -> Problem:
    return replace(problem, **{name: keep(np.asarray(getattr(problem, name), np.float64), axes) for name in names})  # type: ignore[arg-type]


def _quantized(case: Case) -> list[Route]:
    """Return the routes with matrices in int8 or uint8 that are not taken back to what they were."""
    if case.problem.values is None:
        return []
    return [
        Route(
            problems=(partial(_change, names=names, keep=keep, axes=axes),),
            said=f"{letters} {'was' if len(names) == 1 else 'were'} {words.format(scale)}",
        )
        for words, keep in WAYS.items()
        for scale, axes in AXES.items()
        for letters, names in SIDES.items()
    ]


QUANTIZED_SLIPS = (Slip("few-bits", "values", _quantized, "few bits were kept", paired=False, passes_easily=True),)
