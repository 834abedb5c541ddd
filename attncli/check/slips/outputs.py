"""Outputs that are something else: the weights, a multiple, the sum with an input, or the result of dropout."""

from __future__ import annotations

from functools import partial

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need_values
from attncli.check.slips.slip import Slip
from attncli.matrix import Array
from attncli.problem.heads import pack_heads
from attncli.problem.problem import Problem
from attncli.records import replace
from attncli.results.result import Result


def _weights_handed_in(case: Case) -> list[Route]:
    if "output" not in case.wrong or case.m != case.problem.d_v:
        return []
    return [Route(problems=(_values_of_one,))]


def _values_of_one(problem: Problem) -> Problem:
    """Return the problem with the identity for V, so that the output is the weights."""
    return replace(problem, values=np.broadcast_to(np.eye(problem.m), need_values(problem).shape))


def _cell_by_cell(case: Case) -> list[Route]:
    """Return the routes with each weight times the value in the same place, if weights and V have one shape."""
    problem = case.problem
    if case.request.values is not None:
        factors = np.asarray(case.request.values.array, np.float64)
    elif problem.values is not None:  # projected
        factors = pack_heads(problem.values) if problem.packed else problem.values
    else:
        return []
    if factors.shape != problem.shapes()["output"]:
        return []
    return [
        replace(route, present=partial(_times, factor=factors, only="output")) for route in _weights_handed_in(case)
    ]


def _factor(case: Case) -> list[Route]:
    """Return the routes with a constant factor on the output or on the weights."""

    name = "output" if "output" in case.wrong else "weights" if "weights" in case.wrong else None
    if name is None:
        return []
    right, expected = Result(case.problem, "numpy").array(name), case.judges[name].expected
    if right.shape != expected.shape or right.size < 2:
        return []
    finite = np.isfinite(right) & np.isfinite(expected)
    size = float((right[finite] ** 2).sum())
    if size == 0:
        return []
    factor = float((right[finite] * expected[finite]).sum() / size)
    if factor == 0:
        return []
    short = [float(f"{factor:.{digits}g}") for digits in range(1, 6)]
    noun = "output is the right one" if name == "output" else "weights are the right ones"
    routes = []
    for value in dict.fromkeys((*short, factor)):
        if abs(value / factor - 1) > 0.01:  # the rounded factor is the first that fits
            continue
        said = f"your {noun} times {value:.6g}: no factor is expected"
        if (name, value) == ("weights", 100.0):
            said = "your weights are percentages, times 100: a row sums to 1"
        routes.append(Route(present=partial(_times, factor=value, only=name), said=said))
    return routes


def _times(name: str, array: Array, factor: float | Array, only: str) -> Array:
    return factor * array if name == only else array


def _residual(case: Case) -> list[Route]:
    """Return the routes with Q, x or V added to the output, if their shapes are the same."""
    if "output" not in case.wrong:
        return []
    shape = case.problem.shapes()["output"]
    routes = []
    for name, words in (("x", "x"), ("queries", "Q"), ("values", "V")):
        matrix = getattr(case.request, name)
        array = None if matrix is None else np.asarray(matrix.array, np.float64)
        if array is not None and array.shape == shape:
            said = f"{words} was added to the output: only the weighted sum is expected"
            routes.append(Route(present=partial(_plus, added=array), said=said))
    return routes


def _plus(name: str, array: Array, added: Array) -> Array:
    return array + added if name == "output" else array


OUTPUT_SLIPS = (
    Slip(
        "weights-as-output",
        "result",
        _weights_handed_in,
        lambda case: f"your output is the weights: they are to be multiplied by V, {case.output_shape}",
    ),
    Slip(
        "cell-by-cell",
        "result",
        _cell_by_cell,
        lambda case: (
            f"your output is weights ⊙ V, each weight times the value in its own place ({case.n} × {case.m} fits "
            "both): weights · V, a sum over the keys, is expected"
        ),
    ),
    Slip("values-factor", "result", _factor, "a factor was applied", paired=False, fitted=1),
    Slip("residual-added", "result", _residual, "a residual was added"),
)
