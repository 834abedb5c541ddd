"""Raw little-endian numbers, whose type and shape are part of the source's name: `q.bin@float32:4,64`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from attncli.errors import InputError, suggest
from attncli.patterns import pattern
from attncli.records import record

if TYPE_CHECKING:
    from attncli.matrix import Matrix

SUFFIXES = (".bin", ".raw", ".dat")
EXAMPLE = "q.bin@float32:4,64"
DTYPES = (
    *("float64", "float32", "float16", "bfloat16", "bool"),
    *(f"{kind}{8 * size}" for kind in ("int", "uint") for size in (1, 2, 4, 8)),
    *("float8_e4m3fn", "float8_e5m2"),
)
_FORM = pattern(r"(.+)@(\w+):([0-9]{1,18}(?:[,x][0-9]{1,18}){0,31})", re.DOTALL)


@record
class RawForm:
    """The form of the bytes in a file: `shape` cells of `dtype`."""

    dtype: str
    shape: tuple[int, ...]


def raw_form(text: str) -> tuple[str, RawForm] | None:
    """Return the path and the form in `PATH@DTYPE:SHAPE`, or None if the text does not look like it."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    return found[1], RawForm(found[2], tuple(map(int, re.split("[,x]", found[3]))))


def read_raw(data: bytes, form: RawForm, where: str) -> Matrix:
    """Return the numbers.

    Raises InputError if the number of bytes does not match the form.
    """
    import numpy as np

    from attncli.formats.narrow import EIGHT_BITS, narrow_dtype, narrow_matrix

    if form.dtype not in DTYPES:
        raise InputError(
            where, f"{form.dtype!r} is not a type of numbers that attncli reads", suggest(form.dtype, DTYPES)
        )
    is_narrow = form.dtype == "bfloat16" or form.dtype in EIGHT_BITS
    dtype = narrow_dtype(form.dtype, where) if is_narrow else np.dtype(form.dtype).newbyteorder("<")
    shown_shape = " × ".join(map(str, form.shape))
    size = math.prod(form.shape) * dtype.itemsize
    if size != len(data):
        what = f"holds {len(data)} bytes, and {shown_shape} numbers of {form.dtype} are {size}"
        count, rest = divmod(len(data), dtype.itemsize)
        fitting = None if rest else f"it would be {count} numbers of {form.dtype}"
        raise InputError(where, what, fitting)
    array = np.frombuffer(data, dtype).reshape(form.shape)
    if dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise InputError(where, "a bool is neither 0 nor 1", "say uint8")
    return narrow_matrix(array.astype(dtype.newbyteorder("="), copy=False), where)
