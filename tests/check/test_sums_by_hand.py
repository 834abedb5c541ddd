"""What people do with V in place of the weighted sum, and with scores in place of the softmax, beside right steps."""

import numpy as np
import pytest
from slip_cases import diagnosis, named, told
from test_steps import printed

QUERIES = np.array([[2, 0, 1, 1], [0, 1, -2, 1], [1, 1, 0, 2]])
KEYS = np.array([[1, 2, 0, 1], [2, 0, 1, 0], [0, 1, 1, 2]])
VALUES = np.array([[1.5, 2, -1], [3.5, 5, 0.5], [7, -4, 2]])
GIVEN = f"queries: {QUERIES.tolist()}, keys: {KEYS.tolist()}, values: {VALUES.tolist()}"
RAW = QUERIES @ KEYS.T
SCORES = RAW / 2
WEIGHTS = np.exp(SCORES) / np.exp(SCORES).sum(axis=-1, keepdims=True)
STEPS = {"raw_scores": RAW.tolist(), "scores": printed(SCORES, 4), "weights": printed(WEIGHTS, 4)}
LARGEST = np.arange(3) == WEIGHTS.argmax(axis=-1)[:, None]
COUNTS = "every row of V counts by its weight"
DUE = "weights · V, a sum over the keys, is expected"

OUTPUTS = {
    "the sum of the rows": (
        np.tile(VALUES.sum(axis=0), (3, 1)), "values-not-weighted",
        f"your output is the sum of the rows of V, without the weights: {COUNTS}",
    ),
    "the mean of the rows": (
        np.tile(VALUES.mean(axis=0), (3, 1)), "values-not-weighted",
        f"your output is the mean of the rows of V, without the weights: {COUNTS}",
    ),
    "the largest term": (
        np.where(LARGEST, WEIGHTS, 0) @ VALUES, "terms-not-added",
        f"your output is the term of the largest weight alone, weight · value: {DUE}",
    ),
    "the own term": (
        np.diag(WEIGHTS)[:, None] * VALUES, "terms-not-added",
        f"your output is the term of the query's own key alone, weight · value: {DUE}",
    ),
    "weights along the columns": (
        np.stack([(row * VALUES).sum(axis=0) for row in WEIGHTS]), "terms-not-added",
        f"each column of V was multiplied by the weight with its number, and the columns were added up: {DUE}",
    ),
    "a sum along the other axis": (
        np.stack([(row[:, None] * VALUES).sum(axis=1) for row in WEIGHTS]), "terms-not-added",
        f"each row of V was multiplied by its weight, and its own columns were added up, not the rows: {DUE}",
    ),
    "raw scores for weights": (
        RAW @ VALUES, "no-softmax", "your output is QKᵀ · V, of the raw scores: V is multiplied by the weights",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_stands_for_the_weighted_sum_is_named_beside_right_weights(name):
    output, slip, sentence = OUTPUTS[name]
    assert told(GIVEN, {**STEPS, "output": printed(output, 4)}) == (slip, sentence)


@pytest.mark.parametrize("name", ["the sum of the rows", "the largest term", "weights along the columns"])
def test_it_is_named_of_an_output_alone(name):
    output, slip, _ = OUTPUTS[name]
    assert slip in named(GIVEN, {"output": printed(output, 4)})


def test_a_sum_of_the_rows_that_the_query_sees_is_told_from_that_of_all():
    output = VALUES.cumsum(axis=0)
    assert told(f"{GIVEN}, causal: true", {"output": printed(output, 2)}) == (
        "values-not-weighted",
        f"your output is the sum of the rows of V that the query sees, without the weights: {COUNTS}",
    )


def standard(scores, taken):
    return (scores - scores.mean(axis=-1, keepdims=True)) / scores.std(axis=-1, keepdims=True, ddof=taken)


def softmax(scores):
    powers = np.exp(scores)
    return powers / powers.sum(axis=-1, keepdims=True)


RANGES = {
    "(score − mean) / standard deviation, of the scores of its row,": standard(SCORES, 0),
    "(score − mean) / standard deviation of a sample, of the scores of its row,": standard(SCORES, 1),
    "(score − least) / (largest − least), of the scores of its row,": (
        (SCORES - SCORES.min(axis=-1, keepdims=True)) / np.ptp(SCORES, axis=-1, keepdims=True)
    ),
    "score / largest, of the sizes of the scores of its row,": SCORES / np.abs(SCORES).max(axis=-1, keepdims=True),
}
AS_THEY_ARE = "the softmax of the scores as they are is expected"


@pytest.mark.parametrize("words", RANGES)
@pytest.mark.parametrize("is_last", [True, False], ids=["as weights", "before the softmax"])
def test_scores_of_one_range_are_named(words, is_last):
    weights = RANGES[words] if is_last else softmax(RANGES[words])
    role = "was taken as the weight" if is_last else "entered the softmax"
    expected = {**STEPS, "weights": printed(weights, 4), "output": printed(weights @ VALUES, 4)}
    assert told(GIVEN, expected) == ("scores-standardized", f"{words} {role}: {AS_THEY_ARE}")


def test_the_score_to_the_power_of_e_is_no_power_of_e():
    given = f"queries: {np.abs(QUERIES).tolist()}, keys: {KEYS.tolist()}, values: {VALUES.tolist()}"
    powers = (np.abs(QUERIES) @ KEYS.T / 2) ** np.e
    weights = powers / powers.sum(axis=-1, keepdims=True)
    slip, sentence = told(given, {"weights": printed(weights, 4)})
    assert slip == "no-exponential"
    assert sentence.startswith("score^e, the score to the power of e, over the sum of these was taken as the weight")


def test_raw_scores_without_their_signs_are_named_with_what_follows():
    raw = np.abs(RAW)
    weights = softmax(raw / 2)
    expected = {"raw_scores": raw.tolist(), "scores": printed(raw / 2, 4), "weights": printed(weights, 4)}
    assert told(GIVEN, expected)[0] == "absolute-scores"


ROW = "queries: [[1.0, 0.5]], keys: [[1.4, 0.6], [0.1, 0.2], [0.7, 0.2]], values: [[0.9, 0.1], [0.2, 0.8], [0.5, 0.1]]"
OWN = np.array([[1.7, 0.2, 0.8]])
OF_ROW = softmax(OWN / np.sqrt(2))


@pytest.mark.parametrize(
    ("raw", "output", "told_of"),
    [
        ([[1.7, 0.2, 1.1]], None, "raw_scores at [0, 2], which says 1.1 and should be 0.8"),
        ([[1.7, 0.2, 0.8]], [[0.6579, 0.3292]], "output at [0, 1], which says 0.3292 and should be 0.2292"),
    ],
)
def test_one_wrong_cell_of_a_single_query_is_named_beside_right_ones(raw, output, told_of):
    weights = softmax(np.array(raw) / np.sqrt(2))
    values = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.1]])
    steps = {"raw_scores": raw, "weights": printed(weights, 4)}
    slip, sentence = told(ROW, {**steps, "output": printed(weights @ values, 4) if output is None else output})
    assert slip == "one-cell"
    assert told_of in sentence
    assert diagnosis(ROW, {**steps, "output": printed(weights @ values, 4) if output is None else output})[
        0
    ].may_be_chance


def test_a_row_whose_rest_sums_to_1_was_not_thinned_by_dropout():
    left = softmax(SCORES[:1, :2])
    row = f"queries: {QUERIES[:1].tolist()}, keys: {KEYS.tolist()}, values: {VALUES.tolist()}"
    weights = np.pad(left, ((0, 0), (0, 1)))
    expected = {"weights": printed(weights, 4), "output": printed(weights @ VALUES, 4)}
    assert told(row, expected) == ("keys-left-out", "key 2 of 3 was left out, as if no query saw it")
    assert "dropout-live" not in named(row, expected)
    assert "dropout-live" not in named(row, {"output": expected["output"]})


def test_two_fitted_factors_do_not_explain_an_output_beside_right_weights():
    output = WEIGHTS**2 @ VALUES + 0.3
    assert "scale-other" not in named(GIVEN, {**STEPS, "output": printed(output[:, ::-1], 4)})


@pytest.mark.parametrize("decimals", [1, 2, 3])
def test_an_output_of_the_printed_weights_is_no_wrong_cell(decimals):
    """The output shows one decimal more than the weights, and few of its numbers differ from the right ones."""
    weights = np.round(softmax(OWN / np.sqrt(2)), decimals)
    values = np.eye(3)
    row = ROW.partition("values")[0] + f"values: {values.tolist()}"
    steps = {"weights": printed(weights, decimals), "output": printed(weights @ values, decimals + 1)}
    said = "your output is the weights as they are printed times V: multiply V by the weights in full"
    assert told(row, steps) == ("rounded-weights", said)
