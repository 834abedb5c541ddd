"""Rows and pages of keys and values that were read from another place, as by a wrong block table, stride or slot of a
ring, or not written at all."""

from __future__ import annotations

from functools import partial
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.heads import by_head
from attncli.check.slips.mask_changes import KINDS, drop_masks
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.records import record, replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

LEAST_KEYS = 3
PAGES = (4, 8, 16, 32, 64, 128, 256)  # keys that caches and tiles keep together
MOST_PAGES = 16  # of a size that is tried
MOST_KEYS = 1024
MANY = 64  # keys of which each is tried in the place of each
STRIDES = 4  # times the keys that a stride is at most
ROWS, COLUMNS = 6, 4  # of the output by which a way is chosen
SMALL = 1e-3  # of the largest number: below it, a batch entry is right
NEAR = 1e-6  # relative difference of misfits that are the same
SIDES = {"K and V": ("keys", "values"), "V": ("values",), "K": ("keys",)}


@record
class PageOrder:
    """Which row of K and V stands in the place of each, `order` (m,), where m is a row of zeros, and `words` for it,
    with {} for the names of the matrices."""

    order: Array
    words: str


def _orders(m: int) -> list[PageOrder]:
    """Return the ways to read pages of some sizes: one in the place of another, two exchanged, each one page late or
    early, all in reverse order or the same one, and one that is empty; and rows that were written one place away."""
    found = [_emptied(m, m - 1, m), _emptied(m, 0, 1), *_shifted(m)]
    for size in PAGES:
        if not size < m <= MOST_PAGES * size:
            continue
        found += _not_moved_on(m, size)
        firsts = range(0, m - size + 1, size)  # of whole pages
        for one, two in permutations(firsts, 2):
            own = np.arange(m)
            own[one : one + size] = np.arange(two, two + size)
            found.append(PageOrder(own, f"{_keys(one, size)} of {{}} were read from the place of {_keys(two, size)}"))
        for one, two in combinations(firsts, 2):
            own = np.arange(m)
            own[one : one + size], own[two : two + size] = np.arange(two, two + size), np.arange(one, one + size)
            found.append(PageOrder(own, f"{_keys(one, size)} and {_keys(two, size)} of {{}} changed places"))
        if m % size == 0:
            words = f"the rows of {{}} were taken one page of {size} keys too"
            found.append(PageOrder(np.roll(np.arange(m), size), f"{words} late, the last one first"))
            found.append(PageOrder(np.roll(np.arange(m), -size), f"{words} early, the first one last"))
            turned = np.arange(m).reshape(-1, size)[::-1].ravel()
            found.append(PageOrder(turned, f"the pages of {size} rows of {{}} were taken in reverse order"))
        found += [_emptied(m, first, min(first + size, m)) for first in range(0, m, size)]
    return found + _turned(m) + _overwritten(m) + [each for size in PAGES if size < m for each in _strided(m, size)]


def _not_moved_on(m: int, size: int) -> list[PageOrder]:
    """Return the rows of the first tile for every tile, and those of the tile before, which a buffer still holds."""
    own = np.arange(m)
    return [
        PageOrder(
            own % size, f"every tile of {size} rows of {{}} was the first one, as if their place did not move on"
        ),
        PageOrder(
            np.where(own < size, own, own - size),
            f"each tile of {size} rows of {{}} but the first was the one before it, as in a buffer read too early",
        ),
    ]


def _strided(m: int, size: int) -> list[PageOrder]:
    """Return pages whose places are counted by another size than their own."""
    own = np.arange(m)
    places = {stride: own // size * stride + own % size for stride in PAGES if stride != size and stride <= STRIDES * m}
    return [
        PageOrder(order, f"page p of {size} rows of {{}} was read from row {stride}·p on{words}: it is row {size}·p on")
        for stride, place in places.items()
        for order, words in (
            ((place, ""),)
            if place.max() < m
            else ((place % m, ", behind the last row from row 0 on"), (np.minimum(place, m - 1), ", or the last row"))
        )
    ]


def _turned(m: int) -> list[PageOrder]:
    """Return the rows as a ring holds them that is not put in order, from another one on."""
    own = np.arange(m)
    words = "the rows of {{}} were taken in the order of a ring, from row {} on, row 0 after the last one"
    return [PageOrder(np.roll(own, -first), words.format(first)) for first in range(2, m - 1)]


def _overwritten(m: int) -> list[PageOrder]:
    """Return the rows with one in the place of another one too."""
    pairs = permutations(range(m), 2) if m <= MANY else [(m - 1, place) for place in range(m - 1)] + [(m - 2, m - 1)]
    found = []
    for row, place in pairs:
        order = np.arange(m)
        order[place] = row
        found.append(PageOrder(order, f"row {place} of {{}} was overwritten: row {row} stands there too"))
    own = np.arange(m)
    for size in range(max(2, -(-m // 2)), m - 1):  # of a ring
        words = f"rows 0 to {m - size - 1} of {{}} were overwritten by rows {size} to {m - 1}, as in a ring of {size}"
        found.append(PageOrder(np.where(own < m - size, own + size, own), words))
    return found


def _shifted(m: int) -> list[PageOrder]:
    """Return the rows one place later or earlier, and the last one in the place before its own. A row is empty."""
    own = np.arange(m)
    return [
        PageOrder(
            np.concatenate([[m], own[:-1]]),
            f"the rows of {{}} stand one place later, row 0 is 0 and row {m - 1} is lost",
        ),
        PageOrder(
            np.concatenate([own[1:], [m]]),
            f"the rows of {{}} stand one place earlier, row 0 is lost and row {m - 1} is 0",
        ),
        PageOrder(
            np.concatenate([own[:-2], [m - 1, m]]),
            f"the last row of {{}} was written in the place of row {m - 2}, and row {m - 1} is 0",
        ),
    ]


def _emptied(m: int, start: int, stop: int) -> PageOrder:
    order = np.arange(m)
    order[start:stop] = m
    if stop - start == 1:
        return PageOrder(order, f"row {start} of {{}} was taken as 0, as if it had not been written")
    return PageOrder(order, f"rows {start} to {stop - 1} of {{}} were taken as 0, as if they had not been written")


def _keys(first: int, size: int) -> str:
    return f"rows {first} to {first + size - 1}"


def misread_pages(case: Case) -> Slip | None:
    """Return the slip with the pages that fit the expected output best, or None where none is looked for."""
    problem = case.problem
    has_stage = case.has_stage("rotation", "bias", "slopes", "sink", "top_k", "dropout_mask")
    is_plain = problem.variant.is_product and not has_stage
    name = next((name for name in ("output", "weights", "lse") if name in case.judges), None)
    if not is_plain or name is None or not LEAST_KEYS <= case.m <= MOST_KEYS:
        return None
    right, expected = (
        _rows(name, array, problem) for array in (Result(problem, "numpy").array(name), case.judges[name].expected)
    )
    if right is None or expected is None or right.shape != expected.shape or not np.isfinite(expected).all():
        return None
    off = np.abs(expected - right).max(axis=-1)  # (*lead, n)
    limit = SMALL * float(np.abs(right).max(initial=0))
    entries = None
    if len(problem.lead) > 1 and problem.keys.shape[0] == problem.lead[0]:
        is_wrong = off.reshape(problem.lead[0], -1).max(axis=-1) > limit
        entries = None if is_wrong.all() else np.flatnonzero(is_wrong)
    rows = _spread(off, limit)
    where, (order, names) = "", _best(problem, name, expected, rows)
    if entries is not None:
        noun = "entry" if len(entries) == 1 else "entries"
        where = f"in {noun} {list_numbers(entries.tolist())}, "
    letters = next(letters for letters, own in SIDES.items() if own == names)
    if letters == "V" and not case.is_masked and len(set(order.order.tolist()) - {case.m}) == case.m:
        letters = "V (or, the other way round, of K)"
    change = partial(_read_pages, names=names, order=order.order, entries=entries)
    said = f"{where}{order.words.format(letters)}: row j of K and of V is key j"
    route = Route(problems=(change,), said=said, tried=len(_orders(case.m)) * len(SIDES))
    return Slip("pages-misread", "keys", lambda _: [route], "", paired=False)


def _rows(name: str, array: Array, problem: Problem) -> Array | None:
    """Return a result by head, log-sum-exps as a column, or None if it has another shape."""
    if name == "output":
        return by_head(array, problem)
    if array.shape[: len(problem.lead) + 1] != (*problem.lead, problem.n):
        return None
    return array if name == "weights" else array[..., None]


def _spread(off: Array, limit: float) -> list[tuple[int, ...]]:
    """Return the worst rows (…, query) of some queries that are wrong, from the first to the last of them."""
    by_query = off.reshape(-1, off.shape[-1])
    wrong = np.flatnonzero(by_query.max(axis=0) > limit)
    chosen = wrong[np.unique(np.linspace(0, len(wrong) - 1, ROWS).round().astype(int))] if len(wrong) else wrong
    worst = by_query[:, chosen].argmax(axis=0)
    return [
        (*map(int, np.unravel_index(part, off.shape[:-1])), int(query)) if off.ndim > 1 else (int(query),)
        for part, query in zip(worst, chosen, strict=True)
    ]


def _best(
    problem: Problem, name: str, expected: Array, rows: list[tuple[int, ...]]
) -> tuple[PageOrder, tuple[str, ...]]:
    """Return the order, and the matrices that have it, that come nearest to some rows of an expected result."""
    orders = _orders(problem.m)
    taken = np.stack([own.order for own in orders])  # (ways, m)
    scores = Result(drop_masks(problem, KINDS), "numpy").scores
    seen = visible_cells(problem)
    sides = {"K": SIDES["K"]} if name != "output" else SIDES
    misfits = np.zeros((len(sides), len(orders)))
    for *entry, query in rows:
        at = tuple(entry)
        own = np.append(scores[(*at, query)], 0.0)
        powers = np.exp(own - own.max())
        for number, names in enumerate(sides.values()):
            weights = np.where(seen[(*at, query)], powers[taken] if "keys" in names else powers[:-1], 0)
            total = np.maximum(weights.sum(axis=-1, keepdims=True), np.finfo(float).tiny)
            if name == "lse":
                told = np.log(total) + own.max()
            elif name == "weights":
                told = weights / total
            else:
                told = _outputs(problem, at, weights / total, taken if "values" in names else None)
            due = expected[(*at, query)]
            misfits[number] += np.abs(told - due[: told.shape[-1]]).sum(axis=-1)
    # of K and of V, which give the same numbers without a mask, V
    side, way = np.unravel_index(int((misfits <= misfits.min() * (1 + NEAR)).argmax()), misfits.shape)
    return orders[way], tuple(sides.values())[side]


def _outputs(problem: Problem, at: tuple[int, ...], weights: Array, taken: Array | None) -> Array:
    """Return the first columns of the output of each way, (ways, columns), from weights (ways, m) or (m,) and the rows
    of V that are taken (ways, m), all in order for None."""
    assert problem.values is not None
    values = np.broadcast_to(problem.repeat_key_heads(problem.values), (*problem.lead, problem.m, problem.d_v or 0))
    own = values[at][..., :COLUMNS]
    if taken is None:
        found: Array = weights @ own
        return found
    padded = np.concatenate([own, np.zeros((1, own.shape[-1]))])
    summed: Array = np.einsum("wm,wmc->wc", np.broadcast_to(weights, taken.shape), padded[taken])
    return summed


def _read_pages(problem: Problem, names: tuple[str, ...], order: Array, entries: Array | None) -> Problem:
    """Return the problem with the rows of these matrices in another order, in these batch entries or in all."""
    found = {}
    for name in names:
        array = getattr(problem, name)
        padded = np.concatenate([array, np.zeros_like(array[..., :1, :])], axis=-2)
        found[name] = np.take(padded, order, axis=-2)
        if entries is not None:
            is_read = np.isin(np.arange(len(array)), entries).reshape(-1, *[1] * (array.ndim - 1))
            found[name] = np.where(is_read, found[name], array)
    return replace(problem, **found)  # type: ignore[arg-type]
