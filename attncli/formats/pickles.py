"""Pickles, read without running any code from them.

A pickle is a program for a stack machine. Here its instructions are interpreted one by one, and the name of a class or
function stays a name: nothing is imported. Only the functions that the caller lists in `Builders` can be called.
Anything else that a pickle requests is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from attncli.errors import AttncliError
from attncli.records import record

_SCALARS = frozenset((int, float, bool, str, bytes, type(None)))
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = frozenset(
    [
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
    ]
)
_NOTHING = frozenset(("PROTO", "FRAME"))
_STORE = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))
_RECALL = frozenset(("GET", "BINGET", "LONG_BINGET"))


class PickleError(ValueError):
    """A pickle is damaged or requests something that is not allowed: `what` is wrong, with a `hint`."""

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


@record
class Global:
    """The name of a class or function, which is never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Ignored:
    """A placeholder for an object that is not part of any tensor, such as a device."""

    __slots__ = ()


Builders = Mapping[tuple[str, str], Callable[..., Any]]


def read_pickle(data: bytes, start: int, builders: Builders, stored: Callable[[Any], Any]) -> tuple[Any, int]:
    """Return the value of the pickle that begins at `start`, and the position of its end.

    `builders` maps (module, name) to the function to call instead. `stored` returns the object of a persistent id.
    Names that are not called remain in the value as `Global`. Raises PickleError for anything that is not allowed.
    """
    import pickletools

    stream = BytesIO(data)
    stream.seek(start)
    machine = _Machine(builders, stored)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            machine.step(opcode.name, argument)
    except (PickleError, AttncliError):
        raise
    except Exception:  # errors of the tokenizer, or of instructions whose operands have the wrong type
        raise PickleError("the pickle in it cannot be read") from None
    return machine.value, stream.tell()


class _Machine:
    """The stack, the marks and the memo of one pickle."""

    def __init__(self, builders: Builders, stored: Callable[[Any], Any]) -> None:
        self.builders = builders
        self.stored = stored
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks below the marks
        self.memo: dict[int, Any] = {}
        self.value: Any = None

    def step(self, name: str, argument: Any) -> None:
        """Execute one instruction."""
        if name in _LITERALS:
            self.stack.append(bytes(argument) if isinstance(argument, bytearray) else argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _STORE:
            self.memo[int(argument)] = self.stack[-1]
        elif name in _RECALL:
            self.stack.append(self.memo[int(argument)])
        elif name not in _NOTHING:
            instruction = getattr(self, f"_{name.lower()}", None)
            if instruction is None:
                raise PickleError(f"it holds the pickle instruction {name}, which is not read")
            instruction(*(() if argument is None else (argument,)))

    def _items(self) -> list[Any]:
        """Return what was pushed since the last mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def _stop(self) -> None:
        (self.value,) = self.stack
        if self.below:
            raise PickleError("the pickle in it cannot be read")

    def _mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.stack = self.below.pop()

    def _pop_mark(self) -> None:
        self._items()

    def _dup(self) -> None:
        self.stack.append(self.stack[-1])

    def _memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _empty_list(self) -> None:
        self.stack.append([])

    def _empty_tuple(self) -> None:
        self.stack.append(())

    def _empty_dict(self) -> None:
        self.stack.append({})

    def _list(self) -> None:
        items = self._items()
        self.stack.append(items)

    def _tuple(self) -> None:
        items = self._items()
        self.stack.append(tuple(items))

    def _tuple1(self) -> None:
        self.stack[-1:] = [(self.stack[-1],)]

    def _tuple2(self) -> None:
        self.stack[-2:] = [(self.stack[-2], self.stack[-1])]

    def _tuple3(self) -> None:
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def _append(self) -> None:
        item = self.stack.pop()
        _checked(self.stack[-1], list).append(item)

    def _appends(self) -> None:
        items = self._items()
        _checked(self.stack[-1], list).extend(items)

    def _dict(self) -> None:
        items = self._items()
        self.stack.append({})
        self._fill(items)

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    def _setitems(self) -> None:
        items = self._items()
        self._fill(items)

    def _fill(self, items: list[Any]) -> None:
        mapping = _checked(self.stack[-1], dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in _SCALARS:  # hashing nested tuples can take exponential time
                raise PickleError("a mapping in it has a key that is neither text nor a number")
            mapping[key] = value

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(Global(module, name))

    def _stack_global(self) -> None:
        name, module = _checked(self.stack.pop(), str), _checked(self.stack.pop(), str)
        self.stack.append(Global(module, name))

    def _reduce(self) -> None:
        arguments = _checked(self.stack.pop(), tuple)
        self.stack[-1] = call_builder(self.stack[-1], arguments, self.builders)

    def _newobj(self) -> None:
        self._reduce()

    def _build(self) -> None:
        """Set attributes of an object. Those of a mapping, as in a state dict, do not affect its numbers and are
        ignored."""
        self.stack.pop()
        if type(self.stack[-1]) not in (dict, Ignored):
            raise PickleError("the pickle in it gives attributes to an object that has none")

    def _binpersid(self) -> None:
        self.stack.append(self.stored(self.stack.pop()))


def call_builder(function: Any, arguments: tuple[Any, ...], builders: Builders) -> Any:
    """Call the builder that replaces the function.

    Raises PickleError if there is none.
    """
    if not isinstance(function, Global):
        raise PickleError("the pickle in it cannot be read")
    builder = builders.get((function.module, function.name))
    if builder is None:
        is_module = ".nn." in f".{function.module}."
        hint = "module.state_dict()" if is_module else "{'q': q, 'k': k, 'v': v}"
        what = f"it asks for {function} to be called, and nothing in a file is ever run"
        raise PickleError(what, f"save tensors only: torch.save({hint}, FILE)")
    return builder(*arguments)


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise PickleError("the pickle in it cannot be read")
    return value
