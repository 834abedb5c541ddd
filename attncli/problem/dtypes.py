"""The dtypes of a problem: that of the computation, that of the results, and what is lost by rounding to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import NumericError, ProblemError
from attncli.formats.narrow import floating_dtype
from attncli.matrix import first_cell, format_cell, kind_of_contents

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.matrix import Array, Matrix


def choose_dtypes(request: Request, matrices: list[Matrix]) -> tuple[np.dtype, np.dtype]:
    """Return the dtype of the results and the dtype of the computation: the widest of Q, K and V, the latter at least
    float32."""
    if request.dtype is not None:
        stored = floating_dtype(request.dtype, "--dtype")
    else:
        first, *others = map(_floating, matrices)
        stored = first if all(dtype == first for dtype in others) else _widest({first, *others})
    return stored, np.dtype(np.float64) if stored == np.float64 else np.dtype(np.float32)


def _widest(found: set[np.dtype]) -> np.dtype:
    return np.dtype(np.float64) if np.dtype(np.float64) in found else np.dtype(np.float32)


def _floating(matrix: Matrix) -> np.dtype:
    """Return the dtype that a matrix requires: its own if it is floating, float64 for integers."""
    dtype = matrix.array.dtype
    if dtype.kind in "iu":
        return np.dtype(np.float64)
    if (dtype.kind == "f" and dtype.itemsize <= 8) or dtype.name == "bfloat16":
        return dtype if dtype.isnative else dtype.newbyteorder("=")
    if dtype.kind == "b":
        raise ProblemError(matrix.where, "contains booleans; expected numbers", "a mask goes to --mask")
    raise ProblemError(matrix.where, f"holds {kind_of_contents(matrix.array)}; expected real numbers", _cure(dtype))


def _cure(dtype: np.dtype) -> str:
    return "convert it with np.array(…, dtype=float)" if dtype.kind in "USO" else "save it as float32 or float64"


def cast_matrix(matrix: Matrix, dtype: np.dtype, computing: np.dtype, request: Request) -> Array:
    """Return the numbers in the computing dtype, rounded to `dtype` first if `--dtype` says so."""
    array = matrix.array
    if array.dtype == computing and array.dtype.isnative and request.dtype is None:
        return array
    _floating(matrix)
    if request.dtype is not None and array.dtype != dtype:
        array = round_to_dtype(array, matrix.where, request.dtype)
    with np.errstate(invalid="ignore"):  # of signaling NaNs, which are reported elsewhere like quiet ones
        return np.asarray(array, computing)


def round_to_dtype(array: Array, where: str, dtype: str) -> Array:
    """Return the numbers rounded to the dtype of --dtype.

    Raises NumericError if one overflows.
    """
    return cast_finite(array, floating_dtype(dtype, "--dtype"), where)


def cast_finite(array: Array, dtype: np.dtype, where: str) -> Array:
    """Return the numbers in a dtype.

    Raises NumericError for the first that becomes infinite.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a signaling NaN is as invalid as a quiet one
        cast = np.asarray(array, dtype)
        lost = np.isinf(cast) & np.isfinite(array)
    if lost.any():
        cell = first_cell(lost)
        wider = "float32" if dtype == np.float16 else "float64"
        raise NumericError(where, f"{array[cell]} {format_cell(cell)} is beyond {dtype.name}", f"--dtype {wider}")
    return cast
