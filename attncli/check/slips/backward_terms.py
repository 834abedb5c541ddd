"""Terms of the backward pass taken otherwise: parts of the gradient of x, dropped weights, columns of dP, the memory of
dO, the sums of dB, and the rotation."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.backward_matrices import with_d_output
from attncli.check.slips.case import Case, listed
from attncli.check.slips.changes import need
from attncli.check.slips.gradients import Grade, is_about
from attncli.check.slips.row_sums import BY_SCORE, is_graded_softmax, read_otherwise, right_sums
from attncli.check.slips.slip import Slip
from attncli.check.slips.softmaxes import BORDERS
from attncli.problem.heads import pack_heads
from attncli.records import replace
from attncli.results.gradients import Gradients
from attncli.results.result import Result
from attncli.stages.row_transforms import Rotation

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


# what was projected


def _parts_left_out(case: Case) -> list[Route]:
    """Return the routes in which the gradient of x, or of the context, lacks the part that comes through Q, K or V, or
    two of them."""
    origins = case.problem.origins
    routes = []
    for source in ("x", "context") if origins is not None and case.problem.d_output is not None else ():
        name = f"d_{source}"
        letters = [own.letter for own in need(origins).projections if own.source == source]
        if name not in case.wrong or len(letters) < 2:
            continue
        due = f"it is the sum of those through {listed([letter.upper() for letter in letters])}"
        for count in range(len(letters) - 1, 0, -1):
            for kept in combinations(letters, count):
                through = listed([letter.upper() for letter in kept])
                said = f"{name} is the part through {through} only: {due}"
                routes.append(Route(regrade=partial(_of_parts, only=name, kept=kept), said=said))
    return routes


def _of_parts(own: Gradients, name: str, grade: Grade, only: str, kept: tuple[str, ...]) -> Array:
    origins = need(own.problem.origins)
    if name != only:
        return grade(name)
    projections = tuple(each for each in origins.projections if f"d_{each.source}" != only or each.letter in kept)
    problem = replace(own.problem, origins=replace(origins, projections=projections))
    return Gradients(problem, "numpy", own.weights).array(name)


# dropout


def _dropout_otherwise(case: Case) -> list[Route]:
    """Return the routes in which the way back takes dropped weights, or those before dropout, in another place."""
    if case.problem.dropout_mask is None or not is_graded_softmax(case):
        return []
    due = "dS = P ∘ (M ∘ dP − row sum of O ∘ dO), with dropout's M, is expected"
    ways = {
        f"dP was not dropped: {due}": (False, False, True),
        f"dP was not dropped, nor were its row sums: {due}": (False, None, True),
        f"dS was made of the dropped weights, and dP was not dropped: {due}": (True, False, True),
        f"dS was made of the dropped weights: {due}": (True, True, True),
        "dV is of the weights before dropout: those after it are expected": (False, True, False),
        f"dP was not dropped, and dV is of the weights before dropout: {due}": (False, False, False),
    }
    undivided = f"on the way back what dropout keeps was not divided by 1 − p = {1 - case.problem.dropout:g}"
    return [
        *(
            Route(regrade=partial(_with_dropout, takes_dropped=one, drops=two, has_values=three), said=said)
            for said, (one, two, three) in ways.items()
        ),
        *(
            Route(regrade=partial(_undivided, has_own_sums=own), said=f"{undivided}: it is, as before")
            for own in (False, True)
        ),
        Route(regrade=_with_sums_before, said=f"the row sum of O ∘ dO was that of the output without dropout: {due}"),
    ]


def _undivided(own: Gradients, name: str, grade: Grade, *, has_own_sums: bool) -> Array:
    if name != "d_values" and name not in BY_SCORE:
        return grade(name)
    kept = replace(own.problem, dropout=0.0)
    return Gradients(kept, "numpy", row_sums=None if has_own_sums else right_sums(own.problem)).array(name)


def _with_sums_before(own: Gradients, name: str, grade: Grade) -> Array:
    if name not in BY_SCORE:
        return grade(name)
    free = replace(own.problem, dropout=0.0, dropout_mask=None)
    return Gradients(own.problem, "numpy", row_sums=right_sums(free)).array(name)


def _with_dropout(
    own: Gradients, name: str, grade: Grade, *, takes_dropped: bool, drops: bool | None, has_values: bool
) -> Array:
    """Return a gradient whose dS has the dropped weights for P, and dP dropped or not, or with row sums that are not
    either (None), and whose dV is right or not."""
    problem, free = own.problem, replace(own.problem, dropout=0.0, dropout_mask=None)
    if name == "d_values":
        return grade(name) if has_values else Gradients(free, "numpy").array(name)
    if name not in BY_SCORE or (drops and not takes_dropped):
        return grade(name)
    weights = Result(problem, "numpy").weights if takes_dropped else None
    sums = None if drops is None else right_sums(problem)
    return Gradients(problem if drops else free, "numpy", weights, sums).array(name)


# the memory of dO


def _strided(case: Case) -> list[Route]:
    """Return the routes with the memory of dO read in another layout."""
    problem = case.problem
    if problem.d_output is None or problem.is_joined or case.heads < 2 or not is_about(case):
        return []
    ways = {
        "dO, in memory (…, n, heads, d), was read as (…, heads, n, d)": read_otherwise,
        "dO, in memory (…, heads, n, d), was read as (…, n, heads, d)": _read_back,
    }
    return [
        Route(problems=(partial(with_d_output, change=change),), said=f"{said}, which mixes heads and positions")
        for said, change in ways.items()
    ]


def _read_back(array: Array) -> Array:
    """Read memory (…, n, H, d) as (…, H, n, d)."""
    *lead, heads, n, d = array.shape
    return np.swapaxes(np.ascontiguousarray(array).reshape(*lead, n, heads, d), -2, -3)


# sums over some columns, and over some entries


def _columns_of_products(case: Case) -> list[Route]:
    """Return the routes with dP of the first columns of dO and V only, as many as Q has or a tile."""
    d_v = case.problem.d_v or 0
    if not is_graded_softmax(case, *BY_SCORE) or case.problem.output_projection is not None:
        return []
    return [
        Route(
            regrade=partial(_of_columns, count=count, has_own_sums=has_own_sums),
            said=f"dP is of the first {count} columns of dO and V only: all {d_v} are expected",
        )
        for count in dict.fromkeys((case.d_k, *BORDERS))
        if count < d_v
        for has_own_sums in (False, True)
    ]


def _of_columns(own: Gradients, name: str, grade: Grade, count: int, *, has_own_sums: bool) -> Array:
    if name not in (*BY_SCORE, "d_weights"):
        return grade(name)
    problem, arriving = own.problem, np.array(own.d_output_by_head())
    arriving[..., count:] = 0
    cut = replace(problem, d_output=pack_heads(arriving) if problem.packed else arriving)
    return Gradients(cut, "numpy", row_sums=None if has_own_sums else right_sums(problem)).array(name)


def _single_entries(case: Case) -> list[Route]:
    """Return the routes in which the sum of dB over an axis that the bias is spread over is its first or last term."""
    origins, full = case.problem.origins, (*case.problem.lead, case.n, case.m)
    if not is_about(case, "d_bias") or origins is None or "bias" not in origins.shapes:
        return []
    given = origins.shapes["bias"]
    own = (1,) * (len(full) - len(given)) + given
    routes = []
    for axis in (axis for axis, size in enumerate(full) if own[axis] == 1 < size):
        noun = {1: "key", 2: "query"}.get(len(full) - axis, "entry")
        for place in (0, full[axis] - 1):
            said = f"dB is that of {noun} {place} only: the sum over all {full[axis]} is expected"
            routes.append(Route(regrade=partial(_at_entry, axis=axis, place=place, given=given), said=said))
    return routes


def _at_entry(own: Gradients, name: str, grade: Grade, axis: int, place: int, given: tuple[int, ...]) -> Array:
    if name != "d_bias":
        return grade(name)
    problem = own.problem
    full = (*problem.lead, problem.n, problem.m)
    origins = need(problem.origins)
    spread = replace(problem, origins=replace(origins, shapes={**origins.shapes, "bias": full}))
    taken = np.take(Gradients(spread, "numpy").array("d_bias"), [place], axis=axis)
    sizes = (1,) * (len(full) - len(given)) + given
    others = tuple(each for each in range(len(full)) if each != axis and sizes[each] == 1)
    found: Array = taken.sum(axis=others, keepdims=True)
    return found.reshape(given)


# rotations


class _Kept(Rotation):
    """A rotation whose gradients are those of the rotated rows."""

    def backward(self, d_rows: Array, _positions: Array) -> Array:
        return d_rows


class _TurnedOn(Rotation):
    """A rotation whose gradients are rotated by the same angle, not by its opposite."""

    def backward(self, d_rows: Array, positions: Array) -> Array:
        return self.apply(d_rows, positions)


TURNS = {
    _Kept: "dQ and dK are those of the rotated Q and K: they are rotated back on the way back",
    _TurnedOn: "dQ and dK were rotated by the angle once more: they are rotated back, by its opposite",
}


def _not_turned_back(case: Case) -> list[Route]:
    if case.problem.rotation is None or not is_about(case, "d_queries", "d_keys"):
        return []
    return [Route(problems=(partial(_with_turn, kind=kind),), said=said) for kind, said in TURNS.items()]


def _with_turn(problem: Problem, kind: type[Rotation]) -> Problem:
    own = need(problem.rotation)
    return replace(problem, rotation=kind(own.pairing, own.base, own.size, own.factor))


TERM_SLIPS = (
    Slip("no-dropout", "gradient", _dropout_otherwise, "the way back has no dropout in some place", paired=False),
    Slip("grad-strided", "gradient", _strided, "dO was read in another layout", paired=False),
    Slip("grad-of-tiles", "gradient", _columns_of_products, "dP is of some columns", paired=False),
    Slip("grad-of-tiles", "gradient", _single_entries, "dB is that of one entry", paired=False),
    Slip("grad-part-left-out", "gradient place", _parts_left_out, "a part of the gradient was left out", paired=False),
    Slip("no-rope", "gradient", _not_turned_back, "dQ and dK were not rotated back", paired=False),
)
