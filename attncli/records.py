"""Records: immutable bundles of named fields.

To readers and type checkers, `@record` is a frozen, slotted dataclass, and `dataclasses.fields` and `replace` work. It
only lacks the run-time guard against assignment, and all records share one equality and one repr.

A class is made in some 15 microseconds where `dataclass` takes 250, because every start of the program makes sixty:
constructors with equally many fields share their code, and `dataclasses.fields` are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass
from functools import cache
from operator import attrgetter
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, overload

Class = TypeVar("Class")


@overload
def record(cls: type[Class], /) -> type[Class]: ...
@overload
def record(*, kw_only: bool = False, frozen: bool = True) -> Callable[[type[Class]], type[Class]]: ...
@dataclass_transform(frozen_default=True)
def record(cls: type[Any] | None = None, /, *, kw_only: bool = False, frozen: bool = True) -> Any:
    """Make a class with annotated fields a record. One that is not frozen may change, and equals only itself."""

    def make(plain: type[Any]) -> type[Any]:
        names = tuple(
            name
            for name, kind in plain.__annotations__.items()
            if not (isinstance(kind, str) and kind.startswith("ClassVar"))
        )
        defaults = {name: plain.__dict__[name] for name in names if name in plain.__dict__}
        left_out = {*names, "__dict__", "__weakref__"}
        made = {name: value for name, value in plain.__dict__.items() if name not in left_out}
        made |= {"__qualname__": plain.__qualname__, "__slots__": names, "__match_args__": () if kw_only else names}
        made |= {name: _OfDataclass(name, defaults) for name in ("__dataclass_fields__", "__dataclass_params__")}
        made |= {"__names__": names, "__values__": _getter(names), "__fill__": _filler(names)}
        made["__init__"] = _initializer(plain, names, defaults, kw_only)
        shared = (__eq__, __hash__, __repr__) if frozen else ()
        made |= {method.__name__: method for method in shared if method.__name__ not in plain.__dict__}
        return type(plain.__name__, plain.__bases__, made)

    return make if cls is None else make(cls)


if TYPE_CHECKING:
    from dataclasses import replace as replace  # type checkers know its keywords
else:

    def replace(old, /, **changes):
        """Return a copy of a record with some fields changed, as `dataclasses.replace` does, which would first make the
        fields of its class and then call its constructor with all of them."""
        new = object.__new__(type(old))
        old.__fill__(new, old.__values__(old))
        try:
            for name, value in changes.items():
                setattr(new, name, value)
        except AttributeError:
            raise TypeError(f"{type(old).__name__} has no field {name!r}") from None
        if hasattr(old, "__post_init__"):
            new.__post_init__()
        return new


class _OfDataclass:
    """What the functions of `dataclasses` look for in a class, made when it is first asked for."""

    def __init__(self, name: str, defaults: dict[str, Any]) -> None:
        self.name, self.defaults = name, defaults

    def __get__(self, _: object, owner: type[Any]) -> Any:
        like = {name: getattr(owner, name) for name in ("__annotations__", "__module__", "__doc__")}
        plain: Any = type(owner.__name__, (), like | self.defaults)
        found = getattr(dataclass(init=False, repr=False, eq=False)(plain), self.name)
        setattr(owner, self.name, found)
        return found


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function of a record that returns its values."""
    if len(names) > 1:
        return attrgetter(*names)
    return staticmethod(lambda record: tuple(getattr(record, name) for name in names))


def _filler(names: tuple[str, ...]) -> Any:
    """Return a function of a record and a tuple that sets the record's fields to these values."""
    return staticmethod(FunctionType(_filling_template(len(names)).replace(co_names=names), {}, "__fill__"))


def _initializer(
    plain: type[Any], names: tuple[str, ...], defaults: dict[str, Any], kw_only: bool
) -> Callable[..., None]:
    """Return the `__init__` of a record. Raise TypeError where dataclasses raise an error: for a mutable default, and
    for a field without a default that follows one with a default."""
    values = {name: default.default if isinstance(default, Field) else default for name, default in defaults.items()}
    if any(type(value).__hash__ is None for value in values.values()):
        raise TypeError(f"{plain.__qualname__}: a default can be changed")
    if not kw_only and names[len(names) - len(values) :] != tuple(values):
        raise TypeError(f"{plain.__qualname__}: a field without a default follows one with a default")
    factories = {name: default.default_factory for name, default in defaults.items() if values[name] is MISSING}
    finish = _finisher(factories, getattr(plain, "__post_init__", None))
    code = _template(len(names), finish is not None).replace(
        co_varnames=("self", *names),
        co_names=names if finish is None else (*names, "finish"),
        co_argcount=1 if kw_only else 1 + len(names),
        co_kwonlyargcount=len(names) if kw_only else 0,
        co_qualname=f"{plain.__qualname__}.__init__",
    )
    made = FunctionType(code, {"finish": finish}, "__init__", None if kw_only else tuple(values.values()))
    if kw_only:
        made.__kwdefaults__ = values
    return made


def _finisher(factories: dict[str, Any], post_init: Callable[[Any], None] | None) -> Callable[[Any], None] | None:
    """Return what a record does after its fields are set: it calls the factories of those that nobody gave, and its
    `__post_init__`. Return None if it has neither."""
    if not factories:
        return post_init

    def finish(record: Any) -> None:
        for name, factory in factories.items():
            if getattr(record, name) is MISSING:
                setattr(record, name, factory())
        if post_init is not None:
            post_init(record)

    return finish


@cache
def _template(count: int, has_finish: bool) -> CodeType:
    """Return the code of an `__init__` with so many fields, whose names are to be replaced."""
    names = [f"_{number}" for number in range(count)]
    body = "".join(f"\n self.{name} = {name}" for name in names)
    body += "\n finish(self)" if has_finish else ""
    found: dict[str, FunctionType] = {}
    exec(f"def __init__(self, {', '.join(names)}):{body or ' pass'}", found)
    return found["__init__"].__code__


@cache
def _filling_template(count: int) -> CodeType:
    """Return the code of a function that sets so many fields, whose names are to be replaced."""
    targets = "".join(f"new._{number}, " for number in range(count))
    found: dict[str, FunctionType] = {}
    exec(f"def fill(new, values):\n {f'({targets}) = values' if count else 'pass'}", found)
    return found["fill"].__code__


def __eq__(self: Any, other: Any) -> bool:
    """Return whether all fields are equal, for two records of one class."""
    return bool(self.__values__(self) == other.__values__(other)) if type(other) is type(self) else NotImplemented


def __hash__(self: Any) -> int:
    """Return the hash of the fields."""
    return hash(self.__values__(self))


def __repr__(self: Any) -> str:
    """Return Name(field=value, …)."""
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__names__)
    return f"{type(self).__name__}({shown})"
