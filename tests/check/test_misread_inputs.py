"""An entry that was copied wrongly, exponentials that overflow, and columns that are not written are named."""

import numpy as np
import pytest
from slip_cases import told

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

Q = np.array([[1.0, 2, 1], [3, -1, 2], [-2, 1, 1]])
K = np.array([[1.0, 1, 2], [2, 1, -1], [-1, 1, 1], [1, -2, 1]])
V = np.array([[1.0, 2], [3, 5], [7, 11], [2, 4]])
TEXT = f"queries: {Q.tolist()}, keys: {K.tolist()}, values: {V.tolist()}"


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def steps(queries=Q, keys=K, values=V, seen=True):
    scores = np.where(seen, queries @ keys.T / np.sqrt(3), -np.inf)
    weights = softmax(scores)
    return {"scores": scores, "weights": weights, "output": weights @ values}


def with_entry(matrix, at, value):
    changed = np.array(matrix)
    changed[at] = value
    return changed


def printed(steps, *names, decimals=4):
    return {name: steps[name].round(decimals).tolist() for name in names}


MISREAD = {
    "a sign of Q": (steps(queries=with_entry(Q, (1, 1), 1)), "Q at [1, 1] was taken as 1: it is -1"),
    "an entry of K": (steps(keys=with_entry(K, (0, 2), 1)), "K at [0, 2] was taken as 1: it is 2"),
    "an entry of V": (steps(values=with_entry(V, (2, 1), 17)), "V at [2, 1] was taken as 17: it is 11"),
}


@pytest.mark.parametrize("names", [("weights", "output"), ("scores", "weights", "output")])
@pytest.mark.parametrize(("wrong", "sentence"), MISREAD.values(), ids=MISREAD)
def test_an_entry_that_was_misread_is_named(wrong, sentence, names):
    assert told(TEXT, printed(wrong, *names)) == ("entry-misread", sentence)


def test_an_entry_of_values_is_found_from_the_output():
    wrong = steps(values=with_entry(V, (2, 1), 17))
    assert told(TEXT, printed(wrong, "output")) == ("entry-misread", "V at [2, 1] was taken as 17: it is 11")


def test_an_entry_of_values_may_have_more_decimals():
    wrong = steps(values=with_entry(V, (2, 1), 16.25))
    assert told(TEXT, printed(wrong, "output")) == ("entry-misread", "V at [2, 1] was taken as 16.25: it is 11")


def test_an_entry_of_queries_is_found_where_most_of_its_output_is_in_one_column():
    wrong = steps(queries=with_entry(Q, (2, 1), 0))
    assert told(TEXT, printed(wrong, "output")) == ("entry-misread", "Q at [2, 1] was taken as 0: it is 1")


def test_an_entry_is_misread_behind_a_causal_mask_too():
    wrong = steps(queries=with_entry(Q, (2, 0), 2), seen=np.tri(3, 4) > 0)
    sentence = "Q at [2, 0] was taken as 2: it is -2"
    assert told(f"{TEXT}, causal: true", printed(wrong, "weights", "output")) == ("entry-misread", sentence)


def test_random_numbers_are_not_a_misread_entry(sample):
    for seed in sample(range(20), 10):
        weights = softmax(np.random.default_rng(seed).normal(size=(3, 4)))
        wrong = {"weights": weights.round(4).tolist(), "output": (weights @ V).round(4).tolist()}
        assert told(TEXT, wrong)[0] != "entry-misread"


def test_a_row_that_is_off_at_random_is_not_a_misread_entry(sample):
    for seed in sample(range(20), 10):
        scores = Q @ K.T / np.sqrt(3)
        scores[seed % 3] += np.random.default_rng(seed).normal(size=4)
        weights = softmax(scores)
        wrong = {"weights": weights.round(3).tolist(), "output": (weights @ V).round(3).tolist()}
        assert told(TEXT, wrong)[0] != "entry-misread"


RANDOM = np.random.default_rng(76)
LOUD = {name: RANDOM.normal(size=(2, 12, width)) for name, width in (("queries", 8), ("keys", 8), ("values", 20))}
LOUD["queries"] *= 6
SCORES = LOUD["queries"] @ LOUD["keys"].swapaxes(-1, -2) / np.sqrt(8)


def diagnosis(output):
    given = {name: Matrix(array, name) for name, array in LOUD.items()}
    expected = {"output": Matrix(output, "output")}
    return check(Worksheet(request=Request(**given), name="c", where="c", expected=expected)).diagnosis


def test_exponentials_that_overflow_are_named():
    with np.errstate(all="ignore"):
        powers = np.exp(SCORES).astype(np.float16).astype(np.float32)
        output = (powers @ LOUD["values"] / powers.sum(axis=-1, keepdims=True)).astype(np.float16)
    rows = int((SCORES.max(axis=-1) > np.log(65520)).sum())
    output[SCORES.max(axis=-1) <= np.log(65520)] = (softmax(SCORES) @ LOUD["values"])[
        SCORES.max(axis=-1) <= np.log(65520)
    ]
    first = diagnosis(output)[0]
    assert (first.slip, first.sentence) == (
        "exp-overflow",
        f"e^score overflowed float16 in {rows} rows, whose sums are beyond its largest number, 65504: the largest "
        "score of a row is subtracted first",
    )


def test_nan_where_nothing_overflows_is_not_an_overflow():
    output = softmax(SCORES) @ LOUD["values"]
    output[0, SCORES[0].max(axis=-1).argmin()] = np.nan
    assert diagnosis(output)[0].slip == "rows-empty"


def test_columns_behind_a_tile_that_hold_no_result_are_named():
    output = softmax(SCORES) @ LOUD["values"]
    output[..., 16:] = 0
    first = diagnosis(output)[0]
    assert (first.slip, first.sentence) == (
        "rows-empty",
        "your output is right except for columns that hold no result: columns 16, 17, 18, 19 are 0",
    )
