"""Masks that are right within blocks and wrong between them, and what of another place is added or read."""

import numpy as np
import pytest
from slip_cases import told

RANDOM = np.random.default_rng(8)
H, N, M, D = 4, 8, 12, 4
Q, K, V = (np.round(RANDOM.normal(size=(H, rows, D)), 2) for rows in (N, M, M))
BIAS = np.round(RANDOM.normal(size=(N, M)), 2)
SINKS = np.array([0.5, -0.3, 0.8, 1.2])
ROWS, J = np.arange(N)[:, None], np.arange(M)
P = ROWS + M - N


def attend(seen=True, *, q=Q, k=K, v=V, added=0.0, sinks=None):
    scores = np.where(seen, q @ k.mT / D**0.5 + added, -np.inf)
    powers = np.exp(scores)
    rest = 0 if sinks is None else np.exp(sinks)[:, None, None]
    return (powers / (powers.sum(axis=-1, keepdims=True) + rest) @ v).tolist()


def given(**settings):
    pairs = {"queries": Q.tolist(), "keys": K.tolist(), "values": V.tolist(), **settings}
    return ", ".join(f"{name}: {str(value).lower() if value is True else value}" for name, value in pairs.items())


CAUSAL = {"causal": True, "query_offset": M - N}
SLOPES = np.array([0.25, 0.0625, 0.015625, 0.00390625])[:, None, None]
SEGMENTS = np.repeat([0, 1, 2], 4)
ROWS_DUE = ": row j of K and of V is key j"
OWN = "it stands at i + 4"
WINDOW = {**CAUSAL, "window": [5, 0]}
LATER, EARLIER = (np.roll(V, step, axis=-2) for step in (1, -1))
LATER[:, 0] = EARLIER[:, -1] = 0
EARLY = np.concatenate([V[:, :-2], V[:, -1:], 0 * V[:, :1]], axis=-2)
SHARED = {"keys": K[:2].tolist(), "values": V[:2].tolist(), **CAUSAL}
READ = [0, 0, 1, 1]
PACKED = np.array([[ROWS[i, 0] * 2 + h % 2 + 4 for i in range(N)] for h in range(H)])[..., None]
WAYS = {
    "chunks of a prefill": (CAUSAL, attend((J <= P) & (J // 4 == P // 4)), "unasked-chunk",
        "a query saw only the keys of its own chunk of 4 positions: no chunks are asked for"),
    "parts of a ring": (CAUSAL, attend((J % 4 <= P % 4) & (J // 4 <= P // 4)), "causal-by-tiles",
        "each tile of 4 keys had the causal mask of the query's own tile, as parts of a ring that count from 0 have: a "
        "query sees all keys up to its own position"),
    "every tile": (CAUSAL, attend(J % 4 <= P % 4), "causal-by-tiles",
        "every tile of 4 keys, also after the query, had the causal mask of the query's own tile: a query sees all "
        "keys up to its own position"),
    "a window from a whole tile on": (WINDOW, attend((J <= P) & (np.minimum(-(-np.maximum(P - 5, 0) // 4) * 4,
        P // 4 * 4) <= J)), "window-by-tiles",
        "the window began with the first whole tile of 4 keys in it: it begins 5 before the query's position"),
    "a window from its first tile on": (WINDOW, attend((J <= P) & (np.maximum(P - 5, 0) // 4 * 4 <= J)),
        "window-by-tiles", "the window began with the tile of 4 keys in which its first key stands: it begins 5 before "
        "the query's position"),
    "rows of heads that share a key head": (SHARED, attend(J <= PACKED, k=K[READ], v=V[READ]), "other-offset",
        "the causal mask took row i·2 + h mod 2 of the heads that share a key head for the position of query i of head "
        f"h: {OWN}"),
    "rows of one head after the other": (SHARED, attend([[[h % 2 * N + i + 4] for i in range(N)] for h in
        range(H)] >= J, k=K[READ], v=V[READ]), "other-offset",
        "the causal mask took row (h mod 2)·8 + i of the heads that share a key head for the position of query i of "
        f"head h: {OWN}"),
    "a causal mask or a window": ({**CAUSAL, "window": [2, 1]}, attend((J <= P) | ((J >= P - 2) & (J <= P + 1))),
        "masks-joined", "the causal mask and the window were joined by or, a query saw what either lets it see: both "
        "have to"),
    "keys that some queries do not see": ({}, attend(~((ROWS > 3) & (J < 4))), "keys-left-out",
        "only for queries 4 to 7: keys 0 to 3 of 12 were left out, as if no query saw them"),
    "squared distances": ({"alibi": "usual"}, attend(added=-SLOPES * (ROWS - J) ** 2), "alibi-shifted",
        "ALiBi took the squares of the distances: −slope·|p − j| is added"),
    "a sink with a value": ({"sink": SINKS.tolist()}, np.array(attend(sinks=SINKS)) + V[:, :1]
        * (1 - np.array(attend(sinks=SINKS, v=np.ones_like(V)))), "sink-as-key",
        "the sink's weight was multiplied by the value of key 0: a sink has no value"),
    "a cache in another order": ({}, attend(k=K[[2, 0, 3, 1]], v=V[[2, 0, 3, 1]]), "other-entry",
        "entries 0, 1, 2, 3 took K and V of entries 2, 0, 3, 1: each has its own"),
    "segments before": ({"segments": SEGMENTS[:N].tolist(), "key_segments": SEGMENTS.tolist()},
        attend(SEGMENTS[:N, None] >= SEGMENTS), "segments-moved",
        "a query also saw the segments before its own, ids compared by order: it sees only its own"),
    "the segment just before": ({"segments": np.repeat([0, 1, 2, 3], 2).tolist(),
        "key_segments": np.repeat([0, 1, 2, 3], 3).tolist()},
        attend(np.isin(np.repeat([0, 1, 2, 3], 2)[:, None] - np.repeat([0, 1, 2, 3], 3), [0, 1])), "segments-moved",
        "a query also saw the segment just before its own: it sees only its own"),
    "lengths of queries": ({"key_lengths": [5, 7, 3, 6]},
        np.where(np.reshape([5, 7, 3, 6], (H, 1, 1)) > ROWS, attend(), 0).tolist(), "mask-on-queries",
        "the key lengths 5, 7, 3, 6 were taken for those of the queries: they are those of the keys"),
    "a mask of the first tile only": (CAUSAL, attend((J <= P) | (J >= 8)), "mask-by-tiles",
        "masks were applied to the first tile of 8 keys only: they hide keys of all tiles"),
    "no mask of the last tile": (CAUSAL, attend((J <= P) | (J >= 10)), "mask-by-tiles",
        "masks were not applied to the last tile of 2 keys: they hide keys of all tiles"),
    "a window that stands elsewhere": (WINDOW, attend((J <= P) & (J >= ROWS - 5)), "other-offset",
        "the window was that of query i at position i: it stands at i + 4, as for the causal mask"),
    "kept keys in the window": ({**WINDOW, "keep_first": 2}, attend((J <= P) & ((J >= P - 3) | (J < 2))),
        "window-off-by-one", "the window reached 3 keys before the query's position, as if the 2 kept keys were part "
        "of it: it reaches 5"),
    "a chunk from another place": ({**CAUSAL, "chunk": 6}, attend((J <= P) & (J // 6 == ROWS // 6)), "chunk-other",
        "the chunk of query i was that of position i, and it stands at i + 4: key j is seen if ⌊j/6⌋ = ⌊p/6⌋"),
    "the bias of the query before": ({"bias": BIAS.tolist()}, attend(added=np.roll(BIAS, 1, axis=0)), "bias-other",
        "each query took the bias of the query before it (the first that of the last): it has its own"),
    "the bias of the key after": ({"bias": BIAS.tolist()}, attend(added=np.roll(BIAS, -1, axis=1)), "bias-other",
        "each key took the bias of the key after it (the last that of the first): it has its own"),
    "slopes of parts": ({"alibi": "usual"}, attend(added=-np.array([2.0**-4, 2.0**-8] * 2)[:, None, None]
        * np.abs(ROWS - J)), "alibi-other-slopes",
        "the slopes of ALiBi were those of 2 heads, again in each of 2 parts of the heads, 0.0625, 0.00390625, 0.0625, "
        "0.00390625: 0.25, 0.0625, 0.015625, 0.00390625 are expected"),
    "slopes for powers of 2": ({"alibi": "usual"}, attend(added=-np.log(2) * np.array([0.25, 0.0625, 0.015625,
        0.00390625])[:, None, None] * np.abs(ROWS - J)), "alibi-other-slopes",
        "the slopes of ALiBi were 0.693147 (log 2, as in powers of 2) times those that are expected"),
    "slopes 1/h": ({"alibi": "usual"}, attend(added=-1 / np.arange(1.0, 5)[:, None, None] * np.abs(ROWS - J)),
        "alibi-other-slopes", "the slopes of ALiBi were 1/h, 1, 0.5, 0.333333, 0.25: 0.25, 0.0625, 0.015625, "
        "0.00390625 are expected"),
    "a sink by each of three pieces": ({"sink": SINKS.tolist()}, attend(sinks=SINKS + np.log(3)), "sink-twice",
        "the sink was counted 3 times: e^S joins each row's sum, S = 0.5, -0.3, 0.8, 1.2, once"),
    "scaled sinks": ({"sink": SINKS.tolist()}, attend(sinks=SINKS / 2), "sink-other",
        "the sink was multiplied by the scale 0.5: e^S joins each row's sum, S = 0.5, -0.3, 0.8, 1.2"),
    "sinks of key heads": ({"sink": SINKS.tolist()}, attend(sinks=SINKS[READ]), "sink-other",
        "the heads' sinks were 0.5, 0.5, -0.3, -0.3, those of heads 0, 0, 1, 1: e^S joins each row's sum, S = 0.5, "
        "-0.3, 0.8, 1.2"),
    "V one row later": ({}, attend(v=LATER), "pages-misread",
        f"the rows of V stand one place later, row 0 is 0 and row 11 is lost{ROWS_DUE}"),
    "V one row earlier": ({}, attend(v=EARLIER), "pages-misread",
        f"the rows of V stand one place earlier, row 0 is lost and row 11 is 0{ROWS_DUE}"),
    "a new row written early": ({}, attend(v=EARLY, k=np.concatenate([K[:, :-2], K[:, -1:], 0 * K[:, :1]], axis=-2)),
        "pages-misread", f"the last row of K and V was written in the place of row 10, and row 11 is 0{ROWS_DUE}"),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_the_way_is_named(name, search_for):
    settings, output, slip, sentence = WAYS[name]
    search_for(slip)
    assert told(given(**settings), {"output": np.asarray(output).tolist()}) == (slip, sentence)


def test_a_transposed_mask_is_called_so():
    seen = RANDOM.random((N, N)) < 0.6
    seen[np.arange(N), np.arange(N)] = True
    queries = {"keys": K[:, :N].tolist(), "values": V[:, :N].tolist(), "mask": seen.astype(int).tolist()}
    output = attend(seen.T, k=K[:, :N], v=V[:, :N])
    assert told(given(**queries), {"output": output}) == (
        "mask-on-queries",
        "the mask was transposed, that of query j and key i for query i and key j",
    )


def test_every_entry_at_twice_its_place_is_named():
    seen = RANDOM.random((H, N, M)) < 0.6
    seen[..., 0] = True
    output = attend(seen[[0, 2, 0, 2]])
    assert told(given(mask=seen.astype(int).tolist()), {"output": output}) == (
        "other-entry",
        "entries 0, 1, 2, 3 took the mask of entries 0, 2, 0, 2: each has its own",
    )
