"""Factors of the output that fit best: one for each head, column or row."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.search.fitting import FIT_ROWS, SMALL, make_fitted_slip
from attncli.check.slips.case import Case
from attncli.check.slips.heads import by_head
from attncli.check.slips.slip import Slip
from attncli.problem.heads import pack_heads, unpack_heads
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

NEAR_SUM = 0.01  # relative difference of a factor from a sum that rounded exponentials give


def fitted_factors(case: Case, *nouns: str) -> list[Slip]:
    """Return `values-factor` with a factor for each head, column or row of the output, as the nouns say, that fits
    best."""
    problem = case.problem
    if "output" not in case.wrong or problem.values is None or len(case.wrong) > 1:
        return []
    right = by_head(Result(problem, "numpy").array("output"), problem)
    expected = by_head(case.judges["output"].expected, problem)
    if right is None or expected is None or right.shape != expected.shape or not np.isfinite(expected).all():
        return []
    axes = {  # that one factor spans, by what it is of
        "head": tuple(axis for axis in range(-right.ndim, 0) if axis != -3) if problem.heads > 1 else (),
        "column": tuple(range(-right.ndim, -1)),
        "row": (-1,),
        "columns of the head": (-2, *range(-right.ndim, -3)) if problem.heads > 1 else (),
    }
    slips = []
    for noun in nouns:
        over = axes[noun]
        if not over or right.size == 0 or min(right.shape) == 0:
            continue
        size = (right**2).sum(axis=over, keepdims=True)
        with np.errstate(all="ignore"):
            factors = np.where(size > 0, (right * expected).sum(axis=over, keepdims=True) / size, 1.0)
        if factors.size == right.size or np.ptp(factors) < SMALL * np.abs(factors).max():
            continue
        # sums are above 0, and rows of one direction, as those of V with one column, are all alike but for a factor
        if noun == "row" and (bool((factors <= 0).any()) or _have_one_direction(right)):
            continue
        told = _describe_factors(factors, noun, problem)
        routes = [Route(present=partial(_times_factors, factors=factors, problem=problem), said=told)]
        slips.append(make_fitted_slip("values-factor", "result", routes, factors.size))
    return slips


def _have_one_direction(rows: Array) -> bool:
    return int(np.linalg.matrix_rank(rows.reshape(-1, rows.shape[-1]))) < 2


def _describe_factors(factors: Array, noun: str, problem: Problem) -> str:
    low, high = float(factors.min()), float(factors.max())
    if noun == "row":
        said = f"each row of your output is the right one times a number of its own, {low:.4g} to {high:.4g}"
        if _are_sums(factors[..., 0], problem):
            return f"{said}, the sum of its exponentials, by which these were not divided"
        return f"{said}: the exponentials were divided by other sums"
    shown = ", ".join(f"{each:.4g}" for each in factors.reshape(-1)[:FIT_ROWS])
    more = ", …" if factors.size > FIT_ROWS else ""
    return f"the {noun}s of your output are the right ones times {shown}{more}: no factor is expected"


def _are_sums(factors: Array, problem: Problem) -> bool:
    """Return whether the factors of the rows are the sums of their exponentials, but for the rounding of the output."""
    if problem.normalizer is not SOFTMAX:
        return False
    with np.errstate(over="ignore"):
        sums = np.exp(Result(problem, "numpy").lse)
    return sums.shape == factors.shape and bool(np.allclose(factors, sums, rtol=NEAR_SUM, atol=0))


def _times_factors(name: str, array: Array, factors: Array, problem: Problem) -> Array:
    if name != "output":
        return array
    by_row = unpack_heads(array, problem.heads) if problem.packed else array
    found: Array = by_row * factors
    return pack_heads(found) if problem.packed else found
