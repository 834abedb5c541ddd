"""Two slips together: which of them are tried, and the other names that they have."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from itertools import combinations, permutations, product

import numpy as np

from attncli.check.routes import Route
from attncli.check.search.attempts import Attempt, group_alike, have_same_numbers, least_evidence, try_route
from attncli.check.search.confirmation import Found
from attncli.check.search.sampling import Sample
from attncli.check.slips.case import Case
from attncli.records import replace

MOST_NAMES = 24  # of a pair
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


def group_attempts(attempts: list[Attempt]) -> list[list[Attempt]]:
    """Group the attempts that give the same numbers, in the order of the first of each group. Those that give nothing
    but 0 and NaN, or get there by another way from scores to weights, have nothing else in common."""
    return group_alike(attempts, _are_alike)


def _are_alike(one: Attempt, two: Attempt) -> bool:
    if _weighing(one) != _weighing(two) or not have_same_numbers(one.numbers, two.numbers):
        return False
    return any(bool((np.nan_to_num(array) != 0).any()) for array in one.numbers.values())


def _weighing(attempt: Attempt) -> tuple[str, str, bool]:
    route = attempt.route
    return route.softmax, str(route.unseen), route.scale_after  # as a text, because NaN is not equal to itself


def try_other_names(found: list[Found], groups: list[list[Attempt]], sample: Sample) -> list[Attempt]:
    """Return the pairs that were found, with other slips that give the same numbers by themselves."""
    others = {id(attempt): group for group in groups for attempt in group}
    attempts = []
    for each in found:
        one, two = (_first_of_each_name([part, *others.get(id(part), ())]) for part in each.attempt.parts)
        # other names of one slip beside the first of the other come before other names of both
        places = sorted(product(range(len(one)), range(len(two))), key=lambda pair: 0 not in pair)
        for first, second in places[1:MOST_NAMES]:
            joined = _join_attempts(one[first], two[second], sample)
            attempts += [replace(attempt, least=each.attempt.least) for attempt in joined]
    return attempts


def _first_of_each_name(attempts: list[Attempt]) -> list[Attempt]:
    """Return the first attempt of each name, in their order."""
    found: dict[str, Attempt] = {}
    for attempt in attempts:
        found.setdefault(attempt.name, attempt)
    return list(found.values())


def try_pairs(singles: list[Attempt], groups: list[list[Attempt]], case: Case, sample: Sample) -> list[Attempt]:
    """Return two slips of different families, made in the order of their stages: the first of two groups that are of
    different families, or one that is none by itself with one that may make it one. Masks, and rounded steps, that are
    alike by themselves may differ beside another slip."""
    differing = {id(attempt) for group in groups for attempt in group}
    first_ones = {id(group[0]): group for group in groups}
    tried = [each for each in singles if id(each) in first_ones or id(each) not in differing]
    hidden = _hidden_by_masks([each for each in tried if id(each) not in first_ones], singles, sample)
    pairs = [
        (one, two, route)
        for one, two in _choose_pairs(tried, first_ones, hidden, case)
        if sample.is_quick(one.route) and sample.is_quick(two.route)
        for route in _join_routes(one, two)
    ]
    ways, near = 0, {}
    for place in _by_base(pairs):
        one, two, route = pairs[place]
        is_known = sample.has_refused(route)
        attempts = [] if is_known else _try_pair(one, two, route, sample)
        ways += is_known + len(attempts)
        near[place] = [attempt for attempt in attempts if sample.may_be(route, attempt.numbers)]
    least = least_evidence(ways)
    return [replace(attempt, least=least) for place in sorted(near) for attempt in near[place]]


def _by_base(pairs: list[tuple[Attempt, Attempt, Route]]) -> list[int]:
    """Return the places of the pairs in an order in which those with the same changed problem stand together, and of
    these those whose numbers are the same before they are presented in another way."""
    firsts: dict[tuple[object, ...], int] = {}
    order = []
    for place, (one, two, route) in enumerate(pairs):
        changes = (*route.requests, *route.problems)
        plain = [id(each) for each in (one, two) if each.route.present is None]
        base = (plain[0] if len(plain) == 1 else -place, *changes)
        order.append((firsts.setdefault(changes, place), firsts.setdefault(base, place), place))
    return [place for *_, place in sorted(order)]


def _choose_pairs(
    tried: list[Attempt], first_ones: dict[int, list[Attempt]], hidden: set[int], case: Case
) -> Iterator[tuple[Attempt, Attempt]]:
    """Yield two attempts at a time that are made together: of groups with the first ones of these ids."""
    for first, second in combinations(tried, 2):
        both = permutations((first, second))
        if all(id(each) in first_ones or _is_made_by(each, other, hidden, case) for each, other in both):
            alike = (first_ones.get(id(each), [each]) for each in (first, second))
            apart = [(one, two) for one, two in product(*alike) if one.slips[0].family != two.slips[0].family]
            yield from apart[:1]
            yield from (pair for pair in apart[1:] if _may_differ(pair, apart[0]))


def _may_differ(pair: tuple[Attempt, Attempt], first: tuple[Attempt, Attempt]) -> bool:
    """Return whether a pair may give other numbers than the first one, each of whose slips is alike by itself: another
    mask where one is left out, or steps that are rounded beside the same slip."""
    families = {each.slips[0].family for each in pair}
    return families == MASKS or ("rounding" in families and any(map(operator.is_, pair, first)))


def _is_made_by(without_effect: Attempt, other: Attempt, hidden: set[int], case: Case) -> bool:
    """Return whether a change without an effect by itself may have one together with the other."""
    own, family = without_effect.slips[0].family, other.slips[0].family
    is_behind_top_k = case.problem.top_k is not None and own in MASKS and family == "stage"
    return family in MADE_BY.get(own, ()) or (family in MASKS and id(without_effect) in hidden) or is_behind_top_k


def _hidden_by_masks(without_effect: list[Attempt], singles: list[Attempt], sample: Sample) -> set[int]:
    """Return which of the attempts have an effect if all masks are left out, by their ids."""
    free = next((each for each in singles if each.slips[0].name == "no-mask"), None)
    if free is None:
        return set()
    return {
        id(each)
        for each in without_effect
        if each.slips[0].family not in MASKS
        and any(not have_same_numbers(pair.numbers, free.numbers) for pair in _join_attempts(each, free, sample))
    }


def _join_attempts(first: Attempt, second: Attempt, sample: Sample) -> list[Attempt]:
    """Return the attempts at both slips together, if they are of different families."""
    if first.slips[0].family == second.slips[0].family:
        return []
    routes = _join_routes(first, second)
    return [attempt for route in routes for attempt in _try_pair(first, second, route, sample)]


def _try_pair(first: Attempt, second: Attempt, route: Route, sample: Sample) -> list[Attempt]:
    attempts = try_route(first.slips + second.slips, route, sample, first.said + second.said)
    return [replace(attempt, parts=(first, second)) for attempt in attempts]


def _join_routes(first: Attempt, second: Attempt) -> list[Route]:
    """Return both slips as one route, in either order if both change the weights or both change the matrices."""
    earlier, later = sorted((first, second), key=lambda attempt: attempt.slips[0].stage)
    routes = [earlier.route.then(later.route)]
    both_weights = earlier.route.reweigh is not None and later.route.reweigh is not None
    if both_weights or {first.slips[0].family, second.slips[0].family} <= MATRICES_OF:
        routes.append(later.route.then(earlier.route))
    return routes
