"""What the text of a setting means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import KEYS, QUERIES

from attncli import attend
from attncli.inputs.settings import BY_KEY

TEXTS = [
    ("window", "2,0", (2, 0)),
    ("window", "2 0", (2, 0)),
    ("window", "[2, 0]", (2, 0)),
    ("window", "(2, 0)", (2, 0)),
    ("window", "-1,3", (-1, 3)),
    ("window", "−1,+3", (-1, 3)),
    ("heads", "8", (8, 8)),
    ("heads", "8/2", (8, 2)),
    ("heads", " 8 / 2 ", (8, 2)),
    ("heads", "[8, 2]", (8, 2)),
    ("softcap", "30", 30.0),
    ("softcap", "1/2", 0.5),
    ("length_scale", ".5", 0.5),
    ("query_offset", "-3", -3),
    ("query_offset", "−3", -3),
    ("query_offset", "9" * 18, 10**18 - 1),
    ("causal", "True", True),
    ("causal", "false", False),
    ("variant", " laplace ", "laplace"),
    ("sink", "tensor([0.5, 2.], device='cuda:0')", (0.5, 2.0)),
    ("sink", "np.array([1, 2])", (1.0, 2.0)),
    ("alibi", "Array([0.5], dtype=float32)", (0.5,)),
    ("window", "tensor([2, 0])", (2, 0)),
]


@pytest.mark.parametrize(("key", "text", "value"), TEXTS, ids=[f"{key} {text}" for key, text, _ in TEXTS])
def test_a_setting_means(key: str, text: str, value: object) -> None:
    assert BY_KEY[key].value(text, key) == value


@pytest.mark.parametrize("given", [False, None, 0, "false", "False", np.False_], ids=repr)
def test_false_is_written_in_many_ways(given: Any) -> None:
    assert attend(QUERIES, KEYS, causal=given).problem.visible.is_everything
