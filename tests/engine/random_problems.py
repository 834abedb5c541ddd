"""Problems of random numbers, how many of them a property is tried on, and when two results are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from amount import examples
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from test_oracle import VARIANT_NAMES

calm = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), max_examples=examples(60))
calm_for_each = settings(calm, max_examples=examples(25))  # for each variant, of numbers that only a seed decides
seeds = st.integers(0, 2**32 - 1)
each_variant = pytest.mark.parametrize("variant", VARIANT_NAMES)


def drawn(seed: int, n: int = 3, m: int = 5, d_k: int = 4, d_v: int = 2) -> dict[str, Any]:
    """Queries, keys and values of these sizes."""
    random = np.random.default_rng(seed)
    return {
        "queries": random.standard_normal((n, d_k)),
        "keys": random.standard_normal((m, d_k)),
        "values": random.standard_normal((m, d_v)),
    }


def assert_same(left: Any, right: Any, **options: Any) -> None:
    """Equal weights, output, scores and lse, but for the order of a sum, or within `options`."""
    for name in ("scores", "weights", "output", "lse"):
        within = {"rtol": 1e-13, "atol": 1e-14, **options}
        np.testing.assert_allclose(left.array(name), right.array(name), **within, err_msg=name)
