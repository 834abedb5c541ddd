"""Projections that are left out or transposed, and queries or keys that replace each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case, listed
from attncli.check.slips.slip import Slip
from attncli.inputs.request import rows_behind
from attncli.matrix import Matrix
from attncli.problem.heads import pack_heads
from attncli.problem.problem import Problem
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.inputs.request import Request

ROLES = {"q": "queries", "k": "keys", "v": "values"}
PROJECTED = {"q": "Q", "k": "K", "v": "V", "o": "the output"}
SETS = (("q",), ("k",), ("v",), ("o",), ("q", "k"), ("q", "k", "v"), ("q", "k", "v", "o"))


def _drop_projections(request: Request, letters: tuple[str, ...]) -> Request:
    changes: dict[str, Matrix | None] = {}
    for letter in letters:
        weights = getattr(request, f"w_{letter}")
        changes[f"b_{letter}"] = None
        changes[f"w_{letter}"] = None
        if letter != "o":
            width = weights.array.shape[0]
            changes[f"w_{letter}"] = Matrix(np.eye(width), weights.where)
    return replace(request, **changes)  # type: ignore[arg-type]


def _without(case: Case, letters: tuple[str, ...]) -> list[Route]:
    request = case.request
    if any(getattr(request, f"w_{letter}") is None for letter in letters):
        return []
    return [Route(requests=(partial(_drop_projections, letters=letters),))]


def _describe_without(case: Case, letters: tuple[str, ...]) -> str:
    names = [PROJECTED[letter] for letter in letters]
    were = "was" if len(names) == 1 else "were"
    due = ", ".join(_formula(case, letter) for letter in letters)
    return f"{listed(names)} {were} not projected: expected {due}"


def _formula(case: Case, letter: str) -> str:
    request = case.request
    offset = f" + b_{letter}" if getattr(request, f"b_{letter}") is not None else ""
    if letter == "o":
        return f"output · w_o{offset}"
    rows = rows_behind(request, ROLES[letter])
    return f"{PROJECTED[letter]} = {rows} · w_{letter}{offset}"


def _drop(request: Request, names: tuple[str, ...]) -> Request:
    changes: dict[str, Matrix | None] = dict.fromkeys(names)
    return replace(request, **changes)  # type: ignore[arg-type]


def _without_offset(case: Case) -> list[Route]:
    names = [name for name in ("b_q", "b_k", "b_v", "b_o") if getattr(case.request, name) is not None]
    sets = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
    before = tuple(name for name in names if name != "b_o")
    sets += [before] if 1 < len(before) < len(names) else []
    return [
        Route(
            requests=(partial(_drop, names=dropped),),
            said=f"{listed(list(dropped))} {'was' if len(dropped) == 1 else 'were'} not added to the projection",
        )
        for dropped in sets
    ]


def _twice(request: Request, name: str) -> Request:
    matrix = getattr(request, name)
    return replace(request, **{name: replace(matrix, array=2 * np.asarray(matrix.array, np.float64), texts=None)})


def _offset_twice(case: Case) -> list[Route]:
    """Return the route with b_o added twice, as by each of two parts of the heads."""
    if case.request.b_o is None:
        return []
    said = "b_o was added twice, as by each of two parts of the heads: it is added once"
    return [Route(requests=(partial(_twice, name="b_o"),), said=said)]


def _joined_otherwise(case: Case) -> list[Route]:
    """Return the routes with the heads side by side in another order before they are projected."""
    if not case.problem.packed or case.problem.output_projection is None or case.heads < 2:
        return []
    last = case.heads - 1
    return [
        Route(
            join=lambda output: pack_heads(output[..., ::-1, :, :]),
            is_whole=True,
            said=f"the heads' outputs were joined from head {last} to head 0 before w_o: head 0 comes first",
        )
    ]


def _from_elsewhere(case: Case) -> list[Route]:
    """Return the routes with K and V projected from x, or Q from the context."""
    context = case.request.context
    if context is None or case.request.x is None:
        return []
    ways: dict[str, dict[str, Matrix | None]] = {
        "K and V were projected from x: they are those of the context": {"context": None, "values_context": None},
        "Q was projected from the context: it is that of x": {"x": context},
    }
    if _rows(case.request.x) == _rows(context) and case.request.values_context is None:
        own = case.request.x
        ways |= {
            "V was projected from x: it is that of the context": {"values_context": own},
            "K was projected from x: it is that of the context": {"context": own, "values_context": context},
            "Q was projected from the context, K and V from x: Q is that of x, K and V are those of the context": {
                "x": context,
                "context": own,
            },
        }
    return [Route(requests=(partial(replace, **changes),), said=said) for said, changes in ways.items()]


def _rows(matrix: Matrix) -> tuple[int, ...]:
    return matrix.array.shape


def _turn(request: Request, names: tuple[str, ...]) -> Request:
    turned = {}
    for name in names:
        matrix = getattr(request, name)
        turned[name] = replace(matrix, array=np.ascontiguousarray(matrix.array.mT), texts=None)
    return replace(request, **turned)


def _turned(case: Case) -> list[Route]:
    names = [name for name in ("w_q", "w_k", "w_v", "w_o") if getattr(case.request, name) is not None]
    names = [name for name in names if _is_square(getattr(case.request, name))]
    routes = []
    for count in range(len(names), 0, -1):
        for chosen in combinations(names, count):
            said = (
                f"{listed(list(chosen))} {'was' if count == 1 else 'were'} taken as (out, in), transposed: "
                "a row for each input and a column for each output is expected"
            )
            routes.append(Route(requests=(partial(_turn, names=chosen),), said=said))
    return routes


def _of_another(case: Case) -> list[Route]:
    """Return the routes with the projection of one of Q, K and V for another, with its bias or without, and with two
    that changed places."""
    request, routes = case.request, []
    has_offset = any(getattr(request, f"b_{letter}") is not None for letter in "qkv")
    kinds = (("w_",), ("w_", "b_")) if has_offset else (("w_",),)
    for one, two in permutations("qkv", 2):
        own, other = getattr(request, f"w_{one}"), getattr(request, f"w_{two}")
        if own is None or other is None or own.array.shape != other.array.shape:
            continue
        for kind in kinds:
            named = " and ".join(f"{each}{two}" for each in kind)
            change = {f"{each}{one}": getattr(request, f"{each}{two}") for each in kind}
            own_named = " and ".join(f"{each}{one}" for each in kind)
            said = f"{one.upper()} was projected by {named}: {own_named} {'is' if len(kind) == 1 else 'are'} expected"
            routes.append(Route(requests=(partial(replace, **change),), said=said))
            if "qkv".index(one) < "qkv".index(two):
                both = change | {f"{each}{two}": getattr(request, f"{each}{one}") for each in kind}
                said = f"the projections of {one.upper()} and {two.upper()} changed places"
                routes.append(Route(requests=(partial(replace, **both),), said=said))
    return routes


def _is_square(matrix: Matrix) -> bool:
    shape = matrix.array.shape
    return len(shape) == 2 and shape[0] == shape[1]


def _with_keys(problem: Problem, keys: bool) -> Problem:
    """Return QQᵀ, or KKᵀ."""
    name, other = ("queries", "keys") if keys else ("keys", "queries")
    return replace(problem, **{name: getattr(problem, other)})


def _same_rows(keys: bool) -> Callable[[Case], list[Route]]:
    def routes(case: Case) -> list[Route]:
        if case.n != case.m or case.problem.key_heads is not None:
            return []
        return [Route(problems=(partial(_with_keys, keys=keys),))]

    return routes


PROJECTION_SLIPS = (
    *(
        Slip(
            f"no-projection-{''.join(letters)}",
            "projection",
            partial(_without, letters=letters),
            partial(_describe_without, letters=letters),
        )
        for letters in SETS
    ),
    Slip("no-projection-bias", "projection", _without_offset, "b was not added"),
    Slip("projection-bias-twice", "projection", _offset_twice, "b_o was added twice", paired=False),
    Slip("heads-not-joined", "result", _joined_otherwise, "the heads had another order", paired=False),
    Slip("other-context", "projection", _from_elsewhere, "other rows were projected", paired=False),
    Slip("projection-transposed", "projection", _turned, "weights were transposed"),
    Slip("projection-other", "projection", _of_another, "another projection was taken", paired=False),
    Slip(
        "queries-with-queries",
        "queries",
        _same_rows(False),
        lambda case: f"{case.those} of QQᵀ, the queries with each other: QKᵀ, a column for each key, is expected",
    ),
    Slip(
        "keys-with-keys",
        "queries",
        _same_rows(True),
        lambda case: f"{case.those} of KKᵀ, the keys with each other: QKᵀ, a row for each query, is expected",
    ),
)
