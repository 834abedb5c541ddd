"""Rows of K and V in another place than their own, as in a cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need
from attncli.check.slips.orders import ENOUGH
from attncli.check.slips.slip import Slip
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


def _shift_rows(array: Array, step: int) -> Array:
    """Return rows one place later (1) or earlier (-1), and zeros in the place that is free."""
    moved = np.roll(array, step, axis=-2)
    moved[..., 0 if step > 0 else -1, :] = 0
    return moved


def _write_early(array: Array, _step: int) -> Array:
    """Return the last row in the place of the one before it, and zeros in its own."""
    found = np.array(array)
    found[..., -2, :], found[..., -1, :] = array[..., -1, :], 0
    return found


def _change_rows(problem: Problem, names: tuple[str, ...], change: Callable[[Array, int], Array], step: int) -> Problem:
    changed = {name: change(np.asarray(need(getattr(problem, name)), np.float64), step) for name in names}
    return replace(problem, **changed)  # type: ignore[arg-type]


def _shifted_rows(case: Case) -> list[Route]:
    """Return the routes with rows of K, V or both one place away, and zeros where no row was written, as in a cache."""
    if case.m < 2:
        return []
    m = case.m
    ways = {
        f"one place later, the first is 0 and row {m - 1} is lost": (_shift_rows, 1),
        "one place earlier, row 0 is lost and the last is 0": (_shift_rows, -1),
        f"right but for the last: it is in the place of row {m - 2}, and its own is 0": (_write_early, 0),
    }
    sides = {("keys", "values"): "K and V", ("values",): "V", ("keys",): "K"}
    return [
        Route(
            problems=(partial(_change_rows, names=names, change=change, step=step),),
            said=f"the rows of {letters} stand {words}" if step else f"the rows of {letters} are {words}",
        )
        for names, letters in sides.items()
        if case.problem.values is not None or names == ("keys",)
        for words, (change, step) in ways.items()
    ]


CACHE_SLIPS = (
    Slip(
        "rows-shifted",
        "values",
        _shifted_rows,
        lambda _case: "rows stand one place away",
        paired=False,
        evidence=ENOUGH,
        passes_easily=True,
    ),
)
