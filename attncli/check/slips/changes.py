"""The changes that slips of several families make: another scale, variant or system, and matrices that are turned."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.errors import ProblemError
from attncli.inputs.request import dropped_with
from attncli.problem.conventions import adopt_system
from attncli.records import replace
from attncli.results.conventions import conventions_that_differ
from attncli.systems import BY_NAME as SYSTEMS

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
