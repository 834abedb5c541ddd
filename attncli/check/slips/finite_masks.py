"""Masks of a finite number where −inf is due: masked keys keep a part of the weight."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.mask_changes import KINDS, drop_masks, scores_without_masks
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

DEEP = 1e4
DEPTHS = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1e3, 1e4, 1e9)  # that people take for infinite


def _lowered(problem: Problem, depth: float) -> Problem:
    """Return the problem in which a mask takes `depth` from a score."""
    free = drop_masks(problem, KINDS)
    taken = np.where(visible_cells(problem), 0, -depth)
    return replace(free, bias=taken if free.bias is None else free.bias + taken)


def _lowered_often(problem: Problem, depth: float) -> Problem:
    """Return the problem in which each mask that hides a key takes `depth` from its score."""
    free = drop_masks(problem, KINDS)
    each = [visible_cells(drop_masks(problem, tuple(kind for kind in KINDS if kind != own))) for own in KINDS]
    taken: Array = -depth * np.sum([~seen for seen in each], axis=0)
    return replace(free, bias=taken if free.bias is None else free.bias + taken)


def _added_up(case: Case) -> list[Route]:
    """Return the routes in which the finite numbers of two masks add up, so that a query with no key sees those that
    one mask hides. Depths are far below any other score."""
    if not case.is_masked or sum(bool(case.masks_of((kind,))) for kind in KINDS) < 2:
        return []
    said = (
        f"the masks were finite numbers that add up, such as −{DEEP:g}: a key that two masks hide counts less than one "
        "that one mask hides, which a query with no key saw"
    )
    return [Route(problems=(partial(_lowered_often, depth=DEEP),), said=said)]


def _replaced(problem: Problem, depth: float) -> Array:
    return np.where(visible_cells(problem), scores_without_masks(problem), -depth)


def _finite(case: Case) -> list[Route]:
    """Return the routes with a number added to the masked scores, or in their place."""
    if not case.is_masked:
        return []
    routes = []
    cap, scale = case.problem.softcap, case.problem.scale
    scaled = {scale * depth: f", as {depth:g} before the scale" for depth in DEPTHS if scale * depth not in DEPTHS}
    for depth in dict.fromkeys((*DEPTHS, cap or DEPTHS[0], *scaled)):
        lowered = Route(problems=(partial(_lowered, depth=depth),))
        replaced = Route(score=partial(_replaced, depth=depth))
        why = ", as by a softcap after the mask" if depth == cap else scaled.get(depth, "")
        routes += [
            replace(lowered, said=partial(_tell, case, lowered, f"lowered by {depth:g}{scaled.get(depth, '')}")),
            replace(replaced, said=partial(_tell, case, replaced, f"set to −{depth:g}{why}")),
        ]
    return routes


@np.errstate(all="ignore")
def _fitted(case: Case) -> list[Route]:
    """Return the routes with a number added to the masked scores, or in their place, as the wrong weights give it."""
    judge, problem = case.judges.get("weights"), case.problem
    if judge is None or "weights" not in case.wrong or not case.is_masked or problem.sink is not None:
        return []
    seen, weights = visible_cells(problem), judge.expected
    if weights.shape != seen.shape or not (weights > 0).all():
        return []
    scores = scores_without_masks(problem)
    best = np.where(seen, weights, 0).argmax(axis=-1)[..., None]  # of which the digits tell most
    base = np.take_along_axis(scores - np.log(weights), best, axis=-1)
    hidden = np.where(seen, 0, weights)
    at = np.unravel_index(int(hidden.argmax()), hidden.shape)
    score = float((base + np.log(weights))[at])
    ways = {score: "set to", score - float(scores[at]): "lowered by"}
    routes = []
    for number, words in ways.items():
        for decimals in (0, 1, 2):
            depth = -round(number, decimals)
            if depth <= 0 or depth in DEPTHS:
                continue
            if words == "set to":
                route, told = Route(score=partial(_replaced, depth=depth)), f"set to −{depth:g}"
            else:
                route, told = Route(problems=(partial(_lowered, depth=depth),)), f"lowered by {depth:g}"
            routes.append(replace(route, said=partial(_tell, case, route, told)))
    return routes


def _tell(case: Case, route: Route, done: str) -> str:
    """Return what was done to the masked scores, and the largest weight that one of these keys keeps."""
    weights = route.numbers(case.request, ["weights"])["weights"]
    kept = np.where(visible_cells(case.problem), 0, weights)
    at = ", ".join(str(int(place)) for place in np.unravel_index(int(kept.argmax()), kept.shape))
    return f"masked scores were {done}, and −inf is expected: a masked key keeps the weight {kept.max():.6g}, at [{at}]"


FINITE_SLIPS = (
    Slip("mask-finite", "mask", _added_up, "the masks add up", paired=False),
    Slip(
        "mask-finite",
        "mask",
        _finite,
        "the mask was a finite number",
        paired=False,
        is_slight=True,
        passes_easily=True,
    ),
    Slip(
        "mask-finite",
        "mask",
        _fitted,
        "the mask was a finite number",
        paired=False,
        fitted=1,
        is_late=True,
    ),
)
