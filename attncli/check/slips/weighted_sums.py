"""The weighted sum taken otherwise, of right weights: by those of other queries, or without a row of V."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Array

FEW = 8  # rows of V of which each is left out


def _left_out_values(case: Case) -> list[Route]:
    """Return the routes with a row of V left out of the sums, though its weight is right."""
    if case.problem.values is None or "output" not in case.wrong or "weights" in case.wrong or not 1 < case.m <= FEW:
        return []
    return [
        route
        for key in range(case.m)
        for route in _weighed(
            case,
            partial(_without_key, key=key),
            f"row {key} of V was left out of the weighted sums: every row of V counts by its weight",
        )
    ]


def _without_key(weights: Array, key: int) -> Array:
    return np.where(np.arange(weights.shape[-1]) == key, 0, weights)


def _weighed(case: Case, way: Callable[[Array], Array], said: str = "") -> list[Route]:
    """Return the routes with other weights for V: of the right ones and, by hand, of the right ones as printed."""
    routes = [Route(weigh=way, is_whole=True, said=said)]
    printed = case.judges.get("weights")
    if printed is not None and "weights" not in case.wrong:
        routes.append(replace(routes[0], weigh=lambda _weights: way(printed.expected)))
    return routes


def _turned_weights(case: Case) -> list[Route]:
    if case.n != case.m or "output" not in case.wrong:
        return []
    return _weighed(case, lambda weights: weights.mT)


WEIGHTED_SUM_SLIPS = (
    Slip(
        "weights-transposed",
        "rounding",
        _turned_weights,
        lambda case: (
            f"your output is weightsᵀ · V, each row of V by the weights of one query ({case.n} × {case.n} fits both "
            "ways): weights · V is expected"
        ),
    ),
    Slip(
        "value-left-out",
        "rounding",
        _left_out_values,
        "a row of V was left out",
        paired=False,
        passes_easily=True,
    ),
)
