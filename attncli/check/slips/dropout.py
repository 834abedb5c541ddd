"""Active dropout: which weights were dropped, and p, read from the weights or inferred from the output."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.matrix import Array
from attncli.problem.heads import unpack_heads
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.problem.problem import Problem

RATES = tuple(sorted({round(0.01 * count, 2) for count in range(1, 91)} | {0.125, 0.375, 0.625}))
STEP_OF_RATES = 0.01
MOST_KEYS = 14  # for which every choice is tried
MOST_COLUMNS = 8  # of V, which suffice to tell the choices apart
MOST_ROWS = 512  # of all heads
FIRST_ROWS = 4  # from which p is found
LEAST_GONE = 2  # zeros of an output that show dropout
TRANSPOSED = "the dropout mask was transposed: its row i is that of query i"
EVIDENCE = 4.0  # decimal digits of the fit that rule out a coincidence
SEEN = 10.0  # units that a weight adds to an output which shows whether it was dropped
UNLIKELY = 3.0  # decimal digits: dropout with p drops so many numbers once in a thousand times


def _dropped(case: Case) -> list[Route]:
    judge = case.judges.get("weights")
    if judge is not None and "weights" in case.wrong:
        return _dropped_of_weights(case, judge)
    judge = case.judges.get("output")
    return [] if judge is None or "output" not in case.wrong else _dropped_of_output(case, judge)


def _routes(keep: Array, weights: Array, p: float, least: float = 0.0) -> list[Route]:
    """Return the route that drops what is not kept, unless dropout with p drops so many of the weights above the
    `least` one too seldom."""
    if not _is_likely(int((~keep & (weights > least)).sum()), int((weights > least).sum()), p):
        return []
    gone = ~keep & (weights > 0)
    said = (
        f"dropout was live: {int(gone.sum())} of {int((weights > 0).sum())} weights were dropped and the rest divided "
        f"by 1 − p, p = {p:.4g}: no weight is dropped here"
    )
    return [Route(reweigh=partial(_thinned, keep=keep, p=p), is_whole=True, said=said)]


def _is_likely(gone: int, count: int, p: float) -> bool:
    """Return whether dropout with p drops `gone` of `count` numbers often enough: the chance of so many, or of more if
    they are more than p·count, is at most e^(−count·KL(gone/count ‖ p))."""
    if not 0 < p < 1 or count == 0:
        return False
    dropped, shares = np.array([gone, count - gone]) / count, np.array([p, 1 - p])
    divergence = float(np.where(dropped > 0, dropped * np.log(np.where(dropped > 0, dropped, 1) / shares), 0).sum())
    return count * divergence <= UNLIKELY * math.log(10)


def _thinned(_problem: Problem, weights: Array, keep: Array, p: float) -> Array:
    return np.where(keep, weights / (1 - p), 0)


def _dropped_of_result(case: Case) -> list[Route]:
    """Return the route that drops the zero cells of the expected output itself, and divides the rest by 1 − p."""
    judge = case.judges.get("output")
    if judge is None or case.wrong != ("output",):
        return []
    right = Result(case.problem, "numpy").array("output")
    if judge.expected.shape != right.shape or not np.isfinite(judge.expected).all():
        return []
    unit = judge.unit
    gone, kept = (judge.expected == 0) & (np.abs(right) > 2 * unit), judge.expected != 0
    size = float((right[kept] ** 2).sum())
    if int(gone.sum()) < LEAST_GONE or size == 0:
        return []
    ratio = float((right[kept] * judge.expected[kept]).sum()) / size
    if not ratio * (1 - RATES[0]) > 1 - 1e-9:
        return []
    p = _short_rate(1 - 1 / ratio, unit / size**0.5 + 1e-9)
    if not _is_likely(int(gone.sum()), right.size, p):
        return []
    said = (
        f"dropout was live on the output: {int(gone.sum())} of its {right.size} numbers were dropped and the rest "
        f"divided by 1 − p, p = {p:.4g}: no number is dropped here"
    )
    return [Route(present=partial(_thin_output, gone=gone, p=p), is_whole=True, said=said)]


def _thin_output(name: str, array: Array, gone: Array, p: float) -> Array:
    return np.where(gone, 0, array / (1 - p)) if name == "output" else array


def _otherwise(case: Case) -> list[Route]:
    """Return the routes in which the weights that a mask keeps are not divided by 1 − p, or by another number, in which
    the mask is inverted, or hides scores before the softmax."""
    problem = case.problem
    if problem.dropout_mask is None or not 0 < problem.dropout < 1:
        return []
    p = problem.dropout
    due = f"they are divided by 1 − p = {1 - p:.6g}"
    ways = {
        f"the weights that are kept were not divided: {due}": 1 - p,
        f"the weights that are kept were multiplied by {1 - p:.6g}: {due}": (1 - p) ** 2,
        f"the weights that are kept were divided by p = {p:.6g}: {due}": (1 - p) / p,
    }
    free = partial(replace, dropout_mask=None, dropout=0.0)
    return [
        *(Route(reweigh=partial(_times, factor=factor), said=said) for said, factor in ways.items()),
        *_of_another_mask(case),
        Route(problems=(_inverted,), said="the dropout mask was inverted: 1 is a weight that is kept"),
        *([Route(problems=(_transposed,), said=TRANSPOSED)] if case.n == case.m else []),
        Route(
            problems=(partial(_hide_dropped, mask=problem.dropout_mask), free),
            said="the dropout mask hid scores, before the softmax: it drops weights, which are then divided by 1 − p",
        ),
        *(
            Route(
                problems=(free,),
                rescore=partial(_drop_scores, factors=problem.dropout_mask / divisor),
                is_whole=True,
                said=f"dropout was applied to the scores, before the softmax{words}: it drops weights, after it",
            )
            for divisor, words in ((1 - p, ""), (1.0, ", and what is kept was not divided"))
        ),
    ]


def _drop_scores(scores: Array, factors: Array) -> Array:
    return np.where(np.isfinite(scores), np.where(np.isfinite(scores), scores, 0) * factors, scores)


def _of_another_mask(case: Case) -> list[Route]:
    """Return the route in which other weights were dropped, as with another seed: those that are 0."""
    judge, problem = case.judges.get("weights"), case.problem
    if judge is None or "weights" not in case.wrong or judge.expected.shape != problem.shapes()["weights"]:
        return []
    weights = Result(replace(problem, dropout_mask=None, dropout=0.0), "numpy").weights
    unit = judge.unit
    keep = (judge.expected != 0) | (weights <= unit)
    moved = int((keep != (np.asarray(problem.dropout_mask) != 0))[weights > unit].sum())
    said = (
        f"another mask dropped weights, as of another seed: {moved} of {int((weights > unit).sum())} are dropped in "
        "place of kept, or kept in place of dropped"
    )
    change = partial(replace, dropout_mask=keep.astype(np.float64))
    return [Route(problems=(change,), said=said, tried=2**moved)] if moved else []


def _times(_problem: Problem, weights: Array, factor: float) -> Array:
    return factor * weights


def _inverted(problem: Problem) -> Problem:
    return replace(problem, dropout_mask=1 - np.asarray(need(problem.dropout_mask), np.float64))


def _transposed(problem: Problem) -> Problem:
    return replace(problem, dropout_mask=np.asarray(need(problem.dropout_mask)).mT)


def _hide_dropped(problem: Problem, mask: Array) -> Problem:
    return replace(problem, mask=visible_cells(problem) & (np.asarray(mask) != 0))


def _dropped_of_weights(case: Case, judge: Judge) -> list[Route]:
    """Return the route that drops the zero cells of the expected weights and divides the rest by 1 − p. p comes from
    the largest weight."""
    right = Result(case.problem, "numpy").weights
    if judge.expected.shape != right.shape:
        return []
    unit = judge.unit
    kept = (judge.expected != 0) & (right > 2 * unit)
    gone = (judge.expected == 0) & (right > 2 * unit)
    if not kept.any() or not gone.any():
        return []
    thinned = judge.expected.sum(axis=-1)[gone.any(axis=-1)]
    if bool((np.abs(thinned - 1) <= unit * case.m).all()):
        return []  # what is left was divided by its own sum: keys were left out
    size = float(right[kept].sum())
    ratio = float(judge.expected[kept].sum()) / size
    if not ratio > 1 + 1e-9:
        return []
    rate = _short_rate(1 - 1 / ratio, unit / size + 1e-9)
    return _routes(judge.expected != 0, right, rate, 2 * unit)


def _short_rate(p: float, room: float) -> float:
    """Return a rate with few digits, if there is one within `room`."""
    for digits in (1, 2, 3):
        if abs(round(p, digits) - p) < max(10 * room, 1e-6):
            return round(p, digits)
    return p


def _dropped_of_output(case: Case, judge: Judge) -> list[Route]:
    """Return the route with the choice of keys, row by row, and the p whose output is nearest to the expected one, or
    none if a choice could fit by coincidence."""
    problem = case.problem
    if problem.values is None or problem.output_projection is not None or case.m > MOST_KEYS:
        return []
    weights = Result(problem, "numpy").weights
    values = problem.repeat_key_heads(problem.values)
    expected = judge.expected
    if expected.shape != problem.shapes()["output"] or not np.isfinite(expected).all():
        return []
    if problem.packed:
        expected = unpack_heads(expected, problem.lead[-1])
    values = np.broadcast_to(values, (*weights.shape[:-2], *values.shape[-2:])).reshape(-1, *values.shape[-2:])
    n, m = weights.shape[-2:]
    if weights.size > MOST_ROWS * m:
        return []
    rows = [
        (row, values[number // n][:, :MOST_COLUMNS], due[:MOST_COLUMNS])
        for number, (row, due) in enumerate(
            zip(weights.reshape(-1, m), expected.reshape(-1, expected.shape[-1]), strict=True)
        )
    ]
    p = _likely_rate([row for row in rows if row[0].any()][:FIRST_ROWS])
    found = [_nearest_choice(*row, p, judge.unit) for row in rows]
    if sum(digits for _, digits in found) < EVIDENCE + np.log10(len(RATES)):
        return []
    keep = np.stack([choice for choice, _ in found]).reshape(weights.shape) | (weights == 0)
    least = SEEN * judge.unit / max(float(np.abs(values).max(initial=0)), np.finfo(float).tiny)
    return [] if keep.all() else _routes(keep, weights, p, least)


def _likely_rate(rows: list[tuple[Array, Array, Array]]) -> float:
    """Return the p at which every one of these rows has a choice of keys that fits closely."""
    misfits = np.zeros(len(RATES))
    for weights, values, due in rows:
        _, sums = _sums_of_choices(weights, values)
        for number, p in enumerate(RATES):
            misfits[number] += _misfits(sums, due, p).min()
    return RATES[int(np.argmin(misfits))]


def _sums_of_choices(weights: Array, values: Array) -> tuple[Array, Array]:
    """Return every choice of the keys that a query attends to, (2^keys, keys), and what each adds up to, (d_v,
    2^keys): a choice is in the last axis, where NumPy is fastest."""
    seen = weights > 0
    count = int(seen.sum())
    choices = (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(np.float64)
    return choices, (weights[seen, None] * values[seen]).T @ choices.T


def _misfits(sums: Array, due: Array, p: float) -> Array:
    """Return how far each choice is from the output in its worst column, after the division by 1 − p."""
    off: Array = np.abs(sums / (1 - p) - due[:, None]).max(axis=0)
    return off


def _nearest_choice(weights: Array, values: Array, due: Array, p: float, unit: float) -> tuple[Array, float]:
    """Return which keys of a row were kept, and the digits in which that fits, minus those of the number of choices."""
    choices, sums = _sums_of_choices(weights, values)
    nearest = int(np.argmin(_misfits(sums, due, p)))
    off = np.maximum(np.abs(sums[:, nearest] / (1 - p) - due), unit)
    spread = sums.std(axis=1) / (1 - p)
    digits = np.log10(np.maximum(spread, off) / off).sum() - choices.shape[1] * np.log10(2)
    kept = np.zeros(weights.shape, bool)
    kept[weights > 0] = choices[nearest] > 0
    return kept, float(digits)


DROPOUT_SLIPS = (
    Slip("dropout-live", "weights", _dropped, "dropout was live", paired=False, fitted=1),
    Slip(
        "dropout-live",
        "result",
        _dropped_of_result,
        "dropout was live on the output",
        paired=False,
        fitted=1,
    ),
    Slip("dropout-other", "weights", _otherwise, "dropout was applied otherwise", paired=False),
)
