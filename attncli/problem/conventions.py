"""A request under another system's conventions: missing settings get the system's values, unsupported ones are
refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import ProblemError
from attncli.matrix import holds_numbers
from attncli.problem.layouts import keep_layout
from attncli.problem.problem import Conventions
from attncli.records import replace
from attncli.stages.normalizers import NORMALIZER_BY_NAME, SOFTMAX
from attncli.systems import BIAS, BY_NAME, CAUSAL, EMPTY, GROUPS, LENGTHS, MASK, NAMES, SOFTCAP, System, systems_with
from attncli.variants import BY_NAME as VARIANT_BY_NAME
from attncli.variants import DEFAULT

if TYPE_CHECKING:
    from attncli.inputs.request import Request

# the part of a request that uses a feature, and the words for it
ASKED = {
    MASK: ("mask", "--mask", "mask"),
    BIAS: ("bias", "--bias", "added bias"),
    SOFTCAP: ("softcap", "--softcap", "softcap"),
    LENGTHS: ("key_lengths", "--key-lengths", "key lengths"),
}


def apply_system(request: Request) -> tuple[Request, Conventions]:
    """Return the request with the system's defaults for what it does not set, and the conventions that no setting can
    express."""
    if request.system is None:
        return request, Conventions(softcap_after_bias=bool(request.softcap_after_bias))
    system = find_system(request.system)
    for feature, (name, option, words) in ASKED.items():
        if getattr(request, name) is not None and not system.has(feature):
            raise lacking_error(system, feature, words, option)
    if not system.has(CAUSAL):
        if request.causal:
            raise lacking_error(system, CAUSAL, "causal masking", "--causal")
        if request.window not in (None, (-1, -1)):
            raise lacking_error(system, CAUSAL, "window", "--window")
    if request.bias is not None and system.only_alibi and not _is_alibi(request.bias.array):
        what = f"{system.name} only adds ALiBi, −slope·|i + m − n − j|, but this is another bias"
        raise ProblemError(_where(system), what, "leave out --as, or --bias")
    variant = request.variant or system.variant
    changes: dict[str, object] = {"variant": variant}
    if request.scale is None and request.length_scale is None:
        changes["scale"] = system.scales.get(variant)
    if request.mask is not None and request.mask_means is None:
        changes["mask_means"] = system.mask_means
    stands = any((request.causal, request.window not in (None, (-1, -1)), request.alibi, request.rope, request.chunk))
    is_aligned = stands and request.align is None and request.query_offset is None
    if is_aligned:
        changes["align"] = _corner_of(system, request)
    empty = _empty_row_of(system, request)
    conventions = Conventions(
        empty=empty,
        empty_aside=next(
            (aside.words for aside in system.asides if aside.when == EMPTY and empty == system.empty), None
        ),
        grouping=system.grouping,
        softcap_after_bias=system.softcap_after_bias or bool(request.softcap_after_bias),
        corner_of_all_keys=is_aligned and system.lengths_are_masks,
    )
    return replace(request, **changes), conventions  # type: ignore[arg-type]


def _corner_of(system: System, request: Request) -> str:
    if request.key_lengths is not None and system.corner_with_lengths is not None:
        return system.corner_with_lengths
    if request.window not in (None, (-1, -1)) and system.corner_with_window is not None:
        return system.corner_with_window
    return system.corner


def _empty_row_of(system: System, request: Request) -> str:
    """Return the row of a query with no key: zeros if a sink takes all of it, or if each weight is a function of its
    score."""
    normalizer = NORMALIZER_BY_NAME[request.normalizer or SOFTMAX.name]
    return "zeros" if request.sink is not None or not normalizer.sums_to_one else system.empty


def adopt_system(request: Request, name: str) -> Request:
    """Return the request as the system itself would treat its matrices.

    The system's own dot product variant, mask polarity and corner replace those of the request. The axes of the request
    are kept.
    """
    changes: dict[str, object] = {"system": name, "mask_means": None, "align": None, "query_offset": None}
    request = keep_layout(request)
    own, theirs = VARIANT_BY_NAME[request.variant or DEFAULT], VARIANT_BY_NAME[BY_NAME[name].variant]
    if own.is_dot or not theirs.is_dot:
        changes["variant"] = None
    return replace(request, **changes)  # type: ignore[arg-type]


def refuse_groups(request: Request, key_heads: int | None) -> None:
    """Raise ProblemError if query heads share `key_heads` and the system does not support that."""
    if request.system is not None and key_heads is not None:
        system = find_system(request.system)
        if not system.has(GROUPS):
            raise lacking_error(system, GROUPS, "grouped heads", "--heads H/KV")


def find_system(name: str) -> System:
    """Return the record of a system.

    Raises ProblemError if there is none.
    """
    if name not in BY_NAME:
        from attncli.inputs.setting_words import suggest_value

        raise ProblemError("as", f"{name!r} is not a system", suggest_value(name, NAMES))
    return BY_NAME[name]


def lacking_error(system: System, feature: str, words: str, option: str) -> ProblemError:
    return ProblemError(_where(system), f"{system.name} has no {words}", _cure(system, feature, option))


def _cure(system: System, feature: str, option: str) -> str:
    if feature == MASK and system.has(BIAS) and not system.only_alibi:
        return f"{system.name} takes a bias instead: --bias with -inf for what a query may not see"
    if feature == MASK and system.has(LENGTHS):
        other = "--key-lengths" if not system.has(CAUSAL) else "--causal, --window or --key-lengths"
        return f"{system.name} masks by {other}; these have a mask: {systems_with(feature)}"
    return f"leave out {option}; these have it: {systems_with(feature)}"


def _where(system: System) -> str:
    return f"--as {system.name}"


def _is_alibi(bias: np.ndarray) -> bool:
    """Return whether the bias of each head is −slope·|i + m − n − j| for a slope of its own."""
    if bias.ndim < 2 or not holds_numbers(bias) or not np.isfinite(bias).all():
        return False
    n, m = bias.shape[-2:]
    distance = np.abs(np.arange(n)[:, None] + m - n - np.arange(m))
    nearest = np.where(distance == 0, 1, distance)
    slopes = (-bias / nearest)[..., distance > 0]
    if slopes.size == 0:
        return bool((bias == 0).all())
    slope = slopes[..., :1, None]
    return bool(np.allclose(bias, -slope * distance, rtol=1e-3, atol=1e-12))
