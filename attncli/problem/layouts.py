"""The axes of the given Q, K and V, (…, heads, n, d) or (…, n, heads, d), and of the output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import ProblemError
from attncli.inputs.request import PROJECTED
from attncli.problem.heads import swap_heads
from attncli.records import replace
from attncli.systems import BY_NAME, HEADS_FIRST, HEADS_LAST

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.matrix import Matrix
    from attncli.problem.problem import Problem

GIVEN = ("queries", "keys", "values")
ROWS = (*GIVEN, "x", "context", "values_context")  # arrays with an axis of positions, which may have one of heads
AXES = {HEADS_FIRST: "heads, n, d", HEADS_LAST: "n, heads, d"}


def read_heads_first(request: Request) -> tuple[Request, tuple[str, ...]]:
    """Return the request with Q, K and V as (…, heads, n, d), and the inputs and results that users have as (…, n,
    heads, d).

    Gradients are included for the inputs that had the axis. Raises ProblemError for a layout beside packed heads.
    """
    layout, of_output = _layouts_of(request)
    if HEADS_LAST not in (layout, of_output):
        return request, ()
    deep = {name: matrix for name in ROWS if (matrix := getattr(request, name)) is not None and matrix.array.ndim > 2}
    if not deep:
        return request, ()
    swapped = {name: _swap_matrix(matrix) for name, matrix in deep.items()} if layout == HEADS_LAST else {}
    roles = [role for role, rows in PROJECTED.items() if _first_given(request, (role, *rows)) in swapped]
    shown = (*GIVEN, "output") if layout == of_output else ("output",)  # the problem decides which leading axes it has
    last = (*shown, *(f"d_{name}" for name in dict.fromkeys((*swapped, *roles))))
    return replace(request, layout=HEADS_FIRST, **swapped), last  # type: ignore[arg-type]


def give_heads_first(request: Request, problem: Problem) -> Request:
    """Return the request with all its arrays as (…, heads, n, d), including the gradient at the output, from which
    `problem` was made."""
    given, d_output = read_heads_first(request)[0], request.d_output
    if "output" not in problem.heads_last or d_output is None or problem.d_output is None or not d_output.array.ndim:
        return given
    if d_output.array.ndim == problem.d_output.ndim:
        return replace(given, d_output=_swap_matrix(d_output))
    return replace(given, d_output=replace(d_output, array=problem.d_output, texts=None))


def keep_layout(request: Request) -> Request:
    """Return the request with its system's layout written into it, for a caller that changes the system."""
    has_axes = any(matrix.array.ndim > 2 for name in GIVEN if (matrix := getattr(request, name)) is not None)
    if request.layout is not None or request.heads is not None or not has_axes:
        return request
    return replace(request, layout=_layouts_of(request)[0])


def describe_axes(request: Request, heads_last: tuple[str, ...]) -> str | None:
    """Return how arrays of four axes were read, and of three if a layout was given: "(batch, n, heads, d)"."""
    sizes = [matrix.array.ndim for name in ROWS if (matrix := getattr(request, name)) is not None]
    most = max(sizes, default=0)
    is_last = "queries" in heads_last
    if request.heads is not None or most < (3 if heads_last or request.layout else 4):
        return None
    before = {3: "", 4: "batch, "}.get(most, "…, ")
    told = f"({before}{AXES[HEADS_LAST if is_last else HEADS_FIRST]})"
    if "output" in heads_last and not is_last:
        told += f", the output ({before}{AXES[HEADS_LAST]})"
    return told


def _layouts_of(request: Request) -> tuple[str, str]:
    """Return the layouts of the inputs and of the output: those given, or the system's."""
    if request.layout is not None:
        if request.heads is not None:
            what = "it is given beside --heads, whose packed columns have no axis of heads"
            raise ProblemError("--layout", what, "leave one out")
        return request.layout, request.layout
    if request.heads is not None or request.x is not None or request.system not in BY_NAME:
        return HEADS_FIRST, HEADS_FIRST
    system = BY_NAME[request.system]
    sizes = [matrix.array.ndim for name in GIVEN if (matrix := getattr(request, name)) is not None]
    most = max(sizes, default=0)
    if most < system.layout_from:
        return HEADS_FIRST, HEADS_FIRST
    if system.groups_from is not None and most >= system.groups_from:
        what = f"arrays of {most} axes are (batch, n, groups, heads, d) there, and attncli has one axis of heads"
        cure = (
            "reshape Q to (batch, n, groups · heads, d), and K and V to (batch, m, groups, d), with --layout heads-last"
        )
        raise ProblemError(f"--as {system.name}", what, cure)
    return system.layout, system.output_layout or system.layout


def _first_given(request: Request, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if getattr(request, name) is not None), None)


def _swap_matrix(matrix: Matrix) -> Matrix:
    texts = matrix.texts
    if texts is not None:
        cells = np.array(tuple(texts), object).reshape(matrix.array.shape)
        texts = tuple(swap_heads(cells).reshape(-1).tolist())
    return replace(matrix, array=swap_heads(matrix.array), texts=texts)
