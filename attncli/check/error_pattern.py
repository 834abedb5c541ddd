"""The pattern of the errors in a matrix: noise, one row, one head, above a diagonal, growing with position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.check.precision import spacing
from attncli.check.report import Errors

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.tolerance.measures import Measured

Array = np.ndarray

CLEAR = 3.4  # standard deviations from 0 of a rank correlation that shows that errors grow


def measure_errors(judge: Judge, measured: Measured, counted: Array) -> Errors:
    """Return the errors of a matrix. `counted` are the errors of its cells in their own units."""
    computed = measured.numbers[judge.name]
    dtype = claimed_dtype(judge)
    with np.errstate(invalid="ignore"):
        error = np.where(counted == 0, 0.0, np.abs(judge.expected - computed))
    finite = np.isfinite(computed)
    largest = np.abs(computed[finite]).max(initial=0)
    if dtype is None:
        assert judge.claims is not None
        unit, shown, plain = "units of the last digit", counted, None
        one = _unit_of_largest(judge.claims.unit, judge.claims.is_full, np.where(finite, np.abs(computed), -1))
        beyond = judge.is_beyond(measured)
        own_units = float(counted.max())
    else:
        unit = f"ulp of {dtype}"
        # one unit for all, because near 0 the unit of a cell is meaningless
        one = float(spacing(np.array(largest), dtype))
        bound = measured.bound(judge.name, "float32" if dtype in ("float16", "bfloat16") else dtype)
        if dtype in ("float16", "bfloat16"):
            bound = np.maximum(bound, one / 2)
        with np.errstate(over="ignore"):
            allowed = bound / one
            shown = np.where(np.isfinite(error), error / one, np.inf)
        plain = float(np.where(computed != 0, allowed, 0).max())
        beyond = shown / 2 > allowed  # twice the allowed error may overflow float64
        own_units = float(shown.max())
    with np.errstate(over="ignore"):
        sizes = np.where(np.isfinite(error), error / one, np.inf)
    told = sizes[np.isfinite(sizes)]
    gap = _cosine_gap(judge.expected, computed)
    return Errors(
        unit=unit,
        largest=float(sizes.max()),
        mean=float(told.mean()) if told.size else 0.0,
        percentile_99=float(np.percentile(told, 99)) if told.size else 0.0,
        own_units=own_units,
        cosine=None if gap is None else 1 - gap,
        gap=gap,
        first=_first(judge, beyond if beyond.any() else judge.is_another(measured, dtype)),
        dtype=dtype,
        plain=plain,
        beyond=int(beyond.sum()),
        cells=int(beyond.size),
        structure=describe_pattern(shown, beyond, judge.name),
    )


def _unit_of_largest(units: Array, is_full: Array, sizes: Array) -> float:
    """Return one unit of the last digit of the largest number that has one (fractions and full float64 numbers do
    not)."""
    if is_full.all():
        return float(spacing(np.array(sizes.max()), "float64"))
    own = np.where(is_full, 0.0, units)
    found = float(own.flat[int(np.argmax(np.where(is_full, -1, sizes)))])
    return found or float(own.max())


def _cosine_gap(expected: Array, computed: Array) -> float | None:
    """Return 1 minus the cosine of the angle between two lists of numbers, ½|a/‖a‖ − b/‖b‖|², or None for a zero
    vector."""
    finite = np.isfinite(expected) & np.isfinite(computed)
    sides = [array[finite] / (np.abs(array[finite]).max(initial=0) or 1) for array in (expected, computed)]
    lengths = [float(np.linalg.norm(side)) for side in sides]
    if 0 in lengths:
        return None
    apart = sides[0] / lengths[0] - sides[1] / lengths[1]
    return float(apart @ apart) / 2


def _first(judge: Judge, cells: Array) -> tuple[int, ...] | None:
    if not cells.any():
        return None
    at = np.unravel_index(int(np.argmax(cells)), cells.shape)
    return judge.given_cell(tuple(int(index) for index in at))


def claimed_dtype(judge: Judge) -> str | None:
    """Return the dtype that the expected numbers claim to have in full, or None for rounded decimals."""
    if judge.narrow:
        return judge.narrow[0]
    if judge.claims is None:
        return judge.dtype
    if judge.shows_float32 and judge.is_float32:
        return "float32"
    return "float64" if judge.claims.is_full.all() else None


def describe_pattern(sizes: Array, beyond: Array, name: str) -> str:
    """Return the end of a sentence: where the cells are whose error is larger than print or computation explain."""
    count = int(beyond.sum())
    if count == 0:
        return "noise: no cell differs by more than rounding explains"
    if count == 1:
        return "one cell"
    if name == "lse":
        return _growth(sizes, {"query": -1}) or f"{count} of {beyond.size} cells"
    *lead, _, _ = sizes.shape
    if lead and int(np.prod(lead)) > 1:
        parts = beyond.reshape(-1, *sizes.shape[-2:]).any(axis=(1, 2))
        if parts.sum() == 1:
            index = np.unravel_index(int(np.argmax(parts)), tuple(lead))
            noun = "head" if len(lead) == 1 else "part"
            inner = describe_pattern(sizes[index], beyond[index], name)
            return f"only {noun} {', '.join(str(int(i)) for i in index)}, {inner}"
    rows, columns = _any_along(beyond, -1), _any_along(beyond, -2)
    if rows.sum() == 1 < rows.size:
        return f"only row {int(np.argmax(rows))}"
    if columns.sum() == 1 < columns.size:
        return f"only column {int(np.argmax(columns))}"
    if name != "output" and (diagonal := _triangle(beyond)):
        return diagonal
    growth = _growth(sizes, {"query": -2, "column": -1})
    return growth or ("every cell" if bool(beyond.all()) else f"{count} of {beyond.size} cells, without a pattern")


def _any_along(beyond: Array, axis: int) -> Array:
    """Return which rows (axis −1) or columns (axis −2) have such a cell in any head."""
    along = np.asarray(beyond.any(axis=axis))
    return np.asarray(along.reshape(-1, along.shape[-1]).any(axis=0))


def _triangle(beyond: Array) -> str:
    """Return "above a diagonal" if the cells are where a causal mask of either corner would be."""
    n, m = beyond.shape[-2:]
    cells = np.asarray(beyond.reshape(-1, n, m).any(axis=0))
    if n < 3 or m < 3:
        return ""
    rows, keys = np.indices((n, m))
    found = [(0.5, "")]  # a diagonal must explain more than half
    for offset in dict.fromkeys((0, m - n)):
        line = "" if n == m else f" j = {position_text(offset)}"
        for word, side in (("above", keys > rows + offset), ("below", keys < rows + offset)):
            if side.any() and not cells[~side].any():
                found.append((float(cells[side].mean()), f"{word} the diagonal{line}"))
    return max(found, key=lambda one: one[0])[1]


def position_text(offset: int) -> str:
    """Return the key at the position of query i: i, i + 1, i − 1."""
    return "i" if offset == 0 else f"i {'+' if offset > 0 else '−'} {abs(offset)}"


def _growth(sizes: Array, axes: dict[str, int]) -> str:
    """Return whether the errors grow with the position along one of these axes."""
    for noun, axis in axes.items():
        length = sizes.shape[axis]
        if length < 6:
            continue
        largest = np.moveaxis(sizes, axis, 0).reshape(length, -1).max(axis=1)
        ordered = np.sort(largest)
        ranks = ordered.searchsorted(largest) + ordered.searchsorted(largest, "right")  # equal sizes have equal ranks
        correlation = float(np.corrcoef(ranks, np.arange(length))[0, 1]) if np.ptp(ranks) > 0 else 0.0
        if (
            np.arctanh(np.clip(correlation, 0, 1 - 1e-9)) * np.sqrt(length - 3) > CLEAR
        ):  # Fisher: noise is not this ordered
            return f"growing with the {noun}'s position"
    return ""
