"""Matrices in few bits, and what of other positions takes part in scores and on the way back."""

import numpy as np
import pytest
from slip_cases import diagnosis, numbers, told

ml_dtypes = pytest.importorskip("ml_dtypes")

RANDOM = np.random.default_rng(30)
H, N, D = 3, 6, 8
Q, K, V = (np.round(RANDOM.normal(size=(H, N, D)), 3) for _ in range(3))
ARRIVING = np.round(RANDOM.normal(size=(H, N, D)), 3)
KEPT = RANDOM.random((H, N, N)) < 0.7


def given(**settings):
    pairs = {"queries": Q.tolist(), "keys": K.tolist(), "values": V.tolist(), **settings}
    return ", ".join(f"{name}: {value}" for name, value in pairs.items())


def softmax(scores):
    powers = np.exp(scores)
    return powers / powers.sum(axis=-1, keepdims=True)


def attend(q=Q, k=K, v=V, change=lambda weights: weights):
    return change(softmax(q @ k.mT / D**0.5)) @ v


def small(dtype):
    return lambda array: array.astype(np.float32).astype(dtype).astype(float)


def whole(largest, axis, keep=np.round):
    def kept(array):
        scale = np.abs(array).max(axis=axis, keepdims=True) / largest
        return keep(array / scale) * scale

    return kept


E4M3, E5M2 = small(ml_dtypes.float8_e4m3fn), small(ml_dtypes.float8_e5m2)
ROWS, COLUMNS, INT4 = whole(127, -1), whole(127, -2), whole(7, (-2, -1))
CUT = whole(127, -1, np.trunc)
FULL = ": full numbers are expected"
BITS = {
    "float8": (attend(k=E4M3(K), v=E4M3(V)), f"K and V were rounded to float8 e4m3{FULL}"),
    "float8 with weights": (attend(E4M3(Q), E4M3(K), E4M3(V), E4M3),
        f"Q, K, V and the weights were rounded to float8 e4m3{FULL}"),
    "the other float8": (attend(E5M2(Q), E5M2(K), E5M2(V)), f"Q, K and V were rounded to float8 e5m2{FULL}"),
    "int8 by row": (attend(k=ROWS(K), v=ROWS(V)), f"K and V were rounded to int8 with a scale for each row{FULL}"),
    "int8 by column": (attend(v=COLUMNS(V)), f"V was rounded to int8 with a scale for each column{FULL}"),
    "int8 by row, cut off": (attend(k=CUT(K), v=CUT(V)),
        f"K and V were cut to int8 with a scale for each row{FULL}"),
    "weights in float8": (attend(change=E4M3),
        f"the weights were rounded to float8 e4m3, before they were multiplied by V{FULL}"),
    "weights in int8": (attend(change=lambda weights: np.round(weights * 127) / 127),
        f"the weights were rounded to int8, in steps of 1/127, before they were multiplied by V{FULL}"),
    "int4 by head": (attend(k=INT4(K), v=INT4(V)), f"K and V were rounded to int4 with a scale for each head{FULL}"),
}  # fmt: skip


@pytest.mark.parametrize("name", BITS)
def test_matrices_in_few_bits_are_named(name, search_for):
    search_for("few-bits")
    output, sentence = BITS[name]
    assert told(given(), {"output": output.tolist()}) == ("few-bits", sentence)


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (np.log(np.arange(N) + 2), "log(p + 2)"),
        ((np.arange(N) + 1) ** 0.5, "√(p + 1)"),
        ((np.arange(N) + 1) ** -0.5, "1/√(p + 1)"),
    ],
)
def test_scores_times_a_number_of_each_query_are_named(factor, words):
    seen = np.tril(np.ones((N, N), bool))
    output = softmax(np.where(seen, Q @ K.mT / D**0.5 * factor[:, None], -np.inf)) @ V
    assert told(given(causal="true"), {"output": output.tolist()}) == (
        "scale-by-position",
        f"the scores of the query at position p were multiplied by {words} too: divide by √d_k = 2.8284 only",
    )


ONE_TELLS = {  # problems in which the scores of the last query alone differ from key to key
    "the first query sees one key": "queries: [[2, 1], [1, 3]], keys: [[1, 0], [0, 1]], causal: true",
    "the first query is 0": "queries: [[0, 0], [1, 3]], keys: [[1, 0], [0, 1]]",
}


@pytest.mark.parametrize("problem", ONE_TELLS.values(), ids=ONE_TELLS)
def test_scores_of_one_query_alone_show_another_scale_and_no_number_of_its_position(problem):
    rows = {"weights": numbers(f"{problem}, scale: 1/dk", "weights")}
    names = {name for found in diagnosis(problem, rows) for name in (found.slip, *found.also)}
    assert "scale-dk" in names
    assert "scale-by-position" not in names


# the way back


def back(arriving=ARRIVING, sums=None, drop=None, values_drop=None, kept=slice(None)):
    """dQ, dK and dV, with row sums of the caller's and other dropout of dP and of the weights that meet V."""
    weights = softmax(Q @ K.mT / D**0.5)
    dropped = weights if values_drop is None else weights * values_drop
    d_weights = arriving @ V.mT * (1 if drop is None else drop)
    sums = (weights * d_weights).sum(axis=-1) if sums is None else sums
    d_scores = weights * (d_weights - sums[..., None])
    found = {
        "d_queries": d_scores[..., kept] @ K[:, kept] / D**0.5,
        "d_keys": d_scores.mT @ Q / D**0.5,
        "d_values": dropped.mT @ arriving,
    }
    return {name: array.tolist() for name, array in found.items()}


SCORES = Q @ K.mT / D**0.5
LSE = np.log(np.exp(SCORES).sum(axis=-1, keepdims=True))


def recomputed(logarithms):
    """The gradients of weights with these logarithms."""
    weights, sums = np.exp(logarithms), (attend() * ARRIVING).sum(axis=-1, keepdims=True)
    d_scores = weights * (ARRIVING @ V.mT - sums)
    found = {"d_queries": d_scores @ K / D**0.5, "d_keys": d_scores.mT @ Q / D**0.5, "d_values": weights.mT @ ARRIVING}
    return {name: array.tolist() for name, array in found.items()}


PRODUCTS = (attend() * ARRIVING).sum(axis=-1)
DUE = ": dS = P ∘ (dP − row sum of O ∘ dO) is expected"
DROP = KEPT / 0.7
WAYS = {
    "row sums of another head": ({}, back(sums=np.roll(PRODUCTS, 1, axis=0)), "row-sum-other",
        f"the row sum of O ∘ dO of the head before was subtracted from dP{DUE}"),
    "row sums of another query": ({}, back(sums=np.roll(PRODUCTS, -1, axis=1)), "row-sum-other",
        f"the row sum of O ∘ dO of the query after was subtracted from dP{DUE}"),
    "row sums of V": ({}, back(sums=(V * ARRIVING).sum(axis=-1)), "row-sum-other",
        f"the row sum of V ∘ dO was subtracted from dP{DUE}"),
    "dO by other strides": ({}, back(ARRIVING.swapaxes(0, 1).reshape(H, N, D)), "grad-strided",
        "dO, in memory (…, n, heads, d), was read as (…, heads, n, d), which mixes heads and positions"),
    "no dropout of dP": ({"dropout": 0.3, "dropout_mask": KEPT.astype(int).tolist()}, back(values_drop=DROP),
        "no-dropout", "dP was not dropped, nor were its row sums: dS = P ∘ (M ∘ dP − row sum of O ∘ dO), with "
        "dropout's M, is expected"),
    "log-sum-exps to another base": ({}, recomputed(SCORES - np.log(2) * LSE), "grad-recomputed",
        "on the way back the weights were recomputed from the log-sum-exps times log 2, as if they were to base 2: "
        "they are e^(score − log-sum-exp)"),
    "raw scores": ({}, recomputed(SCORES * D**0.5 - LSE), "grad-recomputed",
        "on the way back the weights were recomputed from the raw scores, without the scale, and the right "
        "log-sum-exps: they are e^(score − log-sum-exp)"),
    "the second half of the keys": ({}, back(kept=slice(3, None)), "grad-of-tiles",
        "dQ is the sum over keys 3 to 5 only: over all 6 keys it is expected"),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_the_way_back_is_named(name):
    settings, gradients, slip, sentence = WAYS[name]
    assert told(given(d_output=ARRIVING.tolist(), **settings), gradients) == (slip, sentence)
