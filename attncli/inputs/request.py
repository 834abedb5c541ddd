"""A request: matrices and settings as they were given, before they are checked against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from attncli.records import record, replace
from attncli.variants import BY_NAME

if TYPE_CHECKING:
    from attncli.matrix import Matrix

RESULT_NAMES = ("raw_scores", "scores", "weights", "output", "lse")
ONES = "ones"  # stands for a d_output of ones: the gradient of the sum of all outputs
GRADIENT_NAMES = (
    "d_values",
    "d_weights",
    "d_scores",
    "d_queries",
    "d_keys",
    "d_bias",
    "d_x",
    "d_context",
    "d_values_context",
    "d_w_q",
    "d_w_k",
    "d_w_v",
    "d_w_o",
    "d_b_q",
    "d_b_k",
    "d_b_v",
    "d_b_o",
)
# shown beside the results: which keys each query sees, and the statistics of its weights
FACT_NAMES = ("mask", "stats")
EXPECTED_NAMES = (*RESULT_NAMES, *GRADIENT_NAMES)
PROJECTED = {  # what each role is projected from: the first that is given
    "queries": ("x",),
    "keys": ("context", "x"),
    "values": ("values_context", "context", "x"),
}
INPUT_NAMES = ("queries", "keys", "values")  # shown as the engine uses them: projected and split into heads


@record
class Labels:
    """Labels given apart from the matrices. `values` names the columns of V, `features` those of Q and K."""

    queries: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None
    values: tuple[str, ...] | None = None


@record(kw_only=True)
class Request:
    """A request, with the field names of a problem file.

    None means "not given", so that defaults, a file and options can be combined with `dataclasses.replace`.
    """

    queries: Matrix | None = None
    keys: Matrix | None = None
    values: Matrix | None = None
    x: Matrix | None = None
    context: Matrix | None = None
    values_context: Matrix | None = None
    w_q: Matrix | None = None
    w_k: Matrix | None = None
    w_v: Matrix | None = None
    w_o: Matrix | None = None
    b_q: Matrix | None = None
    b_k: Matrix | None = None
    b_v: Matrix | None = None
    b_o: Matrix | None = None
    mask: Matrix | None = None
    bias: Matrix | None = None
    key_lengths: Matrix | None = None
    segments: Matrix | None = None
    key_segments: Matrix | None = None
    dropout_mask: Matrix | None = None
    v_a: Matrix | None = None
    d_output: Matrix | None = None
    variant: str | None = None
    scale: str | None = None
    length_scale: float | None = None
    mask_means: str | None = None
    causal: bool | None = None
    align: str | None = None
    query_offset: int | None = None
    window: tuple[int, int] | None = None
    keep_first: int | None = None
    prefix: int | None = None
    chunk: int | None = None
    alibi: tuple[float, ...] | str | None = None
    rope: str | None = None
    rope_base: float | None = None
    rope_dims: int | None = None
    rope_scale: float | None = None
    qk_norm: str | None = None
    softcap: float | None = None
    softcap_after_bias: bool | None = None
    sink: tuple[float, ...] | None = None
    normalizer: str | None = None
    top_k: int | None = None
    dropout: float | None = None
    heads: tuple[int, int] | None = None
    layout: str | None = None
    dtype: str | None = None
    system: str | None = None
    allow_nonfinite: bool | None = None
    labels: Labels = Labels()


MATRIX_NAMES = tuple(name for name, kind in Request.__annotations__.items() if kind == "Matrix | None")


@record(kw_only=True)
class Worksheet:
    """A request and the rest of its problem file: its title, and the expected numbers.

    `name` is the file's name without its suffix, and `where` is its name in errors. `digits` are the decimals to which
    the expected numbers were printed: one number for all, or one per matrix name. `left_out` are the names of arrays
    that are not part of a problem.
    """

    request: Request
    name: str
    where: str
    title: str | None = None
    source: str | None = None
    expected: Mapping[str, Matrix] = field(default_factory=dict)
    digits: int | Mapping[str, int] | None = None
    own_notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the notes about the source, with one about arrays that are left out."""
        if not self.left_out:
            return self.own_notes
        return (*self.own_notes, f"{self.where}: left out, not part of a problem: {', '.join(self.left_out)}")


def rows_behind(request: Request, role: str) -> str:
    """Return the name of the rows that queries, keys or values are projected from."""
    return next(name for name in PROJECTED[role] if getattr(request, name) is not None)


RIVALS = {"scale": "length_scale", "length_scale": "scale", "align": "query_offset", "query_offset": "align"}


def dropped_with(variant: str) -> dict[str, None]:
    """Return the fields that a variant has no use for, with None for each."""
    record = BY_NAME[variant]
    used = {"length_scale": record.has_length, "v_a": record.takes_weights}
    return {name: None for name, is_used in used.items() if not is_used}


def overlay(request: Request, given: Mapping[str, Any]) -> Request:
    """Return `request` with the values in `given` that are not None.

    A given setting also removes settings that contradict it (a scale removes a length scale, a corner removes an
    offset), and a variant removes a length scale that it does not use.
    """
    changes = {name: value for name, value in given.items() if value is not None}
    for name in list(changes):
        if name in RIVALS and RIVALS[name] not in changes:
            changes[RIVALS[name]] = None
    if "variant" in changes:
        changes = {**dropped_with(changes["variant"]), **changes}
    return replace(request, **changes)
