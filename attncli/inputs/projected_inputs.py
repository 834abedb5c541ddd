"""Q, K and V that stand beside the x that they are made of, as every step of a worked example does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.errors import InputError
from attncli.inputs.request import PROJECTED
from attncli.matrix import first_cell

if TYPE_CHECKING:
    from attncli.matrix import Array, Matrix

LETTERS = {"queries": "Q", "keys": "K", "values": "V"}
_MOST_DECIMALS = 15  # of numbers in full
_OF_ROUNDING = 1e-9
_ROUNDED = 1e-3  # the unit of numbers that may be rounded
_SOURCES = ("x", "context", "values_context", "w_q", "w_k", "w_v", "b_q", "b_k", "b_v")


def settle_beside_x(request: dict[str, Any], where: str) -> list[str]:
    """Remove what is given twice from a request: x where Q and K are given and no projections; Q, K and V where they
    are x times these; or x and the projections where Q, K and V are their product, rounded. Return notes.

    Raises InputError for the first of Q, K and V that is not x times its projection.
    """
    given = [name for name in LETTERS if request.get(name) is not None]
    if "x" not in request or not {"queries", "keys"}.issubset(given):
        return []
    if not any(name.startswith(("w_", "b_")) and name[2:] in "qkv" for name in request):
        spare = [name for name in ("x", "context", "values_context") if request.pop(name, None) is not None]
        return [f"{where}: {' and '.join(spare)} {'is' if len(spare) == 1 else 'are'} left out: Q and K are given"]
    if not all(f"w_{LETTERS[name].lower()}" in request for name in given):
        return []  # an error of the problem
    letters = [LETTERS[name] for name in given]
    told = f"{', '.join(letters[:-1])} and {letters[-1]}"
    are_full = [_is_product(request, name) for name in given]
    if all(are_full):
        for name in given:
            del request[name]
        return [f"{where}: {told} are x times their projections, and are computed from these"]
    for name in _SOURCES:
        request.pop(name, None)
    return [f"{where}: {told} are x times their projections, rounded, and are taken as they are printed"]


def _is_product(request: dict[str, Any], name: str) -> bool:
    """Return whether Q, K or V is its source times its projection in full, and not only to the digits that these show.

    Raises InputError if it is neither.
    """
    letter, matrix = LETTERS[name], request[name]
    source = next(request[each] for each in PROJECTED[name] if request.get(each) is not None)
    weights, offset = request[f"w_{letter.lower()}"], request.get(f"b_{letter.lower()}")
    off = _difference(matrix, source, weights.array, offset)
    allowed = (_unit(matrix.array) + _rounding(source.array, weights.array)) * (1 + _OF_ROUNDING) + _OF_ROUNDING
    if off is not None and bool((np.abs(off) <= allowed).all()):
        return bool((np.abs(off) <= _OF_ROUNDING).all())
    turned = _difference(matrix, source, weights.array.mT, offset) if weights.array.ndim > 1 else None
    is_turned = turned is not None and bool((np.abs(turned) <= allowed).all())
    product = f"x · w_{letter.lower()}"
    hint = (
        f"it is {product}ᵀ: write w_{letter.lower()} with a row for each column of x"
        if is_turned
        else "correct it; or keep only x with its projections, or only Q, K and V"
    )
    if off is None:
        raise InputError(matrix.where, f"its shape {matrix.array.shape} is not that of {product}", hint)
    cell = first_cell(np.abs(off) > allowed)
    at = ", ".join(map(str, cell or ()))
    says, right = float(matrix.array[cell]), float((matrix.array - off)[cell])
    raise InputError(matrix.where, f"at [{at}] it says {says:.9g}, and {product} gives {right:.9g}", hint)


def _difference(matrix: Matrix, source: Matrix, weights: Array, offset: Matrix | None) -> Array | None:
    """Return by how much a matrix is more than a product, or None if their shapes differ."""
    try:
        product = np.asarray(source.array, np.float64) @ np.asarray(weights, np.float64)
        if offset is not None:
            product = product + np.asarray(offset.array, np.float64)
    except ValueError:
        return None
    return np.asarray(matrix.array, np.float64) - product if product.shape == matrix.array.shape else None


def _rounding(source: Array, weights: Array) -> float:
    """Return how far a product may be off by the rounding of both, if they show so many decimals that they may be
    rounded."""
    units = [_unit(each) if _unit(each) <= _ROUNDED else 0.0 for each in (source, weights)]
    sums = [float(np.abs(each).sum(axis=axis).max(initial=0)) for each, axis in ((weights, -2), (source, -1))]
    return units[0] / 2 * sums[0] + units[1] / 2 * sums[1]


def _unit(array: Array) -> float:
    """Return one unit of the last decimal that any cell shows, or a float32's rounding of the largest."""
    if array.dtype in (np.float32, np.float16):
        return float(np.abs(array).max(initial=0) * np.finfo(array.dtype).eps * 8)
    texts = (repr(float(cell)).partition(".")[2] for cell in array.reshape(-1))
    decimals = max((0 if text == "0" else _MOST_DECIMALS if "e" in text else len(text) for text in texts), default=0)
    return float(10.0**-decimals) if 0 < decimals < _MOST_DECIMALS else 0.0
