"""Rotary positions whose pairs and angles disagree, and rows that are rotated at other positions."""

import numpy as np
import pytest
from slip_cases import told

RANDOM = np.random.default_rng(12)
H, N, M, D, BASE = 4, 3, 9, 8, 100.0
Q, K, V = (np.round(RANDOM.normal(size=(H, rows, D)), 2) for rows in (N, M, M))
KEYS, QUERIES = np.arange(M), np.arange(N) + M - N
SEEN = QUERIES[:, None] >= KEYS
SPEEDS = BASE ** (-2 * np.arange(D // 2) / D)
HALF, TURNS = np.arange(D) % (D // 2), np.arange(D) // 2  # the pair of each column, in half and in interleaved pairs
ORDER = [0, 4, 1, 5, 2, 6, 3, 7]  # interleaved pairs of half ones


def across(rows, is_half=True):
    """The other column of each pair, with its sign."""
    if is_half:
        return np.concatenate([-rows[..., D // 2 :], rows[..., : D // 2]], axis=-1)
    return np.stack([-rows[..., 1::2], rows[..., ::2]], axis=-1).reshape(rows.shape)


def turn(rows, at, speeds=SPEEDS, pairs=HALF, is_half=True):
    angles = np.asarray(at, float)[..., None] * speeds[pairs]
    return rows * np.cos(angles) + across(rows, is_half) * np.sin(angles)


def in_place(rows, at, is_second_turned):
    """The second of each pair made of the first as it was turned, or left as it is."""
    angles = np.asarray(at, float)[:, None] * SPEEDS
    one, two = np.split(rows, 2, axis=-1)
    one = one * np.cos(angles) - two * np.sin(angles)
    return np.concatenate([one, one * np.sin(angles) + two * np.cos(angles) if is_second_turned else two], axis=-1)


def attend(q, k, v=V, seen=SEEN):
    scores = np.where(seen, q @ k.mT / D**0.5, -np.inf)
    powers = np.exp(scores)
    return (powers / powers.sum(axis=-1, keepdims=True) @ v).tolist()


def in_cache():
    """Two keys that are kept and the last four of each query, at their places among these six."""
    found = []
    for place, query in zip(QUERIES, Q.swapaxes(0, 1), strict=True):
        cached = [0, 1, *range(place - 3, place + 1)]
        rows = turn(query[:, None], [len(cached) - 1]), turn(K[:, cached], np.arange(len(cached)))
        found.append(attend(*rows, V[:, cached], True))
    return np.concatenate(found, axis=1).tolist()


def given(**settings):
    pairs = {"queries": Q.tolist(), "keys": K.tolist(), "values": V.tolist(), "rope": "half", "rope_base": 100}
    pairs |= {"causal": "true", "query_offset": M - N, **settings}
    return ", ".join(f"{name}: {value}" for name, value in pairs.items())


def both(at=lambda positions: positions, **how):
    return attend(turn(Q, at(QUERIES), **how), turn(K, at(KEYS), **how))


OWN = {"rope": "interleaved"}
READ = [0, 0, 1, 1]
HEADS = np.arange(H)[:, None]
WAYS = {
    "angles of interleaved pairs": ({}, both(pairs=TURNS), "rope-other-pairs",
        "the columns were rotated in pairs of half with the angles of interleaved: a pair has one angle"),
    "angles of half pairs": (OWN, both(is_half=False), "rope-other-pairs",
        "the columns were rotated in pairs of interleaved with the angles of half: a pair has one angle"),
    "keys of other pairs": ({}, attend(turn(Q, QUERIES), turn(K[..., ORDER], KEYS)), "rope-other-pairs",
        "the columns of K were in the order of the pairs of interleaved, those of Q not"),
    "no minus sign": ({}, both(speeds=1 / SPEEDS), "rope-other-base",
        "the angles were position·base^(2c/d), of an exponent without its minus sign: −2c/d is expected"),
    "the base of NTK scaling": ({"rope_scale": 4}, both(speeds=(BASE * 4 ** (8 / 6)) ** (-2 * np.arange(4) / 8)),
        "rope-other-base", "the base was 634.96, that of NTK scaling by 4, and the positions were not divided: they "
        "are divided by 4, with the base 100"),
    "some other base": ({}, both(speeds=234.0 ** (-2 * np.arange(4) / 8)), "rope-other-base",
        "the base of the rotary positions was 234: it is 100"),
    "half the exponent": ({}, both(speeds=BASE ** (-np.arange(4) / 8)), "rope-other-base",
        "the base of the rotary positions was 10, as of an exponent −c/d: it is 100"),
    "twice the exponent": ({}, both(speeds=BASE ** (-4 * np.arange(4) / 8)), "rope-other-base",
        "the base of the rotary positions was 10000, as of an exponent −4c/d: it is 100"),
    "places in a cache": ({"window": "[3, 0]", "keep_first": 2}, in_cache(), "rope-shifted",
        "each query and the first 2 keys were rotated by their places in a cache of 6 keys, those that are kept and "
        "those of the window: they have positions of their own"),
    "positions over some number": ({}, both(lambda at: at / 3), "rope-other-scale",
        "the positions were divided by 3 before the rotation: 1 is expected"),
    "heads for positions": ({"keys": K[:2].tolist(), "values": V[:2].tolist()},
        attend(turn(Q, HEADS), turn(K[:2], HEADS[:2])[READ], V[READ]), "rope-shifted",
        "every row of head h was rotated at position h, as if the heads were the positions: each has its own"),
    "cosines only": ({}, attend(*(rows * np.cos(np.asarray(at, float)[:, None] * SPEEDS[HALF])
        for rows, at in ((Q, QUERIES), (K, KEYS)))), "rope-unsigned",
        "the pairs were multiplied by their cosines only: (a, b) becomes (a cos − b sin, a sin + b cos)"),
    "angles of the pairs in reverse": ({}, both(speeds=SPEEDS[::-1]), "rope-unsigned",
        "the pairs had the angles of each other in reverse order: pair c turns by position·base^(−2c/d)"),
    "the angles of the first pair": ({}, both(speeds=np.ones(4)), "rope-unsigned",
        "all pairs had the angles of the first, the positions themselves: pair c turns by position·base^(−2c/d)"),
    "pairs turned in place": ({}, attend(*(in_place(rows, at, 1) for rows, at in ((Q, QUERIES), (K, KEYS)))),
        "rope-unsigned", "the second of each pair was made of the first as it was turned already: both are made of "
        "those before"),
    "the first of each pair only": ({}, attend(*(in_place(rows, at, 0) for rows, at in ((Q, QUERIES), (K, KEYS)))),
        "rope-unsigned", "only the first column of each pair was turned: (a, b) becomes (a cos − b sin, a sin + "
        "b cos)"),
    "sines and cosines added": ({}, attend(*(rows + np.concatenate([np.sin(np.outer(at, SPEEDS)),
        np.cos(np.outer(at, SPEEDS))], axis=-1) for rows, at in ((Q, QUERIES), (K, KEYS)))), "rope-unsigned",
        "sines and cosines of the positions were added to Q and K: they are rotated"),
    "a scale of one side": ({"rope_scale": 4}, attend(turn(Q, QUERIES), turn(K, KEYS / 4)), "rope-shifted",
        "the positions of the queries were not divided by 4, those of the keys were: both are"),
    "keys in reverse": ({}, attend(turn(Q, QUERIES), turn(K, KEYS[::-1])), "rope-shifted",
        "the keys were rotated at the positions in reverse: key j stands at position j"),
    "positions of a ring": ({}, both(lambda at: at % 8), "rope-shifted",
        "the positions of the rotation began again after 8: they go on up to 8"),
    "cached keys twice": ({}, attend(turn(Q, QUERIES), turn(K, np.where(KEYS < 6, 2 * KEYS, KEYS))), "rope-twice",
        "the first 6 keys, those before query 0, were rotated twice: each key is rotated once"),
    "cached keys not at all": ({}, attend(turn(Q, QUERIES), turn(K, np.where(KEYS < 6, 0, KEYS))), "rope-one-side",
        "the first 6 keys, those before query 0, were not rotated: each key is rotated once"),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_the_way_is_named(name, search_for):
    settings, output, slip, sentence = WAYS[name]
    search_for(slip)
    assert told(given(**settings), {"output": output}) == (slip, sentence)


@pytest.mark.parametrize("name", ["queries", "keys"])
def test_positions_that_leave_out_padding_on_one_side_only_are_named(name):
    kept = np.ones((H, 1, M), bool)
    kept[0, :, :2] = False
    first = np.array([2, 0, 0, 0])[:, None]
    at = {"queries": QUERIES, "keys": KEYS}
    at[name] = np.maximum(at[name] - first, 0)
    output = attend(turn(Q, at["queries"]), turn(K, at["keys"]), seen=SEEN & kept)
    other = "keys" if name == "queries" else "queries"
    assert told(given(mask=kept.astype(int).tolist()), {"output": output}) == (
        "rope-shifted",
        f"the positions of the {name} were counted from the first key that is not masked, those of the {other} from "
        "key 0: both are counted from key 0",
    )
