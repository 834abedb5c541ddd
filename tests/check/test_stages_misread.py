"""Stages whose formula was misread are named: wrong numbers made in plain NumPy."""

import numpy as np
import pytest
from slip_cases import in_turns

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(74)
Q, K, V = (2 * RANDOM.normal(size=(2, 4, rows, 16)) for rows in (6, 9, 9))
ONE = {name: RANDOM.normal(size=(4, 9, 8)) for name in ("queries", "keys", "values")}
SHARED = {name: RANDOM.normal(size=(heads, 7, 8)) for name, heads in (("queries", 8), ("keys", 4), ("values", 4))}
PACKED = {name: RANDOM.normal(size=(7, 12)) for name in ("queries", "keys", "values")}
BIAS = RANDOM.normal(size=(4, 9, 9))
P, J = np.arange(6) + 3, np.arange(9)
CAUSAL = {"causal": True, "align": "bottom-right"}
ROPE = {**CAUSAL, "rope": "half"}
SLOPES = 2.0 ** -np.arange(2, 10, 2)[:, None, None]


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def product(queries=Q, keys=K):
    return queries @ keys.swapaxes(-1, -2) / np.sqrt(queries.shape[-1])


def seen(scores):
    return np.where(P[:, None] >= J, scores, -np.inf)


def logs(scores):
    largest = scores.max(axis=-1)
    return largest + np.log(np.exp(scores - largest[..., None]).sum(axis=-1))


def turn(rows, positions, size=16, sign=-1):
    angles = np.asarray(positions)[:, None] * 10000.0 ** (-2 * np.arange(size // 2) / size)
    first, second, rest = rows[..., : size // 2], rows[..., size // 2 : size], rows[..., size:]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cos + sign * second * sin, second * cos + first * sin, rest], axis=-1)


def last_first(rows):
    return np.concatenate([rows[..., 8:], rows[..., :8]], axis=-1)


def turned(queries, keys):
    return softmax(seen(product(queries, keys))) @ V


def capped(change):
    return softmax(seen(change(product()))) @ V


def with_heads(taken):
    return softmax(product(SHARED["queries"], SHARED["keys"][taken])) @ SHARED["values"][taken]


def split_by_column():
    queries, keys, values = (np.moveaxis(PACKED[name].reshape(7, 3, 4), -1, 0) for name in PACKED)
    return np.moveaxis(softmax(product(queries, keys)) @ values, 0, -1).reshape(7, 12)


def normed_together():
    rows = [array / np.sqrt((array**2).mean(axis=(1, 3), keepdims=True)) for array in (Q, K)]
    return softmax(product(*rows)) @ V


PLACES = np.arange(9)
TURNED_Q, TURNED_K = turn(Q, P), turn(K, PLACES)
LARGEST = product().max(axis=-1)
DEGREES = np.pi / 180
WRONG = {
    "K rotated twice": (
        ROPE,
        {"output": turned(TURNED_Q, turn(TURNED_K, PLACES))},
        "rope-twice",
        "K was rotated twice: Q and K are rotated once",
    ),
    "queries rotated alike": (
        ROPE,
        {"output": turned(turn(Q, np.full(6, 3)), TURNED_K)},
        "rope-shifted",
        "every query was rotated as if it stood at position 3, that of the first one: each has its own",
    ),
    "rotated without the minus sign": (
        ROPE,
        {"output": turned(turn(Q, P, sign=1), turn(K, PLACES, sign=1))},
        "rope-unsigned",
        "a pair (a, b) became (a cos + b sin, a sin + b cos): the first is a cos − b sin",
    ),
    "angles in degrees": (
        ROPE,
        {"output": turned(turn(Q, P * DEGREES), turn(K, PLACES * DEGREES))},
        "rope-other-scale",
        "the angles were taken in degrees: they are in radians, the position times base^(−2c/d)",
    ),
    "the last columns rotated": (
        {**ROPE, "rope_dims": 8},
        {"output": turned(turn(last_first(Q), P, 8), turn(last_first(K), PLACES, 8))},
        "rope-other-columns",
        "the last 8 columns were rotated: the first 8 are",
    ),
    "ALiBi from position 0": (
        {**CAUSAL, "alibi": "usual"},
        {"output": softmax(seen(product() - SLOPES * np.abs(P[:, None] - 3 - J))) @ V},
        "alibi-shifted",
        "ALiBi's distances were those of query i at position i: it stands at i + 3",
    ),
    "log-sum-exps of slope·j": (
        {**CAUSAL, "alibi": "usual"},
        {"lse": logs(seen(product() + SLOPES * J))},
        "lse-other",
        "your log-sum-exps are those of scores + slope·j, which ALiBi's −slope·|p − j| is less slope·p",
    ),
    "log-sum-exps of raw scores": (
        {},
        {"output": softmax(product()) @ V, "lse": logs(4 * product())},
        "lse-other",
        "your log-sum-exps are those of the raw scores, without the scale",
    ),
    "a largest score without its scale": (
        {},
        {"lse": logs(product()) + 3 * LARGEST},
        "lse-other",
        "your log-sum-exps are the largest raw score + log Σ exp(score − largest): the largest score has the scale too",
    ),
    "log-sum-exps in another layout": (
        {},
        {"lse": logs(product()).swapaxes(-1, -2).reshape(2, 4, 6)},
        "lse-other",
        "your log-sum-exps are the right ones in the memory of (…, n, heads), read as (…, heads, n)",
    ),
    "a bias transposed": (
        {**ONE, "bias": BIAS},
        {"output": softmax(product(ONE["queries"], ONE["keys"]) + BIAS.swapaxes(-1, -2)) @ ONE["values"]},
        "bias-other",
        "the bias was transposed, that of query j and key i for query i and key j",
    ),
    "a bias multiplied": (
        {**ONE, "bias": BIAS},
        {"output": softmax(product(ONE["queries"], ONE["keys"]) * BIAS) @ ONE["values"]},
        "bias-other",
        "the scores were multiplied by the bias: it is added to them",
    ),
    "a score times its tanh": (
        {**CAUSAL, "softcap": 3.0},
        {"output": capped(lambda scores: scores * np.tanh(scores / 3))},
        "softcap-as",
        "score·tanh(score / 3) was taken: 3·tanh(score / 3) is expected",
    ),
    "a softcap that is not divided": (
        {**CAUSAL, "softcap": 3.0},
        {"output": capped(lambda scores: 3 * np.tanh(scores))},
        "softcap-as",
        "3·tanh(score) was taken: 3·tanh(score / 3) is expected",
    ),
    "a softcap twice": (
        {**CAUSAL, "softcap": 3.0},
        {"output": capped(lambda scores: 3 * np.tanh(np.tanh(scores / 3)))},
        "softcap-as",
        "the softcap 3 was applied twice: once is expected",
    ),
    "a norm of all heads": (
        {"qk_norm": "rms"},
        {"output": normed_together()},
        "qk-norm-other",
        "the rows of Q and K were normalized by rms over the columns of all 4 heads: each head's 16 columns have a "
        "norm of their own",
    ),
    "columns behind a tile left out": (
        {},
        {"output": softmax(product(Q[..., :8], K[..., :8]) / np.sqrt(2)) @ V},
        "column-left-out",
        "columns 8 to 15 of Q and K were left out of the scores: all 16 columns count",
    ),
    "key heads by the number of key heads": (
        SHARED,
        {"output": with_heads([0, 0, 0, 0, 1, 1, 1, 1])},
        "other-grouping",
        "query head h read key head ⌊h / 4⌋: query heads 0 to 1 share key head 0, the next 2 key head 1",
    ),
    "columns split by column": (
        {**PACKED, "heads": (4, 4)},
        {"output": split_by_column()},
        "heads-not-split",
        "the columns were split as (d, H), column c of a row into head c mod 4: head h is the columns h·d to (h + 1)·d "
        "of every row",
    ),
    "squared weights": (
        {},
        {"output": softmax(product()) ** 2 @ V},
        "weights-squared",
        "your output is that of the squares of the weights: the weights themselves are expected",
    ),
    "scores without signs": (
        {},
        {"output": softmax(np.abs(product())) @ V},
        "absolute-scores",
        f"the scores were taken without their signs: {int((product() < 0).sum())} of the 432 scores are negative",
    ),
}


@pytest.mark.parametrize(("name", "dtype"), in_turns(WRONG))
def test_a_stage_that_was_misread_is_named(name, dtype, search_for):
    asked, expected, slip, sentence = WRONG[name]
    search_for(slip)
    arrays = {"queries": Q, "keys": K, "values": V} | {n: a for n, a in asked.items() if isinstance(a, np.ndarray)}
    settings = {name: value for name, value in asked.items() if name not in arrays}
    request = Request(**{name: Matrix(array, name) for name, array in arrays.items()}, **settings)
    expected = {name: Matrix(array.astype(dtype), name) for name, array in expected.items()}
    first = check(Worksheet(request=request, name="c", where="c", expected=expected)).diagnosis[0]
    assert (first.slip, first.sentence) == (slip, sentence)
