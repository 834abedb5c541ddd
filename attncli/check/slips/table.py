"""The slips that `check` knows: one record each, in the order in which they are reported.

To add a slip, add a record here or in the module of its family. Two records with one name are two ways to make the
slip.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from attncli.check.routes import Route
from attncli.check.slips import changes, distances, mask_changes
from attncli.check.slips.approximations import APPROXIMATION_SLIPS
from attncli.check.slips.backward_matrices import MATRIX_SLIPS
from attncli.check.slips.backward_steps import BACKWARD_SLIPS, FACTOR_SLIPS
from attncli.check.slips.backward_terms import TERM_SLIPS
from attncli.check.slips.block_masks import BLOCK_SLIPS
from attncli.check.slips.borders import BORDER_SLIPS
from attncli.check.slips.case import Case, scaling, square_root
from attncli.check.slips.choices import CHOICE_SLIPS
from attncli.check.slips.column_orders import COLUMN_ORDER_SLIPS
from attncli.check.slips.columns import COLUMN_SLIPS
from attncli.check.slips.dropout import DROPOUT_SLIPS
from attncli.check.slips.entries import ENTRY_SLIPS
from attncli.check.slips.few_bits import FEW_BITS_SLIPS
from attncli.check.slips.finite_masks import FINITE_SLIPS
from attncli.check.slips.gradients import GRADIENT_SLIPS
from attncli.check.slips.hand_steps import HAND_SLIPS
from attncli.check.slips.heads import HEAD_SLIPS
from attncli.check.slips.input_orders import INPUT_ORDER_SLIPS
from attncli.check.slips.layer_norms import LAYER_NORM_SLIPS
from attncli.check.slips.layouts import LAYOUT_SLIPS
from attncli.check.slips.lost_rows import LOST_ROW_SLIPS
from attncli.check.slips.mask_cells import MASK_CELL_SLIPS
from attncli.check.slips.masks import MASK_SLIPS
from attncli.check.slips.narrow_steps import NARROW_SLIPS
from attncli.check.slips.norms import NORM_SLIPS, OTHER_NORM_SLIPS
from attncli.check.slips.orders import ORDER_SLIPS
from attncli.check.slips.other_numbers import NUMBER_SLIPS
from attncli.check.slips.other_scores import OTHER_SCORE_SLIPS
from attncli.check.slips.outputs import OUTPUT_SLIPS
from attncli.check.slips.pieces import MERGED_SLIPS, PIECE_SLIPS
from attncli.check.slips.positions import POSITION_SLIPS
from attncli.check.slips.projections import PROJECTION_SLIPS
from attncli.check.slips.quantized import QUANTIZED_SLIPS
from attncli.check.slips.recomputed_weights import RECOMPUTED_SLIPS
from attncli.check.slips.references import REFERENCE_SLIPS
from attncli.check.slips.ring_masks import RING_SLIPS
from attncli.check.slips.rotated_columns import ROTATED_COLUMN_SLIPS
from attncli.check.slips.rotations import ROTATION_SLIPS
from attncli.check.slips.rounded_weights import ROUNDING_SLIPS
from attncli.check.slips.row_sums import ROW_SUM_SLIPS
from attncli.check.slips.scales import SCALE_SLIPS
from attncli.check.slips.single_scores import SINGLE_SLIPS
from attncli.check.slips.sinks import SINK_SLIPS
from attncli.check.slips.slip import Slip
from attncli.check.slips.softmaxes import BASE_SLIPS, SOFTMAX_SLIPS, derived
from attncli.check.slips.stages import STAGE_SLIPS
from attncli.check.slips.standardized_scores import STANDARDIZED_SLIPS
from attncli.check.slips.tiles import TILE_SLIPS
from attncli.check.slips.turned_rows import TURNED_SLIPS
from attncli.check.slips.unweighted_sums import UNWEIGHTED_SLIPS
from attncli.check.slips.weighted_sums import WEIGHTED_SUM_SLIPS
from attncli.systems import SYSTEMS
from attncli.variants import BY_NAME, VARIANTS, Variant

if TYPE_CHECKING:
    from attncli.problem.problem import Problem


def _scaled_by(scale: str) -> Callable[[Case], list[Route]]:
    """Return the routes with another scale."""

    return lambda _case: [Route(requests=(partial(changes.change_scale, scale=scale),))]


def _scaled_by_width(scale: str) -> Callable[[Case], list[Route]]:
    """Return the routes with the scale for the columns of all heads together: `scale` with {} for their number."""

    def routes(case: Case) -> list[Route]:
        return [] if case.width == case.d_k else _scaled_by(scale.format(case.width))(case)

    return routes


def _scaled_after(case: Case) -> list[Route]:
    """Return the routes with the scale after the softmax: that of the scores that are taken, which keep it where they
    are told, as gradients do, or the right one, which is nowhere else."""
    factors = case.problem.scales
    moved = Route(
        requests=(partial(changes.change_scale, scale="1"),), reweigh=lambda _problem, weights: factors * weights
    )
    return [Route(scale_after=True), moved]


def _unscaled(case: Case) -> str:
    return f"{case.yours} {case.weighing(case.score)}: {scaling(case)}"


def _explain_scale(case: Case, divisor: str, what: str, number: float) -> str:
    if math.isclose(case.problem.scale * number, 1):  # together with another slip
        return f"the scale was the right one, 1/{divisor}"
    due = scaling(case)
    if due.startswith("divide"):
        due += f", not by {what}"
    elif case.problem.scale != 1:
        due += f"; dividing by {what} multiplies them by {1 / number:.6g}"
    return f"{case.yours} {case.weighing(case.divide_score(divisor))}: {due}"


def _over_root(case: Case) -> str:
    return _explain_scale(case, "√d_k", f"√d_k = {square_root(case.d_k)}", math.sqrt(case.d_k))


def _over_dk(case: Case) -> str:
    return _explain_scale(case, "d_k", f"d_k = {case.d_k}", case.d_k)


def _over_root_of_all(case: Case) -> str:
    return _explain_scale(case, f"√{case.width}", f"the root of all heads' {case.width} columns", math.sqrt(case.width))


def _over_all(case: Case) -> str:
    return _explain_scale(case, f"{case.width}", f"all heads' {case.width} columns", case.width)


def _softmax(over: str, *unseen: float) -> Callable[[Case], list[Route]]:
    """Return the routes with another softmax, or none. If something is masked, there is one for each of the `unseen`
    weights."""

    def routes(case: Case) -> list[Route]:
        own = [Route(softmax=over, unseen=value) for value in (unseen if case.is_masked else unseen[:1])]
        return own + derived(case, own[0])

    return routes


def _variant(name: str) -> tuple[Slip, ...]:
    record = BY_NAME[name]

    def routes(case: Case) -> list[Route]:
        is_same = case.problem.variant.name == name
        return [] if is_same else [Route(requests=(partial(changes.change_variant, variant=name),))]

    def routes_scaled(case: Case) -> list[Route]:
        scale = case.request.scale
        if scale is None or case.problem.variant.name == name:
            return []
        return [Route(requests=(partial(changes.change_variant, variant=name, scale=scale),))]

    def sentence(case: Case) -> str:
        return f"{case.those} of the variant {name}, {record.formula} (--variant {name}), not of {case.variant}"

    def sentence_scaled(case: Case) -> str:
        return f"{sentence(case)}, with the scale {case.factor} that is given"

    return (
        Slip(f"variant-{name}", "score", routes, sentence),
        Slip(f"variant-{name}", "score", routes_scaled, sentence_scaled),
    )


def _distance(name: str, distance: Variant, formula: str, noun: str) -> list[Slip]:
    """Return the slips with another distance: with the scale unchanged, and with the scale that ℓ gives for this
    distance, or none for a dot product."""

    def slip(change: Callable[[Problem], Problem]) -> Slip:
        def sentence(case: Case) -> str:
            scale = change(case.problem).scale
            scores = formula if scale == 1 else f"{formula} · {scale:.6g}"
            said = f"{case.yours} {case.weighing(scores)}, of the {noun} distance"
            return f"{said}: {case.variant} takes {case.formula}"

        def routes(case: Case) -> list[Route]:
            own = case.problem.variant
            return [Route(problems=(change,))] if own.has_length or own.is_dot else []

        return Slip(name, "score", routes, sentence)

    scored = partial(distances.scored, variant=distance)
    return [slip(scored), slip(lambda problem: distances.rescaled(scored(problem)))]


def _system(name: str) -> Slip:
    routes = partial(changes.as_system, system=name)
    return Slip(f"as-{name}", "system", routes, lambda case: f"{case.yours} what --as {name} gives")


FIRST_SLIPS = (
    Slip("unscaled", "scale", _scaled_by("1"), _unscaled),
    Slip("scale-sqrt-dk", "scale", _scaled_by("1/sqrt(dk)"), _over_root),
    Slip("scale-sqrt-dk", "scale", _scaled_by_width("1/sqrt({})"), _over_root_of_all),
    Slip("scale-dk", "scale", _scaled_by("1/dk"), _over_dk),
    Slip("scale-dk", "scale", _scaled_by_width("1/{}"), _over_all),
    Slip(
        "scale-after-softmax",
        "scale",
        _scaled_after,
        lambda case: f"the softmax was taken first, and its weights were multiplied by {case.factor}: {scaling(case)}",
    ),
    Slip(
        "softmax-over-queries",
        "softmax",
        _softmax("queries", 0.0, float("nan")),
        lambda case: (
            f"the softmax was taken along the queries, so that each of the {case.m} columns sums to 1: it goes "
            "along the keys, and each row sums to 1"
        ),
    ),
    Slip(
        "softmax-over-all",
        "softmax",
        _softmax("all", 0.0),
        lambda case: (
            f"one softmax was taken over all {case.n} × {case.m} scores: each row of weights sums to 1 by itself"
        ),
    ),
    Slip(
        "no-softmax",
        "softmax",
        _softmax("none", 0.0, float("-inf"), -1e9),
        lambda case: f"the scores {case.scaled_score} were used as weights: take their softmax along the keys",
    ),
    *(
        Slip(
            "no-mask",
            "mask",
            partial(mask_changes.without_mask, kinds=kinds),
            partial(mask_changes.name_unmasked, kinds=kinds),
        )
        for kinds in mask_changes.MASKS_LEFT_OUT
    ),
    Slip(
        "mask-inverted",
        "mask",
        mask_changes.inverted_mask,
        lambda case: f"{case.masks} was inverted: what may be attended to was masked, and what is masked was not",
    ),
    Slip(
        "other-corner",
        "mask",
        mask_changes.other_corner,
        lambda case: (
            f"the mask was aligned to the other corner: query i stands at key {case.position}, where "
            f"{case.n} queries meet {case.m} keys"
        ),
    ),
    Slip(
        "queries-keys-swapped",
        "queries",
        lambda _case: [Route(problems=(changes.swap_queries_keys,))],
        lambda case: (
            f"{case.those} of keys that attend to the queries, {case.weighing('KQᵀ')}: expected a row per query, of QKᵀ"
        ),
    ),
    Slip(
        "keys-transposed",
        "keys",
        changes.transposed_keys,
        lambda case: f"the keys were taken by column, QK for QKᵀ ({case.m} × {case.m} fits both ways): a key is a row",
    ),
    Slip(
        "values-transposed",
        "values",
        changes.transposed_values,
        lambda case: (
            f"the values were taken by column, weights · Vᵀ ({case.m} × {case.m} fits both ways): a value is a row"
        ),
    ),
    *_distance("squared-distance", distances.SQUARED, "−‖q − k‖₂²", "squared"),
    *_distance("euclidean-distance", distances.EUCLIDEAN, "−‖q − k‖₂", "Euclidean"),
    Slip(
        "length-scale-dk",
        "scale",
        distances.length_of_dk,
        lambda case: f"ℓ = d_k = {case.d_k} was taken: ℓ is {case.length} here",
    ),
    *ROUNDING_SLIPS,
    *(slip for variant in VARIANTS for slip in _variant(variant.name)),
    *(_system(system.name) for system in SYSTEMS),
)

SLIPS = (
    *OTHER_NORM_SLIPS,
    *FIRST_SLIPS,
    *BASE_SLIPS,
    *SCALE_SLIPS,
    *PROJECTION_SLIPS,
    *SOFTMAX_SLIPS,
    *STANDARDIZED_SLIPS,
    *LAYOUT_SLIPS,
    *COLUMN_SLIPS,
    *HEAD_SLIPS,
    *MASK_SLIPS,
    *FINITE_SLIPS,
    *POSITION_SLIPS,
    *SINK_SLIPS,
    *STAGE_SLIPS,
    *PIECE_SLIPS,
    *DROPOUT_SLIPS,
    *OUTPUT_SLIPS,
    *LAYER_NORM_SLIPS,
    *ROTATION_SLIPS,
    *TURNED_SLIPS,
    *ROTATED_COLUMN_SLIPS,
    *CHOICE_SLIPS,
    *NORM_SLIPS,
    *BORDER_SLIPS,
    *HAND_SLIPS,
    *WEIGHTED_SUM_SLIPS,
    *UNWEIGHTED_SLIPS,
    *REFERENCE_SLIPS,
    *OTHER_SCORE_SLIPS,
    *APPROXIMATION_SLIPS,
    *COLUMN_ORDER_SLIPS,
    *ENTRY_SLIPS,
    *FEW_BITS_SLIPS,
    *QUANTIZED_SLIPS,
    *NARROW_SLIPS,
    *NUMBER_SLIPS,
    *LOST_ROW_SLIPS,
    *TILE_SLIPS,
    *MERGED_SLIPS,
    *BLOCK_SLIPS,
    *RING_SLIPS,
    *ORDER_SLIPS,
    *INPUT_ORDER_SLIPS,
    *MASK_CELL_SLIPS,
    *SINGLE_SLIPS,
    *GRADIENT_SLIPS,
    *BACKWARD_SLIPS,
    *MATRIX_SLIPS,
    *ROW_SUM_SLIPS,
    *RECOMPUTED_SLIPS,
    *TERM_SLIPS,
    *FACTOR_SLIPS,
)
