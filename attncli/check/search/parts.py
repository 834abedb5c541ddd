"""Slips in a part of the numbers only: in the rows of a few queries, or in some heads or entries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.error_pattern import has_head_axis, name_leading_place
from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.orders import NAMED, wrong_rows
from attncli.records import record

if TYPE_CHECKING:
    from attncli.matrix import Array


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
        f"{noun} {list_numbers(own, NAMED)}" if len(own) == 1 else f"{PLURALS[noun]} {list_numbers(own, NAMED)}"
        for own, noun, size in zip(sets, nouns, lead, strict=True)
        if len(own) < size
    ]
    return sets, f"in {', '.join(named)}"


PLURALS = {"entry": "entries", "head": "heads"}


def _name_queries(queries: list[int]) -> str:
    return f"query {queries[0]}" if len(queries) == 1 else f"queries {queries[0]} to {queries[-1]}"
