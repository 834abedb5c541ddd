"""`assert_attention`, for the tests of other code."""

import numpy as np
import pytest

from attncli import AttncliError, assert_attention, attend

Q, K, V = (np.random.default_rng(seed).normal(size=(4, 4)).astype(np.float32) for seed in range(3))


def test_right_numbers_pass():
    result = attend(Q, K, V, causal=True)
    assert_attention(result.output, Q, K, V, causal=True, weights=result.weights, lse=result.lse)


def test_a_failure_carries_the_verdict_and_what_was_done():
    with pytest.raises(AssertionError) as caught:
        assert_attention(attend(Q, K, V, variant="dot").output, Q, K, V)
    told = str(caught.value)
    assert told.startswith("attention is wrong\n  output      wrong            by rtol 1.3e-06, atol 1e-05\n")
    assert "    unscaled: your output is softmax(QKᵀ) V: divide by √d_k = 2\n" in told


def test_a_tolerance_and_a_system_are_taken():
    output = attend(Q, K, V, causal=True).output
    assert_attention(output + 1e-3, Q, K, V, causal=True, atol=0.01)
    assert_attention(output, Q, K, V, system="torch", causal=True)


def test_an_unknown_setting_is_an_error():
    with pytest.raises(AttncliError, match="is not a setting of attend"):
        assert_attention(V, Q, K, V, cuasal=True)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_tensors_of_torch_are_taken_in_each_dtype(dtype):
    torch = pytest.importorskip("torch")
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    kind = getattr(torch, dtype)
    query, key, value = (torch.tensor(array, dtype=kind, requires_grad=True) for array in (Q, K, V))
    output = torch.nn.functional.scaled_dot_product_attention(query[None], key[None], value[None])[0]
    assert_attention(output, query, key, value, system="torch")
    assert_attention(output.T.contiguous().T, query, key, value, dtype=kind)
    with pytest.raises(AssertionError):
        assert_attention(2 * output, query, key, value, system="torch")


def test_a_tensor_of_torch_keeps_its_bits():
    torch = pytest.importorskip("torch")
    pytest.importorskip("ml_dtypes")
    numbers = [[1.5, -2.0], [0.5, 0.25]]
    for dtype in (torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.int64):
        weights = attend([[0.0]], [[0.0], [0.0]], torch.tensor([[4, 8]]).to(dtype).T).output
        assert weights.tolist() == [[6.0]]
    assert attend(torch.tensor(numbers, dtype=torch.bfloat16), numbers).raw_scores[0, 0] == 6.25


def test_gradients_are_judged_where_one_arrives():
    arriving = np.ones_like(V)
    result = attend(Q, K, V, causal=True)
    names = ("d_queries", "d_keys", "d_values")
    right = {name: getattr(result.gradients(arriving), name) for name in names}
    assert_attention(result.output, Q, K, V, causal=True, d_output=arriving, **right)
    unscaled = {**right, "d_queries": 2 * right["d_queries"], "d_keys": 2 * right["d_keys"]}
    with pytest.raises(AssertionError, match="grad-unscaled"):
        assert_attention(None, Q, K, V, causal=True, d_output=arriving, **unscaled)
