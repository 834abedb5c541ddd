"""Binary files of MATLAB and Octave: levels 4 and 5 here, and level 7.3, which is HDF5, with h5py (extra `hdf5`).

SciPy is not used: only numeric arrays are needed, and its reader can crash the process on a damaged file.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.errors import InputError
from attncli.formats.archive import DAMAGED, HARMLESS
from attncli.formats.contents import Contents
from attncli.formats.encoding import looks_like_text
from attncli.formats.foreign import refuse_foreign
from attncli.matrix import Matrix
from attncli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attncli.matrix import Array, Reading

MAGIC = b"MATLAB "
_HDF5 = b"\x89HDF\r\n\x1a\n"
_HEADER = 128  # bytes of a level 5 file
_STEP = 1 << 24  # bytes inflated at a time
_MOST_INFLATION = 100
_MATRIX, _COMPRESSED = 14, 15
_CELLS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_OTHERS = {1: "a cell array", 2: "a struct", 3: "an object", 4: "text", 16: "a function", 17: "an object"}
_SPARSE = 5
_COMPLEX, _LOGICAL = 0x800, 0x200
_CELLS_4 = ("f8", "f4", "i4", "i2", "u2", "u1")
_TEXT_4, _SPARSE_4 = 1, 2


class _DamagedError(ValueError):
    """The bytes do not match their headers."""


@record
class _Variable:
    """A variable: its name and its numbers, or in `other` what it is instead."""

    name: str
    decode: Callable[[], Array]
    other: str | None = None


def read(data: bytes, where: str, reading: Reading) -> Contents:
    """Read each variable that is a numeric array. Text, cells and structs are skipped."""
    if data.startswith(_HDF5, 512) or data.startswith(_HDF5):
        from attncli.formats import h5

        return h5.read_mat(data, where, reading)
    refuse_foreign(data, where, "a MAT file", known=(MAGIC,))
    if not data.startswith(MAGIC) and looks_like_text(data):
        raise InputError(where, "this is text, not a MAT file", "name it .txt or .csv")
    try:
        variables = list(_level_5(data, where) if data[126:128] in (b"IM", b"MI") else _level_4(data))
    except (_DamagedError, struct.error):
        raise InputError(where, "this is not a MAT file that can be read", DAMAGED) from None
    found: dict[str, Callable[[], Matrix]] = {}
    for variable in variables:
        if variable.name in found:
            raise InputError(where, f"two variables are called '{variable.name}'", DAMAGED)
        if variable.other is None:
            found[variable.name] = _decoder(variable, f"{where}: {variable.name}")
    if not found:
        held = ", ".join(sorted({variable.other for variable in variables if variable.other})) or "nothing"
        hint = "save matrices: save('FILE.mat', 'Q', 'K', 'V')"
        raise InputError(where, f"holds {held}, but no array of numbers", hint)
    return Contents(where, found)


def _decoder(variable: _Variable, where: str) -> Callable[[], Matrix]:
    def decode() -> Matrix:
        try:
            array = variable.decode()
        except (_DamagedError, struct.error):
            raise InputError(where, "the variable cannot be read", DAMAGED) from None
        if array.dtype.kind == "c":
            raise InputError(where, "its cells are complex, not real numbers", "save its real part: real(Q)")
        return Matrix(array, where)

    return decode


def _level_5(data: bytes, where: str) -> Iterator[_Variable]:
    """Yield the elements of the file: arrays, compressed or not."""
    order = "<" if data[126:128] == b"IM" else ">"
    position = _HEADER
    while position < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, position)
        body = data[position + 8 : position + 8 + size]
        position += 8 + size
        if kind == _COMPRESSED:
            body = _inflate(body, where)
            kind, size = struct.unpack_from(f"{order}II", body)
            body = body[8:]
        if kind == _MATRIX:
            if len(body) < size:
                raise _DamagedError
            variable = _array_5(body[:size], order)
            if variable.name:  # a variable without a name belongs to the objects of a class
                yield variable


def _inflate(data: bytes, where: str) -> bytes:
    """Decompress a variable, whose size is not stored in the file.

    Raises InputError if it inflates too far.
    """
    stream, rest, pieces, size = zlib.decompressobj(), data, [], 0
    limit = max(HARMLESS, _MOST_INFLATION * len(data))
    try:
        while rest and not stream.eof:
            pieces.append(stream.decompress(rest, _STEP))
            rest = stream.unconsumed_tail
            size += len(pieces[-1])
            if size > limit:
                raise InputError(where, f"a variable inflates to more than {limit} bytes", "save it as it is: save -v6")
    except zlib.error:
        raise _DamagedError from None
    return b"".join(pieces)


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the parts of an array as (type, bytes), stored in the long form or the 8-byte form."""
    position = 0
    while position < len(data):
        kind, size = struct.unpack_from(f"{order}II", data, position)
        if kind >> 16:
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise _DamagedError
            body, position = data[position + 4 : position + 4 + size], position + 8
        else:
            body = data[position + 8 : position + 8 + size]
            position += 8 + size + -size % 8
        if len(body) < size:
            raise _DamagedError
        yield kind, body


def _array_5(data: bytes, order: str) -> _Variable:
    parts = _elements(data, order)
    try:
        _, flags = next(parts)
        _, lengths = next(parts)
        _, name = next(parts)
    except StopIteration:
        raise _DamagedError from None
    (bits,) = struct.unpack_from(f"{order}I", flags)
    kind = bits & 0xFF
    title = name.decode("latin-1")
    if kind in _OTHERS or (kind not in _CLASSES and kind != _SPARSE):
        return _Variable(title, lambda: np.empty(0), _OTHERS.get(kind, f"a variable of class {kind}"))
    shape = struct.unpack(f"{order}{len(lengths) // 4}i", lengths[: len(lengths) // 4 * 4])
    if not 2 <= len(shape) <= 32 or min(shape) < 0:
        raise _DamagedError

    def decode() -> Array:
        numbers = [_numbers(kind, body, order) for kind, body in parts_of()]
        if kind == _SPARSE:
            return _fill_sparse(shape, numbers, is_logical=bool(bits & _LOGICAL), is_complex=bool(bits & _COMPLEX))
        if not numbers or numbers[0].size != math.prod(shape):
            raise _DamagedError
        if bits & _COMPLEX:
            return np.empty(0, complex)  # complex, so that it is refused as such
        dtype = np.dtype(bool) if bits & _LOGICAL else np.dtype(_CLASSES[kind])
        return _in_c_order(_as_class(numbers[0], dtype), shape)

    def parts_of() -> list[tuple[int, bytes]]:
        return list(_elements(data, order))[3:]

    return _Variable(title, decode)


def _numbers(kind: int, data: bytes, order: str) -> Array:
    """Return the cells of a part, whose type may be shorter than the array's: 3.0 is stored as a byte."""
    dtype = np.dtype(_CELLS.get(kind, "u1")).newbyteorder(order)  # type: ignore[arg-type]
    if kind not in _CELLS or len(data) % dtype.itemsize:
        raise _DamagedError
    array: Array = np.frombuffer(data, dtype)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _as_class(cells: Array, dtype: np.dtype[Any]) -> Array:
    """Return the cells in the type of their class. One that a class of whole numbers or truths cannot hold says that
    the file is damaged."""
    with np.errstate(invalid="ignore", over="ignore"):
        found: Array = cells.astype(dtype)
    if dtype.kind in "biu" and not np.array_equal(found, cells):
        raise _DamagedError
    return found


def _in_c_order(cells: Array, shape: tuple[int, ...]) -> Array:
    """Return an array from `cells` in which the first axis varies fastest."""
    return np.ascontiguousarray(cells.reshape(shape[::-1]).T).reshape(shape)


def _fill_sparse(shape: tuple[int, ...], parts: list[Array], *, is_logical: bool, is_complex: bool) -> Array:
    """Return a sparse matrix with its zeros, from the row numbers, the start of each column, and the nonzero cells."""
    if len(parts) < 3 or len(shape) != 2 or math.prod(shape) * 8 > HARMLESS:
        raise _DamagedError
    if is_complex:
        return np.empty(0, complex)
    rows, starts, cells = parts[:3]
    count = int(starts[-1]) if starts.size == shape[1] + 1 and starts.dtype.kind in "iu" else -1
    if rows.dtype.kind not in "iu" or not 0 <= count <= min(rows.size, cells.size):
        raise _DamagedError
    ends = starts.astype(np.int64)
    lengths = ends[1:] - ends[:-1]
    rows = rows[:count].astype(np.int64)
    if starts[0] != 0 or (lengths < 0).any() or (count and not 0 <= rows.min() <= rows.max() < shape[0]):
        raise _DamagedError
    array = np.zeros(shape, bool if is_logical else float)
    array[rows, np.repeat(np.arange(shape[1]), lengths)] = _as_class(cells[:count], array.dtype)
    return array


def _level_4(data: bytes) -> Iterator[_Variable]:
    """Yield arrays stored one after another, each after five integers and its name."""
    position = 0
    while position < len(data):
        order = "<" if struct.unpack_from("<i", data, position)[0] in range(5000) else ">"
        kind, rows, columns, is_complex, length = struct.unpack_from(f"{order}5i", data, position)
        thousands, cells, form = kind // 1000, kind // 10 % 10, kind % 10
        is_known = thousands == (order == ">") and kind // 100 % 10 == 0 and cells < len(_CELLS_4) and form <= _SPARSE_4
        if not is_known or is_complex not in (0, 1) or min(rows, columns) < 0 or not 1 <= length <= 256:
            raise _DamagedError
        start = position + 20 + length
        name = data[position + 20 : start].rstrip(b"\0").decode("latin-1")
        dtype = np.dtype(_CELLS_4[cells]).newbyteorder(order)  # type: ignore[arg-type]
        size = rows * columns * dtype.itemsize
        position = start + size * (1 + is_complex)
        if not name.isprintable() or position > len(data):
            raise _DamagedError
        if form == _TEXT_4:
            yield _Variable(name, lambda: np.empty(0), "text")
        else:
            body = (data[start : start + size], dtype, (rows, columns))
            yield _Variable(name, _decoder_4(*body, is_complex=bool(is_complex), is_sparse=form == _SPARSE_4))


def _decoder_4(
    body: bytes, dtype: np.dtype[Any], shape: tuple[int, int], *, is_complex: bool, is_sparse: bool
) -> Callable[[], Array]:
    def decode() -> Array:
        cells: Array = np.frombuffer(body, dtype)
        array = _in_c_order(cells.astype(dtype.newbyteorder("=")), shape)
        if is_complex or (is_sparse and shape[1] == 4):
            return np.empty(0, complex)
        return _triples(array) if is_sparse else array

    return decode


def _triples(array: Array) -> Array:
    """Return a level 4 sparse matrix, stored as rows of (row, column, number) whose last row holds the shape."""
    if array.shape[1] != 3 or not len(array) or (array[:, :2] != np.floor(array[:, :2])).any():
        raise _DamagedError
    places = array[:, :2].astype(np.int64)
    shape = tuple(places[-1].tolist())
    cells = places[:-1] - 1
    if min(shape) < 0 or math.prod(shape) * 8 > HARMLESS or (cells < 0).any() or (cells >= shape).any():
        raise _DamagedError
    dense = np.zeros(shape)
    dense[cells[:, 0], cells[:, 1]] = array[:-1, 2]
    return dense
