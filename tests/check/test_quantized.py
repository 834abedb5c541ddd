"""Whole numbers that wrap around or keep their zero point, and exponentials, sums and scores in few bits."""

import numpy as np
import pytest
from slip_cases import told

from attncli.check.tolerance.narrow import rounded

RANDOM = np.random.default_rng(31)
H, N, M, D = 2, 5, 7, 8
Q, K, V = (np.round(RANDOM.normal(size=(H, rows, D)), 3) for rows in (N, M, M))
SCORES = Q @ K.mT / D**0.5
POWERS = np.exp(SCORES - SCORES.max(axis=-1, keepdims=True))
SUMS = POWERS.sum(axis=-1, keepdims=True)
FULL = ": full numbers are expected"


def given():
    return ", ".join(f"{name}: {rows.tolist()}" for name, rows in (("queries", Q), ("keys", K), ("values", V)))


def attend(k=K, v=V):
    powers = np.exp(Q @ k.mT / D**0.5)
    return powers / powers.sum(axis=-1, keepdims=True) @ v


def wrapped(array, axis):
    scale = np.abs(array).max(axis=axis, keepdims=True) / 128
    with np.errstate(all="ignore"):
        return np.round(array / scale).astype(int).astype(np.int8) * scale


def from_least(array, axis):
    least, most = (find(array, axis=axis, keepdims=True) for find in (np.min, np.max))
    return np.round((array - least) / (most - least) * 255) * (most - least) / 255


def around_128(array, axis):
    scale = np.abs(array).max(axis=axis, keepdims=True) / 127
    return (np.round(array / scale) + 128) * scale


def int8(powers):
    return np.round(powers * 127) / 127


def bfloat16(array):
    return rounded(array, "bfloat16")


def added_one_by_one():
    total = np.zeros((H, N))
    for key in range(M):
        total = bfloat16(total + bfloat16(POWERS[..., key]))
    return bfloat16(POWERS) / total[..., None] @ V


WRAPPED = f"whose largest number, 128, wrapped around to −128{FULL}"
POWER = "the exponentials, of score − the largest of the row, were rounded to"
MET = f"before they met V{FULL}"
WAYS = {
    "V wraps": (attend(v=wrapped(V, (0, 1, 2))), f"V was kept in int8 with one scale for all, {WRAPPED}"),
    "K and V wrap by column": (
        attend(wrapped(K, -2), wrapped(V, -2)),
        f"K and V were kept in int8 with a scale for each column, {WRAPPED}",
    ),
    "V from its least number": (
        attend(v=from_least(V, (1, 2))),
        "V was kept in uint8 with a scale for each head from the least to the largest number, and the zero point was "
        "not subtracted",
    ),
    "V around 128": (
        attend(v=around_128(V, -1)),
        "V was kept in uint8 with a scale for each row and the zero point 128, which was not subtracted",
    ),
    "exponentials in int8, the sum before": (
        int8(POWERS) / SUMS @ V,
        f"{POWER} int8, in steps of 1/127, after they were added up, {MET}",
    ),
    "exponentials in int8, the sum after": (
        int8(POWERS) / int8(POWERS).sum(axis=-1, keepdims=True) @ V,
        f"{POWER} int8, in steps of 1/127, and so added up, {MET}",
    ),
    "exponentials that wrap": (
        np.round(POWERS * 256) % 256 / 256 / SUMS @ V,
        f"{POWER} uint8, in steps of 1/256, where 1 wraps around to 0, after they were added up, {MET}",
    ),
    "a sum in bfloat16": (
        added_one_by_one(),
        "the exponentials were added up in bfloat16, one by one: float32 is expected",
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_what_is_kept_in_few_bits_is_named_by_the_output(name, search_for):
    search_for("few-bits")
    output, sentence = WAYS[name]
    assert told(given(), {"output": output.tolist()}) == ("few-bits", sentence)


KEPT = {
    "the scores": bfloat16(SCORES),
    "the raw scores": bfloat16(Q @ K.mT) / D**0.5,
    "the raw scores and the scores": bfloat16(bfloat16(Q @ K.mT) / D**0.5),
}


@pytest.mark.parametrize("words", KEPT)
def test_scores_in_half_precision_are_named_by_the_weights(words, search_for):
    search_for("lower-precision")
    powers = np.exp(KEPT[words])
    weights = powers / powers.sum(axis=-1, keepdims=True)
    sentence = f"{words} were rounded to bfloat16 before the softmax: float32 is expected"
    assert told(given(), {"weights": weights.tolist()}) == ("lower-precision", sentence)


def test_right_weights_rounded_to_half_precision_are_no_scores_in_it():
    weights = bfloat16(POWERS / SUMS)
    slip, sentence = told(given(), {"weights": weights.tolist()})
    assert "before the softmax" not in sentence
    assert slip in ("", "lower-precision")


def test_columns_of_k_that_are_exchanged_by_twos_are_named(search_for):
    search_for("columns-other-order")
    slip, sentence = told(given(), {"output": attend(k=K[..., np.arange(D) ^ 1]).tolist()})
    assert (slip, "each two neighbours exchanged" in sentence) == ("columns-other-order", True)
