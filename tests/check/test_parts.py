"""A slip in the rows of some queries, or in one head or entry, is named with its place."""

import numpy as np
import pytest

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(64)
Q, K, V = (RANDOM.normal(size=(2, 3, 6, 4)) for _ in range(3))
SCORES = Q @ K.swapaxes(-1, -2) / 2


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def with_unscaled(place):
    scores = np.array(SCORES)
    scores[place] *= 2
    return softmax(scores)


UNSCALED = "your {} softmax(QKᵀ){}: divide by √d_k = 2"
PLACES = {
    "one row": ((1, 2, 3), "only in entry 1, head 2 for query 3"),
    "one query of all heads": ((..., 3, slice(None)), "only for query 3"),
    "the last rows": ((..., slice(4, 6), slice(None)), "only for queries 4 to 5"),
    "one head": ((0, 1), "only in entry 0, head 1"),
    "some heads": ((slice(None), [1, 2]), "only in heads 1, 2"),
    "a head of every entry": ((slice(None), 1), "only in head 1"),
    "one entry": ((1,), "only in entry 1"),
    "queries of some heads": ((slice(None), slice(1, 3), slice(4, 6)), "only in heads 1, 2 for queries 4 to 5"),
}


def diagnosis(expected, queries=Q, keys=K, values=V):
    given = {"queries": queries, "keys": keys, "values": values}
    request = Request(**{name: Matrix(array, name) for name, array in given.items()})
    expected = {name: Matrix(array, name) for name, array in expected.items()}
    return check(Worksheet(request=request, name="c", where="c", expected=expected)).diagnosis


@pytest.mark.parametrize(("place", "words"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("is_output", [True, False], ids=["output", "weights and output"])
def test_a_slip_in_a_part_is_named_with_its_place(place, words, is_output):
    weights = with_unscaled(place)
    expected = {"output": weights @ V} if is_output else {"weights": weights, "output": weights @ V}
    first = diagnosis(expected)[0]
    due = UNSCALED.format(*(("output is", " V") if is_output else ("weights are", "")))
    assert (first.slip, first.sentence) == ("unscaled", f"{words}: {due}")


def test_an_entry_without_heads_is_called_an_entry():
    weights = with_unscaled((0, 1))[0]
    first = diagnosis({"output": weights @ V[0]}, Q[0], K[0], V[0])[0]
    assert first.sentence == "only in entry 1: your output is softmax(QKᵀ) V: divide by √d_k = 2"


def test_a_slip_in_queries_that_do_not_stand_together_is_not_looked_for():
    assert diagnosis({"output": with_unscaled((..., [0, 3], slice(None))) @ V}) == ()


def test_few_digits_of_one_row_are_not_evidence(sample):
    for seed in sample(range(30), 10):
        random = np.random.default_rng(seed)
        output = softmax(SCORES[0, 0]) @ V[0, 0, :, :2]
        output[2] += random.normal(size=2)
        text = np.round(output, 1).astype(np.float32)
        found = diagnosis({"output": text}, Q[0, 0], K[0, 0], V[0, 0, :, :2])
        assert not [each.sentence for each in found if each.sentence.startswith("only")]


def test_rows_of_weights_and_output_that_repeat_others_are_reported_once():
    weights = softmax(SCORES)
    weights[..., 5, :] = weights[..., 4, :]
    first = diagnosis({"weights": weights, "output": weights @ V})[0]
    assert first.sentence == "your weights are right except for copies: row 5 holds the numbers of row 4"


@pytest.mark.parametrize(
    ("place", "other", "words"),
    [
        ((1, 2, 3), (1, 2, 2), "row 3 of entry 1, head 2 holds the numbers of row 2 of entry 1, head 2"),
        ((0, 0, 5), (1, 1, 0), "row 5 of entry 0, head 0 holds the numbers of row 0 of entry 1, head 1"),
    ],
)
def test_a_row_of_a_head_that_repeats_another_is_reported_with_both(place, other, words):
    output = softmax(SCORES) @ V
    output[place] = output[other]
    first = diagnosis({"output": output})[0]
    assert (first.slip, first.sentence) == ("other-order", f"your output is right except for copies: {words}")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ((1, 2, 3), " in entry 1, head 2: row 3 is NaN"),
        ((1, 2), " in entry 1, head 2: rows 0, 1, 2, 3, 4, 5 are NaN"),
        ((slice(None), 1, 4), " in 2 of 6 heads: row 4 is NaN"),
        ((..., 4, slice(None)), ": row 4 is NaN"),
    ],
)
def test_rows_without_a_result_are_reported_with_their_head(place, words):
    output = softmax(SCORES) @ V
    output[place] = np.nan
    first = diagnosis({"output": output})[0]
    assert first.sentence == f"your output is right except for rows that hold no result{words}"


def test_one_row_of_another_layout_is_not_a_layout():
    output = softmax(SCORES) @ V
    output[0, 1, 3] = (np.moveaxis(output, 1, 2).reshape(output.shape))[0, 1, 3]  # of another head
    assert [each.slip for each in diagnosis({"output": output})] == ["other-order"]
