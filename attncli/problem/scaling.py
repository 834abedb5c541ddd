"""The scale of a problem: the factor of its raw scores, from an expression or a length."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import NumericError, ProblemError, ValueFault
from attncli.inputs.scale import KEYS, QUERIES, SIZE, evaluate_scale, split_scales
from attncli.variants import WITH_LENGTH

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.problem.shapes import Layout
    from attncli.variants import Variant


def settle_scale(request: Request, variant: Variant, layout: Layout, m: int) -> tuple[tuple[float, ...], str]:
    """Return the factor of the raw scores, or one per query head, and its description."""
    if request.length_scale is not None:
        if not variant.has_length:
            hint = f"only {WITH_LENGTH} have; or use --scale"
            raise ProblemError("--length-scale", f"{variant.name} has no length scale", hint)
        if request.scale is not None:
            raise ProblemError("--length-scale", "cannot be combined with --scale: both set the scale", "leave one out")
    if request.scale is None and variant.has_length:
        length = request.length_scale or 1.0
        return (length_factor(variant, length),), variant.scale_of_length(length)
    text = variant.default_scale if request.scale is None else request.scale
    n, d_k = layout.queries.shape[-2:]
    texts, heads = split_scales(text) or (text,), layout.lead[-1] if layout.lead else 1
    if len(texts) not in (1, heads):
        owned = "1 head" if heads == 1 else f"{heads} heads"
        raise ProblemError("--scale", f"{len(texts)} scales for {owned}", "one scale for all, or one per query head")
    try:
        return tuple(_value_of(each, d_k, n, m) for each in texts), texts[0] if len(texts) == 1 else text
    except ValueFault as error:
        raise ProblemError("--scale", error.what, error.hint) from None


@lru_cache(maxsize=64)
def _value_of(text: str, d_k: int, n: int, m: int) -> float:
    """Return the value of a scale for these sizes."""
    return evaluate_scale(text, {SIZE: float(d_k), QUERIES: float(n), KEYS: float(m)})


def refuse_beyond(computing: np.dtype, number: float, where: str, what: str) -> None:
    """Raise NumericError if a float64 setting would become infinite, zero or subnormal in the computing dtype."""
    if computing == np.float64 or not number:
        return
    limits = np.finfo(computing)
    if not float(limits.tiny) <= abs(number) <= float(limits.max):
        raise NumericError(where, f"{what} {number:g} is beyond {computing.name}", "--dtype float64")


def length_factor(variant: Variant, length: float) -> float:
    """Return the factor of the scores for a length scale ℓ.

    Raises an error if it is not a positive finite number.
    """
    try:
        factor = variant.length_scale_factor(length)
    except OverflowError:
        factor = float("inf")
    if not (0 < factor < float("inf")):
        size = "large" if factor == 0 else "small"
        raise ProblemError("--length-scale", f"ℓ = {length:g} is too {size}: {variant.default_scale} is beyond float64")
    return factor
