"""Sinks that are counted often, not shifted, taken for a key or for another number, or not asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.changes import need
from attncli.check.slips.slip import Slip
from attncli.problem.problem import over_heads
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


COUNTED = {2: "twice", 3: "3 times", 4: "4 times", 8: "8 times"}  # a sink: by each piece of the keys


def count_twice(case: Case) -> list[Route]:
    sink = case.problem.sink
    if sink is None:
        return []
    return [
        Route(
            problems=(partial(replace, sink=tuple(logit + float(np.log(count)) for logit in sink)),),
            said=f"the sink was counted {words}: {describe_sinks(case)}, once",
        )
        for count, words in COUNTED.items()
    ]


@np.errstate(all="ignore")
def _plus_unshifted(problem: Problem, weights: Array) -> Array:
    """Return the weights if e^S joins the sum of the exponentials of scores less the largest of their row."""
    largest = weights.max(axis=-1, keepdims=True)
    powers = np.where(largest > 0, weights / largest, 0)
    found: Array = powers / (powers.sum(axis=-1, keepdims=True) + np.exp(over_heads(need(problem.sink))))
    return found


def unshifted_sink(case: Case) -> list[Route]:
    problem = case.problem
    is_plain = problem.dropout_mask is None and problem.top_k is None
    return [Route(reweigh=_plus_unshifted)] if problem.sink is not None and is_plain else []


def _with_first_column(_problem: Problem, weights: Array) -> Array:
    """Return the weights one key later, with the sink's own in front, and without the last."""
    own = 1 - weights.sum(axis=-1, keepdims=True)
    return np.concatenate([own, weights[..., :-1]], axis=-1)


def sink_column(case: Case) -> list[Route]:
    problem = case.problem
    if problem.sink is None or problem.dropout_mask is not None:
        return []
    return [Route(reweigh=_with_first_column)]


def _with_first_value(weights: Array) -> Array:
    """Return the weights with the rest of each row on key 0."""
    found = np.array(weights)
    found[..., 0] += 1 - weights.sum(axis=-1)
    return found


def sink_value(case: Case) -> list[Route]:
    problem = case.problem
    if problem.sink is None or problem.dropout_mask is not None or "output" not in case.wrong:
        return []
    said = "the sink's weight was multiplied by the value of key 0: a sink has no value"
    return [Route(weigh=_with_first_value, said=said)]


def unasked_sink(case: Case) -> list[Route]:
    """Return the route with a sink of 0 (softmax off by one) that was not requested."""
    if case.problem.sink is not None or not case.problem.normalizer.sums_to_one:
        return []
    return [Route(requests=(partial(replace, sink=(0.0,)),))]


def lse_without_sink(case: Case) -> list[Route]:
    if case.problem.sink is None or "lse" not in case.wrong:
        return []
    lse = Result(replace(case.problem, sink=None), "numpy").lse

    def present(name: str, array: Array) -> Array:
        return lse if name == "lse" else array

    return [Route(present=present)]


def describe_sinks(case: Case) -> str:
    sink = case.problem.sink or ()
    return f"e^S joins each row's sum, S = {list_numbers(sink)}"


# other sinks

LEAST = -50.0  # a sink that has no weight


def _ways(case: Case, own: tuple[float, ...]) -> dict[str, tuple[float, ...]]:
    """Return the sinks that are taken by mistake, by words."""
    scale = case.problem.scale
    changes: dict[str, Callable[[float], float]] = {
        "2^S joined each row's sum": lambda logit: logit * math.log(2),
        "e^(S / log 2) joined each row's sum, as if S were to base 2": lambda logit: logit / math.log(2),
        "e^(−S) joined each row's sum": lambda logit: -logit,
        "S itself joined each row's sum, without the exponential": lambda logit: (
            math.log(logit) if logit > 0 else LEAST
        ),
        "a score of 0 took the place of the sink": lambda _logit: 0.0,
    }
    if scale not in (0, 1):
        changes[f"the sink was multiplied by the scale {scale:.6g}"] = lambda logit: logit * scale
    found = {words: tuple(change(logit) for logit in own) for words, change in changes.items()}
    if len(own) > 1:
        found["every head took the sink of head 0"] = own[:1] * len(own)
        found["the heads took the sinks in the order from the last head"] = tuple(reversed(own))
    shared = case.problem.key_heads
    if shared is not None and len(own) == case.heads and 1 < shared < case.heads:
        group = case.heads // shared
        found[f"the sinks were those of heads 0 to {shared - 1}, one for each key head"] = tuple(
            own[head // group] for head in range(case.heads)
        )
    return found


def _other_sinks(case: Case) -> list[Route]:
    own = case.problem.sink
    if own is None or not all(map(math.isfinite, own)):
        return []
    return [
        Route(problems=(partial(replace, sink=sinks),), said=f"{words}: {describe_sinks(case)}")
        for words, sinks in _ways(case, own).items()
        if sinks != own
    ] + _divided_again(case)


def _divided_again(case: Case) -> list[Route]:
    """Return the route whose weights are divided by their sum again, so that the sink is only in the log-sum-exps."""
    if case.problem.dropout_mask is not None or "lse" not in case.judges:
        return []
    said = f"the sink took no part of the weights, and is only in the log-sum-exps: {describe_sinks(case)}"
    return [Route(reweigh=_to_one, said=said)]


def _to_one(_problem: Problem, weights: Array) -> Array:
    total = weights.sum(axis=-1, keepdims=True)
    found: Array = weights / np.where(total > 0, total, 1)
    return found


SINK_SLIPS = (Slip("sink-other", "stage", _other_sinks, "the sink was another", paired=False),)
