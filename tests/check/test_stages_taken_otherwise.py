"""Stages, orders and layouts that were taken otherwise are named: wrong numbers made in plain NumPy."""

import numpy as np
import pytest
from slip_cases import in_turns

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(63)
Q, K, V = (RANDOM.normal(size=(2, 8, width)) for width in (4, 4, 5))
LIKE_K = RANDOM.normal(size=(2, 8, 4))
SMALL = RANDOM.normal(size=(2, 8, 4))
GROUPED = {name: RANDOM.normal(size=(heads, 5, 4)) for name, heads in (("queries", 4), ("keys", 2), ("values", 2))}
PLACES = np.arange(8)
LENGTHS = np.array([5, 7])


def product(queries=Q, keys=K):
    return queries @ keys.swapaxes(-1, -2) / 2


def softmax(scores):
    with np.errstate(invalid="ignore"):
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def seen(allowed, scores=None):
    return softmax(np.where(allowed, product() if scores is None else scores, -np.inf))


def behind(offset=0):
    return PLACES[:, None] + offset - PLACES


def turned(rows, sign):
    angles = sign * PLACES[:, None] * 10000.0 ** (-np.arange(2) / 2)
    first, second = rows[..., :2], rows[..., 2:]
    parts = first * np.cos(angles) - second * np.sin(angles), second * np.cos(angles) + first * np.sin(angles)
    return np.concatenate(parts, axis=-1)


def emptied(array, rows):
    changed = np.array(array)
    changed[..., rows, :] = 0
    return changed


def copied(array, to, of):
    changed = np.array(array)
    changed[..., to, :] = array[..., of, :]
    return changed


def with_sink(logit):
    powers = np.exp(product() - product().max(axis=-1, keepdims=True))
    return powers / (powers.sum(axis=-1, keepdims=True) + np.exp(logit))


def pieces():
    halves = [(softmax(product()[..., part]), V[:, part]) for part in (slice(0, 4), slice(4, 8))]
    return sum(weights @ values for weights, values in halves) / 2


LARGEST = product().max(axis=-1)
REST = np.log(np.exp(product() - LARGEST[..., None]).sum(axis=-1))
RIGHT = softmax(product()) @ V
WRONG = {
    "K and V exchanged": (
        {"values": LIKE_K},
        {"output": softmax(product(keys=LIKE_K)) @ K},
        "keys-values-swapped",
        "K and V changed places, so that your output is of scores of Q and V: the scores are of Q and K, and V is "
        "averaged",
    ),
    "K reshaped": (
        {},
        {"output": softmax(Q @ K.reshape(2, 4, 8) / 2) @ V},
        "keys-reshaped",
        "K, 8 × 4, was reshaped to 4 × 8, which keeps the order in memory: its transpose is expected",
    ),
    "K moved by a row": (
        {},
        {
            "weights": softmax(product(keys=np.roll(K, 1, axis=-2))),
            "output": softmax(product(keys=np.roll(K, 1, -2))) @ V,
        },
        "keys-other-order",
        "K was taken one row too late, the last one first: row j is key j",
    ),
    "rows that were never written": (
        {},
        {"output": emptied(RIGHT, [6, 7])},
        "rows-empty",
        "your output is right except for rows that hold no result: rows 6, 7 are 0",
    ),
    "a tile of rows written twice": (
        {},
        {"output": copied(RIGHT, [4, 5], [0, 1])},
        "other-order",
        "your output is right except for copies: rows 4, 5 hold the numbers of rows 0, 1",
    ),
    "a row copied": (
        {},
        {"weights": copied(softmax(product()), [3], [2])},
        "other-order",
        "your weights are right except for copies: row 3 holds the numbers of row 2",
    ),
    "a narrower window": (
        {"window": (2, 2)},
        {"output": seen(abs(behind()) <= 1) @ V},
        "window-off-by-one",
        "the window reached 1 key before the query's position and 1 after: it reaches 2 keys before and 2 after",
    ),
    "a width shared by both sides": (
        {"window": (4, 0)},
        {"output": seen(abs(behind() - 1) <= 1) @ V},
        "window-off-by-one",
        "the window reached 2 keys before the query's position and 0 after: it reaches 4 keys before and 0 after",
    ),
    "a causal mask of whole tiles": (
        {"causal": True},
        {"output": seen(PLACES[:, None] // 4 >= PLACES // 4) @ V},
        "causal-by-tiles",
        "the causal mask hid whole tiles of 4 keys only: a query also saw the keys after its last one in the same tile",
    ),
    "another offset": (
        {"causal": True, "query_offset": 4},
        {"output": seen(behind(2) >= 0) @ V},
        "other-offset",
        "query i stood at position i + 2: it stands at i + 4",
    ),
    "padding on the other side": (
        {"key_lengths": LENGTHS},
        {"output": seen(8 - LENGTHS[:, None, None] <= PLACES) @ V},
        "padding-side",
        "the key lengths 5, 7 were counted from the last key, as if the padding came first: they are counted from the "
        "first key",
    ),
    "a norm of Q only": (
        {"qk_norm": "l2"},
        {"output": softmax(product(unit(Q), K)) @ V},
        "qk-norm-one-side",
        "only Q was normed by l2: the rows of Q and of K are",
    ),
    "a rotation the other way": (
        {"rope": "half"},
        {"output": softmax(product(turned(Q, -1), turned(K, -1))) @ V},
        "rope-reversed",
        "Q and K were rotated the other way, by minus the angle: (a, b) becomes (a cos − b sin, a sin + b cos)",
    ),
    "a sink that is not shifted": (
        {"sink": (0.5,)},
        {"output": with_sink(0.5) @ V},
        "sink-unshifted",
        "e^S was added to the sum of e^(score − largest): e^(S − largest) joins that sum, S = 0.5",
    ),
    "exponentials that are not divided": (
        {},
        {"output": np.exp(product()) @ V},
        "not-divided",
        "e^score was taken as the weight, without dividing by the sum of the exponentials of its row",
    ),
    "shifted exponentials that are not divided": (
        {"causal": True},
        {
            "output": np.where(
                behind() >= 0, np.exp(product() - np.where(behind() >= 0, product(), -9).max(-1)[..., None]), 0
            )
            @ V
        },
        "not-divided",
        "e^(score − the largest of its row) was taken as the weight, without dividing by the sum of the exponentials "
        "of its row",
    ),
    "logarithms": (
        {},
        {"weights": np.log(softmax(product()))},
        "log-softmax",
        "your weights are the logarithms of the right ones (log-softmax)",
    ),
    "a softmax of the output": (
        {},
        {"output": softmax(product() @ V)},
        "softmax-of-output",
        "the softmax was taken of QKᵀ/√d_k · V, along its columns: it is taken of the scores, before V",
    ),
    "pieces averaged": (
        {},
        {"output": pieces()},
        "split-averaged",
        "the results of 2 pieces of the 8 keys were averaged: each piece counts as the sum of its exponentials",
    ),
    "tanh alone": (
        {"softcap": 1.5},
        {"output": softmax(np.tanh(product() / 1.5)) @ V},
        "softcap-as",
        "tanh(score / 1.5) was not multiplied by 1.5 again",
    ),
    "scores cut off": (
        {"softcap": 1.5},
        {"output": softmax(np.clip(product(), -1.5, 1.5)) @ V},
        "softcap-as",
        "the scores were cut off at −1.5 and 1.5: 1.5·tanh(score / 1.5) is expected",
    ),
    "a softcap before the scale": (
        {"softcap": 1.5},
        {"output": softmax(1.5 * np.tanh(2 * product() / 1.5) / 2) @ V},
        "softcap-other",
        "the softcap was 0.75, as if it came before the scale: 1.5 is expected",
    ),
    "cosines times ten": (
        {},
        {"output": softmax(10 * unit(Q) @ unit(K).swapaxes(-1, -2)) @ V},
        "variant-cosine",
        "your output is that of q·k / (‖q‖‖k‖) times 10 (--variant cosine --scale 10), not of scaled",
    ),
    "a log-sum-exp without the largest": (
        {},
        {"lse": REST},
        "lse-other",
        "your log-sum-exps are log Σ exp(score − largest), without the largest score",
    ),
    "a log-sum-exp without the logarithm": (
        {},
        {"lse": LARGEST + np.exp(REST)},
        "lse-other",
        "your log-sum-exps are the largest score + Σ exp(score − largest), without the logarithm",
    ),
    "sums": (
        {},
        {"lse": np.exp(LARGEST + REST)},
        "lse-other",
        "your log-sum-exps are the sums of the exponentials, without their logarithm",
    ),
    "V shared in turn": (
        GROUPED,
        {
            "output": softmax(product(GROUPED["queries"], GROUPED["keys"][[0, 0, 1, 1]]))
            @ GROUPED["values"][[0, 1, 0, 1]]
        },
        "other-grouping",
        "the heads of V were head h mod 2 for query head h, those of K not: query heads 0 to 1 share key head 0, the "
        "next 2 key head 1",
    ),
}


def diagnosis(asked, expected):
    arrays = {"queries": Q, "keys": K, "values": V} | {n: a for n, a in asked.items() if isinstance(a, np.ndarray)}
    given = {name: Matrix(array, name) for name, array in arrays.items()}
    settings = {name: value for name, value in asked.items() if name not in given}
    expected = {name: Matrix(array, name) for name, array in expected.items()}
    return check(Worksheet(request=Request(**given, **settings), name="c", where="c", expected=expected)).diagnosis


@pytest.mark.parametrize(("name", "dtype"), in_turns(WRONG))
def test_what_was_done_otherwise_is_named(name, dtype, search_for):
    asked, expected, slip, sentence = WRONG[name]
    search_for(slip)
    first = diagnosis(asked, {name: array.astype(dtype) for name, array in expected.items()})[0]
    assert (first.slip, first.sentence) == (slip, sentence)


def test_a_finite_mask_keeps_the_sink():
    powers = np.exp(np.where(behind() >= 0, product(), -5.0))
    output = powers / (powers.sum(axis=-1, keepdims=True) + np.exp(0.5)) @ V
    first = diagnosis({"causal": True, "sink": (0.5,)}, {"output": output})[0]
    assert first.sentence.startswith("masked scores were set to −5, and −inf is expected: ")


def test_a_softcap_behind_the_mask_is_told_from_another_finite_mask():
    powers = np.exp(2 * np.tanh(np.where(behind() >= 0, product(), -np.inf) / 2))
    output = powers / powers.sum(axis=-1, keepdims=True) @ V
    first = diagnosis({"causal": True, "softcap": 2.0}, {"output": output})[0]
    assert first.sentence.startswith("masked scores were set to −2, as by a softcap after the mask, and −inf is")


ONE = 1, 3  # an entry and a query
SCORES = product()[ONE]


def changed(weights, factor, key=slice(None)):
    found = np.array(weights)
    found[(*ONE, key)] *= factor
    return found


def score_changed():
    scores = product()
    scores[(*ONE, 2)] += 1
    return softmax(scores)


POWERS = np.exp(SCORES)
SINGLE = {
    "one-score": (
        {"weights": score_changed()},
        f"one score: the row of query [1, 3] is that of {SCORES[2] + 1:.6g} for key 2, whose exponential is "
        f"{POWERS[2] * np.e:.6g}; {SCORES[2]:.6g} and {POWERS[2]:.6g} are right",
    ),
    "one-sum": (
        {"output": changed(softmax(product()), POWERS.sum() / 5) @ V},
        f"one sum: the exponentials of query [1, 3] were divided by 5, and {POWERS.sum():.6g} is their sum",
    ),
    "one-term": (
        {"output": changed(softmax(product()), 0, 2) @ V},
        f"one term: for query [1, 3], {POWERS[2] / POWERS.sum():.6g} · row 2 of V was left out of the sum",
    ),
}


@pytest.mark.parametrize("slip", SINGLE)
def test_one_step_of_one_query_is_named(slip):
    expected, sentence = SINGLE[slip]
    assert (slip, sentence) in [(each.slip, each.sentence) for each in diagnosis({}, expected)[:3]]


def test_two_wrong_rows_are_not_a_wrong_step_of_one_query():
    weights = softmax(product())
    weights[:, 3] *= 0.9
    assert not {each.slip for each in diagnosis({}, {"output": weights @ V})} & set(SINGLE)
