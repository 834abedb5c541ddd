"""One entry of Q, K or V that was taken as another number, as numbers that are copied by hand are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.records import record, replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

MOST = 128  # entries of Q, and of K
DECIMALS = (1, 2, 3)  # of a number that is fitted
LETTERS = {"queries": "Q", "keys": "K", "values": "V"}

Entry = tuple[str, int, int, float]  # the matrix, the row, the column, and the number that was taken


@record
class Nearest:
    """The entries that come nearest to the expected numbers. So many ways were `tried` that leave the right numbers
    right: those of one row of Q or K, or of one column of V."""

    entries: list[Entry]
    tried: int


def misread_entries(case: Case) -> list[Slip]:
    """Return the slips with the entry of V, and of Q or K, taken as another number, that fits best, or nothing where
    none is looked for."""
    problem, name = case.problem, case.subject
    is_by_hand = all(judge.claims is not None for judge in case.judges.values())
    has_stage = case.has_stage("row_norm", "rotation", "softcap", "sink", "top_k", "dropout_mask")
    is_plain = problem.variant.is_dot and not has_stage
    if not is_by_hand or not is_plain or problem.lead or problem.head_scales:
        return []
    expected = case.judges[name].expected
    shapes = problem.shapes()
    if name not in ("raw_scores", "scores", "weights", "output") or expected.shape != shapes[name]:
        return []
    if problem.output_projection is not None or max(problem.queries.size, problem.keys.size) > MOST:
        return []
    slips = [_slip(case, _misread_factor(problem, name, expected), fitted=0)]
    if name in ("raw_scores", "scores"):
        slips.insert(0, _slip(case, _misread_by_scores(problem, name, expected), fitted=1))
    elif case.wrong == ("output",):
        slips.insert(0, _slip(case, _misread_value(problem, expected), fitted=1))
    return slips


def _slip(case: Case, nearest: Nearest, fitted: int) -> Slip:
    routes = [
        Route(problems=(partial(_with_entry, entry=each),), said=_describe_entry(case, each), tried=nearest.tried)
        for each in nearest.entries
    ]
    return Slip("entry-misread", "queries", lambda _: routes, "", paired=False, fitted=fitted, is_late=True)


def _describe_entry(case: Case, entry: Entry) -> str:
    matrix, row, column, value = entry
    own = getattr(case.problem, matrix)[row, column]
    done = "" if case.request.x is None else ", which is projected,"
    return f"{LETTERS[matrix]} at [{row}, {column}]{done} was taken as {value:g}: it is {own:g}"


def _with_entry(problem: Problem, entry: Entry) -> Problem:
    matrix, row, column, value = entry
    changed = np.array(getattr(problem, matrix))
    changed[row, column] = value
    return replace(problem, **{matrix: changed})  # type: ignore[arg-type]


def _misread_value(problem: Problem, expected: Array) -> Nearest:
    """Return the entry of V that makes the only wrong column of the output, its number rounded to a few decimals, or
    nothing."""
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
    own = float(problem.values[row, column])
    numbers = dict.fromkeys(round(own + float(steps[row]), decimals) for decimals in DECIMALS)
    is_nearer = sizes.sum() - sizes[column] + rest[row] < sizes.sum() / 2
    entries: list[Entry] = [("values", row, column, value) for value in numbers if is_nearer and value != own]
    return Nearest(entries, len(rest))


def _misread_by_scores(problem: Problem, name: str, expected: Array) -> Nearest:
    """Return the entry of Q or K that makes the only wrong row or column of the scores, its number rounded to a few
    decimals, or nothing."""
    off = expected - Result(problem, "numpy").array(name)
    best: list[Entry] = []
    least = float(np.abs(off).sum()) / 2
    scale = 1.0 if name == "raw_scores" else problem.scale
    for matrix, others, wrong in (("queries", problem.keys, off), ("keys", problem.queries, off.mT)):
        sizes = np.abs(wrong).sum(axis=-1)
        row = int(sizes.argmax())
        for column, other in enumerate(scale * others.mT):
            if (size := float(other @ other)) == 0 or np.count_nonzero(other) < 2:  # as one score that is wrong
                continue
            step = float(wrong[row] @ other) / size
            misfit = float(sizes.sum() - sizes[row] + np.abs(wrong[row] - step * other).sum())
            own = float(getattr(problem, matrix)[row, column])
            if misfit < least:
                numbers = dict.fromkeys(round(own + step, decimals) for decimals in DECIMALS)
                best, least = [(matrix, row, column, value) for value in numbers if value != own], misfit
    return Nearest(best, problem.d_k)


def _misread_factor(problem: Problem, name: str, expected: Array) -> Nearest:
    """Return the entry of Q or K and the number in its place that come nearest to the expected matrix, or nothing if
    none comes nearer than the right one."""
    result = Result(problem, "numpy").compute("scores", "raw_scores", "weights")
    right = result.array(name)
    best: list[Entry] = []
    least, own = float(np.abs(right - expected).sum()) / 2, result.scores
    others = list(_other_entries(problem))
    for entry in others:
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
            best, least = [entry], misfit
    return Nearest(best, sum(entry[:2] == best[0][:2] for entry in others) if best else 0)


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
