"""Columns of K in another order than those of Q."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


def _orders(d: int) -> dict[str, Array]:
    """Return which column stands in each place, by words."""
    own = np.arange(d)
    orders = {
        "in reverse order": own[::-1],
        "one place too late, the last one first": np.roll(own, 1),
        "one place too early, the first one last": np.roll(own, -1),
    }
    if d % 2 == 0:
        orders["with each two neighbours exchanged, as two numbers of int4 in a byte"] = own ^ 1
        halves = own.reshape(2, -1).T.ravel()  # 0, d/2, 1, …
        orders["with those of its two halves in turn"] = halves
        orders["with the even ones before the odd ones"] = np.argsort(halves)
    return orders


def _in_order(problem: Problem, order: Array) -> Problem:
    return replace(problem, keys=problem.keys[..., order])


def _reordered(case: Case) -> list[Route]:
    distinct: dict[tuple[int, ...], str] = {}
    for words, order in _orders(case.d_k).items():
        distinct.setdefault(tuple(order.tolist()), words)
    return [
        Route(
            problems=(partial(_in_order, order=np.array(places)),),
            said=f"the columns of K were taken {words}: column c of Q meets column c of K",
        )
        for places, words in distinct.items()
        if places != tuple(range(case.d_k))
    ]


COLUMN_ORDER_SLIPS = (Slip("columns-other-order", "keys", _reordered, "the columns of K were reordered", paired=False),)
