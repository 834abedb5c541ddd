"""Right rows, columns or heads in another order, and a single cell of the mask that was turned."""

from __future__ import annotations

import math
from functools import partial
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.blocks import Index, block_indices
from attncli.check.error_pattern import has_head_axis, name_leading_place
from attncli.check.precision import spacing
from attncli.check.routes import Route, weigh_values
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.changes import fill_empty_rows, need_values
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.matrix import Array
from attncli.problem.problem import Problem
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.tolerance.measures import Measured

MANY = 64  # keys, and rows of V, of a problem in which orders and cells are looked for
FEW_ROWS = 12  # of V, of which each two are exchanged
SAME = 1e-12  # relative difference of numbers that are the same but for our rounding
ROUNDINGS = 8  # units of a dtype by which a right number may be off
MOST_ROWS = 256  # of all heads, of which each two are compared
FEW_MOVED = 2  # of them that are told
NAMED = 6  # places in a sentence


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


def _taken(name: str, array: Array, names: tuple[str, ...], axis: int, order: Array) -> Array:
    return np.take(array, order, axis=axis) if name in names else array


def _places(order: Array) -> str:
    """Return which places hold another slice: "0 and 1 are exchanged"."""
    moved = np.flatnonzero(order != np.arange(len(order)))
    if len(moved) == 2:
        return f"{moved[0]} and {moved[1]} were exchanged"
    if bool((order == np.arange(len(order))[::-1]).all()):
        return f"0 to {len(order) - 1} stand in reverse order"
    return f"0 to {len(order) - 1} are {list_numbers(order.tolist(), NAMED)}"


def _reordered(case: Case) -> list[Route]:
    """Return the routes with rows, columns or heads of the wrong matrices in the order that fits best. Of several
    matrices, all in the order of the first; their columns are of different things."""
    names = case.wrong
    judge = case.judges[names[0]]
    if any(name == "lse" or name.startswith("d_") for name in names):
        return []
    right = Result(case.problem, "numpy").array(names[0])
    if right.shape != judge.expected.shape or right.size > MANY * MANY:
        return []
    routes = []
    for axis, noun in ((-2, "rows"), (-1, "columns"), (-3, "heads"), (-4, "entries")):
        if right.ndim < -axis or right.shape[axis] < 2 or (axis == -1 and len(names) > 1):
            continue
        order = _order(judge.expected, right, axis)
        if order is not None:
            said = f"{case.yours} right but for {_reorder_words(order, noun)}"
            present = partial(_taken, names=names, axis=axis, order=order)
            routes.append(Route(present=present, said=said, tried=_count_orders(order)))
    if right.ndim > 2 and len(names) == 1 and right.size // right.shape[-1] <= MOST_ROWS:
        routes += _moved_rows(case, right)
    return routes


def _moved_rows(case: Case, right: Array) -> list[Route]:
    """Return the route in which a few rows of heads hold what is due in other ones, of the same head or of others."""
    name, lead = case.wrong[0], right.shape[:-1]
    given, due = (each.reshape(-1, right.shape[-1]) for each in (case.judges[name].expected, right))
    order = _order(given, due, 0)
    if order is None:
        return []
    moved = np.flatnonzero(order != np.arange(len(order)))
    if len(moved) > FEW_MOVED:
        return []
    named = partial(_name_row, lead=lead, with_heads=has_head_axis(case.problem))
    pairs = [f"{named(place)} holds what is due in {named(int(order[place]))}" for place in moved.tolist()]
    said = f"{case.yours} right but for copies: {', and '.join(pairs)}"
    return [Route(present=partial(_taken_rows, only=name, order=order), said=said, tried=_count_orders(order))]


def _name_row(place: int, lead: tuple[int, ...], *, with_heads: bool) -> str:
    *part, row = np.unravel_index(place, lead)
    return f"row {row} of {name_leading_place(part, has_heads=with_heads)}"


def _taken_rows(name: str, array: Array, only: str, order: Array) -> Array:
    return array.reshape(-1, array.shape[-1])[order].reshape(array.shape) if name == only else array


def _reorder_words(order: Array, noun: str) -> str:
    """Return "the order: rows 0 and 1 were exchanged", or "copies: rows 4, 5 hold what is due in rows 0, 1"."""
    if len(set(order.tolist())) == len(order):
        return f"the order: {noun} {_places(order)}"
    moved = np.flatnonzero(order != np.arange(len(order)))
    places, others = (list_numbers(each.tolist(), NAMED) for each in (moved, order[moved]))
    nouns = noun if len(moved) > 1 else {"entries": "entry"}.get(noun, noun.removesuffix("s"))
    hold = "hold" if len(moved) > 1 else "holds"
    return f"copies: {nouns} {places} {hold} what is due in {nouns} {others}"


def _unwritten(case: Case) -> list[Route]:
    """Return the routes with rows, or columns of the output, of 0 or of NaN, where there should be none."""
    name = case.wrong[0]
    expected = case.judges[name].expected
    if len(case.wrong) > 1 or name not in ("scores", "weights", "output"):
        return []
    routes = []
    for number, words in ((0.0, "0"), (np.nan, "NaN")):
        ways = [("row", _is_all(expected, number), expected.ndim - 2)]
        if name == "output" and expected.shape[-2] > 1:
            columns: Array = np.asarray(_is_all(expected.mT, number).reshape(-1, expected.shape[-1]).all(axis=0))
            ways.append(("column", np.broadcast_to(columns, (*expected.shape[:-2], len(columns))), expected.ndim - 1))
        for noun, empty, axis in ways:
            if empty.any() and not empty.all():
                routes += _emptied_routes(case, noun, empty, axis, number, words)
    return routes


def _emptied_routes(case: Case, noun: str, empty: Array, axis: int, number: float, words: str) -> list[Route]:
    """Return the route with these rows or columns of one number, unless the right ones hold it too."""
    name = case.wrong[0]
    right = Result(case.problem, "numpy").array(name)
    if right.shape != case.judges[name].expected.shape:
        return []
    lost = empty & ~_is_all(np.moveaxis(right, axis, -2), number)
    places = np.flatnonzero(lost.reshape(-1, lost.shape[-1]).any(axis=0))
    if len(places) == 0:
        return []
    named = f"{noun} {places[0]} is" if len(places) == 1 else f"{noun}s {list_numbers(places.tolist(), NAMED)} are"
    parts = lost.reshape(-1, lost.shape[-1])
    where = ""
    if not (parts == parts[0]).all():
        holding = np.flatnonzero(parts.any(axis=-1))
        one = name_leading_place(np.unravel_index(holding[0], lost.shape[:-1]), has_heads=has_head_axis(case.problem))
        nouns = "heads" if has_head_axis(case.problem) else "entries"
        where = f" in {one}" if len(holding) == 1 else f" in {len(holding)} of {len(parts)} {nouns}"
    said = f"{case.yours} right but for {noun}s that hold no result{where}: {named} {words}"
    cells = np.moveaxis(lost[..., None], -2, axis)
    return [Route(present=partial(_put, only=name, places=cells, others=np.array(number)), said=said)]


LARGEST = {"float16": 65504.0, "float32": float(np.finfo(np.float32).max)}  # numbers of a dtype


@np.errstate(all="ignore")
def _overflowed(case: Case) -> list[Route]:
    """Return the route in which sums of e^score overflow a dtype, where the largest score of a row is not subtracted:
    such rows are not finite, or 0 where only their sum overflows."""
    name = case.wrong[0]
    expected = case.judges[name].expected
    is_shaped = expected.shape[:-1] == (*case.problem.lead, case.n)
    if len(case.wrong) > 1 or name not in ("weights", "output") or not is_shaped or np.isfinite(expected).all():
        return []
    result = Result(case.problem, "numpy").compute("scores", "lse")
    largest, lse = result.scores.max(axis=-1), result.lse
    is_lost, is_empty = ~np.isfinite(expected).all(axis=-1), _is_all(expected, 0.0)
    for dtype, limit in LARGEST.items():
        has_sum = lse > np.log(limit)
        has_power = largest > np.log(limit * (1 + float(np.finfo(dtype).eps) / 4))  # what is less is rounded to it
        if has_power.any() and (is_lost | is_empty)[has_power].all() and has_sum[is_lost].all():
            rows = has_sum & (is_lost | is_empty)
            where = "in one row, whose sum is" if rows.sum() == 1 else f"in {int(rows.sum())} rows, whose sums are"
            said = (
                f"e^score overflowed {dtype} {where} beyond its largest number, {limit:.6g}: the largest score of a "
                "row is subtracted first"
            )
            return [Route(present=partial(_put, only=name, places=rows[..., None], others=expected), said=said)]
    return []


def _put(name: str, array: Array, only: str, places: Array, others: Array) -> Array:
    return np.where(places, others, array) if name == only else array


def _is_all(array: Array, number: float) -> Array:
    """Return which rows hold this number only."""
    found: Array = (np.isnan(array) if np.isnan(number) else array == number).all(axis=-1)
    return found


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
    ways, tried = _moved(case.m), dict.fromkeys(_moved(case.m), 1)
    if (pair := _exchanged_rows(case)) is not None:
        exchanged = np.arange(case.m)
        exchanged[list(pair)] = pair[::-1]
        words = f"with rows {pair[0]} and {pair[1]} exchanged"
        ways[words], tried[words] = exchanged, math.comb(case.m, 2)
    if (copied := _copied_row(case)) is not None:
        own = np.arange(case.m)
        own[copied[0]] = copied[1]
        words = f"with row {copied[1]} in the place of row {copied[0]}"
        ways[words], tried[words] = own, math.perm(case.m, 2)
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


def _copied_row(case: Case) -> tuple[int, int] | None:
    """Return the row of V, and the other one in its place, that come nearest to the expected output, or None for many
    rows."""
    expected = case.judges["output"].expected
    if case.m > FEW_ROWS or case.m < 3 or expected.shape != case.problem.shapes()["output"]:
        return None
    weights = Result(case.problem, "numpy").weights
    found = {}
    for pair in permutations(range(case.m), 2):
        order = np.arange(case.m)
        order[pair[0]] = pair[1]
        output = weigh_values(_rows_in_order(case.problem, "values", order), weights)
        found[pair] = float(np.nansum(np.abs(output - expected)))
    return min(found, key=found.__getitem__)


def _exchanged_rows(case: Case) -> tuple[int, int] | None:
    """Return the two rows of V whose exchange comes nearest to the expected output, or None for many rows."""
    expected = case.judges["output"].expected
    if case.m > FEW_ROWS or expected.shape != case.problem.shapes()["output"]:
        return None
    weights = Result(case.problem, "numpy").weights
    found = {}
    for pair in combinations(range(case.m), 2):
        order = np.arange(case.m)
        order[list(pair)] = pair[::-1]
        output = weigh_values(_rows_in_order(case.problem, "values", order), weights)
        found[pair] = float(np.nansum(np.abs(output - expected)))
    return min(found, key=found.__getitem__)


def _turn_cell(problem: Problem, cell: tuple[int, int], seen: bool) -> Problem:
    """Return the problem in which one query sees, or does not see, one key more."""
    found = visible_cells(problem)
    found[(..., *cell)] = seen
    free = replace(problem, mask=found, bias=None if problem.bias is None else np.where(found, problem.bias, -np.inf))
    visible = replace(problem.visible, left=None, right=None, lengths=None)
    return fill_empty_rows(replace(free, visible=visible, segments=None), problem.conventions.empty)


def _one_cell_of_mask(case: Case) -> list[Route]:
    """Return the routes in which one query does not see one of its keys, or sees one that is masked."""
    if len(case.problem.visible.offsets) > 1 or case.m > MANY:
        return []
    query = only_query(case)
    if query is None:
        return []
    seen = visible_cells(case.problem)[..., query, :].reshape(-1, case.m)
    routes = []
    for key in range(case.m):
        sees = bool(seen[:, key].all())
        if not sees and (bool(seen[:, key].any()) or case.problem.bias is not None):
            continue
        said = (
            f"query {query} did not see key {key}: nothing forbids it"
            if sees
            else f"query {query} saw key {key}, which is masked"
        )
        change = partial(_turn_cell, cell=(query, key), seen=not sees)
        routes.append(Route(problems=(change,), said=said, is_whole=True))
    return routes


def only_query(case: Case) -> int | None:
    """Return the only query whose weights or output are wrong, in one or several entries, or None."""
    queries = {at[-1] for at in wrong_rows(case)}
    return queries.pop() if len(queries) == 1 else None


def only_row(case: Case, *, beside_weights: bool = False) -> tuple[int, ...] | None:
    """Return the only row of weights or output that is wrong, as an index on the leading axes and the queries, or
    None. Outputs of heads that are joined have no such rows; an output `beside_weights` that are right has them only
    where they are asked for."""
    rows = set(wrong_rows(case, beside_weights=beside_weights))
    is_one = len(rows) == 1 and len(next(iter(rows))) == len(case.problem.lead) + 1
    return rows.pop() if is_one else None


def wrong_rows(case: Case, *, beside_weights: bool = False) -> list[tuple[int, ...]]:
    """Return where the rows of weights or output (or else of scores) are that are wrong, or nothing if they are not
    comparable."""
    names = [name for name in case.wrong if name in ("weights", "output")] or list(case.wrong)
    if not set(names) <= {"raw_scores", "scores", "weights", "output"}:
        return []
    if "weights" in case.judges and "weights" not in names and not beside_weights:
        return []
    numbers = Result(case.problem, "numpy").compute(*names)
    rows: list[tuple[int, ...]] = []
    for name in names:
        judge, right = case.judges[name], numbers.array(name)
        if judge.expected.shape != right.shape:
            return []
        room = _room_of_weights(case) if name == "output" else None
        off = np.concatenate(
            [_are_off(judge, case.right, right, where, room) for where in block_indices(right.shape)], axis=-1
        )
        rows += [tuple(map(int, at)) for at in np.argwhere(off.reshape(right.shape[:-1]))]
    return rows


def _room_of_weights(case: Case) -> Array | None:
    """Return by how much each number of the output may be off if it was worked from the weights as they are printed, or
    None if there are none."""
    judge, problem = case.judges.get("weights"), case.problem
    if judge is None or judge.claims is None or judge.tolerance is not None or problem.output_projection is not None:
        return None
    if judge.expected.shape != problem.shapes()["weights"]:
        return None
    halves = judge.claims.unit / 2
    return weigh_values(replace(problem, values=np.abs(need_values(problem))), halves)


def _are_off(judge: Judge, right: Measured, numbers: Array, where: Index, room: Array | None) -> Array:
    """Return in which rows of a block a cell is off by more than the precision of its print (and this `room`) or its
    dtype, or by more than a computation in half precision may be."""
    due = numbers[where]
    if judge.claims is not None and not judge.narrow:
        allowed: Array = judge.claims.at(where).unit + 1e-9 * np.abs(due) + (0 if room is None else room[where])
    else:
        dtype = judge.narrow[0] if judge.narrow else judge.dtype
        allowed = ROUNDINGS * spacing(np.array(judge.largest), dtype)
        if judge.narrow:
            allowed = np.minimum(allowed, 2 * right.narrow(judge.name, dtype, where))
    with np.errstate(invalid="ignore"):
        off = ~((np.abs(judge.expected[where] - due) <= allowed) | (judge.expected[where] == due))
    return np.asarray(off.any(axis=-1))


ORDER_SLIPS = (
    Slip("other-order", "result", _reordered, lambda _case: "the order is another", paired=False),
    Slip("exp-overflow", "result", _overflowed, lambda _case: "e^score overflowed", paired=False),
    Slip("rows-empty", "result", _unwritten, lambda _case: "rows hold no result", paired=False),
    Slip(
        "values-other-order",
        "values",
        _reordered_values,
        lambda _case: "the rows of V were taken in another order",
        paired=False,
    ),
    Slip(
        "keys-other-order",
        "keys",
        _reordered_keys,
        lambda _case: "the rows of K were taken in another order",
        paired=False,
    ),
    Slip(
        "mask-one-cell",
        "mask",
        _one_cell_of_mask,
        lambda _case: "one cell of the mask was turned",
        paired=False,
        is_slight=True,
        passes_easily=True,
    ),
)
