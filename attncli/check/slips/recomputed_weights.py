"""Weights that the way back recomputes otherwise from the saved log-sum-exps: without a stage, or to another base."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.gradients import Grade, free_of_masks
from attncli.check.slips.row_sums import is_graded_softmax, right_sums
from attncli.check.slips.slip import Slip
from attncli.records import replace
from attncli.results.gradients import Gradients
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

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
    if not has(case) or not is_graded_softmax(case) or case.problem.dropout_mask is not None:
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
    return Gradients(free, "numpy", weights, None if has_own_sums else right_sums(problem)).array(name)


RECOMPUTED = "they are e^(score − log-sum-exp)"
FROM_LARGEST = "from the largest score of each row in place of its log-sum-exp, and so not divided by their sum"


def _powers_of_others(case: Case) -> list[Route]:
    """Return the routes with weights that are recomputed from log-sum-exps to another base, or from raw scores."""
    problem = case.problem
    if not is_graded_softmax(case) or problem.dropout_mask is not None or problem.sink is not None:
        return []
    ways = {
        "from the log-sum-exps times log 2, as if they were to base 2": (1.0, math.log(2)),
        "from the log-sum-exps over log 2, which are to base 2": (1.0, 1 / math.log(2)),
        "as powers of 2, of score − log-sum-exp": (math.log(2), math.log(2)),
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
    return Gradients(own.problem, "numpy", powers, None if has_own_sums else right_sums(own.problem)).array(name)


@np.errstate(all="ignore")
def _of_scaled_powers(own: Gradients, name: str, _grade: Grade, of_score: float, of_lse: float) -> Array:
    result = Result(own.problem, "numpy").compute("scores", "lse")
    weights = np.exp(of_score * result.scores - of_lse * result.lse[..., None])
    weights = np.where(np.isneginf(result.scores), 0, weights)
    return Gradients(own.problem, "numpy", weights, right_sums(own.problem)).array(name)


RECOMPUTED_SLIPS = (
    *(
        Slip(name, "gradient", partial(_recomputed, name=name), f"{words} was left out on the way back", paired=False)
        for name, (words, _, _) in LEFT_OUT.items()
    ),
    Slip("grad-recomputed", "gradient", _powers_of_others, "the weights were recomputed otherwise", paired=False),
)
