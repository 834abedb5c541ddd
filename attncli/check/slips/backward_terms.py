"""Terms of the backward pass taken otherwise: the row sums of P ∘ dP, dropped weights, columns of dP, the mask, the
rotation, and the sums of dB."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.backward_matrices import with_d_output
from attncli.check.slips.case import Case, listed
from attncli.check.slips.changes import need, need_values
from attncli.check.slips.gradients import Grade, free_of_masks, is_about
from attncli.check.slips.slip import Slip
from attncli.check.slips.softmaxes import BORDERS
from attncli.problem.heads import pack_heads
from attncli.records import replace
from attncli.results.gradients import Gradients
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX
from attncli.stages.row_transforms import Rotation

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

BY_SCORE = ("d_scores", "d_queries", "d_keys", "d_bias")  # that depend on dS
DUE = "dS = P ∘ (dP − row sum of O ∘ dO) is expected"


def _is_graded_softmax(case: Case, *names: str) -> bool:
    return case.problem.normalizer is SOFTMAX and case.problem.values is not None and is_about(case, *names)


def _at_heads(problem: Problem) -> tuple[Array, Array]:
    """Return the output and the gradient at it by head, (*lead, n, d_v), before the output projection."""
    weights = Result(problem, "numpy").weights
    return weights @ problem.repeat_key_heads(need_values(problem)), Gradients(problem, "numpy").d_output_by_head()


def _right_sums(problem: Problem) -> Array:
    """Return the row sums of O ∘ dO, (*lead, n), which are those of P ∘ dP."""
    output, arriving = _at_heads(problem)
    total: Array = (output * arriving).sum(axis=-1)
    return total


# row sums


def _read_otherwise(array: Array) -> Array:
    """Read memory (…, H, n, d) as (…, n, H, d)."""
    return np.ascontiguousarray(np.swapaxes(array, -2, -3)).reshape(array.shape)


def _of_neighbours(axis: int, step: int) -> Callable[[Array, Array], Array]:
    return lambda output, arriving: np.roll(output * arriving, step, axis=axis)


PRODUCTS: dict[str, Callable[[Array, Array], Array]] = {
    "O ∘ dO of the head before": _of_neighbours(-3, 1),
    "O ∘ dO of the head after": _of_neighbours(-3, -1),
    "O ∘ dO of the query before": _of_neighbours(-2, 1),
    "O ∘ dO of the query after": _of_neighbours(-2, -1),
    "O ∘ dO of query 0, for every query,": lambda o, do: np.broadcast_to((o * do)[..., :1, :], o.shape),
    "O ∘ dO of head 0, for every head,": lambda o, do: np.broadcast_to((o * do)[..., :1, :, :], o.shape),
    "O ∘ dO over d_v, their mean,": lambda o, do: o * do / o.shape[-1],
    "O ∘ O": lambda output, _arriving: output * output,
    "dO ∘ dO": lambda _output, arriving: arriving * arriving,
    "O ∘ dO with the memory of dO read in another layout": lambda o, do: o * _read_otherwise(do),
    "O ∘ dO with the memory of O read in another layout": lambda o, do: _read_otherwise(o) * do,
}


def _other_sums(case: Case) -> list[Route]:
    if not _is_graded_softmax(case, *BY_SCORE):
        return []
    return [
        Route(
            regrade=partial(_with_sums_of, product=product),
            said=f"the row sum of {words} was subtracted from dP: {DUE}",
        )
        for words, product in PRODUCTS.items()
        if case.problem.lead or not ("layout" in words or "head" in words)
    ] + _of_values(case)


def _of_values(case: Case) -> list[Route]:
    """Return the route with V in the place of O in the row sums."""
    problem = case.problem
    if problem.values is None or case.n != case.m or problem.key_heads is not None:
        return []
    values = need_values(problem)
    regrade = partial(_with_sums_of, product=lambda _output, arriving: values * arriving)
    return [Route(regrade=regrade, said=f"the row sum of V ∘ dO was subtracted from dP: {DUE}")]


def _with_sums_of(own: Gradients, name: str, grade: Grade, product: Callable[[Array, Array], Array]) -> Array:
    if name not in BY_SCORE:
        return grade(name)
    return Gradients(own.problem, "numpy", row_sums=product(*_at_heads(own.problem)).sum(axis=-1)).array(name)


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
    if case.problem.dropout_mask is None or not _is_graded_softmax(case):
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
    return Gradients(kept, "numpy", row_sums=None if has_own_sums else _right_sums(own.problem)).array(name)


def _with_sums_before(own: Gradients, name: str, grade: Grade) -> Array:
    if name not in BY_SCORE:
        return grade(name)
    free = replace(own.problem, dropout=0.0, dropout_mask=None)
    return Gradients(own.problem, "numpy", row_sums=_right_sums(free)).array(name)


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
    sums = None if drops is None else _right_sums(problem)
    return Gradients(problem if drops else free, "numpy", weights, sums).array(name)


# the memory of dO


def _strided(case: Case) -> list[Route]:
    """Return the routes with the memory of dO read in another layout."""
    problem = case.problem
    if problem.d_output is None or problem.is_joined or case.heads < 2 or not is_about(case):
        return []
    ways = {
        "dO, in memory (…, n, heads, d), was read as (…, heads, n, d)": _read_otherwise,
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
    if not _is_graded_softmax(case, *BY_SCORE) or case.problem.output_projection is not None:
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
    return Gradients(cut, "numpy", row_sums=None if has_own_sums else _right_sums(problem)).array(name)


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


# weights that are recomputed otherwise

# what is left out, and the problem without it; kernels recompute the weights e^(score − lse) from the saved lse
LEFT_OUT: dict[str, tuple[str, Callable[[Case], bool], Callable[[Problem], Problem]]] = {
    "grad-no-mask": ("the mask", lambda case: case.is_masked, free_of_masks),
    "no-bias": ("the bias", lambda case: case.problem.bias is not None, partial(replace, bias=None)),
    "no-alibi": ("ALiBi", lambda case: case.problem.slopes is not None, partial(replace, slopes=None)),
    "no-softcap": ("the softcap", lambda case: case.problem.softcap is not None, partial(replace, softcap=None)),
    "no-sink": ("the sink", lambda case: case.problem.sink is not None, partial(replace, sink=None)),
}


def _recomputed(case: Case, name: str) -> list[Route]:
    """Return the routes with weights of scores without a stage, of the right log-sum-exps; without a sink, these have
    none either."""
    words, has, change = LEFT_OUT[name]
    if not has(case) or not _is_graded_softmax(case) or case.problem.dropout_mask is not None:
        return []
    said = f"on the way back the weights were recomputed from the log-sum-exps without {words}"
    return [Route(regrade=partial(_of_powers, change=change, has_own_sums=own), said=said) for own in (False, True)]


@np.errstate(all="ignore")
def _of_powers(
    own: Gradients, name: str, _grade: Grade, change: Callable[[Problem], Problem], *, has_own_sums: bool
) -> Array:
    problem, free = own.problem, change(own.problem)
    saved = free if problem.sink is not None and free.sink is None else problem
    lse = Result(saved, "numpy").lse[..., None]
    weights = np.where(np.isfinite(lse), np.exp(Result(free, "numpy").scores - lse), 0)
    return Gradients(free, "numpy", weights, None if has_own_sums else _right_sums(problem)).array(name)


RECOMPUTED = "they are e^(score − log-sum-exp)"
FROM_LARGEST = "from the largest score of each row in place of its log-sum-exp, and so not divided by their sum"


def _powers_of_others(case: Case) -> list[Route]:
    """Return the routes with weights that are recomputed from log-sum-exps to another base, or from raw scores."""
    problem = case.problem
    if not _is_graded_softmax(case) or problem.dropout_mask is not None or problem.sink is not None:
        return []
    ways = {
        "from the log-sum-exps times log 2, as if they were to base 2": (1.0, math.log(2)),
        "from the log-sum-exps over log 2, which are to base 2": (1.0, 1 / math.log(2)),
    }
    if problem.scale not in (0, 1) and problem.softcap is None and problem.bias is None and problem.slopes is None:
        ways["from the raw scores, without the scale, and the right log-sum-exps"] = (1 / problem.scale, 1.0)
    return [
        Route(regrade=regrade, said=f"on the way back the weights were recomputed {words}: {RECOMPUTED}")
        for words, regrade in (
            *((words, partial(_of_scaled_powers, of_score=one, of_lse=two)) for words, (one, two) in ways.items()),
            *((FROM_LARGEST, partial(_of_shifted_powers, has_own_sums=own)) for own in (False, True)),
        )
    ]


@np.errstate(all="ignore")
def _of_shifted_powers(own: Gradients, name: str, _grade: Grade, *, has_own_sums: bool) -> Array:
    """Return the gradient of exponentials of which the largest of a row is 1."""
    weights = Result(own.problem, "numpy").weights
    powers = np.nan_to_num(weights / weights.max(axis=-1, keepdims=True))
    return Gradients(own.problem, "numpy", powers, None if has_own_sums else _right_sums(own.problem)).array(name)


@np.errstate(all="ignore")
def _of_scaled_powers(own: Gradients, name: str, _grade: Grade, of_score: float, of_lse: float) -> Array:
    result = Result(own.problem, "numpy").compute("scores", "lse")
    weights = np.exp(of_score * result.scores - of_lse * result.lse[..., None])
    weights = np.where(np.isneginf(result.scores), 0, weights)
    return Gradients(own.problem, "numpy", weights, _right_sums(own.problem)).array(name)


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


def _slip(name: str, family: str, routes: Callable[[Case], list[Route]], words: str) -> Slip:
    return Slip(name, family, routes, lambda _case: words, paired=False)


TERM_SLIPS = (
    _slip("row-sum-other", "gradient softmax", _other_sums, "other row sums were subtracted"),
    _slip("no-dropout", "gradient", _dropout_otherwise, "the way back has no dropout in some place"),
    _slip("grad-strided", "gradient", _strided, "dO was read in another layout"),
    _slip("grad-of-tiles", "gradient", _columns_of_products, "dP is of some columns"),
    _slip("grad-of-tiles", "gradient", _single_entries, "dB is that of one entry"),
    *(
        _slip(name, "gradient", partial(_recomputed, name=name), f"{words} was left out on the way back")
        for name, (words, _, _) in LEFT_OUT.items()
    ),
    _slip("grad-recomputed", "gradient", _powers_of_others, "the weights were recomputed otherwise"),
    _slip("grad-part-left-out", "gradient place", _parts_left_out, "a part of the gradient was left out"),
    _slip("no-rope", "gradient", _not_turned_back, "dQ and dK were not rotated back"),
)
