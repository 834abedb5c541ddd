"""Masks of a tree of queries behind a cache that all of them see, as of speculative decoding, taken otherwise."""

import numpy as np
import pytest
from slip_cases import told

RANDOM = np.random.default_rng(31)
N, M, PAST = 4, 7, 3
Q, K, V = (np.round(RANDOM.normal(size=(rows, 4)), 2) for rows in (N, M, M))
TREE = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 1]])  # each query, and those above it
CACHE = np.ones((N, PAST), int)
GIVEN = ", ".join(
    f"{name}: {array.tolist()}"
    for name, array in (("queries", Q), ("keys", K), ("values", V), ("mask", np.hstack([CACHE, TREE])))
)
WAYS = {
    "transposed": (
        TREE.T,
        "mask-on-queries",
        "the last 4 columns of the mask, of keys 3 to 6, were transposed: row i is what query i sees",
    ),
    "without the queries themselves": (
        TREE - np.eye(N, dtype=int),
        "diagonal-masked",
        "the key at the query's own position, key i + 3 for query i, was masked: it is seen",
    ),
    "as a chain": (
        np.tril(np.ones((N, N), int)),
        "unasked-causal",
        "a causal mask took the place of the mask, query i saw the keys up to i + 3: the mask says which",
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_tree_that_is_taken_otherwise_is_named(name, search_for):
    tree, slip, sentence = WAYS[name]
    search_for(slip)
    powers = np.where(np.hstack([CACHE, tree]), np.exp(Q @ K.T / 2), 0)
    output = powers / powers.sum(axis=-1, keepdims=True) @ V
    assert told(GIVEN, {"output": output.tolist()}) == (slip, sentence)
