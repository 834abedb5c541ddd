"""Floats that NumPy lacks: bfloat16 and 8-bit floats, which are dtypes of ml_dtypes (extra `tensors`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from attncli.errors import MissingExtraError
from attncli.matrix import Matrix

EIGHT_BITS = frozenset(
    ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "float8_e4m3b11fnuz")
)


def narrow_dtype(name: str, where: str) -> np.dtype[Any]:
    """Return the dtype called `name`.

    Raises MissingExtraError if ml_dtypes is not installed.
    """
    try:
        import ml_dtypes
    except ImportError:
        raise MissingExtraError(where, "ml_dtypes", "tensors") from None
    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return dtype


def floating_dtype(name: str, where: str) -> np.dtype[Any]:
    """Return the dtype of a setting: one of NumPy's, or bfloat16.

    Raises MissingExtraError if that takes ml_dtypes and it is not installed.
    """
    return narrow_dtype(name, where) if name == "bfloat16" else np.dtype(name)


def narrow_matrix(array: np.ndarray, where: str) -> Matrix:
    """Return the array as a matrix.

    8-bit floats become float32, which represents each of them exactly, with a note.
    """
    if array.dtype.name not in EIGHT_BITS:
        return Matrix(array, where)
    note = f"{where}: {array.dtype.name} is read as float32, which holds the same numbers"
    return Matrix(array.astype(np.float32), where, notes=(note,))
