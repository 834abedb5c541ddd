"""Matrices, masks, biases and lengths of another head, or of another entry of the batch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.error_pattern import has_head_axis
from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.mask_changes import change_visible
from attncli.check.slips.slip import Slip
from attncli.errors import ProblemError
from attncli.problem.heads import pack_heads
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

TAKEN = {  # what is taken from elsewhere, in words
    ("values",): "V",
    ("keys",): "K",
    ("queries",): "Q",
    ("keys", "values"): "K and V",
    ("mask",): "the mask",
    ("bias",): "the bias",
    ("dropout_mask",): "the dropout mask",
    ("d_output",): "dO",
}


CACHED = (("keys", "values"), ("values",), ("keys",))
MOST_ENTRIES, MOST_CELLS = 8, 4096  # of a problem in which the order of entries is found


def _orders(size: int) -> Iterator[tuple[int, ...]]:
    """Yield which entry is taken in the place of each: always the first, the neighbour's, from the last on, the one at
    twice its place, or at half of it."""
    yield (0,) * size
    yield from dict.fromkeys(tuple((place + step) % size for place in range(size)) for step in (-1, 1))
    if size > 2:
        yield tuple(reversed(range(size)))
        yield tuple(2 * place % size for place in range(size))
        yield tuple(place // 2 for place in range(size))


def _in_order(problem: Problem, names: tuple[str, ...], axis: int, order: tuple[int, ...]) -> Problem:
    found = {}
    for name in names:
        array = getattr(problem, name)
        if array is None or array.ndim < -axis or array.shape[axis] != len(order):
            raise ProblemError("slip", "it has other entries")
        found[name] = np.take(array, order, axis=axis)
    return replace(problem, **found)  # type: ignore[arg-type]


def _noun(case: Case, axis: int) -> str:
    return "head" if axis == -3 and has_head_axis(case.problem) else "entry"


def _describe_order(words: str, noun: str, order: tuple[int, ...]) -> str:
    """Return "every head took V of head 0", or "heads 0, 1, 2 took V of heads 2, 0, 1"."""
    if len(set(order)) == 1:
        return f"every {noun} took {words} of {noun} 0: each has its own"
    nouns = "entries" if noun == "entry" else "heads"
    own, taken = (list_numbers(places) for places in (range(len(order)), order))
    return f"{nouns} {own} took {words} of {nouns} {taken}: each has its own"


def _array(problem: Problem, name: str) -> Array | None:
    found: Array | None = getattr(problem, name)
    return found


def _taken(case: Case) -> list[Route]:
    problem, routes = case.problem, []
    for names, words in TAKEN.items():
        arrays = [_array(problem, name) for name in names]
        for axis in range(-3, -3 - len(problem.lead), -1):
            sizes = {array.shape[axis] if array is not None and array.ndim >= -axis else 1 for array in arrays}
            if len(sizes) > 1 or (size := sizes.pop()) < 2:
                continue
            noun = _noun(case, axis)
            routes += [
                Route(
                    problems=(partial(_in_order, names=names, axis=axis, order=order),),
                    said=_describe_order(words, noun, order),
                )
                for order in _orders(size)
            ]
    return routes + _exchanged_axes(case) + _lengths(case)


def _fitted_orders(case: Case) -> list[Route]:
    """Return the routes in which each entry takes K, V or both of the one that fits it best, as after a search that
    reorders a cache."""
    problem = case.problem
    name = next((name for name in ("weights", "output") if name in case.wrong), None)
    cells = problem.parts * problem.n * max(problem.m, problem.d_k, problem.d_v or 0)
    if name is None or problem.is_joined or cells > MOST_CELLS:
        return []
    routes = []
    for names in CACHED:
        for axis in range(-3, -3 - len(problem.lead), -1):
            order = _best_order(case, names, axis, name)
            if order is not None:
                change = partial(_in_order, names=names, axis=axis, order=order)
                said = _describe_order(TAKEN[names], _noun(case, axis), order)
                routes.append(Route(problems=(change,), said=said, tried=len(order) ** len(order)))
    return routes


def _best_order(case: Case, names: tuple[str, ...], axis: int, name: str) -> tuple[int, ...] | None:
    """Return which entry's matrices fit the expected numbers of each entry best, or None if all fit their own."""
    problem, expected = case.problem, case.judges[name].expected
    arrays = [_array(problem, each) for each in names]
    size = expected.shape[axis] if expected.ndim >= -axis else 0
    if not 2 < size <= MOST_ENTRIES or any(
        each is None or each.ndim < -axis or each.shape[axis] != size for each in arrays
    ):
        return None
    misfits = []
    for place in range(size):
        found = Result(_in_order(problem, names, axis, (place,) * size), "numpy").array(name)
        if found.shape != expected.shape:
            return None
        off = np.moveaxis(np.nan_to_num(np.abs(found - expected)), axis, 0)
        misfits.append(off.reshape(size, -1).mean(axis=1))
    order = tuple(int(place) for place in np.argmin(misfits, axis=0))
    return None if order in _orders(size) or order == tuple(range(size)) else order


def _exchanged_axes(case: Case) -> list[Route]:
    """Return the routes with the memory of Q, K or V, (entries, heads, …), read as (heads, entries, …), and with that
    of each head's output, (heads, entries, …), read as (entries, heads, …)."""
    problem = case.problem
    if len(problem.lead) < 2 or min(problem.lead[-2:]) < 2:
        return []
    routes = []
    for names, words in TAKEN.items():
        arrays = [_array(problem, name) for name in names]
        if all(array is not None and array.ndim > 3 and min(array.shape[-4:-2]) > 1 for array in arrays):
            entries, heads = (case.problem.lead[-2], arrays[0].shape[-3])  # type: ignore[union-attr]
            said = (
                f"the memory of {words}, ({entries} entries, {heads} heads, …), was read as ({heads}, {entries}, …), "
                "which mixes entries and heads"
            )
            routes.append(Route(problems=(partial(_read_by_head, names=names),), said=said))
    if "output" in case.wrong:
        said = (
            f"the heads' outputs, in memory ({problem.lead[-1]} heads, {problem.lead[-2]} entries, …), were read as "
            f"({problem.lead[-2]}, {problem.lead[-1]}, …), which mixes entries and heads"
        )
        if problem.packed:
            routes += [Route(join=join, is_whole=True, said=said) for join in (_join_by_head, _join_in_turn)]
        elif not problem.is_joined:
            routes.append(Route(present=_present_by_head, said=said))
    return routes


def _exchanged(array: Array) -> Array:
    """Read memory (…, b, h, n, d) as (…, h, b, n, d), and return it with the entries first again."""
    *first, b, h = array.shape[:-2]
    taken = np.ascontiguousarray(array).reshape(*first, h, b, *array.shape[-2:])
    return np.swapaxes(taken, -3, -4)


def _exchanged_back(array: Array) -> Array:
    """Read what is in memory as (…, h, b, n, d) as (…, b, h, n, d)."""
    return np.ascontiguousarray(np.swapaxes(array, -3, -4)).reshape(array.shape)


def _read_by_head(problem: Problem, names: tuple[str, ...]) -> Problem:
    return replace(problem, **{name: _exchanged(getattr(problem, name)) for name in names})  # type: ignore[arg-type]


def _join_by_head(output: Array) -> Array:
    return pack_heads(_exchanged_back(output))


def _join_in_turn(output: Array) -> Array:
    """Put (…, b, h, n, d), in memory as (…, h, n, b, d), side by side as if it were (…, b, n, h, d)."""
    *first, b, h, n, d = output.shape
    turned = np.ascontiguousarray(np.moveaxis(output, -4, -2))
    return turned.reshape(*first, b, n, h * d)


def _present_by_head(name: str, array: Array) -> Array:
    return _exchanged_back(array) if name == "output" else array


def _lengths(case: Case) -> list[Route]:
    own = case.problem.visible.lengths
    if own is None or len(set(own)) < 2:
        return []
    return [
        Route(
            problems=(partial(change_visible, lengths=tuple(own[place] for place in order)),),
            said=_describe_order("the key length", "entry", order),
        )
        for order in _orders(len(own))
    ]


ENTRY_SLIPS = (
    Slip(
        "other-entry",
        "heads",
        _taken,
        "a matrix of another entry was taken",
        paired=False,
    ),
    Slip(
        "other-entry",
        "heads",
        _fitted_orders,
        "a matrix of another entry was taken",
        paired=False,
    ),
)
