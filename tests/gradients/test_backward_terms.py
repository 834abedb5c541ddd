"""Terms of the backward pass that kernels take otherwise are named: wrong gradients made in plain NumPy."""

import numpy as np
import pytest

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(81)
HEADS, SHARED, N, M, D_K, D_V = 4, 2, 6, 8, 4, 9
Q = RANDOM.normal(size=(HEADS, N, D_K))
K, V = RANDOM.normal(size=(SHARED, M, D_K)), RANDOM.normal(size=(SHARED, M, D_V))
D_OUTPUT = RANDOM.normal(size=(HEADS, N, D_V))
BIAS = RANDOM.normal(size=(1, N, M))
KEPT = RANDOM.random((HEADS, N, M)) < 0.75
SEEN = np.arange(M) <= np.arange(N)[:, None] + 2
SINK = (0.5, -1.0, 1.0, 2.0)
SCALE = 0.5
REPEATED = [np.repeat(each, HEADS // SHARED, axis=0) for each in (K, V)]


def turned(rows, positions, sign=1):
    """Rows with the pairs (c, c + d/2) rotated."""
    angles = sign * positions[:, None] * 10000.0 ** (-2 * np.arange(D_K // 2) / D_K)
    first, second = np.split(rows, 2, axis=-1)
    cosine, sine = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cosine - second * sine, first * sine + second * cosine], axis=-1)


class Pass:
    """One forward pass, of which each part may be taken otherwise on the way back."""

    def __init__(self, bias=0.0, seen=True, factors=1.0, sink=None, positions=None):
        keys, self.values = REPEATED
        self.q, self.k = Q, keys
        if positions is not None:
            self.q, self.k = turned(Q, np.arange(N) + 2), turned(keys, np.arange(M))
        self.scores = SCALE * self.q @ self.k.swapaxes(-1, -2) + bias
        powers = np.where(seen, np.exp(self.scores), 0)
        total = powers.sum(axis=-1, keepdims=True)
        self.sum = total if sink is None else total + np.exp(np.array(sink))[:, None, None]
        self.weights, self.factors = powers / self.sum, factors
        self.output = (self.weights * factors) @ self.values
        self.d_weights = D_OUTPUT @ self.values.swapaxes(-1, -2)
        self.delta = (self.output * D_OUTPUT).sum(axis=-1, keepdims=True)

    def back(self, d_scores, values=None):
        dropped = self.weights * self.factors if values is None else values
        d_queries = SCALE * d_scores @ self.k
        d_keys, d_values = SCALE * d_scores.swapaxes(-1, -2) @ self.q, dropped.swapaxes(-1, -2) @ D_OUTPUT
        return {"d_queries": d_queries, "d_keys": in_groups(d_keys), "d_values": in_groups(d_values)}

    def right(self):
        return self.weights * (self.factors * self.d_weights - self.delta)


def in_groups(array):
    return array.reshape(SHARED, HEADS // SHARED, *array.shape[1:]).sum(axis=1)


PLAIN = Pass()
DS = PLAIN.right()
RIGHT = PLAIN.back(DS)
DROPPED = Pass(factors=KEPT / 0.75)
MASKED = Pass(seen=SEEN)
BIASED = Pass(bias=BIAS)
SUNK = Pass(sink=SINK)
ROTATED = Pass(positions=True)
DROPOUT = {"dropout": 0.25, "dropout_mask": Matrix(KEPT, "m")}
DUE = "dS = P ∘ (dP − row sum of O ∘ dO) is expected"
DUE_OF_DROPPED = "dS = P ∘ (M ∘ dP − row sum of O ∘ dO), with dropout's M, is expected"


def minus(sums):
    return PLAIN.back(PLAIN.weights * (PLAIN.d_weights - sums.sum(axis=-1, keepdims=True)))


def recomputed(own, **without):
    """The weights of other scores, of the log-sum-exps of a forward pass."""
    free = Pass(**without)
    weights = np.exp(free.scores) / (free.sum if without.get("sink", own) is None else own.sum)
    return own.back(weights * (own.d_weights - own.delta), weights)


def unsummed(d_scores):
    """dK and dV by query head."""
    return SCALE * d_scores.swapaxes(-1, -2) @ Q, PLAIN.weights.swapaxes(-1, -2) @ D_OUTPUT


def pick(change):
    d_keys, d_values = map(change, unsummed(DS))
    return {"d_keys": d_keys, "d_values": d_values}


PART = D_OUTPUT[..., :D_K] @ REPEATED[1][..., :D_K].swapaxes(-1, -2)
DB = BIASED.right()
SWAPPED = np.ascontiguousarray(D_OUTPUT.swapaxes(0, 1)).reshape(D_OUTPUT.shape)
TURNED_BACK = {
    name: turned(array, np.arange(array.shape[1]) + 2 * (name == "d_queries"), -1)
    for name, array in ROTATED.back(ROTATED.right()).items()
    if name != "d_values"
}

# the forward pass, what is asked, the wrong gradients, the slip, and its sentence
WRONG = {
    "the sum of O²": (
        *(PLAIN, {}, minus(PLAIN.output**2)),
        *("row-sum-other", f"the row sum of O ∘ O was subtracted from dP: {DUE}"),
    ),
    "the sum of dO²": (
        *(PLAIN, {}, minus(D_OUTPUT**2)),
        *("row-sum-other", f"the row sum of dO ∘ dO was subtracted from dP: {DUE}"),
    ),
    "the sums of query 0": (
        *(PLAIN, {}, PLAIN.back(PLAIN.weights * (PLAIN.d_weights - PLAIN.delta[:, :1]))),
        *("row-sum-other", f"the row sum of O ∘ dO of query 0, for every query, was subtracted from dP: {DUE}"),
    ),
    "the sums of head 0": (
        *(PLAIN, {}, PLAIN.back(PLAIN.weights * (PLAIN.d_weights - PLAIN.delta[:1]))),
        *("row-sum-other", f"the row sum of O ∘ dO of head 0, for every head, was subtracted from dP: {DUE}"),
    ),
    "means of rows": (
        *(PLAIN, {}, PLAIN.back(PLAIN.weights * (PLAIN.d_weights - PLAIN.delta / D_V))),
        *("row-sum-other", f"the row sum of O ∘ dO over d_v, their mean, was subtracted from dP: {DUE}"),
    ),
    "dropout not divided by 1 − p": (
        *(DROPPED, DROPOUT),
        DROPPED.back(DROPPED.weights * (KEPT * DROPPED.d_weights - DROPPED.delta), DROPPED.weights * KEPT),
        "no-dropout",
        "on the way back what dropout keeps was not divided by 1 − p = 0.75: it is, as before",
    ),
    "sums of the output before dropout": (
        *(DROPPED, DROPOUT),
        DROPPED.back(DROPPED.weights * (DROPPED.factors * DROPPED.d_weights - PLAIN.delta)),
        "no-dropout",
        f"the row sum of O ∘ dO was that of the output without dropout: {DUE_OF_DROPPED}",
    ),
    "dO by other strides": (
        *(PLAIN, {}, minus(PLAIN.output * SWAPPED)),
        "row-sum-other",
        f"the row sum of O ∘ dO with the memory of dO read in another layout was subtracted from dP: {DUE}",
    ),
    "P twice": (
        *(PLAIN, {}, PLAIN.back(PLAIN.weights * DS)),
        "row-sum-other",
        "P was multiplied twice: dS = P ∘ (dP − row sum of P ∘ dP) is expected",
    ),
    "dP of the columns that Q has": (
        *(PLAIN, {}, PLAIN.back(PLAIN.weights * (PART - PLAIN.delta))),
        *("grad-of-tiles", "dP is of the first 4 columns of dO and V only: all 9 are expected"),
    ),
    "dP without dropout": (
        *(DROPPED, DROPOUT, DROPPED.back(DROPPED.weights * (DROPPED.d_weights - DROPPED.delta))),
        *("no-dropout", f"dP was not dropped: {DUE_OF_DROPPED}"),
    ),
    "dropped weights for P": (
        *(DROPPED, DROPOUT),
        DROPPED.back(DROPPED.weights * DROPPED.factors * (DROPPED.d_weights - DROPPED.delta)),
        *("no-dropout", f"dS was made of the dropped weights, and dP was not dropped: {DUE_OF_DROPPED}"),
    ),
    "dV without dropout": (
        *(DROPPED, DROPOUT, DROPPED.back(DROPPED.right(), DROPPED.weights)),
        *("no-dropout", "dV is of the weights before dropout: those after it are expected"),
    ),
    "a mask that the way back has not": (
        *(MASKED, {"causal": True, "query_offset": 2}, recomputed(MASKED)),
        *("grad-no-mask", "on the way back the weights were recomputed from the log-sum-exps without the mask"),
    ),
    "a bias that the way back has not": (
        *(BIASED, {"bias": Matrix(BIAS, "b")}, recomputed(BIASED)),
        *("no-bias", "on the way back the weights were recomputed from the log-sum-exps without the bias"),
    ),
    "a sink that the way back has not": (
        *(SUNK, {"sink": SINK}, recomputed(SUNK, sink=None)),
        *("no-sink", "on the way back the weights were recomputed from the log-sum-exps without the sink"),
    ),
    "heads in turn": (
        *(PLAIN, {}, pick(lambda array: array.reshape(2, SHARED, *array.shape[1:]).sum(axis=0))),
        "grad-heads-not-summed",
        "dK and dV of key head h were summed over the query heads h, h + 2 … in turn: 2 neighbours share one",
    ),
    "the last head of each group": (
        *(PLAIN, {}, pick(lambda array: array[1::2])),
        "grad-heads-not-summed",
        "dK and dV are those of the last query head that shares a key head: the sum of all 2 is expected",
    ),
    "the first heads": (
        *(PLAIN, {}, pick(lambda array: array[:SHARED])),
        "grad-heads-not-summed",
        "dK and dV are those of the query heads 0 to 1: the sum over the 2 that share a key head is expected",
    ),
    "dB of the last head": (
        *(BIASED, {"bias": Matrix(BIAS, "b")}, {"d_bias": DB[-1:]}),
        *("grad-of-tiles", "dB is that of entry 3 only: the sum over all 4 is expected"),
    ),
    "dS for P": (
        *(PLAIN, {}, {"d_values": PLAIN.back(DS, DS)["d_values"]}),
        *("grad-other-factor", "dV is dSᵀ dO: Pᵀ dO is expected"),
    ),
    "rows that are not rotated back": (
        *(ROTATED, {"rope": "half", "query_offset": 2}, ROTATED.back(ROTATED.right())),
        *("no-rope", "dQ and dK are those of the rotated Q and K: they are rotated back on the way back"),
    ),
}


def diagnosis(forward, asked, gradients):
    given = {"queries": Q, "keys": K, "values": V, "d_output": D_OUTPUT}
    request = Request(**{name: Matrix(array, name) for name, array in given.items()}, **asked)
    expected = {"output": forward.output, **gradients}
    expected = {name: Matrix(np.asarray(array, np.float32), name) for name, array in expected.items()}
    return check(Worksheet(request=request, name="c", where="c", expected=expected))


@pytest.mark.parametrize("name", WRONG)
def test_a_term_of_the_way_back_is_named(name, search_for):
    forward, asked, gradients, slip, sentence = WRONG[name]
    search_for(slip)
    first = diagnosis(forward, asked, gradients).diagnosis[0]
    assert (first.slip, first.sentence) == (slip, sentence)
    right = {**forward.back(forward.right()), **(TURNED_BACK if forward is ROTATED else {})}
    assert {*first.explains} == {name for name in gradients if not np.array_equal(gradients[name], right.get(name))}


RIGHT_ONES = {
    "dropout": (DROPPED, DROPOUT),
    "a mask": (MASKED, {"causal": True, "query_offset": 2}),
    "a bias": (BIASED, {"bias": Matrix(BIAS, "b")}),
    "a sink": (SUNK, {"sink": SINK}),
}


@pytest.mark.parametrize("name", RIGHT_ONES)
def test_right_gradients_pass(name):
    forward, asked = RIGHT_ONES[name]
    assert diagnosis(forward, asked, forward.back(forward.right())).verdict == "within-tolerance"


def test_right_gradients_of_rotated_rows_pass():
    gradients = {"d_queries": TURNED_BACK["d_queries"], "d_keys": TURNED_BACK["d_keys"]}
    assert diagnosis(ROTATED, {"rope": "half", "query_offset": 2}, gradients).verdict == "within-tolerance"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", RIGHT_ONES)
def test_random_gradients_are_not_a_term_of_the_way_back(name, sample):
    forward, asked = RIGHT_ONES[name]
    for seed in sample(range(6), 6):
        gradients = forward.back(forward.right())
        noise = np.random.default_rng(seed).normal(size=Q.shape)
        gradients["d_queries"] = gradients["d_queries"] + 0.1 * noise
        assert diagnosis(forward, asked, gradients).diagnosis == ()
