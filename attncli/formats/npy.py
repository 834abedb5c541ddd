"""NPY files. The header is checked against the size of the file, and nothing is ever unpickled."""

from __future__ import annotations

import math
import warnings
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.errors import InputError, OutputError
from attncli.formats.archive import DAMAGED
from attncli.formats.contents import Contents
from attncli.formats.encoding import RENAME, RENAME_TEXT, looks_like_text
from attncli.formats.foreign import refuse_foreign
from attncli.matrix import Matrix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attncli.matrix import Array, Reading

MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 1 << 16  # for version 1 (longer headers, of version 2, are for structured arrays)

_MOST_AXES = 64  # of NumPy
_TOGETHER = 1 << 20  # cells of rows that are written together


def read(data: bytes, where: str, reading: Reading) -> Contents:  # noqa: ARG001 - the same call for every format
    """Read the only array, under the name ""."""
    return Contents(where, {"": lambda: Matrix(decode_array(data, where), where)})


def decode_array(data: bytes, where: str) -> Array:
    """Return the array in native byte order, as a read-only view of the bytes if possible."""
    refuse_foreign(data, where, "an NPY file", known=(MAGIC,))
    if not data.startswith(MAGIC):
        if looks_like_text(data):
            raise InputError(where, "this is text, not an NPY file", RENAME_TEXT)
        raise InputError(where, "this is not an NPY file: it does not begin with \\x93NUMPY", RENAME)
    shape, fortran_order, dtype, start = _header_of(data, where)
    refuse_dtype(dtype, where)
    expected = math.prod(shape) * dtype.itemsize
    if data.startswith(MAGIC, start + expected):
        hint = "save each to its own file, or all with numpy.savez(FILE, q=q, k=k)"
        raise InputError(where, "holds several arrays, one saved after the other", hint)
    if expected != len(data) - start:
        raise InputError(
            where,
            f"the header says {shape} of {dtype.name}, {expected} bytes, but {len(data) - start} follow it",
            DAMAGED,
        )
    flat: Array = np.frombuffer(data, dtype, offset=start)
    if dtype.kind == "b" and flat.size and flat.view(np.uint8).max() > 1:
        raise InputError(where, "a bool is neither 0 nor 1", "save the array as uint8")
    try:
        array = flat.reshape(shape[::-1]).T if fortran_order else flat.reshape(shape)
    except ValueError:  # no cells, but more axes than an array can have
        raise InputError(where, f"an array cannot have the shape {shape}", DAMAGED) from None
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header_of(data: bytes, where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return the shape, whether the order is Fortran's, the dtype, and the offset of the numbers."""
    stream = BytesIO(data[: _LONGEST_HEADER + 12])
    # 3.0 differs only in the names of fields, which are not supported here
    longer = np.lib.format.read_array_header_2_0
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): longer, (3, 0): longer}
    try:
        version = np.lib.format.read_magic(stream)
        if version not in readers:
            raise InputError(where, f"NPY version {version[0]}.{version[1]} is not known", "save it with numpy.save")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers that Python 2 wrote
            shape, fortran_order, dtype = readers[version](stream)
    except InputError:
        raise
    except Exception:  # NumPy raises errors of the tokenizer, the parser and its own
        raise InputError(where, "the NPY header cannot be read", DAMAGED) from None
    if len(shape) > _MOST_AXES:
        raise InputError(where, f"an array cannot have {len(shape)} axes", DAMAGED)
    if any(isinstance(length, bool) or length < 0 for length in shape):
        raise InputError(where, f"an array cannot have the shape {shape}", DAMAGED)
    return shape, bool(fortran_order), dtype, stream.tell()


def refuse_dtype(dtype: np.dtype[Any], where: str) -> None:
    """Raise InputError if the cells are not real numbers or bools that this machine computes with."""
    if dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize <= 8):
        return
    what = f"its cells are {dtype.name}, not real numbers"
    hint = "save the array as float64: array.astype('float64')"
    if dtype.hasobject:
        what = "its cells are Python objects, which can be read only by unpickling"
        hint += ", or several arrays: numpy.savez('problem.npz', q=q, k=k, v=v)"
    elif dtype.names is not None:
        what, hint = f"its cells are structures of {', '.join(map(repr, dtype.names))}", "save one field: array['NAME']"
    elif dtype.kind == "c":
        hint = "save the real part: array.real"
    elif dtype.kind == "V" and dtype.itemsize == 2:
        what = "its cells are two bytes without a type, which is what NumPy makes of bfloat16"
        hint = "save it as .safetensors, or as float32: array.astype('float32')"
    elif dtype.kind == "f":
        what = f"its cells are {dtype.name}, which differs between machines"
    elif dtype.kind in "SUT":
        what, hint = "its cells are text", "save numbers: array.astype('float64')"
    raise InputError(where, what, hint)


def make_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Return all bytes before the numbers of a C-ordered array."""
    stream = BytesIO()
    description = np.lib.format.dtype_to_descr(np.dtype(dtype))
    entries = {"descr": description, "fortran_order": False, "shape": tuple(map(int, shape))}
    np.lib.format.write_array_header_1_0(stream, entries)
    return stream.getvalue()


def array_chunks(matrix: Matrix, name: str) -> tuple[bytes, Iterator[memoryview]]:
    """Return the header and the numbers: in one piece without a copy if they are in C order, and in blocks of rows if
    they are computed as they are read."""
    array = matrix.array
    if array.dtype.kind not in "biuf":
        raise OutputError(
            name or matrix.where,
            f"no other program reads an NPY file of {array.dtype.name}",
            "write it to .safetensors, or add --dtype float32",
        )
    return make_header(array.shape, array.dtype), (as_bytes(block) for block in blocks_of(array))


def blocks_of(array: Any) -> Iterator[Array]:
    """Yield an array whole or, if its rows are computed as they are read, some rows at a time."""
    if isinstance(array, np.ndarray):
        yield array
    elif array.ndim > 2:
        for part in array:
            yield from blocks_of(part)
    else:
        step = max(1, _TOGETHER // array.shape[1])
        for start in range(0, array.shape[0], step):
            yield array[start : start + step]


def as_bytes(array: Array) -> memoryview:
    """Return the bytes of an array in C order, without a copy if it is in that order."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def write(matrices: Mapping[str, Matrix]) -> Iterator[bytes | memoryview]:
    """Write the only matrix.

    Raises OutputError for bfloat16.
    """
    ((name, matrix),) = matrices.items()
    header, numbers = array_chunks(matrix, name)
    return chain([header], numbers)
