"""What a slip changes: a request, a problem that was prepared, or the arithmetic behind the scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from attncli.assumed import wholly
from attncli.check.case import Case
from attncli.check.routes import Route
from attncli.problem import Visible
from attncli.variants import BY_NAME, negative_half_square

if TYPE_CHECKING:
    from attncli.problem import Problem
    from attncli.request import Request

Array = np.ndarray
Change = Callable[["Problem"], "Problem"]


def rescaled(request: Request, scale: str) -> Request:
    """Another scale on the raw scores."""
    return replace(request, scale=scale, length_scale=None)


def of_variant(request: Request, variant: str, scale: str | None = None) -> Request:
    """Another variant with its own scale, or with the one given; a length stays where both have one."""
    length = request.length_scale if BY_NAME[variant].has_length and scale is None else None
    return replace(request, variant=variant, scale=scale, length_scale=length)


def as_system(case: Case, system: str) -> list[Route]:
    """Another system's conventions: all of them, or those that the problem says nothing about, or some between."""
    request, own = case.request, wholly(case.request, system)
    if request.system == system:
        return []
    said = [name for name in OWN if getattr(request, name) is not None and getattr(own, name) is None]
    kept = [names for count in range(len(said) + 1) for names in combinations(said, count)]
    return [Route(requests=(partial(_as_system, system=system, kept=names),)) for names in kept]


OWN = ("variant", "mask_means", "align", "query_offset")  # settings that a system has conventions for


def _as_system(request: Request, system: str, kept: tuple[str, ...]) -> Request:
    return replace(wholly(request, system), **{name: getattr(request, name) for name in kept})


def length_of_dk(case: Case) -> list[Route]:
    """ℓ = d_k: 1/d_k for a distance, 1/d_k² for a squared one."""
    if not case.problem.variant.has_length:
        return []
    scale = "1/dk**2" if "²" in case.problem.variant.default_scale else "1/dk"
    return [Route(requests=(partial(rescaled, scale=scale),))]


# masks


def seen_by_position(problem: Problem) -> Array:
    """(*lead, n, m) booleans: what causal, window and lengths allow."""
    found = np.ones((*problem.lead, problem.n, problem.m), np.bool_)
    columns = np.arange(problem.m)
    for number in range(problem.parts):
        index = problem.index(number)
        starts, stops = problem.visible.interval(index[0] if index else 0, np.arange(problem.n), problem.m)
        found[index] = (columns >= starts[:, None]) & (columns < stops[:, None])
    return found


def freed(problem: Problem, mask: bool, order: bool, lengths: bool) -> Problem:
    """Without its mask (and the -inf of a bias), its causal mask and window, its lengths."""
    visible = problem.visible
    if order:
        visible = replace(visible, left=None, right=None)
    if lengths:
        visible = replace(visible, lengths=None)
    bias = problem.bias
    if mask and bias is not None:
        bias = np.where(np.isneginf(bias), 0, bias)
    return replace(problem, mask=None if mask else problem.mask, bias=bias, visible=visible)


def without_mask(case: Case) -> list[Route]:
    """All masks left out, or one kind alone."""
    if not case.is_masked:
        return []
    problem = case.problem
    kinds = {
        "mask": problem.mask is not None or problem.bias is not None,
        "order": problem.visible.left is not None or problem.visible.right is not None,
        "lengths": problem.visible.lengths is not None,
    }
    ways = [dict.fromkeys(kinds, True)]
    if sum(kinds.values()) > 1:
        ways += [{kind: kind == alone for kind in kinds} for alone, there in kinds.items() if there]
    return [Route(problems=(partial(_freed_of, kinds=tuple(way.items())),)) for way in ways]


def _freed_of(problem: Problem, kinds: tuple[tuple[str, bool], ...]) -> Problem:
    way = dict(kinds)
    return freed(problem, way["mask"], way["order"], way["lengths"])


def inverted(problem: Problem, *, mask: bool, order: bool) -> Problem:
    """What the mask, or the order of positions, allows turned into what it forbids."""
    explicit, bias = problem.mask, problem.bias
    if mask and bias is not None and np.isneginf(bias).any():
        forbidden = np.isneginf(bias)
        explicit = forbidden if explicit is None else ~(explicit & ~forbidden)
        bias = np.where(forbidden, 0, bias)
    elif mask and explicit is not None:
        explicit = ~explicit
    if not order:
        return replace(problem, mask=explicit, bias=bias)
    turned = ~seen_by_position(problem)
    combined = turned if explicit is None else turned & explicit
    return replace(problem, mask=combined, bias=bias, visible=Visible())


def all_inverted(problem: Problem) -> Problem:
    """Everything that may be attended to forbidden, and the rest allowed."""
    seen = seen_by_position(problem)
    if problem.mask is not None:
        seen &= problem.mask
    bias = problem.bias
    if bias is not None:
        seen &= ~np.isneginf(bias)
        bias = np.where(np.isneginf(bias), 0, bias)
    return replace(problem, mask=~seen, bias=bias, visible=Visible())


def looking_ahead(problem: Problem) -> Problem:
    """Only keys j ≥ p: the upper triangle with its diagonal."""
    return replace(problem, visible=replace(problem.visible, left=0, right=None))


def with_empty(problem: Problem, row: str) -> Problem:
    """Another row for a query that has no key."""
    return replace(problem, conventions=replace(problem.conventions, empty=row))


def inverted_mask(case: Case) -> list[Route]:
    """The mask turned round, the order of positions, or both."""
    problem = case.problem
    changes: list[Change] = []
    has_bias = problem.bias is not None and bool(np.isneginf(problem.bias).any())
    has_mask = problem.mask is not None or has_bias
    has_order = not problem.visible.is_everything
    if has_mask:
        changes.append(partial(inverted, mask=True, order=False))
    if has_order:
        changes.append(partial(inverted, mask=False, order=True))
        if problem.visible.right == 0 and problem.visible.left is None:
            changes.append(looking_ahead)
    if has_mask and has_order:
        changes.append(all_inverted)
    return _with_any_empty_row(case, changes)


def other_corner(case: Case) -> list[Route]:
    """The other corner; where an offset was given, either."""
    problem, visible = case.problem, case.problem.visible
    if visible.left is None and visible.right is None:
        return []
    lengths = visible.lengths or (problem.m,)
    corners = [(0,), tuple(length - problem.n for length in lengths), (problem.m - problem.n,)]
    others = [corner for corner in dict.fromkeys(corners) if corner != visible.offsets]
    return _with_any_empty_row(case, [partial(_aligned, offsets=corner) for corner in others])


def _aligned(problem: Problem, offsets: tuple[int, ...]) -> Problem:
    return replace(problem, visible=replace(problem.visible, offsets=offsets))


def _with_any_empty_row(case: Case, changes: list[Change]) -> list[Route]:
    """Each change; where it leaves a query without a key, with each row that systems give such a query."""
    routes = []
    for change in changes:
        changed = change(case.problem)
        seen = seen_by_position(changed)
        if changed.mask is not None:
            seen &= changed.mask
        routes.append(Route(problems=(change,)))
        if not seen.any(axis=-1).all():
            others = [row for row in ("zeros", "uniform", "nan") if row != changed.conventions.empty]
            routes += [Route(problems=(change, partial(with_empty, row=row))) for row in others]
    return routes


# orientation


def swapped(case: Case) -> list[Route]:
    """The keys asking the queries; with values, masks or positions only where there are as many of both."""
    problem = case.problem
    if problem.n != problem.m and (case.is_masked or problem.bias is not None):
        return []
    return [Route(problems=(_swapped,))]


def _swapped(problem: Problem) -> Problem:
    if problem.key_heads is not None:  # each query head with its own copy of the keys and values that it shares
        heads = [problem.key_head(head) for head in range(problem.lead[-1])]
        keys = np.take(problem.keys, heads, axis=-3)
        shared = None if problem.values is None else np.take(problem.values, heads, axis=-3)
        problem = replace(problem, keys=keys, values=shared, key_heads=None)
    values = problem.values if problem.n == problem.m else None
    return replace(problem, queries=problem.keys, keys=problem.queries, values=values)


def transposed_keys(case: Case) -> list[Route]:
    """Kᵀ for K, where it is square: in each head, or before the heads were split."""
    routes = [Route(problems=(_turned_keys,))] if case.m == case.d_k else []
    return routes + _turned_input(case, "keys")


def transposed_values(case: Case) -> list[Route]:
    """Vᵀ for V, where it is square."""
    routes = [Route(problems=(_turned_values,))] if case.m == case.problem.d_v else []
    return routes + _turned_input(case, "values")


def _turned_keys(problem: Problem) -> Problem:
    return replace(problem, keys=problem.keys.mT)


def _turned_values(problem: Problem) -> Problem:
    assert problem.values is not None
    return replace(problem, values=problem.values.mT)


def _turned_input(case: Case, name: str) -> list[Route]:
    matrix = getattr(case.request, name)
    if not case.problem.packed or matrix is None or matrix.array.shape[-1] != matrix.array.shape[-2]:
        return []
    return [Route(requests=(partial(_turned, name=name),))]


def _turned(request: Request, name: str) -> Request:
    matrix = getattr(request, name)
    turned = replace(matrix, array=np.ascontiguousarray(matrix.array.mT), texts=None)
    return replace(request, **{name: turned})


# distances


def _squared(queries: Array, keys: Array) -> Array:
    return 2 * negative_half_square(queries, keys)


def _euclidean(queries: Array, keys: Array) -> Array:
    distance: Array = np.sqrt(-2 * negative_half_square(queries, keys))
    return -distance


def _scored(problem: Problem, name: str, score: Callable[[Array, Array], Array], power: int | None) -> Problem:
    """Another distance; `power` of 1/ℓ as the scale, None the scale as it is."""
    squares = lambda q, k, d_k: 2 * (q + k) ** 2 * d_k + (q + k) * d_k  # noqa: E731 - a bound for either
    variant = replace(problem.variant, name=name, score=score, bound=squares)
    scale = problem.scale if power is None or problem.length_scale is None else problem.length_scale**-power
    return replace(problem, variant=variant, scale=scale)


def squared_distance(case: Case) -> list[Route]:
    """−‖q − k‖₂² with the scale as it is, or with 1/ℓ²."""
    return _other_distance(case, "squared", _squared, 2)


def euclidean_distance(case: Case) -> list[Route]:
    """−‖q − k‖₂ with the scale as it is, or with 1/ℓ."""
    return _other_distance(case, "euclidean", _euclidean, 1)


def _other_distance(case: Case, name: str, score: Callable[[Array, Array], Array], power: int) -> list[Route]:
    if not case.problem.variant.has_length:
        return []
    powers = [None] if case.problem.length_scale in (None, 1.0) else [None, power]
    return [Route(problems=(partial(_scored, name=name, score=score, power=each),)) for each in powers]


# rounding

ROUNDINGS = (1, 2, 3, 4)  # decimals that weights are rounded to by hand


def rounded_weights(case: Case) -> list[Route]:
    """The printed weights times V; where none are given, the right ones rounded to a few decimals."""
    if "output" not in case.judges or case.problem.values is None:
        return []
    printed = case.judges.get("weights")
    if printed is None:
        return [Route(weigh=partial(_rounded, decimals=decimals)) for decimals in ROUNDINGS]
    shape = case.problem.shapes()["weights"]
    if printed.expected.shape != shape or not np.isfinite(printed.expected).all():
        return []
    return [Route(weigh=partial(_replaced, printed=printed.expected))]


def _rounded(weights: Array, decimals: int) -> Array:
    return np.round(weights, decimals)


def _replaced(weights: Array, printed: Array) -> Array:
    del weights
    return printed


def rounded_sentence(case: Case) -> str:
    if "weights" in case.judges:
        return "your output is the weights as they are printed times V: multiply V by the weights in full"
    return "your output is the weights, rounded first, times V: multiply V by the weights in full"
