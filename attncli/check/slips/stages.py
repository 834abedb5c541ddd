"""Stages between the raw scores and the softmax that are left out or done elsewhere, and log-sum-exps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import drop_bias
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
    ]


def _in_base_2(name: str, array: Array) -> Array:
    return array / np.log(2) if name == "lse" else array


def _base_2(case: Case) -> list[Route]:
    if "lse" not in case.wrong:
        return []
    return [Route(present=_in_base_2)]


PIECES = (2, 3, 4, 8)


@np.errstate(all="ignore")
def _merged(problem: Problem, weights: Array, pieces: int, power: float) -> Array:
    """Return the weights if each piece of the keys counts as its sum of exponentials to a power."""
    lse = Result(problem, "numpy").lse[..., None]
    whole = np.zeros_like(weights)
    logs = []
    borders = [problem.m * piece // pieces for piece in range(pieces + 1)]
    for start, stop in pairwise(borders):
        logs.append(power * (np.log(weights[..., start:stop].sum(axis=-1, keepdims=True)) + lse))
    stacked = np.concatenate(logs, axis=-1)
    shares = np.exp(stacked - stacked.max(axis=-1, keepdims=True))
    shares = shares / shares.sum(axis=-1, keepdims=True)
    for number, (start, stop) in enumerate(pairwise(borders)):
        own = weights[..., start:stop]
        whole[..., start:stop] = np.nan_to_num(own / own.sum(axis=-1, keepdims=True)) * shares[..., number, None]
    return whole


def _merges(case: Case) -> list[Route]:
    routes = []
    for pieces in PIECES:
        if case.m < pieces:
            continue
        for power, words in ((1 / np.log(2), "base 2 taken for base e"), (np.log(2), "base e taken for base 2")):
            said = f"the softmax was merged from {pieces} pieces of the {case.m} keys by log-sum-exps, {words}"
            routes.append(Route(reweigh=partial(_merged, pieces=pieces, power=float(power)), said=said))
    return routes


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
    Slip("bias-other", "stage", _other_biases, lambda _case: "the bias was changed"),
    Slip(
        "lse-base-2",
        "result",
        _base_2,
        lambda _case: "your log-sum-exps are to base 2, the right ones over log 2 = 0.693147: base e is expected",
    ),
    Slip(
        "split-merge-base-2",
        "weights",
        _merges,
        lambda _case: "pieces were merged by another base",
        paired=False,
        evidence=2.0,
    ),
)


def _first_bias(case: Case) -> str:
    bias = case.problem.bias
    assert bias is not None
    shown = np.where(np.isneginf(bias), 0, bias)
    at = np.unravel_index(int(np.argmax(shown != 0)), shown.shape)
    return f"{shown[at]:g} at [{', '.join(str(int(place)) for place in at)}]"
