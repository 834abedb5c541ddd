"""safetensors files, read with the library of that name (extra `tensors`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.errors import InputError, MissingExtraError, OutputError
from attncli.formats.contents import Contents
from attncli.formats.encoding import RENAME_TEXT, looks_like_text
from attncli.formats.foreign import refuse_foreign
from attncli.formats.narrow import narrow_dtype, narrow_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

    from attncli.matrix import Array, Matrix, Reading

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    **{f"{letter}{8 * size}": f"<{letter.lower()}{size}" for letter in "IU" for size in (1, 2, 4, 8)},
    "BOOL": "|b1",
}
_NARROW = {"BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu"}


_DAMAGED = "the file is damaged or was cut off: write it again"


def _library(where: str) -> ModuleType:
    try:
        import safetensors
    except ImportError:
        raise MissingExtraError(where, "safetensors", "tensors") from None
    module: ModuleType = safetensors
    return module


def read(data: bytes, where: str, reading: Reading) -> Contents:  # noqa: ARG001 - the same call for every format
    """Read each tensor under its name. The library checks the header against the size of the file."""
    refuse_foreign(data, where, "a safetensors file", known=())
    if looks_like_text(data):
        raise InputError(where, "this is text, not a safetensors file", RENAME_TEXT)
    library = _library(where)
    claimed = int.from_bytes(data[:8], "little")
    if claimed > len(data) - 8:
        raise InputError(where, f"the header claims {claimed} bytes, the file has {len(data)}", _DAMAGED)
    try:
        tensors = library.deserialize(data)
    except Exception as error:  # SafetensorError, and panics of the Rust code
        raise InputError(where, "the header does not describe the bytes that follow", _DAMAGED) from error
    matrices: dict[str, Callable[[], Matrix]] = {}
    for name, tensor in sorted(tensors):
        matrices[name] = _decoder(tensor, f"{where}: {name}")
    if not matrices:
        raise InputError(where, "the file holds no tensors")
    return Contents(where, matrices)


def _decoder(tensor: Mapping[str, Any], where: str) -> Callable[[], Matrix]:
    return lambda: narrow_matrix(_decode_tensor(tensor, where), where)


def _decode_tensor(tensor: Mapping[str, Any], where: str) -> Array:
    kind = tensor["dtype"]
    if kind in _NARROW:
        dtype = narrow_dtype(_NARROW[kind], where)
    elif kind in _DTYPES:
        dtype = np.dtype(_DTYPES[kind])
    else:
        raise InputError(where, f"its cells are {kind}, which attncli does not support", "save it as F32 or BF16")
    array: Array = np.frombuffer(tensor["data"], dtype).reshape(tensor["shape"])
    if kind == "BOOL" and array.size and array.view(np.uint8).max() > 1:
        raise InputError(where, "a bool is neither 0 nor 1", "save the tensor as U8")
    return array


def write(matrices: Mapping[str, Matrix]) -> Iterator[bytes]:
    """Write every matrix under its name. A matrix without a name is `array`."""
    where = next(iter(matrices.values())).where if matrices else "safetensors"
    _library(where)
    from safetensors.numpy import save

    arrays = {}
    for name, matrix in matrices.items():
        array = matrix.array
        if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
            raise OutputError(name or matrix.where, f"safetensors has no {array.dtype.name}", "add --dtype float32")
        native = array.dtype.newbyteorder("=")
        arrays[name or "array"] = np.ascontiguousarray(array, native).reshape(array.shape)
    return iter([save(arrays)])
