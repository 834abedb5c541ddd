"""Steps of the backward pass that were taken otherwise are named: wrong gradients made in plain NumPy."""

import numpy as np
import pytest

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(73)
Q, K, V, D_OUTPUT = (RANDOM.normal(size=(3, 10, width)) for width in (5, 5, 4, 4))
SCALE = 1 / np.sqrt(5)
P, J = np.arange(10)[:, None], np.arange(10)
CAUSAL = P >= J


def forward(seen, cap=None):
    scores = SCALE * Q @ K.swapaxes(-1, -2)
    scores = scores if cap is None else cap * np.tanh(scores / cap)
    powers = np.where(seen, np.exp(scores), 0)
    return powers, powers / powers.sum(axis=-1, keepdims=True)


POWERS, W = forward(CAUSAL)
DP = D_OUTPUT @ V.swapaxes(-1, -2)
SUM = (W * DP).sum(axis=-1, keepdims=True)


def back(d_scores):
    return {"d_queries": SCALE * d_scores @ K, "d_keys": SCALE * d_scores.swapaxes(-1, -2) @ Q}


DS = W * (DP - SUM)
RIGHT = {"d_values": W.swapaxes(-1, -2) @ D_OUTPUT, **back(DS)}
LARGEST_ONE = W / W.max(axis=-1, keepdims=True)
DUE = "dS = P ∘ (dP − row sum of P ∘ dP) is expected"


def windowed(width):
    weights = forward(CAUSAL & (width >= P - J))[1]
    d_scores = weights * (DP - (weights * DP).sum(axis=-1, keepdims=True))
    return {"d_values": weights.swapaxes(-1, -2) @ D_OUTPUT, **back(d_scores)}, weights @ V


def capped(is_derived):
    raw = SCALE * Q @ K.swapaxes(-1, -2)
    weights = forward(CAUSAL, 1.5)[1]
    d_scores = weights * (DP - (weights * DP).sum(axis=-1, keepdims=True))
    return back(d_scores * (1 - np.tanh(raw / 1.5) ** 2) if is_derived else d_scores)


WRONG = {
    "the diagonal of the derivative": (
        back(W * (1 - W) * DP),
        "row-sum-other",
        f"dS is P ∘ (1 − P) ∘ dP, of the derivative of each weight by its own score: {DUE}",
    ),
    "a plain mean": (
        back(W * (DP - DP.mean(axis=-1, keepdims=True))),
        "row-sum-other",
        f"the plain mean of dP was subtracted: {DUE}",
    ),
    "a sum that is added": (back(W * (DP + SUM)), "row-sum-other", f"the row sum of P ∘ dP was added: {DUE}"),
    "without P": (back(np.where(CAUSAL, DP - SUM, 0)), "row-sum-other", f"P was left out: {DUE}"),
    "dS for dP": (
        back(np.where(CAUSAL, DP, 0)),
        "row-sum-other",
        f"dS is dP, without the derivative of the softmax: {DUE}",
    ),
    "sums by column": (
        back(W * (DP - (W * DP).sum(axis=-2, keepdims=True))),
        "row-sum-other",
        f"the sum of P ∘ dP over the queries, by column, was subtracted: {DUE}",
    ),
    "the sum of query j for key j": (
        back(W * (DP - SUM.swapaxes(-1, -2))),
        "row-sum-other",
        f"the row sum of query j was subtracted for key j: {DUE}",
    ),
    "sums by tile": (
        back(W * (DP - np.repeat(np.add.reduceat(W * DP, [0, 4, 8], axis=-1), 4, axis=-1)[..., :10])),
        "row-sum-other",
        f"the row sum of P ∘ dP over each tile of 4 keys was subtracted in that tile: {DUE}",
    ),
    "the scale twice": (
        {"d_queries": SCALE * RIGHT["d_queries"]},
        "grad-factor",
        "dQ was multiplied by 0.447214 (the scale once more): no factor is expected",
    ),
    "the other sign": (
        {"d_queries": -RIGHT["d_queries"], "d_keys": -RIGHT["d_keys"]},
        "grad-factor",
        "dQ and dK were multiplied by -1 (the sign): no factor is expected",
    ),
    "two factors": (
        {"d_queries": 3 * RIGHT["d_queries"], "d_keys": np.log(2) * RIGHT["d_keys"]},
        "grad-factor",
        "dQ was multiplied by 3 (the number of heads); dK was multiplied by 0.693147 (log 2, as for powers of 2): no "
        "factor is expected",
    ),
    "dV with a factor without a name": (
        {"d_values": 1.7 * RIGHT["d_values"]},
        "grad-factor",
        "dV was multiplied by 1.7: no factor is expected",
    ),
    "the last tile of keys": (
        {"d_queries": SCALE * DS[..., 8:] @ K[:, 8:]},
        "grad-of-tiles",
        "dQ is the sum over keys 8 to 9 only: over all 10 keys it is expected",
    ),
    "without the first tile of queries": (
        {
            "d_keys": SCALE * DS[:, 4:].swapaxes(-1, -2) @ Q[:, 4:],
            "d_values": W[:, 4:].swapaxes(-1, -2) @ D_OUTPUT[:, 4:],
        },
        "grad-of-tiles",
        "dK and dV are sums over all queries but queries 0 to 3: all 10 queries are expected",
    ),
    "tiles on the diagonal": (
        {
            "d_keys": SCALE * (DS * (P // 4 == J // 4)).swapaxes(-1, -2) @ Q,
            "d_values": (W * (P // 4 == J // 4)).swapaxes(-1, -2) @ D_OUTPUT,
        },
        "grad-of-tiles",
        "dV and dK are sums over queries and keys of the same tile of 4 only: all that see each other are expected",
    ),
    "exponentials of which the largest is 1": (
        {
            "d_values": LARGEST_ONE.swapaxes(-1, -2) @ D_OUTPUT,
            **back(LARGEST_ONE * (DP - SUM)),
        },
        "grad-recomputed",
        "on the way back the weights were recomputed from the largest score of each row in place of its log-sum-exp, "
        "and so not divided by their sum: they are e^(score − log-sum-exp)",
    ),
    "K for Q": (
        {"d_keys": SCALE * DS.swapaxes(-1, -2) @ K},
        "grad-other-factor",
        "dK is scale · dSᵀ K: dSᵀ Q is expected",
    ),
    "Q for K": ({"d_queries": SCALE * DS @ Q}, "grad-other-factor", "dQ is scale · dS Q: dS K is expected"),
    "exponentials for weights": (
        {"d_values": POWERS.swapaxes(-1, -2) @ D_OUTPUT},
        "grad-not-divided",
        "dV is of e^score, without dividing by their sum",
    ),
}


def diagnosis(expected, **asked):
    given = {"queries": Q, "keys": K, "values": V, "d_output": D_OUTPUT}
    asked = {**{name: Matrix(array, name) for name, array in given.items()}, "causal": True, **asked}
    request = Request(**asked)
    expected = {name: Matrix(array, name) for name, array in expected.items()}
    return check(Worksheet(request=request, name="c", where="c", expected=expected)).diagnosis


STORED = [(name, (np.float64, np.float32)[place % 2]) for place, name in enumerate(WRONG)]


@pytest.mark.parametrize(("name", "dtype"), STORED)
def test_a_step_on_the_way_back_is_named(name, dtype, search_for):
    gradients, slip, sentence = WRONG[name]
    search_for(slip)
    expected = {name: array.astype(dtype) for name, array in {**RIGHT, **gradients}.items()}
    first = diagnosis({"output": (W @ V).astype(dtype), **expected})[0]
    assert (first.slip, first.sentence) == (slip, sentence)


def test_gradients_returned_in_another_order_are_named():
    values = V[..., [0, 1, 2, 3, 0]]
    arriving = D_OUTPUT[..., [0, 1, 2, 3, 0]]
    products = arriving @ values.swapaxes(-1, -2)
    right = back(W * (products - (W * products).sum(axis=-1, keepdims=True)))
    gradients = {**right, "d_values": right["d_keys"], "d_keys": W.swapaxes(-1, -2) @ arriving}
    first = diagnosis(gradients, values=Matrix(values, "v"), d_output=Matrix(arriving, "do"))[0]
    assert (first.slip, first.sentence) == ("grad-swapped", "dK and dV were exchanged")


def test_the_derivative_of_the_softcap_is_missed():
    assert diagnosis(capped(is_derived=True), softcap=1.5) == ()
    first = diagnosis(capped(is_derived=False), softcap=1.5)[0]
    assert first.sentence == "the derivative of the softcap, 1 − tanh², was left out on the way back"


def test_a_slip_of_the_forward_pass_that_only_gradients_have_is_reported_as_theirs():
    gradients, output = windowed(4)[0], windowed(3)[1]
    first = diagnosis({"output": output, **gradients}, window=(3, 0))[0]
    said = "the window reached 4 keys before the query's position: it reaches 3"
    assert (first.slip, first.sentence) == ("window-off-by-one", f"only on the way back: {said}")


def test_random_gradients_are_not_a_step_on_the_way_back(sample):
    for seed in sample(range(20), 20):
        noise = np.random.default_rng(seed).normal(size=Q.shape)
        assert diagnosis({**RIGHT, "d_queries": RIGHT["d_queries"] + 0.1 * noise}) == ()
