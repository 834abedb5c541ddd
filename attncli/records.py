"""Records: immutable bundles of named fields.

To readers and type checkers, `@record` is a frozen, slotted dataclass, and `dataclasses.fields` and `replace` work. It
only lacks the run-time guard against assignment, and all records share one equality and one repr, because code
generated for each class takes half a millisecond at every start of the program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform, overload

Class = TypeVar("Class")


@overload
def record(cls: type[Class], /) -> type[Class]: ...
@overload
def record(*, kw_only: bool = False) -> Callable[[type[Class]], type[Class]]: ...
@dataclass_transform(frozen_default=True)
def record(cls: type[Any] | None = None, /, *, kw_only: bool = False) -> Any:
    """Make a class with annotated fields a record."""

    def make(plain: type[Any]) -> type[Any]:
        finished = dataclass(eq=False, repr=False, slots=True, kw_only=kw_only)(plain)
        finished.__names__ = tuple(finished.__dataclass_fields__)
        for method in (__eq__, __hash__, __repr__):
            if method.__name__ not in plain.__dict__:
                setattr(finished, method.__name__, method)
        return finished

    return make if cls is None else make(cls)


def _values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__names__])


def __eq__(self: Any, other: object) -> bool:
    """Return whether all fields are equal, for two records of one class."""
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def __hash__(self: Any) -> int:
    """Return the hash of the fields."""
    return hash(_values(self))


def __repr__(self: Any) -> str:
    """Return Name(field=value, …)."""
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__names__)
    return f"{type(self).__name__}({shown})"
