"""Worksheets worked by hand: a step that follows from the printed digits of the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import weigh_values

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.tolerance.measures import Measured

Array = np.ndarray

STEPS = ("raw_scores", "scores", "weights", "output")


def verdicts_of(judges: dict[str, Judge], measured: Measured) -> dict[str, str]:
    """The verdict of each expected matrix. One that is wrong by itself, but right when it is worked from a right step
    before it with the digits that are printed, is `step-rounding`."""
    verdicts = {name: judge.verdict(measured) for name, judge in judges.items()}
    for name, verdict in verdicts.items():
        if verdict == "wrong" and name in STEPS and _follows(name, judges, verdicts, measured):
            verdicts[name] = "step-rounding"
    return verdicts


def _follows(name: str, judges: dict[str, Judge], verdicts: dict[str, str], measured: Measured) -> bool:
    """Whether the numbers are those of the nearest printed step, to one unit; they claim no more decimals than it,
    since what is worked from few digits has no more."""
    printed = [step for step in STEPS[: STEPS.index(name)] if step in judges]
    if not printed or verdicts[printed[-1]] == "wrong" or not measured.route.is_plain:
        return False
    judge, before = judges[name], judges[printed[-1]]
    if judge.claims is None or before.claims is None or judge.expected.shape != measured.numbers[name].shape:
        return False
    if judge.claims.decimals is None or before.claims.decimals is None:
        return False
    if not judge.claims.decimals <= before.claims.decimals:
        return False
    for decimals in (None, judge.claims.decimals):  # the steps between, in full or rounded too
        worked = _worked(name, printed[-1], before.expected, measured, decimals)
        off = np.abs(judge.expected - worked)
        same = (judge.expected == worked) | (off <= np.minimum(judge.claims.unit, judge.claims.ceiling) * (1 + 1e-9))
        if bool(same.all()):
            return True
    return False


@np.errstate(invalid="ignore", over="ignore", divide="ignore")
def _worked(name: str, start: str, printed: Array, measured: Measured, decimals: int | None) -> Array:
    """The matrix `name`, worked from the printed numbers of the step `start`: what the difference from the right ones
    makes of the right ones."""
    problem = measured.problem
    right = measured.route.numbers_of(problem, STEPS[: STEPS.index(name) + 1])
    found = printed
    for step in STEPS[STEPS.index(start) + 1 : STEPS.index(name) + 1]:
        if step == "scores":
            found = right["scores"] + _scaled(found, measured) - _scaled(right["raw_scores"], measured)
        elif step == "weights":
            moved = np.where(np.isfinite(right["scores"]), found - right["scores"], 0.0)
            grown = right["weights"] * np.exp(moved)
            rest = 1 - right["weights"].sum(axis=-1, keepdims=True)  # of a row without a key, and of a sink
            found = grown / (grown.sum(axis=-1, keepdims=True) + rest)
        else:
            found = right["output"] + weigh_values(problem, found) - weigh_values(problem, right["weights"])
        if decimals is not None and step != name:
            found = np.round(found, decimals)
    return found


def _scaled(raw: Array, measured: Measured) -> Array:
    problem = measured.problem
    scaled = problem.scale * raw
    if problem.softcap is None:
        return scaled
    capped: Array = problem.softcap * np.tanh(scaled / problem.softcap)
    return capped
