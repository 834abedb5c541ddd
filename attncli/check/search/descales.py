"""Several factors that fit together: a scale of each head, a scale and a factor of the output, as of quantized K and V
whose own scales are left out, and a factor of each cell, as of a gate."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.report import Diagnosis
from attncli.check.routes import Route
from attncli.check.search.fitting import FIT_ROWS, SIZES, make_fitted_slip, nearest_size
from attncli.check.slips.case import scaling
from attncli.check.slips.heads import by_head
from attncli.check.slips.scales import with_scale
from attncli.records import replace
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.check.slips.case import Case
    from attncli.check.slips.slip import Slip
    from attncli.matrix import Array

NEAR = 1e-3  # relative, of a factor that is none
GATED = 64  # cells from which on factors between 0 and 1 are no coincidence
BOTH_SIGNS = 0.2  # of the cells, those that are positive and those that are negative at least
CLEAR = 1e-3  # of the largest number, above which a cell has a factor


def _plain_rows(case: Case) -> tuple[Array, Array, Array] | None:
    """Return the raw scores, V and the expected output of some rows and columns, (…, rows, m), (…, m, columns) and
    (…, rows, columns) of each head, or None where more than a scale and a softmax lead from one to the other."""
    problem = case.problem
    if case.has_stage("softcap", "bias", "slopes", "sink", "top_k", "dropout_mask") or problem.scale <= 0:
        return None
    if problem.normalizer is not SOFTMAX or problem.values is None or "output" not in case.wrong:
        return None
    expected = by_head(case.judges["output"].expected, problem)
    scores = Result(problem.with_scale(1.0), "numpy").scores
    if expected is None or expected.shape[:-1] != scores.shape[:-1] or not np.isfinite(expected).all():
        return None
    values = np.broadcast_to(problem.repeat_key_heads(problem.values), (*problem.lead, problem.m, problem.d_v or 0))
    rows, columns = slice(None, None, max(1, problem.n // FIT_ROWS)), slice(FIT_ROWS)
    return scores[..., rows, :], values[..., columns], expected[..., rows, columns]


def _attend(scores: Array, values: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    output: Array = np.nan_to_num(powers / powers.sum(axis=-1, keepdims=True)) @ values
    return output


@np.errstate(all="ignore")
def fitted_head_scales(case: Case) -> Slip | None:
    """Return `scale-other` with the factor of each head that fits best, rounded if that fits too, or None."""
    problem, plain = case.problem, _plain_rows(case)
    if problem.heads < 2 or plain is None:
        return None

    def factor_of(head: int) -> float:
        scores, values, expected = (array[..., head, :, :] for array in plain)
        return nearest_size(
            lambda factor: float(np.abs(_attend(factor * scores, values) - expected).sum()), problem.scale * SIZES
        )

    factors = [factor_of(head) for head in range(problem.heads)]
    if np.ptp(factors) < 1e-4 * max(factors):
        return None
    routes = [
        Route(
            problems=(partial(replace, head_scales=choice, scale=max(choice)),),
            said=_describe_scales(case, choice),
        )
        for choice in dict.fromkeys(
            tuple(float(f"{each:.{digits}g}") for each in factors) for digits in (2, 3, 4, 5, 6, 7)
        )
    ]
    return make_fitted_slip("scale-other", "scale", routes, problem.heads)


def _describe_scales(case: Case, scales: tuple[float, ...]) -> str:
    listed = ", ".join(f"{each:.6g}" for each in scales)
    return f"the raw scores {case.score} of the heads were multiplied by {listed}: {scaling(case)}"


@np.errstate(all="ignore")
def fitted_descales(case: Case) -> Slip | None:
    """Return `scale-other` with the factors of the raw scores and of the output that fit best together, rounded if that
    fits too, or None."""
    problem, plain = case.problem, _plain_rows(case)
    if plain is None or case.wrong != ("output",) or problem.head_scales is not None:
        return None
    if case.least:  # the printed scores or weights are right
        return None
    scores, values, expected = plain

    def times(found: Array) -> float:
        return float((found * expected).sum() / (found * found).sum())

    def misfit(size: float) -> float:
        found = _attend(problem.scale * size * scores, values)
        return float(((times(found) * found - expected) ** 2).sum())

    size = nearest_size(misfit, SIZES)
    factor = times(_attend(problem.scale * size * scores, values))
    if not factor > 0 or abs(factor - 1) < NEAR or abs(size - 1) < NEAR:
        return None
    choices = dict.fromkeys((float(f"{size:.{digits}g}"), float(f"{factor:.{digits}g}")) for digits in range(2, 8))
    routes = [
        Route(
            problems=(partial(with_scale, scale=problem.scale * one),),
            present=partial(_times, factor=two),
            said=(
                f"the scores were multiplied by {one:.6g} and the output by {two:.6g}, as where K and V of few bits "
                "are taken without their own scales: no factor is expected"
            ),
        )
        for one, two in choices
    ]
    return make_fitted_slip("scale-other", "scale", routes, 2)


def _times(name: str, array: Array, factor: float) -> Array:
    return factor * array if name == "output" else array


@np.errstate(all="ignore")
def diagnose_gate(case: Case) -> tuple[Diagnosis, ...]:
    """Return `values-factor` if each cell of the output is the right one times a number of its own between 0 and 1,
    which proves something only where right numbers have both signs."""
    if case.wrong != ("output",):
        return ()
    right, expected = Result(case.problem, "numpy").array("output"), case.judges["output"].expected
    if right.shape != expected.shape:
        return ()
    is_clear = np.abs(right) > CLEAR * np.abs(right).max(initial=0)
    factors = expected[is_clear] / right[is_clear]
    shares = [(right[is_clear] > 0).mean(), (right[is_clear] < 0).mean()] if factors.size else [0.0]
    if factors.size < GATED or min(shares) < BOTH_SIGNS or not bool(((factors > 0) & (factors < 1)).all()):
        return ()
    sentence = (
        f"each cell of your output is the right one times a number of its own between 0 and 1, {factors.min():.4g} to "
        f"{factors.max():.4g}, as a gate gives: only the weighted sum is expected"
    )
    return (Diagnosis(slip="values-factor", also=(), verdict="wrong", explains=case.wrong, sentence=sentence),)
