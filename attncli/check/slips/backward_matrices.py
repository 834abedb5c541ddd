"""Matrices that stand in the place of others in the products of the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route, weigh_values
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need, need_values
from attncli.check.slips.gradients import Grade, is_about, weights_of, with_backward, with_d_scores
from attncli.check.slips.row_sums import right_sums
from attncli.check.slips.slip import Slip
from attncli.problem.heads import pack_heads
from attncli.records import replace
from attncli.results.gradients import Gradients
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

BY_PRODUCT = ("d_weights", "d_scores", "d_queries", "d_keys", "d_bias")  # that depend on dP


# dQ = scale · dS K and dK = scale · dSᵀ Q


def _queries_and_keys(case: Case) -> list[Route]:
    """Return the routes with Q in the place of K in dQ, or K in the place of Q in dK."""
    if case.n != case.m or case.problem.key_heads is not None or not is_about(case, "d_queries", "d_keys"):
        return []
    ways = (((True, False), "dQ is scale · dS Q: dS K"), ((False, True), "dK is scale · dSᵀ K: dSᵀ Q"))
    return [
        Route(
            problems=(partial(_with_own, of_queries=of_queries, of_keys=of_keys),),
            said=f"{words} is expected",
        )
        for (of_queries, of_keys), words in ways
    ]


def _with_own(problem: Problem, *, of_queries: bool, of_keys: bool) -> Problem:
    def backward(queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
        right = problem.variant.backward
        d_queries = right(queries, queries if of_queries else keys, d_scores)[0]
        return d_queries, right(keys if of_keys else queries, keys, d_scores)[1]

    return with_backward(problem, backward)


def _values_and_outputs(case: Case) -> list[Route]:
    """Return the routes with V in the place of K in dQ, dO in that of Q in dK, or P in that of dS in both."""
    problem = case.problem
    if not is_about(case, "d_queries", "d_keys") or not problem.variant.is_dot:
        return []
    ways: dict[str, tuple[str, Callable[[Gradients], Gradients]]] = {}
    if problem.d_v == case.d_k and problem.softcap is None:
        ways["dQ is scale · dS V: dS K is expected"] = ("d_queries", _of_values)
        ways["dK is scale · dSᵀ dO: dSᵀ Q is expected"] = ("d_keys", _of_d_output)
    ways["dQ is scale · P K: dS K is expected"] = ("d_queries", _of_weights)
    ways["dK is scale · Pᵀ Q: dSᵀ Q is expected"] = ("d_keys", _of_weights)
    ways["dQ and dK are of P in the place of dS"] = ("d_queries d_keys", _of_weights)
    return [
        Route(regrade=partial(_regrade, names=tuple(names.split()), change=change), said=said)
        for said, (names, change) in ways.items()
    ]


def _regrade(
    own: Gradients, name: str, grade: Grade, names: tuple[str, ...], change: Callable[[Gradients], Gradients]
) -> Array:
    return change(own).array(name) if name in names else grade(name)


def _of_values(own: Gradients) -> Gradients:
    return Gradients(replace(own.problem, keys=need_values(own.problem)), "numpy", weights_of(own))


def _of_d_output(own: Gradients) -> Gradients:
    return Gradients(replace(own.problem, queries=own.d_output_by_head()), "numpy", weights_of(own))


def _of_weights(own: Gradients) -> Gradients:
    return with_d_scores(own, weights_of(own))


# dP = dO Vᵀ


def _other_products(case: Case) -> list[Route]:
    """Return the routes with another matrix for dO or V in dP, where the shapes allow it, whose row sums are its own or
    the right ones."""
    problem = case.problem
    if not is_about(case, *BY_PRODUCT) or problem.values is None or not problem.normalizer.sums_to_one:
        return []
    ways: dict[str, Callable[[Problem], Problem]] = {}
    if problem.d_v == case.m:
        ways["dO V"] = lambda own: replace(own, values=need_values(own).mT)
    if problem.values.shape == problem.keys.shape:
        ways["dO Kᵀ"] = lambda own: replace(own, values=own.keys)
    if problem.values.shape == problem.queries.shape:
        ways["dO Qᵀ"] = lambda own: replace(own, values=own.queries)
    ways["O Vᵀ"] = _with_output
    return [
        Route(
            regrade=partial(_with_products, change=change, has_own_sums=has_own_sums),
            said=f"dP is {words}: dO Vᵀ is expected",
        )
        for words, change in ways.items()
        for has_own_sums in (True, False)
    ]


def _with_products(
    own: Gradients, name: str, grade: Grade, change: Callable[[Problem], Problem], *, has_own_sums: bool
) -> Array:
    if name not in BY_PRODUCT:
        return grade(name)
    sums = None if has_own_sums else right_sums(own.problem)
    return Gradients(change(own.problem), "numpy", weights_of(own), sums).array(name)


def with_d_output(problem: Problem, change: Callable[[Array], Array]) -> Problem:
    """Return the problem with a changed dO."""
    return replace(problem, d_output=change(need(problem.d_output)))


def _with_output(problem: Problem) -> Problem:
    """Return the problem with its output as dO."""
    return replace(problem, d_output=weigh_values(problem, Result(problem, "numpy").weights))


def _with_values(problem: Problem) -> Problem:
    """Return the problem with its values as dO."""
    values = need_values(problem)
    return replace(problem, d_output=pack_heads(values) if problem.packed else values)


def _of_ones(case: Case) -> list[Route]:
    """Return the route with a gradient of ones, that of the sum of the output."""
    given = case.problem.d_output
    if given is None or not is_about(case) or bool((given == 1).all()):
        return []
    said = "dO was taken as ones, as for the sum of the output: another dO is given"
    return [Route(problems=(partial(with_d_output, change=np.ones_like),), said=said)]


# dV = Pᵀ dO


def _other_values(case: Case) -> list[Route]:
    """Return the routes with dS in the place of P in dV, or O or V in that of dO."""
    problem = case.problem
    if not is_about(case, "d_values"):
        return []
    ways: dict[str, Callable[[Gradients], Gradients]] = {
        "dV is dSᵀ dO": _of_d_scores,
        "dV is Pᵀ O": partial(_of_arriving, change=_with_output),
    }
    if case.n == case.m and problem.key_heads is None and problem.output_projection is None:
        ways["dV is Pᵀ V"] = partial(_of_arriving, change=_with_values)
    return [
        Route(regrade=partial(_regrade, names=("d_values",), change=change), said=f"{words}: Pᵀ dO is expected")
        for words, change in ways.items()
    ]


def _of_d_scores(own: Gradients) -> Gradients:
    free = replace(own.problem, dropout=0.0, dropout_mask=None)
    return Gradients(free, "numpy", own.array("d_scores"))


def _of_arriving(own: Gradients, change: Callable[[Problem], Problem]) -> Gradients:
    return Gradients(change(own.problem), "numpy", own.weights)


def _slip(family: str, routes: Callable[[Case], list[Route]], words: str) -> Slip:
    return Slip("grad-other-factor", family, routes, words, paired=False)


MATRIX_SLIPS = (
    _slip("gradient", _of_ones, "dO was taken as ones"),
    _slip("gradient place", _queries_and_keys, "another matrix was taken"),
    _slip("gradient place", _values_and_outputs, "another matrix was taken"),
    _slip("gradient", _other_products, "dP is of another matrix"),
    _slip("gradient place", _other_values, "dV is of another matrix"),
)
