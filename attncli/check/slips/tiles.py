"""Slips of kernels that take the keys in tiles: keys left out or counted twice, and running sums that are not
rescaled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.records import replace
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

TILES = (2, 4, 8, 16, 32, 64, 128, 256, 512)  # keys that kernels take at once
MOST_TILES = 16  # of a size that is tried
FEW = 12  # keys of which every run of neighbours is tried


def sizes_of_tiles(count: int) -> list[int]:
    """Return the sizes of tiles that so many keys or queries may have been taken in."""
    return [size for size in TILES if size < count <= MOST_TILES * size]


def _sizes(case: Case) -> list[int]:
    return sizes_of_tiles(case.m)


def _runs(case: Case) -> list[range]:
    """Return the runs of neighbouring keys that may be left out or counted twice: the first or last key, a half, single
    tiles, all keys before or after the border of one, and of few keys every run."""
    m = case.m
    borders = {(0, 1), (m - 1, m), *((0, half) for half in (m // 2, -(-m // 2)))}
    borders |= {(stop, m) for _, stop in borders}
    borders |= {(start, min(start + size, m)) for size in _sizes(case) for start in range(0, m, size)}
    borders |= {pair for start, _ in borders for pair in ((0, start), (start, m))}
    if m <= FEW:
        borders |= set(combinations(range(m + 1), 2))
    return [range(*pair) for pair in sorted(borders) if 0 < pair[1] - pair[0] < m]


def _named(keys: range, m: int) -> str:
    """Return "key 4 of 8 was" or "keys 4 to 7 of 8 were"."""
    return f"key {keys[0]} of {m} was" if len(keys) == 1 else f"keys {keys[0]} to {keys[-1]} of {m} were"


def _counts(m: int, keys: range, count: float) -> Array:
    counts = np.ones(m)
    counts[keys] = count
    return counts


def _count(problem: Problem, weights: Array, counts: Array) -> Array:
    """Return the weights if key j counts counts[j] times. A sink keeps its part of the sum."""
    taken = weights * counts
    total = taken.sum(axis=-1, keepdims=True)
    if problem.sink is not None:
        total = total + 1 - weights.sum(axis=-1, keepdims=True)
    return np.where(total > 0, taken / np.where(total > 0, total, 1), 0)


def _weigh_keys(problem: Problem, counts: Array) -> Problem:
    """Return the problem in which key j counts counts[j] times, in the log-sum-exps too."""
    with np.errstate(divide="ignore"):
        added = np.broadcast_to(np.log(counts), (*problem.lead, problem.n, problem.m))
    return replace(problem, bias=added if problem.bias is None else problem.bias + added)


def _counted(case: Case, counts: Array, said: str) -> Route:
    """Return the route in which key j counts counts[j] times."""
    is_told = "lse" in case.wrong and not case.has_stage("softcap")
    if is_told:
        return Route(problems=(partial(_weigh_keys, counts=counts),), said=said)
    return Route(reweigh=partial(_count, counts=counts), said=said)


def _is_softmax(case: Case) -> bool:
    problem = case.problem
    return problem.normalizer is SOFTMAX and problem.dropout_mask is None and problem.top_k is None


def _left_out(case: Case) -> list[Route]:
    """Return the routes without some keys, in the softmax and the weighted sum or only in the sum."""
    if not _is_softmax(case):
        return []
    routes = []
    for keys in _runs(case):
        counts, named = _counts(case.m, keys, 0), _named(keys, case.m)
        them = "it" if len(keys) == 1 else "them"
        said = f"{named} left out, as if no query saw {them}"
        routes.append(_counted(case, counts, said))
        if "output" in case.wrong:
            said = f"{named} left out of the weighted sum, though the softmax counts {them}"
            routes.append(Route(weigh=partial(np.multiply, counts), said=said))
    return routes


def _counted_again(case: Case) -> Iterator[tuple[Array, str]]:
    """Yield how often each key counts, and what was done: a tile read twice, and ways to fill the last tile."""
    m = case.m
    for size in _sizes(case):
        begins = m // size * size
        if begins < m:
            keys = range(m - size, begins)
            yield _counts(m, keys, 2), f"{_named(keys, m)} counted twice, by a last tile of {size} keys up to the end"
            times = 1 + size - (m - begins)
            last = f"{_named(range(m - 1, m), m)} counted {times} times"
            yield _counts(m, range(m - 1, m), times), f"{last}, by a last tile of {size} keys that repeats it"
    for keys in _runs(case):
        yield _counts(m, keys, 2), f"{_named(keys, m)} counted twice"


def _twice(case: Case) -> list[Route]:
    if not _is_softmax(case):
        return []
    return [_counted(case, counts, f"{said}: each counts once") for counts, said in _counted_again(case)]


# running sums


def _largest_so_far(weights: Array, size: int) -> Array:
    """Return the largest score up to each tile (…, tiles), but for a number for each row."""
    with np.errstate(all="ignore"):
        scores = np.log(weights)
    firsts = range(0, weights.shape[-1], size)
    largest = [scores[..., first : first + size].max(axis=-1, keepdims=True) for first in firsts]
    return np.maximum.accumulate(np.concatenate(largest, axis=-1), axis=-1)


def _by_key(factors: Array, size: int, m: int) -> Array:
    """Return the factor of each key from that of its tile."""
    found: Array = np.repeat(factors, size, axis=-1)[..., :m]
    return found


@np.errstate(all="ignore")
def _unlowered(weights: Array, size: int, at: int | None, times: float = 1) -> Array:
    """Return by how much each key counts too much if the sums so far are not rescaled by e^(old maximum − new one) at
    each new tile, or only at tile `at`, or by that factor to the power 1 − `times`."""
    running = _largest_so_far(weights, size)
    if at is None:
        lifts = np.exp(running[..., -1:] - running)
    else:
        step = np.exp(running[..., at, None] - running[..., at - 1, None])
        lifts = np.where(np.arange(running.shape[-1]) < at, step, 1)
    return _by_key(lifts**times, size, weights.shape[-1])


@np.errstate(all="ignore")
def _lowered_too(weights: Array, size: int, first: float) -> Array:
    """Return how much each key counts if a tile is added to the sums before these are rescaled, which lowers it by its
    own factor too: the `first` one to nothing, from −∞, or not at all."""
    running = _largest_so_far(weights, size)
    lowered = np.exp(running[..., :-1] - running[..., 1:])
    return _by_key(np.concatenate([np.full_like(running[..., :1], first), lowered], axis=-1), size, weights.shape[-1])


def _with_factors(problem: Problem, weights: Array, factors: Callable[[Array], Array], sums: tuple[str, ...]) -> Array:
    """Return the weights if keys count by these factors in the running output, the running sum, or both."""
    changed = np.where(weights > 0, weights * factors(weights), 0)
    total = weights.sum(axis=-1, keepdims=True)
    rest = 1 - total if problem.sink is not None else 0.0
    total = (changed.sum(axis=-1, keepdims=True) if "sum" in sums else total) + rest
    return np.where(total > 0, (changed if "output" in sums else weights) / np.where(total > 0, total, 1), 0)


SUMS = (
    (("output", "sum"), "the output and the sum so far were"),
    (("output",), "the output so far was"),
    (("sum",), "the sum so far was"),
)


DUE = "e^(old maximum − new one) is expected"
RESCALED = {  # by the power of e^(new maximum − old one) that is too much
    2: "divided by e^(old maximum − new one) {}: multiplied is expected",
    -1: "rescaled by e^(old maximum − new one) twice {}: once is expected",
    1 - math.log(2): f"rescaled by 2^(old maximum − new one) {{}}: {DUE}",
    1 - math.log2(math.e): f"rescaled by e^(old maximum − new one) of scores over log 2, for powers of 2, {{}}: {DUE}",
}


def _running(case: Case) -> list[Route]:
    """Return the routes in which running sums are not rescaled, rescaled by another factor, or too late."""
    if not _is_softmax(case):
        return []
    ways: list[tuple[Callable[[Array], Array], str]] = []
    for size in _sizes(case):
        firsts = range(size, case.m, size)
        places: list[tuple[int | None, str]] = [(None, f"each tile of {size} keys")]
        if len(firsts) > 1:
            places += [(first // size, _tile_of(first, size, case.m)) for first in firsts]
        ways += [
            (partial(_unlowered, size=size, at=at), f"not rescaled by e^(old maximum − new one) at {where}")
            for at, where in places
        ]
    for times, said in RESCALED.items():
        ways += [
            (partial(_unlowered, size=size, at=None, times=times), said.format(f"at each tile of {size} keys"))
            for size in _sizes(case)
        ]
    ways += [
        (
            partial(_lowered_too, size=size, first=first),
            f"rescaled after each {_name_step(size)} was added: the sums before it are, not its own",
        )
        for size in (1, *_sizes(case))
        for first in (1.0, 0.0)
    ]
    return [
        Route(reweigh=partial(_with_factors, factors=factors, sums=sums), said=f"{words} {said}")
        for factors, said in ways
        for sums, words in SUMS
    ]


def _tile_of(first: int, size: int, m: int) -> str:
    last = min(first + size, m) - 1
    return f"the tile of key {first}" if first == last else f"the tile of keys {first} to {last}"


def _over_part(_problem: Problem, weights: Array, keys: range) -> Array:
    total = weights[..., keys.start : keys.stop].sum(axis=-1, keepdims=True)
    return np.where(total > 0, weights / np.where(total > 0, total, 1), 0)


def _over_tile(case: Case) -> list[Route]:
    """Return the routes with exponentials over the sum of those of the last or the first tile only."""
    if not _is_softmax(case) or case.problem.sink is not None:
        return []
    m = case.m
    parts = [keys for size in _sizes(case) for keys in (range((m - 1) // size * size, m), range(size))]
    return [
        Route(
            reweigh=partial(_over_part, keys=keys),
            said=f"the exponentials were divided by the sum of those of {_tile_of(keys[0], len(keys), m)} only",
        )
        for keys in parts
    ]


@np.errstate(all="ignore")
def _divided_often(_problem: Problem, weights: Array, size: int, is_once_more: bool) -> Array:
    """Return the weights if what is summed so far is divided by the sum of the exponentials so far at each tile."""
    m = weights.shape[-1]
    firsts = range(0, m, size)
    tiles = [weights[..., first : first + size] for first in firsts]
    largest = np.concatenate([tile.max(axis=-1, keepdims=True) for tile in tiles], axis=-1)
    sums = np.concatenate([tile.sum(axis=-1, keepdims=True) for tile in tiles], axis=-1)
    running = np.maximum.accumulate(largest, axis=-1)
    # of e^(score − largest so far)
    totals = np.cumsum(sums, axis=-1) / np.where(running > 0, running, 1)
    divisors = np.where(totals > 0, totals, 1)
    product = np.cumprod(divisors[..., ::-1], axis=-1)[..., ::-1]  # of a tile's own divisor and all later ones
    if is_once_more:
        product = product * divisors[..., -1:]
    most = running[..., -1:]
    found: Array = weights / np.where(most > 0, most, 1) / np.repeat(product, size, axis=-1)[..., :m]
    return found


def _often(case: Case) -> list[Route]:
    if not _is_softmax(case) or case.problem.sink is not None:
        return []
    return [
        Route(
            reweigh=partial(_divided_often, size=size, is_once_more=is_once_more),
            said=(
                f"the output so far was divided by the sum so far at each {_name_step(size)}"
                f"{' and once more at the end' if is_once_more else ''}: it is divided once, at the end"
            ),
        )
        for size in (1, *_sizes(case))
        for is_once_more in (False, True)
    ]


def _name_step(size: int) -> str:
    return "key" if size == 1 else f"tile of {size} keys"


def _slip(name: str, routes: Callable[[Case], list[Route]], said: str) -> Slip:
    return Slip(name, "weights", routes, said, paired=False, passes_easily=True)


TILE_SLIPS = (
    _slip("keys-left-out", _left_out, "keys were left out"),
    _slip("keys-counted-twice", _twice, "keys were counted twice"),
    _slip("no-rescale", _running, "running sums were not rescaled"),
    _slip("sum-of-one-tile", _over_tile, "the sum is that of one tile"),
    _slip("divided-at-each-tile", _often, "the output was divided at each tile"),
)
