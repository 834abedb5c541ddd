"""The rows of jax, keras and keras-attention in `attncli.systems`, against these; skipped where one is missing."""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np
import pytest

from attncli import attend

os.environ.setdefault("KERAS_BACKEND", "jax" if find_spec("jax") else "torch")
random = np.random.default_rng(5)
INF = np.inf


def numbers(*shape):
    return random.normal(size=shape).astype(np.float32)


Q, K, V = numbers(2, 3, 4, 8), numbers(2, 5, 2, 8), numbers(2, 5, 2, 8)  # (batch, n, heads, d)
MASK = random.random((2, 4, 3, 5)) < 0.5
MASK[0, 0, 1] = False
BIAS = numbers(4, 3, 5)
BIAS[1, 1] = -INF
PACKED = numbers(2, 3, 8), numbers(2, 5, 8), numbers(2, 5, 8)  # 2 heads of 4 columns


def assert_near(ours, theirs):
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        pytest.param({}, {}, id="grouped heads"),
        pytest.param({"causal": True}, {"is_causal": True}, id="causal"),
        pytest.param({"window": (2, 1)}, {"local_window_size": (2, 1)}, id="a window"),
        pytest.param(
            {"window": (1, 1), "causal": True}, {"local_window_size": 1, "is_causal": True}, id="a causal window"
        ),
        pytest.param({"mask": MASK}, {"mask": MASK}, id="a mask that empties a row"),
        pytest.param({"bias": BIAS}, {"bias": BIAS}, id="a bias that forbids a row"),
        pytest.param({"bias": BIAS, "mask": MASK}, {"bias": BIAS, "mask": MASK}, id="both"),
        pytest.param(
            {"key_lengths": [3, 0], "causal": True},
            {"key_value_seq_lengths": np.array([3, 0], np.int32), "is_causal": True},
            id="lengths",
        ),
        pytest.param({"scale": 0.3}, {"scale": 0.3}, id="a scale"),
    ],
)
@pytest.mark.parametrize("queries", [Q, numbers(2, 7, 4, 8)], ids=["n < m", "n > m"])
def test_jax(given, named, queries):
    attention = pytest.importorskip("jax").nn.dot_product_attention
    if queries.shape[1] != 3 and {"mask", "bias"} & given.keys():
        pytest.skip("the mask is that of three queries")
    assert_near(attend(queries, K, V, system="jax", **given).output, attention(queries, K, V, **named))


def test_flax_has_the_conventions_of_jax():
    attention = pytest.importorskip("flax.linen").dot_product_attention
    keys, values = numbers(2, 5, 4, 8), numbers(2, 5, 4, 8)
    assert_near(attend(Q, keys, values, system="jax", mask=MASK).output, attention(Q, keys, values, mask=MASK))
    assert_near(attend(Q, keys, values, system="jax", bias=BIAS).output, attention(Q, keys, values, bias=BIAS))


def multi_head_attention(queries, keys, values, has_scores=True, **given):
    """(output, scores) of a layer whose projections change nothing."""
    keras = pytest.importorskip("keras")
    layer = keras.layers.MultiHeadAttention(2, 4, use_bias=False)
    layer.build(queries.shape, values.shape, keys.shape)
    eye = np.eye(8, dtype=np.float32)
    layer.set_weights([eye.reshape(8, 2, 4)] * 3 + [eye.reshape(2, 4, 8)])
    found = layer(queries, values, key=keys, return_attention_scores=has_scores, **given)
    return [np.array(each) for each in found] if has_scores else [np.array(found), None]


@pytest.mark.parametrize("causal", [False, True])
def test_keras_multi_head_attention(causal):
    output, weights = multi_head_attention(*PACKED, use_causal_mask=causal)
    ours = attend(*PACKED, heads=2, system="keras", causal=causal)
    assert_near(ours.output, output)
    assert_near(ours.weights, weights)


def test_keras_gives_each_entry_a_mask_for_all_its_heads():
    mask = random.random((2, 3, 5)) < 0.5
    mask[0, 1] = False
    output, weights = multi_head_attention(*PACKED, attention_mask=mask)
    ours = attend(*PACKED, heads=2, system="keras", mask=mask)
    assert_near(ours.output, output)
    assert_near(ours.weights, weights)
    fused, _ = multi_head_attention(*PACKED, has_scores=False, attention_mask=mask)
    assert_near(fused[0, 1], PACKED[2][0].mean(axis=0))


def test_keras_attention():
    keras = pytest.importorskip("keras")
    queries, keys, values = PACKED
    seen = np.array([[0, 0, 0, 0, 0], [1, 0, 1, 1, 0]], bool)
    for given, theirs in (
        ({}, keras.layers.Attention()([queries, values, keys])),
        ({"causal": True}, keras.layers.Attention()([queries, values, keys], use_causal_mask=True)),
        ({"mask": seen}, keras.layers.Attention()([queries, values, keys], mask=[None, seen])),
        ({"variant": "additive"}, keras.layers.AdditiveAttention(use_scale=False)([queries, values, keys])),
    ):
        assert_near(attend(*PACKED, system="keras-attention", **given).output, theirs)
