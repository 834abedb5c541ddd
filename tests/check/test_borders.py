"""Borders of chunks, segments, windows, tiles and pages that stand elsewhere are named: outputs in plain NumPy."""

import numpy as np
import pytest
from slip_cases import in_turns

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(71)
Q, K, V = (RANDOM.normal(size=(3, 24, width)) for width in (4, 4, 5))
SCORES = Q @ K.swapaxes(-1, -2) / 2
P, J = np.arange(24)[:, None], np.arange(24)
IDS, MOVED = np.repeat([0, 1, 2], [7, 9, 8]), np.repeat([0, 1, 2], [8, 9, 7])
LENGTHS = np.array([21, 13, 6])


def over(seen):
    """The attention to the keys that are seen, 0 without any."""
    powers = np.where(seen, np.exp(SCORES), 0)
    total = powers.sum(axis=-1, keepdims=True)
    return powers / np.where(total > 0, total, 1) @ V


def within(lengths):
    return over(np.reshape(lengths, (3, 1, 1)) > J)


CHUNKS = {"causal": True, "chunk": 6}
DUE = "key j is seen if ⌊j/6⌋ = ⌊p/6⌋"
WRONG = {
    "chunks one later": (
        CHUNKS,
        over((J <= P) & ((P - 1) // 6 == (J - 1) // 6)),
        "chunk-other",
        f"the borders of the chunks stood one position later: {DUE}",
    ),
    "chunks one earlier": (
        CHUNKS,
        over((J <= P) & ((P + 1) // 6 == (J + 1) // 6)),
        "chunk-other",
        f"the borders of the chunks stood one position earlier: {DUE}",
    ),
    "the chunk before": (
        CHUNKS,
        over((J <= P) & (P // 6 - J // 6 <= 1)),
        "chunk-other",
        f"a query also saw the chunk before its own: {DUE}",
    ),
    "a window for chunks": (
        CHUNKS,
        over((J <= P) & (P - J < 6)),
        "chunk-other",
        f"the chunks were taken as a window: a query saw the keys less than 6 positions away: {DUE}",
    ),
    "segments one later": (
        {"segments": IDS},
        over(MOVED[:, None] == MOVED),
        "segments-moved",
        "the segments began one position later than they do",
    ),
    "segments of keys one later": (
        {"segments": IDS},
        over(IDS[:, None] == MOVED),
        "segments-moved",
        "the segments of the keys began one position later than they do",
    ),
    "segments of queries one earlier": (
        {"segments": MOVED},
        over(IDS[:, None] == MOVED),
        "segments-moved",
        "the segments of the queries began one position earlier than they do",
    ),
    "segments without their first key": (
        {"segments": IDS},
        over((IDS[:, None] == IDS) & (np.diff(IDS, prepend=-1) == 0)),
        "segments-moved",
        "the first key of each segment was left out: a query sees all keys of its own",
    ),
    "segments without their last key": (
        {"segments": IDS},
        over((IDS[:, None] == IDS) & (np.diff(IDS, append=-1) == 0)),
        "segments-moved",
        "the last key of each segment was left out: a query sees all keys of its own",
    ),
    "lengths in whole pages": (
        {"key_lengths": LENGTHS},
        within([24, 16, 8]),
        "key-lengths-rounded",
        "the key lengths were 24, 16, 8, rounded up to whole pages of 4 or 8 keys: 21, 13, 6 are expected",
    ),
    "the last page left out": (
        {"key_lengths": LENGTHS},
        within([20, 12, 4]),
        "key-lengths-rounded",
        "the key lengths were 20, 12, 4, rounded down to whole pages of 4 keys: 21, 13, 6 are expected",
    ),
    "a window on both sides": (
        {"window": (5, 0)},
        over(np.abs(P - J) <= 5),
        "window-off-by-one",
        "the window reached 5 keys before the query's position and 5 after: it reaches 5 keys before and 0 after",
    ),
    "a window one key further on": (
        {"window": (5, 1)},
        over((J >= P - 5) & (J <= P + 2)),
        "window-off-by-one",
        "the window reached 2 keys after the query's position: it reaches 1",
    ),
    "a window up to the query one key further on": (
        {"window": (5, 0)},
        over((J >= P - 5) & (J <= P + 1)),
        "one-ahead",
        "the window let query i see one key more: key i is the last",
    ),
    "the sides of a window exchanged": (
        {"window": (5, 1)},
        over((J >= P - 1) & (J <= P + 5)),
        "mask-inverted",
        "the sides of the window were exchanged: a query saw 1 key before its position and 5 after, and 5 keys before "
        "its position and 1 after are expected",
    ),
    "the future for the past": (
        {"causal": True},
        over(J >= P),
        "mask-inverted",
        "the causal mask was turned round: a query saw the keys from its own position on, and not those before",
    ),
    "tiles on the diagonal skipped": (
        {"causal": True},
        over(J // 8 < P // 8),
        "causal-by-tiles",
        "the tiles of 8 keys on the border of the causal mask were skipped: a query also sees the keys up to its last "
        "one in that tile",
    ),
}


def told(asked, output):
    arrays = {"queries": Q, "keys": K, "values": V} | {n: a for n, a in asked.items() if isinstance(a, np.ndarray)}
    settings = {name: value for name, value in asked.items() if name not in arrays}
    request = Request(**{name: Matrix(array, name) for name, array in arrays.items()}, **settings)
    expected = {"output": Matrix(output, "output")}
    first = check(Worksheet(request=request, name="c", where="c", expected=expected)).diagnosis[0]
    return first.slip, first.sentence


@pytest.mark.parametrize(("name", "dtype"), in_turns(WRONG))
def test_a_border_that_stands_elsewhere_is_named(name, dtype, search_for):
    asked, output, slip, sentence = WRONG[name]
    search_for(slip)
    assert told(asked, output.astype(dtype)) == (slip, sentence)


def test_queries_may_stand_a_whole_block_further_on():
    powers = np.where(np.arange(24) <= np.arange(5)[:, None] + 15, np.exp(SCORES[:, :5]), 0)
    request = Request(
        **{name: Matrix(array, name) for name, array in (("queries", Q[:, :5]), ("keys", K), ("values", V))},
        causal=True,
        query_offset=10,
    )
    expected = {"output": Matrix(powers / powers.sum(axis=-1, keepdims=True) @ V, "output")}
    first = check(Worksheet(request=request, name="c", where="c", expected=expected)).diagnosis[0]
    assert first.sentence == "query i stood at position i + 15: it stands at i + 10"


def test_padding_keys_that_count_are_reported_with_their_log_sum_exps():
    powers = np.exp(SCORES)
    total = powers.sum(axis=-1, keepdims=True) + 8
    given = {name: Matrix(array, name) for name, array in (("queries", Q), ("keys", K), ("values", V))}
    expected = {"output": Matrix(powers / total @ V, "output"), "lse": Matrix(np.log(total[..., 0]), "lse")}
    first = check(Worksheet(request=Request(**given), name="c", where="c", expected=expected)).diagnosis[0]
    assert (first.slip, first.sentence) == (
        "phantom-keys",
        "the softmax counts 32 keys, 8 of them of score 0 as padding has: there are 24 keys",
    )
