"""What is said of numbers that are right except for a cell or two, or that nothing can give."""

import numpy as np
import pytest
from slip_cases import FOUR, TWO, diagnosis, named, numbers, problem, told

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix


def printed(text, what, digits=4):
    return [[f"{cell:.{digits}f}" for cell in row] for row in numbers(text, what)]


def given(rows):
    return str(rows).replace("'", "")


RIGHT = printed(TWO, "output")  # 5.0466 7.8832 and so on


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (lambda text: text[:-1] + str((int(text[-1]) + 4) % 10), "one digit is wrong"),
        (lambda text: f"{float(text) * 10:.4f}"[:-1] + "0", "the point is in another place"),
        (lambda text: "9" + text, "one digit is too many"),
        (lambda text: "-" + text, "the sign is wrong"),
    ],
    ids=["a digit", "the point", "one more", "the sign"],
)  # fmt: skip
def test_a_digit_that_was_copied_wrongly_is_reported(change, how):
    rows = [list(row) for row in RIGHT]
    due = rows[1][0]
    rows[1][0] = change(due)
    found = diagnosis(TWO, {"output": given(rows)})
    assert (found[0].slip, found[0].also) == ("one-cell", ("copied-digit",))
    what = f"output at [1, 0], which says {rows[1][0]} and should be {due}: {how}"
    assert found[0].sentence == f"everything is right except {what}"


def test_a_cell_that_holds_in_half_precision_is_not_reported_beside_a_wrong_one():
    """A sum that cancels is off by many times its own size."""
    random = np.random.default_rng(0)
    queries, keys, values = (random.normal(size=(4, 4)).astype(np.float16).astype(float) for _ in range(3))
    weights = np.exp(queries @ keys.T / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    values[:, 0] = (values[:, 0] - weights[0] @ values[:, 0]).astype(np.float16)
    output = (weights.astype(np.float16) @ values).astype(np.float16)
    output[2, 1] += 0.01
    sources = {"queries": queries, "keys": keys, "values": values}
    request = Request(**{name: Matrix(array, name) for name, array in sources.items()})
    found = check(Worksheet(request=request, name="c", where="c", expected={"output": Matrix(output, "output")}))
    (cell,) = found.diagnosis
    assert (cell.slip, cell.sentence.count(" says ")) == ("one-cell", 1)
    assert cell.sentence.startswith("everything is right except output at [2, 1], which says")


def test_a_rounded_step_that_shows_in_one_cell_is_reported_after_the_cell():
    text = TWO.replace("[3, -1]", "[3, 0.5]")
    found = diagnosis(text, {"output": [[3.498, 5.747], [1.389, 2.584]]})
    assert [each.slip for each in found] == ["one-cell", "rounded-scores"]
    assert found[1].sentence == "the scores were rounded to 2 decimals before the softmax"


@pytest.mark.parametrize("what", ["weights", "output"])
def test_a_row_that_follows_from_one_wrong_score_is_explained_by_it(what):
    text = FOUR.replace("values: [[1, 2], [3, 5], [7, 11]]", "values: [[1, 2, 0, 1], [3, 5, 1, 0], [7, 11, 0, 2]]")
    scores = np.array(numbers(text, "scores"))
    right = scores[1, 2]
    scores[1, 2] = 0.5
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    rows = weights if what == "weights" else weights @ [[1, 2, 0, 1], [3, 5, 1, 0], [7, 11, 0, 2]]
    name, sentence = told(text, {what: rows.round(4).tolist()})
    assert name == "one-score"
    assert sentence == (
        f"one score: the row of query 1 is that of 0.5 for key 2, whose exponential is 1.64872; "
        f"{right:.6g} and {np.exp(right):.6g} are right"
    )


def test_a_term_that_was_left_out_is_reported_where_few_digits_show_it():
    text = "queries: [[1], [0], [2]], keys: [[0], [1], [-1], [2]], values: [[1, -2], [3, 0.5], [0.12, 0.6], [2, 1]]"
    rows = printed(text, "output", 3)
    rows[1] = [f"{float(cell) - 0.25 * value:.3f}" for cell, value in zip(rows[1], (0.12, 0.6), strict=True)]
    found = diagnosis(text, {"output": given(rows)})
    assert found[0].slip == "one-term"
    assert found[0].sentence == "one term: for query 1, 0.25 · row 2 of V was left out of the sum"


def test_an_output_of_transposed_weights_is_named():
    square = "queries: [[1, 2], [3, -1]], keys: [[1, 0], [2, 1]], values: [[1, 2], [3, 5]]"
    output = np.array(numbers(square, "weights")).T @ [[1, 2], [3, 5]]
    assert told(square, {"output": output.round(4).tolist()})[0] == "weights-transposed"


def test_an_output_of_weights_times_values_cell_by_cell_is_named_with_its_shape():
    square = "queries: [[1, 2], [3, -1]], keys: [[1, 0], [2, 1]], values: [[1, 2], [3, 5]]"
    output = np.array(numbers(square, "weights")) * [[1, 2], [3, 5]]
    found = diagnosis(square, {"output": output.round(4).tolist()})
    assert found[0].slip == "cell-by-cell"
    assert found[0].sentence == (
        "your output is weights ⊙ V, each weight times the value in its own place (2 × 2 fits both): "
        "weights · V, a sum over the keys, is expected"
    )


def test_two_cells_of_many_are_reported_and_three_are_not():
    rows = printed(FOUR.replace("[3, -1, 1, 1]]", "[3, -1, 1, 1], [1, 1, 1, 1], [2, 0, 0, 1]]"), "weights")
    text = FOUR.replace("[3, -1, 1, 1]]", "[3, -1, 1, 1], [1, 1, 1, 1], [2, 0, 0, 1]]")
    rows[0][0] = "0.9999"
    rows[2][1] = "0.0123"
    assert told(text, {"weights": given(rows)})[0] == "one-cell"
    rows[3][2] = "0.4321"
    assert told(text, {"weights": given(rows)})[0] != "one-cell"


@pytest.mark.parametrize(
    ("expected", "sentence"),
    [
        (
            {"weights": "[[0.5000, 0.2000, 0.2500], [0.1000, 0.2000, 0.6500]]"},
            "the weights of row 0 sum to 0.95: a row of weights sums to 1",
        ),
        (
            {"weights": "[[0.9000, 0.2000, -0.1000], [0.1000, 0.2000, 0.7000]]"},
            "the weight at [0, 2] is -0.1, and no weight is below 0",
        ),
        (
            {"output": "[[2.1234, 4.1234], [6.9876, 11.9876]]"},
            "the output at [1, 1] is 11.9876, outside the range of its column of V, 2 to 11: an average of values "
            "lies between them",
        ),
    ],
    ids=["a sum", "below 0", "out of range"],
)
def test_what_cannot_be_is_proved(expected, sentence):
    assert told(TWO, expected) == ("impossible", sentence)


@pytest.mark.parametrize(
    "setting", ["sink: 1", "sink: -2", "normalizer: sigmoid", "normalizer: tanh", "normalizer: none"]
)
def test_what_weights_of_another_sum_give_is_not_proved_impossible(setting):
    """Rows of any non-negative weights whose sum is below 1 are possible with a sink, and of any sum if the normalizer
    does not share 1."""
    rng = np.random.default_rng(2)
    text = f"{TWO}, {setting}"
    values = np.array([[1, 2], [3, 5], [7, 11]])  # of TWO
    weights = rng.dirichlet(np.ones(len(values) + 1), size=2)[:, :-1]
    for what, rows in (("weights", weights), ("output", weights @ values)):
        expected = given([[f"{cell:.6f}" for cell in row] for row in rows])
        assert "impossible" not in [each.slip for each in diagnosis(text, {what: expected})]


@pytest.mark.parametrize(
    ("setting", "expected", "sentence"),
    [
        (
            "sink: 1",
            {"output": "[[2.1234, 4.1234], [-0.5, 6.9876]]"},
            "the output at [1, 0] is -0.5, outside the range of its column of V, 1 to 7, and 0: with a sink, a "
            "weighted sum of values lies between the least and the largest of these",
        ),
        (
            "sink: 1",
            {"weights": "[[0.5000, 0.2000, 0.3100], [0.1000, 0.2000, 0.3000]]"},
            "the weights of row 0 sum to 1.01: with a sink, a row of weights sums to less than 1",
        ),
        (
            "normalizer: sigmoid",
            {"weights": "[[0.9000, 0.2000, -0.1000], [0.1000, 0.2000, 0.7000]]"},
            "the weight at [0, 2] is -0.1, and no weight is below 0",
        ),
        (
            "dtype: float64",
            {"output": "[[0.5678, 1.1234], [0.9876, 1.9876]]"},
            "the output at [0, 0] is 0.5678, outside the range of its column of V, 1 to 7: an average of values lies "
            "between them. Weights that sum to less than 1, as with a sink, can give such a number",
        ),
    ],
    ids=["an output with a sink", "a sum with a sink", "below 0", "within 0 and V"],
)
def test_proofs_follow_from_the_weights_of_the_problem(setting, expected, sentence):
    assert told(f"{TWO}, {setting}", expected) == ("impossible", sentence)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("factor", [0.35, -0.4, 3.0, 0.123456])
@pytest.mark.parametrize("what", ["scores", "weights", "output", "lse"])
def test_a_factor_on_the_raw_scores_is_fitted(factor, what):
    slip, sentence = told(FOUR, {what: numbers(f"{FOUR}, scale: {factor}", what)})
    assert slip == "scale-other"
    assert sentence == f"the raw scores QKᵀ were multiplied by {factor:g}: divide by √d_k = 2"


@pytest.mark.sampled(5)
@pytest.mark.parametrize("limit", [0.5, 2.5, 50.0, 1.234567])
@pytest.mark.parametrize("what", ["scores", "weights", "lse"])
def test_another_softcap_is_fitted(limit, what):
    slip, sentence = told(f"{FOUR}, softcap: 1.5", {what: numbers(f"{FOUR}, softcap: {limit}", what)})
    assert slip == "softcap-other"
    assert sentence == f"the softcap was {limit:g}: 1.5 is expected"


@pytest.mark.sampled(5)
@pytest.mark.parametrize("factor", [0.5, 3.0, 0.234567])
@pytest.mark.parametrize("what", ["scores", "weights", "output", "lse"])
def test_a_factor_on_the_slopes_of_alibi_is_fitted(factor, what):
    slip, sentence = told(f"{FOUR}, alibi: 0.25", {what: numbers(f"{FOUR}, alibi: {0.25 * factor}", what)})
    assert slip == "alibi-other-slopes"
    named = " (the scale)" if factor == 0.5 else ""
    assert sentence == f"the slopes of ALiBi were {factor:g}{named} times those that are expected"


@pytest.mark.sampled(5)
@pytest.mark.parametrize("sink", [0.5, -1.25, 2.0, 0.123456])
@pytest.mark.parametrize("what", ["weights", "output", "lse"])
@pytest.mark.parametrize("asked", ["", ", sink: 1"], ids=["none", "another"])
def test_another_sink_is_fitted(sink, what, asked):
    queries, keys, values = (
        np.array(rows) for rows in ([[1, 2], [3, -1], [0, 1]], [[1, 0], [0, 1], [-1, 1]], [[1, 2], [3, 5], [7, 11]])
    )
    powers = np.exp(queries @ keys.T / np.sqrt(2))
    total = powers.sum(axis=-1, keepdims=True) + np.exp(sink)
    due = {"weights": powers / total, "output": powers / total @ values, "lse": np.log(total[:, 0])}[what]
    text = TWO.replace("[3, -1]]", "[3, -1], [0, 1]]") + asked
    slip, sentence = told(text, {what: given(np.vectorize(lambda cell: f"{cell:.8f}")(due).tolist())})
    assert slip == "sink-other"
    if asked:
        assert sentence == f"the sink was {sink:g}: e^S joins each row's sum, S = 1"
    else:
        assert sentence == f"a sink of {sink:g} took a part of each row, although none is asked for"


@pytest.mark.parametrize("is_packed", [False, True], ids=["heads apart", "heads packed"])
@pytest.mark.parametrize(
    ("asked", "due"),
    [(None, "none is asked for"), ([1, 0.5], "e^S joins each row's sum, S = 1, 0.5")],
    ids=["none", "others"],
)
@pytest.mark.parametrize("what", ["weights", "output"])
def test_the_sink_of_each_head_is_fitted(what, asked, due, is_packed):
    random = np.random.default_rng(5)
    queries, keys, values = (np.round(random.normal(size=(2, 3, 4)), 1) for _ in range(3))
    powers = np.exp(queries @ np.swapaxes(keys, -1, -2) / 2)
    weights = powers / (powers.sum(axis=-1, keepdims=True) + np.exp([[[0.5]], [[-1.25]]]))

    def laid(array):
        return np.concatenate(list(array), axis=-1) if is_packed else array

    rows = {"weights": weights, "output": laid(weights @ values)}[what]
    given = {"queries": laid(queries), "keys": laid(keys), "values": laid(values)}
    text = ", ".join(f"{name}: {array.tolist()}" for name, array in given.items())
    text += (", heads: 2" if is_packed else "") + ("" if asked is None else f", sink: {asked}")
    slip, sentence = told(text, {what: np.round(rows, 6).tolist()})
    assert slip == "sink-other"
    assert sentence == f"the heads' sinks were 0.5, -1.25: {due}"


def test_the_digits_that_numbers_hold_to_are_reported():
    rows = [[f"{float(cell):.3f}0" for cell in row] for row in printed(FOUR, "weights", 6)]
    rows[0][0] = rows[0][0][:-1] + "1"  # four decimals claimed, three right
    (found,) = check(problem(f"{FOUR}, expected: {{weights: {given(rows)}}}")).checks
    assert (found.verdict, found.note) == ("wrong", "every number holds at 3 decimals: --digits 3")


def test_a_row_whose_exponentials_are_all_rounded_to_0_is_0_or_not_a_number():
    text = "queries: [[1, 0], [90, 90]], keys: [[1, 2], [2, 1]], variant: laplace"
    for lost in ("0.0000, 0.0000", ".nan, .nan"):
        assert "rounded-exponentials" in named(text, {"weights": f"[[0.5000, 0.5000], [{lost}]]"})


def test_rounded_exponentials_do_not_explain_a_query_without_a_key():
    text = f"{TWO}, mask: [[1, 1, 1], [0, 0, 0]]"
    right = numbers(text, "weights")[0]
    found = named(text, {"weights": f"[[{', '.join(f'{cell:.4f}' for cell in right)}], [.nan, .nan, .nan]]"})
    assert "empty-row-nan" in found
    assert "rounded-exponentials" not in found


def test_percentages_are_reported():
    rows = [[f"{100 * cell:.1f}" for cell in row] for row in numbers(TWO, "weights")]
    found = diagnosis(TWO, {"weights": given(rows)})
    assert found[0].sentence == "your weights are percentages, times 100: a row sums to 1"
