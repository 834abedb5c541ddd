"""Which routes were refused, and by which matrix, so that another search of the same case tries them no more."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from functools import partial
from operator import attrgetter
from types import FunctionType
from typing import Any

from attncli.check.routes import CHANGES, WORDS, Route

_changes_of = attrgetter("requests", "problems", *(name for name in CHANGES if name not in WORDS))


class RefusedRoutes:
    """The routes that gave numbers too far from an expected matrix, each with its name.

    Slips make their routes anew for each search. Two routes are the same if they change the same by the same functions,
    with the same numbers and the same objects in them.
    """

    def __init__(self) -> None:
        self._names: dict[Hashable, str] = {}

    def add(self, route: Route, name: str) -> None:
        """Keep that a route was refused by the matrix of this name."""
        self._names[_key_of_route(route)] = name

    def holds(self, route: Route, names: Collection[str]) -> bool:
        """Return whether a route was refused by one of these matrices."""
        return self._names.get(_key_of_route(route)) in names


class _Same:
    """An object that is only the same as itself, and is kept, so that no other one gets its identity."""

    def __init__(self, kept: object) -> None:
        self.kept = kept

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.kept is other.kept

    def __hash__(self) -> int:
        return id(self.kept)


def _key_of_route(route: Route) -> Hashable:
    return tuple(map(_key, _changes_of(route)))


def _key(part: Any) -> Hashable:
    """Return what is equal for two parts of routes if they do the same: functions by their code and what it holds."""
    if part is None or (isinstance(part, str | int | float) and part == part):  # NaN is not equal to itself
        return type(part), part
    if isinstance(part, tuple):
        return tuple(map(_key, part))
    if isinstance(part, FunctionType):
        held = tuple(_key(cell.cell_contents) for cell in part.__closure__ or ())
        return part.__code__, held, _key(part.__defaults__), _key(tuple((part.__kwdefaults__ or {}).items()))
    if isinstance(part, partial):
        return _key(part.func), _key(part.args), _key(tuple(part.keywords.items()))
    return _Same(part)
