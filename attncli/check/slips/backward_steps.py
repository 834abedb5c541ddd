"""Steps of the backward pass that were taken otherwise: another derivative of the softmax or of the softcap, a factor,
sums over a tile."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case, listed
from attncli.check.slips.changes import need
from attncli.check.slips.gradients import LETTERS, Grade, is_about, weights_of, with_backward, with_d_scores
from attncli.check.slips.slip import Slip
from attncli.check.slips.softmaxes import ONE_BLOCK
from attncli.check.slips.tiles import sizes_of_tiles
from attncli.inputs.request import GRADIENT_NAMES
from attncli.records import replace
from attncli.results.gradients import Gradients
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

LEAST_HALVED = 4  # keys or queries of which a half is tried as a tile
SUMMED = ("d_queries", "d_keys", "d_values")  # over keys or queries
NEAR = 1e-4  # relative distance of a named or short factor from the fitted one


# the softmax


def _row_sum(weights: Array, d_weights: Array) -> Array:
    total: Array = (weights * d_weights).sum(axis=-1, keepdims=True)
    return total


SOFTMAXES: dict[str, Callable[[Array, Array], Array]] = {
    "dS is P ∘ (1 − P) ∘ dP, of the derivative of each weight by its own score": lambda p, dp: p * (1 - p) * dp,
    "the plain mean of dP was subtracted": lambda p, dp: p * (dp - dp.mean(axis=-1, keepdims=True)),
    "the row sum of dP, without P, was subtracted": lambda p, dp: p * (dp - dp.sum(axis=-1, keepdims=True)),
    "the row sum of P ∘ dP was added": lambda p, dp: p * (dp + _row_sum(p, dp)),
    "the row sum of P ∘ dP was subtracted after the product with P": lambda p, dp: p * dp - _row_sum(p, dp),
    "P was multiplied twice": lambda p, dp: p * p * (dp - _row_sum(p, dp)),
    "P was left out": lambda p, dp: np.where(p > 0, dp - _row_sum(p, dp), 0),
    "dS is dP, without the derivative of the softmax": lambda p, dp: np.where(p > 0, dp, 0),
}
ACROSS: dict[str, Callable[[Array, Array], Array]] = {  # queries
    "the sum of P ∘ dP over the queries, by column, was subtracted": lambda p, dp: (
        p * (dp - (p * dp).sum(axis=-2, keepdims=True))
    ),
    "the row sum of query j was subtracted for key j": lambda p, dp: p * (dp - _row_sum(p, dp).mT),
}


def _by_tile(weights: Array, d_weights: Array, size: int) -> Array:
    """Return dS with the row sums of each tile of keys subtracted in that tile only."""
    products = weights * d_weights
    sums = np.add.reduceat(products, np.arange(0, products.shape[-1], size), axis=-1)
    found: Array = products - weights * np.repeat(sums, size, axis=-1)[..., : products.shape[-1]]
    return found


def _times_sum(weights: Array, d_weights: Array, factor: float) -> Array:
    found: Array = weights * (d_weights - factor * _row_sum(weights, d_weights))
    return found


def _factors_of_sums(case: Case) -> list[tuple[float, str]]:
    scale = case.problem.scale
    found = [(math.log(2), "log 2"), (math.log2(math.e), "log₂ e"), (0.5, "a half"), (2.0, "twice")]
    return found if scale in (0, 1) else [(scale, "the scale"), (1 / scale, "1 over the scale"), *found]


def _other_softmaxes(case: Case) -> list[Route]:
    """Return the routes with another derivative of the softmax."""
    if not is_about(case) or not case.problem.normalizer.sums_to_one:
        return []
    ways = dict(SOFTMAXES)
    if case.n == case.m <= ONE_BLOCK:
        ways |= ACROSS
    named: dict[float, list[str]] = {}
    for factor, words in _factors_of_sums(case):
        named.setdefault(factor, []).append(words)
    ways |= {
        f"the row sum of P ∘ dP was multiplied by {factor:.6g}, {', or '.join(words)}": partial(
            _times_sum, factor=factor
        )
        for factor, words in named.items()
    }
    for size in sizes_of_tiles(case.m):
        words = f"the row sum of P ∘ dP over each tile of {size} keys was subtracted in that tile"
        ways[words] = partial(_by_tile, size=size)
    return [
        Route(
            problems=(partial(_with_softmax, backward=backward),),
            said=f"{words}: dS = P ∘ (dP − row sum of P ∘ dP) is expected",
        )
        for words, backward in ways.items()
    ]


def _with_softmax(problem: Problem, backward: Callable[[Array, Array], Array]) -> Problem:
    return replace(problem, normalizer=replace(problem.normalizer, backward=backward))


# factors


def _factors(case: Case) -> list[Route]:
    """Return the route in which each wrong gradient is the right one times a number that fits."""
    wrong = [name for name in case.wrong if name in GRADIENT_NAMES]
    if not wrong or len(wrong) < len(case.wrong):
        return []
    result = Result(case.problem, "numpy")
    factors = {}
    for name in wrong:
        right, expected = result.array(name), case.judges[name].expected
        size = float((right**2).sum())
        if right.shape != expected.shape or right.size < 2 or size == 0 or not np.isfinite(expected).all():
            return []
        room = 2 * case.judges[name].unit / math.sqrt(size)  # what the rounding of all cells may add
        factors[name] = _round(float((right * expected).sum()) / size, case, room)
    scale = case.problem.scale
    if not all(factors.values()) or all(
        math.isclose(factor * scale, 1) for factor in factors.values()
    ):  # a slip of its own
        return []
    by_factor: dict[float, list[str]] = {}
    for name, factor in factors.items():
        by_factor.setdefault(factor, []).append(LETTERS.get(name, name))
    told = [
        f"{listed(names)} {'was' if len(names) == 1 else 'were'} multiplied by {factor:.6g}{_name(factor, case)}"
        for factor, names in by_factor.items()
    ]
    return [Route(regrade=partial(_times, factors=factors), said=f"{'; '.join(told)}: no factor is expected")]


def _named(case: Case) -> list[tuple[float, str]]:
    factors = [
        (-1.0, "the sign"),
        (case.problem.scale, "the scale once more"),
        (1 / (case.problem.scale or 1), "1 over the scale"),
        (math.log(2), "log 2, as for powers of 2"),
        (math.log2(math.e), "log₂ e, as for powers of 2"),
        (1 / case.n, "1 over the number of queries"),
        (1 / case.m, "1 over the number of keys"),
        (float(case.heads), "the number of heads"),
        (1 / case.heads, "1 over the number of heads"),
        (case.heads / case.problem.parts, "1 over the number of entries"),
        *([] if case.problem.dropout_mask is None else [(1 - case.problem.dropout, "1 − p of dropout")]),
        *([] if (cap := case.problem.softcap) is None else [(cap, "the softcap"), (1 / cap, "1 over the softcap")]),
    ]
    return [(factor, words) for factor, words in factors if factor != 1]


def _name(factor: float, case: Case) -> str:
    words = [words for other, words in _named(case) if math.isclose(factor, other)]
    return f" ({', or '.join(words)})" if words else ""


def _round(factor: float, case: Case, room: float) -> float:
    """Return the named or short number near a fitted factor, as near as the `room` of its fit, or the factor."""
    named = (other for other, _ in _named(case))
    short = (float(f"{factor:.{digits}g}") for digits in range(1, 4))
    near = (each for each in (*named, *short) if math.isclose(factor, each, rel_tol=NEAR, abs_tol=room))
    return next(near, factor)


def _times(_own: Gradients, name: str, grade: Grade, factors: dict[str, float]) -> Array:
    return factors.get(name, 1.0) * grade(name)


# sums over tiles


def _single_tiles(case: Case) -> list[Route]:
    """Return the routes in which the sums over keys (of dQ) or over queries (of dK and dV) are those of one tile, leave
    one out, or count it twice."""
    routes = []
    if is_about(case, "d_queries") and not is_about(case, "d_keys", "d_values"):
        for words, kept in _tiles(case.m, "keys"):
            said = f"dQ is the sum over {words}: over all {case.m} keys it is expected"
            routes.append(Route(problems=(partial(_queries_of, kept=kept),), said=said))
    elif is_about(case, "d_keys", "d_values") and not is_about(case, "d_queries"):
        wrong = listed([LETTERS[name] for name in ("d_keys", "d_values") if name in case.wrong])
        for words, kept in _tiles(case.n, "queries"):
            verb = "are sums" if " and " in wrong else "is the sum"
            said = f"{wrong} {verb} over {words}: all {case.n} queries are expected"
            regrade = partial(_keys_of, kept=kept, names=tuple(case.wrong))
            routes.append(Route(regrade=regrade, said=said))
    return routes


def _tiles(count: int, noun: str) -> list[tuple[str, Array]]:
    """Return the first and the last tile of each size, alone, left out and counted twice, in words and as the number
    of times that each place counts."""
    places, alone, left_out, twice = np.arange(count), [], [], []
    one = {"keys": "key", "queries": "query"}[noun]
    sizes = sizes_of_tiles(count)
    if count > LEAST_HALVED and count // 2 not in sizes:
        sizes.append(count // 2)
    for size in sizes:
        last = (count - 1) // size * size
        for start, stop in ((0, size), (last, count)):
            inside = (places >= start) & (places < stop)
            named = f"{noun} {start} to {stop - 1}" if stop - start > 1 else f"{one} {start}"
            alone.append((f"{named} only", 1 * inside))
            left_out.append((f"all {noun} but {named}", 1 - inside))
            twice.append((f"all {noun}, {named} twice", 1 + inside))
    return alone + left_out + twice


def _queries_of(problem: Problem, kept: Array) -> Problem:
    def backward(queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
        part = np.where(kept, kept * d_scores, 0)
        return problem.variant.backward(queries, keys, part)[0], problem.variant.backward(queries, keys, d_scores)[1]

    return with_backward(problem, backward)


def _keys_of(own: Gradients, name: str, grade: Grade, kept: Array, names: tuple[str, ...]) -> Array:
    if name not in names:
        return grade(name)
    arriving = np.where(kept[:, None], kept[:, None] * own.d_output, 0)
    return Gradients(replace(own.problem, d_output=arriving), "numpy", own.weights).array(name)


def _diagonal_tiles(case: Case) -> list[Route]:
    """Return the routes in which the sums of gradients are those of the tile on the diagonal only, or lack it."""
    if case.n > ONE_BLOCK or len(set(case.problem.visible.offsets)) > 1 or not case.problem.normalizer.sums_to_one:
        return []
    names = tuple(name for name in case.wrong if name in SUMMED)
    if len(names) < len(case.wrong) or not is_about(case):
        return []
    wrong = listed([LETTERS[name] for name in names])
    verb = "are sums" if " and " in wrong else "is the sum"
    positions = np.arange(case.n)[:, None] + case.problem.visible.offsets[0]
    sizes = dict.fromkeys([*sizes_of_tiles(max(case.n, case.m)), *(case.m // parts for parts in (2, 4, 8))])
    routes = []
    for size in (size for size in sizes if 1 < size < case.m):
        own = positions // size == np.arange(case.m) // size
        ways = {f"of the same tile of {size} only": own, f"of other tiles of {size} only": ~own}
        routes += [
            Route(
                regrade=partial(_of_cells, kept=kept, names=names),
                said=f"{wrong} {verb} over queries and keys {words}: all that see each other are expected",
            )
            for words, kept in ways.items()
        ]
    return routes


def _of_cells(own: Gradients, name: str, grade: Grade, kept: Array, names: tuple[str, ...]) -> Array:
    """Return a gradient of these cells of the weights, or of the gradients of the scores."""
    if name not in names:
        return grade(name)
    problem = own.problem
    if name == "d_values":
        return Gradients(problem, "numpy", weights_of(own) * kept).array(name)
    right = problem.normalizer.backward
    return Gradients(_with_softmax(problem, lambda p, dp: right(p, dp) * kept), "numpy", own.weights).array(name)


# exponentials and the softcap


def _undivided(case: Case) -> list[Route]:
    """Return the routes with dV of exponentials that are not divided by their sum."""
    if not is_about(case, "d_values") or not case.problem.normalizer.sums_to_one:
        return []
    return [
        Route(
            regrade=partial(_of_powers, is_shifted=is_shifted), said=f"dV is of {words}, without dividing by their sum"
        )
        for is_shifted, words in ((True, "e^(score − the largest of its row)"), (False, "e^score"))
    ]


@np.errstate(all="ignore")
def _of_powers(own: Gradients, name: str, grade: Grade, *, is_shifted: bool) -> Array:
    if name != "d_values":
        return grade(name)
    problem = own.problem
    result = Result(problem, "numpy").compute("weights", "lse")
    weights = result.weights
    largest = weights.max(axis=-1, keepdims=True)
    powers = weights / largest if is_shifted else weights * np.exp(result.lse)[..., None]
    return Gradients(problem, "numpy", np.where(largest > 0, powers, 0)).array(name)


def _uncapped(case: Case) -> list[Route]:
    return [] if case.problem.softcap is None or not is_about(case) else [Route(regrade=_without_cap)]


def _without_cap(own: Gradients, name: str, _grade: Grade) -> Array:
    return Gradients(replace(own.problem, softcap=None), "numpy", weights_of(own)).array(name)


CAP_DERIVATIVES: dict[str, Callable[[Array, float], Array]] = {  # of the scores before the softcap over it, and of it
    "1 − tanh": lambda over, _cap: 1 - np.tanh(over),
    "1 + tanh²": lambda over, _cap: 1 + np.tanh(over) ** 2,
    "1 − (softcap · tanh)²": lambda over, cap: 1 - (cap * np.tanh(over)) ** 2,
    "1 − (score/softcap)², without tanh": lambda over, _cap: 1 - over**2,
}


def _capped_otherwise(case: Case) -> list[Route]:
    """Return the routes with another derivative of the softcap."""
    problem = case.problem
    if problem.softcap is None or not is_about(case) or problem.conventions.softcap_after_bias:
        return []
    return [
        Route(
            regrade=partial(_with_cap, derivative=derivative),
            said=f"the derivative of the softcap was taken as {words}: 1 − tanh² is expected",
        )
        for words, derivative in CAP_DERIVATIVES.items()
    ]


@np.errstate(all="ignore")
def _with_cap(own: Gradients, name: str, grade: Grade, derivative: Callable[[Array, float], Array]) -> Array:
    if name not in ("d_queries", "d_keys"):
        return grade(name)
    cap = need(own.problem.softcap)
    raw = Result(own.problem, "numpy").raw_scores * own.problem.scales
    return with_d_scores(own, own.array("d_scores") * derivative(raw / cap, cap)).array(name)


BACKWARD_SLIPS = (
    Slip("row-sum-other", "gradient softmax", _other_softmaxes, "the softmax has another derivative", paired=False),
    Slip("grad-of-tiles", "gradient", _single_tiles, "sums are of some tiles", paired=False),
    Slip("grad-of-tiles", "gradient", _diagonal_tiles, "sums are of tiles on the diagonal", paired=False),
    Slip("grad-not-divided", "gradient", _undivided, "the exponentials were not divided", paired=False),
    Slip(
        "grad-no-softcap",
        "gradient",
        _uncapped,
        "the derivative of the softcap, 1 − tanh², was left out on the way back",
        paired=False,
    ),
    Slip("grad-softcap-other", "gradient", _capped_otherwise, "the softcap has another derivative", paired=False),
)
FACTOR_SLIPS = (Slip("grad-factor", "gradient scale", _factors, "a factor was applied", fitted=3, paired=False),)
