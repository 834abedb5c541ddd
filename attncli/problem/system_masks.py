"""Masks and lengths in shapes that only some systems have: masks of (batch·heads, n, m), (batch, m) or (batch, n, m),
and lengths per query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import ProblemError
from attncli.matrix import kind_of_contents
from attncli.records import replace
from attncli.systems import BY_NAME, OF_ENTRIES, OF_HEADS, OF_KEYS, System

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.matrix import Array

Shape = tuple[int, ...]

HEADS_BY_POSITION = "(heads, n, m)"
LENGTHS_HINT = "one length for all, or one per entry of the first axis"


def fit_system_masks(
    request: Request, queries: Shape, keys: Shape, mask: Array | None, bias: Array | None
) -> tuple[Request, Array | None, Array | None, dict[str, str]]:
    """Return the request, mask and bias in the shapes that every problem has, and the description of what was given.

    `queries` and `keys` are the shapes of Q and K. Lengths per query become a part of the mask.
    """
    said: dict[str, str] = {}
    system = BY_NAME.get(request.system or "")
    if system is None:
        return request, mask, bias, said
    n, m = queries[-2], keys[-2]
    lead = _leading_axes(queries, keys)
    if len(lead) == 1 and request.heads is not None:
        lead = ()  # of its heads alone: no axis of entries
    if mask is not None:
        mask, form = _give_leading_axes(system, mask, lead, n, m)
        said |= {"mask axes": form} if form else {}
    if bias is not None and OF_HEADS in system.mask_forms:
        bias, form = _give_leading_axes(system, bias, lead, n, m)
        said |= {"bias axes": form} if form else {}
    if request.key_lengths is not None and _has_length_per_query(system, request.key_lengths.array, lead, n):
        lengths = request.key_lengths.array
        check_lengths(lengths, request.key_lengths.where, m)
        own = np.arange(m) < lengths.reshape(len(lengths), *(1 for _ in lead[1:]), n, 1)
        own = own if lead else own[0]
        mask = own if mask is None else mask & own
        request = replace(request, key_lengths=None)
        said["key lengths"] = "one per query"
    return request, mask, bias, said


def describe_doubtful_axes(
    forms: dict[str, str], queries: Shape, mask: Array | None, bias: Array | None
) -> dict[str, str]:
    """Return how a mask and a bias of three axes were read whose first could be that of the entries as well."""
    could_be_either = len(queries) == 4 and queries[0] == queries[1] > 1
    return {
        f"{name} axes": HEADS_BY_POSITION
        for name, array in (("mask", mask), ("bias", bias))
        if could_be_either and array is not None and array.ndim == 3 and len(array) == queries[1]
        if f"{name} axes" not in forms
    }


def _leading_axes(queries: Shape, keys: Shape) -> Shape:
    """Return the leading axes of the scores, those of Q where key heads are shared, or () for shapes that are refused
    later."""
    shared = len(queries) > 2 < len(keys) and 1 < keys[-3] < queries[-3]
    try:
        entries = np.broadcast_shapes(queries[:-3], keys[:-3]) if shared else ()
        return (*entries, queries[-3]) if shared else np.broadcast_shapes(queries[:-2], keys[:-2])
    except ValueError:
        return ()


def _give_leading_axes(system: System, array: Array, lead: Shape, n: int, m: int) -> tuple[Array, str | None]:
    """Return a mask with an axis for each of `lead`, if the system has masks of such axes, and what the axes were."""
    forms, shape = system.mask_forms, array.shape
    if not lead:
        return array, None
    if OF_HEADS in forms and len(lead) == 2 and shape == (lead[0] * lead[1], n, m) and lead[0] > 1:
        return array.reshape(*lead, n, m), OF_HEADS
    could_be_rows = system.has_row_masks and lead[0] in (1, n)
    if OF_KEYS in forms and shape == (lead[0], m) and not could_be_rows:
        return array.reshape(lead[0], *(1 for _ in lead[1:]), 1, m), OF_KEYS
    if OF_ENTRIES in forms and len(lead) == 2 and array.ndim == 3 and shape[0] == lead[0]:
        return array[:, None], OF_ENTRIES
    return array, None


def _has_length_per_query(system: System, lengths: Array, lead: Shape, n: int) -> bool:
    return system.has_lengths_per_query and lengths.ndim == 2 and lengths.shape == (lead[0] if lead else 1, n)


def check_lengths(lengths: Array, where: str, m: int) -> None:
    """Raise ProblemError unless all are whole numbers from 0 to m."""
    if lengths.dtype.kind not in "iuf":
        raise ProblemError(where, f"holds {kind_of_contents(lengths)}; expected whole numbers", LENGTHS_HINT)
    strange = ~np.isfinite(lengths) | (lengths != np.floor(lengths))
    if strange.any():
        raise ProblemError(where, f"{lengths[strange][0]:g} is not a whole number of keys", LENGTHS_HINT)
    beyond = (lengths < 0) | (lengths > m)
    if beyond.any():
        raise ProblemError(where, f"length {lengths[beyond][0]:.15g} is not between 0 and the {m} keys")
