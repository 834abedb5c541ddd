"""Right rows, columns or heads of results in another order."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from attncli.check.error_pattern import has_head_axis, name_leading_place
from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.slip import Slip
from attncli.matrix import Array
from attncli.results.result import Result

SAME = 1e-12  # relative difference of numbers that are the same but for our rounding
MOST_CELLS = 1 << 22  # of all pairs of slices that are compared
MOST_ROWS = 256  # of all heads, of which each two are compared
FEW_MOVED = 2  # of them that are listed


def _order(expected: Array, right: Array, axis: int) -> Array | None:
    """Return which slice of the right numbers stands in each place of the expected ones, or None if all are in their
    own places. Some may be missing, and others stand in several places."""
    given, due = (np.moveaxis(np.nan_to_num(each), axis, 0).reshape(each.shape[axis], -1) for each in (expected, right))
    apart = np.abs(given[:, None, :] - due[None, :, :]).max(axis=-1)
    order = apart.argmin(axis=1)
    own = np.arange(len(order))
    nearer = apart[own, own] - apart[own, order]
    # slices that are equal, but for our rounding, stay where they are
    order = np.where(nearer <= SAME * np.abs(due).max(axis=-1), own, order)
    return order if bool((order != own).any()) else None


def _count_orders(order: Array) -> int:
    """Return how many orders have as many slices in other places."""
    size, moved = len(order), int((order != np.arange(len(order))).sum())
    ways: int = math.comb(size, moved) * size**moved
    return ways


def _own_axis(name: str, axis: int) -> int:
    """Return the axis of rows, heads or entries in a matrix: log-sum-exps have no columns."""
    return axis + 1 if name == "lse" else axis


def _take_slices(name: str, array: Array, names: tuple[str, ...], axis: int, order: Array) -> Array:
    return np.take(array, order, axis=_own_axis(name, axis)) if name in names else array


def _places(order: Array) -> str:
    """Return which places hold another slice: "0 and 1 are exchanged"."""
    moved = np.flatnonzero(order != np.arange(len(order)))
    if len(moved) == 2:
        return f"{moved[0]} and {moved[1]} were exchanged"
    if bool((order == np.arange(len(order))[::-1]).all()):
        return f"0 to {len(order) - 1} stand in reverse order"
    return f"0 to {len(order) - 1} are {list_numbers(order.tolist())}"


def _reordered(case: Case) -> list[Route]:
    """Return the routes with rows, columns or heads of the wrong matrices in the order that fits best. Of several
    matrices, all in the order of the first; their columns are of different things."""
    names = case.wrong
    judge = case.judges[names[0]]
    if any(name.startswith("d_") for name in names):
        return []
    right = Result(case.problem, "numpy").array(names[0])
    if right.shape != judge.expected.shape:
        return []
    routes = []
    for axis, noun in ((-2, "rows"), (-1, "columns"), (-3, "heads"), (-4, "entries")):
        if axis == -1 and (len(names) > 1 or names[0] == "lse"):
            continue
        own = _own_axis(names[0], axis)
        if right.ndim < -own or right.shape[own] < 2 or right.size * right.shape[own] > MOST_CELLS:
            continue
        order = _order(judge.expected, right, own)
        if order is not None:
            said = f"{case.yours} right except for {_reorder_words(order, noun)}"
            present = partial(_take_slices, names=names, axis=axis, order=order)
            routes.append(Route(present=present, said=said, tried=_count_orders(order)))
    if right.ndim > 2 and len(names) == 1 and names[0] != "lse" and right.size // right.shape[-1] <= MOST_ROWS:
        routes += _moved_rows(case, right)
    return routes


def _moved_rows(case: Case, right: Array) -> list[Route]:
    """Return the route in which a few rows of heads hold the numbers of other rows, of the same head or of others."""
    name, lead = case.wrong[0], right.shape[:-1]
    given, due = (each.reshape(-1, right.shape[-1]) for each in (case.judges[name].expected, right))
    order = _order(given, due, 0)
    if order is None:
        return []
    moved = np.flatnonzero(order != np.arange(len(order)))
    if len(moved) > FEW_MOVED:
        return []
    named = partial(_name_row, lead=lead, with_heads=has_head_axis(case.problem))
    pairs = [f"{named(place)} holds the numbers of {named(int(order[place]))}" for place in moved.tolist()]
    said = f"{case.yours} right except for copies: {', and '.join(pairs)}"
    return [Route(present=partial(_take_rows, only=name, order=order), said=said, tried=_count_orders(order))]


def _name_row(place: int, lead: tuple[int, ...], *, with_heads: bool) -> str:
    *part, row = np.unravel_index(place, lead)
    return f"row {row} of {name_leading_place(part, has_heads=with_heads)}"


def _take_rows(name: str, array: Array, only: str, order: Array) -> Array:
    return array.reshape(-1, array.shape[-1])[order].reshape(array.shape) if name == only else array


def _reorder_words(order: Array, noun: str) -> str:
    """Return "the order: rows 0 and 1 were exchanged", or "copies: rows 4, 5 hold the numbers of rows 0, 1"."""
    if len(set(order.tolist())) == len(order):
        return f"the order: {noun} {_places(order)}"
    moved = np.flatnonzero(order != np.arange(len(order)))
    places, others = (list_numbers(each.tolist()) for each in (moved, order[moved]))
    nouns = noun if len(moved) > 1 else {"entries": "entry"}.get(noun, noun.removesuffix("s"))
    hold = "hold" if len(moved) > 1 else "holds"
    return f"copies: {nouns} {places} {hold} the numbers of {nouns} {others}"


ORDER_SLIPS = (Slip("other-order", "result", _reordered, "the order is another", paired=False),)
