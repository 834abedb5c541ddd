"""Checking that matrices fit together, and the layout in which every head of every batch entry has two axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from attncli.errors import ProblemError
from attncli.problem.heads import unpack_heads
from attncli.records import record

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.origins import OutputProjection
    from attncli.problem.projections import ProjectedInputs

Shape = tuple[int, ...]

ROLES = {"queries": "query", "keys": "key", "values": "key"}  # what a row stands for


@record
class Layout:
    """The leading axes `lead` of Q, mask and bias. Those of K and V have `key_heads` in place of the last axis (None:
    the same)."""

    queries: Array
    keys: Array
    values: Array | None
    mask: Array | None
    bias: Array | None
    lead: Shape
    key_heads: int | None


def axes_of(array: Array, where: str, role: str) -> Array:
    """Return the array with at least two nonempty axes. V of one axis and length m becomes (m, 1)."""
    if array.ndim == 1 and role == "values":
        array = array[:, None]
    if array.size == 0:
        empty = "rows" if array.ndim < 2 or array.shape[-2] == 0 else "columns" if array.shape[-1] == 0 else "entries"
        raise ProblemError(where, f"{role} have no {empty}: their shape is {array.shape}")
    if array.ndim < 2:
        first = [f"{number:g}" for number in array.ravel()[:3]]
        rest = ", …" if array.size > 3 else ""
        if not array.ndim:
            raise ProblemError(
                where, f"{role} must be 2-D (one row per {ROLES[role]}); got a single number", f"write [[{first[0]}]]"
            )
        row, column = f"[[{', '.join(first)}{rest}]]", f"[[{'], ['.join(first)}]{rest}]"
        hint = f"write {row} for one row" + ("" if array.size == 1 else f", or {column} for one column")
        raise ProblemError(where, f"{role} must be 2-D (one row per {ROLES[role]}); got 1 axis", hint)
    return array


def split_heads(
    queries: Array, keys: Array, values: Array | None, heads: tuple[int, int], sources: ProjectedInputs
) -> tuple[Array, Array, Array | None]:
    """Return (…, n, H·d) as views (…, H, n, d), for the H query heads and the KV key/value heads."""
    query_heads, key_heads = heads
    queries = _split(queries, query_heads, sources.queries.where, "queries")
    keys = _split(keys, key_heads, sources.keys.where, "keys")
    if values is not None:
        assert sources.values is not None
        values = _split(values, key_heads, sources.values.where, "values")
    return queries, keys, values


def _split(array: Array, heads: int, where: str, role: str) -> Array:
    width = array.shape[-1]
    if width % heads:
        fitting = ", ".join(str(count) for count in range(1, min(width, 64) + 1) if width % count == 0)
        raise ProblemError(
            where,
            f"the {width} {'column' if width == 1 else 'columns'} of {role} cannot be split into {heads} heads",
            f"numbers of heads that divide {width}: {fitting}",
        )
    return unpack_heads(array, heads)


def check_shapes(
    queries: Array,
    keys: Array,
    values: Array | None,
    mask: Array | None,
    bias: Array | None,
    sources: ProjectedInputs,
    wheres: tuple[str, str],
    packed: tuple[int, int] | None,
) -> Layout:
    """Broadcast everything as NumPy does.

    `wheres` are the names of the mask and the bias in errors. `packed` are the numbers of heads into which Q and K, V
    were split. Raises ProblemError with both sizes if shapes do not fit.
    """
    if queries.shape[-1] != keys.shape[-1]:
        _refuse_columns(queries, keys, sources, packed)
    if values is not None and values.shape[-2] != keys.shape[-2]:
        assert sources.values is not None
        what = f"{_count(keys.shape[-2], 'key', 'keys')}, but {_count(values.shape[-2], 'value', 'values')}"
        turned = sources.values.array.ndim > 1 and values.shape[-1] == keys.shape[-2]
        raise ProblemError(
            sources.values.where,
            f"{what} (keys {sources.given_shape('keys')}, values {sources.given_shape('values')})",
            "values look transposed: expected one value per row" if turned else "expected one value per key",
        )
    lead, key_heads = _leading(queries, keys, values, sources, packed is not None)
    n, m = queries.shape[-2], keys.shape[-2]
    for name, extra, where in (("mask", mask, wheres[0]), ("bias", bias, wheres[1])):
        if extra is not None:
            lead = _with_extra(name, extra, where, (*lead, n, m), packed is not None)
    key_lead = lead if key_heads is None else (*lead[:-1], key_heads)
    return Layout(
        queries=_over(queries, lead),
        keys=_over(keys, key_lead),
        values=None if values is None else _over(values, key_lead),
        mask=None if mask is None else np.broadcast_to(mask, (*lead, n, m)),
        bias=None if bias is None else np.broadcast_to(bias, (*lead, n, m)),
        lead=lead,
        key_heads=key_heads,
    )


def _over(matrices: Array, lead: Shape) -> Array:
    """Return a view, not to be written to, of matrices broadcast over leading axes."""
    if len(matrices.shape) > 2 or lead:
        return np.broadcast_to(matrices, (*lead, *matrices.shape[-2:]))
    view = matrices.view()  # in a fifth of the time
    view.flags.writeable = False
    return view


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def _refuse_columns(queries: Array, keys: Array, sources: ProjectedInputs, packed: tuple[int, int] | None) -> NoReturn:
    """Raise the error for queries and keys of different widths, with the shapes that the user gave."""
    q_shape, k_shape = sources.given_shape("queries"), sources.given_shape("keys")
    if packed is not None and packed != (1, 1):
        raise ProblemError(
            sources.keys.where,
            f"a query head has {_columns(queries.shape[-1])}, a key head {keys.shape[-1]} "
            f"(queries {q_shape} in {packed[0]} heads, keys {k_shape} in {packed[1]})",
            f"keys of {_columns(queries.shape[-1] * packed[1])} would fit, or other --heads",
        )
    turned = queries.shape[-1] == keys.shape[-2]
    raise ProblemError(
        sources.keys.where,
        f"queries have {_columns(queries.shape[-1])}, keys have {keys.shape[-1]} (queries {q_shape}, keys {k_shape})",
        "keys look transposed: expected one key per row"
        if turned
        else "queries and keys need the same number of columns",
    )


def _leading(
    queries: Array, keys: Array, values: Array | None, sources: ProjectedInputs, packed: bool
) -> tuple[Shape, int | None]:
    """Return the leading axes of the result, and the number of key heads if query heads share them."""
    q_lead, k_lead = queries.shape[:-2], keys.shape[:-2]
    v_lead = k_lead if values is None else values.shape[:-2]
    key_heads = None
    if q_lead and k_lead and 1 < k_lead[-1] < q_lead[-1] and q_lead[-1] % k_lead[-1] == 0:
        key_heads = k_lead[-1]
        if v_lead and v_lead[-1] not in (1, key_heads):
            assert sources.values is not None
            raise ProblemError(
                sources.values.where,
                f"{v_lead[-1]} value heads, but {key_heads} key heads "
                f"(keys {sources.given_shape('keys')}, values {sources.given_shape('values')})",
                f"axis {sources.head_axis} of values must be {key_heads}",
            )
        shared = [q_lead[:-1], k_lead[:-1], v_lead[:-1]]
        return (*_broadcast(shared, sources, packed), q_lead[-1]), key_heads
    return _broadcast([q_lead, k_lead, v_lead], sources, packed), None


def _broadcast(leads: list[Shape], sources: ProjectedInputs, packed: bool) -> Shape:
    if not any(leads):
        return ()
    try:
        return np.broadcast_shapes(*leads)
    except ValueError:
        shapes = f"queries {sources.given_shape('queries')}, keys {sources.given_shape('keys')}"
        if sources.values is not None:
            shapes += f", values {sources.given_shape('values')}"
        hint = (
            f"each must be equal or 1; on axis {sources.head_axis} the queries may have a multiple of the keys' heads"
        )
        if packed:
            hint = "--heads splits packed columns: leave it out if the arrays have an axis of heads"
        elif sources.head_axis == -3 and _fits_heads_last(sources):
            hint = "they fit as (…, n, heads, d): --layout heads-last"
        what = f"the axes before the last two don't fit: {shapes}"
        raise ProblemError(sources.keys.where, what, hint) from None


def _fits_heads_last(sources: ProjectedInputs) -> bool:
    """Return whether Q, K and V as they were given fit together with their heads on the axis before the last."""
    given = [matrix.array.shape for matrix in (sources.queries, sources.keys, sources.values) if matrix is not None]
    if min(map(len, given)) < 3:
        return False
    queries, *others = given
    heads, entries = queries[-2], [shape[:-3] for shape in given]
    counts = {shape[-2] for shape in others}
    try:
        np.broadcast_shapes(*entries)
    except ValueError:
        return False
    return len(counts) == 1 and heads % counts.pop() == 0 and len({shape[-3] for shape in others}) == 1


def _with_extra(name: str, extra: Array, where: str, due: Shape, packed: bool) -> Shape:
    """Return the leading axes after a mask or bias has been broadcast against `due`, (*lead, n, m)."""
    *lead, n, m = due
    try:
        whole = np.broadcast_shapes(extra.shape, due)
    except ValueError:
        whole = ()
    fixed = due[-3:] if packed else due[-2:]  # axes that a mask may not extend: queries, keys, packed heads
    if whole[-len(fixed) :] == fixed:
        return whole[:-2]
    if extra.shape[-2:] == (m, n) and n != m:
        hint = f"the {name} looks transposed: expected one row per query"
    elif len(lead) > 1 and extra.shape == (*lead[:-1], n, m):
        hint = f"the axis of the heads is missing: give it as {(*lead[:-1], 1, n, m)}"
    elif len(lead) > 1 and extra.shape == (lead[0], m):
        hint = f"if it has a row for each entry, give it as {(lead[0], *[1] * len(lead), m)}"
    elif len(lead) == 2 and extra.shape == (lead[0] * lead[1], n, m):
        hint = f"if its first axis is entries times heads, reshape it to {(*lead, n, m)}"
    else:
        hint = f"a {name} must broadcast to {due}"
    fits = f"{_count(n, 'query', 'queries')} and {_count(m, 'key', 'keys')}"
    if lead:
        fits += f" with the leading axes {tuple(lead)}"
    raise ProblemError(where, f"a {name} of shape {extra.shape} does not fit {fits}", hint)


def output_shape(lead: Shape, n: int, d_v: int, packed: bool, output_projection: OutputProjection | None) -> Shape:
    """Return the shape of the output: (*lead, n, d_v), with packed heads joined, and projected if there is w_o."""
    shape = (*lead[:-1], n, lead[-1] * d_v) if packed else (*lead, n, d_v)
    return shape if output_projection is None else (*shape[:-1], output_projection[0].shape[-1])


def broadcast_over(array: Array, whole: Shape, where: str, name: str) -> Array:
    """Return the array broadcast to `whole`, (*lead, n, m).

    Raises ProblemError with both shapes if it does not fit.
    """
    try:
        return np.broadcast_to(array, whole)
    except ValueError:
        what = f"a {name} of shape {array.shape} does not fit {whole}"
        raise ProblemError(where, what, f"a {name} must broadcast to {whole}") from None


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
