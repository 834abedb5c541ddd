"""Masks and lengths in shapes that one system has: (batch·heads, n, m) and (batch, m) of torch-mha, and the lengths per
query of d2l."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import ProblemError
from attncli.matrix import kind_of_contents
from attncli.systems import BY_NAME, System

if TYPE_CHECKING:
    from attncli.inputs.request import Request

Array = np.ndarray
Shape = tuple[int, ...]

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
    try:
        lead = np.broadcast_shapes(queries[:-2], keys[:-2])
    except ValueError:
        lead = ()  # of shared key heads, or of shapes that are refused later
    if mask is not None:
        mask, form = _from_flat(system, mask, lead, n, m)
        said |= {"mask axes": form} if form else {}
    if bias is not None:
        bias, form = _from_flat(system, bias, lead, n, m)
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


def _from_flat(system: System, array: Array, lead: Shape, n: int, m: int) -> tuple[Array, str | None]:
    """Return a mask of (batch·heads, n, m) as (batch, heads, n, m), and one of (batch, m), which is no (n, m), as
    (batch, 1, …, m)."""
    if not system.has_flat_masks or not lead:
        return array, None
    if len(lead) == 2 and array.shape == (lead[0] * lead[1], n, m) and lead[0] > 1:
        return array.reshape(*lead, n, m), "(batch·heads, n, m)"
    if array.shape == (lead[0], m) and lead[0] not in (1, n):
        return array.reshape(lead[0], *(1 for _ in lead[1:]), 1, m), "(batch, m)"
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
