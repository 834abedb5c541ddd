"""The conventions of other systems, if they differ: one record each.

`--as`, the file key `as`, `compare --systems`, the diagnosis of `check` and the choices in help are derived from
`SYSTEMS`. To add a system, add a record here. Options override the conventions of the system. Using a feature that a
system `lacks` is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from attncli.records import record

SOFTCAP, MASK, BIAS, CAUSAL, LENGTHS, GROUPS = "softcap", "mask", "bias", "causal", "key_lengths", "grouped heads"

HEADS_FIRST, HEADS_LAST = LAYOUTS = "heads-first", "heads-last"  # (…, heads, n, d) and (…, n, heads, d)

OF_HEADS, OF_KEYS, OF_ENTRIES = "(batch·heads, n, m)", "(batch, m)", "(batch, n, m)"  # axes of masks

# when an aside matters: a query with no key; causal or a window, and n ≠ m, n > m, n < m; causal, one query between
# keys; a softcap beside a bias or a mask
EMPTY, UNEVEN, TALL, WIDE, BETWEEN, CAPPED = "empty", "uneven", "tall", "wide", "between", "capped"


@record
class Aside:
    """What another version or path of a system does otherwise: when that matters (one of the words above), and what it
    is."""

    when: str
    words: str


@record(kw_only=True)
class System:
    """One system's conventions.

    `describes` is the package with the version that was run, or what was read. `variant` is the default variant, and
    `scales` has the default scales that differ from attncli's. `corner` is where causal and window are aligned
    (`corner_with_lengths` if keys have lengths, `corner_with_window` beside a window), `empty` the row of a query with
    no key, and `softcap_after_bias` the order. Where `lengths_are_masks`, lengths do not move the corner. `layout` is
    that of Q, K and V with `layout_from` axes or more, and `output_layout` that of the output, if it differs.
    `mask_forms` are axes of masks that it has besides those that broadcast to (…, n, m), and a mask of two axes is (n,
    m) unless `has_row_masks` is false. `lacks` are the features that the system does not have, and `asides` what other
    versions or paths of it do.
    """

    name: str
    describes: str
    source: str
    variant: str = "scaled"
    scales: Mapping[str, str] = field(default_factory=dict)
    mask_means: str = "keep"
    corner: str = "top-left"
    corner_with_lengths: str | None = None
    corner_with_window: str | None = None
    lengths_are_masks: bool = False
    empty: str = "zeros"
    grouping: str = "interleaved"
    softcap_after_bias: bool = False
    lacks: frozenset[str] = frozenset()
    only_alibi: bool = False
    mask_forms: frozenset[str] = frozenset()
    has_row_masks: bool = True
    has_lengths_per_query: bool = False  # (batch, n)
    layout: str = HEADS_FIRST
    layout_from: int = 3
    output_layout: str | None = None
    groups_from: int | None = None  # from so many axes on, heads are grouped along an axis of their own
    asides: tuple[Aside, ...] = ()

    def has(self, feature: str) -> bool:
        """Return whether the system has a feature."""
        return feature not in self.lacks


SYSTEMS = (
    System(
        name="torch",
        describes="torch 2.13, scaled_dot_product_attention",
        source="docs.pytorch.org: torch.nn.functional.scaled_dot_product_attention",
        lacks=frozenset((SOFTCAP,)),
    ),
    System(
        name="torch-mha",
        describes="torch 2.13, nn.MultiheadAttention, need_weights=True",
        source="docs.pytorch.org: torch.nn.MultiheadAttention, attn_mask and key_padding_mask: True = ignore",
        mask_forms=frozenset((OF_HEADS, OF_KEYS)),  # attn_mask of all heads, and key_padding_mask
        mask_means="drop",
        empty="nan",
        lacks=frozenset((SOFTCAP, GROUPS)),
        asides=(Aside(EMPTY, "with need_weights=False 0, but NaN on the fast path (eval, no_grad, self-attention)"),),
    ),
    System(
        name="onnx",
        describes="onnx 1.23.2, Attention of opsets 23 to 25",
        source="onnx.ai: operators, Attention; onnx#7865",
        corner_with_lengths="bottom-right",
        asides=(
            Aside(BETWEEN, "onnxruntime 1.32 lets one query with a past see all new keys"),
            Aside(CAPPED, "until April 2026 the softcap came after bias and mask"),
        ),
    ),
    System(
        name="jax",
        describes="jax 0.10.2, nn.dot_product_attention",
        source="github.com/jax-ml/jax: jax/_src/nn/functions.py",
        layout=HEADS_LAST,
        empty="uniform",
        lacks=frozenset((SOFTCAP,)),
    ),
    System(
        name="keras",
        describes="keras 3.15.1, MultiHeadAttention, return_attention_scores=True",
        source="github.com/keras-team/keras: keras/src/layers/attention/multi_head_attention.py",
        layout=HEADS_LAST,
        layout_from=4,  # with three axes they are (batch, n, d), before the layer projects them into heads
        mask_forms=frozenset((OF_ENTRIES,)),
        empty="zeros",
        lacks=frozenset((SOFTCAP, BIAS)),
        asides=(Aside(EMPTY, "without return_attention_scores=True uniform"),),
    ),
    System(
        name="keras-attention",
        describes="keras 3.15.1, layers.Attention, use_scale=False",
        source="github.com/keras-team/keras: keras/src/layers/attention/attention.py",
        variant="dot",
        mask_forms=frozenset((OF_KEYS,)),
        has_row_masks=False,  # the mask of the values
        empty="scores less 1e9",
        lacks=frozenset((SOFTCAP, BIAS, GROUPS)),
    ),
    System(
        name="flash-attn",
        describes="flash-attn 2.8.4 (2.1 and later); read, not run",
        source="github.com/Dao-AILab/flash-attention: README, changelog 2.1; flash_attn/flash_attn_interface.py",
        corner="bottom-right",
        layout=HEADS_LAST,  # with three axes (n, heads, d), as the functions for packed sequences have it
        only_alibi=True,
        lacks=frozenset((MASK,)),
        asides=(Aside(UNEVEN, "before 2.1 the corner was top-left"),),
    ),
    System(
        name="xformers",
        describes="xformers 0.0.35, memory_efficient_attention: masks and reference run, kernels read",
        source="github.com/facebookresearch/xformers: xformers/ops/fmha/attn_bias.py, xformers/attn_bias_utils.py",
        corner_with_lengths="bottom-right",  # BlockDiagonalCausalWithOffsetPaddedKeysMask
        corner_with_window="bottom-right",  # LocalAttentionFromBottomRightMask
        layout=HEADS_LAST,
        layout_from=4,  # with three axes (batch, n, d), one head
        groups_from=5,
        empty="nan",
        lacks=frozenset((SOFTCAP, MASK)),  # a mask is a bias there
        asides=(
            Aside(UNEVEN, "LowerTriangularMask counts from the top left, LowerTriangularFromBottomRightMask does not"),
        ),
    ),
    System(
        name="transformers",
        describes="transformers 5.24.0, eager_attention_forward and eager_mask of Llama, Gemma 2 and gpt-oss",
        source="github.com/huggingface/transformers: src/transformers/models/llama/modeling_llama.py, masking_utils.py",
        corner="bottom-right",  # queries stand after the keys of the cache
        lengths_are_masks=True,
        output_layout=HEADS_LAST,
        empty="uniform",  # the mask adds the lowest finite number
        asides=(Aside(WIDE, "sdpa without a mask counts from the top left"),),
    ),
    System(
        name="mlx",
        describes="mlx 0.32.4 on a CPU, fast.scaled_dot_product_attention",
        source="ml-explore.github.io/mlx: mlx.core.fast.scaled_dot_product_attention; mlx/fast.cpp",
        corner="bottom-right",
        lengths_are_masks=True,
        empty="uniform",  # masked scores become the lowest finite number
        lacks=frozenset((SOFTCAP,)),
        asides=(Aside(EMPTY, "the fused kernels of a GPU were not run"),),
    ),
    System(
        name="x-transformers",
        describes="x-transformers 2.31.10, Attend, flash=False",
        source="github.com/lucidrains/x-transformers: x_transformers/attend.py",
        corner="bottom-right",
        lengths_are_masks=True,
        mask_forms=frozenset((OF_KEYS,)),
        has_row_masks=False,
        empty="uniform, output zeros",
        grouping="tiled",
        softcap_after_bias=True,
        asides=(Aside(TALL, "with flash=True the corner is top-left"),),
    ),
    System(
        name="d2l",
        describes="d2l 1.0.3, DotProductAttention, masked_softmax",
        source="d2l.ai: 11.3, Attention Scoring Functions",
        has_lengths_per_query=True,
        empty="uniform",
        lacks=frozenset((SOFTCAP, MASK, BIAS, CAUSAL, GROUPS)),
    ),
    System(
        name="anp",
        describes="neural-processes, normalise=True; read, not run",
        source="github.com/google-deepmind/neural-processes: Attentive Neural Processes; Kim et al. 2019",
        variant="laplace",
        scales={"dot": "1/sqrt(dk)"},
        lacks=frozenset((SOFTCAP, MASK, BIAS, CAUSAL, LENGTHS, GROUPS)),
    ),
    System(
        name="sklearn",
        describes="scikit-learn 1.9.1, laplacian_kernel and rbf_kernel, rows normalized",
        source="scikit-learn.org: sklearn.metrics.pairwise.laplacian_kernel, gamma = 1 / n_features",
        variant="laplace",
        scales={"laplace": "1/dk", "gaussian": "2/dk"},
        lacks=frozenset((SOFTCAP, MASK, BIAS, CAUSAL, LENGTHS, GROUPS)),
    ),
)
BY_NAME = {system.name: system for system in SYSTEMS}
NAMES = tuple(BY_NAME)


def systems_with(feature: str) -> str:
    """Return the systems that have a feature, for a hint."""
    return ", ".join(system.name for system in SYSTEMS if system.has(feature))
