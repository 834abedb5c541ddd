"""Numbers that several slips explain get the name of what is done most often, and noise gets none."""

import numpy as np
import pytest
from slip_cases import FOUR, diagnosis, told

from attncli.check import check
from attncli.check.tolerance.narrow import rounded
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(8)


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_noise_that_a_wide_tolerance_lets_pass_beside_a_slip_is_not_that_slip():
    random = np.random.default_rng(3)
    q, k, v, grad = (random.normal(size=(rows, 8)).astype(np.float16) for rows in (40, 24, 24, 40))
    wide_q, wide_k, wide_v, wide_grad = (each.astype(float) for each in (q, k, v, grad))
    weights = softmax(wide_q @ wide_k.T / 8**0.5)
    d_weights = wide_grad @ wide_v.T
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
    d_keys = np.zeros(k.shape)
    for query, row in zip(wide_q, d_scores, strict=True):
        d_keys = rounded(d_keys + row[:, None] * query / 8**0.5, "bfloat16")
    given = {"queries": q, "keys": k, "values": v, "d_output": grad}
    request = Request(**{name: Matrix(array, name) for name, array in given.items()})
    expected = {"d_keys": Matrix(d_keys.astype(np.float16), "d_keys")}
    report = check(Worksheet(request=request, name="case", where="case", expected=expected))
    assert (report.verdict, report.diagnosis) == ("wrong", ())


def arrays(*shape):
    return np.round(RANDOM.normal(size=shape), 2)


Q, K, V = arrays(3, 4), arrays(5, 4), arrays(5, 4)
GIVEN = f"queries: {Q.tolist()}, keys: {K.tolist()}, values: {V.tolist()}"


@pytest.mark.parametrize(("own", "other"), [("l2", "rms"), ("rms", "l2")])
def test_the_other_norm_comes_before_the_scale_that_it_amounts_to(own, other):
    mean = {"l2": np.sum, "rms": np.mean}[other]
    q, k = (rows / np.sqrt(mean(rows**2, axis=-1, keepdims=True)) for rows in (Q, K))
    slip, sentence = told(f"{GIVEN}, qk_norm: {own}", {"output": (softmax(q @ k.T / 2) @ V).tolist()})
    assert slip == "qk-norm-other"
    assert sentence == f"the rows of Q and K were normalized by {other}: {own} is expected"


def test_the_longest_key_length_for_all_comes_before_whole_pages():
    q, k, v = (np.stack([each, arrays(*each.shape)]) for each in (Q, K, V))
    seen = np.arange(5) < 4
    output = softmax(np.where(seen, q @ k.mT / 2, -np.inf)) @ v
    text = f"queries: {q.tolist()}, keys: {k.tolist()}, values: {v.tolist()}, key_lengths: [4, 3]"
    found = diagnosis(text, {"output": output.tolist()})[0]
    assert (found.slip, found.sentence) == (
        "other-entry",
        "every entry took the longest of the key lengths, 4: 4, 3 are expected",
    )


@pytest.mark.parametrize(("d_k", "padded"), [(5, 8), (12, 16), (20, 24), (40, 64)])
def test_the_root_of_padded_columns_is_named(d_k, padded):
    q, k = arrays(3, d_k), arrays(4, d_k)
    text = f"queries: {q.tolist()}, keys: {k.tolist()}"
    slip, sentence = told(text, {"weights": softmax(q @ k.T / padded**0.5).tolist()})
    assert (slip, f"1/√{padded}, of {d_k} columns padded to {padded}" in sentence) == ("scale-other", True)


@pytest.mark.parametrize("factor", [-1.0, 0.5])
def test_a_factor_of_gradients_of_few_digits_is_the_short_one(factor):
    grad = arrays(2, 2)
    q, k = (
        np.array(each, float) for each in ([[1, 2, 0, 1], [3, -1, 1, 1]], [[1, 0, 2, 1], [0, 1, 1, 0], [-1, 1, 0, 1]])
    )
    weights = softmax(q @ k.T / 2)
    d_values = np.round(factor * weights.T @ grad, 3)
    slip, sentence = told(f"{FOUR}, d_output: {grad.tolist()}", {"d_values": d_values.tolist()})
    assert (slip, f"dV was multiplied by {factor:g} (" in sentence) == ("grad-factor", True)


H, N, M = 4, 6, 8
HQ, HK = arrays(H, N, 4), arrays(H, M, 4)
SINKS = [0.5, -0.3, 1.1, 0.2]
HEADS = f"queries: {HQ.tolist()}, keys: {HK.tolist()}"
SCORES = HQ @ HK.mT / 2
LARGEST = SCORES.max(axis=-1)
SUMS = np.exp(SCORES - LARGEST[..., None]).sum(axis=-1)
LSE = LARGEST + np.log(SUMS)


def lse(*keys):
    return np.log(np.exp(SCORES[..., slice(*keys)]).sum(axis=-1))


HALVES = np.stack([lse(0, M // 2), lse(M // 2, M)])
OF_HALVES = "of 2 pieces of the 8 keys: log Σ exp of them is expected"
LSES = {
    "of the first half": ("", lse(0, 4), "keys-left-out", "keys 4 to 7 of 8 were left out, as if no query saw them"),
    "of all but the last key": ("", lse(0, 7), "keys-left-out", "key 7 of 8 was left out, as if no query saw it"),
    "the largest": ("", HALVES.max(axis=0), "lse-other", f"your log-sum-exps are the largest of those {OF_HALVES}"),
    "added": ("", HALVES.sum(axis=0), "lse-other", f"your log-sum-exps are the sums of those {OF_HALVES}"),
    "merged by powers of 2": (
        "",
        np.log2((2**HALVES).sum(axis=0)),
        "lse-other",
        f"your log-sum-exps are log₂ Σ 2^ of those {OF_HALVES}",
    ),
    "scaled": (
        "",
        LSE / 2,
        "lse-other",
        "your log-sum-exps are the right ones times the scale 0.5: they are of scaled scores already",
    ),
    "of a sink that is not shifted": (
        f"sink: {SINKS}",
        LARGEST + np.log(SUMS + np.exp(SINKS)[:, None]),
        "lse-other",
        "your log-sum-exps are the largest score + log(Σ exp(score − largest) + e^S): e^(S − largest) joins that sum",
    ),
    "of two heads exchanged": (
        "",
        LSE[[0, 2, 1, 3]],
        "other-order",
        "your log-sum-exps are right except for the order: heads 1 and 2 were exchanged",
    ),
}


@pytest.mark.parametrize("name", LSES)
def test_log_sum_exps_by_themselves_are_named(name, search_for):
    settings, wrong, slip, sentence = LSES[name]
    search_for(slip)
    text = ", ".join(filter(None, (HEADS, settings)))
    assert told(text, {"lse": wrong.tolist()}) == (slip, sentence)


def test_heads_that_were_read_from_other_memory_are_named_by_weights():
    q, k = (np.moveaxis(each, 0, 1).reshape(each.shape) for each in (HQ, HK))
    slip, sentence = told(HEADS, {"weights": softmax(q @ k.mT / 2).tolist()})
    assert (slip, sentence) == (
        "other-layout",
        "Q and K, in memory (…, n, heads, d), were read as (…, heads, n, d), which mixes heads and positions",
    )
