"""Gradients against torch's autograd, over every variant and stage."""

import numpy as np
import pytest

import attncli

torch = pytest.importorskip("torch")

from gradients import reference  # noqa: E402 - torch may be missing
from gradients.cases import CASES, D_V, HEADS, RNG, D, M, N  # noqa: E402


def tensors(*arrays):
    return [torch.tensor(array, requires_grad=True) for array in arrays]


@pytest.mark.parametrize("biased", [False, True], ids=["without a bias", "with a bias"])
@pytest.mark.parametrize("request_", CASES.values(), ids=CASES)
def test_gradients_are_those_of_autograd(request_, biased):
    q, k, v = RNG.normal(size=(HEADS, N, D)), RNG.normal(size=(HEADS, M, D)), RNG.normal(size=(HEADS, M, D_V))
    d_output, bias = RNG.normal(size=(HEADS, N, D_V)), RNG.normal(size=(N, M))
    leaves = tensors(q, k, v, bias)
    output, weights, scores = reference.attend(*leaves[:3], request_, leaves[3] if biased else None)
    output.backward(torch.tensor(d_output))
    result = attncli.attend(q, k, v, **request_, bias=bias if biased else None)
    np.testing.assert_allclose(result.output, output.detach().numpy(), rtol=1e-12, atol=1e-13)
    found = result.gradients(d_output)
    expected = {"d_queries": leaves[0].grad, "d_keys": leaves[1].grad, "d_values": leaves[2].grad}
    expected |= {"d_weights": weights.grad, "d_scores": scores.grad}
    if biased:
        expected["d_bias"] = leaves[3].grad
    for name, right in expected.items():
        np.testing.assert_allclose(found.array(name), right.numpy(), rtol=1e-10, atol=1e-12, err_msg=name)


SHAPES = {
    "query heads that share key heads": ((2, 4, N, D), (2, 2, M, D), (2, 2, M, D_V), (M,)),
    "keys for the whole batch": ((3, N, D), (M, D), (M, D_V), (3, N, M)),
    "keys of one batch entry": ((3, N, D), (1, M, D), (3, M, D_V), (3, 1, 1)),
    "queries for the whole batch": ((N, D), (3, M, D), (3, M, D_V), (1, M)),
    "a bias that adds an axis": ((N, D), (M, D), (M, D_V), (2, N, M)),
    "many keys": ((700, D), (1500, D), (1500, D_V), (1500,)),
}


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_gradients_are_summed_back_over_shared_and_broadcast_axes(shapes):
    q, k, v, bias = (RNG.normal(size=shape) for shape in shapes)
    leaves = tensors(q, k, v, bias)
    keys, values = leaves[1], leaves[2]
    if len(shapes[0]) == 4:
        keys, values = (each.repeat_interleave(2, dim=1) for each in (keys, values))
    output, _, _ = reference.attend(leaves[0], keys, values, {}, leaves[3])
    d_output = RNG.normal(size=tuple(output.shape))
    output.backward(torch.tensor(d_output))
    found = attncli.attend(q, k, v, bias=bias).gradients(d_output)
    for name, leaf in zip(("d_queries", "d_keys", "d_values", "d_bias"), leaves, strict=True):
        assert found.array(name).shape == tuple(leaf.shape)
        np.testing.assert_allclose(found.array(name), leaf.grad.numpy(), rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "contexts", [(), ("context",), ("context", "values_context")], ids=["x alone", "x and context", "all three"]
)
def test_gradients_go_through_projections_and_packed_heads(contexts):
    from attncli.inputs.request import Request
    from attncli.matrix import Matrix
    from attncli.problem.prepare import prepare
    from attncli.results.result import Result

    given = {
        "x": RNG.normal(size=(2, N, 5)),
        "context": RNG.normal(size=(2, M, 5)),
        "values_context": RNG.normal(size=(1, M, 7)),
        "w_q": RNG.normal(size=(5, 8)),
        "w_k": RNG.normal(size=(5, 4)),
        "w_v": RNG.normal(size=(7 if "values_context" in contexts else 5, 6)),
        "w_o": RNG.normal(size=(12, 3)),
        "b_q": RNG.normal(size=8),
        "b_k": RNG.normal(size=4),
        "b_v": RNG.normal(size=6),
        "b_o": RNG.normal(size=3),
    }
    given = {name: array for name, array in given.items() if "context" not in name or name in contexts}
    d_output = RNG.normal(size=(2, N, 3))
    leaf = {name: torch.tensor(array, requires_grad=True) for name, array in given.items()}
    context = leaf.get("context", leaf["x"])
    of_values = leaf.get("values_context", context)

    def heads(rows, count):
        return rows.reshape(*rows.shape[:-1], count, -1).transpose(-2, -3)

    q, k = heads(leaf["x"] @ leaf["w_q"] + leaf["b_q"], 4), heads(context @ leaf["w_k"] + leaf["b_k"], 2)
    v = heads(of_values @ leaf["w_v"] + leaf["b_v"], 2)
    output, _, _ = reference.attend(q, *(each.repeat_interleave(2, dim=1) for each in (k, v)), {"causal": True})
    joined = output.transpose(-2, -3).flatten(-2)
    (joined @ leaf["w_o"] + leaf["b_o"]).backward(torch.tensor(d_output))
    matrices = {name: Matrix(array, name) for name, array in given.items()}
    request = Request(**matrices, causal=True, heads=(4, 2), d_output=Matrix(d_output, "d_output"))
    result = Result(prepare(request))
    for name, each in leaf.items():
        found = result.gradients().array(f"d_{name}")
        np.testing.assert_allclose(found, each.grad.numpy(), rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("variant", ["scaled", "laplace", "gaussian", "cosine"])
def test_float32_gradients_are_near_those_in_float64(variant):
    q, k, v = (RNG.normal(size=shape) for shape in ((40, 8), (50, 8), (50, 3)))
    d_output = RNG.normal(size=(40, 3))
    wide = attncli.attend(q, k, v, variant=variant).gradients(d_output)
    narrow = attncli.attend(q, k, v, variant=variant, dtype="float32").gradients(d_output)
    for name in ("d_queries", "d_keys", "d_values"):
        assert narrow.array(name).dtype == np.float32
        np.testing.assert_allclose(narrow.array(name), wide.array(name), atol=2e-5)
