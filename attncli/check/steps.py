"""Worksheets step by step: what follows from the printed digits of the previous step, right or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.check.judge import FILL
from attncli.check.precision import spacing
from attncli.check.routes import softmax_over, weigh_values

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.tolerance.measures import Measured

Array = np.ndarray

DRAWS, FARTHER = 8, 2  # random roundings of a printed step, and the factor by which they may be exceeded
STEPS = ("raw_scores", "scores", "weights", "output")


def verdicts_of(judges: dict[str, Judge], measured: Measured) -> dict[str, str]:
    """Return the verdict of each expected matrix.

    `step-rounding`: wrong by itself, but right if it is computed from the printed digits of the right step before it.
    `carried`: it follows from a wrong step.
    """
    verdicts = {name: judge.verdict(measured) for name, judge in judges.items()}
    for name, verdict in verdicts.items():
        if verdict == "wrong" and name in STEPS and _follows(name, judges, verdicts, measured):
            verdicts[name] = "step-rounding"
        elif verdict == "wrong" and name in STEPS and _is_carried(name, judges, verdicts, measured):
            verdicts[name] = "carried"
    return verdicts


@np.errstate(invalid="ignore", over="ignore")
def _is_carried(name: str, judges: dict[str, Judge], verdicts: dict[str, str], measured: Measured) -> bool:
    """Return whether the numbers follow from the nearest printed step, which is wrong, within the rounding of both."""
    printed = [step for step in STEPS[: STEPS.index(name)] if step in judges]
    if not printed or verdicts[printed[-1]] not in ("wrong", "carried") or not measured.route.is_plain:
        return False
    judge, before = judges[name], judges[printed[-1]]
    shapes = ((each.expected.shape, measured.numbers[each.name].shape) for each in (judge, before))
    if any(mine != right for mine, right in shapes):
        return False
    worked = _work_from(name, before.name, before.expected, measured, None)
    allowed = _last_units(judge)
    half = _last_units(before) / 2
    random = np.random.default_rng(0)
    for _ in range(DRAWS):
        drawn = before.expected + half * random.uniform(-1, 1, half.shape)
        moved = np.abs(_work_from(name, before.name, drawn, measured, None) - worked)
        allowed = np.maximum(allowed, _last_units(judge) + FARTHER * np.where(np.isfinite(moved), moved, 0))
    same = (judge.expected == worked) | (np.abs(judge.expected - worked) <= allowed * (1 + 1e-9))
    return bool(same.all())


def _last_units(judge: Judge) -> Array:
    """Return one unit of the last digit of each number, or what a tolerance allows, or a few roundings of numbers in
    full."""
    sizes = np.abs(np.where(np.isfinite(judge.expected), judge.expected, 0))
    units: Array = np.full(sizes.shape, 1e-13 * sizes.max(initial=1.0))
    if judge.tolerance is not None:
        units = units + judge.tolerance.of(judge.expected)
    if judge.claims is not None:
        units = np.maximum(units, judge.claims.unit)
        if judge.is_float32:
            units = np.maximum(units, 4 * spacing(judge.expected, "float32"))
    return units


def _follows(name: str, judges: dict[str, Judge], verdicts: dict[str, str], measured: Measured) -> bool:
    """Return whether the numbers follow from the nearest printed step, to one unit.

    If all are right but one, that one is an error, unless all are what the step gives, rounded. They may not claim more
    decimals than that step, because results of few digits have no more.
    """
    printed = [step for step in STEPS[: STEPS.index(name)] if step in judges]
    if not printed or verdicts[printed[-1]] in ("wrong", "carried") or not measured.route.is_plain:
        return False
    judge, before = judges[name], judges[printed[-1]]
    if judge.claims is None or before.claims is None or judge.expected.shape != measured.numbers[name].shape:
        return False
    if judge.claims.decimals is None or before.claims.decimals is None:
        return False
    if not judge.claims.decimals <= before.claims.decimals:
        return False
    is_single = int(judge.is_another(measured, None).sum()) == 1
    allowed = np.minimum(judge.claims.unit / 2 if is_single else judge.claims.unit, judge.claims.ceiling)
    for decimals in (None, judge.claims.decimals):  # the steps in between, in full or rounded too
        worked = _work_from(name, printed[-1], before.expected, measured, decimals)
        off = np.abs(judge.expected - worked)
        same = (judge.expected == worked) | (off <= allowed * (1 + 1e-9))
        if bool(same.all()):
            return True
    return False


@np.errstate(invalid="ignore", over="ignore", divide="ignore")
def _work_from(name: str, start: str, printed: Array, measured: Measured, decimals: int | None) -> Array:
    """Return the matrix `name` computed from the printed step `start`: the right numbers, changed by the difference in
    `start`."""
    problem = measured.problem
    right = measured.route.numbers_of(problem, STEPS[: STEPS.index(name) + 1])
    found = printed
    for step in STEPS[STEPS.index(start) + 1 : STEPS.index(name) + 1]:
        if step == "scores":
            found = right["scores"] + _scaled(found, measured) - _scaled(right["raw_scores"], measured)
        elif step == "weights":
            if bool((np.isneginf(right["scores"]) & (found > FILL)).any()):  # a mask that was left out
                found = softmax_over(np.where(found <= FILL, -np.inf, found), 0.0, -1)
                continue
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
    scaled = problem.scales * raw
    if problem.softcap is None:
        return scaled
    capped: Array = problem.softcap * np.tanh(scaled / problem.softcap)
    return capped
