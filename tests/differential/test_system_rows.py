"""The rows of `attncli.systems` that can be run, against the systems themselves; skipped where one is missing."""

import numpy as np
import pytest

from attncli import attend

random = np.random.default_rng(7)
Q, K, V = random.normal(size=(4, 5, 8)), random.normal(size=(4, 7, 8)), random.normal(size=(4, 7, 3))
MASK = random.random((5, 7)) > 0.4
MASK[2] = False


def torch_attention(**given):
    torch = pytest.importorskip("torch")
    groups = given.pop("groups", False)
    arrays = [torch.from_numpy(a) for a in (given.pop("q", Q), given.pop("k", K), given.pop("v", V))]
    given = {name: torch.from_numpy(a) if isinstance(a, np.ndarray) else a for name, a in given.items()}
    return torch.nn.functional.scaled_dot_product_attention(*arrays, enable_gqa=groups, **given).numpy()


def test_torch_scales_and_masks():
    np.testing.assert_allclose(attend(Q, K, V, mask=MASK, system="torch").output, torch_attention(attn_mask=MASK))


def test_torch_is_causal_from_the_top_left_corner():
    np.testing.assert_allclose(attend(Q, K, V, causal=True, system="torch").output, torch_attention(is_causal=True))


def test_torch_adds_a_float_mask():
    bias = random.normal(size=(5, 7))
    np.testing.assert_allclose(attend(Q, K, V, bias=bias, system="torch").output, torch_attention(attn_mask=bias))


def test_torch_interleaves_grouped_heads():
    keys, values = K[:2], V[:2]
    theirs = torch_attention(q=Q[None], k=keys[None], v=values[None], groups=True)
    np.testing.assert_allclose(attend(Q[None], keys[None], values[None], system="torch").output, theirs)


@pytest.mark.parametrize(("need_weights", "row"), [(True, np.nan), (False, 0)])
def test_torch_mha_ignores_where_the_mask_is_true(need_weights, row):
    torch = pytest.importorskip("torch")
    layer = torch.nn.MultiheadAttention(8, 2, batch_first=True, dtype=torch.float64)
    w_q, w_k, w_v = (w.detach().numpy().T for w in layer.in_proj_weight.chunk(3))
    x, mask = random.normal(size=(5, 8)), random.random((5, 5)) > 0.5
    np.fill_diagonal(mask, False)
    mask[3] = True
    x_tensor = torch.from_numpy(x[None])
    theirs, weights = layer(
        *[x_tensor] * 3, attn_mask=torch.from_numpy(mask), need_weights=need_weights, average_attn_weights=False
    )
    ours = attend(x @ w_q, x @ w_k, x @ w_v, mask=mask, heads=2, system="torch-mha")
    projected = ours.output @ layer.out_proj.weight.detach().numpy().T
    kept = [0, 1, 2, 4]
    np.testing.assert_allclose(projected[kept], theirs.detach().numpy()[0, kept], rtol=1e-6)
    np.testing.assert_array_equal(theirs.detach().numpy()[0, 3], np.full(8, row))
    if need_weights:
        np.testing.assert_allclose(ours.weights[:, kept], weights.detach().numpy()[0][:, kept], rtol=1e-6, atol=1e-12)
        assert np.isnan(ours.weights[:, 3]).all()


def onnx_attention(q, k, v, mask=None, **attributes):
    onnx = pytest.importorskip("onnx", minversion="1.19", reason="Attention of opset 24 came with it")
    from onnx.reference import ReferenceEvaluator

    names = ["q", "k", "v"] + ([] if mask is None else ["mask"])
    double = onnx.TensorProto.DOUBLE
    types = {name: onnx.TensorProto.BOOL if name == "mask" else double for name in names}
    inputs = [onnx.helper.make_tensor_value_info(name, types[name], None) for name in names]
    outputs = [onnx.helper.make_tensor_value_info("y", double, None)]
    node = onnx.helper.make_node("Attention", names, ["y"], **attributes)
    graph = onnx.helper.make_graph([node], "attention", inputs, outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 24)])
    fed = {"q": q[None], "k": k[None], "v": v[None], **({} if mask is None else {"mask": mask})}
    return ReferenceEvaluator(model).run(None, fed)[0][0]


def test_onnx_scales_and_masks():
    ours = attend(Q, K, V, mask=MASK, system="onnx").output
    theirs = onnx_attention(Q, K, V, MASK)
    kept = [0, 1, 3, 4]
    np.testing.assert_allclose(ours[:, kept], theirs[:, kept], rtol=1e-6)


def test_onnx_is_causal_from_the_top_left_corner_without_a_cache():
    np.testing.assert_allclose(
        attend(Q, K, V, causal=True, system="onnx").output, onnx_attention(Q, K, V, is_causal=1), rtol=1e-6
    )


def test_onnx_interleaves_grouped_heads():
    np.testing.assert_allclose(
        attend(Q, K[:2], V[:2], system="onnx").output, onnx_attention(Q, K[:2], V[:2]), rtol=1e-6
    )


def test_sklearn_divides_by_the_number_of_features():
    pairwise = pytest.importorskip("sklearn.metrics.pairwise")
    kernel = pairwise.laplacian_kernel(Q[0], K[0])
    expected = kernel / kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(attend(Q[0], K[0], system="sklearn").weights, expected, rtol=1e-12)
