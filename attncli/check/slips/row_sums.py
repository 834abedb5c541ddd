"""The row sums of P ∘ dP in the derivative of the softmax: the right ones, and others that are subtracted from dP."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need_values
from attncli.check.slips.gradients import Grade, is_about
from attncli.check.slips.slip import Slip
from attncli.results.gradients import Gradients
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

BY_SCORE = ("d_scores", "d_queries", "d_keys", "d_bias")  # that depend on dS
DUE = "dS = P ∘ (dP − row sum of O ∘ dO) is expected"


def is_graded_softmax(case: Case, *names: str) -> bool:
    return case.problem.normalizer is SOFTMAX and case.problem.values is not None and is_about(case, *names)


def at_heads(problem: Problem) -> tuple[Array, Array]:
    """Return the output and the gradient at it by head, (*lead, n, d_v), before the output projection."""
    weights = Result(problem, "numpy").weights
    return weights @ problem.repeat_key_heads(need_values(problem)), Gradients(problem, "numpy").d_output_by_head()


def right_sums(problem: Problem) -> Array:
    """Return the row sums of O ∘ dO, (*lead, n), which are those of P ∘ dP."""
    output, arriving = at_heads(problem)
    total: Array = (output * arriving).sum(axis=-1)
    return total


def read_otherwise(array: Array) -> Array:
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
    "O ∘ dO with the memory of dO read in another layout": lambda o, do: o * read_otherwise(do),
    "O ∘ dO with the memory of O read in another layout": lambda o, do: read_otherwise(o) * do,
}


def _other_sums(case: Case) -> list[Route]:
    if not is_graded_softmax(case, *BY_SCORE):
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
    return Gradients(own.problem, "numpy", row_sums=product(*at_heads(own.problem)).sum(axis=-1)).array(name)


ROW_SUM_SLIPS = (
    Slip(
        "row-sum-other",
        "gradient softmax",
        _other_sums,
        "other row sums were subtracted",
        paired=False,
    ),
)
