"""Tokens as columns, the convention of many textbooks: V · softmax(KᵀQ) along each column, every matrix turned."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import change_scale
from attncli.check.slips.slip import Slip
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.matrix import Array

INPUTS = ("queries", "keys", "values", "x", "context", "values_context", "w_q", "w_k", "w_v", "w_o", "mask", "bias")
STEPS = {"raw_scores", "scores", "weights", "output"}


def _results(case: Case) -> list[Route]:
    """Return the route with all results turned. An output alone has a slip of its own."""
    return [Route(present=_turn_result)] if set(case.judges) <= STEPS and case.wrong != ("output",) else []


def _everything(case: Case) -> list[Route]:
    """Return the routes with all inputs and results turned, if every input is a matrix: with the scale, and without."""
    given = [matrix for name in INPUTS if (matrix := getattr(case.request, name)) is not None]
    if not set(case.judges) <= STEPS or any(matrix.array.ndim < 2 for matrix in given):
        return []
    said = (
        "the columns were taken as tokens in every matrix, as V · softmax(KᵀQ) along each column does: turn all "
        "matrices, so that each token has a row"
    )
    unscaled = partial(change_scale, scale="1")
    return [
        Route(requests=(_turn_inputs,), present=_turn_result, said=said),
        Route(requests=(_turn_inputs, unscaled), present=_turn_result, said=f"{said}; and the scores were not scaled"),
    ]


def _turn_inputs(request: Request) -> Request:
    turned = {}
    for name in INPUTS:
        matrix = getattr(request, name)
        if matrix is not None:
            turned[name] = replace(matrix, array=np.ascontiguousarray(matrix.array.mT), texts=None)
    return replace(request, **turned)


def _turn_result(_name: str, array: Array) -> Array:
    return array.mT


COLUMN_SLIPS = (
    Slip(
        "results-by-column",
        "result",
        _results,
        lambda case: (
            f"{case.yours} written by column, a column for each query: transpose your results, so that each query has "
            "a row"
        ),
        is_slight=True,
    ),
    Slip(
        "all-by-column",
        "system",
        _everything,
        "the columns were taken as tokens",
        paired=False,  # what another slip says of d_k is of the rows
    ),
)
