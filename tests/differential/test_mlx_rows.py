"""The row of mlx in `attncli.systems`, against mlx on a CPU; skipped where it is not installed."""

from __future__ import annotations

import numpy as np
import pytest

from attncli import attend
from attncli.stages.row_transforms import PAIRING_BY_NAME, Rotation

mlx = pytest.importorskip("mlx.core")
random = np.random.default_rng(6)


def numbers(*shape):
    return random.normal(size=shape).astype(np.float32)


Q, K, V = numbers(2, 4, 3, 8), numbers(2, 2, 5, 8), numbers(2, 2, 5, 6)
MASK = random.random((3, 5)) < 0.5
MASK[1] = False
BIAS = numbers(4, 3, 5)
BIAS[0, 1] = -np.inf
SINKS = numbers(4)


def attention(queries=Q, **given):
    arrays = {name: mlx.array(value) if isinstance(value, np.ndarray) else value for name, value in given.items()}
    return np.array(
        mlx.fast.scaled_dot_product_attention(mlx.array(queries), mlx.array(K), mlx.array(V), scale=8**-0.5, **arrays)
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        pytest.param({}, {}, id="grouped heads"),
        pytest.param({"mask": MASK}, {"mask": MASK}, id="a mask that empties a row"),
        pytest.param({"bias": BIAS}, {"mask": BIAS}, id="a bias that forbids a row"),
        pytest.param({"sink": SINKS}, {"sinks": SINKS}, id="a sink per head"),
        pytest.param({"sink": SINKS, "mask": MASK}, {"sinks": SINKS, "mask": MASK}, id="a sink takes an empty row"),
    ],
)
def test_mlx(given, named):
    ours = attend(Q, K, V, system="mlx", **given).output
    np.testing.assert_allclose(ours, attention(**named), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("n", [3, 5, 8])
def test_mlx_is_causal_from_the_bottom_right_corner(n):
    queries = numbers(2, 4, n, 8)
    ours = attend(queries, K, V, system="mlx", causal=True).output
    np.testing.assert_allclose(ours, attention(queries, mask="causal"), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(("pairing", "is_traditional"), [("half", False), ("interleaved", True)])
def test_rope_of_mlx(pairing, is_traditional):
    theirs = mlx.fast.rope(mlx.array(Q), 6, traditional=is_traditional, base=100.0, scale=0.5, offset=2)
    ours = Rotation(PAIRING_BY_NAME[pairing], 100.0, 6, 2.0).apply(Q, np.arange(3) + 2)
    np.testing.assert_allclose(ours, np.array(theirs), rtol=1e-5, atol=2e-6)
