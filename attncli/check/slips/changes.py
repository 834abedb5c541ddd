"""The changes that slips make: to a request, to a prepared problem, or to the arithmetic after the scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from attncli.check.routes import Route
from attncli.check.sketch import sketch_result
from attncli.check.slips.case import Case, count_keys, has_mask, listed
from attncli.check.slips.gradients import is_about
from attncli.check.visible_cells import visible_cells
from attncli.errors import ProblemError
from attncli.inputs.request import dropped_with
from attncli.problem.conventions import adopt_system
from attncli.problem.problem import Visible
from attncli.problem.scaling import length_factor
from attncli.records import replace
from attncli.results.conventions import conventions_that_differ
from attncli.similarities import half_square_backward, negative_half_square
from attncli.systems import BY_NAME as SYSTEMS
from attncli.variants import VARIANTS, Variant

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

Change = Callable[["Problem"], "Problem"]
Part = TypeVar("Part")


def change_scale(request: Request, scale: str) -> Request:
    """Return the request with another scale of the raw scores."""
    return replace(request, scale=scale, length_scale=None)


def change_variant(request: Request, variant: str, scale: str | None = None) -> Request:
    """Return the request with another variant, with its own scale or the given one. A length is kept if both variants
    have one."""
    return replace(request, **{"variant": variant, "scale": scale, **dropped_with(variant)})  # type: ignore[arg-type]


def as_system(case: Case, system: str) -> list[Route]:
    """Return the routes of another system's conventions: all of them, those that the problem does not set, or some in
    between."""
    request, own = case.request, adopt_system(case.request, system)
    if request.system == system:
        return []
    said = [name for name in OWN if getattr(request, name) != getattr(own, name)]
    kept = [names for count in range(len(said) + 1) for names in combinations(said, count)]
    routes = [Route(requests=(partial(_as_system, system=system, kept=names),)) for names in kept]
    return [replace(route, said=partial(_system_said, case, system, route)) for route in routes]


def _system_said(case: Case, system: str, route: Route) -> str:
    """Return what the system computes, and which of its conventions make the difference."""
    causes = conventions_that_differ(case.problem, route.problem(case.request))
    differs = f"; it differs by {'; '.join(causes)}" if causes else ""
    return f"{case.yours} what --as {system} gives ({SYSTEMS[system].describes}){differs}"


OWN = ("variant", "mask_means", "align", "query_offset")  # settings for which a system has conventions


def _as_system(request: Request, system: str, kept: tuple[str, ...]) -> Request:
    return replace(adopt_system(request, system), **{name: getattr(request, name) for name in kept})


def length_of_dk(case: Case) -> list[Route]:
    """Return ℓ = d_k: a scale of 1/d_k for a distance, or 1/d_k² for a squared one."""
    power = case.problem.variant.length_power
    if not power:
        return []
    scale = "1/dk" if power == 1 else f"1/dk**{power}"
    return [Route(requests=(partial(change_scale, scale=scale),))]


# masks


def visible_positions(problem: Problem) -> Array:
    """Return (*lead, n, m) booleans: what causal, window and lengths allow."""
    return visible_cells(replace(problem, mask=None, bias=None))


def drop_bias(problem: Problem) -> Problem:
    """Return the problem without the numbers of the bias. What it forbids stays forbidden."""
    if problem.bias is None:
        return problem
    return replace(problem, bias=np.where(np.isneginf(problem.bias), problem.bias, 0))


def drop_forbidding(bias: Array | None) -> Array | None:
    """Return a bias without its -inf."""
    return None if bias is None else np.where(np.isneginf(bias), 0, bias)


KINDS = ("mask", "order", "lengths")
PLURALS = ("the segments", "the chunks")
MASKS_LEFT_OUT = (KINDS, *combinations(KINDS, 1))


def without_mask(case: Case, kinds: tuple[str, ...]) -> list[Route]:
    """Return the route without these kinds of masks."""
    return [Route(problems=(partial(drop_masks, kinds=kinds),))] if case.is_masked else []


def name_unmasked(case: Case, kinds: tuple[str, ...]) -> str:
    """Return which masks were left out, and how many scores only these mask, in which entries."""
    names = case.masks_of(kinds) or ["the mask"]
    seen = visible_cells(case.problem)
    hidden = visible_cells(drop_masks(case.problem, kinds)) & ~seen
    count, parts = int(hidden.sum()), hidden.reshape(-1, case.n * case.m).any(axis=1)
    where, others = "", "" if count == int((~seen).sum()) else " by nothing else"
    if case.problem.parts > 1 and not parts.all():
        first = np.unravel_index(int(np.argmax(parts)), case.problem.lead)
        where = f", the first of them in entry {', '.join(str(int(i)) for i in first)}"
    were, are = "was" if len(names) == 1 and names[0] not in PLURALS else "were", "is" if count == 1 else "are"
    return f"{listed(names)} {were} left out: {count} of the {hidden.size} scores {are} masked{others}{where}"


def drop_masks(problem: Problem, kinds: tuple[str, ...]) -> Problem:
    """Return the problem without its mask (and the -inf of a bias), its causal mask and window, or its lengths."""
    visible = problem.visible
    if "order" in kinds:
        visible = replace(visible, left=None, right=None, chunk=None)
    if "lengths" in kinds:
        visible = replace(visible, lengths=None)
    if "mask" in kinds:
        problem = replace(problem, mask=None, bias=drop_forbidding(problem.bias), segments=None)
    return replace(problem, visible=visible)


def scores_without_masks(problem: Problem) -> Array:
    """Return the scores (*lead, n, m) of all keys, whatever masks forbid."""
    return sketch_result(drop_masks(problem, KINDS)).scores


def inverted_mask(case: Case) -> list[Route]:
    """Return the routes with the mask, the order of positions, or both inverted, and with a window mirrored."""
    if not case.is_masked:
        return []
    changes: list[Change] = [invert_visible]
    mirrored = [replace(route, said=_name_mirrored(case)) for route in _with_any_empty_row(case, [mirror_window])]
    if has_mask(drop_positions(case.problem)) and not case.problem.visible.is_everything:
        changes += [invert_mask, invert_positions]
    return _with_any_empty_row(case, changes[:1]) + mirrored + _with_any_empty_row(case, changes[1:])


def _name_mirrored(case: Case) -> str:
    """Return which keys a query sees if the sides of a window, or of a causal mask, are exchanged."""
    visible = case.problem.visible
    if (visible.left, visible.right) == (None, 0):
        return f"{case.order} was turned round: a query saw the keys from its own position on, and not those before"
    seen, due = (
        f"{'all keys' if before is None else count_keys(before)} before its position and "
        f"{'all' if after is None else after} after"
        for before, after in ((visible.right, visible.left), (visible.left, visible.right))
    )
    return f"the sides of the window were exchanged: a query saw {seen}, and {due} are expected"


def invert_visible(problem: Problem) -> Problem:
    """Swap what is allowed and what is forbidden."""
    free = replace(problem, bias=drop_forbidding(problem.bias), visible=Visible(), segments=None)
    return replace(free, mask=~visible_cells(problem))


def mirror_window(problem: Problem) -> Problem:
    """Return as many keys to the right as to the left. With a causal mask, these are only the keys from the query's
    position on."""
    visible = problem.visible
    return change_visible(problem, left=visible.right, right=visible.left)


def drop_positions(problem: Problem) -> Problem:
    """Return the problem without what positions forbid."""
    return replace(problem, visible=Visible())


def invert_mask(problem: Problem) -> Problem:
    """Invert the mask, but not what positions forbid."""
    return replace(invert_visible(drop_positions(problem)), visible=problem.visible)


def invert_positions(problem: Problem) -> Problem:
    """Invert what positions forbid, but not the mask."""
    return replace(drop_positions(problem), mask=visible_cells(drop_positions(problem)) & ~visible_positions(problem))


def other_corner(case: Case) -> list[Route]:
    """Return the routes with the other corner, or with either corner if an offset was given."""
    n, m = case.n, case.m
    lengths = case.problem.visible.lengths or (m,)
    corners = dict.fromkeys([(0,), tuple(length - n for length in lengths), (m - n,)])
    return _with_any_empty_row(case, [partial(change_visible, offsets=corner) for corner in corners])


def change_visible(problem: Problem, **changes: int | tuple[int, ...] | None) -> Problem:
    """Return the problem with other positions, lengths or sides of what each query sees."""
    return replace(problem, visible=replace(problem.visible, **changes))  # type: ignore[arg-type]


ROWS = ("zeros", "uniform", "nan")  # that systems give a query without a key


def _with_any_empty_row(case: Case, changes: list[Change]) -> list[Route]:
    """Return the route of each change of the masks. If it leaves a query without a key, there is one for each system's
    empty row."""
    right, routes = visible_cells(case.problem), []
    for change in changes:
        changed = change(case.problem)
        found = visible_cells(changed)
        if np.array_equal(found, right):
            continue
        routes += with_empty_rows(case, change, (changed.conventions.empty,) if found.any(axis=-1).all() else ROWS)
    return routes


def with_empty_rows(case: Case, change: Change, rows: tuple[str, ...]) -> list[Route]:
    """Return the route of a change of the masks for each row of a query without a key, and those whose gradients follow
    from that row by the formula, as from any other."""
    routes = [Route(problems=(change, partial(fill_empty_rows, row=row))) for row in rows]
    if is_about(case):
        routes += [Route(problems=(change,)).then(weigh_empty_rows(row)) for row in rows if row in ("uniform", "nan")]
    return routes


def weigh_empty_rows(row: str) -> Route:
    """Return the route with this row of weights for a query without a key, from which gradients follow as from any."""
    return Route(problems=(_allow_nan,), reweigh=partial(_with_empty_rows, row=row))


def _allow_nan(problem: Problem) -> Problem:
    """Return the problem with gradients that may be NaN."""
    return replace(problem, is_finite=False)


def _with_empty_rows(problem: Problem, weights: Array, row: str) -> Array:
    has_key = visible_cells(problem).any(axis=-1, keepdims=True)
    return np.where(has_key, weights, {"uniform": 1 / problem.m, "nan": np.nan, "zeros": 0.0}[row])


def fill_empty_rows(problem: Problem, row: str) -> Problem:
    """Return the problem with another row for a query that has no key."""
    return replace(problem, conventions=replace(problem.conventions, empty=row))


# orientation


def swap_queries_keys(problem: Problem) -> Problem:
    """Return the problem with keys and queries swapped, without values, mask, bias and lengths that do not fit the new
    sizes."""
    if problem.key_heads is not None:  # each query head gets its own copy of the keys and values that it shares
        keys = problem.repeat_key_heads(problem.keys)
        shared = None if problem.values is None else problem.repeat_key_heads(problem.values)
        problem = replace(problem, keys=keys, values=shared, key_heads=None)
    found = replace(problem, queries=problem.keys, keys=problem.queries)
    if problem.n == problem.m:
        return found
    return replace(found, values=None, mask=None, bias=None, visible=replace(problem.visible, lengths=None))


def need(part: Part | None) -> Part:
    """Return a part of a problem.

    Raises ProblemError if an earlier slip has left none.
    """
    if part is None:
        raise ProblemError("slip", "an earlier one left nothing to change")
    return part


def need_values(problem: Problem) -> Array:
    """Return the values.

    Raises ProblemError if an earlier slip has left none.
    """
    return need(problem.values)


def transposed_keys(case: Case) -> list[Route]:
    """Return the routes with Kᵀ for K, if it is square in each head, or before the heads were split."""
    routes = [Route(problems=(_turned_keys,))] if case.m == case.d_k else []
    return routes + _turned_input(case, "keys")


def transposed_values(case: Case) -> list[Route]:
    """Return the route with Vᵀ for V, if it is square."""
    routes = [Route(problems=(_turned_values,))] if case.m == case.problem.d_v else []
    return routes + _turned_input(case, "values")


def _turned_keys(problem: Problem) -> Problem:
    return replace(problem, keys=problem.keys.mT)


def _turned_values(problem: Problem) -> Problem:
    return replace(problem, values=need_values(problem).mT)


def _turned_input(case: Case, name: str) -> list[Route]:
    if not case.problem.packed or getattr(case.request, name) is None:
        return []
    return [Route(requests=(partial(_turned, name=name),))]


def _turned(request: Request, name: str) -> Request:
    matrix = getattr(request, name)
    turned = replace(matrix, array=np.ascontiguousarray(matrix.array.mT), texts=None)
    return replace(request, **{name: turned})


# distances


def _squared(queries: Array, keys: Array) -> Array:
    return 2 * negative_half_square(queries, keys)


def _squared_backward(queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
    return half_square_backward(queries, keys, 2 * d_scores)


def _euclidean(queries: Array, keys: Array) -> Array:
    distance: Array = np.sqrt(-2 * negative_half_square(queries, keys))
    return -distance


def _euclidean_backward(queries: Array, keys: Array, d_scores: Array) -> tuple[Array, Array]:
    """Return ∓Σ dS · (q − k) / ‖q − k‖, without the pairs of equal rows, which have no direction."""
    distance = -_euclidean(queries, keys)
    return half_square_backward(
        queries, keys, np.divide(d_scores, distance, out=np.zeros_like(d_scores), where=distance > 0)
    )


_OF_POWER = {variant.length_power: variant for variant in VARIANTS}
# without bounds of their size
SQUARED = replace(
    _OF_POWER[2],
    name="squared",
    score=_squared,
    backward=_squared_backward,
    squares=1,
    bound=lambda _q, _k, _d_k: np.inf,
)
EUCLIDEAN = replace(
    _OF_POWER[1], name="euclidean", score=_euclidean, backward=_euclidean_backward, bound=lambda _q, _k, _d_k: np.inf
)


def scored(problem: Problem, variant: Variant) -> Problem:
    return replace(problem, variant=variant)


def rescaled(problem: Problem) -> Problem:
    """Return the problem with the factor that ℓ gives for such scores as its scale, if the scale comes from a length,
    and without the scale of a dot product."""
    length = problem.length_scale
    if length is None and problem.scale_text == "1/sqrt(dk)":
        return problem.with_scale(1.0)
    return problem if length is None else problem.with_scale(length_factor(problem.variant, length))


# the output


def transposed_output(case: Case) -> list[Route]:
    """Return the routes with two neighbouring axes of the output swapped, and with the same numbers in the expected
    shape."""
    shape = case.problem.shapes().get("output", ())
    routes = []
    for axes in ((-1, -2), (-2, -3)):
        if "output" in case.judges and len(shape) >= -axes[1]:
            routes += [Route(present=partial(_exchanged, axes=axes, shape=to)) for to in (None, shape)]
    return routes


def _exchanged(name: str, array: Array, axes: tuple[int, int], shape: tuple[int, ...] | None) -> Array:
    if name != "output":
        return array
    turned = np.swapaxes(array, *axes)
    return turned if shape is None else turned.reshape(shape)
