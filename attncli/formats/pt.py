"""Files of torch.save, both the zip archives of today and the pickles before torch 1.6, read without torch.

Tensors, and lists and mappings of tensors, are read, each under its path: `q`, `layer.weight`, `0`. The pickle in the
file says which storage holds a tensor, at which offset and with which strides. No code in the file is run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from attncli.errors import InputError
from attncli.formats.archive import DAMAGED, HARMLESS, MAGIC, MOST_INFLATION, open_archive, read_member
from attncli.formats.contents import Contents
from attncli.formats.encoding import RENAME, RENAME_TEXT, looks_like_text
from attncli.formats.foreign import refuse_foreign
from attncli.formats.narrow import EIGHT_BITS, narrow_dtype, narrow_matrix
from attncli.formats.pickles import Global, Ignored, PickleError, call_builder, read_pickle
from attncli.matrix import Matrix
from attncli.records import record

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable, Mapping

    from attncli.matrix import Array, Reading

LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the pickle of 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DEEPEST = 32  # levels of nested lists and mappings
_MOST_ITEMS = 1_000_000
_LONGEST_VALUE = 1000  # numbers of a setting, as of the sinks of heads
_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "untyped",  # bytes, whose type is given by the tensor
}
_PLAIN = frozenset(
    ("float64", "float32", "float16", "bool", *(f"{kind}int{8 * size}" for kind in ("", "u") for size in (1, 2, 4, 8)))
)


@record
class _Storage:
    """A run of `length` cells of one type, stored in the file under `key`. A view begins at `start` of a longer run."""

    kind: str
    key: str
    length: int
    start: int = 0


@record
class _Tensor:
    """A view of a storage: the offset of the first cell, lengths and strides, all in cells."""

    storage: _Storage
    kind: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    is_negated: bool = False


def read(data: bytes, where: str, reading: Reading) -> Contents:  # noqa: ARG001 - the same call for every format
    """Read each tensor under its path. Tensors are decoded on demand."""
    try:
        if data.startswith(MAGIC):
            value, stored = _read_archive(data, where)
        elif data.startswith(LEGACY):
            value, stored = _read_legacy(data, where)
        else:
            _refuse(data, where)
        tensors = _paths(value)
    except PickleError as error:
        raise InputError(where, error.what, error.hint or DAMAGED) from None
    if not tensors:
        raise InputError(where, "the file holds no tensor", "save tensors: torch.save({'q': q, 'k': k, 'v': v}, FILE)")
    matrices = {name: _decoder(tensor, stored, f"{where}: {name}" if name else where) for name, tensor in tensors}
    values = {key: node for key, node in value.items() if _is_value(node)} if isinstance(value, dict) else {}
    return Contents(where, matrices, values={str(key): node for key, node in values.items()})


def _is_value(node: Any) -> bool:
    """Return whether a node beside the tensors is a number or a truth, or a few numbers, as a setting may be."""
    if isinstance(node, (list, tuple)):
        return 0 < len(node) <= _LONGEST_VALUE and all(type(each) in (int, float) for each in node)
    return type(node) in (bool, int, float)


def _refuse(data: bytes, where: str) -> NoReturn:
    refuse_foreign(data, where, "a torch.save file", known=())
    if looks_like_text(data):
        raise InputError(where, "this is text, not a torch.save file", RENAME_TEXT)
    raise InputError(where, "this is not a torch.save file: it is neither a zip archive nor a torch pickle", RENAME)


def _read_archive(data: bytes, where: str) -> tuple[Any, Callable[[_Storage], bytes]]:
    """Return the value in data.pkl, and a function that returns the bytes of a storage, which is a separate member."""
    archive = open_archive(data, where, "save it again with torch.save")
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.partition("/")[2]
        if name in members:
            raise InputError(where, f"two members are called '{member.filename}'", DAMAGED)
        members[name] = member
    if "data.pkl" not in members:
        what = "this is a zip archive, but torch.save did not write it: it has no data.pkl"
        raise InputError(where, what, "name it .npz if NumPy wrote it, .xlsx or .ods if a spreadsheet")
    if "constants.pkl" in members:
        what = "this is a TorchScript program, and nothing in a file is ever run"
        raise InputError(where, what, "save its tensors: torch.save(module.state_dict(), FILE)")
    order = read_member(archive, members["byteorder"], where) if "byteorder" in members else b"little"
    if order not in (b"little", b"big"):
        raise InputError(where, "its byte order is neither little nor big", DAMAGED)
    pickle = read_member(archive, members["data.pkl"], where)
    value, _ = read_pickle(pickle, 0, _BUILDERS, _storage)

    def stored(storage: _Storage) -> bytes:
        member = members.get(f"data/{storage.key}")
        if member is None:
            raise InputError(where, f"the storage {storage.key} of a tensor is missing", DAMAGED)
        raw = read_member(archive, member, where)
        if len(raw) != (storage.start + storage.length) * _size(storage.kind) and not storage.start:
            what = f"the storage {storage.key} has {len(raw)} bytes, and {storage.length} {storage.kind} are claimed"
            raise InputError(where, what, DAMAGED)
        return raw if order == b"little" else _swap_bytes(raw, storage.kind, where)

    return value, stored


def _read_legacy(data: bytes, where: str) -> tuple[Any, Callable[[_Storage], bytes]]:
    """Return the fourth of five consecutive pickles, and a function that returns the bytes of a storage.

    The storages follow in the order that the last pickle gives.
    """
    found: dict[str, _Storage] = {}

    def note(identity: Any) -> _Storage:
        storage = _storage(identity)
        found.setdefault(storage.key, storage)
        return storage

    _, position = read_pickle(data, 0, {}, _storage)
    protocol, position = read_pickle(data, position, {}, _storage)
    system, position = read_pickle(data, position, {}, _storage)
    if protocol != _PROTOCOL or not isinstance(system, dict):
        raise PickleError("it does not begin like a torch.save file")
    value, position = read_pickle(data, position, _BUILDERS, note)
    keys, position = read_pickle(data, position, {}, _storage)
    order = "little" if system.get("little_endian", True) else "big"
    places: dict[str, tuple[int, int]] = {}
    for key in keys if isinstance(keys, list) else ():
        if key not in found or key in places:
            raise PickleError(f"it holds the storage {key!r}, which no tensor has, or twice")
        length = int.from_bytes(data[position : position + 8], order)  # type: ignore[arg-type]
        size = length * _size(found[key].kind)
        position += 8
        if position + size > len(data):
            raise PickleError(f"a storage claims {size} bytes, and {max(len(data) - position, 0)} are left")
        places[key] = (position, position + size)
        position += size

    def stored(storage: _Storage) -> bytes:
        if storage.key not in places:
            raise InputError(where, f"the storage {storage.key} of a tensor is missing", DAMAGED)
        start, stop = places[storage.key]
        raw = data[start:stop]
        return raw if order == "little" else _swap_bytes(raw, storage.kind, where)

    return value, stored


def _swap_bytes(data: bytes, kind: str, where: str) -> bytes:
    """Convert the bytes of a big-endian machine to little-endian order."""
    width = _size(kind)
    if kind == "untyped" or kind.startswith("complex"):
        raise InputError(
            where, f"its {kind} cells come from a big-endian machine", "save it as float32: tensor.float()"
        )
    return np.frombuffer(data, f"V{width}").view(np.uint8).reshape(-1, width)[:, ::-1].tobytes()


def _size(kind: str) -> int:
    """Return the bytes per cell."""
    if kind in EIGHT_BITS or kind == "untyped":
        return 1
    return 2 if kind == "bfloat16" else np.dtype(kind).itemsize


def _storage(identity: Any) -> _Storage:
    """Return the storage of a persistent id: ('storage', class, key, device, length[, view])."""
    if not (isinstance(identity, tuple) and len(identity) in (5, 6) and identity[0] == "storage"):
        raise PickleError("it refers to an external object that is not a storage")
    _, kind, key, _, length, *views = identity
    if isinstance(kind, Global) and kind.name.startswith("Q"):
        raise PickleError("it holds a quantized tensor", "save its numbers: tensor.dequantize()")
    if not (isinstance(kind, Global) and kind.name in _STORAGES):
        raise PickleError(
            f"it has a storage of the kind {kind}, which is not read", "save it as float32: tensor.float()"
        )
    start = 0
    if views and views[0] is not None:
        _, start, length = views[0]
    if type(key) is not str or not all(type(number) is int and number >= 0 for number in (start, length)):
        raise PickleError("a storage has no length")
    return _Storage(_STORAGES[kind.name], key, length, start)


def _tensor(
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    _requires_grad: Any = None,
    _hooks: Any = None,
    metadata: Any = None,
    *,
    kind: str | None = None,
) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise PickleError("a tensor has no storage")
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or not all(type(number) is int and 0 <= number < 1 << 62 for number in numbers):
        raise PickleError("a tensor has an invalid shape")
    if metadata and metadata.get("conj"):
        raise PickleError("a tensor is complex, which attncli does not support", "save its real part: tensor.real")
    is_negated = bool(metadata and metadata.get("neg"))
    return _Tensor(storage, kind or storage.kind, offset, tuple(shape), tuple(strides), is_negated)


def _tensor_of_bytes(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, metadata: Any = None
) -> _Tensor:
    """Return a tensor whose dtype has no storage class."""
    if not (isinstance(dtype, Global) and dtype.module == "torch"):
        raise PickleError("a tensor has no dtype")
    return _tensor(storage, offset, shape, strides, grad, hooks, metadata, kind=dtype.name)


def _pass_through(tensor: Any, *_: Any) -> Any:
    """Return the tensor that a Parameter is made of."""
    return tensor


def _from_type(function: Any, kind: Any, arguments: Any, _state: Any) -> Any:
    """Return a tensor that has extra attributes.

    Raises PickleError for other classes, whose numbers may have another meaning.
    """
    if str(kind) not in ("torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"):
        raise PickleError(
            f"it holds a {kind}, which is not a plain tensor", "save plain tensors: tensor.as_subclass(torch.Tensor)"
        )
    return call_builder(function, arguments, _BUILDERS)


def _refusing(what: str, hint: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any) -> NoReturn:
        raise PickleError(f"it holds a {what}", hint)

    return refuse


_DENSE = "save it dense: tensor.to_dense()"
_BUILDERS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): lambda *_: {},
    ("collections", "defaultdict"): lambda *_: {},
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_of_bytes,
    ("torch._utils", "_rebuild_parameter"): _pass_through,
    ("torch._utils", "_rebuild_parameter_with_state"): _pass_through,
    ("torch._tensor", "_rebuild_from_type_v2"): _from_type,
    ("torch._utils", "_rebuild_sparse_tensor"): _refusing("sparse tensor", _DENSE),
    ("torch._utils", "_rebuild_nested_tensor"): _refusing("nested tensor", "save its parts: tensor.unbind()"),
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): _refusing(
        "tensor on the meta device, which has no numbers", "save it from another device"
    ),
    # other objects in checkpoints: recorded by name, never created
    ("torch", "Size"): lambda lengths=(): tuple(lengths),
    ("torch", "device"): lambda *_: Ignored(),
    ("torch.serialization", "_get_layout"): lambda *_: Ignored(),
    ("builtins", "set"): lambda *_: Ignored(),
    ("__builtin__", "set"): lambda *_: Ignored(),
    ("_codecs", "encode"): lambda *_: Ignored(),
    ("numpy", "dtype"): lambda *_: Ignored(),
    ("numpy.core.multiarray", "scalar"): lambda *_: Ignored(),
    ("numpy._core.multiarray", "scalar"): lambda *_: Ignored(),
}


def _paths(value: Any) -> list[tuple[str, _Tensor]]:
    """Return every tensor in lists and mappings with its path, in file order. A single tensor has the name ""."""
    found: dict[str, _Tensor] = {}
    queue: list[tuple[tuple[str, ...], Any]] = [((), value)]
    seen = 0
    while queue:
        path, node = queue.pop()
        seen += 1
        if seen > _MOST_ITEMS:
            raise PickleError(f"it holds more than {_MOST_ITEMS} items")
        if len(path) > _DEEPEST:
            raise PickleError(f"lists and mappings in it are nested deeper than {_DEEPEST}")
        if isinstance(node, _Tensor):
            name = ".".join(path)
            if name in found:
                raise PickleError(f"two tensors are called {name!r}", "give each its own name")
            found[name] = node
        elif isinstance(node, dict):
            queue += [((*path, str(key)), inner) for key, inner in reversed(list(node.items()))]
        elif isinstance(node, (list, tuple)):
            queue += [((*path, str(index)), inner) for index, inner in reversed(list(enumerate(node)))]
    return list(found.items())


def _decoder(tensor: _Tensor, stored: Callable[[_Storage], bytes], where: str) -> Callable[[], Matrix]:
    return lambda: narrow_matrix(_decode_tensor(tensor, stored(tensor.storage), where), where)


def _decode_tensor(tensor: _Tensor, data: bytes, where: str) -> Array:
    """Return the numbers of a tensor in C order, as a view of the storage's bytes if possible."""
    dtype = _dtype(tensor.kind, where)
    width, storage = dtype.itemsize, tensor.storage
    begin = storage.start * _size(storage.kind)
    data = data[begin:] if begin else data
    size = math.prod(tensor.shape) * width
    if size > HARMLESS and size > MOST_INFLATION * len(data):
        raise InputError(where, f"it claims {size} bytes, more than {MOST_INFLATION} times its storage", DAMAGED)
    if len(tensor.shape) > 64:
        raise InputError(where, f"an array cannot have {len(tensor.shape)} axes", DAMAGED)
    if not size:
        return np.empty(tensor.shape, dtype)
    last = tensor.offset + sum(
        (length - 1) * stride for length, stride in zip(tensor.shape, tensor.strides, strict=True)
    )
    if (last + 1) * width > len(data):
        raise InputError(where, f"it needs {last + 1} cells of its storage, which has {len(data) // width}", DAMAGED)
    strides = tuple(stride * width for stride in tensor.strides)
    array: Array = np.ascontiguousarray(np.ndarray(tensor.shape, dtype, data, tensor.offset * width, strides))
    array = array.reshape(tensor.shape)  # ascontiguousarray gives a 0-d array one axis
    if dtype.kind == "b" and array.view(np.uint8).max() > 1:
        raise InputError(where, "a bool is neither 0 nor 1", "save the tensor as uint8")
    array = array.astype(dtype.newbyteorder("="), copy=False)
    return -array if tensor.is_negated else array


def _dtype(kind: str, where: str) -> np.dtype[Any]:
    if kind in _PLAIN:
        return np.dtype(kind).newbyteorder("<")
    if kind == "bfloat16" or kind in EIGHT_BITS:
        return narrow_dtype(kind, where)
    hint = "save its real part: tensor.real" if kind.startswith("complex") else "save it as float32: tensor.float()"
    raise InputError(where, f"its cells are {kind}, which attncli does not support", hint)
