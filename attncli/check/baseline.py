"""Another implementation's output beside the expected one: both held against float64, and the ratio of their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.check.error_pattern import claimed_dtype
from attncli.check.judge import Tolerance
from attncli.check.precision import spacing
from attncli.check.report import Baseline
from attncli.errors import ProblemError

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.tolerance.measures import Measured

Array = np.ndarray

MOST = 2.0  # times the baseline's error that an output may be off, as flash-attn's tests allow
NAME = "output"


def compare_baseline(judge: Judge, baseline: Judge, measured: Measured) -> tuple[Baseline, Tolerance | None]:
    """The errors of an output beside those of a baseline, and the tolerance that follows: twice the baseline's largest
    error and half a unit of what the output is printed or stored in. None where the baseline is wrong itself, since
    twice the error of a wrong output allows anything. Raises ProblemError for another shape."""
    right = measured.numbers[NAME]
    if baseline.expected.shape != right.shape:
        sizes = (" × ".join(map(str, array.shape)) for array in (baseline.expected, right))
        raise ProblemError("--baseline", "its shape is {}; expected {}".format(*sizes))
    own, theirs = (_errors(each.expected, right) for each in (judge, baseline))
    found = Baseline(
        verdict=baseline.verdict(measured),
        max_error=float(theirs.max(initial=0)),
        mean_error=float(theirs.mean()) if theirs.size else 0.0,
        ratio=_ratio(float(own.max(initial=0)), float(theirs.max(initial=0))),
        mean_ratio=_ratio(float(own.mean()) if own.size else 0.0, float(theirs.mean()) if theirs.size else 0.0),
        most=MOST,
    )
    if found.verdict == "wrong" or not np.isfinite(found.max_error):
        return found, None
    allowed = MOST * found.max_error + _last_place(judge, right)
    return found, Tolerance(0.0, allowed, said=f"{MOST:g} times the baseline's largest error")


def _errors(array: Array, right: Array) -> Array:
    """|array − right|, 0 where both are the same infinity or NaN, infinite where their kinds differ."""
    if array.shape != right.shape:
        return np.full(right.shape, np.inf)
    is_same = (array == right) | (np.isnan(array) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        error = np.where(is_same, 0.0, np.abs(array - right))
    return np.where(np.isnan(error), np.inf, error)


def _ratio(own: float, theirs: float) -> float:
    if own == theirs:
        return 1.0
    return own / theirs if theirs else float("inf")


def _last_place(judge: Judge, right: Array) -> float:
    """Half a unit of the last place of the largest number: what printing or storing it takes."""
    dtype = claimed_dtype(judge)
    largest = float(np.abs(right[np.isfinite(right)]).max(initial=0))
    if dtype is None:
        assert judge.claims is not None
        return float(judge.claims.unit.max(initial=0)) / 2
    return float(spacing(np.array(largest), dtype)) / 2
