"""Weights that are rounded before they are multiplied by V, alone or with the steps before them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case, listed
from attncli.check.slips.slip import Slip
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array

ROUNDINGS = (1, 2, 3, 4)  # decimals to which weights are rounded by hand
LARGEST = 600.0  # scores whose exponentials are taken as they are
HALF = 1e-9  # units by which a number that is stored as less may be a half


def _as_printed(case: Case) -> list[Route]:
    """Return the route with the printed weights times V."""
    printed = case.judges.get("weights")
    if "output" not in case.judges or printed is None:
        return []
    return [Route(weigh=lambda _weights: printed.expected)]


def _rounded_as_output(case: Case) -> list[Route]:
    """Return the route with the right weights, where none are printed, rounded to as many decimals as the output
    shows."""
    if "weights" in case.judges:
        return []
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
            said=told.format(count_decimals(decimals)),
        )
        for decimals in ROUNDINGS
        if kept(decimals) and (claims is None or decimals < (claims.decimals or 0))
    ]


def count_decimals(decimals: int) -> str:
    """Return "2 decimals", or "whole numbers" for none."""
    return "whole numbers" if decimals == 0 else "1 decimal" if decimals == 1 else f"{decimals} decimals"


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


# steps before the weights too

STEPS = ("scores", "exponentials", "weights")
TWO_STEPS = (STEPS[1:], STEPS[::2], STEPS[:2])


def _rounded_steps(case: Case) -> list[Route]:
    """Return the route with every step rounded to the decimals of an output whose steps are not given."""
    decimals = decimals_of_output(case)
    return [] if decimals is None else _rounded_together(case, (decimals,), (STEPS,))


def _some_rounded_steps(case: Case) -> list[Route]:
    """Return the routes with two steps rounded to these decimals, and all of them to others."""
    decimals = decimals_of_output(case)
    others = tuple(each for each in ROUNDINGS if each != decimals)
    two_steps = [] if decimals is None else _rounded_together(case, (decimals,), TWO_STEPS)
    return two_steps + _rounded_together(case, others, (STEPS,))


def _rounded_together(case: Case, ways: tuple[int, ...], steps: tuple[tuple[str, ...], ...]) -> list[Route]:
    problem, given = case.problem, case.judges
    if problem.normalizer is not SOFTMAX or problem.sink is not None or "output" not in given:
        return []
    if {"scores", "weights"} & given.keys():
        return []
    return [
        Route(
            rescore=partial(_round_scores, decimals=decimals, names=names),
            weigh=partial(round_by_hand, decimals=decimals) if "weights" in names else None,
            said=(
                f"the {listed(list(names))} were rounded to {count_decimals(decimals)} on the way: keep more of their "
                "digits"
            ),
        )
        for decimals in ways
        for names in steps
    ]


@np.errstate(all="ignore")
def _round_scores(scores: Array, decimals: int, names: tuple[str, ...]) -> Array:
    if "scores" in names:
        scores = round_by_hand(scores, decimals)
    if "exponentials" in names:
        scores = np.log(round_by_hand(np.exp(np.minimum(scores, LARGEST)), decimals))
    return scores


ROUNDING_SLIPS = (
    Slip(
        "rounded-weights",
        "rounding",
        _as_printed,
        "your output is the weights as they are printed times V: multiply V by the weights in full",
        is_slight=True,
        follows_print=True,
    ),
    Slip(
        "rounded-weights",
        "rounding",
        _rounded_as_output,
        "your output is rounded weights times V: multiply V by the weights in full",
        is_slight=True,
    ),
    Slip(
        "rounded-weights",
        "rounding",
        _rounded_weights,
        "your output is rounded weights times V: multiply V by the weights in full",
        is_slight=True,
    ),
    Slip(
        "rounded-weights",
        "rounding",
        _shortened_weights,
        "your output is shortened weights times V: multiply V by the weights in full",
        paired=False,
        is_slight=True,
    ),
    Slip(
        "rounded-steps",
        "rounding",
        _rounded_steps,
        "several steps were rounded",
        is_slight=True,
        passes_easily=True,
    ),
    Slip(
        "rounded-steps",
        "rounding",
        _some_rounded_steps,
        "several steps were rounded",
        paired=False,
        is_slight=True,
        passes_easily=True,
    ),
)
