"""The row of transformers in `attncli.systems`, against its own functions; skipped where it is not installed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from attncli import attend

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
masking = pytest.importorskip("transformers.masking_utils")
random = np.random.default_rng(11)


def numbers(*shape):
    return random.normal(size=shape).astype(np.float32)


Q, K, V = numbers(2, 4, 3, 8), numbers(2, 2, 5, 8), numbers(2, 2, 5, 6)


def eager(model="llama", mask=None, sinks=None, queries=Q, keys=K, values=V, **given):
    """(output, weights) of a model's eager_attention_forward."""
    module = pytest.importorskip(f"transformers.models.{model}.modeling_{model}")
    layer = SimpleNamespace(num_key_value_groups=2, training=False, head_dim=8, sinks=None)
    if sinks is not None:
        layer.sinks = torch.tensor(sinks)
    arrays = (torch.from_numpy(array) for array in (queries, keys, values))
    output, weights = module.eager_attention_forward(layer, *arrays, mask, scaling=8**-0.5, **given)
    return output.numpy(), weights.numpy()


def mask_of(function, padding=None, n=3, m=5):
    """The mask that a model makes of n queries behind the m − n keys of its cache."""
    return masking.eager_mask(2, n, m, q_offset=m - n, mask_function=function, attention_mask=padding)


def assert_agree(theirs, **given):
    ours = attend(given.pop("queries", Q), given.pop("keys", K), given.pop("values", V), system="transformers", **given)
    np.testing.assert_allclose(ours.output, theirs[0], rtol=1e-5, atol=2e-6)
    np.testing.assert_allclose(ours.weights, theirs[1], rtol=1e-5, atol=2e-6)


def test_heads_share_key_heads_and_the_output_has_its_heads_last():
    assert eager()[0].shape == (2, 3, 4, 6)
    assert_agree(eager())


def test_queries_stand_behind_the_cache():
    assert_agree(eager(mask=mask_of(masking.causal_mask_function)), causal=True)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_sliding_window_counts_the_query_s_own_position(width):
    mask = mask_of(masking.sliding_window_causal_mask_function(width))
    assert_agree(eager(mask=mask), causal=True, window=(width - 1, -1))


def test_chunks_are_those_of_positions():
    mask = mask_of(masking.chunked_causal_mask_function(2, torch.zeros(2, dtype=torch.int64)))
    assert_agree(eager(mask=mask), causal=True, chunk=2)


def test_a_query_behind_padding_alone_is_uniform_over_all_keys():
    padding = torch.tensor([[0, 0, 1, 1, 1], [0, 0, 0, 0, 1]], dtype=torch.bool)
    theirs = eager(mask=mask_of(masking.causal_mask_function, padding))
    np.testing.assert_allclose(theirs[1][1, :, 0], 0.2, rtol=1e-6)
    assert_agree(theirs, causal=True, mask=padding.numpy()[:, None, None])


def test_a_sink_per_head_leaves_a_query_without_a_key_nothing():
    padding = torch.tensor([[1] * 5, [0, 0, 0, 0, 1]], dtype=torch.bool)
    sinks = [0.5, -1.0, 2.0, 0.0]
    theirs = eager("gpt_oss", mask=mask_of(masking.causal_mask_function, padding), sinks=sinks)
    assert not theirs[1][1, :, 0].any()
    assert_agree(theirs, causal=True, mask=padding.numpy()[:, None, None], sink=sinks)


def test_a_softcap_comes_before_the_mask():
    theirs = eager("gemma2", mask=mask_of(masking.causal_mask_function), softcap=2.0)
    assert_agree(theirs, causal=True, softcap=2.0)


def test_a_bias_that_forbids_all_is_nan():
    bias = numbers(3, 5)
    bias[1] = -np.inf
    theirs = eager(mask=torch.from_numpy(bias))
    assert np.isnan(theirs[0][:, 1]).all()
    assert_agree(theirs, bias=bias)


def test_sdpa_without_a_mask_counts_from_the_first_key():
    module = pytest.importorskip("transformers.integrations.sdpa_attention")
    layer = SimpleNamespace(num_key_value_groups=2, is_causal=True)
    arrays = (torch.from_numpy(array) for array in (Q, K, V))
    theirs, _ = module.sdpa_attention_forward(layer, *arrays, None)
    ours = attend(Q, K, V, system="transformers", causal=True, align="top-left")
    np.testing.assert_allclose(ours.output, theirs.numpy(), rtol=1e-5, atol=2e-6)


def test_rope_pairs_a_column_with_one_of_the_other_half():
    module = pytest.importorskip("transformers.models.llama.modeling_llama")
    turned = []
    for rows, first in ((Q, 2), (K, 0)):
        angles = (first + torch.arange(rows.shape[2])[:, None]) * 100.0 ** (-torch.arange(0, 8, 2) / 8)
        angles = torch.cat([angles, angles], dim=-1)[None]
        tensor = torch.from_numpy(rows)
        turned.append(module.apply_rotary_pos_emb(tensor, tensor, angles.cos(), angles.sin())[0].numpy())
    theirs = eager(queries=turned[0], keys=turned[1], mask=mask_of(masking.causal_mask_function))
    assert_agree(theirs, causal=True, rope="half", rope_base=100.0)
