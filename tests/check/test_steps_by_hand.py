"""Worksheets that go on with the digits of a step that was done wrongly."""

import numpy as np
import pytest
from slip_cases import diagnosis, told
from test_steps import printed

QUERIES = np.array([[2, 0, 1, 1], [0, 1, 2, 1], [1, 1, 0, 2]])
KEYS = np.array([[1, 2, 0, 1], [2, 0, 1, 0], [0, 1, 1, 2]])
VALUES = np.array([[10, 20], [35, 50], [70, -40]])
GIVEN = f"queries: {QUERIES.tolist()}, keys: {KEYS.tolist()}, values: {VALUES.tolist()}"
SCORES = QUERIES @ KEYS.T / 2


def worked(weights, decimals=2, output=None):
    """The scores, the weights rounded, and the output of the rounded weights."""
    weights = np.round(weights, decimals)
    output = weights @ VALUES if output is None else output
    return {"scores": printed(SCORES, decimals), "weights": printed(weights, decimals), "output": printed(output, 2)}


def over(powers, sums=None):
    return powers / (powers.sum(axis=-1, keepdims=True) if sums is None else sums)


def first_only(wrong, right):
    return np.where(np.arange(len(right))[:, None] == 0, wrong, right)


POWERS = np.exp(SCORES)
RIGHT = over(POWERS)
BASE = ": e^score is expected, e = 2.71828"
SUM = ": their own sum is expected"
WORKED = {  # weights: the slip, its sentence
    "powers of ten": (over(10**SCORES), "other-base", f"your weights are of 10^score{BASE}"),
    "2.7 for e": (over(2.7**SCORES), "other-base", f"your weights are of 2.7^score{BASE}"),
    "the other sign": (over(np.exp(-SCORES)), "other-base", "your weights are of e^(−score): e^score is expected"),
    "the sum of the first row": (
        over(POWERS, POWERS[:1].sum(axis=-1)), "other-sum", f"the exponentials were divided by the sum of row 0{SUM}",
    ),
    "the number of keys": (
        over(POWERS, 3), "other-sum", f"the exponentials were divided by their number, 3{SUM}",
    ),
    "the length of a row": (
        over(POWERS, np.linalg.norm(POWERS, axis=-1, keepdims=True)), "other-sum",
        f"the exponentials were divided by the root of the sum of their squares{SUM}",
    ),
    "a sum without the last key": (
        over(POWERS, POWERS[:, :2].sum(axis=-1, keepdims=True)), "other-sum",
        f"the exponentials were divided by their sum without key 2{SUM}",
    ),
    "the largest subtracted above only": (
        np.exp(SCORES - SCORES.max(axis=-1, keepdims=True)) / POWERS.sum(axis=-1, keepdims=True), "other-sum",
        "e^(score − the largest of its row) was divided by the sum of e^score: both have the largest subtracted",
    ),
    "the sum of the scores": (
        over(POWERS, SCORES.sum(axis=-1, keepdims=True)), "other-sum",
        f"the exponentials were divided by the sum of the scores{SUM}",
    ),
    "the sum from the own key on": (
        over(POWERS, POWERS[:, ::-1].cumsum(axis=-1)[:, ::-1]), "moving-reference",
        "each exponential was divided by the sum from its own key on, as a range that moves with the cell: that of its "
        "whole row is expected",
    ),
    "the sum up to the own key": (
        over(POWERS, POWERS.cumsum(axis=-1)), "moving-reference",
        "each exponential was divided by the sum up to its own key, as a range of which one end moves with the cell: "
        "that of its whole row is expected",
    ),
    "the largest from the own key on": (
        over(np.exp(SCORES - np.maximum.accumulate(SCORES[:, ::-1], axis=-1)[:, ::-1])), "moving-reference",
        "from each score the largest from its own key on was subtracted, as a range that moves with the cell: that of "
        "its whole row is expected",
    ),
    "one decimal": (np.round(RIGHT, 1), "rounded-weights", "the weights were rounded to 1 decimal: 3 are printed"),
    "a softmax of columns": (
        over(POWERS, POWERS.sum(axis=0)), "softmax-over-queries",
        "the softmax was taken along the queries, so that each of the 3 columns sums to 1: it goes along the keys, and "
        "each row sums to 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WORKED)
def test_a_slip_is_named_though_the_output_is_of_the_printed_weights(name):
    weights, slip, sentence = WORKED[name]
    assert told(GIVEN, worked(weights, 3)) == (slip, sentence)


def test_a_row_is_wrong_only_if_the_printed_weights_do_not_give_it():
    weights = first_only(over(POWERS, POWERS[:, :2].sum(axis=-1, keepdims=True)), RIGHT)
    total = POWERS[0].sum()
    said = f"one sum: the exponentials of query 0 were divided by 9, and {total:.6g} is their sum"
    assert told(GIVEN, worked(weights))[1].startswith(said.split(" 9,")[0])
    scores = first_only(SCORES * 2, SCORES)
    steps = worked(over(np.exp(scores)))
    assert told(GIVEN, {**steps, "scores": printed(scores, 2)}) == (
        "unscaled",
        "only for query 0: your scores are QKᵀ: divide by √d_k = 2",
    )


def test_the_row_of_the_best_key_is_named_beside_right_weights():
    assert told(GIVEN, worked(RIGHT, 2, VALUES[RIGHT.argmax(axis=-1)])) == (
        "hardmax",
        "your output is the row of V with the largest weight: every row of V counts by its weight",
    )


def test_a_distance_is_named_where_a_product_is_expected():
    lengths = np.linalg.norm(QUERIES[:, None] - KEYS, axis=-1)
    weights = over(np.exp(-lengths))
    assert told(GIVEN, {"weights": printed(weights, 3)}) == (
        "euclidean-distance",
        "your weights are softmax(−‖q − k‖₂), of the Euclidean distance: scaled takes q·k",
    )


def test_errors_in_a_print_of_few_decimals_are_not_lower_precision():
    """The weights are off by less than bfloat16 may be, but they are no numbers of it."""
    weights = RIGHT + 0.003 * np.array([[1, -1, 0], [0, 1, -1], [-1, 0, 1]])
    assert told(GIVEN, {"weights": printed(weights, 4)})[0] != "lower-precision"


def test_a_row_of_v_in_the_place_of_another_is_named():
    assert told(GIVEN, worked(RIGHT, 3, RIGHT @ VALUES[[0, 2, 2]])) == (
        "values-other-order",
        "V was taken with row 2 in the place of row 1: key j has the value in row j",
    )


def test_rows_of_v_that_move_with_the_query_are_named():
    below = np.vstack([VALUES, np.zeros_like(VALUES)])
    output = [weights @ below[query : query + 3] for query, weights in enumerate(RIGHT)]
    assert told(GIVEN, worked(RIGHT, 4, np.array(output))) == (
        "moving-reference",
        "for query i, V was taken from row i on, as a range that moves with the cell: the weight of key j belongs to "
        "row j",
    )


ROOTS = "queries: [[3, 1], [1, -1]], keys: [[-1, -2], [-2, -2], [-2, 2]], values: [[28, 52], [15, 24], [57, 35]]"
PRODUCTS = np.array([[-5, -8, -4], [1, 0, -4]])  # of these queries and keys
STEPS = "the scores, exponentials and weights were rounded to 2 decimals on the way: keep more of their digits"


def by_hand(array, decimals):
    """Rounded, halves away from 0."""
    return np.copysign(np.floor(np.abs(array) * 10**decimals + 0.5), array) / 10**decimals


def output_by_hand(scores, values, decimals=2):
    """The output if every step is rounded before the next one."""
    powers = by_hand(np.exp(by_hand(scores, decimals)), decimals)
    return printed(by_hand(over(powers), decimals) @ values, decimals)


@pytest.mark.parametrize(
    ("scale", "slip", "sentence"),
    [
        (2**-0.5, "rounded-steps", STEPS),
        (
            0.5,
            "scale-dk+rounded-steps",
            f"your output is softmax(QKᵀ/d_k) V: divide by √d_k = 1.4142, not by d_k = 2; and {STEPS}",
        ),
    ],
)
def test_steps_that_were_rounded_to_the_digits_of_the_output_are_reported(scale, slip, sentence):
    output = output_by_hand(PRODUCTS * scale, np.array([[28, 52], [15, 24], [57, 35]]))
    assert told(ROOTS, {"output": output}) == (slip, sentence)


def test_rounded_steps_that_are_rounded_weights_by_themselves_are_reported_beside_another_scale():
    text = "queries: [[0.5, -1], [1.5, 0.25]], keys: [[2, -0.5], [-1, 1], [0.25, 0.75], [1, 1]]"
    text += ", values: [[1, -2, 0], [0.5, 1, 3], [2, 2, -1], [-1, 0, 1]]"
    found = diagnosis(text, {"output": "[[0.87, -1.32, 0.13], [0.63, -1.25, 0.18]]"})
    assert [each.slip for each in found] == ["unscaled+rounded-steps"]


def test_one_cell_that_rounded_steps_put_off_is_not_proof_of_a_wrong_cell():
    text = "queries: [[1, 0, 1], [0, 2, 1]], keys: [[1, 1, 0], [0, 1, 1], [2, 0, 1]], values: [[1, 2], [3, 0], [0, 4]]"
    found = diagnosis(text, {"output": "[[0.76, 2.82], [1.89, 1.28]]"})
    assert [(each.slip, each.also) for each in found] == [
        ("one-cell", ("copied-digit",)),
        ("rounded-weights", ("rounded-steps",)),
    ]


def test_a_factor_that_fits_rounded_steps_is_reported_beside_the_slip_before_them():
    text = "queries: [[-1, 2], [0, 1]], keys: [[0, 1], [-1, -2], [-1, 1]], values: [[2, 5], [-1, 0], [5, -2]]"
    scores = np.array([[2, -3, 3], [1, -2, 1]])
    found = diagnosis(text, {"output": output_by_hand(scores, np.array([[2, 5], [-1, 0], [5, -2]]), 3)})
    assert [each.slip for each in found] == ["scale-other", "unscaled+rounded-weights"]


def test_a_row_of_v_that_is_left_out_of_the_sums_is_named_beside_right_weights():
    weights = RIGHT.round(2)
    said = "row 2 of V was left out of the weighted sums: every row of V counts by its weight"
    assert told(GIVEN, worked(RIGHT, 2, weights[:, :2] @ VALUES[:2])) == ("value-left-out", said)


def test_sums_of_two_queries_that_were_exchanged_are_named():
    sums = POWERS.sum(axis=-1, keepdims=True)[[1, 0, 2]]
    said = f"the sums of the exponentials of queries 0 and 1 were exchanged{SUM}"
    assert told(GIVEN, worked(over(POWERS, sums), 3)) == ("other-sum", said)


def test_exponentials_that_were_not_divided_before_v_are_named_beside_right_weights():
    low, high = sorted(POWERS.sum(axis=-1))[::2]
    slip, said = told(GIVEN, worked(RIGHT, 3, POWERS @ VALUES))
    assert slip == "values-factor"
    assert said == (
        f"each row of your output is the right one times a number of its own, {low:.4g} to {high:.4g}, the sum of its "
        "exponentials, by which these were not divided"
    )
