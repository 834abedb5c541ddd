"""The search for the slip, or the two together, that reproduce the expected numbers within the tolerance of the
check."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations, permutations, product
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.report import Diagnosis, worst
from attncli.check.routes import Route
from attncli.check.search.cells import diagnose_cells, diagnose_impossible, diagnose_precision
from attncli.check.search.constants import fitted_constants
from attncli.check.search.descales import diagnose_gate, fitted_descales, fitted_head_scales
from attncli.check.search.fitted import (
    FITTED_NUMBERS,
    fitted_factors,
    fitted_number,
    fitted_sink,
    fitted_sinks,
)
from attncli.check.search.misread_inputs import misread_entries
from attncli.check.search.pages import misread_pages
from attncli.check.search.parts import find_part
from attncli.check.search.sampling import Sample, are_same
from attncli.check.search.unasked_masks import unasked_masks
from attncli.check.slips.case import Case
from attncli.check.slips.rounded_weights import decimals_of_output
from attncli.check.slips.slip import Slip
from attncli.check.slips.table import SLIPS
from attncli.check.steps import verdicts_of
from attncli.check.tolerance.measures import Measured
from attncli.errors import AttncliError
from attncli.inputs.request import GRADIENT_NAMES
from attncli.matrix import Array
from attncli.records import record, replace

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.inputs.request import Request

SOME = 1.0  # decimal digits in which the numbers of a slip must differ from the right ones, of a single way to make it
IN_PART = 3.0  # as many for one in a part of the rows, which is chosen too
NO_NUMBER = 100.0  # units in which a number differs from none
LAYOUTS = ("heads", "result")  # families whose slips put right numbers elsewhere
MOST_NAMES = 24  # of a pair
SAME_SUM = 1e-9  # difference of two sums of weights that are the same but for our rounding
# families of slips that may be none by themselves, and those that make them slips: the problem's own scale is wrong for
# another score, rounding scores without decimals is wrong if another scale gave them some, leaving a scale of 1 out of
# a gradient is wrong if it is another one, and what a mask hides other masks may hide too
MADE_BY = {
    "scale": ("score",),
    "weights": ("scale", "score"),
    "rounding": ("scale", "score"),
    "gradient scale": ("system", "score", "scale"),
    "mask": ("seen",),
    "seen": ("mask",),
}
MASKS = {"mask", "seen"}
MATRICES_OF = {"keys", "values", "queries"}  # families that put other matrices in the place of Q, K and V
MANY_DIGITS = 1e5  # units in the largest number of a matrix
CERTAIN, LIKELY = 6.0, 2.0  # digits in which printed numbers are those of a dtype

Said = str | Callable[[], str]


@record
class Attempt:
    """One way to make one or two slips: its name, and its numbers in the rows of the sample."""

    slips: tuple[Slip, ...]
    route: Route
    seen: Mapping[str, Array]
    said: tuple[Said, ...]  # by route, for slips whose sentence cannot contain what was found
    parts: tuple[Attempt, ...] = ()  # the attempts at each of two slips
    least: float = 0.0  # digits of evidence that it needs

    def sentence(self, case: Case) -> str:
        """Return what was done, for each slip."""
        told = [said() if callable(said) else said for said in self.said]
        return "; and ".join(said or slip.sentence(case) for slip, said in zip(self.slips, told, strict=True))

    @property
    def name(self) -> str:
        return "+".join(slip.name for slip in self.slips)


@record
class Found:
    """An attempt that reproduces the expected numbers."""

    attempt: Attempt
    verdict: str
    numbers: dict[str, Array]
    is_late: bool = False  # told after single cells and fitted numbers
    may_be_chance: bool = False  # as one of all ways that were tried


@np.errstate(all="ignore")  # a slip may overflow, or divide by 0
def diagnose(
    request: Request,
    judges: dict[str, Judge],
    right: Measured,
    wrong: list[str],
    verdicts: dict[str, str],
    *,
    is_rounded: bool,
    least: float = 0.0,
    pairs: bool = True,
) -> tuple[Diagnosis, ...]:
    """Return the slips that explain the numbers.

    Single slips are tried in order. If there is none, single cells, single slips in a part of the rows, a fitted
    factor, and, with `pairs`, two slips are tried. If there is none of these, general findings are returned, unless
    the numbers are right with fewer digits (`is_rounded`). Slips that give the same numbers share an entry. Late ones,
    and those with thin evidence, come after single cells and fitted numbers.
    """
    case = Case(request, right.problem, judges, tuple(wrong), right, least)
    if not any(judges[name].expected.any() for name in wrong):  # zeros prove nothing
        return ()
    sample = Sample(judges, right, wrong)
    singles = _try_slips(SLIPS, case, sample)
    found = sorted(_confirm(singles, case, right, sample), key=lambda each: each.is_late)
    if found and not found[0].is_late:
        is_alone = any(each.attempt.slips[0].paired for each in found) or _has_many_digits(case)
        if sample.rows is None and not is_alone:  # a number that fits may agree with few digits too
            found += _confirm(_try_numbers(case, sample), case, right, sample)
        return _make_entries(found, case)
    late, found = found, []
    own = replace(case, wrong=tuple(name for name in wrong if verdicts[name] == "wrong"))
    if said := diagnose_precision(case, right, evidence=CERTAIN):
        return said
    if said := diagnose_cells(own, right):
        return said + _make_entries(late, case) + diagnose_precision(case, right, evidence=LIKELY)
    found = _confirm(
        _try_in_part(case, singles, sample) + _try_on_the_way_back(case, singles, sample), case, right, sample
    )
    if found and not found[0].is_late:
        return _make_entries(found, case)
    late += found
    if sample.rows is not None or any(_fits(attempt.seen, judges) for attempt in singles):
        found = _confirm(_try_fitted(case, sample), case, right, sample)
        # a number that fits may stand for a slip with the steps after it rounded by hand
        if pairs and not late and (not found or decimals_of_output(case) is not None):
            paired = [attempt for attempt in singles if attempt.slips[0].paired]
            groups = _group([attempt for attempt in paired if sample.differs(attempt.seen)])
            two = _confirm(_pairs(paired, groups, case, sample), case, right, sample)
            found += two + _confirm(_other_names(two, groups, case, sample), case, right, sample)
        if not found and not late:  # other sums, whatever made them
            found = _confirm(_try_slips(fitted_factors(case, "row"), case, sample), case, right, sample)
    entries = _make_entries(found + late, case)
    if entries or is_rounded:
        return entries
    return diagnose_precision(case, right) or diagnose_gate(case) or diagnose_impossible(case, right)


def _has_many_digits(case: Case) -> bool:
    """Return whether a wrong matrix has so many digits that no fitted number agrees with them beside the slip that made
    it."""
    return any(case.judges[name].largest >= MANY_DIGITS * case.judges[name].unit for name in case.wrong)


def _try_in_part(case: Case, singles: list[Attempt], sample: Sample) -> list[Attempt]:
    """Return single slips in the only rows that are wrong, if these are a part of a small problem."""
    part = find_part(case) if sample.rows is None else None
    if part is None:
        return []
    is_one_row = int(part.rows.sum()) == 1  # which single scores, sums and terms explain better
    tried = [attempt for attempt in singles if _is_tried_in_part(attempt.slips[0], is_one_row=is_one_row)]
    tried = [attempt for attempt in tried if part.fits(attempt.seen, sample.names)]
    least = least_evidence(len(tried), IN_PART)
    attempts = []
    for attempt in tried:
        said = partial(_told_in_part, attempt, part.words, case)
        attempts += try_route(attempt.slips, part.route(attempt.seen), case, sample, (said,), least)
    return attempts


def _is_tried_in_part(slip: Slip, *, is_one_row: bool) -> bool:
    if is_one_row and slip.family in LAYOUTS:
        return False  # in one row another layout is a copy of another row, or of numbers from several
    return not slip.is_late and (slip.paired or not (slip.fitted or is_one_row))


def _try_on_the_way_back(case: Case, singles: list[Attempt], sample: Sample) -> list[Attempt]:
    """Return single slips of the forward pass that only the gradients have, if only these are wrong."""
    forward = {name: sample.right.numbers[name] for name in case.judges if name not in GRADIENT_NAMES}
    if not forward or any(name in forward for name in case.wrong) or sample.rows is not None:
        return []
    tried = [
        attempt
        for attempt in singles
        if attempt.slips[0].paired
        and not attempt.slips[0].family.startswith("gradient")
        and all(name in attempt.seen for name in case.wrong)
    ]
    least = least_evidence(len(tried))
    attempts = []
    for attempt in tried:
        route = attempt.route.present_by(partial(_keep_forward, forward=forward))
        said = partial(_told_in_part, attempt, "on the way back", case)
        attempts += try_route(attempt.slips, route, case, sample, (said,), least)
    return attempts


def _keep_forward(name: str, array: Array, forward: dict[str, Array]) -> Array:
    return forward.get(name, array)


def _told_in_part(attempt: Attempt, words: str, case: Case) -> str:
    return f"only {words}: {attempt.sentence(case)}"


def _try_fitted(case: Case, sample: Sample) -> list[Attempt]:
    """Return masks that are not asked for, the numbers of stages that fit best, one for all or one for each head, and
    the inputs that do."""
    masks, numbers = _try_slips(unasked_masks(case), case, sample), _try_numbers(case, sample)
    fitted = [fitted_sinks(case), fitted_head_scales(case), fitted_descales(case), misread_pages(case)]
    fitted += [*misread_entries(case), *fitted_factors(case, "head", "column", "columns of the head")]
    fitted += fitted_constants(case)
    return masks + numbers + _try_slips([slip for slip in fitted if slip is not None], case, sample)


def _try_numbers(case: Case, sample: Sample) -> list[Attempt]:
    """Return the numbers of stages, each one for all heads, that fit best."""
    fitted = [fitted_number(case, sample, number) for number in FITTED_NUMBERS]
    return _try_slips([slip for slip in (*fitted, fitted_sink(case, sample)) if slip is not None], case, sample)


def _try_slips(slips: Sequence[Slip], case: Case, sample: Sample) -> list[Attempt]:
    """Return the attempts at each way to make these slips.

    Those that need evidence need it by the number of all ways, with those that were tried before, and of those from
    which a way was chosen. Slight ones need it by the number of their own ways, and late ones by that of late ones,
    which are tried for want of others.
    """
    routes = [(slip, slip.routes(case)) for slip in slips]
    late = sum(len(own) for slip, own in routes if slip.is_late)
    sample.ways += sum(len(own) for _, own in routes) - late
    attempts = []
    for slip, own in routes:
        ways = len(own) if slip.is_slight else late if slip.is_late else sample.ways
        for route in own:
            least = least_evidence(ways + route.tried) if slip.needs_evidence else 0.0
            attempts += try_route((slip,), route, case, sample, (route.said,), least)
    return attempts


def least_evidence(ways: float, least: float = SOME) -> float:
    """Return the digits of evidence that rule out a coincidence if so many ways are tried: by chance, one of ten times
    as many ways agrees with one digit more."""
    return least + math.log10(max(ways, 1))


def _fits(seen: Mapping[str, Array], judges: dict[str, Judge]) -> bool:
    """Return whether the numbers have the expected shapes."""
    return all(name in seen and seen[name].shape == judge.expected.shape for name, judge in judges.items())


def try_route(
    slips: tuple[Slip, ...], route: Route, case: Case, sample: Sample, said: tuple[Said, ...], least: float = 0.0
) -> list[Attempt]:
    """Return the attempt, or nothing if it is not possible: shapes that do not fit, or a feature that a system
    lacks."""
    seen = route.present_by(sample.right.route.present)
    try:
        return [Attempt(slips, route, sample.numbers(seen, case.request), said, least=least)]
    except (AttncliError, ValueError, IndexError):
        return []


def _confirm(attempts: list[Attempt], case: Case, right: Measured, sample: Sample) -> list[Found]:
    """Return the attempts whose numbers the judges accept, in all rows and with their own bounds.

    Their numbers must differ from the right ones in a wrong matrix and, for two slips, enough to rule out a
    coincidence.
    """
    found = []
    for attempt in attempts:
        if not sample.may_be(attempt.seen) or not sample.differs(attempt.seen):
            continue
        confirmed = _judge(attempt, case, right, least_evidence(sample.ways))
        if confirmed is not None:
            found.append(confirmed)
    return found


def _judge(attempt: Attempt, case: Case, right: Measured, sure: float) -> Found | None:
    """Return what was found if the judges accept the numbers, with as much evidence as the attempt needs. With less
    than `sure` digits it may be chance."""
    try:
        route = attempt.route.present_by(right.route.present)
        measured = Measured(route, case.request, tuple(case.judges), right.halves, is_tried=True)
    except (AttncliError, ValueError):
        return None
    if any(name not in measured.numbers for name in case.judges):
        return None
    verdicts = verdicts_of(case.judges, measured)
    if "wrong" in verdicts.values():
        return None
    slip, least = attempt.slips[0], max(attempt.least, case.least)
    fitted = max(each.fitted for each in attempt.slips)
    evidence = _evidence(case, measured, right, fitted)
    may_be_thin = len(attempt.slips) == 1 and slip.is_slight and not case.least
    if evidence < (least - SOME if may_be_thin else least):
        return None
    is_late = evidence < least or any(each.is_late for each in attempt.slips)
    return Found(attempt, worst(list(verdicts.values())), measured.numbers, is_late, evidence < sure)


def _evidence(case: Case, measured: Measured, right: Measured, fitted: int = 0) -> float:
    """Return in how many decimal digits, over all cells but the `fitted` ones, these numbers differ from the right
    ones."""
    return sum(_digits_apart(case.judges[name], measured.numbers[name], right, fitted) for name in case.wrong)


def _digits_apart(judge: Judge, mine: Array, right: Measured, fitted: int) -> float:
    """Return the sum over the cells but the `fitted` largest ones of the digits in which two results differ.

    In a row of weights that has the same sum in both, the visible cell that differs least follows from the others.
    """
    if mine.shape != right.numbers[judge.name].shape:
        return np.inf
    total, largest = 0.0, [0.0] * fitted
    for block in judge.blocks(right):
        own = mine[block.where]
        with np.errstate(all="ignore"):
            # in units of a digit
            off = np.abs(own - block.computed) / block.scale
            times = np.where(np.isfinite(own) == np.isfinite(block.computed), off, NO_NUMBER)
            digits = np.log10(np.fmax(times, 1))
            if judge.name == "weights" and digits.shape[-1]:
                has_same_sum = np.abs((own - block.computed).sum(axis=-1)) < SAME_SUM
                is_free = (own != 0) | (block.computed != 0)  # a masked weight follows from no others
                least = np.where(is_free, digits, np.inf).argmin(axis=-1)[..., None]
                follows = has_same_sum[..., None] & (np.arange(digits.shape[-1]) == least)
                digits = np.where(follows, 0, digits)
        digits = np.sort(digits, axis=None)
        kept = max(0, len(digits) - fitted)
        total += float(digits[:kept].sum())
        largest = sorted([*largest, *digits[kept:].tolist()])
        total, largest = total + sum(largest[: len(largest) - fitted]), largest[len(largest) - fitted :]
    return total


def _group(attempts: list[Attempt]) -> list[list[Attempt]]:
    """Group the attempts that give the same numbers, in the order of the first of each group. Those that give nothing
    but 0 and NaN, or get there by another way from scores to weights, have nothing else in common."""
    groups: list[list[Attempt]] = []
    for attempt in attempts:
        is_any = any(bool((np.nan_to_num(array) != 0).any()) for array in attempt.seen.values())
        alike = (group for group in groups if is_any and _normalizing(attempt) == _normalizing(group[0]))
        group = next((group for group in alike if _are_same(attempt.seen, group[0].seen)), None)
        if group is None:
            groups.append([attempt])
        else:
            group.append(attempt)
    return groups


def _normalizing(attempt: Attempt) -> tuple[str, str, bool]:
    route = attempt.route
    return route.softmax, str(route.unseen), route.scale_after  # as a text, because NaN is not equal to itself


def _other_names(found: list[Found], groups: list[list[Attempt]], case: Case, sample: Sample) -> list[Attempt]:
    """Return the pairs that were found, with other slips that give the same numbers by themselves."""
    others = {id(attempt): group for group in groups for attempt in group}
    attempts = []
    for each in found:
        one, two = (_first_of_each_name([part, *others.get(id(part), ())]) for part in each.attempt.parts)
        # other names of one slip beside the first of the other come before other names of both
        places = sorted(product(range(len(one)), range(len(two))), key=lambda pair: 0 not in pair)
        for first, second in places[1:MOST_NAMES]:
            joined = _join_attempts(one[first], two[second], case, sample)
            attempts += [replace(attempt, least=each.attempt.least) for attempt in joined]
    return attempts


def _first_of_each_name(attempts: list[Attempt]) -> list[Attempt]:
    """Return the first attempt of each name, in their order."""
    found: dict[str, Attempt] = {}
    for attempt in attempts:
        found.setdefault(attempt.name, attempt)
    return list(found.values())


def _pairs(singles: list[Attempt], groups: list[list[Attempt]], case: Case, sample: Sample) -> list[Attempt]:
    """Return two slips of different families, made in the order of their stages: the first of two groups that are of
    different families, or one that is none by itself with one that may make it one. Masks, and rounded steps, that are
    alike by themselves may differ beside another slip."""
    differing = {id(attempt) for group in groups for attempt in group}
    first_ones = {id(group[0]): group for group in groups}
    tried = [each for each in singles if id(each) in first_ones or id(each) not in differing]
    hidden = _hidden_by_masks([each for each in tried if id(each) not in first_ones], singles, case, sample)
    pairs = []
    for first, second in combinations(tried, 2):
        both = permutations((first, second))
        if all(id(each) in first_ones or _is_made_by(each, other, hidden, case) for each, other in both):
            alike = (first_ones.get(id(each), [each]) for each in (first, second))
            apart = [(one, two) for one, two in product(*alike) if one.slips[0].family != two.slips[0].family]
            for one, two in apart[:1] + [pair for pair in apart[1:] if _may_differ(pair, apart[0])]:
                pairs += _join_attempts(one, two, case, sample)
    least = least_evidence(len(pairs))
    return [replace(pair, least=least) for pair in pairs if sample.may_be(pair.seen)]


def _may_differ(pair: tuple[Attempt, Attempt], first: tuple[Attempt, Attempt]) -> bool:
    """Return whether a pair may give other numbers than the first one, each of whose slips is alike by itself: another
    mask where one is left out, or steps that are rounded beside the same slip."""
    families = {each.slips[0].family for each in pair}
    return families == MASKS or ("rounding" in families and any(map(operator.is_, pair, first)))


def _is_made_by(without_effect: Attempt, other: Attempt, hidden: set[int], case: Case) -> bool:
    """Return whether what is no slip by itself may be one together with the other."""
    own, family = without_effect.slips[0].family, other.slips[0].family
    is_behind_top_k = case.problem.top_k is not None and own in MASKS and family == "stage"
    return family in MADE_BY.get(own, ()) or (family in MASKS and id(without_effect) in hidden) or is_behind_top_k


def _hidden_by_masks(without_effect: list[Attempt], singles: list[Attempt], case: Case, sample: Sample) -> set[int]:
    """Return which of the attempts have an effect if all masks are left out, by their ids."""
    free = next((each for each in singles if each.slips[0].name == "no-mask"), None)
    if free is None:
        return set()
    return {
        id(each)
        for each in without_effect
        if each.slips[0].family not in MASKS
        and any(not _are_same(pair.seen, free.seen) for pair in _join_attempts(each, free, case, sample))
    }


def _join_attempts(first: Attempt, second: Attempt, case: Case, sample: Sample) -> list[Attempt]:
    """Return both slips together, if they are of different families, in either order if both change the weights or
    both change the matrices."""
    (one,), (two,) = first.slips, second.slips
    if one.family == two.family:
        return []
    earlier, later = sorted((first, second), key=lambda attempt: attempt.slips[0].stage)
    orders = [(earlier, later)]
    both_weights = earlier.route.reweigh is not None and later.route.reweigh is not None
    if both_weights or {one.family, two.family} <= MATRICES_OF:
        orders.append((later, earlier))
    return [
        replace(attempt, parts=(first, second))
        for before, after in orders
        for attempt in try_route((one, two), before.route.then(after.route), case, sample, (*first.said, *second.said))
    ]


def _are_same(one: Mapping[str, Array], two: Mapping[str, Array]) -> bool:
    return one.keys() == two.keys() and all(are_same(one[name], two[name]) for name in one)


def _make_entries(found: list[Found], case: Case) -> tuple[Diagnosis, ...]:
    """Return one entry for each set of numbers, under the first name that no earlier entry has."""
    groups: list[list[Found]] = []
    for each in found:
        group = next((group for group in groups if _are_same(group[0].numbers, each.numbers)), None)
        if group is None:
            groups.append([each])
        else:
            group.append(each)
    entries: list[Diagnosis] = []
    told: set[str] = set()
    for group in groups:
        fresh = [each.attempt for each in group if each.attempt.name not in told]
        if fresh:
            slip, *also = dict.fromkeys(attempt.name for attempt in fresh)
            sentence = fresh[0].sentence(case)
            verdict = group[0].verdict
            entries.append(
                Diagnosis(
                    slip=slip,
                    also=tuple(also),
                    verdict=verdict,
                    explains=case.wrong,
                    sentence=sentence,
                    may_be_chance=group[0].may_be_chance,
                )
            )
            told |= {slip, *also}
    return tuple(entries)
