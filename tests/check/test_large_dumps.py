"""Dumps of some thousand numbers: what is fitted to them, and what is tried on some rows first."""

import numpy as np
import pytest
from slip_cases import in_turns

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(33)
B, H, N, M, D = 2, 2, 40, 48, 16
Q, K, V = (RANDOM.normal(size=(B, H, rows, D)) for rows in (N, M, M))
P = 0.25
KEPT = RANDOM.random((B, H, N, M)) > P
SCORES = Q @ K.mT / D**0.5


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def told(expected, dtype=np.float32, **settings):
    """The first explanation's slip and sentence; two empty words where there is none."""
    given = Request(queries=Matrix(Q, "q"), keys=Matrix(K, "k"), values=Matrix(V, "v"), **settings)
    dumps = {name: Matrix(array.astype(dtype), name) for name, array in expected.items()}
    found = check(Worksheet(request=given, name="case", where="case", expected=dumps)).diagnosis
    return (found[0].slip, found[0].sentence) if found else ("", "")


DROP = {"dropout": P, "dropout_mask": Matrix(KEPT.astype(float), "mask")}


@pytest.mark.parametrize(("divisor", "dtype"), in_turns((1 - P, 1.0)))
def test_dropout_of_the_scores_is_named_by_its_output(divisor, dtype):
    slip, sentence = told({"output": softmax(SCORES * KEPT / divisor) @ V}, dtype, **DROP)
    assert (slip, "before the softmax" in sentence) == ("dropout-other", True)


def test_another_mask_may_drop_more_weights_than_a_float_counts_choices_of():
    other = RANDOM.random((B, H, N, M)) > P
    moved = int((other != KEPT).sum())
    assert moved > np.finfo(float).maxexp
    slip, sentence = told({"weights": softmax(SCORES) * other / (1 - P)}, **DROP)
    assert slip == "dropout-other"
    assert f"{moved} of {KEPT.size} are dropped in place of kept" in sentence


@pytest.mark.parametrize(("name", "dtype"), in_turns(("entry", "head")))
def test_copies_of_entries_and_heads_of_many_rows_are_named(name, dtype):
    output = softmax(SCORES) @ V
    output = np.repeat(output[:1], B, axis=0) if name == "entry" else np.repeat(output[:, 1:], H, axis=1)
    place, own = (1, 0) if name == "entry" else (0, 1)
    says = f"your output is right except for copies: {name} {place} holds the numbers of {name} {own}"
    assert told({"output": output}, dtype) == ("other-order", says)
