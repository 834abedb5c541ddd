"""Constants that are added to the output: one, or one for each column."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.search.fitting import FIT_ROWS, make_fitted_slip
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array

DECIMALS = (1, 2, 3, 4)  # of constants that are tried before the fitted ones


def fitted_constants(case: Case) -> list[Slip]:
    """Return `constant-added` with the number that is added to every number of the output, or to every number of a
    column, as a bias of V, or the zero point of few bits, adds it."""
    if case.wrong != ("output",):
        return []
    right, expected = Result(case.problem, "numpy").array("output"), case.judges["output"].expected
    if right.shape != expected.shape or right.ndim < 2 or not np.isfinite(expected).all():
        return []
    off = expected - right
    slips = []
    for axes, noun in ((tuple(range(off.ndim)), "the output"), (tuple(range(off.ndim - 1)), "its columns")):
        added = off.mean(axis=axes, keepdims=True)
        if added.size == off.size or (noun != "the output" and added.size == 1):
            continue
        ways = [*(np.round(added, decimals) for decimals in DECIMALS), added]
        routes = [
            Route(present=partial(_plus, added=each), said=_describe_added(each))
            for each in ways
            if bool((each != 0).all())
        ]
        slips.append(make_fitted_slip("constant-added", "result", routes, added.size))
    return slips


def _plus(name: str, array: Array, added: Array) -> Array:
    return array + added if name == "output" else array


def _describe_added(added: Array) -> str:
    shown = ", ".join(f"{each:.4g}" for each in added.reshape(-1)[:FIT_ROWS])
    if added.size == 1:
        return f"{shown} was added to every number of your output: nothing is expected"
    more = ", …" if added.size > FIT_ROWS else ""
    return f"{shown}{more} were added to the columns of your output, as a bias adds them: nothing is expected"
