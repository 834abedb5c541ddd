"""Records: immutable bundles of named fields.

`@record` is a frozen, slotted dataclass to readers and type checkers, with `dataclasses.fields` and `replace`. Only
its run-time guard against assignment is left out, and equality and repr are shared functions: code generated for each
class costs half a millisecond at every start of the program, and there are many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar, dataclass_transform, overload

Class = TypeVar("Class")


@overload
def record(cls: type[Class], /) -> type[Class]: ...
@overload
def record(*, kw_only: bool = False) -> Callable[[type[Class]], type[Class]]: ...
@dataclass_transform(frozen_default=True)
def record(cls: type[Any] | None = None, /, *, kw_only: bool = False) -> Any:
    """Make a class with annotated fields a record."""

    def made(plain: type[Any]) -> type[Any]:
        finished = dataclass(eq=False, repr=False, slots=True, kw_only=kw_only)(plain)
        for method in (__eq__, __hash__, __repr__):
            if method.__name__ not in plain.__dict__:
                setattr(finished, method.__name__, method)
        return finished

    return made if cls is None else made(cls)


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, field.name) for field in fields(self))


def __eq__(self: Any, other: object) -> bool:
    """Two records of one class are equal where all their fields are."""
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def __hash__(self: Any) -> int:
    """Of the fields, as equality is."""
    return hash(_values(self))


def __repr__(self: Any) -> str:
    """Name(field=value, …)."""
    told = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))
    return f"{type(self).__name__}({told})"
