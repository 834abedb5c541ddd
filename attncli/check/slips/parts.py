"""Slips in a part of the numbers only: in the rows of a few queries, or in one head or entry."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.orders import wrong_rows
from attncli.records import record

if TYPE_CHECKING:
    from attncli.matrix import Array


@record
class WrongPart:
    """The rows (*lead, n) in which alone something is wrong, in words too."""

    rows: Array
    words: str

    def fits(self, numbers: dict[str, Array], names: tuple[str, ...]) -> bool:
        """Return whether these matrices have a row for each row of the weights."""
        return all(name in numbers and numbers[name].shape[:-1] == self.rows.shape for name in names)

    def route(self, numbers: dict[str, Array]) -> Route:
        """Return the route with these numbers in the wrong rows, and the right ones elsewhere."""
        return Route(present=partial(_mix, rows=self.rows, numbers=numbers), is_whole=True)


def _mix(name: str, array: Array, rows: Array, numbers: dict[str, Array]) -> Array:
    return np.where(rows[..., None], numbers[name], array) if name in numbers else array


def find_part(case: Case) -> WrongPart | None:
    """Return the part to which the wrong rows belong, or None if they are of all queries and entries, or of queries
    that do not stand together."""
    problem, rows = case.problem, wrong_rows(case)
    if not rows or any(len(at) != len(problem.lead) + 1 for at in rows):
        return None
    entries, queries = {at[:-1] for at in rows}, sorted({at[-1] for at in rows})
    is_run = queries[-1] - queries[0] + 1 == len(queries) < problem.n
    is_one = problem.parts > 1 and len(entries) == 1
    if not is_run and not is_one:
        return None
    found = np.zeros((*problem.lead, problem.n), np.bool_)
    entry: tuple[int | slice, ...] = rows[0][:-1] if is_one else (slice(None),) * len(problem.lead)
    found[(*entry, slice(queries[0], queries[-1] + 1) if is_run else slice(None))] = True
    words = [_name_entry(rows[0][:-1])] if is_one else []
    words += [_name_queries(queries)] if is_run else []
    return WrongPart(found, " for ".join(words) if is_one else f"for {words[0]}")


def _name_entry(at: tuple[int, ...]) -> str:
    *entry, last = map(str, at)
    return f"in entry {', '.join(entry)}, head {last}" if entry else f"in entry {last}"


def _name_queries(queries: list[int]) -> str:
    return f"query {queries[0]}" if len(queries) == 1 else f"queries {queries[0]} to {queries[-1]}"
