"""Rows of V, or of K, in another order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route, weigh_values
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.check.slips.wrong_rows import MANY
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

FEW_ROWS = 12  # of V, of which each two are exchanged


def _rows_in_order(problem: Problem, name: str, order: Array) -> Problem:
    return replace(problem, **{name: np.take(getattr(problem, name), order, axis=-2)})  # type: ignore[arg-type]


LATE, EARLY = "one row too late, the last one first", "one row too early, the first one last"
REVERSED = "in reverse order"
OPPOSITE = {LATE: EARLY, EARLY: LATE}  # of a matrix that is moved, so that the other one stays behind


def _moved(m: int) -> dict[str, Array]:
    """Return the rows in reverse, or moved by one, by words."""
    own = np.arange(m)
    return {REVERSED: own[::-1], LATE: np.roll(own, 1), EARLY: np.roll(own, -1)}


def _reordered_values(case: Case) -> list[Route]:
    """Return the routes with V in reverse, moved by one row, or with two rows exchanged."""
    problem = case.problem
    if problem.values is None or "output" not in case.wrong or not 1 < case.m <= MANY:
        return []
    ways, tried, own = _moved(case.m), dict.fromkeys(_moved(case.m), 1), np.arange(case.m)
    if (pair := _nearest_pair(case, combinations(range(case.m), 2), _exchanged_order)) is not None:
        words = f"with rows {pair[0]} and {pair[1]} exchanged"
        ways[words], tried[words] = _exchanged_order(own, pair), math.comb(case.m, 2)
    copies = permutations(range(case.m), 2) if case.m > 2 else ()
    if (pair := _nearest_pair(case, copies, _copied_order)) is not None:
        words = f"with row {pair[1]} in the place of row {pair[0]}"
        ways[words], tried[words] = _copied_order(own, pair), math.perm(case.m, 2)
    has_places = case.is_masked or any(each is not None for each in (problem.bias, problem.slopes, problem.rotation))

    def turned(order: tuple[int, ...], words: str) -> str:
        """Return what K may be instead: if all rows are there and nothing depends on their places, either may be."""
        is_same = not has_places and len(set(order)) == case.m
        return f" (or K {OPPOSITE.get(words, words)})" if is_same else ""

    distinct = {tuple(order): words for words, order in reversed(ways.items())}
    return [
        Route(
            problems=(partial(_rows_in_order, name="values", order=np.array(order)),),
            said=f"V was taken {words}{turned(order, words)}: key j has the value in row j",
            tried=tried[words],
        )
        for order, words in distinct.items()
    ]


def _reordered_keys(case: Case) -> list[Route]:
    """Return the routes with K in reverse, or moved by one row."""
    if not 1 < case.m <= MANY:
        return []
    distinct = {tuple(order): words for words, order in reversed(_moved(case.m).items())}
    return [
        Route(
            problems=(partial(_rows_in_order, name="keys", order=np.array(order)),),
            said=f"K was taken {words}: row j is key j",
        )
        for order, words in distinct.items()
    ]


def _copied_order(own: Array, pair: tuple[int, int]) -> Array:
    """Return the order with the second row of a pair in the place of the first too."""
    found = own.copy()
    found[pair[0]] = pair[1]
    return found


def _exchanged_order(own: Array, pair: tuple[int, int]) -> Array:
    """Return the order with the two rows of a pair exchanged."""
    found = own.copy()
    found[list(pair)] = pair[::-1]
    return found


def _nearest_pair(
    case: Case, pairs: Iterable[tuple[int, int]], order: Callable[[Array, tuple[int, int]], Array]
) -> tuple[int, int] | None:
    """Return the two rows of V in whose order the output comes nearest to the expected one, or None for many rows."""
    expected = case.judges["output"].expected
    if case.m > FEW_ROWS or expected.shape != case.problem.shapes()["output"]:
        return None
    weights, own = Result(case.problem, "numpy").weights, np.arange(case.m)
    found = {}
    for pair in pairs:
        output = weigh_values(_rows_in_order(case.problem, "values", order(own, pair)), weights)
        found[pair] = float(np.nansum(np.abs(output - expected)))
    return min(found, key=found.__getitem__, default=None)


INPUT_ORDER_SLIPS = (
    Slip(
        "values-other-order",
        "values",
        _reordered_values,
        "the rows of V were taken in another order",
        paired=False,
    ),
    Slip(
        "keys-other-order",
        "keys",
        _reordered_keys,
        "the rows of K were taken in another order",
        paired=False,
    ),
)
