"""Which attempts the judges accept in all rows, with their own error bounds and enough evidence."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.report import worst
from attncli.check.search.attempts import SOME, Attempt, have_same_numbers, least_evidence
from attncli.check.search.sampling import Sample
from attncli.check.slips.case import Case
from attncli.check.steps import verdicts_of
from attncli.check.tolerance.measures import Measured
from attncli.errors import AttncliError
from attncli.matrix import Array
from attncli.records import record, replace

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.judged_block import JudgedBlock

PRINTED = 0.5  # units between a number and its print
NO_NUMBER = 100.0  # units in which a number differs from none
PART = 0.5  # of the change that a slip makes, which the expected numbers show at least
LAST = 8  # attempts whose verdicts are kept
LITTLE, MUCH = 0.01, 4.0  # mean square errors, in units, that say nothing, and how many times as much is much
SAME_SUM = 1e-9  # difference of two sums of weights that are the same but for our rounding


@record
class Found:
    """An attempt that reproduces the expected numbers."""

    attempt: Attempt
    verdict: str
    numbers: dict[str, Array]
    is_late: bool = False  # reported after single cells and fitted numbers
    may_be_chance: bool = False  # as one of all ways that were tried
    has_evidence: bool = True
    may_be_told: bool = False  # where nothing else explains the numbers
    rest: float = 0.0  # mean square, in units, of what it leaves of the errors that a tolerance allows


def confirm(attempts: list[Attempt], case: Case, sample: Sample, may_be: list[Found] | None = None) -> list[Found]:
    """Return the attempts whose numbers the judges accept, in all rows and with their own bounds.

    Their numbers must differ from the right ones in a wrong matrix and, for two slips, enough to rule out a
    coincidence. Added to `may_be` are those with less evidence, to be told where nothing else explains the numbers.
    """
    found: list[Found] = []
    slight: list[Found] = []
    judged = Judged()
    for attempt in attempts:
        if not sample.may_be(attempt.route, attempt.numbers) or not sample.differs(attempt.numbers):
            continue
        confirmed = _judge(attempt, case, least_evidence(sample.ways), judged)
        if confirmed is not None:
            (found if confirmed.has_evidence else slight).append(confirmed)
    if may_be is not None:
        may_be += [each for each in slight if each.may_be_told]
    return found + [own for each in slight for own in _with_evidence_of(found, each)]


def _with_evidence_of(found: list[Found], slight: Found) -> list[Found]:
    """Return what has too little evidence by itself as found if something that was found gives the same numbers."""
    alike = (each for each in found if have_same_numbers(each.numbers, slight.numbers))
    return [
        replace(slight, is_late=each.is_late, may_be_chance=each.may_be_chance, has_evidence=True)
        for each in islice(alike, 1)
    ]


def measure(attempt: Attempt, case: Case, *, is_tried: bool = False) -> Measured | None:
    """Return the numbers of an attempt in all rows, with their bounds, or None if it is not possible in all rows."""
    try:
        route = attempt.route.present_by(case.right.route.present)
        return Measured(route, case.request, tuple(case.judges), case.right.halves, is_tried=is_tried)
    except (AttncliError, ValueError):
        return None


class Judged:
    """The verdicts of the last attempts, for those that give the same numbers, as other offsets that hide nothing."""

    def __init__(self) -> None:
        self._last: deque[tuple[Mapping[str, Array], dict[str, str]]] = deque(maxlen=LAST)

    def verdicts(self, case: Case, measured: Measured) -> dict[str, str]:
        """Return the verdict of each matrix."""
        for numbers, verdicts in self._last:
            if all(np.array_equal(numbers[name], measured.numbers[name], equal_nan=True) for name in case.judges):
                return verdicts
        self._last.append((measured.numbers, verdicts_of(case.judges, measured)))
        return self._last[-1][1]


def _judge(attempt: Attempt, case: Case, sure: float, judged: Judged) -> Found | None:
    """Return what was found if the judges accept the numbers, and whether with as much evidence as the attempt needs.
    With less than `sure` digits it may be chance."""
    measured = measure(attempt, case, is_tried=True)
    if measured is None or any(name not in measured.numbers for name in case.judges):
        return None
    verdicts = judged.verdicts(case, measured)
    rest = None if "wrong" in verdicts.values() else _rest(case, measured)
    if rest is None:
        return None
    least, fitted = max(attempt.least, case.least), max(each.fitted for each in attempt.slips)
    evidence = _evidence(case, measured, fitted, dict.fromkeys(case.wrong, 1.0))
    is_single = len(attempt.slips) == 1
    is_thin = evidence < least and not (
        is_single and attempt.slips[0].follows_print and all(verdicts[name] == "exact" for name in case.wrong)
    )
    may_be_told = is_thin and is_single and not case.least
    may_be_told = may_be_told and _evidence(case, measured, fitted, _units_of_prints(case, measured)) >= least - SOME
    return Found(
        attempt,
        worst(list(verdicts.values())),
        measured.numbers,
        is_late=is_thin or any(each.is_late for each in attempt.slips),
        may_be_chance=evidence < sure,
        has_evidence=not is_thin or (attempt.slips[0].is_slight and may_be_told),
        may_be_told=may_be_told,
        rest=rest,
    )


def nearest_first(found: list[Found]) -> list[Found]:
    """Return the same, those that leave much more of the errors than the best one after the others."""
    least = max(min((each.rest for each in found), default=0), LITTLE)
    return sorted(found, key=lambda each: (each.is_late, each.rest > MUCH * least))


def _rest(case: Case, measured: Measured) -> float | None:
    """Return the mean square, in units, of the errors that these numbers leave where a tolerance is given, or None
    unless every wrong matrix is off from the right one in their direction, by half of the way at least. Errors of
    another kind, which a wide tolerance lets pass, are not."""
    left, cells = 0.0, 0
    for name in case.wrong:
        mine, way, total = measured.numbers[name], 0.0, 0.0
        if mine.shape != case.right.numbers[name].shape:
            continue
        for block in case.judges[name].blocks(case.right):
            change, given = (each - block.computed for each in (mine[block.where], block.expected))
            is_finite = np.isfinite(change) & np.isfinite(given)
            units = np.where(is_finite & (block.scale > 0), block.scale, np.inf)
            change, given = (np.where(is_finite, each, 0) / units for each in (change, given))
            way, total = way + float((change * given).sum()), total + float((change**2).sum())
            if case.judges[name].tolerance is not None:
                left, cells = left + float(((given - change) ** 2).sum()), cells + change.size
        if way < PART * total:
            return None
    return left / max(cells, 1)


def _units_of_prints(case: Case, measured: Measured) -> dict[str, float]:
    """Return by matrix how far the expected numbers are from these at most, in units: half a unit if they are a print
    of them, up to one."""
    farthest = {}
    for name in case.wrong:
        mine, judge = measured.numbers[name], case.judges[name]
        units = (_units_between(block.expected, mine[block.where], block) for block in judge.blocks(case.right))
        farthest[name] = min(1.0, max((float(each.max(initial=PRINTED)) for each in units), default=PRINTED))
    return farthest


def _evidence(case: Case, measured: Measured, fitted: int, units: dict[str, float]) -> float:
    """Return in how many decimal digits, over all cells of each matrix but the `fitted` ones, these numbers differ from
    the right ones. Digits are counted from so many units on, by matrix."""
    return sum(
        _digits_apart(case.judges[name], measured.numbers[name], case.right, fitted, least)
        for name, least in units.items()
    )


def _digits_apart(judge: Judge, mine: Array, right: Measured, fitted: int, least: float) -> float:
    """Return the sum over the cells but the `fitted` largest ones of the digits, from `least` units on, in which two
    results differ."""
    if mine.shape != right.numbers[judge.name].shape:
        return np.inf
    total, largest = 0.0, np.zeros(0)
    for block in judge.blocks(right):
        own = mine[block.where]
        are_alike = np.isfinite(own) == np.isfinite(block.computed)
        off = np.where(are_alike, _units_between(block.computed, own, block), NO_NUMBER)
        digits = np.log10(np.fmax(off / least, 1))
        if judge.name == "weights" and digits.shape[-1]:
            digits = np.where(_follow_from_others(digits, own, block.computed), 0, digits)
        total += float(digits.sum())
        largest = np.sort(np.append(largest, digits))[::-1][:fitted]
    return total - float(largest.sum())


def _follow_from_others(digits: Array, own: Array, computed: Array) -> Array:
    """Return which weights follow from the others: the visible one that differs least, of each row that has the same
    sum in both."""
    with np.errstate(invalid="ignore"):
        have_same_sum = np.abs((own - computed).sum(axis=-1)) < SAME_SUM
    are_free = (own != 0) | (computed != 0)  # a masked weight follows from no others
    least = np.where(are_free, digits, np.inf).argmin(axis=-1)[..., None]
    follow: Array = have_same_sum[..., None] & (np.arange(digits.shape[-1]) == least)
    return follow


def _units_between(one: Array, two: Array, block: JudgedBlock) -> Array:
    """Return how many units of a digit are between two numbers, or 0 unless both are finite."""
    with np.errstate(all="ignore"):
        units = np.abs(one - two) / block.scale
    return np.where(np.isfinite(one) & np.isfinite(two), np.nan_to_num(units), 0)
