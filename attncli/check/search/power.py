"""Slips whose numbers would pass a check too, which shows that passing it proves little, and what would tell them
apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.search.attempts import Attempt, try_route
from attncli.check.search.confirmation import measure
from attncli.check.search.sampling import Sample, are_same
from attncli.check.slips.case import Case
from attncli.check.slips.table import SLIPS
from attncli.check.tolerance.measures import Measured
from attncli.matrix import Array
from attncli.records import record
from attncli.variants import CONSTANT

if TYPE_CHECKING:
    from attncli.check.judge import Judge

HALVES = ("float16", "bfloat16")  # in which weights are rounded when all is right
WEAK = ("last-digit", *HALVES, "input-rounding", "step-rounding", "within-tolerance")
DIGITS = 1e5  # units of the largest number from which on a print has many digits
UNIFORM = f"variant-{CONSTANT}"  # listed first, because it shows most clearly that the check is weak
MOST = 1 << 22  # weights of a problem on which slips are tried
MOST_NARROW = 1 << 18  # in half precision, where each slip takes several computations
LEAST = 1e-12  # relative to the largest number: smaller differences are not told apart
ROOM = 2.0  # times the error of the expected numbers that a narrower tolerance still allows


@record
class Power:
    """The slips that would have passed for one matrix, and how to tell them from the right numbers, or ""."""

    slips: tuple[str, ...]
    tighter: str


@np.errstate(all="ignore")  # a slip may overflow, or divide by 0
def would_also_pass(judges: dict[str, Judge], verdicts: dict[str, str], right: Measured) -> dict[str, Power]:
    """Return the slips that would have passed as well, for each matrix that passes by a tolerance or few digits."""
    problem = right.problem
    weak = [name for name, judge in judges.items() if _is_weak(judge, verdicts[name])]
    most = MOST_NARROW if any(judges[name].narrow for name in weak) else MOST
    if not weak or problem.parts * problem.n * problem.m > most:
        return {}
    case = Case(judges, tuple(weak), right)
    sample = Sample(case)
    attempts = [
        attempt
        for slip in SLIPS
        if not slip.fitted and not slip.passes_easily
        for route in slip.routes(case)
        for attempt in try_route((slip,), route, sample, (route.said,))
        if sample.differs(attempt.numbers)
    ]
    found: dict[str, dict[str, float]] = {name: {} for name in weak}
    for attempt in attempts:
        names = [name for name in weak if verdicts[name] not in HALVES or attempt.slips[0].family != "rounding"]
        for name, apart in _passing(attempt, names, case, sample).items():
            found[name][attempt.name] = min(apart, found[name].get(attempt.name, math.inf))
    return {
        name: Power(
            tuple(sorted(slips, key=lambda slip: slip != UNIFORM)),
            _tighten(judges[name], verdicts[name], min(slips.values()), right),
        )
        for name, slips in found.items()
        if slips
    }


def _tighten(judge: Judge, verdict: str, apart: float, right: Measured) -> str:
    """Return the tolerance, or the decimals, that tell the right numbers from slips whose largest difference from them
    is `apart` or more, or "" if nothing does."""
    numbers = right.numbers[judge.name]
    finite = np.isfinite(numbers) & np.isfinite(judge.expected)
    if verdict in HALVES or not apart > LEAST * np.abs(numbers[finite]).max(initial=0):
        return ""
    if judge.tolerance is None:
        decimals = math.ceil(-math.log10(apart / 2))  # a slip is then two units or more off in some cell
        return f"{decimals} decimals would tell them apart" if 0 < decimals <= 15 else ""
    error = float(np.abs(judge.expected - numbers)[finite].max(initial=0))
    narrower = float(f"{apart / 4:.0e}")
    return f"--atol {narrower:g} would tell them apart" if narrower > ROOM * error else ""


def _is_weak(judge: Judge, verdict: str) -> bool:
    if verdict == "wrong":
        return False
    if judge.claims is None or verdict in WEAK:
        return judge.tolerance is not None or verdict in WEAK
    unit = judge.claims.extremes.largest
    return unit > 0 and judge.largest < DIGITS * unit


def _passing(attempt: Attempt, weak: list[str], case: Case, sample: Sample) -> dict[str, float]:
    """Return the matrices in which the attempt's numbers differ from the right ones and would pass, each with the
    largest difference."""
    names = [name for name in weak if name in attempt.numbers and sample.is_near(name, attempt.numbers[name])]
    right = case.right
    measured = measure(attempt, case) if names else None
    if measured is None:
        return {}
    return {
        name: _largest_difference(measured.numbers[name], right.numbers[name])
        for name in names
        if name in measured.numbers
        and not are_same(measured.numbers[name], right.numbers[name])
        and case.judges[name].verdict(measured) != "wrong"
    }


def _largest_difference(mine: Array, theirs: Array) -> float:
    finite = np.isfinite(mine) & np.isfinite(theirs)
    return float(np.abs(mine - theirs)[finite].max(initial=0))
