"""The output of another implementation as a baseline: its errors and those of the expected output, against float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.check.dtype_texts import spacing
from attncli.check.error_pattern import claimed_dtype
from attncli.check.expected_matrix import Tolerance
from attncli.check.report import Baseline
from attncli.errors import ProblemError
from attncli.matrix import Array

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.tolerance.measures import Measured

MOST = 2.0  # multiples of the baseline's error that are allowed, as in the tests of flash-attn
NAME = "output"


def compare_baseline(judge: Judge, baseline: Judge, measured: Measured) -> tuple[Baseline, Tolerance | None]:
    """Return the errors of an output beside those of a baseline, and the tolerance that follows from them.

    The tolerance is twice the baseline's largest error, plus half a unit of what the output is printed or stored in. It
    is None if the baseline is wrong itself, because twice the error of a wrong output allows anything. Raises
    ProblemError if the shapes differ.
    """
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
    """Return |array − right|: 0 if both are the same infinity or NaN, infinite if their kinds differ."""
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
    """Return half a unit in the last place of the largest number: the error of printing or storing it."""
    dtype = claimed_dtype(judge)
    largest = float(np.abs(right[np.isfinite(right)]).max(initial=0))
    if dtype is None:
        assert judge.claims is not None
        return float(judge.claims.extremes.largest) / 2
    return float(spacing(np.array(largest), dtype)) / 2
