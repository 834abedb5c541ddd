"""Masks that nothing in the problem asks for: those that zeros among the expected weights show, and windows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.mask_changes import change_visible, fill_empty_rows
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

SIDES = (1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024)  # keys of a window on a side


def unasked_masks(case: Case) -> list[Slip]:
    """Return `unasked-mask` with the keys that the expected scores or weights show as masked or, if neither is given,
    `unasked-window` with windows of usual sizes."""
    if "scores" in case.judges or "weights" in case.judges:
        return _shown_mask(case)
    routes = _windows(case)
    return [_slip("unasked-window", routes)] if routes else []


def _slip(name: str, routes: list[Route], fitted: int = 0) -> Slip:
    return Slip(name, "mask", lambda _: routes, "", paired=False, fitted=fitted)


def _shown_mask(case: Case) -> list[Slip]:
    for name, masked in (("scores", -np.inf), ("weights", 0.0)):
        if name in case.wrong:
            expected, right = case.judges[name].expected, Result(case.problem, "numpy").array(name)
            if expected.shape != right.shape:
                return []
            hidden = (expected == masked) & (right != masked)
            rest = (expected != masked).sum(axis=-1)[hidden.any(axis=-1)]  # a key alone has any score
            if bool((rest < 2).all()):
                return []
            first = ", ".join(str(int(place)) for place in np.argwhere(hidden)[0])
            count, number = int(hidden.sum()), "−inf" if name == "scores" else "0"
            cells = f"one of your {name} is" if count == 1 else f"{count} of your {name} are"
            said = (
                f"more is masked than is asked for: {cells} {number}, the first at [{first}], and the others are those "
                "without these keys (--mask, or --causal, --window, --key-lengths)"
            )
            changes = (partial(_hide, hidden=hidden), partial(fill_empty_rows, row="zeros"))
            fitted = 0 if name == "scores" else count  # −inf is never a score, and 0 may be a rounded weight
            return [_slip("unasked-mask", [Route(problems=changes, said=said)], fitted)]
    return []


def _hide(problem: Problem, hidden: Array) -> Problem:
    return replace(problem, mask=visible_cells(problem) & ~hidden)


def _windows(case: Case) -> list[Route]:
    visible = case.problem.visible
    if visible.left is not None or len(visible.offsets) > 1:
        return []
    farthest = max(visible.offsets[0] + case.n, case.m) - 1
    routes = []
    for size in SIDES:
        for after in dict.fromkeys((size, 0) if visible.right is None else (visible.right,)):
            if size < farthest:
                words = "none after" if after == 0 else f"{after} after"
                said = (
                    f"a window was applied, the {_keys(size)} before the query's position and {words}: none is asked "
                    f"for (--window {size},{after})"
                )
                routes.append(Route(problems=(partial(change_visible, left=size, right=after),), said=said))
    return routes


def _keys(count: int) -> str:
    return "key" if count == 1 else f"{count} keys"
