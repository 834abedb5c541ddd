"""Worksheets step by step: what follows from the printed digits of the previous step, right or wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.blocks import rows_of
from attncli.check.dtype_texts import spacing
from attncli.check.judged_block import FILL
from attncli.check.normalizations import normalize_scores, softmax_over
from attncli.check.routes import weigh_values
from attncli.matrix import Array

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.judged_block import JudgedBlock
    from attncli.check.tolerance.measures import Measured
    from attncli.problem.problem import Problem

DRAWS, FARTHER = 8, 2  # random roundings of a printed step, and the factor by which they may be exceeded
STEPS = ("raw_scores", "scores", "weights", "output")


def verdicts_of(judges: dict[str, Judge], measured: Measured) -> dict[str, str]:
    """Return the verdict of each expected matrix.

    `step-rounding`: wrong by itself, but right if it is computed from the printed digits of the right step before it,
    or, of scores, if √d_k was rounded to as many digits.
    `carried`: it follows from a wrong step.
    """
    verdicts = {name: judge.verdict(measured) for name, judge in judges.items()}
    for name, verdict in verdicts.items():
        if verdict != "wrong" or name not in STEPS:
            continue
        if _are_over_rounded_root(judges[name], measured) or _follows(name, judges, verdicts, measured):
            verdicts[name] = "step-rounding"
        elif _is_carried(name, judges, verdicts, measured):
            verdicts[name] = "carried"
    return verdicts


@np.errstate(invalid="ignore")
def _are_over_rounded_root(judge: Judge, measured: Measured) -> bool:
    """Return whether all scores are QKᵀ over √d_k as it is with the decimals that they are printed to: 1.41 for √2."""
    problem, claims = measured.problem, judge.claims
    if judge.name != "scores" or claims is None or not claims.decimals:
        return False
    if problem.scale_text != "1/sqrt(dk)" or not measured.route.is_plain:
        return False
    if problem.softcap is not None or problem.bias is not None or problem.slopes is not None:
        return False
    if judge.expected.shape != measured.numbers["scores"].shape:
        return False
    root = math.sqrt(problem.d_k)
    factor = root / round(root, claims.decimals)
    return all(
        bool(((block.error == 0) | (np.abs(block.expected - factor * block.computed) <= _half_units(block))).all())
        for block in judge.blocks(measured)
    )


def _half_units(block: JudgedBlock) -> Array:
    half: Array = np.minimum(block.claims.unit / 2, block.claims.ceiling) * (1 + 1e-9)
    return half


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
    pairs = zip(judge.blocks(measured), before.blocks(measured), strict=True)
    return all(_is_carried_in(block, start, measured) for block, start in pairs)


def _is_carried_in(block: JudgedBlock, start: JudgedBlock, measured: Measured) -> bool:
    """Return whether the numbers of a block follow from those of the same rows of an earlier step."""
    right = _right_steps(block, measured)
    worked = _work_from(block, start, start.expected, right, None)
    units = _last_units(block)
    allowed, half = units, _last_units(start) / 2
    first = block.cell(0)
    random = np.random.default_rng(first if any(first) else 0)
    for _ in range(DRAWS):
        drawn = start.expected + half * random.uniform(-1, 1, half.shape)
        moved = np.abs(_work_from(block, start, drawn, right, None) - worked)
        allowed = np.maximum(allowed, units + FARTHER * np.where(np.isfinite(moved), moved, 0))
    same = (block.expected == worked) | (np.abs(block.expected - worked) <= allowed * (1 + 1e-9))
    return bool(same.all())


def _last_units(block: JudgedBlock) -> Array:
    """Return one unit of the last digit of each number, or what a tolerance allows, or a few roundings of numbers in
    full."""
    judge, expected = block.judge, block.expected
    units: Array = np.full(expected.shape, 1e-13 * max(judge.largest, 1.0))
    if judge.tolerance is not None:
        units = units + judge.tolerance.of(expected)
    if judge.claims is not None:
        units = np.maximum(units, block.claims.unit)
        if judge.is_float32:
            units = np.maximum(units, 4 * spacing(expected, "float32"))
    return units


def _follows(name: str, judges: dict[str, Judge], verdicts: dict[str, str], measured: Measured) -> bool:
    """Return whether the numbers follow from the nearest printed step, to one unit.

    If all are right but one, that one is an error, unless all are what the step gives, rounded. They may not claim more
    decimals than that step, because results of few digits have no more.
    """
    printed = [step for step in STEPS[: STEPS.index(name)] if step in judges]
    if not printed or verdicts[printed[-1]] in ("wrong", "carried") or not _leads_to(name, printed[-1], measured):
        return False
    judge, before = judges[name], judges[printed[-1]]
    if judge.claims is None or before.claims is None or judge.expected.shape != measured.numbers[name].shape:
        return False
    if judge.claims.decimals is None or before.claims.decimals is None:
        return False
    if not judge.claims.decimals <= before.claims.decimals:
        return False
    is_single = judge.count_another(measured) == 1
    most: tuple[int | None, ...] = (None, judge.claims.decimals)  # the steps in between, in full or rounded too
    return any(
        all(
            _follows_in(block, start, measured, decimals, is_single=is_single)
            for block, start in zip(judge.blocks(measured), before.blocks(measured), strict=True)
        )
        for decimals in most
    )


@np.errstate(all="ignore")
def _leads_to(name: str, before: str, measured: Measured) -> bool:
    """Return whether the right arithmetic leads from one printed step to another, whatever a slip made of the first."""
    if measured.route.is_plain:
        return True
    problem, numbers = measured.problem, measured.numbers
    if numbers[before].shape != problem.shapes()[before]:
        return False
    if (before, name) == ("scores", "weights"):
        worked = normalize_scores(problem, numbers[before], 0.0)
    elif (before, name) == ("weights", "output"):
        worked = weigh_values(problem, numbers[before])
    else:
        return False
    own = numbers[name]
    return worked.shape == own.shape and np.allclose(worked, own, rtol=1e-10, atol=1e-13, equal_nan=True)


@np.errstate(invalid="ignore")
def _follows_in(
    block: JudgedBlock, start: JudgedBlock, measured: Measured, decimals: int | None, *, is_single: bool
) -> bool:
    if measured.route.is_plain:
        right = _right_steps(block, measured)
    else:
        right = {each.judge.name: each.computed for each in (start, block)}
    worked = _work_from(block, start, start.expected, right, decimals)
    off, unit = np.abs(block.expected - worked), block.claims.unit
    allowed = np.minimum(unit / 2 if is_single else unit, block.claims.ceiling)
    return bool(((block.expected == worked) | (off <= allowed * (1 + 1e-9))).all())


def _right_steps(block: JudgedBlock, measured: Measured) -> dict[str, Array]:
    """Return the right numbers of the steps up to that of a block, in its rows."""
    problem = measured.problem.take_rows(rows_of(block.where, measured.problem.n))
    return measured.route.numbers_of(problem, STEPS[: STEPS.index(block.judge.name) + 1])


@np.errstate(invalid="ignore", over="ignore", divide="ignore")
def _work_from(
    block: JudgedBlock, start: JudgedBlock, printed: Array, right: dict[str, Array], decimals: int | None
) -> Array:
    """Return the block's matrix computed from the `printed` step of `start`: the right numbers, changed by the
    difference in that step."""
    name, problem = block.judge.name, block.measured.problem
    found = printed
    for step in STEPS[STEPS.index(start.judge.name) + 1 : STEPS.index(name) + 1]:
        if step == "scores":
            found = right["scores"] + _scaled(found, problem) - _scaled(right["raw_scores"], problem)
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


def _scaled(raw: Array, problem: Problem) -> Array:
    scaled = problem.scales * raw
    if problem.softcap is None:
        return scaled
    capped: Array = problem.softcap * np.tanh(scaled / problem.softcap)
    return capped
