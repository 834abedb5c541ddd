"""Weights that are rounded before they are multiplied by V."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip

if TYPE_CHECKING:
    from attncli.matrix import Array

ROUNDINGS = (1, 2, 3, 4)  # decimals to which weights are rounded by hand
HALF = 1e-9  # units by which a number that is stored as less may be a half


def _rounded_as_printed(case: Case) -> list[Route]:
    """Return the route with the printed weights times V or, without any, the right ones rounded to as many decimals as
    the output shows."""
    printed = case.judges.get("weights")
    if "output" in case.judges and printed is not None:
        return [Route(weigh=lambda _weights: printed.expected)]
    return _rounded(case, round_cells, "rounded to {}", kept=lambda decimals: decimals == decimals_of_output(case))


def _rounded_weights(case: Case) -> list[Route]:
    """Return the routes with the right weights rounded to a few decimals, fewer than those that are printed."""
    return _rounded(case, round_cells, "rounded to {}", kept=lambda decimals: decimals != decimals_of_output(case))


def decimals_of_output(case: Case) -> int | None:
    """Return the decimals that the output is printed with, where it alone is given: those of hand work, or None."""
    output = case.judges.get("output")
    is_alone = output is not None and not {"scores", "weights"} & case.judges.keys()
    decimals = output.claims.decimals if output is not None and is_alone and output.claims is not None else None
    return decimals if decimals in ROUNDINGS else None


def _shortened_weights(case: Case) -> list[Route]:
    """Return the routes with the right weights shortened in another way than by rounding each."""
    return [
        *_rounded(case, _cut_cells, "cut off after {}"),
        *_rounded(case, _round_rows, "rounded to {} so that each row keeps its sum"),
    ]


def _rounded(
    case: Case, way: Callable[..., Array], words: str, kept: Callable[[int], bool] = lambda _: True
) -> list[Route]:
    """Return the routes with the right weights changed in this way, to each number of decimals that is `kept`."""
    printed = case.judges.get("weights")
    if "output" not in case.judges or "weights" in case.wrong:
        return []
    claims = None if printed is None else printed.claims
    if printed is not None and (claims is None or claims.decimals is None):
        return []
    told = f"your output is the weights, {words} first, times V: multiply V by the weights in full"
    return [
        Route(
            weigh=partial(way, decimals=decimals),
            said=told.format("1 decimal" if decimals == 1 else f"{decimals} decimals"),
        )
        for decimals in ROUNDINGS
        if kept(decimals) and (claims is None or decimals < (claims.decimals or 0))
    ]


def round_cells(array: Array, decimals: int) -> Array:
    """Return the numbers rounded to some decimals."""
    return np.round(array, decimals)


def round_by_hand(array: Array, decimals: int) -> Array:
    """Return the numbers rounded to some decimals, halves away from 0."""
    unit = 10.0**decimals
    found: Array = np.copysign(np.floor(np.abs(array) * unit + 0.5 + HALF), array) / unit
    return found


def _cut_cells(array: Array, decimals: int) -> Array:
    """Return the numbers without the decimals after the first few, toward 0."""
    unit = 10.0**-decimals
    return np.round(np.trunc(array / unit) * unit, decimals)


def _round_rows(array: Array, decimals: int) -> Array:
    """Return each row cut off after some decimals, and its largest remainders rounded up until the row has its sum."""
    unit = 10.0**-decimals
    cut = _cut_cells(array, decimals)
    missing = np.rint((array - cut).sum(axis=-1, keepdims=True) / unit)
    places = np.argsort(np.argsort(cut - array, axis=-1, kind="stable"), axis=-1, kind="stable")
    return np.where(places < missing, np.round(cut + unit, decimals), cut)


ROUNDING_SLIPS = (
    Slip(
        "rounded-weights",
        "rounding",
        _rounded_as_printed,
        lambda _case: "your output is the weights as they are printed times V: multiply V by the weights in full",
        is_slight=True,
    ),
    Slip(
        "rounded-weights",
        "rounding",
        _rounded_weights,
        lambda _case: "your output is rounded weights times V: multiply V by the weights in full",
        is_slight=True,
    ),
    Slip(
        "rounded-weights",
        "rounding",
        _shortened_weights,
        lambda _case: "your output is shortened weights times V: multiply V by the weights in full",
        paired=False,
        is_slight=True,
    ),
)
