"""Whether matrices fit together, and the layout in which every head of every batch entry is two-dimensional."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import ProblemError

if TYPE_CHECKING:
    from attncli.projections import Sources

Array = np.ndarray
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Q, mask and bias over `lead`; K and V over lead with `key_heads` in place of the last axis (None: the same)."""

    queries: Array
    keys: Array
    values: Array | None
    mask: Array | None
    bias: Array | None
    lead: Shape
    key_heads: int | None


def axes_of(array: Array, where: str, role: str) -> Array:
    """The array with at least two axes and nothing empty; V of one axis and length m becomes (m, 1)."""
    if array.ndim == 1 and role == "values":
        array = array[:, None]
    if array.ndim < 2:
        shown = (
            "[["
            + ", ".join(f"{number:g}" for number in array.reshape(-1)[:3])
            + (", …" if array.size > 3 else "")
            + "]]"
        )
        what = (
            f"{role} has {array.ndim} axis, and rows are due"
            if array.ndim
            else f"{role} is a single number, and rows are due"
        )
        raise ProblemError(where, what, f"write {shown} for one row")
    if 0 in array.shape:
        empty = "rows" if array.shape[-2] == 0 else "columns" if array.shape[-1] == 0 else "entries"
        raise ProblemError(where, f"{role} has no {empty}: its shape is {array.shape}")
    return array


def split_heads(
    queries: Array, keys: Array, values: Array | None, heads: tuple[int, int], sources: Sources
) -> tuple[Array, Array, Array | None]:
    """(…, n, H·d) → (…, H, n, d) as views, for the H query heads and the KV key/value heads."""
    query_heads, key_heads = heads
    return (
        _split(queries, query_heads, sources.queries.where, "queries"),
        _split(keys, key_heads, sources.keys.where, "keys"),
        None if values is None or sources.values is None else _split(values, key_heads, sources.values.where, "values"),
    )


def _split(array: Array, heads: int, where: str, role: str) -> Array:
    width = array.shape[-1]
    if width % heads:
        raise ProblemError(
            where, f"the {width} columns of {role} don't split into {heads} heads", "--heads must divide them"
        )
    return np.moveaxis(array.reshape(*array.shape[:-1], heads, width // heads), -2, -3)


def check_shapes(
    queries: Array,
    keys: Array,
    values: Array | None,
    mask: Array | None,
    bias: Array | None,
    sources: Sources,
) -> Layout:
    """Broadcast everything as NumPy does; ProblemError with both sizes where it can't be."""
    q_where, k_where = sources.queries.where, sources.keys.where
    if queries.shape[-1] != keys.shape[-1]:
        what = f"queries have {queries.shape[-1]} columns, keys have {keys.shape[-1]}"
        turned = queries.shape[-1] == keys.shape[-2]
        raise ProblemError(
            k_where,
            f"{what} ({q_where}: {queries.shape}, {k_where}: {keys.shape})",
            "keys look transposed: one key per row is due" if turned else "a key has as many columns as a query",
        )
    if values is not None and values.shape[-2] != keys.shape[-2]:
        assert sources.values is not None
        what = f"{keys.shape[-2]} keys, but {values.shape[-2]} values"
        turned = values.shape[-1] == keys.shape[-2]
        raise ProblemError(
            sources.values.where,
            f"{what} ({k_where}: {keys.shape}, {sources.values.where}: {values.shape})",
            "values look transposed: one value per row is due" if turned else "a value per key is due",
        )
    lead, key_heads = _leading(queries, keys, values, sources)
    n, m = queries.shape[-2], keys.shape[-2]
    for name, extra in (("mask", mask), ("bias", bias)):
        if extra is not None:
            lead = _with_extra(name, extra, lead, n, m)
    key_lead = lead if key_heads is None else (*lead[:-1], key_heads)
    return Layout(
        queries=np.broadcast_to(queries, (*lead, *queries.shape[-2:])),
        keys=np.broadcast_to(keys, (*key_lead, *keys.shape[-2:])),
        values=None if values is None else np.broadcast_to(values, (*key_lead, *values.shape[-2:])),
        mask=None if mask is None else np.broadcast_to(mask, (*lead, n, m)),
        bias=None if bias is None else np.broadcast_to(bias, (*lead, n, m)),
        lead=lead,
        key_heads=key_heads,
    )


def _leading(queries: Array, keys: Array, values: Array | None, sources: Sources) -> tuple[Shape, int | None]:
    """The leading axes of the result, and the number of key heads where query heads share them."""
    q_lead, k_lead = queries.shape[:-2], keys.shape[:-2]
    v_lead = k_lead if values is None else values.shape[:-2]
    key_heads = None
    if q_lead and k_lead and 1 < k_lead[-1] < q_lead[-1] and q_lead[-1] % k_lead[-1] == 0:
        key_heads = k_lead[-1]
        if v_lead and v_lead[-1] not in (1, key_heads):
            assert sources.values is not None
            raise ProblemError(sources.values.where, f"{v_lead[-1]} value heads, but {key_heads} key heads")
        shared = [q_lead[:-1], k_lead[:-1], v_lead[:-1]]
        return (*_broadcast(shared, sources, queries, keys, values), q_lead[-1]), key_heads
    return _broadcast([q_lead, k_lead, v_lead], sources, queries, keys, values), None


def _broadcast(leads: list[Shape], sources: Sources, queries: Array, keys: Array, values: Array | None) -> Shape:
    try:
        return np.broadcast_shapes(*leads)
    except ValueError:
        shapes = f"queries {queries.shape}, keys {keys.shape}" + ("" if values is None else f", values {values.shape}")
        raise ProblemError(
            sources.keys.where,
            f"the leading axes don't fit: {shapes}",
            "they broadcast as NumPy's do, or the query heads are a multiple of the key heads",
        ) from None


def _with_extra(name: str, extra: Array, lead: Shape, n: int, m: int) -> Shape:
    """The leading axes once a mask or bias has been broadcast against (*lead, n, m)."""
    try:
        whole = np.broadcast_shapes(extra.shape, (*lead, n, m))
    except ValueError:
        whole = ()
    if whole[-2:] != (n, m) or (lead and whole[-len(lead) - 2 :] != (*lead, n, m)):
        turned = extra.ndim >= 2 and extra.shape[-2:] == (m, n) and n != m
        hint = (
            f"the {name} looks transposed: a row per query is due"
            if turned
            else f"a {name} broadcasts to {(*lead, n, m)}"
        )
        raise ProblemError(
            name, f"shape {extra.shape} does not fit {n} queries and {m} keys{f' under {lead}' if lead else ''}", hint
        )
    return whole[:-2]
