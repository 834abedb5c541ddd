"""Rotary angles in half precision, rotated columns of K in another order, and the memory of V read by columns."""

import numpy as np
import pytest
from slip_cases import told

from attncli.check.tolerance.narrow import rounded

RANDOM = np.random.default_rng(52)
N, M, D = 24, 20, 8
Q, K, V = (np.round(RANDOM.normal(size=(rows, D)), 2) for rows in (N, M, M))
SPEEDS = 10000.0 ** (-2 * np.arange(D // 2) / D)
EVEN = np.r_[0:D:2, 1:D:2]


def given(**settings):
    pairs = {"queries": Q.tolist(), "keys": K.tolist(), "values": V.tolist(), **settings}
    return ", ".join(f"{name}: {value}" for name, value in pairs.items())


def bfloat16(array):
    return rounded(array, "bfloat16")


def same(array):
    return array


def turned(rows, speeds=same, angles=same, waves=same):
    own = angles(np.arange(len(rows))[:, None] * speeds(SPEEDS))
    cosine, sine = waves(np.cos(own)), waves(np.sin(own))
    first, second = rows[:, 0::2], rows[:, 1::2]
    return np.stack([first * cosine - second * sine, first * sine + second * cosine], axis=-1).reshape(rows.shape)


def attend(queries, keys, values=V):
    powers = np.exp(queries @ keys.T / D**0.5)
    return powers / powers.sum(axis=-1, keepdims=True) @ values


NARROW = {
    "angles": {"angles": bfloat16},
    "frequencies and angles": {"speeds": bfloat16, "angles": bfloat16},
    "cosines and sines": {"waves": bfloat16},
}


@pytest.mark.parametrize("words", NARROW)
def test_rotary_positions_in_half_precision_are_named(words, search_for):
    search_for("lower-precision")
    output = attend(turned(Q, **NARROW[words]), turned(K, **NARROW[words]))
    sentence = f"the {words} of the rotary positions were rounded to bfloat16: float32 is expected"
    assert told(given(rope="interleaved"), {"output": output.tolist()}) == ("lower-precision", sentence)


def test_rotated_columns_that_are_written_in_another_order_are_named(search_for):
    search_for("columns-other-order")
    slip, sentence = told(given(rope="interleaved"), {"output": attend(turned(Q), turned(K)[:, EVEN]).tolist()})
    assert slip == "columns-other-order"
    assert sentence.startswith(
        "the columns of K were written with the even ones before the odd ones after the rotation"
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (V.reshape(D, M).T, f"V, {M} × {D}, was reshaped to {D} × {M}, which keeps the order in memory"),
        (V.T.reshape(M, D), f"V, in memory by columns, {D} × {M}, was read by rows, as {M} × {D}"),
    ],
)
def test_the_memory_of_v_read_otherwise_is_named(values, said, search_for):
    search_for("values-strided")
    slip, sentence = told(given(), {"output": attend(Q, K, values).tolist()})
    assert (slip, sentence.startswith(said)) == ("values-strided", True)
