"""Slips in a part of the numbers only: in the rows of a few queries, in some heads or entries, or in the gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.error_pattern import has_head_axis, name_leading_place
from attncli.check.routes import Route
from attncli.check.search.attempts import Attempt, least_evidence, try_route
from attncli.check.search.sampling import Sample
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.slip import Slip
from attncli.check.slips.wrong_rows import wrong_rows
from attncli.inputs.request import GRADIENT_NAMES
from attncli.records import record

if TYPE_CHECKING:
    from attncli.matrix import Array


IN_PART = 3.0  # digits of evidence for a slip in a part of the rows, which is chosen too
LAYOUTS = ("heads", "result")  # families whose slips put right numbers elsewhere


@record
class WrongPart:
    """The rows (*lead, n) in which alone something is wrong, in words too."""

    rows: Array
    words: str

    def fits(self, numbers: Mapping[str, Array], names: tuple[str, ...]) -> bool:
        """Return whether these matrices have a row for each row of the weights."""
        return all(name in numbers and numbers[name].shape[:-1] == self.rows.shape for name in names)

    def route(self, numbers: Mapping[str, Array]) -> Route:
        """Return the route with these numbers in the wrong rows, and the right ones elsewhere."""
        return Route(present=partial(_mix, rows=self.rows, numbers=numbers), is_whole=True)


def _mix(name: str, array: Array, rows: Array, numbers: Mapping[str, Array]) -> Array:
    return np.where(rows[..., None], numbers[name], array) if name in numbers else array


def find_part(case: Case) -> WrongPart | None:
    """Return the part to which the wrong rows belong, or None if they are of all queries and entries, or of queries
    that do not stand together."""
    problem, rows = case.problem, wrong_rows(case)
    if not rows or any(len(at) != len(problem.lead) + 1 for at in rows):
        return None
    entries, queries = {at[:-1] for at in rows}, sorted({at[-1] for at in rows})
    is_run = queries[-1] - queries[0] + 1 == len(queries) < problem.n
    some = _some_entries(entries, problem.lead, with_heads=has_head_axis(problem))
    if not is_run and some is None:
        return None
    found = np.zeros((*problem.lead, problem.n), np.bool_)
    places = np.ix_(*some[0]) if some else (slice(None),) * len(problem.lead)
    found[places] = True
    if is_run:
        found[..., : queries[0]] = found[..., queries[-1] + 1 :] = False
    words = [some[1]] if some else []
    words += [_name_queries(queries)] if is_run else []
    return WrongPart(found, " for ".join(words) if some else f"for {words[0]}")


def _some_entries(
    entries: set[tuple[int, ...]], lead: tuple[int, ...], *, with_heads: bool
) -> tuple[list[list[int]], str] | None:
    """Return the indices of these entries on each leading axis, and their name, or None if they are all, or not all
    that such indices make."""
    sets = [sorted(set(places)) for places in zip(*entries, strict=True)]
    if not lead or math.prod(map(len, sets)) != len(entries) or len(entries) == math.prod(lead):
        return None
    if len(entries) == 1:
        return sets, f"in {name_leading_place(next(iter(entries)), has_heads=with_heads)}"
    nouns = [*["entry"] * (len(lead) - 1), "head"] if with_heads else ["entry"]
    named = [
        f"{noun} {list_numbers(own)}" if len(own) == 1 else f"{PLURALS[noun]} {list_numbers(own)}"
        for own, noun, size in zip(sets, nouns, lead, strict=True)
        if len(own) < size
    ]
    return sets, f"in {', '.join(named)}"


PLURALS = {"entry": "entries", "head": "heads"}


def _name_queries(queries: list[int]) -> str:
    return f"query {queries[0]}" if len(queries) == 1 else f"queries {queries[0]} to {queries[-1]}"


def try_in_part(case: Case, singles: list[Attempt], sample: Sample) -> list[Attempt]:
    """Return single slips in the only rows that are wrong, if these are a part of a small problem."""
    part = find_part(case) if sample.rows is None else None
    if part is None:
        return []
    is_one_row = int(part.rows.sum()) == 1  # which single scores, sums and terms explain better
    tried = [attempt for attempt in singles if _is_tried_in_part(attempt.slips[0], is_one_row=is_one_row)]
    tried = [attempt for attempt in tried if part.fits(attempt.numbers, sample.names)]
    least = least_evidence(len(tried), IN_PART)
    attempts = []
    for attempt in tried:
        said = partial(_describe_part, attempt, part.words, case)
        attempts += try_route(attempt.slips, part.route(attempt.numbers), sample, (said,), least)
    return attempts


def _is_tried_in_part(slip: Slip, *, is_one_row: bool) -> bool:
    if is_one_row and slip.family in LAYOUTS:
        return False  # in one row another layout is a copy of another row, or of numbers from several
    return not slip.is_late and (slip.paired or not (slip.fitted or is_one_row))


def try_on_the_way_back(case: Case, singles: list[Attempt], sample: Sample) -> list[Attempt]:
    """Return single slips of the forward pass that only the gradients have, if only these are wrong."""
    forward = {name: sample.right.numbers[name] for name in case.judges if name not in GRADIENT_NAMES}
    if not forward or any(name in forward for name in case.wrong) or sample.rows is not None:
        return []
    tried = [
        attempt
        for attempt in singles
        if attempt.slips[0].paired
        and not attempt.slips[0].family.startswith("gradient")
        and all(name in attempt.numbers for name in case.wrong)
    ]
    least = least_evidence(len(tried))
    attempts = []
    for attempt in tried:
        route = attempt.route.present_by(partial(_keep_forward, forward=forward))
        said = partial(_describe_part, attempt, "on the way back", case)
        attempts += try_route(attempt.slips, route, sample, (said,), least)
    return attempts


def _keep_forward(name: str, array: Array, forward: dict[str, Array]) -> Array:
    return forward.get(name, array)


def _describe_part(attempt: Attempt, words: str, case: Case) -> str:
    return f"only {words}: {attempt.sentence(case)}"
