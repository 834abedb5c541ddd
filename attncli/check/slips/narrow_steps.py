"""Scores and exponentials that a kernel keeps in few bits, and sums of exponentials in half precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.few_bits import FLOATS, as_float, is_near
from attncli.check.slips.slip import Slip
from attncli.check.tolerance.narrow import BITS, rounded
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

Keep = Callable[["Array"], "Array"]
LARGEST = 127  # of int8
MOST_KEYS = 1024  # that are added up one by one
FULL = "full numbers are expected"


def _powers_kept() -> dict[str, Keep]:
    """Return the ways to keep e^(score − the largest of its row), numbers from 0 to 1, by words."""
    ways: dict[str, Keep] = {name: partial(as_float, bits=b, least=e, largest=m) for name, (b, e, m) in FLOATS.items()}
    ways["int8, in steps of 1/127"] = lambda powers: np.round(powers * LARGEST) / LARGEST
    ways["int8, in steps of 1/127, cut off"] = lambda powers: np.floor(powers * LARGEST) / LARGEST
    ways["uint8, in steps of 1/255"] = lambda powers: np.round(powers * 255) / 255
    ways |= {dtype: partial(rounded, dtype=dtype) for dtype in BITS}
    return ways


def _wrapped(powers: Array) -> Array:
    found: Array = np.round(powers * 256) % 256 / 256
    return found


@np.errstate(all="ignore")
def _kept_powers(weights: Array, keep: Keep, is_summed_before: bool) -> Array:
    """Return the weights that meet V, of exponentials that are kept in few bits after they are added up, or before."""
    largest = weights.max(axis=-1, keepdims=True)
    powers = np.where(largest > 0, weights / np.where(largest > 0, largest, 1), 0)
    kept = keep(powers)
    if is_summed_before:
        found: Array = kept * largest
        return found
    total, right = kept.sum(axis=-1, keepdims=True), weights.sum(axis=-1, keepdims=True)
    return np.where(total > 0, kept / np.where(total > 0, total, 1) * right, 0)


@np.errstate(all="ignore")
def _over_kept_sum(weights: Array, dtype: str) -> Array:
    """Return the weights over a sum of exponentials that is rounded to the dtype after each key."""
    largest = weights.max(axis=-1, keepdims=True)
    powers = rounded(np.where(largest > 0, weights / np.where(largest > 0, largest, 1), 0), dtype)
    total = np.zeros(powers.shape[:-1])
    for key in range(powers.shape[-1]):
        total = rounded(total + powers[..., key], dtype)
    return np.where(total[..., None] > 0, powers / np.where(total > 0, total, 1)[..., None], 0)


def _powers(case: Case) -> list[Route]:
    problem = case.problem
    is_plain = problem.normalizer is SOFTMAX and problem.dropout_mask is None and problem.sink is None
    if not is_plain or "output" not in case.wrong:
        return []
    ways = {
        "uint8, in steps of 1/256, where 1 wraps around to 0": _wrapped,
        **(_powers_kept() if is_near(case) else {}),
    }
    power = "the exponentials, of score − the largest of the row, were rounded to"
    routes = [
        Route(
            weigh=partial(_kept_powers, keep=keep, is_summed_before=is_before),
            said=f"{power} {words}, {when}, before they met V: {FULL}",
        )
        for words, keep in ways.items()
        for is_before, when in ((True, "after they were added up"), (False, "and so added up"))
    ]
    if case.m > MOST_KEYS or len(ways) == 1:
        return routes
    return routes + [
        Route(
            weigh=partial(_over_kept_sum, dtype=dtype),
            said=f"the exponentials were added up in {dtype}, one by one: float32 is expected",
        )
        for dtype in BITS
    ]


@np.errstate(all="ignore")
def _kept_scores(scores: Array, dtype: str, steps: tuple[float, ...]) -> Array:
    """Return the scores that are rounded to the dtype after they are divided by each of these numbers."""
    found = scores
    for step in steps:
        found = rounded(found / step, dtype) * step
    return np.where(np.isneginf(scores), scores, found)


def _scores(case: Case) -> list[Route]:
    """Return the routes with raw scores, scores or both that are rounded to a half precision."""
    scale = case.problem.scale
    has_stage = case.has_stage("softcap", "bias", "slopes", "head_scales", "sink", "top_k")
    if has_stage or not math.isfinite(scale) or scale == 0 or not is_near(case):
        return []
    ways = {"scores": (1.0,), "raw scores": (scale,), "raw scores and the scores": (scale, 1.0)}
    return [
        Route(
            rescore=partial(_kept_scores, dtype=dtype, steps=steps),
            shown_scores=partial(_shown, dtype=dtype, steps=steps),
            said=f"the {words} were rounded to {dtype} before the softmax: float32 is expected",
        )
        for words, steps in ways.items()
        for dtype in BITS
    ]


def _shown(problem: Problem, dtype: str, steps: tuple[float, ...]) -> Array:
    return _kept_scores(Result(problem, "numpy").scores, dtype, steps)


def _slip(name: str, family: str, routes: Callable[[Case], list[Route]], words: str) -> Slip:
    return Slip(name, family, routes, words, paired=False, is_slight=True, passes_easily=True)


NARROW_SLIPS = (
    _slip("few-bits", "rounding", _powers, "the exponentials were kept in few bits"),
    _slip("lower-precision", "rounding", _scores, "the scores were kept in few bits"),
)
