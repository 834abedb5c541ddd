"""safetensors files, read with the library of that name (extra `tensors`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.errors import InputError, MissingExtraError, OutputError
from attncli.formats.contents import Contents
from attncli.formats.encoding import RENAME_TEXT, looks_like_text
from attncli.formats.foreign import refuse_foreign
from attncli.formats.narrow import narrow_dtype, narrow_matrix
from attncli.formats.npy import as_bytes, blocks_of

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


_LARGE = 1 << 26  # bytes: larger tensors are written without the library, which copies them
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
        raise InputError(where, "the file holds no tensors", "save them: save_file({'q': q, 'k': k}, FILE)")
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


def write(matrices: Mapping[str, Matrix]) -> Iterator[bytes | memoryview]:
    """Write every matrix under its name. A matrix without a name is `array`.

    Arrays whose rows are computed as they are read are never held, and large ones are not copied.
    """
    where = next(iter(matrices.values())).where if matrices else "safetensors"
    _library(where)
    for name, matrix in matrices.items():
        dtype = matrix.array.dtype
        if dtype.kind not in "biuf" and dtype.name != "bfloat16":
            raise OutputError(name or matrix.where, f"safetensors has no {dtype.name}", "add --dtype float32")
    named = {name or "array": matrix.array for name, matrix in matrices.items()}
    is_held = all(isinstance(array, np.ndarray) for array in named.values())
    if not is_held or sum(array.nbytes for array in named.values()) > _LARGE:
        return _write_computed(named)
    from safetensors.numpy import save

    natives = {name: array.dtype.newbyteorder("=") for name, array in named.items()}
    arrays = {name: np.ascontiguousarray(array, natives[name]).reshape(array.shape) for name, array in named.items()}
    return iter([save(arrays)])


def _write_computed(arrays: Mapping[str, Any]) -> Iterator[bytes | memoryview]:
    """Yield the header, which says where the numbers of each array are, and the arrays in its order."""
    tensors, start = {}, 0
    kinds = {np.dtype(code): kind for kind, code in _DTYPES.items()}
    for name, array in arrays.items():
        end = start + array.size * array.dtype.itemsize
        kind = "BF16" if array.dtype.name == "bfloat16" else kinds[array.dtype.newbyteorder("<")]
        tensors[name] = {"dtype": kind, "shape": list(map(int, array.shape)), "data_offsets": [start, end]}
        start = end
    header = json.dumps(tensors, ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)  # so that the numbers are aligned
    yield len(header).to_bytes(8, "little") + header
    for array in arrays.values():
        for block in blocks_of(array):
            little = (
                block if array.dtype.name == "bfloat16" else block.astype(block.dtype.newbyteorder("<"), copy=False)
            )
            yield as_bytes(little)
