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
