"""The search for the slip, or the two together, that reproduce the expected numbers within the tolerance of the
check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.check.report import Diagnosis
from attncli.check.search.attempts import Attempt, group_alike, have_same_numbers, try_slips
from attncli.check.search.cells import diagnose_cells, diagnose_impossible, diagnose_precision
from attncli.check.search.confirmation import Found, confirm, nearest_first
from attncli.check.search.constants import fitted_constants
from attncli.check.search.descales import diagnose_gate, fitted_descales, fitted_head_scales
from attncli.check.search.fitted_factors import fitted_factors
from attncli.check.search.fitted_numbers import FITTED_NUMBERS, fitted_number
from attncli.check.search.fitted_sinks import fitted_sink, fitted_sinks
from attncli.check.search.misread_inputs import misread_entries
from attncli.check.search.pages import misread_pages
from attncli.check.search.pairs import group_attempts, try_other_names, try_pairs
from attncli.check.search.parts import try_in_part, try_on_the_way_back
from attncli.check.search.refused_routes import RefusedRoutes
from attncli.check.search.sampling import Sample
from attncli.check.search.unasked_masks import unasked_masks
from attncli.check.slips.case import Case
from attncli.check.slips.rounded_weights import decimals_of_output
from attncli.check.slips.table import SLIPS
from attncli.check.tolerance.measures import Measured
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.check.judge import Judge

MANY_DIGITS = 1e5  # units in the largest number of a matrix
CERTAIN, LIKELY = 6.0, 2.0  # digits in which printed numbers are those of a dtype


@np.errstate(all="ignore")  # a slip may overflow, or divide by 0
def diagnose(
    judges: dict[str, Judge],
    right: Measured,
    wrong: list[str],
    verdicts: dict[str, str],
    *,
    is_rounded: bool,
    least: float = 0.0,
    pairs: bool = True,
    refused: RefusedRoutes | None = None,
) -> tuple[Diagnosis, ...]:
    """Return the slips that explain the numbers.

    Single slips are tried in order. If there is none, single cells, single slips in a part of the rows, a fitted
    factor, and, with `pairs`, two slips are tried. If there is none of these, general findings are returned, unless
    the numbers are right with fewer digits (`is_rounded`). Slips that give the same numbers share an entry. Late ones,
    and those with thin evidence, come after single cells and fitted numbers. Routes that were `refused` by one of these
    matrices before are not tried again in pairs.
    """
    case = Case(judges, tuple(wrong), right, least)
    if not any(judges[name].expected.any() for name in wrong):  # zeros prove nothing
        return ()
    sample = Sample(case, refused)
    singles = try_slips(SLIPS, case, sample)
    may_be: list[Found] = []
    found = sorted(confirm(singles, case, sample, may_be), key=lambda each: each.is_late)
    if found and not found[0].is_late:
        is_alone = any(each.attempt.slips[0].paired for each in found) or _has_many_digits(case)
        if sample.rows is None and not is_alone:  # a number that fits may agree with few digits too
            found += confirm(_try_numbers(case, sample), case, sample)
        return _make_entries(found, case)
    late, found = found, []
    own = replace(case, wrong=tuple(name for name in wrong if verdicts[name] == "wrong"))
    if said := diagnose_precision(case, evidence=CERTAIN):
        return said
    if said := diagnose_cells(own):
        return said + _make_entries(late, case) + diagnose_precision(case, evidence=LIKELY)
    found = confirm(try_in_part(case, singles, sample) + try_on_the_way_back(case, singles, sample), case, sample)
    if found and not found[0].is_late:
        return _make_entries(found, case)
    late += found
    if sample.rows is not None or any(attempt.fits(judges) for attempt in singles):
        found = confirm(_try_fitted(case, sample), case, sample, None if may_be else may_be)
        # a number that fits may stand for a slip with the steps after it rounded by hand
        if pairs and not late and (not found or decimals_of_output(case) is not None):
            paired = [attempt for attempt in singles if attempt.slips[0].paired]
            groups = group_attempts([attempt for attempt in paired if sample.differs(attempt.numbers)])
            two = confirm(try_pairs(paired, groups, case, sample), case, sample)
            found += two + confirm(try_other_names(two, groups, sample), case, sample)
        if not found and not late:  # other sums, whatever made them
            found = confirm(try_slips(fitted_factors(case, "row"), case, sample), case, sample)
    entries = _make_entries(found + late, case)
    if entries or is_rounded:
        return entries
    if told := _make_entries(may_be, case):
        return told
    return diagnose_precision(case) or diagnose_gate(case) or diagnose_impossible(case)


def _has_many_digits(case: Case) -> bool:
    """Return whether a wrong matrix has so many digits that no fitted number agrees with them beside the slip that made
    it."""
    return any(case.judges[name].largest >= MANY_DIGITS * case.judges[name].unit for name in case.wrong)


def _try_fitted(case: Case, sample: Sample) -> list[Attempt]:
    """Return masks that are not asked for, the numbers of stages that fit best, one for all or one for each head, and
    the inputs that do."""
    masks, numbers = try_slips(unasked_masks(case), case, sample), _try_numbers(case, sample)
    fitted = [fitted_sinks(case), fitted_head_scales(case), fitted_descales(case), misread_pages(case)]
    fitted += [*misread_entries(case), *fitted_factors(case, "head", "column", "columns of the head")]
    fitted += fitted_constants(case)
    return masks + numbers + try_slips([slip for slip in fitted if slip is not None], case, sample)


def _try_numbers(case: Case, sample: Sample) -> list[Attempt]:
    """Return the numbers of stages, each one for all heads, that fit best."""
    fitted = [fitted_number(case, sample, number) for number in FITTED_NUMBERS]
    return try_slips([slip for slip in (*fitted, fitted_sink(case, sample)) if slip is not None], case, sample)


def _make_entries(found: list[Found], case: Case) -> tuple[Diagnosis, ...]:
    """Return one entry for each set of numbers, under the first name that no earlier entry has."""
    entries: list[Diagnosis] = []
    named: set[str] = set()
    for group in group_alike(nearest_first(found), lambda one, two: have_same_numbers(one.numbers, two.numbers)):
        unnamed = [each.attempt for each in group if each.attempt.name not in named]
        if unnamed:
            slip, *also = dict.fromkeys(attempt.name for attempt in unnamed)
            entry = Diagnosis(
                slip=slip,
                also=tuple(also),
                verdict=group[0].verdict,
                explains=case.wrong,
                sentence=unnamed[0].sentence(case),
                may_be_chance=group[0].may_be_chance,
            )
            entries.append(entry)
            named |= {slip, *also}
    return tuple(entries)
