"""Infinities and NaN in Q, K and V, which are an error unless their rows are masked for every query."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from attncli.errors import ProblemError
from attncli.matrix import first_cell, format_cell
from attncli.problem.heads import pack_heads, swap_heads
from attncli.problem.row_masks import make_row_mask
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.problem.problem import Part, Problem
    from attncli.problem.projections import ProjectedInputs

TILE = 1 << 22  # cells processed together when masks are searched


def settle_nonfinite(problem: Problem, sources: ProjectedInputs, *, allow: bool) -> tuple[Problem, list[str]]:
    """Return the problem with unreachable non-finite keys and values set to 0, and notes about them.

    Other non-finite numbers raise an error for the first such cell. With `allow` they stay, and `is_finite` is false.
    """
    if problem.is_finite:
        return problem, []
    reached = reached_keys(problem)
    notes = []
    cleaned: dict[str, np.ndarray | None] = {"keys": problem.keys, "values": problem.values}
    for name in ("keys", "values"):
        array, matrix = cleaned[name], getattr(sources, name)
        if array is None or is_finite(array):
            continue
        masked = ~np.isfinite(array).all(axis=-1) & ~reached
        if masked.any():
            cleaned[name] = np.where(masked[..., None], array.dtype.type(0), array)
            count = int(masked.sum())
            notes.append(
                f"{matrix.where}: {count} {name[:-1] if count == 1 else name} with non-finite numbers, masked from all"
            )
    assert cleaned["keys"] is not None
    given = None if cleaned["keys"] is problem.keys else problem.keys
    wild = [name for name, array in {"queries": problem.queries, **cleaned}.items() if not is_finite(array)]
    if wild and not allow:
        array = problem.queries if wild[0] == "queries" else cleaned[wild[0]]
        assert array is not None
        _refuse(wild[0], array, sources, problem.packed)
    settled = replace(problem, keys=cleaned["keys"], values=cleaned["values"], given_keys=given, is_finite=not wild)
    return settled, notes


def is_finite(*arrays: np.ndarray | None) -> bool:
    """Return whether there is no infinity and no NaN in these arrays."""
    return all(array is None or np.logical_and.reduce(np.isfinite(array), axis=None) for array in arrays)


def _refuse(name: str, array: np.ndarray, sources: ProjectedInputs, packed: bool) -> NoReturn:
    """Raise the error for the first such cell, at its position in the user's array: heads packed, and without broadcast
    axes."""
    matrix, shape = getattr(sources, name), sources.given_shape(name)
    if packed:
        array = pack_heads(array)
    elif f"d_{name}" in sources.heads_last:
        array = swap_heads(array)
    cell = first_cell(~np.isfinite(array))
    given = shape if len(shape) > 1 else (*shape, 1)
    own = tuple(i if size > 1 else 0 for i, size in zip(cell[len(cell) - len(given) :], given, strict=True))
    cure = "--allow-nonfinite computes as IEEE says" + ("" if name == "queries" else "; --mask keeps it out")
    raise ProblemError(matrix.where, f"{array[cell]} {format_cell(own[: len(shape)])} in the {name}", cure)


def reached_keys(problem: Problem) -> np.ndarray:
    """Return whether any query may attend to each key: (*key_lead, m) booleans."""
    reached = np.zeros(problem.keys.shape[:-1], np.bool_)
    for number in range(problem.parts):
        reached[problem.key_index(number)] |= _reached_in(problem, problem.part(number))
    return reached


def _reached_in(problem: Problem, part: Part) -> np.ndarray:
    reached = np.zeros(problem.m, np.bool_)
    step = max(1, TILE // problem.m)
    for start in range(0, problem.n, step):
        allowed = make_row_mask(problem, part, range(start, min(start + step, problem.n))).allowed(0, problem.m)
        reached |= True if allowed is None else allowed.any(axis=0)
    return reached
