"""Which rows of the weights, the output or the scores are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.check.blocks import Index, block_indices
from attncli.check.dtype_texts import spacing
from attncli.check.routes import weigh_values
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need_values
from attncli.matrix import Array
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.tolerance.measures import Measured

MANY = 64  # keys of a problem in which single rows and cells are looked for
ROUNDINGS = 8  # units of a dtype by which a right number may be off


def only_query(case: Case) -> int | None:
    """Return the only query whose weights or output are wrong, in one or several entries, or None."""
    queries = {at[-1] for at in wrong_rows(case)}
    return queries.pop() if len(queries) == 1 else None


def only_row(case: Case, *, beside_weights: bool = False) -> tuple[int, ...] | None:
    """Return the only row of weights or output that is wrong, as an index on the leading axes and the queries, or
    None. Outputs of heads that are joined have no such rows; an output `beside_weights` that are right has them only
    where they are asked for."""
    rows = set(wrong_rows(case, beside_weights=beside_weights))
    is_one = len(rows) == 1 and len(next(iter(rows))) == len(case.problem.lead) + 1
    return rows.pop() if is_one else None


def wrong_rows(case: Case, *, beside_weights: bool = False) -> list[tuple[int, ...]]:
    """Return where the rows of weights or output (or else of scores) are that are wrong, or nothing if they are not
    comparable."""
    names = [name for name in case.wrong if name in ("weights", "output")] or list(case.wrong)
    if not set(names) <= {"raw_scores", "scores", "weights", "output"}:
        return []
    if "weights" in case.judges and "weights" not in names and not beside_weights:
        return []
    numbers = Result(case.problem, "numpy").compute(*names)
    rows: list[tuple[int, ...]] = []
    for name in names:
        judge, right = case.judges[name], numbers.array(name)
        if judge.expected.shape != right.shape:
            return []
        room = _room_of_weights(case) if name == "output" else None
        off = np.concatenate(
            [_are_off(judge, case.right, right, where, room) for where in block_indices(right.shape)], axis=-1
        )
        rows += [tuple(map(int, at)) for at in np.argwhere(off.reshape(right.shape[:-1]))]
    return rows


def _room_of_weights(case: Case) -> Array | None:
    """Return by how much each number of the output may be off if it was worked from the weights as they are printed, or
    None if there are none."""
    judge, problem = case.judges.get("weights"), case.problem
    if judge is None or judge.claims is None or judge.tolerance is not None or problem.output_projection is not None:
        return None
    if judge.expected.shape != problem.shapes()["weights"]:
        return None
    halves = judge.claims.unit / 2
    return weigh_values(replace(problem, values=np.abs(need_values(problem))), halves)


def _are_off(judge: Judge, right: Measured, numbers: Array, where: Index, room: Array | None) -> Array:
    """Return in which rows of a block a cell is off by more than the precision of its print (and this `room`) or its
    dtype, or by more than a computation in half precision may be."""
    due = numbers[where]
    if judge.claims is not None and not judge.narrow:
        allowed: Array = judge.claims.at(where).unit + 1e-9 * np.abs(due) + (0 if room is None else room[where])
    else:
        dtype = judge.narrow[0] if judge.narrow else judge.dtype
        allowed = ROUNDINGS * spacing(np.array(judge.largest), dtype)
        if judge.narrow:
            allowed = np.minimum(allowed, 2 * right.narrow(judge.name, dtype, where))
    with np.errstate(invalid="ignore"):
        off = ~((np.abs(judge.expected[where] - due) <= allowed) | (judge.expected[where] == due))
    return np.asarray(off.any(axis=-1))
