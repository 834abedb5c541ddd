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


def _rounded_weights(case: Case) -> list[Route]:
    """Return the routes with the printed weights times V, and with the right ones rounded to a few decimals, fewer than
    those that are printed."""
    printed = case.judges.get("weights")
    if "output" in case.judges and printed is not None:
        return [Route(weigh=lambda _weights: printed.expected), *_rounded(case, round_cells, "rounded to {}")]
    return _rounded(case, round_cells, "rounded to {}")


def _shortened_weights(case: Case) -> list[Route]:
    """Return the routes with the right weights shortened in another way than by rounding each."""
    return [
        *_rounded(case, _cut_cells, "cut off after {}"),
        *_rounded(case, _round_rows, "rounded to {} so that each row keeps its sum"),
    ]


def _rounded(case: Case, way: Callable[..., Array], words: str) -> list[Route]:
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
        if claims is None or decimals < (claims.decimals or 0)
    ]


def round_cells(array: Array, decimals: int) -> Array:
    """Return the numbers rounded to some decimals."""
    return np.round(array, decimals)


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
        _rounded_weights,
        lambda _case: "your output is the weights as they are printed times V: multiply V by the weights in full",
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
