"""Which slip, or which two together, reproduce the expected numbers: each is tried with the tolerance of the check."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.case import Case
from attncli.check.measures import Measured
from attncli.check.report import Explanation, worst
from attncli.check.routes import RIGHT, Route
from attncli.check.sampling import Sample
from attncli.check.slips import SLIPS, Slip
from attncli.errors import AttncliError
from attncli.records import record

if TYPE_CHECKING:
    from attncli.check.judging import Judge
    from attncli.request import Worksheet

Array = np.ndarray

EVIDENCE = 4.0  # decimal digits in which the numbers of two slips must differ from the right ones to be believed


@record
class Attempt:
    """One way to make one slip, or two: its name, and the numbers that it gives where the sample looks."""

    slips: tuple[Slip, ...]
    route: Route
    seen: dict[str, Array]

    @property
    def name(self) -> str:
        return "+".join(slip.name for slip in self.slips)


@record
class Found:
    """An attempt that reproduces the expected numbers."""

    attempt: Attempt
    verdict: str
    explains: tuple[str, ...]
    numbers: dict[str, Array]


def diagnose(
    worksheet: Worksheet, judges: dict[str, Judge], right: Measured, wrong: list[str]
) -> tuple[Explanation, ...]:
    """Single slips in their order; only where there is none, pairs. The same numbers make one entry."""
    case = Case(worksheet.request, right.problem, judges, tuple(wrong))
    sample = Sample(judges, right, wrong)
    singles = [
        attempt for slip in SLIPS for route in slip.routes(case) for attempt in _attempt((slip,), route, case, sample)
    ]
    found = _confirmed(singles, case, right, sample)
    if not found:
        effective = _distinct([attempt for attempt in singles if sample.differs(attempt.seen)])
        found = _confirmed(_pairs(effective, case, sample), case, right, sample)
    return _told(found, case)


def _attempt(slips: tuple[Slip, ...], route: Route, case: Case, sample: Sample) -> list[Attempt]:
    """The attempt, or nothing where it can't be made: shapes that don't fit, a system that has not the thing."""
    try:
        return [Attempt(slips, route, sample.numbers(route, case.request))]
    except (AttncliError, ValueError):
        return []


def _confirmed(attempts: list[Attempt], case: Case, right: Measured, sample: Sample) -> list[Found]:
    """The attempts whose numbers the judges accept, whole and with their own bounds. They have to say something else
    than the right way about a wrong matrix, and two slips enough that it is no accident."""
    found = []
    for attempt in attempts:
        if not sample.may_be(attempt.seen) or not sample.differs(attempt.seen):
            continue
        confirmed = _judged(attempt, case, right)
        if confirmed is not None:
            found.append(confirmed)
    return found


def _judged(attempt: Attempt, case: Case, right: Measured) -> Found | None:
    try:
        measured = Measured(attempt.route, case.request, tuple(case.judges), right.halves)
    except (AttncliError, ValueError):
        return None
    verdicts = {}
    for name, judge in case.judges.items():
        if name not in measured.numbers:
            return None
        verdicts[name] = judge.verdict(measured)
        if verdicts[name] == "wrong":
            return None
    if len(attempt.slips) > 1 and _evidence(case, measured, right) < EVIDENCE:
        return None
    return Found(attempt, worst(list(verdicts.values())), case.wrong, measured.numbers)


def _evidence(case: Case, measured: Measured, right: Measured) -> float:
    """In how many decimal digits, over all cells, these numbers differ from the right ones."""
    total = 0.0
    for name in case.wrong:
        mine, theirs = measured.numbers[name], right.numbers[name]
        if mine.shape != theirs.shape:
            return np.inf
        with np.errstate(all="ignore"):
            apart = np.abs(mine - theirs) / case.judges[name].scale(theirs, right)
            digits = np.log10(apart)
        total += float(np.where(np.isfinite(digits) & (digits > 0), digits, 0).sum())
        total += float((np.isfinite(mine) != np.isfinite(theirs)).sum())
    return total


def _distinct(attempts: list[Attempt]) -> list[Attempt]:
    """The first of those that give the same numbers."""
    kept: list[Attempt] = []
    for attempt in attempts:
        if not any(_same(attempt.seen, other.seen) for other in kept):
            kept.append(attempt)
    return kept


def _pairs(singles: list[Attempt], case: Case, sample: Sample) -> list[Attempt]:
    """Two slips of different families, made in the order of their stages."""
    pairs = []
    for place, first in enumerate(singles):
        for second in singles[place + 1 :]:
            one, two = first.slips[0], second.slips[0]
            if one.family == two.family:
                continue
            route = _joined(*sorted((first, second), key=lambda attempt: attempt.slips[0].stage))
            pairs += _attempt((one, two), route, case, sample)
    return pairs


def _joined(first: Attempt, second: Attempt) -> Route:
    one, two = first.route, second.route
    return Route(
        requests=one.requests + two.requests,
        problems=one.problems + two.problems,
        softmax=two.softmax if one.softmax == RIGHT.softmax else one.softmax,
        unseen=two.unseen if one.softmax == RIGHT.softmax else one.unseen,
        scale_after=one.scale_after or two.scale_after,
        weigh=two.weigh if one.weigh is None else one.weigh,
    )


def _same(one: dict[str, Array], two: dict[str, Array]) -> bool:
    """Whether two ways give the same numbers, but for the rounding of our own arithmetic."""
    return one.keys() == two.keys() and all(
        one[name].shape == two[name].shape and np.allclose(one[name], two[name], rtol=1e-10, atol=1e-13, equal_nan=True)
        for name in one
    )


def _told(found: list[Found], case: Case) -> tuple[Explanation, ...]:
    """One entry for each set of numbers, under its first name."""
    groups: list[list[Found]] = []
    for each in found:
        group = next((group for group in groups if _same(group[0].numbers, each.numbers)), None)
        if group is None:
            groups.append([each])
        else:
            group.append(each)
    entries: list[Explanation] = []
    for group in groups:
        first = group[0]
        names = list(dict.fromkeys(each.attempt.name for each in group))
        if any(entry.slip == names[0] for entry in entries):  # another way to make the same slip
            continue
        sentences = [slip.sentence(case) for slip in first.attempt.slips]
        sentence = "; and ".join(sentences)
        entries.append(
            Explanation(
                slip=names[0], also=tuple(names[1:]), verdict=first.verdict, explains=first.explains, sentence=sentence
            )
        )
    return tuple(_without_repeats(entries))


def _without_repeats(entries: list[Explanation]) -> list[Explanation]:
    """A slip that heads an entry, or stood in an earlier one's `also`, is not named again."""
    told: set[str] = set()
    kept = []
    for entry in entries:
        if entry.slip in told:
            continue
        also = tuple(name for name in entry.also if name not in told)
        told |= {entry.slip, *also}
        kept.append(replace(entry, also=also))
    return kept
