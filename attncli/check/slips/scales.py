"""Other scales of the raw scores that have a name."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from attncli.check.routes import Route
from attncli.check.sketch import sketch_result
from attncli.check.slips.case import Case, scaling
from attncli.check.slips.slip import Slip
from attncli.matrix import Array
from attncli.problem.problem import Problem
from attncli.records import replace

ROOT_DECIMALS = 4  # of √d_k, beyond which a rounding shows in no usual print
COLUMNS = (8, 16, 32, 64, 128)  # that kernels take at once
LEAST_QUERIES = 3  # that show how a factor grows: with two it is a factor of one of them


def with_scale(problem: Problem, scale: float) -> Problem:
    """Return the problem with another scale, whatever the variant."""
    return problem.with_scale(scale)


def named_factors(case: Case) -> list[tuple[float, str]]:
    """Return factors that may be mistaken for the scale, with their names."""
    d_k, n, m, d_v, own = case.d_k, case.n, case.m, case.problem.d_v, case.problem.scale
    found = [
        (math.sqrt(d_k), "√d_k"),
        (float(d_k), "d_k"),
        (1 / math.sqrt(n), "1/√n, n being the number of queries"),
        (1 / math.sqrt(m), "1/√m, m being the number of keys"),
        (1 / n, "1/n, n being the number of queries"),
        (1 / m, "1/m, m being the number of keys"),
    ]
    if d_v is not None:
        found.append((1 / math.sqrt(d_v), "1/√d_v, d_v being the columns of V"))
    found += [(1 / math.sqrt(size), f"1/√{size}, of {d_k} columns padded to {size}") for size in _padded(d_k)]
    found += [(d_k**-0.25, "1/√√d_k, the scale of one of Q and K")]
    found += [(own * own, "the scale twice"), (2 * own, "twice the scale"), (own / 2, "half of the scale")]
    found += [(2 / d_k, "1 over half of d_k, as if that were √d_k")]
    found += [(-own, "the scale with the other sign"), (1 / d_k**2, "1/d_k²"), (math.log(m) * own, "log m · scale")]
    found += [(own * math.log2(math.e), "log₂ e · scale, as for powers of 2")]
    found += [(own * math.log(10), "log 10 · scale, as for powers of 10")]
    if own not in (0, 1):
        found.append((1 / own, "1 over the scale"))
    ratio = own * math.sqrt(d_k)  # to the usual scale, as of YaRN's factor of Q and of K
    if own > 0 and not math.isclose(ratio, 1):
        found += [
            (own * ratio, f"{ratio:.6g}²/√d_k, with the factor {ratio:.6g} twice"),
            (own / math.sqrt(ratio), f"√{ratio:.6g}/√d_k, with its factor on one of Q and K only"),
        ]
    if (cap := case.problem.softcap) is not None:
        found += [(own * cap, "the scale times the softcap"), (own / cap, "the scale over the softcap")]
    known = [own, 1.0, 1 / d_k, 1 / math.sqrt(d_k)]  # those that have slips of their own
    kept: list[tuple[float, str]] = []
    for factor, name in found:
        if any(math.isclose(factor, other) for other in known) or not math.isfinite(factor):
            continue
        same = next((place for place, (other, _) in enumerate(kept) if math.isclose(factor, other)), None)
        if same is None:
            kept.append((factor, name))
        else:
            kept[same] = (kept[same][0], f"{kept[same][1]}, or {name}")
    return kept


def _padded(d_k: int) -> list[int]:
    """Return the numbers of columns to which kernels fill up d_k columns: whole multiples, and a power of 2."""
    sizes = {-(-d_k // multiple) * multiple for multiple in COLUMNS} | {1 << (d_k - 1).bit_length()}
    return sorted(size for size in sizes if size > d_k)


def describe_factor(case: Case, factor: float, name: str = "") -> str:
    """Return which factor the raw scores were multiplied by, and which is expected."""
    called = f" ({name})" if name else ""
    taken = f"the raw scores {case.score} were multiplied by {factor:.6g}{called}"
    if (
        not name
        and factor != float(f"{factor:.3g}")
        and math.isclose(1 / factor, divisor := float(f"{1 / factor:.3g}"))
    ):
        taken = f"the raw scores {case.score} were divided by {divisor:.3g}"
    if name == "√d_k" and case.problem.scale_text == "1/sqrt(dk)":
        return f"{taken}: they are divided by it"
    return f"{taken}: {scaling(case)}"


def _named(case: Case) -> list[Route]:
    return [
        Route(problems=(partial(with_scale, scale=factor),), said=describe_factor(case, factor, name))
        for factor, name in named_factors(case)
    ]


def _over_rounded_roots(case: Case) -> list[Route]:
    """Return the routes with √d_k rounded, or cut off, to few decimals."""
    root = math.sqrt(case.d_k)
    if case.problem.scale_text != "1/sqrt(dk)" or root == int(root) or not case.problem.variant.is_dot:
        return []
    taken: dict[float, str] = {}
    for decimals in range(ROOT_DECIMALS + 1):
        digits = f"{decimals} decimal{'' if decimals == 1 else 's'}" if decimals else "a whole number"
        for number, how in (
            (round(root, decimals), "rounded"),
            (math.floor(root * 10**decimals) / 10**decimals, "cut"),
        ):
            taken.setdefault(number, f"√d_k = {root:.{max(decimals + 2, 4)}f} {how} to {digits}")
    return [
        Route(
            problems=(partial(with_scale, scale=1 / number),),
            said=f"the raw scores {case.score} were divided by {number:.12g}, {words}: take more digits of it",
        )
        for number, words in taken.items()
        if number != 1  # which leaves the scores unscaled
    ]


def _over_heads(case: Case) -> list[Route]:
    if not case.problem.lead or case.problem.lead[-1] < 2:
        return []
    heads = case.problem.lead[-1]
    own = case.problem.scale
    factors = [
        (1 / math.sqrt(heads), f"1/√{heads}, of {heads} heads"),
        (own * math.sqrt(heads), f"the scale · √{heads}, of all heads"),
        (own / heads, f"the scale / {heads}, of all heads"),
    ]
    return [
        Route(problems=(partial(with_scale, scale=factor),), said=describe_factor(case, factor, name))
        for factor, name in factors
        if not math.isclose(factor, own)
    ]


POSITION_FACTORS: dict[str, Callable[[Array], Array]] = {  # of the positions of queries, counted from 1
    "log(p + 1)": np.log,
    "log(p + 2)": lambda place: np.log(place + 1),
    "√(p + 1)": np.sqrt,
    "1/√(p + 1)": lambda place: place**-0.5,
    "p + 1": lambda place: place,
    "1/(p + 1)": lambda place: 1 / place,
}


def _by_position(case: Case) -> list[Route]:
    """Return the routes with scores that are multiplied by a number that grows, or falls, with the query's position.

    Where the scores of one or two queries differ from key to key, such a number is another scale of one of them.
    """
    problem = case.problem
    offsets, has_stage = problem.visible.offsets, case.has_stage("softcap", "bias", "slopes", "row_norm")
    if len(offsets) > 1 or offsets[0] < 0 or has_stage or not problem.variant.is_product:
        return []
    if _count_telling(problem) < LEAST_QUERIES:
        return []
    place = (np.arange(case.n) + offsets[0] + 1.0)[:, None]
    return [
        Route(
            problems=(partial(_times_rows, factors=factor(place)),),
            said=f"the scores of the query at position p were multiplied by {words} too: {scaling(case)} only",
        )
        for words, factor in POSITION_FACTORS.items()
    ]


def _count_telling(problem: Problem) -> int:
    """Return how many queries have scores that differ from key to key, so that a scale changes their weights."""
    scores = sketch_result(problem).scores
    is_seen = np.isfinite(scores)
    spread = np.where(is_seen, scores, -np.inf).max(axis=-1) - np.where(is_seen, scores, np.inf).min(axis=-1)
    return int((spread > 0).reshape(-1, problem.n).any(axis=0).sum())


def _times_rows(problem: Problem, factors: Array) -> Problem:
    return replace(problem, queries=factors * problem.queries)


SCALE_SLIPS = (
    Slip("scale-sqrt-heads", "scale", _over_heads, scaling),
    Slip("scale-other", "scale", _named, scaling, paired=False),
    Slip("scale-other", "scale", _over_rounded_roots, scaling, paired=False, is_slight=True, passes_easily=True),
    Slip("scale-by-position", "scale", _by_position, scaling, paired=False, passes_easily=True),
)
