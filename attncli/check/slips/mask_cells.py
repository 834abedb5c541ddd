"""A single cell of the mask that was turned: one query that does not see one of its keys, or sees one more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.mask_changes import fill_empty_rows
from attncli.check.slips.slip import Slip
from attncli.check.slips.wrong_rows import MANY, only_query
from attncli.check.visible_cells import visible_cells
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.problem.problem import Problem


def _turn_cell(problem: Problem, cell: tuple[int, int], seen: bool) -> Problem:
    """Return the problem in which one query sees, or does not see, one key more."""
    found = visible_cells(problem)
    found[(..., *cell)] = seen
    free = replace(problem, mask=found, bias=None if problem.bias is None else np.where(found, problem.bias, -np.inf))
    visible = replace(problem.visible, left=None, right=None, lengths=None)
    return fill_empty_rows(replace(free, visible=visible, segments=None), problem.conventions.empty)


def _one_cell_of_mask(case: Case) -> list[Route]:
    """Return the routes in which one query does not see one of its keys, or sees one that is masked."""
    if len(case.problem.visible.offsets) > 1 or case.m > MANY:
        return []
    query = only_query(case)
    if query is None:
        return []
    seen = visible_cells(case.problem)[..., query, :].reshape(-1, case.m)
    routes = []
    for key in range(case.m):
        sees = bool(seen[:, key].all())
        if not sees and (bool(seen[:, key].any()) or case.problem.bias is not None):
            continue
        said = (
            f"query {query} did not see key {key}: nothing forbids it"
            if sees
            else f"query {query} saw key {key}, which is masked"
        )
        change = partial(_turn_cell, cell=(query, key), seen=not sees)
        routes.append(Route(problems=(change,), said=said, is_whole=True))
    return routes


MASK_CELL_SLIPS = (
    Slip(
        "mask-one-cell",
        "mask",
        _one_cell_of_mask,
        "one cell of the mask was turned",
        paired=False,
        is_slight=True,
        passes_easily=True,
    ),
)
