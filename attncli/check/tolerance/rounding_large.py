"""The rounding bound of a problem too large to move each input by itself: one feature of all rows is moved at a time.

The results of a query depend on its own row of Q and on all of K and V, so moving one feature of every row together
shows the effect of each. If Q, K and V are projected, their entries are assumed to move independently within |h_x||w| +
|x||h_w|, which is larger than necessary. No corner is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.check.blocks import rows_of
from attncli.check.routes import weigh_values
from attncli.inputs.request import MATRIX_NAMES, rows_behind
from attncli.matrix import Array, Matrix
from attncli.problem.prepare import prepare
from attncli.problem.projections import resolve_projections
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.check.blocks import Index
    from attncli.check.routes import Route
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem

PROJECTED = ("x", "context", "values_context", "w_q", "w_k", "w_v", "b_q", "b_k", "b_v")


class LargeMovement:
    """The bounds of the results of a route through a request, of whose inputs `halves` are half a unit of the last
    digit."""

    def __init__(self, route: Route, request: Request, halves: dict[str, Array]) -> None:
        self.route, self.request, self.halves = route, request, halves
        own = (route.weigh, route.score, route.reweigh, route.present)
        self.is_known = route.softmax == "keys" and not route.scale_after and all(each is None for each in own)
        self.problem = route.problem(request)
        self.moves = _moves(route, request, halves) if self.is_known else self.problem

    def bound(self, name: str, where: Index = (...,)) -> Array:
        """Return the bound of each cell of a block of a result (by default, of all), or infinity, which explains
        nothing, for another route than softmax over the keys."""
        rows = rows_of(where, self.problem.n)
        problem, moves, halves = self.problem.take_rows(rows), self.moves.take_rows(rows), self.halves
        if not self.is_known:
            return np.full(problem.shapes()[name], np.inf)
        result = Result(problem, "numpy")
        cells = [_part_bound(problem, moves, result, number, name) for number in range(problem.parts)]
        bound = np.stack(cells).reshape(*problem.lead, *cells[0].shape)
        if name != "output" or not (problem.packed or problem.output_projection):
            return bound
        carrier = replace(problem, key_heads=None, values=bound)
        if problem.output_projection is not None:
            carrier = replace(carrier, output_projection=(np.abs(problem.output_projection[0]), None))
        alone = np.broadcast_to(np.eye(problem.n), (*problem.lead, problem.n, problem.n))
        bound = weigh_values(carrier, alone, self.route.join)
        if "w_o" in halves:
            joined = weigh_values(replace(problem, output_projection=None), result.weights, self.route.join)
            bound = bound + np.abs(joined) @ halves["w_o"]
        return bound + halves["b_o"].reshape(-1) if "b_o" in halves else bound


def _moves(route: Route, request: Request, halves: dict[str, Array]) -> Problem:
    """Return how far each entry of Q, K, V and the bias may move, in the layout of the problem."""
    request = route.change_request(request)
    found: dict[str, Any] = {}
    for letter, name in (("q", "queries"), ("k", "keys"), ("v", "values")):
        half = _half(request, halves, letter, name)
        if half is not None:
            found[name] = Matrix(half, name)
    nothing: dict[str, Any] = dict.fromkeys(PROJECTED)
    found["bias"] = Matrix(halves["bias"], "bias") if "bias" in halves else None
    bare = replace(request, **nothing, mask=None, v_a=None, variant=None, system=None)
    bare = replace(bare, length_scale=None, scale="1", labels=type(request.labels)(), **found)
    return route.change_problem(prepare(bare, compute="float64"))


def _half(request: Request, halves: dict[str, Array], letter: str, name: str) -> Array | None:
    given = {each: getattr(request, each) for each in MATRIX_NAMES}
    if request.x is None:
        matrix = given[name]
        return None if matrix is None else halves.get(name, np.zeros(matrix.array.shape))
    if given[f"w_{letter}"] is None:
        return None
    rows = rows_behind(request, name)
    x, w = np.abs(given[rows].array), np.abs(given[f"w_{letter}"].array)
    moved: Array = halves.get(rows, 0 * x) @ w + x @ halves.get(f"w_{letter}", 0 * w)
    if f"b_{letter}" in halves:
        moved = moved + halves[f"b_{letter}"].reshape(-1)
    assert moved.shape == getattr(resolve_projections(request), name).array.shape
    return moved


def _part_bound(problem: Problem, moves: Problem, result: Result, number: int, name: str) -> Array:
    """Return the bound of one head's cells."""
    index, part, moved = problem.index(number), problem.part(number), moves.part(number)
    own_scale = 1.0 if name == "raw_scores" else problem.scale_at(part.head)
    by_key = np.abs(own_scale) * _effect_of_keys(problem, part.queries, part.keys, moved.keys)
    if name != "raw_scores" and moved.bias is not None:
        by_key = by_key + moved.bias
    by_query = (own_scale * each for each in _effects_of_queries(problem, part.queries, part.keys, moved.queries))
    if name in ("raw_scores", "scores"):
        direct: Array = sum((np.abs(each) for each in by_query), start=by_key)
        return direct
    weights = result.weights[index]
    if name == "lse":
        line: Array = (weights * by_key).sum(axis=1)
        for each in by_query:
            line = line + np.abs((weights * each).sum(axis=1))
        return line
    if name == "weights":
        mean = (weights * by_key).sum(axis=1, keepdims=True)
        bound: Array = weights * ((1 - 2 * weights) * by_key + mean)
        for each in by_query:
            bound += weights * np.abs(each - (weights * each).sum(axis=1, keepdims=True))
        return bound
    assert part.values is not None
    assert moved.values is not None
    output = weights @ part.values
    bound = weights @ moved.values
    for c in range(part.values.shape[1]):
        bound[:, c] += (weights * by_key * np.abs(part.values[:, c] - output[:, c, None])).sum(axis=1)
    for each in by_query:
        pull = weights * each
        bound += np.abs(pull @ part.values - pull.sum(axis=1, keepdims=True) * output)
    return bound


def _effects_of_queries(problem: Problem, queries: Array, keys: Array, dq: Array) -> Iterator[Array]:
    """Yield the signed effect of moving each feature of the queries on the raw scores (n, m)."""
    score, ready = problem.variant.score, problem.variant.prepare or (lambda rows: rows)
    for a in np.flatnonzero(dq.any(axis=0)):
        if problem.variant.is_dot:  # linear in each feature
            yield dq[:, a, None] * keys[None, :, a]
            continue
        step = np.zeros_like(queries)
        step[:, a] = dq[:, a]
        yield (score(ready(queries + step), ready(keys)) - score(ready(queries - step), ready(keys))) / 2


def _effect_of_keys(problem: Problem, queries: Array, keys: Array, dk: Array) -> Array:
    """Return the sum of |effect| on the raw scores (n, m) of moving each feature of the keys."""
    if problem.variant.is_dot:
        product: Array = np.abs(queries) @ dk.T
        return product
    score, ready = problem.variant.score, problem.variant.prepare or (lambda rows: rows)
    found = np.zeros((len(queries), len(keys)))
    for a in np.flatnonzero(dk.any(axis=0)):
        step = np.zeros_like(keys)
        step[:, a] = dk[:, a]
        found += np.abs(score(ready(queries), ready(keys + step)) - score(ready(queries), ready(keys - step))) / 2
    return found
