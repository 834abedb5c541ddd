"""Attention sinks that fit the expected numbers best: one for all heads, or one for each."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from attncli.check.routes import Route
from attncli.check.search.fitted_numbers import NEAR, name_factor
from attncli.check.search.fitting import Change, corrected, fitting_size, make_fitted_slip
from attncli.check.search.sampling import Sample
from attncli.check.slips.case import Case
from attncli.check.slips.heads import by_head
from attncli.check.slips.slip import Slip
from attncli.records import replace
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX

JOINED = np.exp(np.linspace(-12, 12, 25))  # e^S of the sinks that are tried first


def fitted_sink(case: Case, sample: Sample) -> Slip | None:
    """Return `sink-other` with the sink S, the same for all heads, that fits best, rounded if that fits too, or None.

    e^S, which joins the sum of each row, is what is fitted.
    """
    if case.problem.normalizer is not SOFTMAX or max(case.judges[name].expected.size for name in case.wrong) < 2:
        return None

    def misfit(size: float) -> float:
        return sample.misfit(sample.numbers(Route(problems=(_with_joined(size),))))

    misfits = [misfit(size) for size in JOINED]
    if not np.isfinite(min(misfits)):
        return None
    size = fitting_size(misfit, JOINED, misfits, sample.room)
    if size is None:
        return None
    sink, own = math.log(corrected(sample, size, _with_joined)), case.problem.sink
    if own is None:
        told = "a sink of {:.6g} took a part of each row, although none is asked for"
    else:
        asked = ", ".join(f"{each:g}" for each in dict.fromkeys(own))
        told = f"the sink was {{:.6g}}: e^S joins each row's sum, S = {asked}"
    short = [float(f"{sink:.{decimals}f}") + 0.0 for decimals in range(6)]  # 0 instead of -0
    routes = [
        Route(problems=(partial(replace, sink=(value,)),), said=told.format(value))
        for value in dict.fromkeys([*short, sink])
        if own is None or not all(math.isclose(value, each) for each in own)
    ]
    return make_fitted_slip("sink-other", "stage", routes, 1)


def fitted_sinks(case: Case) -> Slip | None:
    """Return `sink-other` with the sink of each head that fits best, rounded if that fits too, or None.

    A sink divides a row by 1 + e^S / L, L being its sum of exponentials: the factor between the expected row and the
    one without a sink gives S. A head's sink is the median of those of its rows.
    """
    problem = case.problem
    name = next((name for name in ("weights", "output") if name in case.wrong), None)
    if problem.normalizer is not SOFTMAX or problem.heads < 2 or name is None:
        return None
    plain = Result(replace(problem, sink=None), "numpy").compute(name, "lse")
    due, expected = (by_head(array, problem) for array in (plain.array(name), case.judges[name].expected))
    if due is None or expected is None or due.shape != expected.shape:
        return None
    with np.errstate(all="ignore"):
        shares = (due * expected).sum(axis=-1) / (due * due).sum(axis=-1)
        logits = np.moveaxis(plain.lse + np.log(1 / shares - 1), -2, 0).reshape(problem.heads, -1)
    if not bool(np.isfinite(logits).any(axis=1).all()):
        return None
    sinks = [float(np.median(row[np.isfinite(row)])) for row in logits]
    choices = [tuple(round(sink, decimals) + 0.0 for sink in sinks) for decimals in range(5)]
    own = problem.sink
    listed = ", ".join(f"{each:g}" for each in own or ())
    asked = "none is asked for" if own is None else f"e^S joins each row's sum, S = {listed}"
    routes = [
        Route(
            problems=(partial(replace, sink=choice),),
            said=f"the heads' sinks were {_describe_sinks(case, choice)}: {asked}",
        )
        for choice in dict.fromkeys([*choices, tuple(sinks)])
        if choice != own
    ]
    return make_fitted_slip("sink-other", "stage", routes, problem.heads)


def _describe_sinks(case: Case, sinks: tuple[float, ...]) -> str:
    """Return the sinks of the heads, and what they are to those that are expected: a factor of all, or those of other
    heads."""
    own, told = case.problem.sink, ", ".join(f"{each:.6g}" for each in sinks)
    if own is None or len(own) != len(sinks):
        return told
    factor = sum(one * two for one, two in zip(sinks, own, strict=True)) / (sum(each**2 for each in own) or 1)
    if all(math.isclose(one, factor * two, abs_tol=NEAR) for one, two in zip(sinks, own, strict=True)):
        return f"{told}, {factor:.6g}{name_factor(case, factor)} times the right ones"
    places = [min(range(len(own)), key=lambda place: abs(own[place] - each)) for each in sinks]
    if all(math.isclose(own[place], each, abs_tol=NEAR) for place, each in zip(places, sinks, strict=True)):
        return f"{told}, those of heads {', '.join(map(str, places))}"
    return told


def _with_joined(size: float) -> Change:
    return partial(replace, sink=(math.log(size),))
