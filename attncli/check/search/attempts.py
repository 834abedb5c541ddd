"""Attempts at slips: the numbers that they give in the rows of a sample, and the evidence that they need."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from attncli.check.routes import Route
from attncli.check.search.sampling import Sample, are_same
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.errors import AttncliError
from attncli.matrix import Array
from attncli.records import record

if TYPE_CHECKING:
    from attncli.check.judge import Judge

SOME = 1.0  # decimal digits in which the numbers of a slip must differ from the right ones, of a single way to make it

Said = str | Callable[[], str]


@record
class Attempt:
    """One way to make one or two slips: its name, and its numbers in the rows of the sample."""

    slips: tuple[Slip, ...]
    route: Route
    numbers: Mapping[str, Array]
    said: tuple[Said, ...]  # by route, for slips whose sentence cannot contain what was found
    parts: tuple[Attempt, ...] = ()  # the attempts at each of two slips
    least: float = 0.0  # digits of evidence that it needs

    def sentence(self, case: Case) -> str:
        """Return what was done, for each slip."""
        told = [said() if callable(said) else said for said in self.said]
        return "; and ".join(said or slip.tell(case) for slip, said in zip(self.slips, told, strict=True))

    @property
    def name(self) -> str:
        return "+".join(slip.name for slip in self.slips)

    def fits(self, judges: dict[str, Judge]) -> bool:
        """Return whether the numbers have the shapes of the expected ones."""
        return all(
            name in self.numbers and self.numbers[name].shape == judge.expected.shape for name, judge in judges.items()
        )


def try_slips(slips: Sequence[Slip], case: Case, sample: Sample) -> list[Attempt]:
    """Return the attempts at each way to make these slips.

    Those that need evidence need it by the number of all ways, with those that were tried before, and of those from
    which a way was chosen. Slight ones need it by the number of their own ways, and late ones by that of late ones,
    which are tried for want of others.
    """
    routes = [(slip, slip.routes(case)) for slip in slips]
    late = sum(_count_ways(own) for slip, own in routes if slip.is_late)
    sample.ways += sum(_count_ways(own) for _, own in routes) - late
    attempts = []
    for slip, own in routes:
        ways = late if slip.is_late else _count_ways(own) if slip.is_slight else sample.ways
        for route in own:
            least = least_evidence(math.ceil(ways) + route.tried) if slip.needs_evidence else 0.0
            attempts += try_route((slip,), route, sample, (route.said,), least)
    return attempts


def _count_ways(routes: list[Route]) -> float:
    return sum(1 / route.alike for route in routes)


def try_route(
    slips: tuple[Slip, ...], route: Route, sample: Sample, said: tuple[Said, ...], least: float = 0.0
) -> list[Attempt]:
    """Return the attempt, or nothing if it is not possible: shapes that do not fit, or a feature that a system
    lacks."""
    seen = route.present_by(sample.right.route.present)
    try:
        return [Attempt(slips, route, sample.numbers(seen), said, least=least)]
    except (AttncliError, ValueError, IndexError):
        return []


def least_evidence(ways: float, least: float = SOME) -> float:
    """Return the digits of evidence that rule out a coincidence if so many ways are tried: by chance, one of ten times
    as many ways agrees with one digit more."""
    return least + math.log10(max(ways, 1))


def have_same_numbers(one: Mapping[str, Array], two: Mapping[str, Array]) -> bool:
    """Return whether two results give the same numbers for the same names, except for rounding errors."""
    return one.keys() == two.keys() and all(are_same(one[name], two[name]) for name in one)


Item = TypeVar("Item")


def group_alike(items: Iterable[Item], are_alike: Callable[[Item, Item], bool]) -> list[list[Item]]:
    """Return the items in groups, each with those that are like its first one."""
    groups: list[list[Item]] = []
    for item in items:
        group = next((group for group in groups if are_alike(item, group[0])), None)
        if group is None:
            groups.append([item])
        else:
            group.append(item)
    return groups
