"""Masks left out, inverted or aligned otherwise, and the rows of queries without a key."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.sketch import sketch_result
from attncli.check.slips.case import Case, count_keys, has_mask, listed
from attncli.check.slips.changes import Change
from attncli.check.slips.gradients import is_about
from attncli.check.visible_cells import visible_cells
from attncli.problem.problem import Visible
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


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
