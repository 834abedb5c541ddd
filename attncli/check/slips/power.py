"""Slips whose numbers would pass a check too, which shows that passing it proves little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.check.slips.case import Case
from attncli.check.slips.diagnosis import Attempt, try_route
from attncli.check.slips.sampling import Sample, are_same
from attncli.check.slips.table import SLIPS
from attncli.check.tolerance.measures import Measured
from attncli.errors import AttncliError
from attncli.variants import CONSTANT

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.inputs.request import Worksheet

Array = np.ndarray

WEAK = ("last-digit", "float16", "bfloat16", "input-rounding", "step-rounding", "within-tolerance")
DIGITS = 1e5  # units of the largest number from which on a print has many digits
UNIFORM = f"variant-{CONSTANT}"  # listed first, because it shows most clearly that the check is weak
MOST = 1 << 22  # weights of a problem on which slips are tried
MOST_NARROW = 1 << 18  # in half precision, where each slip takes several computations


@np.errstate(all="ignore")  # a slip may overflow, or divide by 0
def would_also_pass(
    worksheet: Worksheet, judges: dict[str, Judge], verdicts: dict[str, str], right: Measured
) -> dict[str, tuple[str, ...]]:
    """Return the slips that would have passed as well, for each matrix that passes by a tolerance or few digits."""
    problem = right.problem
    weak = [name for name, judge in judges.items() if _is_weak(judge, verdicts[name])]
    most = MOST_NARROW if any(judges[name].narrow for name in weak) else MOST
    if not weak or problem.parts * problem.n * problem.m > most:
        return {}
    case = Case(worksheet.request, problem, judges, tuple(weak))
    sample = Sample(judges, right, weak)
    attempts = [
        attempt
        for slip in SLIPS
        if not slip.fitted
        for route in slip.routes(case)
        for attempt in try_route((slip,), route, case, sample, (route.said,))
        if sample.differs(attempt.seen)
    ]
    found: dict[str, dict[str, None]] = {name: {} for name in weak}
    for attempt in attempts:
        for name in _passing(attempt, weak, case, sample, right):
            found[name][attempt.name] = None
    return {name: tuple(sorted(slips, key=lambda slip: slip != UNIFORM)) for name, slips in found.items() if slips}


def _is_weak(judge: Judge, verdict: str) -> bool:
    if verdict == "wrong":
        return False
    if judge.claims is None or verdict in WEAK:
        return judge.tolerance is not None or verdict in WEAK
    sizes = np.abs(judge.expected[np.isfinite(judge.expected)])
    unit = float(judge.claims.unit.max(initial=0))
    return unit > 0 and float(sizes.max(initial=0)) < DIGITS * unit


def _passing(attempt: Attempt, weak: list[str], case: Case, sample: Sample, right: Measured) -> list[str]:
    """Return the matrices in which the attempt's numbers differ from the right ones and would pass."""
    names = [name for name in weak if name in attempt.seen and sample.is_near(name, attempt.seen[name])]
    if not names:
        return []
    try:
        route = attempt.route.present_by(right.route.present)
        measured = Measured(route, case.request, tuple(case.judges), right.halves)
    except (AttncliError, ValueError):
        return []
    return [
        name
        for name in names
        if name in measured.numbers
        and not are_same(measured.numbers[name], right.numbers[name])
        and case.judges[name].verdict(measured) != "wrong"
    ]
