"""The stages of a request besides score, scale and mask, checked against its sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.errors import ProblemError
from attncli.matrix import first_cell, kind_of_contents
from attncli.problem.masks import read_truths
from attncli.problem.shapes import broadcast_over
from attncli.stages.normalizers import NORMALIZER_BY_NAME, SOFTMAX
from attncli.stages.row_transforms import BASE, NORM_BY_NAME, PAIRING_BY_NAME, Rotation
from attncli.stages.slopes import USUAL, usual_slopes

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.matrix import Array, Matrix

_IDS = "one id per position, or per entry of the first axis and position"


def settle_stages(request: Request, lead: tuple[int, ...], n: int, m: int, d_k: int) -> dict[str, Any]:
    """Return the fields of a Problem for these stages.

    `d_k` is that of one head. Raises ProblemError if a stage does not fit.
    """
    heads = lead[-1] if lead else 1
    normalizer = NORMALIZER_BY_NAME[request.normalizer or SOFTMAX.name]
    sink = _one_per_head(request.sink, heads, "--sink", "sinks")
    if sink is not None and normalizer is not SOFTMAX:
        what = f"{normalizer.name} has no sum that a sink could join"
        raise ProblemError("--sink", what, "leave out --sink, or --normalizer")
    slopes = request.alibi
    if slopes is not None:
        slopes = usual_slopes(heads) if slopes == USUAL else _one_per_head(slopes, heads, "--alibi", "slopes")
    if request.softcap_after_bias and request.softcap is None:
        raise ProblemError("--softcap-after-bias", "there is no softcap", "add --softcap C")
    return {
        "row_norm": None if request.qk_norm is None else NORM_BY_NAME[request.qk_norm],
        "rotation": _settle_rotation(request, d_k),
        "slopes": slopes,
        "segments": _settle_segments(request, lead, n, m),
        "sink": sink,
        "normalizer": normalizer,
        "top_k": request.top_k,
        "dropout": request.dropout or 0.0,
        "dropout_mask": _settle_dropout_mask(request, lead, n, m),
    }


def _one_per_head(numbers: Any, heads: int, option: str, noun: str) -> tuple[float, ...] | None:
    if numbers is None or len(numbers) in (1, heads):
        return None if numbers is None else tuple(numbers)
    owned = "1 head" if heads == 1 else f"{heads} heads"
    raise ProblemError(option, f"{len(numbers)} {noun} for {owned}", "one number for all, or one per query head")


def _settle_rotation(request: Request, d_k: int) -> Rotation | None:
    if request.rope is None:
        for name in ("rope_base", "rope_dims", "rope_scale"):
            if getattr(request, name) is not None:
                raise ProblemError(f"--{name.replace('_', '-')}", "there are no rotary positions", "add --rope half")
        return None
    size = request.rope_dims or d_k
    if size > d_k:
        raise ProblemError("--rope-dims", f"{size} columns are to be rotated, but a head has {d_k}")
    if size % 2:
        where = "--rope-dims" if request.rope_dims else "--rope"
        number = "there is 1" if size == 1 else f"there are {size}"
        raise ProblemError(where, f"columns are rotated in pairs, but {number}", "--rope-dims with an even number")
    return Rotation(PAIRING_BY_NAME[request.rope], request.rope_base or BASE, size, request.rope_scale or 1.0)


def _settle_segments(request: Request, lead: tuple[int, ...], n: int, m: int) -> tuple[Array, Array] | None:
    if request.segments is None:
        if request.key_segments is not None:
            raise ProblemError(request.key_segments.where, "the queries have no segments", "add --segments")
        return None
    if request.key_segments is None and n != m:
        what = f"the ids are those of {n} queries, but there are {m} keys"
        raise ProblemError(request.segments.where, what, "give those of the keys with --key-segments")
    queries = _read_ids(request.segments, lead, n, "queries")
    return queries, queries if request.key_segments is None else _read_ids(request.key_segments, lead, m, "keys")


def _read_ids(matrix: Matrix, lead: tuple[int, ...], size: int, noun: str) -> Array:
    """Return segment ids (1, size) or (entries of the first axis, size)."""
    array, where = matrix.array, matrix.where
    if array.dtype.kind not in "iufb":
        raise ProblemError(where, f"contains {kind_of_contents(array)}; segments are numbers", _IDS)
    is_entries = array.ndim == 2 and array.shape[1] == size
    if not is_entries and max(array.shape, default=0) == array.size:
        array = array.reshape(1, -1)  # a 1-D array, or a row or a column of a text table
    if array.ndim != 2 or array.shape[1] != size:
        raise ProblemError(where, f"segments have the shape {matrix.array.shape}; there are {size} {noun}", _IDS)
    if array.shape[0] not in (1, lead[0] if lead else 1):
        entries = f"the first axis has {lead[0]} entries" if lead else "there is no leading axis"
        raise ProblemError(where, f"segments of {array.shape[0]} entries, but {entries}", _IDS)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ProblemError(where, f"{array[first_cell(~np.isfinite(array))]:g} is not a segment's id", _IDS)
    return array


def _settle_dropout_mask(request: Request, lead: tuple[int, ...], n: int, m: int) -> Array | None:
    matrix = request.dropout_mask
    if matrix is None:
        if request.dropout:
            what = "which weights are dropped is not known: attncli draws no random numbers"
            raise ProblemError("--dropout", what, "give the mask with --dropout-mask, 1 = kept")
        return None
    return broadcast_over(read_truths(matrix, "dropout mask"), (*lead, n, m), matrix.where, "dropout mask")
