"""Numbers for an exercise that can be worked by hand: small and whole, with scores that neither tie nor saturate."""

from __future__ import annotations

import math
import random

import numpy as np

from attncli.errors import UsageError
from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.records import record
from attncli.results.result import Result
from attncli.variants import BY_NAME, DEFAULT

RANGES = (range(-2, 4), range(-1, 3), range(3), range(-1, 2))  # ranges for Q and K, tried in turn
AVERAGED = range(10)  # range for V
LEAST, MOST = 0.004, 0.9  # of a weight: a key that is negligible, or that takes everything, teaches nothing
TRIES, QUERIES_AT_ONCE = 400, 300
AT_MOST = {"--queries": 8, "--keys": 8, "--dk": 16, "--dv": 8, "--heads": 4, "--count": 500}


@record(kw_only=True)
class Sizes:
    """n queries and m keys of d_k numbers, and values of d_v. With several `heads`, each has d_k and d_v."""

    n: int = 2
    m: int = 3
    d_k: int = 4
    d_v: int = 2
    heads: int = 1


@record
class Exercise:
    """Matrices of whole numbers: queries (n, heads·d_k), keys (m, heads·d_k), values (m, heads·d_v)."""

    number: int
    sizes: Sizes
    variant: str
    causal: bool
    queries: np.ndarray
    keys: np.ndarray
    values: np.ndarray


def check_sizes(sizes: Sizes, count: int) -> None:
    """Raise UsageError if a worksheet would be too long to work by hand, or if √d_k is not a whole number."""
    asked = {
        "--queries": sizes.n, "--keys": sizes.m, "--dk": sizes.d_k, "--dv": sizes.d_v,
        "--heads": sizes.heads, "--count": count,
    }  # fmt: skip
    for option, number in asked.items():
        if not 1 <= number <= AT_MOST[option]:
            raise UsageError(option, f"{number} is not between 1 and {AT_MOST[option]}")
    if math.isqrt(sizes.d_k) ** 2 != sizes.d_k:
        raise UsageError("--dk", f"{sizes.d_k} is not a square, so √d_k is not a whole number", "1, 4, 9 or 16")


def make_exercise(seed: int, number: int, sizes: Sizes, variant: str | None, causal: bool) -> Exercise:
    """Return exercise `number` of a seed, with the same numbers every time.

    Raises UsageError if no suitable numbers are found.
    """
    name = variant or DEFAULT
    source = random.Random(f"{seed}/{number}/{sizes.n}/{sizes.m}/{sizes.d_k}/{sizes.d_v}/{name}/{causal}")
    found = [_make_head(source, sizes, name, causal) for _ in range(sizes.heads)]
    queries, keys, values = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
    return Exercise(number, sizes, name, causal, queries, keys, values)


def _make_head(source: random.Random, sizes: Sizes, variant: str, causal: bool) -> tuple[np.ndarray, ...]:
    """Return queries, keys and values of one head."""
    for attempt in range(TRIES):
        numbers = RANGES[attempt % len(RANGES)]
        keys = _draw_keys(source, numbers, sizes, variant)
        queries = None if keys is None else _draw_queries(source, numbers, keys, sizes, variant, causal)
        if keys is not None and queries is not None:
            return queries, keys, _draw_values(source, sizes)
    raise UsageError("attncli exercise", "no small whole numbers give scores apart from each other", "fewer --keys")


def _draw_keys(source: random.Random, numbers: range, sizes: Sizes, variant: str) -> np.ndarray | None:
    """Return m different keys, or None if too few were drawn."""
    drawn = _draw(source, numbers, 20 * sizes.m, sizes.d_k)
    return _first_apart(drawn[_may_be_compared(drawn, variant)], sizes.m)


def _draw_queries(
    source: random.Random, numbers: range, keys: np.ndarray, sizes: Sizes, variant: str, causal: bool
) -> np.ndarray | None:
    """Return n queries whose scores differ and whose weights are neither negligible nor close to 1, or None if too few
    are found."""
    found: list[np.ndarray] = []
    for i in range(sizes.n):
        drawn = _draw(source, numbers, QUERIES_AT_ONCE, sizes.d_k)
        drawn = drawn[_may_be_compared(drawn, variant)]
        friendly = drawn[_are_friendly(drawn, keys[: i + 1] if causal else keys, variant)]
        new = [query for query in friendly if not any((query == other).all() for other in found)]
        if not new:
            return None
        found.append(new[0])
    return np.array(found)


def _draw_values(source: random.Random, sizes: Sizes) -> np.ndarray:
    """Return m values, all different if there are enough."""
    drawn = _draw(source, AVERAGED, 20 * sizes.m, sizes.d_v)
    apart = _first_apart(drawn, sizes.m)
    return drawn[: sizes.m] if apart is None else apart


def _draw(source: random.Random, numbers: range, rows: int, columns: int) -> np.ndarray:
    return np.array([[source.choice(numbers) for _ in range(columns)] for _ in range(rows)])


def _first_apart(rows: np.ndarray, count: int) -> np.ndarray | None:
    """Return the first `count` different rows, or None if there are fewer."""
    firsts = np.sort(np.unique(rows, axis=0, return_index=True)[1])[:count]
    return rows[firsts] if len(firsts) == count else None


def _may_be_compared(rows: np.ndarray, variant: str) -> np.ndarray:
    """Return (rows,) booleans: not all zeros and, if the score divides by lengths, of integer length."""
    squares = (rows * rows).sum(axis=1)
    has_lengths = BY_NAME[variant].prepare is not None
    allowed = [square > 0 and (not has_lengths or math.isqrt(square) ** 2 == square) for square in squares.tolist()]
    return np.array(allowed, np.bool_)


def _are_friendly(queries: np.ndarray, keys: np.ndarray, variant: str) -> np.ndarray:
    """Return (n,) booleans: the scores of the query differ, and no weight is too small or too large."""
    if len(keys) == 1 or BY_NAME[variant].is_constant or len(queries) == 0:
        return np.ones(len(queries), np.bool_)
    request = Request(queries=Matrix(queries, "queries"), keys=Matrix(keys, "keys"), variant=variant)
    result = Result(prepare(request))
    are_apart = (np.diff(np.sort(result.scores, axis=1), axis=1) > 1e-9).all(axis=1)
    weights = result.weights
    friendly: np.ndarray = are_apart & (weights.min(axis=1) >= LEAST) & (weights.max(axis=1) <= MOST)
    return friendly
