"""Slips in the backward pass: gradients without the second term of the softmax, unscaled, swapped, transposed, not
summed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case, listed
from attncli.check.slips.slip import Slip
from attncli.check.slips.softmaxes import ONE_BLOCK
from attncli.inputs.request import GRADIENT_NAMES
from attncli.matrix import Array
from attncli.problem.heads import pack_heads, unpack_heads
from attncli.problem.problem import Problem, Visible
from attncli.records import replace
from attncli.results.gradients import Gradients
from attncli.results.result import Result

Grade = Callable[[str], Array]
Backward = Callable[[Array, Array, Array], tuple[Array, Array]]


LETTERS = {"d_queries": "dQ", "d_keys": "dK", "d_values": "dV", "d_scores": "dS", "d_weights": "dP"}
NO_ROW_SUM = "dS is P ∘ dP without its second term: the row sum of P ∘ dP is to be subtracted from dP first"


def is_about(case: Case, *names: str) -> bool:
    """Return whether some of these gradients (by default, any) are wrong."""
    return any(name in (names or GRADIENT_NAMES) for name in case.wrong)


def _no_row_sum(case: Case) -> list[Route]:
    if not is_about(case) or not case.problem.normalizer.sums_to_one:
        return []
    routes = [Route(problems=(_without_row_sum,))]
    if is_about(case, "d_bias") and not is_about(case, "d_scores", "d_queries", "d_keys"):
        routes.append(Route(regrade=_bias_without_row_sum, said=f"in dB only, {NO_ROW_SUM}"))
    return routes


def _bias_without_row_sum(own: Gradients, name: str, grade: Grade) -> Array:
    if name != "d_bias":
        return grade(name)
    return Gradients(_without_row_sum(own.problem), "numpy", own.weights).array(name)


def _without_row_sum(problem: Problem) -> Problem:
    return replace(
        problem, normalizer=replace(problem.normalizer, backward=lambda weights, d_weights: weights * d_weights)
    )


def _unscaled(case: Case) -> list[Route]:
    if not is_about(case):  # a scale of 1 may be another one by another slip
        return []
    scale = case.problem.scale
    left_out = f"the scale{f' {scale:.6g}' if scale != 1 else ''} was left out"
    sides = (
        (True, True, f"{left_out} on the way back: dQ = scale · dS K, dK = scale · dSᵀ Q"),
        (True, False, f"{left_out} of dQ: scale · dS K is expected"),
        (False, True, f"{left_out} of dK: scale · dSᵀ Q is expected"),
    )
    return [Route(problems=(partial(_without_scale, of_queries=q, of_keys=k),), said=said) for q, k, said in sides]


def _without_scale(problem: Problem, *, of_queries: bool, of_keys: bool) -> Problem:
    def backward(queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
        right = problem.variant.backward(queries, keys, d_scores)
        plain = problem.variant.backward(queries, keys, d_scores / problem.scale)
        return (plain if of_queries else right)[0], (plain if of_keys else right)[1]

    return with_backward(problem, backward)


def with_backward(problem: Problem, backward: Backward) -> Problem:
    """Return the problem with other gradients of Q and K from those of the scores."""
    return replace(problem, variant=replace(problem.variant, backward=backward))


def weights_of(own: Gradients) -> Array:
    """Return the weights of these gradients: those that are given, or else the problem's own."""
    return Result(own.problem, "numpy").weights if own.weights is None else own.weights


def with_d_scores(own: Gradients, d_scores: Array) -> Gradients:
    """Return the gradients of other gradients of the scores, (…, n, m), from which those before them follow."""
    plain = replace(own.problem.normalizer, backward=lambda given, _d_weights: given)
    return Gradients(replace(own.problem, normalizer=plain, softcap=None), "numpy", d_scores)


def _swapped(case: Case, *pairs: tuple[str, str]) -> list[Route]:
    """Return the routes with two gradients in each other's place, as where they are returned in another order."""
    return [
        Route(regrade=partial(_exchanged, pair=pair), said=f"{LETTERS[pair[0]]} and {LETTERS[pair[1]]} were exchanged")
        for pair in pairs
        if is_about(case, *pair)
    ]


def _exchanged(_own: Gradients, name: str, grade: Grade, pair: tuple[str, str]) -> Array:
    return grade(pair[1 - pair.index(name)] if name in pair else name)


def _transposed(case: Case) -> list[Route]:
    """Return the routes with dS for dSᵀ, weights for weightsᵀ, or the transposed gradients."""
    if not is_about(case):
        return []
    found = []
    if case.n == case.m <= ONE_BLOCK and case.problem.d_v is not None:
        of_keys, of_values = "dK is scale · dS Q: scale · dSᵀ Q is expected", "dV is P dO: Pᵀ dO is expected"
        of_scores = "dS was transposed: dQ = scale · dS K, dK = scale · dSᵀ Q"
        for_both = Route(problems=(_with_dS_for_both,), said=of_keys)
        found = [for_both, Route(problems=(_with_transposed_dS,), said=of_scores)]
        if case.problem.key_heads is None and not case.problem.is_joined:
            unturned = Route(regrade=_values_unturned, said=of_values)
            found += [unturned, replace(for_both.then(unturned), said=f"{of_keys}, and {of_values}")]
    names = tuple(name for name in case.wrong if name in GRADIENT_NAMES)
    told = listed([LETTERS.get(name, name) for name in names])
    said = f"{told} {'is' if len(names) == 1 else 'are'} transposed: a gradient has the rows and columns of its matrix"
    return [*found, Route(regrade=partial(_turned, names=names), said=said)]


def _with_dS_for_both(problem: Problem) -> Problem:
    def backward(queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
        right = problem.variant.backward(queries, keys, d_scores)[0]
        return right, problem.variant.backward(queries, keys, d_scores.mT)[1]

    return with_backward(problem, backward)


def _with_transposed_dS(problem: Problem) -> Problem:
    return with_backward(problem, lambda q, k, d_scores: problem.variant.backward(q, k, d_scores.mT))


def _values_unturned(own: Gradients, name: str, grade: Grade) -> Array:
    if name != "d_values":
        return grade(name)
    unturned: Array = weights_of(own) @ own.d_output
    return unturned


def _turned(_own: Gradients, name: str, grade: Grade, names: tuple[str, ...]) -> Array:
    array = grade(name)
    return array.mT if name in names and array.ndim > 1 else array


def _heads_not_summed(case: Case) -> list[Route]:
    if case.problem.key_heads is None or not is_about(case, "d_keys", "d_values"):
        return []
    keys = case.problem.key_heads
    shared = case.problem.lead[-1] // keys
    over = f"over the {shared} query heads that share a key head"
    names = tuple(name for name in ("d_keys", "d_values") if is_about(case, name))
    those = " and ".join({"d_keys": "dK", "d_values": "dV"}[name] for name in names)
    are, was = ("is that", "was") if len(names) == 1 else ("are those", "were")
    picks: dict[str, Callable[[Array], Array]] = {
        f"the gradients were not summed {over}": lambda array: array,
        f"{those} {are} of the first query head that shares a key head: the sum of all {shared} is expected": (
            lambda array: array[..., ::shared, :, :]
        ),
        f"{those} {are} of the last query head that shares a key head: the sum of all {shared} is expected": (
            lambda array: array[..., shared - 1 :: shared, :, :]
        ),
        f"the mean of {those} was taken {over}: the sum is expected": (
            lambda array: _by_group(array, shared).mean(axis=-3)
        ),
    }
    if keys > 1:
        turns = f"the query heads h, h + {keys} … in turn"
        first = f"{those} {are} of the query heads 0 to {keys - 1}"
        picks |= {
            f"{those} of key head h {was} summed over {turns}: {shared} neighbours share one": (
                lambda array: _in_turn(array, shared).sum(axis=-4)
            ),
            f"{first}: the sum over the {shared} that share a key head is expected": (
                lambda array: array[..., :keys, :, :]
            ),
        }
    return [Route(regrade=partial(_by_query_head, names=names, pick=pick), said=said) for said, pick in picks.items()]


def _by_group(array: Array, shared: int) -> Array:
    return array.reshape(*array.shape[:-3], -1, shared, *array.shape[-2:])


def _in_turn(array: Array, shared: int) -> Array:
    return array.reshape(*array.shape[:-3], shared, -1, *array.shape[-2:])


def _by_query_head(
    own: Gradients, name: str, grade: Grade, names: tuple[str, ...], pick: Callable[[Array], Array]
) -> Array:
    problem = own.problem
    if name not in names or problem.values is None or problem.origins is None:
        return grade(name)
    keys, values = map(problem.repeat_key_heads, (problem.keys, problem.values))
    shapes = {**problem.origins.shapes, "keys": _shape(keys, problem), "values": _shape(values, problem)}
    origins = replace(problem.origins, shapes=shapes)
    apart = replace(problem, keys=keys, values=values, key_heads=None, origins=origins)
    found = Gradients(apart, "numpy", own.weights).array(name)
    if not problem.packed:
        return pick(found)
    return pack_heads(pick(unpack_heads(found, problem.heads)))


def _shape(array: Array, problem: Problem) -> tuple[int, ...]:
    return pack_heads(array).shape if problem.packed else array.shape


def _no_mask(case: Case) -> list[Route]:
    if not case.is_masked or not is_about(case):
        return []
    said = f"dS was computed without {case.masks}, dV with it: a masked score has no gradient"
    return [Route(regrade=_unmasked), Route(regrade=_unmasked_scores, said=said)]


def _unmasked_scores(own: Gradients, name: str, grade: Grade) -> Array:
    return grade(name) if name == "d_values" else _unmasked(own, name, grade)


def _unmasked(own: Gradients, name: str, _grade: Grade) -> Array:
    """Return the gradient of the problem without its masks. The forward pass keeps them."""
    return Result(free_of_masks(own.problem), "numpy").array(name)


def free_of_masks(problem: Problem) -> Problem:
    """Return the problem in which every query sees all keys."""
    bias = problem.bias
    if bias is not None:
        bias = np.where(np.isneginf(bias), bias.dtype.type(0), bias)
    return replace(problem, mask=None, bias=bias, visible=Visible(offsets=problem.visible.offsets), segments=None)


GRADIENT_SLIPS = (
    Slip(
        "no-row-sum",
        "gradient softmax",
        _no_row_sum,
        NO_ROW_SUM,
    ),
    Slip(
        "grad-unscaled",
        "gradient scale",
        _unscaled,
        "the scale was left out on the way back",
    ),
    Slip(
        "grad-swapped",
        "gradient place",
        lambda case: _swapped(case, ("d_queries", "d_keys")),
        "dQ and dK were exchanged",
    ),
    Slip(
        "grad-swapped",
        "gradient place",
        lambda case: _swapped(case, ("d_keys", "d_values"), ("d_queries", "d_values")),
        "dV was exchanged with another gradient",
        paired=False,
    ),
    Slip(
        "grad-transposed",
        "gradient place",
        _transposed,
        "a gradient is transposed",
    ),
    Slip(
        "grad-heads-not-summed",
        "gradient",
        _heads_not_summed,
        "the gradients of a shared key head were not summed over its query heads",
    ),
    Slip(
        "grad-no-mask",
        "gradient",
        _no_mask,
        lambda case: f"the gradients were computed without {case.masks}: a masked score has none",
    ),
)
