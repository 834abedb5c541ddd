"""Which attempts the judges accept in all rows, with their own error bounds and enough evidence."""

from __future__ import annotations

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


def confirm(attempts: list[Attempt], case: Case, sample: Sample, may_be: list[Found] | None = None) -> list[Found]:
    """Return the attempts whose numbers the judges accept, in all rows and with their own bounds.

    Their numbers must differ from the right ones in a wrong matrix and, for two slips, enough to rule out a
    coincidence. Added to `may_be` are those with less evidence, to be told where nothing else explains the numbers.
    """
    found: list[Found] = []
    slight: list[Found] = []
    for attempt in attempts:
        if not sample.may_be(attempt.numbers) or not sample.differs(attempt.numbers):
            continue
        confirmed = _judge(attempt, case, least_evidence(sample.ways))
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


def _judge(attempt: Attempt, case: Case, sure: float) -> Found | None:
    """Return what was found if the judges accept the numbers, and whether with as much evidence as the attempt needs.
    With less than `sure` digits it may be chance."""
    measured = measure(attempt, case, is_tried=True)
    if measured is None or any(name not in measured.numbers for name in case.judges):
        return None
    verdicts = verdicts_of(case.judges, measured)
    if "wrong" in verdicts.values():
        return None
    slip, least = attempt.slips[0], max(attempt.least, case.least)
    fitted = max(each.fitted for each in attempt.slips)
    evidence = _evidence(case, measured, fitted)
    may_be_told = len(attempt.slips) == 1 and not case.least and evidence < least
    may_be_told = may_be_told and _evidence(case, measured, fitted, by_print=True) >= least - SOME
    return Found(
        attempt,
        worst(list(verdicts.values())),
        measured.numbers,
        is_late=evidence < least or any(each.is_late for each in attempt.slips),
        may_be_chance=evidence < sure,
        has_evidence=evidence >= least or (slip.is_slight and may_be_told),
        may_be_told=may_be_told,
    )


def _evidence(case: Case, measured: Measured, fitted: int, *, by_print: bool = False) -> float:
    """Return in how many decimal digits, over all cells but the `fitted` ones, these numbers differ from the right
    ones. Digits are counted from one unit on, or `by_print` from half a unit if that is as near as the expected numbers
    are to these."""
    pairs = [(case.judges[name], measured.numbers[name]) for name in case.wrong]
    return sum(_digits_apart(judge, mine, case.right, fitted, by_print=by_print) for judge, mine in pairs)


def _digits_apart(judge: Judge, mine: Array, right: Measured, fitted: int, *, by_print: bool) -> float:
    """Return the sum over the cells but the `fitted` largest ones of the digits in which two results differ.

    In a row of weights that has the same sum in both, the visible cell that differs least follows from the others.
    """
    if mine.shape != right.numbers[judge.name].shape:
        return np.inf
    room, total, largest = 1.0, 0.0, [0.0] * fitted
    if by_print:
        farthest = (_units_between(block.expected, mine[block.where], block) for block in judge.blocks(right))
        room = min(room, max((float(each.max(initial=PRINTED)) for each in farthest), default=PRINTED))
    for block in judge.blocks(right):
        own = mine[block.where]
        are_alike = np.isfinite(own) == np.isfinite(block.computed)
        off = np.where(are_alike, _units_between(block.computed, own, block), NO_NUMBER)
        digits = np.log10(np.fmax(off / room, 1))
        if judge.name == "weights" and digits.shape[-1]:
            with np.errstate(invalid="ignore"):
                have_same_sum = np.abs((own - block.computed).sum(axis=-1)) < SAME_SUM
            are_free = (own != 0) | (block.computed != 0)  # a masked weight follows from no others
            least = np.where(are_free, digits, np.inf).argmin(axis=-1)[..., None]
            follow = have_same_sum[..., None] & (np.arange(digits.shape[-1]) == least)
            digits = np.where(follow, 0, digits)
        digits = np.sort(digits, axis=None)
        kept = max(0, len(digits) - fitted)
        total += float(digits[:kept].sum())
        largest = sorted([*largest, *digits[kept:].tolist()])
        total, largest = total + sum(largest[: len(largest) - fitted]), largest[len(largest) - fitted :]
    return total


def _units_between(one: Array, two: Array, block: JudgedBlock) -> Array:
    """Return how many units of a digit are between two numbers, or 0 unless both are finite."""
    with np.errstate(all="ignore"):
        units = np.abs(one - two) / block.scale
    return np.where(np.isfinite(one) & np.isfinite(two), np.nan_to_num(units), 0)
