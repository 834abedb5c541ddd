"""What is done otherwise around attention: dropout, projections, norms, pieces of the keys, heads, constants."""

import numpy as np
import pytest
from slip_cases import diagnosis, named, told

RANDOM = np.random.default_rng(21)
H, N, M, D = 3, 5, 8, 4
Q, K, V = (np.round(RANDOM.normal(size=(H, rows, D)), 2) for rows in (N, M, M))
KEPT = RANDOM.random((H, N, M)) < 0.7
P = 0.3
SCORES = Q @ K.mT / D**0.5
POWERS = np.exp(SCORES)
WEIGHTS = POWERS / POWERS.sum(axis=-1, keepdims=True)
OUTPUT = WEIGHTS @ V
DROP = {"dropout": P, "dropout_mask": KEPT.astype(int).tolist()}
FIRST_KEYS = {"keys": K[:, :N].tolist(), "values": V[:, :N].tolist()}
SQUARE = KEPT[..., :N]
DUE = ": they are divided by 1 − p = 0.7"
GONE = RANDOM.random(OUTPUT.shape) < 0.2
COLUMNS = np.array([0.1, -0.2, 0.3, 0.4])
PIECES = ": each piece counts as its share of the sum of exponentials"
EACH = np.round(1 + 0.3 * RANDOM.normal(size=(H, 1, D)), 3)


def given(**settings):
    pairs = {"queries": Q.tolist(), "keys": K.tolist(), "values": V.tolist(), **settings}
    return ", ".join(f"{name}: {value}" for name, value in pairs.items())


def softmax(scores):
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


def halves(way):
    """The merged results of two halves of the keys."""
    one, two = SCORES[..., : M // 2], SCORES[..., M // 2 :]
    outputs = [softmax(one) @ V[:, : M // 2], softmax(two) @ V[:, M // 2 :]]
    sums = [np.exp(scores).sum(axis=-1, keepdims=True) for scores in (one, two)]
    if way == "exchanged":
        sums.reverse()
    elif way == "lse":
        sums = [np.log(each) for each in sums]
    else:
        outputs = [output * each / np.exp(scores.max(axis=-1, keepdims=True))
                   for output, each, scores in zip(outputs, sums, (one, two), strict=True)]  # fmt: skip
    return sum(output * each for output, each in zip(outputs, sums, strict=True)) / sum(sums)


def over_squares(rows):
    return rows / (rows**2).mean(axis=-1, keepdims=True)


def roomy(rows):
    return rows / np.sqrt((rows**2).sum(axis=-1, keepdims=True) + 1e-3)


def by_column(rows):
    return rows / np.sqrt((rows**2).mean(axis=-2, keepdims=True))


WAYS = {
    "not divided": (DROP, WEIGHTS * KEPT @ V, "dropout-other", f"the weights that are kept were not divided{DUE}"),
    "multiplied": (DROP, WEIGHTS * KEPT * (1 - P) @ V, "dropout-other",
        f"the weights that are kept were multiplied by 0.7{DUE}"),
    "over p": (DROP, WEIGHTS * KEPT / P @ V, "dropout-other",
        f"the weights that are kept were divided by p = 0.3{DUE}"),
    "inverted": (DROP, WEIGHTS * ~KEPT / (1 - P) @ V, "dropout-other",
        "the dropout mask was inverted: 1 is a weight that is kept"),
    "before the softmax": (DROP, softmax(np.where(KEPT, SCORES, -np.inf)) @ V, "dropout-other",
        "the dropout mask hid scores, before the softmax: it drops weights, which are then divided by 1 − p"),
    "of the scores": (DROP, softmax(SCORES * KEPT / (1 - P)) @ V, "dropout-other",
        "dropout was applied to the scores, before the softmax: it drops weights, after it"),
    "the mask of one head": (DROP, WEIGHTS * KEPT[:1] / (1 - P) @ V, "other-entry",
        "every entry took the dropout mask of entry 0: each has its own"),
    "the mask transposed": ({**FIRST_KEYS, "dropout": P, "dropout_mask": SQUARE.astype(int).tolist()},
        softmax(SCORES[..., :N]) * SQUARE.mT / (1 - P) @ V[:, :N], "dropout-other",
        "the dropout mask was transposed: its row i is that of query i"),
    "on the output": ({}, np.where(GONE, 0, OUTPUT / 0.8), "dropout-live",
        f"dropout was live on the output: {GONE.sum()} of its {GONE.size} numbers were dropped and the rest divided by "
        "1 − p, p = 0.2: no number is dropped here"),
    "one constant": ({}, OUTPUT + 0.3, "constant-added",
        "0.3 was added to every number of your output: nothing is expected"),
    "a bias": ({}, OUTPUT + COLUMNS, "constant-added",
        "0.1, -0.2, 0.3, 0.4 were added to the columns of your output, as a bias adds them: nothing is expected"),
    "a factor for each column of each head": ({}, OUTPUT * EACH, "values-factor",
        "the columns of the heads of your output are the right ones times "
        f"{', '.join(f'{each:.4g}' for each in EACH.ravel()[:8])}, …: no factor is expected"),
    "shares exchanged": ({}, halves("exchanged"), "split-averaged",
        f"of 2 pieces of the 8 keys each counted by the share of the other{PIECES}"),
    "log-sum-exps as shares": ({}, halves("lse"), "split-averaged",
        f"of 2 pieces of the 8 keys each counted by its log-sum-exp over their sum, without exponentials{PIECES}"),
    "pieces that are not divided": ({}, halves("divided"), "split-averaged",
        f"of 2 pieces of the 8 keys each was not divided by its own sum of exponentials before{PIECES}"),
    "outputs of the heads added": ({}, np.broadcast_to(OUTPUT.sum(axis=0), OUTPUT.shape), "heads-averaged",
        "the outputs of the 3 heads were added up: each head has its own"),
    "scores of the heads added": ({}, softmax(np.broadcast_to(SCORES.sum(axis=0), SCORES.shape)) @ V, "heads-added",
        "the scores of the 3 heads were added up: each head has its own"),
    "no root": ({"qk_norm": "rms"}, softmax(over_squares(Q) @ over_squares(K).mT / D**0.5) @ V, "qk-norm-other",
        "no root was taken of the mean square: rms divides a row by the root of its mean square"),
    "room in the root": ({"qk_norm": "l2"}, softmax(roomy(Q) @ roomy(K).mT / D**0.5) @ V, "qk-norm-other",
        "0.001 was added to the sum of squares before its root: l2 divides a row by the root of its sum of squares"),
    "a norm over positions": ({"qk_norm": "rms"}, softmax(by_column(Q) @ by_column(K).mT / D**0.5) @ V,
        "qk-norm-other",
        "the norm went over the positions, by column: rms divides a row by the root of its mean square"),
    "heads viewed as positions": ({}, OUTPUT.reshape(N, H, D).swapaxes(0, 1), "output-transposed",
        "the output, in memory (…, heads, n, d), was read as (…, n, heads, d), which mixes heads and positions"),
    "an RMS norm": ({}, OUTPUT / np.sqrt((OUTPUT**2).mean(axis=-1, keepdims=True) + 1e-6), "layer-norm",
        "the output went through an RMS norm: only the weighted sum is expected"),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_the_way_is_named(name, search_for):
    settings, output, slip, sentence = WAYS[name]
    search_for(slip)
    assert told(given(**settings), {"output": output.tolist()}) == (slip, sentence)


# projections

X = np.round(RANDOM.normal(size=(N, 8)), 2)
W = {letter: np.round(RANDOM.normal(size=(8, 8)) / 2, 2) for letter in "qkvo"}
B = {letter: np.round(RANDOM.normal(size=8), 2) for letter in "qkvo"}
NORMED = (X - X.mean(axis=-1, keepdims=True)) / np.sqrt(X.var(axis=-1, keepdims=True) + 1e-5)


def layer(x=X, b=B, order=(0, 1)):
    q, k, v = ((x @ W[letter] + b[letter]).reshape(N, 2, 4).swapaxes(0, 1) for letter in "qkv")
    heads = softmax(q @ k.mT / 2) @ v
    return np.concatenate([heads[head] for head in order], axis=-1) @ W["o"] + b["o"]


PROJECTED = {
    "no bias before": (layer(b={**dict.fromkeys("qkv", 0), "o": B["o"]}), "no-projection-bias",
        "b_q, b_k and b_v were not added to the projection"),
    "the last bias twice": (layer(b={**B, "o": 2 * B["o"]}), "projection-bias-twice",
        "b_o was added twice, as by each of two parts of the heads: it is added once"),
    "heads in reverse": (layer(order=(1, 0)), "heads-not-joined",
        "the heads' outputs were joined from head 1 to head 0 before w_o: head 0 comes first"),
    "a layer norm before": (layer(NORMED), "layer-norm",
        "x went through a layer norm before it was projected: it is projected as it is"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROJECTED)
def test_the_way_of_a_layer_is_named(name):
    output, slip, sentence = PROJECTED[name]
    pairs = {"x": X, **{f"w_{letter}": each for letter, each in W.items()}, **{f"b_{name}": B[name] for name in B}}
    text = ", ".join(f"{name}: {each.tolist()}" for name, each in pairs.items())
    assert told(f"{text}, heads: 2", {"output": output.tolist()}) == (slip, sentence)
    twice = "the output with x added went through a layer norm: only the weighted sum is expected"
    both = layer() + X
    normed = (both - both.mean(axis=-1, keepdims=True)) / np.sqrt(both.var(axis=-1, keepdims=True) + 1e-5)
    assert told(f"{text}, heads: 2", {"output": normed.tolist()}) == ("layer-norm", twice)


def test_key_heads_by_the_wrong_division_are_named():
    heads = np.round(RANDOM.normal(size=(6, N, D)), 2)
    read = [0, 0, 1, 1, 1, 1]
    output = softmax(heads @ K[read].mT / 2) @ V[read]
    text = given(queries=heads.tolist(), keys=K[:2].tolist(), values=V[:2].tolist())
    assert told(text, {"output": output.tolist()}) == (
        "other-grouping",
        "query head h read key head ⌊h / 2⌋, at most 1: query heads 0 to 2 share key head 0, the next 3 key head 1",
    )


LOST = {"the last rows": [-2, -1], "the first row": [0]}


@pytest.mark.parametrize("rows", LOST.values(), ids=LOST)
def test_rows_that_were_not_written_are_no_dropout(rows):
    output = OUTPUT.copy()
    output[:, rows] = 0
    assert named(given(), {"output": np.round(output, 2).tolist()}) == {"rows-empty"}


SEGMENTS = [0, 0, 1, 1, 1]


def test_rows_of_zeros_are_called_empty_before_keys_that_only_they_see():
    seen = np.equal.outer(SEGMENTS, SEGMENTS)
    output = softmax(np.where(seen, Q[0] @ K[0, :N].T / 2, -np.inf)) @ V[0, :N]
    output[-3:] = 0
    text = given(queries=Q[0].tolist(), keys=K[0, :N].tolist(), values=V[0, :N].tolist(), segments=SEGMENTS)
    found = diagnosis(text, {"output": output.tolist()})[0]
    assert (found.slip, "keys-left-out" in found.also) == ("rows-empty", True)
