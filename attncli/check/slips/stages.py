"""Stages between the raw scores and the softmax that are left out or done elsewhere, and log-sum-exps."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need
from attncli.check.slips.mask_changes import drop_bias, scores_without_masks
from attncli.check.slips.slip import Slip
from attncli.matrix import Array
from attncli.problem.problem import Problem
from attncli.records import replace
from attncli.results.result import Result


def _no_softcap(case: Case) -> list[Route]:
    return [] if case.problem.softcap is None else [Route(problems=(partial(replace, softcap=None),))]


def _cap_elsewhere(problem: Problem) -> Problem:
    after = not problem.conventions.softcap_after_bias
    return replace(problem, conventions=replace(problem.conventions, softcap_after_bias=after))


def _other_place(after: bool) -> Callable[[Case], list[Route]]:
    def routes(case: Case) -> list[Route]:
        problem = case.problem
        if problem.softcap is None or problem.bias is None or problem.conventions.softcap_after_bias == after:
            return []
        return [Route(problems=(_cap_elsewhere,))]

    return routes


def _other_caps(case: Case) -> list[Route]:
    """Return the routes with tanh of the scores over the cap that is not multiplied by it again, with tanh of other
    numbers or of the capped scores, and with scores that are cut off at the cap."""
    problem, cap = case.problem, case.problem.softcap
    if cap is None or problem.bias is not None or problem.slopes is not None:
        return []
    free, due = partial(replace, softcap=None), f"{cap:g}·tanh(score / {cap:g}) is expected"
    ways = {
        f"tanh(score / {cap:g}) was not multiplied by {cap:g} again": lambda scores: np.tanh(scores / cap),
        f"the scores were cut off at −{cap:g} and {cap:g}: {due}": (lambda scores: np.clip(scores, -cap, cap)),
        f"score·tanh(score / {cap:g}) was taken: {due}": lambda scores: scores * np.tanh(scores / cap),
        f"{cap:g}·tanh(score) was taken: {due}": lambda scores: cap * np.tanh(scores),
        f"the scores were divided by {cap:g}, and nothing more: {due}": lambda scores: scores / cap,
        f"the softcap {cap:g} was applied twice: once is expected": lambda scores: cap * np.tanh(np.tanh(scores / cap)),
    }
    return [
        Route(
            problems=(free,),
            rescore=partial(_of_seen, change=change),
            shown_scores=partial(_changed_scores, change=change),
            said=said,
        )
        for said, change in ways.items()
    ]


def _named_caps(case: Case) -> list[Route]:
    """Return the routes with another softcap that a mistake makes of the right one."""
    cap, scale = case.problem.softcap, case.problem.scale
    if cap is None:
        return []
    ways = {
        cap * math.log(2): "log 2 times it, as if the scores were multiplied by log₂ e before it",
        cap / math.log(2): "it over log 2, as of scores to base 2",
        1 / cap: "1 over it",
    }
    if scale not in (0, 1):
        ways[cap * scale] = "as if it came before the scale"
        ways[cap / scale] = "it over the scale, as if the scores were scaled once more before it"
    return [
        Route(
            problems=(partial(replace, softcap=other),),
            said=f"the softcap was {other:.6g}, {words}: {cap:g} is expected",
        )
        for other, words in ways.items()
        if not math.isclose(other, cap)
    ]


def _of_seen(scores: Array, change: Callable[[Array], Array]) -> Array:
    return np.where(np.isneginf(scores), scores, change(scores))


def _changed_scores(problem: Problem, change: Callable[[Array], Array]) -> Array:
    return _of_seen(Result(problem, "numpy").scores, change)


def _bias_times(problem: Problem, factor: float) -> Problem:
    if problem.bias is None:
        return problem
    with np.errstate(invalid="ignore"):
        return replace(problem, bias=np.where(np.isneginf(problem.bias), problem.bias, factor * problem.bias))


def _no_bias(case: Case) -> list[Route]:
    return [] if case.problem.bias is None else [Route(problems=(drop_bias,))]


def _other_biases(case: Case) -> list[Route]:
    """Return the routes with the bias scaled like the raw scores, subtracted, or added twice."""
    bias = case.problem.bias
    if bias is None or not np.where(np.isneginf(bias), 0, bias).any():
        return []
    scale = case.problem.scale
    ways = [(-1.0, "subtracted"), (2.0, "added twice")]
    if scale not in (0, 1):
        ways += [(scale, f"scaled by {scale:.6g}"), (1 / scale, f"multiplied by {1 / scale:.6g}")]
    return [
        Route(
            problems=(partial(_bias_times, factor=factor),),
            said=f"the bias was {said}: it is added to the scaled scores as it is",
        )
        for factor, said in ways
    ] + _rearranged_biases(case)


def _rearranged_biases(case: Case) -> list[Route]:
    """Return the routes with the bias transposed, and with scores that are multiplied by it."""
    bias = case.problem.bias
    assert bias is not None
    routes = [
        Route(
            problems=(drop_bias,),
            score=partial(_scores_times, factors=np.where(np.isneginf(bias), 1, bias)),
            is_whole=True,
            said="the scores were multiplied by the bias: it is added to them",
        )
    ]
    is_square = bias.shape[-2:] == (case.n, case.n) and case.n == case.m
    if is_square and not np.array_equal(bias, bias.mT):
        said = "the bias was transposed, that of query j and key i for query i and key j"
        routes.append(Route(problems=(_turn_bias,), said=said))
    return routes


def _other_rows_of_bias(case: Case) -> list[Route]:
    """Return the routes with the bias in another base, and with that of the first query for each query."""
    bias = case.problem.bias
    if bias is None or not np.where(np.isneginf(bias), 0, bias).any():
        return []
    routes = [
        Route(
            problems=(partial(_bias_times, factor=factor),), said=f"the bias was multiplied by {factor:.6g} = {words}"
        )
        for factor, words in (
            (math.log(2), "log 2, as if it were added to scores in base 2: it is added to the scores as it is"),
            (math.log2(math.e), "log₂ e, as for powers of 2: it is added to the scores as it is"),
        )
    ]
    if bias.shape[-2] > 1 and not bool((bias == bias[..., :1, :]).all()):
        routes.append(
            Route(problems=(_bias_of_first_row,), said="every query took the bias of query 0: each has its own")
        )
        routes += _shifted_biases(-2, "query")
    return routes + (_shifted_biases(-1, "key") if bias.shape[-1] > 1 else [])


def _shifted_biases(axis: int, noun: str) -> list[Route]:
    """Return the routes in which each query, or each key, has the bias of the one before or after it."""
    return [
        Route(
            problems=(partial(_shift_bias, axis=axis, step=step),),
            said=(
                f"each {noun} took the bias of the {noun} {words} it (the {end} that of the {start}): it has its own"
            ),
        )
        for step, words, end, start in ((1, "before", "first", "last"), (-1, "after", "last", "first"))
    ]


def _shift_bias(problem: Problem, axis: int, step: int) -> Problem:
    return replace(problem, bias=np.roll(need(problem.bias), step, axis=axis))


def _bias_of_first_row(problem: Problem) -> Problem:
    bias = need(problem.bias)
    return replace(problem, bias=np.broadcast_to(bias[..., :1, :], bias.shape))


def _turn_bias(problem: Problem) -> Problem:
    return replace(problem, bias=need(problem.bias).mT)


def _scores_times(problem: Problem, factors: Array) -> Array:
    scores = Result(problem, "numpy").scores
    with np.errstate(invalid="ignore"):
        return np.where(np.isneginf(scores), scores, scores * factors)


def _in_base_2(name: str, array: Array) -> Array:
    return array / np.log(2) if name == "lse" else array


def _base_2(case: Case) -> list[Route]:
    if "lse" not in case.wrong:
        return []
    return [Route(present=_in_base_2)]


@np.errstate(all="ignore")
def _other_lse(case: Case) -> list[Route]:
    """Return the routes with a step of the log-sum-exp left out or done otherwise."""
    if "lse" not in case.wrong:
        return []
    result = Result(case.problem, "numpy").compute("scores", "lse")
    lse, largest = result.lse, result.scores.max(axis=-1)
    rest = lse - largest
    ways = {
        "the sums of the exponentials, without their logarithm": np.exp(lse),
        "the largest scores, without the logarithm of the sum": largest,
        "log Σ exp(score − largest), without the largest score": rest,
        "the sums Σ exp(score − largest), without their logarithm and the largest score": np.exp(rest),
        "the largest score + Σ exp(score − largest), without the logarithm": largest + np.exp(rest),
        "the largest score + log₂ Σ exp(score − largest), of two bases": largest + rest / np.log(2),
        "the largest score · log₂ e + log Σ exp(score − largest), of two bases": largest / np.log(2) + rest,
        "the right ones with the other sign": -lse,
        "the right ones times log 2, as if they were to base 2": lse * np.log(2),
        "the largest score − log Σ exp(score − largest): the two are added": largest - rest,
        **_with_sinks(case, largest, rest),
        **_unscaled_lse(case, result.scores, largest, rest),
        **_lse_of_others(case, result.scores, lse),
    }
    if lse.ndim > 1:
        turned = np.ascontiguousarray(lse.mT).reshape(lse.shape)
        ways["the right ones in the memory of (…, n, heads), read as (…, heads, n)"] = turned
    slopes, right = case.problem.slopes, case.problem.visible.right
    if slopes is not None and right is not None and right <= 0 and len(case.problem.visible.offsets) == 1:
        positions = np.arange(case.n) + case.problem.visible.offsets[0]
        moved = (lse + np.asarray(slopes)[:, None] * positions).reshape(lse.shape)
        ways["those of scores + slope·j, which ALiBi's −slope·|p − j| is less slope·p"] = moved
    return [
        Route(
            present=partial(_in_place, told=np.where(np.isneginf(lse), lse, taken)),
            said=f"your log-sum-exps are {words}",
        )
        for words, taken in ways.items()
    ]


@np.errstate(all="ignore")
def _lse_of_others(case: Case, scores: Array, lse: Array) -> dict[str, Array]:
    """Return log-sum-exps over all keys, and the logarithms of means, by words."""
    seen = np.isfinite(scores).sum(axis=-1)
    found = {"the logarithms of the means of the exponentials: that of their sum is expected": lse - np.log(seen)}
    if case.is_masked and case.problem.sink is None:
        whole = np.logaddexp.reduce(scores_without_masks(case.problem), axis=-1)
        found[f"those over all {case.m} keys, without {case.masks}"] = whole
    return found


@np.errstate(all="ignore")
def _with_sinks(case: Case, largest: Array, rest: Array) -> dict[str, Array]:
    """Return log-sum-exps with e^S in a sum relative to the largest score, by words."""
    if case.problem.sink is None:
        return {}
    powers = np.exp(np.broadcast_to(np.reshape(case.problem.sink, (-1, 1)), (case.heads, 1)))
    own = np.exp(rest) - powers * np.exp(-largest).reshape(-1, case.heads, case.n)
    told = largest + np.log(own + powers).reshape(largest.shape)
    return {"the largest score + log(Σ exp(score − largest) + e^S): e^(S − largest) joins that sum": told}


@np.errstate(all="ignore")
def _unscaled_lse(case: Case, scores: Array, largest: Array, rest: Array) -> dict[str, Array]:
    """Return log-sum-exps in which the scale is left out, by words."""
    problem = case.problem
    if problem.scale in (0, 1) or case.has_stage("softcap", "bias", "slopes", "head_scales", "sink"):
        return {}
    raw = scores / problem.scale
    most = raw.max(axis=-1, keepdims=True)
    return {
        "those of the raw scores, without the scale": (np.log(np.exp(raw - most).sum(axis=-1)) + most[..., 0]),
        "the largest raw score + log Σ exp(score − largest): the largest score has the scale too": (
            largest / problem.scale + rest
        ),
        f"{problem.scale:.6g} · the largest score + log Σ exp(score − largest): it has the scale already": (
            largest * problem.scale + rest
        ),
        f"the right ones times the scale {problem.scale:.6g}: they are of scaled scores already": (
            (largest + rest) * problem.scale
        ),
    }


def _in_place(name: str, array: Array, told: Array) -> Array:
    return told if name == "lse" else array


STAGE_SLIPS = (
    Slip(
        "no-softcap",
        "stage",
        _no_softcap,
        lambda case: (
            f"the softcap was left out: {case.problem.softcap:g}·tanh(score / {case.problem.softcap:g}) is expected"
        ),
    ),
    Slip(
        "softcap-after-bias",
        "stage",
        _other_place(True),
        lambda case: f"the softcap {case.problem.softcap:g} came after the bias: it comes before",
    ),
    Slip(
        "softcap-before-bias",
        "stage",
        _other_place(False),
        lambda case: f"the softcap {case.problem.softcap:g} came before the bias: it comes after",
    ),
    Slip(
        "no-bias",
        "stage",
        _no_bias,
        lambda case: f"the bias was left out: {_first_bias(case)} is added to the scores",
    ),
    Slip("softcap-other", "stage", _named_caps, "the softcap was another", paired=False),
    Slip("softcap-as", "stage", _other_caps, "the softcap was another function", paired=False),
    Slip("bias-other", "stage", _other_biases, "the bias was changed"),
    Slip("bias-other", "stage", _other_rows_of_bias, "the bias was changed", paired=False),
    Slip(
        "lse-base-2",
        "result",
        _base_2,
        "your log-sum-exps are to base 2, the right ones over log 2 = 0.693147: base e is expected",
    ),
    Slip("lse-other", "result", _other_lse, "your log-sum-exps are others", paired=False),
)


def _first_bias(case: Case) -> str:
    bias = case.problem.bias
    assert bias is not None
    shown = np.where(np.isneginf(bias), 0, bias)
    at = np.unravel_index(int(np.argmax(shown != 0)), shown.shape)
    return f"{shown[at]:g} at [{', '.join(str(int(place)) for place in at)}]"
