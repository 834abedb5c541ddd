"""Numbers of another configuration: of a window, a chunk, a prefix, kept keys, key lengths, positions, a top-k."""

import numpy as np
import pytest
from slip_cases import HEADS, numbers, told

RANDOM = np.random.default_rng(40)
N, M, D = 9, 12, 4
Q, K, V = (np.round(RANDOM.normal(size=(rows, D)), 2) for rows in (N, M, M))
SCORES = Q @ K.T / D**0.5
PLACES, KEYS = np.arange(N)[:, None] + M - N, np.arange(M)
CAUSAL = "causal: true, query_offset: 3"
BEFORE = KEYS <= PLACES
RANKS = np.argsort(np.argsort(-SCORES, axis=-1), axis=-1)

WAYS = {
    "a window": (f"{CAUSAL}, window: [7, 0]", BEFORE & (KEYS >= PLACES - 2),
        "the window reached 2 keys before the query's position: it reaches 7"),
    "a chunk": ("chunk: 3, query_offset: 3", KEYS // 5 == PLACES // 5, "a chunk had 5 keys: 3 are expected"),
    "a prefix": (f"{CAUSAL}, prefix: 9", BEFORE | (KEYS < 5),
        "the prefix that every query sees had 5 keys: 9 are expected"),
    "kept keys": (f"{CAUSAL}, window: [1, 0], keep_first: 1", BEFORE & ((KEYS >= PLACES - 1) | (KEYS < 4)),
        "the window kept 4 keys at the start: 1 is expected"),
    "a key length": ("key_lengths: 10", np.full((N, 1), 7) > KEYS, "the key length was 7: 10 is expected"),
    "positions": ("causal: true, query_offset: 10", np.arange(N)[:, None] + 5 >= KEYS,
        "query i stood at position i + 5: it stands at i + 10"),
    "a top-k": ("top_k: 2", RANKS < 5, "the 5 largest scores of a row took part: the 2 largest are expected"),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_another_number_is_named(name):
    settings, seen, sentence = WAYS[name]
    powers = np.where(seen, np.exp(SCORES), 0)
    output = powers / powers.sum(axis=-1, keepdims=True) @ V
    text = f"queries: {Q.tolist()}, keys: {K.tolist()}, values: {V.tolist()}, {settings}"
    assert told(text, {"output": output.tolist()}) == ("setting-other", sentence)


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        ("[0.5, 0.5]", "that of head 0 for all heads, 0.5, 0.5"),
        ("[0.25, 0.5]", "those in the order from the last head, 0.25, 0.5"),
    ],
)
def test_slopes_of_other_heads_are_named(taken, words, search_for):
    search_for("alibi-other-slopes")
    output = numbers(f"{HEADS}, alibi: {taken}", "output")
    assert told(f"{HEADS}, alibi: [0.5, 0.25]", {"output": output}) == (
        "alibi-other-slopes",
        f"the slopes of ALiBi were {words}: 0.5, 0.25 are expected",
    )
