"""The rows of xformers, x-transformers and d2l in `attncli.systems`, against what of them runs on a CPU; skipped where
one is missing."""

from __future__ import annotations

import numpy as np
import pytest

from attncli import attend

torch = pytest.importorskip("torch")
random = np.random.default_rng(8)


def numbers(*shape):
    return random.normal(size=shape).astype(np.float32)


Q, K, V = numbers(2, 4, 3, 8), numbers(2, 4, 5, 8), numbers(2, 4, 5, 6)


def tensors(*arrays):
    return [torch.from_numpy(array) for array in arrays]


def assert_near(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)


def masks_of_xformers():
    return pytest.importorskip("xformers.ops.fmha.attn_bias", exc_type=ImportError)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n", [3, 7])
@pytest.mark.parametrize("case", ["causal", "window", "causal window", "bottom right"])
def test_masks_of_xformers(case, n):
    masks = masks_of_xformers()
    theirs, given = {
        "causal": lambda: (masks.LowerTriangularMask(), {"causal": True}),
        "window": lambda: (masks.LocalAttentionFromBottomRightMask(1, 2), {"window": (1, 2)}),
        "causal window": lambda: (
            masks.LowerTriangularFromBottomRightLocalAttentionMask(_window_size=3),
            {"causal": True, "window": (2, -1)},
        ),
        "bottom right": lambda: (
            masks.LowerTriangularFromBottomRightMask(),
            {"causal": True, "align": "bottom-right"},
        ),
    }[case]()
    ours = attend(np.zeros((n, 1)), np.zeros((5, 1)), system="xformers", **given).scores
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs.materialize((n, 5)).numpy()))


@pytest.mark.filterwarnings("ignore")
def test_padded_keys_of_xformers_move_the_corner():
    masks = masks_of_xformers()
    mask = masks.BlockDiagonalCausalWithOffsetPaddedKeysMask.from_seqlens([2, 2], 3, [3, 2]).materialize((4, 6))
    ours = attend(np.zeros((2, 2, 1)), np.zeros((2, 3, 1)), system="xformers", causal=True, key_lengths=[3, 2]).scores
    np.testing.assert_array_equal(np.isfinite(ours[0]), np.isfinite(mask[:2, :3].numpy()))
    np.testing.assert_array_equal(np.isfinite(ours[1]), np.isfinite(mask[2:, 3:].numpy()))


@pytest.mark.filterwarnings("ignore")
def test_the_reference_of_xformers():
    masks = masks_of_xformers()
    reference = pytest.importorskip("xformers.attn_bias_utils", exc_type=ImportError)
    given = [array.swapaxes(1, 2).copy() for array in (Q, K, V)]  # (batch, n, heads, d)
    theirs = reference.ref_attention_bmhk(*tensors(*given), masks.LowerTriangularMask()).numpy()
    assert_near(attend(*given, system="xformers", causal=True).output, theirs)
    bias = np.zeros((2, 4, 3, 5), np.float32)
    bias[1, :, 2] = -np.inf
    theirs = reference.ref_attention_bmhk(*tensors(*given), torch.from_numpy(bias.reshape(8, 3, 5))).numpy()
    assert np.isnan(theirs[1, 2]).all()
    assert_near(attend(*given, system="xformers", bias=bias).output, theirs)


def attend_of_x_transformers(*arrays, mask=None, flash=False, **given):
    attention = pytest.importorskip("x_transformers.attend").Attend(flash=flash, **given).eval()
    with torch.no_grad():
        output, between = attention(*tensors(*arrays), mask=None if mask is None else torch.from_numpy(mask))
    weights = None if flash else between.post_softmax_attn.numpy()
    return output.numpy(), weights


@pytest.mark.parametrize("n", [3, 5, 7])
def test_x_transformers_is_causal_from_the_bottom_right_corner(n):
    queries = numbers(2, 4, n, 8)
    output, weights = attend_of_x_transformers(queries, K, V, causal=True)
    ours = attend(queries, K, V, system="x-transformers", causal=True)
    assert_near(ours.output, output)
    assert_near(ours.weights, weights)
    flash, _ = attend_of_x_transformers(queries, K, V, causal=True, flash=True)
    corner = {"align": "top-left"} if n > 5 else {}
    assert_near(attend(queries, K, V, system="x-transformers", causal=True, **corner).output, flash)


@pytest.mark.parametrize("causal", [False, True])
def test_masks_of_x_transformers_are_over_keys_and_leave_the_corner(causal):
    mask = np.array([[0, 1, 1, 1, 0], [0, 0, 0, 0, 0]], bool)
    queries = numbers(2, 4, 2, 8)  # as many entries as queries: (batch, m) could be (n, m)
    output, weights = attend_of_x_transformers(queries, K, V, mask=mask, causal=causal)
    ours = attend(queries, K, V, system="x-transformers", mask=mask, causal=causal)
    assert_near(ours.output, output)
    assert_near(ours.weights, weights)
    output, _ = attend_of_x_transformers(queries, K, V, mask=np.arange(5) < np.array([[3], [4]]), causal=causal)
    assert_near(attend(queries, K, V, system="x-transformers", key_lengths=[3, 4], causal=causal).output, output)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        pytest.param({"top_k": 2}, {"sparse_topk": 2}, id="top-k"),
        pytest.param({"normalizer": "sigmoid"}, {"sigmoid": True}, id="sigmoid"),
        pytest.param(
            {"softcap": 2.0}, {"softclamp_logits": True, "logit_softclamp_value": 2.0}, id="a softcap"
        ),
    ],
)  # fmt: skip
def test_stages_of_x_transformers(given, named):
    mask = np.ones((2, 1, 3, 5), bool)
    mask[0, 0, 1] = False
    output, weights = attend_of_x_transformers(Q, K[:, :2], V[:, :2], mask=mask, **named)
    ours = attend(Q, K[:, :2], V[:, :2], system="x-transformers", mask=mask, **given)
    assert_near(ours.output, output)
    assert_near(ours.weights, weights)


@pytest.mark.parametrize("lengths", [[3, 5], [0, 2], [[1, 2, 3], [0, 5, 4]]])
def test_d2l(lengths):
    d2l = pytest.importorskip("d2l.torch", exc_type=ImportError)
    layer = d2l.DotProductAttention(0.0).eval()
    theirs = layer(*tensors(Q[:, 0], K[:, 0], V[:, 0]), torch.tensor(lengths)).numpy()
    ours = attend(Q[:, 0], K[:, 0], V[:, 0], system="d2l", key_lengths=lengths)
    assert_near(ours.output, theirs)
    assert_near(ours.weights, layer.attention_weights.numpy())
