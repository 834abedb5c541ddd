"""What kernels do otherwise with parts of a sequence, rows of a mask, sinks, softcaps, slopes, and on the way back."""

import numpy as np
import pytest
from slip_cases import told

RANDOM = np.random.default_rng(41)
H, N, D = 2, 16, 4
Q, K, V, ARRIVING = (np.round(RANDOM.normal(size=(H, N, D)), 2) for _ in range(4))
SCORES = Q @ K.mT / 2
AT, J = np.arange(N)[:, None], np.arange(N)
SINKS = [1.3, 0.4]
MASK = RANDOM.random((3, 13)) < 0.7
MASK[:, 0] = True


def text(**settings):
    pairs = {"queries": Q.tolist(), "keys": K.tolist(), "values": V.tolist(), **settings}
    return ", ".join(f"{name}: {str(value).lower() if value is True else value}" for name, value in pairs.items())


def softmax(scores, seen=True, sink=None):
    powers = np.where(seen, np.exp(scores), 0)
    joined = 0 if sink is None else np.exp(np.reshape(sink, (-1, 1, 1)))
    return powers / (powers.sum(axis=-1, keepdims=True) + joined)


PART = N // 4
ZIGZAG = np.argsort([0, 3, 1, 2])
PLACE = (ZIGZAG[:, None] * PART + np.arange(PART)).ravel()
SEEN = {
    "of 4 parts of 4 keys, a query of part r did not see part r − 1 modulo 4, as if a step of a ring were left out": (
        {},
        (AT // PART - J // PART) % 4 != 1,
    ),
    "of 4 parts of 4 keys, a query saw those after its own part, and not those before it": (
        {"causal": True},
        (J // PART > AT // PART) | ((J // PART == AT // PART) & (J <= AT)),
    ),
    "of 4 parts of 4 keys, each had a causal mask of places in the part, in place of positions": (
        {"causal": True},
        (J // PART <= AT // PART) & (J % PART <= AT % PART),
    ),
    "of positions dealt to 4 workers in turn, a query saw earlier rounds only": (
        {"causal": True},
        (J // 4 < AT // 4) | (AT == J),
    ),
    "the causal mask was that of 4 parts of 4 keys in a zigzag order": ({"causal": True}, PLACE[:, None] >= PLACE),
}


@pytest.mark.parametrize("sentence", SEEN)
def test_parts_of_a_sequence_that_see_others_are_named(sentence, search_for):
    search_for("mask-by-tiles")
    settings, seen = SEEN[sentence]
    assert told(text(**settings), {"output": (softmax(SCORES, seen) @ V).tolist()}) == ("mask-by-tiles", sentence)


def test_a_mask_that_is_read_in_longer_rows_is_named(search_for):
    search_for("mask-tiled")
    q, k, v = Q[0, :3], K[0, :13], V[0, :13]
    flat = np.concatenate([MASK.ravel(), np.zeros(16, bool)])
    read = flat[np.arange(3)[:, None] * 16 + np.arange(13)]
    given = f"queries: {q.tolist()}, keys: {k.tolist()}, values: {v.tolist()}, mask: {MASK.astype(int).tolist()}"
    slip, sentence = told(given, {"output": (softmax(q @ k.T / 2, read) @ v).tolist()})
    assert slip == "mask-tiled"
    assert (
        sentence == "the mask, in rows of 13, was read in rows of 16, as if they were filled up: row i begins at 13·i"
    )


JOINS = "e^S joins each row's sum, S = 1.3, 0.4"
OTHER_SINKS = {
    "2^S joined each row's sum": np.multiply(SINKS, np.log(2)),
    "e^(−S) joined each row's sum": np.negative(SINKS),
    "S itself joined each row's sum, without the exponential": np.log(SINKS),
    "the sink was multiplied by the scale 0.5": np.multiply(SINKS, 0.5),
    "every head took the sink of head 0": SINKS[:1] * 2,
    "the heads took the sinks in the order from the last head": SINKS[::-1],
    "a score of 0 took the place of the sink": [0, 0],
}


@pytest.mark.parametrize("words", OTHER_SINKS)
def test_sinks_that_are_taken_otherwise_are_named(words, search_for):
    search_for("sink-other")
    output = softmax(SCORES, sink=OTHER_SINKS[words]) @ V
    assert told(text(sink=SINKS), {"output": output.tolist()}) == ("sink-other", f"{words}: {JOINS}")


CAPS = {
    3 * np.log(2): "2.07944, log 2 times it, as if the scores were multiplied by log₂ e before it",
    1.5: "1.5, as if it came before the scale",
    6.0: "6, it over the scale, as if the scores were scaled once more before it",
}


@pytest.mark.parametrize("cap", CAPS)
def test_a_softcap_that_a_mistake_makes_of_the_right_one_is_named(cap, search_for):
    search_for("softcap-other")
    output = softmax(cap * np.tanh(SCORES / cap)) @ V
    sentence = f"the softcap was {CAPS[cap]}: 3 is expected"
    assert told(text(softcap=3), {"output": output.tolist()}) == ("softcap-other", sentence)


@pytest.mark.parametrize(("power", "words"), [(2, "with the factor 1.2 twice"), (0.5, "on one of Q and K only")])
def test_the_factor_of_a_scale_that_is_taken_twice_or_by_half_is_named(power, words):
    output = softmax(SCORES * 1.2**power) @ V
    slip, sentence = told(text(scale=0.6), {"output": output.tolist()})
    assert (slip, words in sentence) == ("scale-other", True)


def test_a_mask_that_is_scaled_as_the_scores_are_is_named(search_for):
    search_for("mask-finite")
    lowered = softmax(np.where(J <= AT, SCORES, SCORES - 5))
    slip, sentence = told(text(causal=True), {"output": (lowered @ V).tolist()})
    assert slip == "mask-finite"
    assert sentence.startswith("masked scores were lowered by 5")
    lowered = softmax(np.where(J <= AT, SCORES, SCORES - 25))
    _, sentence = told(text(causal=True), {"weights": lowered.tolist()})
    assert sentence.startswith("masked scores were lowered by 25, as 50 before the scale")


P = softmax(SCORES)
D_P = ARRIVING @ V.mT
SUMS = (P * D_P).sum(axis=-1, keepdims=True)
SAME = AT // 4 == J // 4


def gradients(weights=P, factor=1.0, kept=True):
    d_scores = np.where(kept, weights * (D_P - factor * SUMS), 0)
    return {
        "d_values": np.where(kept, weights, 0).mT @ ARRIVING,
        "d_queries": d_scores @ K / 2,
        "d_keys": d_scores.mT @ Q / 2,
    }


BACK = {
    "the row sum of P ∘ dP was multiplied by 0.5, the scale, or a half": ("row-sum-other", gradients(factor=0.5)),
    "on the way back the weights were recomputed as powers of 2, of score − log-sum-exp": (
        "grad-recomputed",
        gradients(2 ** (SCORES - np.log(np.exp(SCORES).sum(axis=-1, keepdims=True)))),
    ),
    "dV, dQ and dK are sums over queries and keys of the same tile of 4 only": ("grad-of-tiles", gradients(kept=SAME)),
    "dV, dQ and dK are sums over queries and keys of other tiles of 4 only": ("grad-of-tiles", gradients(kept=~SAME)),
}


@pytest.mark.parametrize("words", BACK)
def test_the_way_back_otherwise_is_named(words, search_for):
    slip, wrong = BACK[words]
    search_for(slip)
    found = told(text(d_output=ARRIVING.tolist()), {name: rows.tolist() for name, rows in wrong.items()})
    assert (found[0], found[1].startswith(words)) == (slip, True)


def test_the_gradient_of_another_entry_is_named(search_for):
    search_for("other-entry")
    d_values = P.mT @ ARRIVING[[0, 0]]
    slip, sentence = told(text(d_output=ARRIVING.tolist()), {"d_values": d_values.tolist()})
    assert (slip, sentence) == ("other-entry", "every entry took dO of entry 0: each has its own")


@pytest.mark.parametrize("names", [("output",), ("lse",), ("output", "lse")])
def test_masked_keys_that_count_with_a_score_of_0_are_named(names, search_for):
    search_for("phantom-keys")
    seen = J <= AT
    powers = np.where(seen, np.exp(SCORES), 0)
    total = powers.sum(axis=-1, keepdims=True) + (~seen).sum(axis=-1, keepdims=True)
    wrong = {"output": (powers / total @ V).tolist(), "lse": np.log(total)[..., 0].tolist()}
    slip, sentence = told(text(causal=True), {name: wrong[name] for name in names})
    assert slip == "phantom-keys"
    assert sentence == (
        "the sums of exponentials count each key that the causal mask hides with a score of 0, as where zeros stand in "
        "its place: it has no part in them"
    )
