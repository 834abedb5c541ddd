"""From a request to queries, keys and values: as given, or projected from x and context."""

from __future__ import annotations

import numpy as np

from attncli.errors import NumericError, ProblemError
from attncli.inputs.request import MATRIX_NAMES, Labels, Request, rows_behind
from attncli.matrix import Matrix, first_cell, format_cell, kind_of_contents
from attncli.problem.dtypes import cast_finite, round_to_dtype
from attncli.problem.heads import swap_shape
from attncli.problem.origins import Projection
from attncli.products import multiply_by_blocks
from attncli.records import record


@record
class ProjectedInputs:
    """The queries, keys and values of the calculation, with their labels."""

    queries: Matrix
    keys: Matrix
    values: Matrix | None
    labels: Labels
    w_o: Matrix | None
    b_o: Matrix | None
    notes: tuple[str, ...]
    projections: tuple[Projection, ...] = ()
    heads_last: tuple[str, ...] = ()  # in the names of layouts.read_heads_first

    @property
    def matrices(self) -> list[Matrix]:
        """Return Q, K and V, if there is one."""
        return [matrix for matrix in (self.queries, self.keys, self.values) if matrix is not None]

    @property
    def head_axis(self) -> int:
        """Return which axis of the given Q, K and V is that of the heads."""
        return -2 if "queries" in self.heads_last else -3

    def given_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of Q, K or V as it was given."""
        shape: tuple[int, ...] = getattr(self, name).array.shape
        return swap_shape(shape) if f"d_{name}" in self.heads_last else shape

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of Q, K and V as given or projected, and of b_o."""
        named = {"queries": self.queries, "keys": self.keys, "values": self.values, "b_o": self.b_o}
        return {name: matrix.array.shape for name, matrix in named.items() if matrix is not None}

    def output_projection(
        self, computing: np.dtype, width: int | None, *, allow_nonfinite: bool, dtype: str | None = None
    ) -> tuple[np.ndarray, np.ndarray | None] | None:
        """Return (w_o, b_o) in the computing dtype, after checking that they fit the `width` of the joined heads (None
        without values)."""
        if self.w_o is None:
            if self.b_o is not None:
                raise ProblemError(self.b_o.where, "b_o is given without w_o")
            return None
        if width is None:
            raise ProblemError(self.w_o.where, "w_o projects the output, and without values there is none")
        weights = _finite(self.w_o, "w_o", computing, allow_nonfinite, dtype)
        if weights.ndim != 2 or weights.shape[0] != width:
            raise ProblemError(
                self.w_o.where,
                f"w_o has shape {weights.shape}, but the joined heads have {width} columns",
                f"w_o must be ({width}, …)",
            )
        if self.b_o is None:
            return weights, None
        _offset(self.b_o, weights.shape[1], "b_o")
        return weights, _finite(self.b_o, "b_o", computing, allow_nonfinite, dtype).reshape(-1)


def resolve_projections(
    request: Request, compute: str | None = None, heads_last: tuple[str, ...] = ()
) -> ProjectedInputs:
    """Return Q, K and V of a request. If x is given, Q = x w_q + b_q, and K and V come from context (default x).

    `compute` forces the dtype of the products. `heads_last` is that of `layouts.read_heads_first`.
    """
    if request.x is not None:
        return _project(request, compute, heads_last)
    for name in ("context", "values_context", "w_q", "w_k", "w_v", "b_q", "b_k", "b_v"):
        stray: Matrix | None = getattr(request, name)
        if stray is not None:
            raise ProblemError(
                stray.where, f"{name} is given without x", "queries, keys and values need no projection; or give x"
            )
    if request.queries is None or request.keys is None:
        missing = "queries" if request.queries is None else "keys"
        raise ProblemError("problem", f"no {missing}", "give queries and keys, or x with w_q and w_k")
    return ProjectedInputs(
        queries=request.queries,
        keys=request.keys,
        values=request.values,
        labels=_labels(
            request.queries, request.keys, request.values, request.queries.column_labels or request.keys.column_labels
        ),
        w_o=request.w_o,
        b_o=request.b_o,
        notes=_notes(request),
        heads_last=heads_last,
    )


def _project(request: Request, compute: str | None, heads_last: tuple[str, ...]) -> ProjectedInputs:
    for name in ("queries", "keys", "values"):
        if getattr(request, name) is not None:
            raise ProblemError(
                getattr(request, name).where,
                f"{name} are given beside x",
                "give either x with w_q, w_k, w_v or Q, K, V",
            )
    dtypes = request.dtype, compute
    queries, of_queries = _multiply(request, "queries", dtypes)
    keys, of_keys = _multiply(request, "keys", dtypes)
    values, of_values = None, None
    if request.w_v is not None:
        values, of_values = _multiply(request, "values", dtypes)
    elif request.b_v is not None:
        raise ProblemError(request.b_v.where, "b_v is given without w_v")
    elif request.values_context is not None:
        raise ProblemError(request.values_context.where, "values_context is given without w_v", "add w_v")
    q_width, k_width = queries.array.shape[-1], keys.array.shape[-1]
    if request.heads is None and q_width != k_width and request.w_k is not None:
        what = f"w_q has {q_width} columns, w_k has {k_width}"
        raise ProblemError(request.w_k.where, what, "queries and keys must be equally wide")
    of_rows, of_context = (getattr(request, rows_behind(request, role)) for role in ("queries", "keys"))
    labels = _labels(of_rows, of_context, values, None)
    made = tuple(each for each in (of_queries, of_keys, of_values) if each is not None)
    notes = _notes(request)
    return ProjectedInputs(queries, keys, values, labels, request.w_o, request.b_o, notes, made, heads_last)


def _multiply(request: Request, role: str, dtypes: tuple[str | None, str | None]) -> tuple[Matrix, Projection]:
    """Return the rows behind a role, projected as rows · w + b, and their origin, in the widest dtype of the three, at
    least float32.

    `dtypes` are the dtype that inputs are cast to and the dtype to compute in, if given.
    """
    source, letter = rows_behind(request, role), role[0]
    rows: Matrix = getattr(request, source)
    weights: Matrix | None = getattr(request, f"w_{letter}")
    offset: Matrix | None = getattr(request, f"b_{letter}")
    if weights is None:
        raise ProblemError(rows.where, f"x is given without w_{letter}", f"{role} = x w_{letter}: add w_{letter}")
    left, right = _numbers(rows), _numbers(weights)
    _refuse_misfit(rows, left, weights, right, f"w_{letter}", source)
    added = None if offset is None else _offset(offset, right.shape[1], f"b_{letter}")
    cast_to, compute = dtypes
    if cast_to is not None:
        left, right = round_to_dtype(left, rows.where, cast_to), round_to_dtype(right, weights.where, cast_to)
        added = None if added is None or offset is None else round_to_dtype(added, offset.where, cast_to)
    dtype = np.dtype(compute) if compute else np.result_type(left, right, *([] if added is None else [added]), "f4")
    product = multiply_by_blocks(np.asarray(left, dtype), np.asarray(right, dtype))
    if added is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            product = product + added.astype(dtype)
    given = [each for each in (left, right, added) if each is not None]
    if not np.isfinite(product).all() and all(np.isfinite(each).all() for each in given):
        raise NumericError(
            weights.where,
            f"x w_{letter} overflows {dtype.name}",
            "--dtype float64" if dtype == np.float32 else "rescale x",
        )
    projection = Projection(letter, role, source, left, right, None if offset is None else offset.array.shape)
    labels = rows.row_labels if product.ndim == 2 else None
    projected = Matrix(
        product,
        f"{rows.where} · w_{letter}",
        row_labels=labels,
        column_labels=weights.column_labels if letter == "v" else None,
    )
    return projected, projection


def _refuse_misfit(rows: Matrix, left: np.ndarray, weights: Matrix, right: np.ndarray, name: str, source: str) -> None:
    """Raise ProblemError unless the numbers of the rows can be multiplied by those of the weights of this name."""
    if left.ndim < 2:
        what = "has 1 axis" if left.ndim else "is a single number"
        raise ProblemError(rows.where, f"{what}; expected one row per token", "write [[…]] for one row")
    if right.ndim == 2 and left.shape[-1] == right.shape[0]:
        return
    told = f"{name} must be ({left.shape[-1]}, …)"
    if right.ndim == 2 and left.shape[-1] == right.shape[1]:
        told += "; it looks transposed"
    elif right.ndim == 2 and left.shape[-2] == right.shape[1]:
        told += f"; {name} {source} fits, with tokens as columns: transpose both"
    what = f"{name} has shape {right.shape}, but {rows.where} has {left.shape[-1]} columns"
    raise ProblemError(weights.where, what, told)


def _offset(matrix: Matrix, width: int, name: str) -> np.ndarray:
    array = _numbers(matrix)
    if array.size != width or max(array.shape, default=1) != array.size:
        raise ProblemError(matrix.where, f"{name} has shape {array.shape}; expected one number per column: ({width},)")
    return array.reshape(width)


def _finite(matrix: Matrix, name: str, computing: np.dtype, allow: bool, dtype: str | None) -> np.ndarray:
    """Return w_o or b_o in the computing dtype, rounded to `dtype` first.

    Raises an error for infinities and NaN, unless they are allowed.
    """
    array = _numbers(matrix)
    wild = ~np.isfinite(array)
    if wild.any() and not allow:
        cell = first_cell(wild)
        raise ProblemError(
            matrix.where, f"{name} has {array[cell]} {format_cell(cell)}", "--allow-nonfinite computes as IEEE says"
        )
    if dtype is not None:
        array = round_to_dtype(array, matrix.where, dtype)
    return cast_finite(array, computing, matrix.where)


def _numbers(matrix: Matrix) -> np.ndarray:
    """Return the matrix in a floating dtype (integers and text as float64, and 16-bit floats as float32)."""
    array = matrix.array
    if array.dtype.kind in "iu":
        return array.astype(np.float64)
    if array.dtype.kind == "f" and array.dtype.itemsize in (4, 8):
        return array
    if array.dtype == np.float16 or array.dtype.name == "bfloat16":
        with np.errstate(invalid="ignore"):  # of a signaling NaN
            return array.astype(np.float32)
    raise ProblemError(matrix.where, f"holds {kind_of_contents(array)}; expected numbers")


def _labels(queries: Matrix, keys: Matrix, values: Matrix | None, features: tuple[str, ...] | None) -> Labels:
    return Labels(
        queries=queries.row_labels,
        keys=keys.row_labels or (values.row_labels if values is not None else None),
        features=features,
        values=values.column_labels if values is not None else None,
    )


def _notes(request: Request) -> tuple[str, ...]:
    given = (getattr(request, name) for name in MATRIX_NAMES)
    return tuple(note for matrix in given if matrix is not None for note in matrix.notes)
