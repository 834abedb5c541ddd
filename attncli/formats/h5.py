"""HDF5 files, read with h5py (extra `hdf5`). Each data set has its path in the groups as name, and no other file is
opened."""

from __future__ import annotations

import math
import zlib
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.errors import InputError, MissingExtraError
from attncli.formats.archive import DAMAGED, HARMLESS, MOST_INFLATION
from attncli.formats.contents import Contents
from attncli.formats.encoding import RENAME, looks_like_text
from attncli.formats.foreign import refuse_foreign
from attncli.matrix import Matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from attncli.matrix import Reading

MAGIC = b"\x89HDF\r\n\x1a\n"
_DEFLATE, _SHUFFLE = 1, 2  # numbers of filters
_DEEPEST = 32  # groups
_MOST_GROUPS = 100_000


def read(data: bytes, where: str, reading: Reading) -> Contents:  # noqa: ARG001 - the same call for every format
    """Read the numeric data sets, by path."""
    refuse_foreign(data, where, "an HDF5 file", known=(MAGIC,))
    if not data.startswith(MAGIC):
        if looks_like_text(data):
            raise InputError(where, "this is text, not an HDF5 file", "name it .txt or .csv")
        raise InputError(where, "this is not an HDF5 file: it does not begin like one", RENAME)
    return _contents(data, where, partial(_array, is_mat=False))


def read_mat(data: bytes, where: str, reading: Reading) -> Contents:  # noqa: ARG001
    """Read the variables of a MAT file 7.3, which HDF5 stores with reversed axes."""
    return _contents(data, where, partial(_array, is_mat=True))


def _contents(data: bytes, where: str, decode: Callable[[Any, str], Matrix]) -> Contents:
    try:
        import h5py
    except ImportError:
        raise MissingExtraError(where, "h5py", "hdf5") from None
    try:
        sets = _data_sets(h5py, h5py.File(BytesIO(data), "r"))
    except InputError:
        raise
    # OSError, RuntimeError, KeyError, ValueError: anything that the library raises for a damaged file
    except Exception:
        raise InputError(where, "the HDF5 file cannot be read", DAMAGED) from None
    if not sets:
        raise InputError(where, "holds no data set of numbers", "save one: f['q'] = q, of real numbers")
    return Contents(where, {name: partial(decode, found, f"{where}: {name}") for name, found in sets.items()})


def _data_sets(h5py: Any, file: Any) -> dict[str, Any]:
    """Return every numeric data set that hard links lead to. Each group is visited once, by the first path to it."""
    found: dict[str, Any] = {}
    queue: list[tuple[str, Any]] = [("", file)]
    seen = {h5py.h5o.get_info(file.id).addr}
    while queue:
        path, group = queue.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                continue  # it may lead out of the file
            node = group[name]
            here = f"{path}/{name}" if path else name
            if isinstance(node, h5py.Dataset):
                if node.dtype.kind in "biufc" or node.dtype.kind == "V":
                    found[here] = node
            elif isinstance(node, h5py.Group) and not here.startswith("#"):
                address = h5py.h5o.get_info(node.id).addr
                if address not in seen and here.count("/") < _DEEPEST and len(seen) < _MOST_GROUPS:
                    seen.add(address)
                    queue.append((here, node))
    return found


def _are_whole(found: Any) -> bool:
    """Return whether the file holds all bytes of a data set: of fewer, HDF5 makes numbers of whatever lies in the
    memory behind them. Filters other than deflate and shuffle may change the size, and are left to the library."""
    if found.chunks is None:
        return int(found.id.get_storage_size()) >= int(found.nbytes)
    plan = found.id.get_create_plist()
    filters = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
    size = math.prod(found.chunks) * found.dtype.itemsize
    for index in range(found.id.get_num_chunks()):
        chunk = found.id.get_chunk_info(index)
        applied = {each for place, each in enumerate(filters) if not chunk.filter_mask >> place & 1}
        if not applied <= {_DEFLATE, _SHUFFLE}:
            continue
        length = int(chunk.size)
        if _DEFLATE in applied:
            stored = found.id.read_direct_chunk(chunk.chunk_offset)[1][:length]
            length = len(zlib.decompressobj().decompress(stored, size + 1))
        if length != size:
            return False
    return True


def _array(found: Any, where: str, *, is_mat: bool) -> Matrix:
    """Return the numbers of a data set.

    Raises InputError if they are in another file, or far more than the file holds.
    """
    try:
        if found.external or found.is_virtual:
            raise InputError(where, "its numbers lie in another file, which is not opened", "copy them into this one")
        size, stored = int(found.nbytes), int(found.id.get_storage_size())
        if size > HARMLESS and size > MOST_INFLATION * stored:
            raise InputError(where, f"claims {size} bytes, more than {MOST_INFLATION} times what is stored", DAMAGED)
        if size and not stored:
            what = "was made, but no numbers were written to it"
            raise InputError(where, what, "write them before the file is closed: f['q'][...] = q")
        if not _are_whole(found):
            raise InputError(where, "the file holds fewer or more bytes than its cells take", DAMAGED)
        is_truth = found.attrs.get("MATLAB_class") == b"logical"
        array = np.zeros(found.shape, found.dtype)  # zeros where the file holds nothing, not what lay in the memory
        if size:
            found.read_direct(array)
        if is_truth and not np.isin(array, (0, 1)).all():
            raise InputError(where, "its booleans are numbers other than 0 and 1", DAMAGED)
    except InputError:
        raise
    except MemoryError:
        raise InputError(where, "does not fit into memory") from None
    except Exception:
        raise InputError(where, "the data set cannot be read", DAMAGED) from None
    if is_mat:
        array = array.T.astype(bool) if is_truth else array.T
    if array.dtype.kind not in "biuf":
        what = "complex" if array.dtype.kind == "c" or is_mat else "records"
        raise InputError(where, f"its cells are {what}, not real numbers", "save them as float64")
    return Matrix(np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape), where)
