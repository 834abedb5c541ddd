"""Pages of keys and values that were read from another place, as by a wrong block table, or not written at all."""

from __future__ import annotations

from functools import partial
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.changes import KINDS, drop_masks
from attncli.check.slips.heads import by_head
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.records import record, replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

PAGES = (4, 8, 16, 32, 64, 128, 256)  # keys that caches and tiles keep together
MOST_PAGES = 16  # of a size that is tried
MOST_KEYS = 1024
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
    return found


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
    if not is_plain or problem.values is None or "output" not in case.judges or not PAGES[0] < case.m <= MOST_KEYS:
        return None
    right = by_head(Result(problem, "numpy").array("output"), problem)
    expected = by_head(case.judges["output"].expected, problem)
    if right is None or expected is None or right.shape != expected.shape or not np.isfinite(expected).all():
        return None
    off = np.abs(expected - right).max(axis=-1)  # (*lead, n)
    limit = SMALL * float(np.abs(right).max(initial=0))
    entries = None
    if len(problem.lead) > 1 and problem.keys.shape[0] == problem.lead[0]:
        is_wrong = off.reshape(problem.lead[0], -1).max(axis=-1) > limit
        entries = None if is_wrong.all() else np.flatnonzero(is_wrong)
    rows = _spread(off, limit)
    where, (order, names) = "", _best(problem, expected, rows)
    if entries is not None:
        noun = "entry" if len(entries) == 1 else "entries"
        where = f"in {noun} {list_numbers(entries.tolist())}, "
    letters = next(letters for letters, own in SIDES.items() if own == names)
    if letters == "V" and not case.is_masked and len(set(order.order.tolist()) - {case.m}) == case.m:
        letters = "V (or, the other way round, of K)"
    change = partial(_read_pages, names=names, order=order.order, entries=entries)
    said = f"{where}{order.words.format(letters)}: row j of K and of V is key j"
    route = Route(problems=(change,), said=said, tried=len(_orders(case.m)) * len(SIDES))
    return Slip("pages-misread", "keys", lambda _: [route], lambda _: "", paired=False)


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


def _best(problem: Problem, expected: Array, rows: list[tuple[int, ...]]) -> tuple[PageOrder, tuple[str, ...]]:
    """Return the order, and the matrices that have it, that come nearest to some rows of the expected output."""
    assert problem.values is not None
    orders = _orders(problem.m)
    taken = np.stack([own.order for own in orders])  # (ways, m)
    scores = Result(drop_masks(problem, KINDS), "numpy").scores
    seen = visible_cells(problem)
    values = np.broadcast_to(problem.repeat_key_heads(problem.values), (*problem.lead, problem.m, problem.d_v or 0))[
        ..., :COLUMNS
    ]
    misfits = np.zeros((len(SIDES), len(orders)))
    for *entry, query in rows:
        at = tuple(entry)
        own = np.append(scores[(*at, query)], 0.0)
        powers = np.exp(own - own.max())
        padded = np.concatenate([values[at], np.zeros((1, values.shape[-1]))])
        allowed = seen[(*at, query)]
        for number, names in enumerate(SIDES.values()):
            weights = np.where(allowed, powers[taken] if "keys" in names else powers[:-1], 0)
            weights = weights / np.maximum(weights.sum(axis=-1, keepdims=True), np.finfo(float).tiny)
            if "values" in names:
                output = np.einsum("wm,wmc->wc", np.broadcast_to(weights, taken.shape), padded[taken])
            else:
                output = weights @ values[at]
            misfits[number] += np.abs(output - expected[(*at, query)][:COLUMNS]).sum(axis=-1)
    # of K and of V, which give the same numbers without a mask, V
    side, way = np.unravel_index(int((misfits <= misfits.min() * (1 + NEAR)).argmax()), misfits.shape)
    return orders[way], tuple(SIDES.values())[side]


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
