"""The rounding bound of a problem too large to move each input by itself: one feature of all rows is moved at a time.

The results of a query depend on its own row of Q and on all of K and V, so moving one feature of every row together
shows the effect of each. If Q, K and V are projected, their entries are assumed to move independently within |h_x||w| +
|x||h_w|, which is larger than necessary. No corner is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.check.routes import weigh_values
from attncli.inputs.request import MATRIX_NAMES, rows_behind
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.problem.projections import resolve_projections
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.check.routes import Route
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem

Array = np.ndarray
PROJECTED = ("x", "context", "values_context", "w_q", "w_k", "w_v", "b_q", "b_k", "b_v")


def bound_of(route: Route, request: Request, numbers: dict[str, Array], halves: dict[str, Array], name: str) -> Array:
    """Return the bound of each cell of a result, or infinity, which explains nothing, for another route."""
    if route.softmax != "keys" or route.scale_after or route.weigh is not None or route.present is not None:
        return np.full(numbers[name].shape, np.inf)
    problem, moves = route.problem(request), _moves(route, request, halves)
    result = Result(problem, "numpy")
    cells = [_part_bound(problem, moves, result, number, name) for number in range(problem.parts)]
    bound = np.stack(cells).reshape(*problem.lead, *cells[0].shape)
    if name != "output" or not (problem.packed or problem.output_projection):
        return bound
    carrier = replace(problem, key_heads=None, values=bound)
    if problem.output_projection is not None:
        carrier = replace(carrier, output_projection=(np.abs(problem.output_projection[0]), None))
    bound = weigh_values(carrier, np.broadcast_to(np.eye(problem.n), (*problem.lead, problem.n, problem.n)))
    if "w_o" in halves:
        bound = bound + np.abs(weigh_values(replace(problem, output_projection=None), result.weights)) @ halves["w_o"]
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
    by_query, by_key = _effects(problem, part.queries, part.keys, moved.queries, moved.keys)
    if name != "raw_scores":
        scale = problem.scale_at(part.head)
        by_query, by_key = [scale * each for each in by_query], np.abs(scale) * by_key
        if moved.bias is not None:
            by_key = by_key + moved.bias
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
            bound = bound + weights * np.abs(each - (weights * each).sum(axis=1, keepdims=True))
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


def _effects(problem: Problem, queries: Array, keys: Array, dq: Array, dk: Array) -> tuple[list[Array], Array]:
    """Return the signed effect of moving each feature of the queries on the raw scores, and the sum of |effect| of the
    keys' features."""
    ready: Callable[[Array], Array] = problem.variant.prepare or (lambda rows: rows)
    score = problem.variant.score
    by_query, by_key = [], np.zeros((len(queries), len(keys)))
    fixed_queries, fixed_keys = ready(queries), ready(keys)
    for a in range(queries.shape[1]):
        step = np.zeros_like(queries)
        step[:, a] = dq[:, a]
        if step.any():
            by_query.append((score(ready(queries + step), fixed_keys) - score(ready(queries - step), fixed_keys)) / 2)
        step = np.zeros_like(keys)
        step[:, a] = dk[:, a]
        if step.any():
            by_key += np.abs(score(fixed_queries, ready(keys + step)) - score(fixed_queries, ready(keys - step))) / 2
    return by_query, by_key
