"""Turning a `Request` into a `Problem` whose parts fit together, so that nothing has to be checked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import ProblemError
from attncli.inputs.request import Labels, Request
from attncli.matrix import first_cell, format_cell, holds_numbers, kind_of_contents
from attncli.problem.conventions import apply_system, refuse_groups
from attncli.problem.describe import describe
from attncli.problem.dtypes import cast_matrix, choose_dtypes, round_to_dtype
from attncli.problem.heads import swap_shape
from attncli.problem.label_orders import refuse_other_orders
from attncli.problem.layouts import describe_axes, give_heads_first, read_heads_first
from attncli.problem.masks import read_bias, read_mask, settle_visible
from attncli.problem.nonfinite import is_finite, settle_nonfinite
from attncli.problem.origins import Origins, OutputProjection, read_d_output
from attncli.problem.problem import Conventions, Problem
from attncli.problem.projections import resolve_projections
from attncli.problem.scaling import refuse_beyond, settle_scale
from attncli.problem.shapes import Layout, axes_of, check_shapes, output_shape, split_heads
from attncli.problem.stages import settle_stages
from attncli.problem.system_masks import describe_doubtful_axes, fit_system_masks
from attncli.problem.totals import refuse_totals
from attncli.problem.words import Words
from attncli.records import replace
from attncli.variants import BY_NAME, DEFAULT, WITH_WEIGHTS, Variant

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.projections import ProjectedInputs


def prepare(request: Request, *, compute: str | None = None, describes: bool = True) -> Problem:
    """Check that everything fits, and lay it out for the engine: first the numbers, then the words about them.

    `compute` forces the computing dtype (float64 for checking and explaining). Only the labels are among the words if
    it `describes` nothing. Raises ProblemError, NumericError or UsageError.
    """
    refuse_totals(request)
    refuse_other_orders(request)
    given, (request, heads_last) = request, read_heads_first(request)
    request, conventions = apply_system(request)
    sources = resolve_projections(request, compute, heads_last)
    dtype, computing = choose_dtypes(request, sources.matrices)
    computing = np.dtype(compute) if compute else computing
    matrices = _read_matrices(request, sources, dtype, computing)
    variant = _settle_variant(request, computing, matrices[0].shape[-1])
    request, layout, forms = _lay_out(request, sources, *matrices, computing)
    problem = _make_problem(
        request, sources, layout, variant, conventions, np.dtype(compute) if compute else dtype, computing
    )
    problem, cleaned = settle_nonfinite(problem, sources, allow=bool(request.allow_nonfinite))
    axes = describe_axes(given, heads_last)
    forms = {**({"axes": axes} if axes else {}), **forms}
    labels = _settle_labels(request, sources.labels, problem)
    if not describes:
        return replace(problem, words=Words(labels))
    return replace(problem, words=describe(problem, request, labels, forms, [*sources.notes, *cleaned]))


def prepare_heads_first(request: Request, *, compute: str) -> tuple[Request, Problem]:
    """Return the request and its problem with all arrays as (…, heads, n, d), whatever the layout. The description of
    the layout remains."""
    problem = prepare(request, compute=compute)
    if not problem.heads_last:
        return request, problem
    request = give_heads_first(request, problem)
    turned = prepare(request, compute=compute)
    return request, replace(turned, words=replace(turned.words, conventions=problem.words.conventions))


def _read_matrices(
    request: Request, sources: ProjectedInputs, dtype: np.dtype, computing: np.dtype
) -> tuple[Array, Array, Array | None]:
    """Return Q, K and V in the computing dtype, with packed heads split."""
    queries = axes_of(cast_matrix(sources.queries, dtype, computing, request), sources.queries.where, "queries")
    keys = axes_of(cast_matrix(sources.keys, dtype, computing, request), sources.keys.where, "keys")
    values = None
    if sources.values is not None:
        values = axes_of(cast_matrix(sources.values, dtype, computing, request), sources.values.where, "values")
    if request.heads is None:
        return queries, keys, values
    return split_heads(queries, keys, values, request.heads, sources)


def _lay_out(
    request: Request,
    sources: ProjectedInputs,
    queries: Array,
    keys: Array,
    values: Array | None,
    computing: np.dtype,
) -> tuple[Request, Layout, dict[str, str]]:
    """Return the matrices, the mask and the bias over the same leading axes.

    The request loses what a system's mask has taken up, and the words say in which form that was given.
    """
    mask, bias = read_mask(request), read_bias(request, computing)
    forms: dict[str, str] = {}
    if request.system is not None:
        request, mask, bias, forms = fit_system_masks(request, queries.shape, keys.shape, mask, bias)
    forms |= describe_doubtful_axes(forms, queries.shape, mask, bias)
    wheres = (request.mask.where if request.mask else "mask", request.bias.where if request.bias else "bias")
    return request, check_shapes(queries, keys, values, mask, bias, sources, wheres, request.heads), forms


def _make_problem(
    request: Request,
    sources: ProjectedInputs,
    layout: Layout,
    variant: Variant,
    conventions: Conventions,
    dtype: np.dtype,
    computing: np.dtype,
) -> Problem:
    """Return the numbers of a problem, in which some may not be finite. `dtype` is that of the results."""
    (n, d_k), m = layout.queries.shape[-2:], layout.keys.shape[-2]
    scales, scale_text = settle_scale(request, variant, layout, m)
    for scale in scales:
        refuse_beyond(computing, scale, "--length-scale" if request.scale is None else "--scale", "the scale")
    if request.softcap is not None:
        refuse_beyond(computing, request.softcap, "--softcap", "the softcap")
    visible = settle_visible(request, layout.lead, n, m, conventions)
    stages = settle_stages(request, layout.lead, n, m, d_k)
    output_projection = sources.output_projection(
        computing,
        _joined_width(request, layout),
        allow_nonfinite=bool(request.allow_nonfinite),
        dtype=request.dtype,
    )
    refuse_groups(request, layout.key_heads)
    return Problem(
        queries=layout.queries,
        keys=layout.keys,
        values=layout.values,
        mask=layout.mask,
        bias=layout.bias,
        variant=variant,
        scale=max(scales, key=abs),
        scale_text=scale_text,
        head_scales=scales if len(scales) > 1 else None,
        length_scale=(request.length_scale or 1.0) if variant.has_length and request.scale is None else None,
        softcap=request.softcap,
        visible=visible,
        conventions=conventions,
        lead=layout.lead,
        key_heads=layout.key_heads,
        packed=request.heads is not None,
        heads_last=sources.heads_last,
        dtype=dtype,
        is_finite=is_finite(layout.queries, layout.keys, layout.values),
        output_projection=output_projection,
        **stages,
        origins=_settle_origins(request, sources),
        d_output=_settle_d_output(request, sources, layout, output_projection),
    )


def _joined_width(request: Request, layout: Layout) -> int | None:
    """Return the number of columns of the output before it is projected, or None without values."""
    if layout.values is None:
        return None
    return int(layout.values.shape[-1]) * (1 if request.heads is None else layout.lead[-1])


def _settle_d_output(
    request: Request, sources: ProjectedInputs, layout: Layout, output_projection: OutputProjection | None
) -> Array | None:
    if request.d_output is None:
        return None
    shape = None
    if layout.values is not None:
        sizes = layout.queries.shape[-2], layout.values.shape[-1]
        shape = output_shape(layout.lead, *sizes, request.heads is not None, output_projection)
        shape = swap_shape(shape) if "output" in sources.heads_last else shape
    return read_d_output(request.d_output, shape, layout.queries.dtype, sources.heads_last)


def _settle_origins(request: Request, sources: ProjectedInputs) -> Origins:
    shapes = sources.shapes if request.bias is None else {**sources.shapes, "bias": request.bias.array.shape}
    return Origins(shapes, sources.projections)


def _settle_variant(request: Request, computing: np.dtype, d_k: int) -> Variant:
    """Return the variant, with the weights of the features if they are given."""
    variant = BY_NAME[request.variant or DEFAULT]
    if request.v_a is None:
        return variant
    if not variant.takes_weights:
        raise ProblemError(request.v_a.where, f"{variant.name} has no weights of features", f"-a {WITH_WEIGHTS}")
    array, where = request.v_a.array, request.v_a.where
    if not holds_numbers(array):
        raise ProblemError(where, f"holds {kind_of_contents(array)}; expected one number per column of Q and K")
    if array.size != d_k or max(array.shape, default=1) != d_k:
        raise ProblemError(where, f"v_a has shape {array.shape}; expected one number per column of Q and K: ({d_k},)")
    if request.dtype is not None:
        array = round_to_dtype(array, where, request.dtype)
    weights = array.reshape(d_k).astype(computing)
    if not np.isfinite(weights).all():
        cell = first_cell(~np.isfinite(weights))
        raise ProblemError(where, f"v_a has {weights[cell]} {format_cell(cell)}", "give finite numbers")
    return variant.with_weights(tuple(weights.tolist()))


def _settle_labels(request: Request, found: Labels, problem: Problem) -> Labels:
    """Return the labels. Those given separately override those of the matrices. Their number must be that of the named
    entries."""
    named = ((name, getattr(request.labels, name)) for name in ("queries", "keys", "features", "values"))
    own = {name: given for name, given in named if given is not None}
    if not own:
        return found
    sizes = {"queries": problem.n, "keys": problem.m, **({} if request.heads else {"features": problem.d_k})}
    for name, size in sizes.items():
        if name in own and len(own[name]) != size:
            raise ProblemError(f"labels: {name}", f"{len(own[name])} labels for {size} {_LABELLED[name]}")
    return replace(found, **own)


_LABELLED = {"queries": "queries", "keys": "keys", "features": "columns of Q and K"}
