"""Norms of rows before or after attention, as layers have them around it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need
from attncli.check.slips.slip import Slip
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.matrix import Array

Norm = Callable[["Array", float], "Array"]  # of rows, and of what is added to their variance or mean square

ROOMS = (1e-5, 1e-6, 0.0)  # that layers add before they divide
NORMS: dict[str, Norm] = {
    "a layer norm": lambda rows, room: (
        (rows - rows.mean(axis=-1, keepdims=True)) / np.sqrt(rows.var(axis=-1, keepdims=True) + room)
    ),
    "an RMS norm": lambda rows, room: rows / np.sqrt((rows**2).mean(axis=-1, keepdims=True) + room),
}


def _normed_input(case: Case) -> list[Route]:
    """Return the routes with a norm of x before it is projected."""
    if case.request.x is None:
        return []
    return [
        Route(
            requests=(partial(_norm_x, norm=norm, room=room),),
            said=f"x went through {words} before it was projected: it is projected as it is",
        )
        for words, norm in NORMS.items()
        for room in ROOMS
    ]


@np.errstate(all="ignore")
def _norm_x(request: Request, norm: Norm, room: float) -> Request:
    x = need(request.x)
    rows = norm(np.asarray(x.array, np.float64), room)
    return replace(request, x=replace(x, array=rows, texts=None))


def _normed_output(case: Case) -> list[Route]:
    """Return the routes with a norm of the output, alone or with Q or x added to it."""
    if "output" not in case.wrong or case.problem.shapes()["output"][-1] < 2:
        return []
    shape = case.problem.shapes()["output"]
    added: dict[str, Array | float] = {"": 0.0}
    for name, letter in (("x", "x"), ("queries", "Q")):
        matrix = getattr(case.request, name)
        if matrix is not None and matrix.array.shape == shape:
            added[f" with {letter} added"] = np.asarray(matrix.array, np.float64)
    return [
        Route(
            present=partial(_present, norm=norm, room=room, added=rows),
            said=f"the output{plus} went through {words}: only the weighted sum is expected",
        )
        for plus, rows in added.items()
        for words, norm in NORMS.items()
        for room in ROOMS
    ]


@np.errstate(all="ignore")
def _present(name: str, array: Array, norm: Norm, room: float, added: Array | float) -> Array:
    return norm(array + added, room) if name == "output" else array


LAYER_NORM_SLIPS = (
    Slip("layer-norm", "projection", _normed_input, "x was normed", paired=False),
    Slip("layer-norm", "result", _normed_output, "the output was normed", paired=False),
)
