"""Another choice of a stage is named: wrong numbers made in plain NumPy, as a kernel dumps them."""

import numpy as np
import pytest

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(16)
Q, K, V = (RANDOM.normal(size=(2, 3, rows, 4)) for rows in (5, 6, 6))
BIAS = RANDOM.normal(size=(3, 5, 6))
LENGTHS = np.array([6, 4])
SCORES = Q @ K.swapaxes(-1, -2) / 2


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def layer(rows):
    centred = rows - rows.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True))


def score(queries, keys):
    return queries @ keys.swapaxes(-1, -2) / 2


def largest(numbers, count, other):
    return np.where(numbers >= np.sort(numbers)[..., -count, None], numbers, other)


def within(lengths):
    return np.where(np.arange(6) < np.reshape(lengths, (2, 1, 1, 1)), SCORES, -np.inf)


WRONG = {
    "another normalizer": (
        {},
        1 / (1 + np.exp(-SCORES)),
        "other-normalizer",
        "the scores became weights by sigmoid, 1 / (1 + e⁻ˢ): softmax is expected",
    ),
    "one normalizer for another": (
        {"normalizer": "sparsemax"},
        1 + np.tanh(SCORES),
        "other-normalizer",
        "the scores became weights by tanh, 1 + tanh s: sparsemax is expected",
    ),
    "a norm that is not asked for": (
        {},
        softmax(score(unit(Q), unit(K))),
        "unasked-qk-norm",
        "the rows of Q and K were normalized by l2 before they were scored: no norm is asked for",
    ),
    "a layer norm": (
        {"qk_norm": "rms"},
        softmax(score(layer(Q), layer(K))),
        "qk-norm-other",
        "the mean of each row of Q and K was subtracted before its norm, as a layer norm does: rms does not",
    ),
    "a cosine over the length of the keys": (
        {"variant": "cosine"},
        softmax(2 * score(Q, unit(K))),
        "cosine-one-side",
        "the dot products were divided by the length of k alone: a cosine is q·k / (‖q‖‖k‖)",
    ),
    "a cosine over the length of the queries": (
        {"variant": "cosine"},
        softmax(2 * score(unit(Q), K)),
        "cosine-one-side",
        "the dot products were divided by the length of q alone: a cosine is q·k / (‖q‖‖k‖)",
    ),
    "one score fewer": (
        {"top_k": 3},
        softmax(largest(SCORES, 2, -np.inf)),
        "top-k-other",
        "the 2 largest scores of a row took part: the 3 largest are expected",
    ),
    "the largest weights": (
        {"top_k": 3},
        largest(softmax(SCORES), 3, 0),
        "top-k-after-softmax",
        "the 3 largest weights of a row were kept as they were: the softmax is over the 3 largest scores, so that the "
        "weights sum to 1",
    ),
    "a key too many": (
        {"key_lengths": [6, 4]},
        softmax(within([6, 5])),
        "key-lengths-off-by-one",
        "the key lengths were 6, 5, one key too many: 6, 4 are expected",
    ),
    "a key too few": (
        {"key_lengths": [6, 4]},
        softmax(within([5, 3])),
        "key-lengths-off-by-one",
        "the key lengths were 5, 3, one key too few: 6, 4 are expected",
    ),
    "the bias of the first head": (
        {"bias": BIAS},
        softmax(SCORES + BIAS[:1]),
        "bias-of-first-head",
        "the bias of head 0 was added in every head",
    ),
    "a softcap that is not asked for": (
        {},
        softmax(0.75 * np.tanh(SCORES / 0.75)),
        "softcap-other",
        "a softcap of 0.75 was applied, although none is asked for",
    ),
}


@pytest.mark.parametrize("is_output", [True, False], ids=["output", "weights"])
@pytest.mark.parametrize(("asked", "weights", "slip", "sentence"), WRONG.values(), ids=WRONG)
def test_another_choice_is_named(asked, weights, slip, sentence, is_output, search_for):
    search_for(slip)
    asked = {name: Matrix(np.array(given), name) if name == "bias" else given for name, given in asked.items()}
    if "key_lengths" in asked:
        asked["key_lengths"] = Matrix(np.array(asked["key_lengths"]), "key_lengths")
    given = {name: Matrix(array, name) for name, array in (("queries", Q), ("keys", K), ("values", V))}
    expected = {"output": Matrix(weights @ V, "output")} if is_output else {"weights": Matrix(weights, "weights")}
    found = check(Worksheet(request=Request(**given, **asked), name="c", where="c", expected=expected)).diagnosis
    assert (slip, sentence) in [(each.slip, each.sentence) for each in found[:3]]
