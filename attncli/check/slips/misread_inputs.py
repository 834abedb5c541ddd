"""One entry of Q, K or V that was taken as another number, as numbers that are copied by hand are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

MOST = 128  # entries of Q, and of K
EVIDENCE = 6.0  # digits: one of many entries and numbers
LETTERS = {"queries": "Q", "keys": "K", "values": "V"}

Entry = tuple[str, int, int, float]  # the matrix, the row, the column, and the number that was taken


def misread_entry(case: Case) -> Slip | None:
    """Return the slip with the entry of Q, K or V, taken as another number, that fits best, or None where none is
    looked for."""
    problem, name = case.problem, case.subject
    is_by_hand = all(judge.claims is not None for judge in case.judges.values())
    has_stage = case.has_stage("row_norm", "rotation", "softcap", "sink", "top_k", "dropout_mask")
    is_plain = problem.variant.is_dot and not has_stage
    if not is_by_hand or not is_plain or problem.lead or case.request.x is not None or problem.head_scales:
        return None
    expected = case.judges[name].expected
    shapes = problem.shapes()
    if name not in ("raw_scores", "scores", "weights", "output") or expected.shape != shapes[name]:
        return None
    if problem.output_projection is not None or max(problem.queries.size, problem.keys.size) > MOST:
        return None
    entry = _misread_value(problem, expected) if case.wrong == ("output",) else None
    entry = entry or _misread_factor(problem, name, expected)
    if entry is None:
        return None
    matrix, row, column, value = entry
    own = getattr(problem, matrix)[row, column]
    said = f"{LETTERS[matrix]} at [{row}, {column}] was taken as {value:g}: it is {own:g}"
    route = Route(problems=(partial(_with_entry, entry=entry),), said=said)
    return Slip("entry-misread", "queries", lambda _: [route], lambda _: "", paired=False, evidence=EVIDENCE)


def _with_entry(problem: Problem, entry: Entry) -> Problem:
    matrix, row, column, value = entry
    changed = np.array(getattr(problem, matrix))
    changed[row, column] = value
    return replace(problem, **{matrix: changed})  # type: ignore[arg-type]


def _misread_value(problem: Problem, expected: Array) -> Entry | None:
    """Return the entry of V that makes the only wrong column of the output, its number rounded to one decimal, or
    None."""
    assert problem.values is not None
    result = Result(problem, "numpy").compute("weights", "output")
    off = expected - result.array("output")
    sizes = np.abs(off).sum(axis=0)
    column = int(sizes.argmax())
    weights = result.weights
    squares = (weights**2).sum(axis=0)
    with np.errstate(all="ignore"):
        steps = np.where(squares > 0, weights.T @ off[:, column] / squares, 0)
    rest = np.abs(off[:, column, None] - weights * steps).sum(axis=0)
    row = int(rest.argmin())
    value = round(float(problem.values[row, column] + steps[row]), 1)
    is_other = value != problem.values[row, column]
    return ("values", row, column, value) if is_other and 2 * rest[row] < sizes[column] else None


def _misread_factor(problem: Problem, name: str, expected: Array) -> Entry | None:
    """Return the entry of Q or K and the number in its place that come nearest to the expected matrix, or None if none
    comes nearer than the right one."""
    result = Result(problem, "numpy").compute("scores", "raw_scores", "weights")
    right = result.array(name)
    best, least, own = None, float(np.abs(right - expected).sum()) / 2, result.scores
    for entry in _other_entries(problem):
        matrix, row, column, value = entry
        step = value - getattr(problem, matrix)[row, column]
        change = np.zeros_like(own)
        if matrix == "queries":
            change[row] = step * problem.keys[:, column]
        else:
            change[:, row] = step * problem.queries[:, column]
        if name == "raw_scores":
            taken = result.raw_scores + change
        elif name == "scores":
            taken = own + problem.scale * change
        else:
            taken = _weights(own + problem.scale * change)
            taken = taken if name == "weights" else taken @ problem.values
        with np.errstate(all="ignore"):
            misfit = float(np.nansum(np.abs(taken - expected)))
        if misfit < least:
            best, least = entry, misfit
    return best


@np.errstate(all="ignore")
def _weights(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    found: Array = np.nan_to_num(powers / powers.sum(axis=-1, keepdims=True))
    return found


def _other_entries(problem: Problem) -> Iterator[Entry]:
    """Yield entries of Q and K with numbers that may be mistaken for theirs: with the other sign, 0, one or two more or
    less, ten times or a tenth, and those beside, above and below."""
    for matrix in ("queries", "keys"):
        array = getattr(problem, matrix)
        for (row, column), own in np.ndenumerate(array):
            near = [array[place, column] for place in (row - 1, row + 1) if 0 <= place < len(array)]
            near += [array[row, place] for place in (column - 1, column + 1) if 0 <= place < array.shape[1]]
            numbers = [-own, 0.0, own + 1, own - 1, own + 2, own - 2, 10 * own, own / 10, *near]
            for value in dict.fromkeys(map(float, numbers)):
                if value != own:
                    yield matrix, row, column, value
