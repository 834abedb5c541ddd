"""Where the queries, keys, values and bias of a problem came from: their given shapes and the projections, for
gradients."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from attncli.errors import ProblemError
from attncli.inputs.request import ONES
from attncli.matrix import first_cell, format_cell, holds_numbers, kind_of_contents
from attncli.problem.heads import swap_heads, swap_shape
from attncli.records import record

if TYPE_CHECKING:
    from attncli.matrix import Array, Matrix

OutputProjection: TypeAlias = "tuple[Array, Array | None]"  # w_o and b_o
_FORM = "one number per number of the output, or the word ones"


@record
class Projection:
    """role = rows · weights + offset, where `letter` is that of w_q and b_q, and `source` is the name of the rows."""

    letter: str
    role: str
    source: str
    rows: Array
    weights: Array
    offset_shape: tuple[int, ...] | None


@record
class Origins:
    """`shapes` by name of the given or projected arrays, and the `projections`, if any."""

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    projections: tuple[Projection, ...] = ()

    def gradient_shapes(
        self, cells: tuple[int, ...], output_projection: OutputProjection | None
    ) -> dict[str, tuple[int, ...]]:
        """Return the public shape of every gradient of a problem, whose weights have the shape `cells`."""
        shapes = {"d_values": self.shapes["values"], "d_weights": cells, "d_scores": cells}
        shapes |= {f"d_{name}": self.shapes[name] for name in ("queries", "keys")}
        if "bias" in self.shapes:
            shapes["d_bias"] = self.shapes["bias"]
        for own in self.projections:
            shapes[f"d_{own.source}"] = own.rows.shape
            shapes[f"d_w_{own.letter}"] = own.weights.shape
            if own.offset_shape is not None:
                shapes[f"d_b_{own.letter}"] = own.offset_shape
        if output_projection is not None:
            shapes["d_w_o"] = output_projection[0].shape
            if output_projection[1] is not None:
                shapes["d_b_o"] = self.shapes["b_o"]
        return shapes


def sum_to(array: Array, shape: tuple[int, ...]) -> Array:
    """Return the array summed over the axes that broadcasting added, in its shape before."""
    array = array.sum(axis=tuple(range(array.ndim - len(shape))))
    repeated = tuple(axis for axis, size in enumerate(shape) if size == 1 and array.shape[axis] > 1)
    summed: Array = array.sum(axis=repeated, keepdims=True)
    return summed


def read_d_output(matrix: Matrix, shape: tuple[int, ...] | None, dtype: np.dtype, heads_last: tuple[str, ...]) -> Array:
    """Return the gradient at the output, with the heads first and in the computing dtype.

    `shape` is that of the output as users have it, or None if there is no output. Raises ProblemError if the gradient
    does not fit, or contains infinities or NaN.
    """
    if shape is None:
        raise ProblemError(
            "d_output" if is_ones(matrix) else matrix.where,
            "without values there is no output, and so no gradient at it",
            "give V, or w_v",
        )
    array, is_last = matrix.array, "output" in heads_last
    if is_ones(matrix):
        return np.ones(swap_shape(shape) if is_last else shape, dtype)
    if not holds_numbers(array):
        raise ProblemError(matrix.where, f"contains {kind_of_contents(array)}; d_output is numbers", _FORM)
    if array.shape != shape and (*array.shape, 1) != shape:
        what = f"d_output has shape {array.shape}, but the output has {shape}"
        turned = array.ndim > 1 and array.mT.shape == shape
        raise ProblemError(matrix.where, what, "d_output looks transposed" if turned else _FORM)
    wild = ~np.isfinite(array)
    if wild.any():
        cell = first_cell(wild)
        raise ProblemError(matrix.where, f"d_output has {array[cell]} {format_cell(cell)}", "give finite numbers")
    by_shape: Array = array.astype(dtype).reshape(shape)
    return swap_heads(by_shape) if is_last else by_shape


def is_ones(matrix: Matrix) -> bool:
    """Return whether the word was given instead of numbers."""
    return matrix.array.ndim == 0 and matrix.where == ONES
