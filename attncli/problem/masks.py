"""What a query may see, as it is asked for: a mask, a bias, causal, a window and lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import ProblemError
from attncli.matrix import first_cell, format_cell, holds_numbers, kind_of_contents
from attncli.problem.dtypes import cast_finite
from attncli.problem.problem import Visible
from attncli.problem.system_masks import LENGTHS_HINT, check_lengths

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.matrix import Array, Matrix
    from attncli.problem.problem import Conventions


def read_mask(request: Request) -> Array | None:
    """Return an array that is True where a query may attend. Anything but 0/1 or true/false is an error."""
    if request.mask is None:
        return None
    array = read_truths(
        request.mask, "mask", "numbers to be added to the scores are a bias: name it so, or give it with --bias"
    )
    return ~array if request.mask_means == "drop" else array


def read_truths(matrix: Matrix, noun: str, hint: str | None = None) -> Array:
    """Return an array of 0/1 or true/false as booleans.

    Anything else is an error about the noun, with the hint for numbers.
    """
    array, where = matrix.array, matrix.where
    if array.dtype == np.bool_:
        return array
    if not holds_numbers(array):
        raise ProblemError(where, f"holds {kind_of_contents(array)}: a {noun} is 0/1 or true/false")
    wrong = (array != 0) & (array != 1)
    if wrong.any():
        cell = first_cell(wrong)
        raise ProblemError(where, f"{array[cell]} {format_cell(cell)}: a {noun} is 0/1 or true/false", hint)
    truths: Array = array != 0
    return truths


def read_bias(request: Request, computing: np.dtype) -> Array | None:
    """Return the bias in the computing dtype: finite, or -inf where it forbids a key."""
    if request.bias is None:
        return None
    array, where = request.bias.array, request.bias.where
    if array.dtype == np.bool_:
        raise ProblemError(where, "contains booleans: a bias is numbers added to the scores", "use --mask")
    if not holds_numbers(array):
        raise ProblemError(where, f"holds {kind_of_contents(array)}: a bias is numbers added to the scores")
    with np.errstate(invalid="ignore"):  # of a signaling NaN
        wrong = np.isnan(array) | np.isposinf(array)
    if wrong.any():
        cell = first_cell(wrong)
        raise ProblemError(where, f"{array[cell]} {format_cell(cell)}: a bias is finite, or -inf to forbid")
    return cast_finite(array, computing, where)


def settle_visible(request: Request, lead: tuple[int, ...], n: int, m: int, conventions: Conventions) -> Visible:
    """Return causal, window, corner, offset and lengths as one interval of keys per query."""
    if request.align is not None and request.query_offset is not None:
        raise ProblemError(
            "--query-offset", "cannot be combined with --align: both set the position of query 0", "leave one out"
        )
    lengths = _read_lengths(request, lead, m)
    if request.query_offset is not None:
        offsets: tuple[int, ...] = (request.query_offset,)
    elif request.align == "bottom-right":
        offsets = tuple(length - n for length in ((m,) if conventions.corner_of_all_keys else lengths or (m,)))
    else:
        offsets = (0,)
    left, right = (None if side == -1 else side for side in request.window or (-1, -1))
    if request.causal:
        right = 0
    return Visible(
        left=left,
        right=right,
        offsets=offsets,
        lengths=lengths,
        is_causal=bool(request.causal),
        keep_first=request.keep_first or 0,
        prefix=request.prefix or 0,
        chunk=request.chunk,
    )


def _read_lengths(request: Request, lead: tuple[int, ...], m: int) -> tuple[int, ...] | None:
    if request.key_lengths is None:
        return None
    array, where = np.atleast_1d(request.key_lengths.array), request.key_lengths.where
    if max(array.shape) == array.size:
        array = array.ravel()  # a row or a column of a text table
    if array.ndim > 1:
        raise ProblemError(where, f"key lengths have the shape {array.shape}", LENGTHS_HINT)
    check_lengths(array, where, m)
    if array.size not in (1, lead[0] if lead else 1):
        entries = f"the first axis has {lead[0]} entries" if lead else "there is no leading axis"
        raise ProblemError(where, f"{array.size} lengths, but {entries}", LENGTHS_HINT)
    return tuple(int(length) for length in array)
