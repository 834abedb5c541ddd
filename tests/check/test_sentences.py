"""What a slip is told as: the numbers of one problem, given as those of another."""

import re

import numpy as np
import pytest

from attncli.check import check
from attncli.check.routes import RIGHT, Route
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

TWO = "queries: [[1, 2], [3, -1]], keys: [[1, 0], [0, 1], [-1, 1]], values: [[1, 2], [3, 5], [7, 11]]"
FOUR = (
    "queries: [[1, 2, 0, 1], [3, -1, 1, 1]], keys: [[1, 0, 2, 1], [0, 1, 1, 0], [-1, 1, 0, 1]],"
    "values: [[1, 2], [3, 5], [7, 11]]"
)
TALL = "queries: [[1, 2], [3, -1], [1, 1]], keys: [[1, 0], [0, 1]], values: [[1, 2], [3, 5]]"
SQUARE = "queries: [[1, 2], [3, -1]], keys: [[1, 0], [2, 1]], values: [[1, 2], [3, 5]]"
BATCH = "queries: [[[1, 2], [3, -1]], [[1, 2], [3, -1]]], keys: [[[1, 0], [0, 1]], [[1, 0], [0, 1]]]"


def problem(text):
    return read_problem(f"{{{text}}}", Sources(lambda: None, Reading(keep_text=True)))


def numbers(text, what, route=RIGHT):
    return route.numbers(problem(text).request, [what])[what].tolist()


def diagnosis(text, expected):
    given = ", ".join(f"{what}: {rows}" for what, rows in expected.items())
    return check(problem(f"{text}, expected: {{{given}}}")).diagnosis


def told(text, expected):
    """The first explanation's slip and sentence; two empty words where there is none."""
    found = diagnosis(text, expected)
    return (found[0].slip, found[0].sentence) if found else ("", "")


def named(text, expected):
    """Every slip that explains the numbers."""
    return {name for found in diagnosis(text, expected) for name in (found.slip, *found.also)}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("scores", "your scores are {}"),
        ("weights", "your weights are softmax({})"),
        ("output", "your output is softmax({}) V"),
        ("lse", "your log-sum-exps are log Σ exp({})"),
    ],
)
def test_the_formula_is_that_of_the_wrong_matrix(what, words):
    unscaled = numbers(f"{TWO}, variant: dot", what)
    assert told(TWO, {what: unscaled}) == ("unscaled", f"{words.format('QKᵀ')}: divide by √d_k = 1.4142")
    unscaled = numbers(f"{TWO}, variant: laplace", what)
    due = "multiply the raw scores by 0.5 (1/2)"
    assert told(f"{TWO}, variant: laplace, length_scale: 2", {what: unscaled}) == (
        "unscaled",
        f"{words.format('−‖q − k‖₁')}: {due}",
    )


def test_of_several_wrong_matrices_the_one_nearest_to_the_inputs_is_told():
    swapped = f"queries: {[[1, 0], [2, 1]]}, keys: {[[1, 2], [3, -1]]}, values: [[1, 2], [3, 5]]"
    expected = {what: numbers(swapped, what) for what in ("raw_scores", "weights", "output")}
    assert told(SQUARE, expected) == (
        "queries-keys-swapped",
        "your raw scores are those of the keys asking the queries, softmax(KQᵀ): expected a row per query, of QKᵀ",
    )


HEADS = f"{FOUR}, heads: 2"


@pytest.mark.parametrize(
    ("right", "wrong", "slip", "sentence"),
    [
        pytest.param(FOUR, "variant: dot", "unscaled", "softmax(QKᵀ): divide by √d_k = 2", id="a whole root"),
        pytest.param(
            f"{FOUR}, scale: 1/dk", "variant: dot", "unscaled", "softmax(QKᵀ): divide by d_k = 4", id="by d_k"
        ),
        pytest.param(
            f"{FOUR}, scale: 0.3", "variant: dot", "unscaled", "softmax(QKᵀ): multiply the raw scores by 0.3", id="0.3"
        ),
        pytest.param(
            f"{TWO}, variant: dot",
            "variant: scaled",
            "scale-sqrt-dk",
            "softmax(QKᵀ/√d_k): the raw scores are not to be scaled",
            id="by the root; expected nothing",
        ),
        pytest.param(
            f"{TWO}, variant: dot",
            "scale: 1/dk",
            "scale-dk",
            "softmax(QKᵀ/d_k): the raw scores are not to be scaled",
            id="by d_k; expected nothing",
        ),
        pytest.param(
            f"{FOUR}, scale: 0.3",
            "variant: scaled",
            "scale-sqrt-dk",
            "softmax(QKᵀ/√d_k): multiply the raw scores by 0.3; dividing by √d_k = 2 multiplies them by 0.5",
            id="by the root for a number",
        ),
        pytest.param(
            TWO,
            "scale: 1/dk",
            "scale-dk",
            "softmax(QKᵀ/d_k): divide by √d_k = 1.4142, not by d_k = 2",
            id="by d_k for its root",
        ),
        pytest.param(
            f"{FOUR}, variant: gaussian, length_scale: 2",
            "variant: gaussian, scale: 0.5",
            "scale-sqrt-dk",
            "softmax((−‖q − k‖₂² / 2) / √d_k): multiply the raw scores by 0.25 (1/2²); dividing by √d_k = 2 "
            "multiplies them by 0.5",
            id="of a formula",
        ),
        pytest.param(
            HEADS,
            "heads: 2, scale: 0.5",
            "scale-sqrt-dk",
            "softmax(QKᵀ/√4): divide by √d_k = 1.4142, not by the root of all heads' 4 columns",
            id="by the root of all heads",
        ),
        pytest.param(
            HEADS,
            "heads: 2, scale: 0.25",
            "scale-dk",
            "softmax(QKᵀ/4): divide by √d_k = 1.4142, not by all heads' 4 columns",
            id="by the columns of all heads",
        ),
    ],
)
def test_a_wrong_scale_is_told_with_the_one_that_is_due(right, wrong, slip, sentence):
    base = next(text for text in (FOUR, TWO) if right.startswith(text))
    weights = numbers(f"{base}, {wrong}", "weights")
    assert told(right, {"weights": weights}) == (slip, sentence and f"your weights are {sentence}")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("variant: gaussian, length_scale: 2", "ℓ = d_k = 4 was taken: ℓ is 2 here"),
        ("variant: gaussian", "ℓ = d_k = 4 was taken: ℓ is 1 here"),
    ],
    ids=["a length that was given", "the default"],
)
def test_a_length_of_d_k_is_told(given, sentence):
    weights = numbers(f"{FOUR}, variant: gaussian, length_scale: 4", "weights")
    assert told(f"{FOUR}, {given}", {"weights": weights}) == ("length-scale-dk", sentence)


MASK = "mask: [[1, 0, 1], [1, 1, 0]]"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (MASK, "the mask was left out: 2 of the 6 scores are masked"),
        ("causal: true", "the causal mask was left out: 3 of the 6 scores are masked"),
        ("window: [1, 0]", "the window was left out: 3 of the 6 scores are masked"),
        ("window: [0, -1]", "the window was left out: 1 of the 6 scores is masked"),
        ("key_lengths: 2", "the mask of the key lengths was left out: 2 of the 6 scores are masked"),
        ("bias: [[0, -inf, 0], [0, 0, 0]]", "the mask was left out: 1 of the 6 scores is masked"),
        (f"{MASK}, window: [-1, -1]", "the mask was left out: 2 of the 6 scores are masked"),
        (f"{MASK}, causal: true", "the mask and the causal mask were left out: 3 of the 6 scores are masked"),
    ],
)
def test_the_mask_that_was_left_out_is_named(given, words):
    assert told(f"{TWO}, {given}", {"weights": numbers(TWO, "weights")}) == ("no-mask", words)


def test_the_masked_scores_are_those_of_the_whole_batch():
    mask = "mask: [[[1, 0], [1, 1]], [[1, 0], [1, 0]]]"
    words = "the mask was left out: 3 of the 8 scores are masked"
    assert told(f"{BATCH}, {mask}", {"weights": numbers(BATCH, "weights")}) == ("no-mask", words)


@pytest.mark.parametrize(
    ("base", "right", "place"),
    [
        (TWO, "top-left", "query i stands at key i, where 2 queries meet 3 keys"),
        (TWO, "bottom-right", "query i stands at key i + 1, where 2 queries meet 3 keys"),
        (TALL, "bottom-right", "query i stands at key i − 1, where 3 queries meet 2 keys"),
    ],
)
def test_the_right_corner_is_told(base, right, place):
    other = "top-left" if right == "bottom-right" else "bottom-right"
    weights = numbers(f"{base}, causal: true, align: {other}", "weights")
    sentence = f"the mask was aligned to the other corner: {place}"
    assert told(f"{base}, causal: true, align: {right}", {"weights": weights}) == ("other-corner", sentence)


WIDE = "queries: [[1, 2], [3, -1], [1, 1]], keys: [[1, 0], [0, 1], [-1, 1], [2, 1]]"
CHOSEN = "mask: [[0, 1, 1, 0], [1, 0, 0, 1], [0, 1, 1, 1]]"
FORBIDDEN = "bias: [[-inf, 0.5, 0, -inf], [1, -inf, -inf, 0], [-inf, 0, -inf, 1]]"
SEEN = "mask: [[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 1]]"
THREE = f"causal: true, query_offset: 1, key_lengths: 3, {SEEN}"
ALLOWED = "bias: [[0, 0.5, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]"


@pytest.mark.parametrize(
    ("right", "wrong", "slip"),
    [
        pytest.param(f"causal: true, {CHOSEN}", "causal: true", "no-mask", id="causal alone"),
        pytest.param(f"causal: true, {CHOSEN}", CHOSEN, "no-mask", id="the mask alone"),
        pytest.param("causal: true, key_lengths: 2", "causal: true", "no-mask", id="causal without lengths"),
        pytest.param("causal: true, key_lengths: 2", "key_lengths: 2", "no-mask", id="lengths alone"),
        pytest.param(f"causal: true, {FORBIDDEN}", f"causal: true, {ALLOWED}", "no-mask", id="a bias that hides none"),
        pytest.param(THREE, "causal: true, query_offset: 1, key_lengths: 3", "no-mask", id="the mask of three kinds"),
        pytest.param(THREE, f"key_lengths: 3, {SEEN}", "no-mask", id="causal of three kinds"),
        pytest.param(THREE, f"causal: true, query_offset: 1, {SEEN}", "no-mask", id="lengths of three kinds"),
        pytest.param(THREE, "variant: scaled", "no-mask", id="three kinds"),
        pytest.param(FORBIDDEN, ALLOWED, "no-mask", id="a bias alone that hides none"),
        pytest.param(
            CHOSEN, "mask: [[1, 0, 0, 1], [0, 1, 1, 0], [1, 0, 0, 0]]", "mask-inverted", id="the mask inverted"
        ),
        pytest.param(
            f"causal: true, {CHOSEN}",
            "mask: [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]]",
            "mask-inverted",
            id="the mask inverted and causal",
        ),
        pytest.param(
            f"causal: true, {CHOSEN}",
            "mask: [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1]]",
            "mask-inverted",
            id="the mask and what comes later",
        ),
        pytest.param(
            f"causal: true, {CHOSEN}",
            "mask: [[1, 1, 1, 1], [0, 1, 1, 1], [1, 0, 0, 1]]",
            "mask-inverted",
            id="the mask and causal inverted",
        ),
        pytest.param(
            f"causal: true, {FORBIDDEN}",
            f"{ALLOWED}, mask: [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0]]",
            "mask-inverted",
            id="a bias inverted and causal",
        ),
        pytest.param(
            "mask: [[1, 1, 0, 1], [1, 1, 1, 1], [1, 0, 1, 1]], bias: [[0, 0, 2, -inf], [1, -inf, 0, 0], [0, 0, 2, 0]]",
            "mask: [[0, 0, 1, 1], [0, 1, 0, 0], [0, 1, 0, 0]], bias: [[0, 0, 2, 0], [1, 0, 0, 0], [0, 0, 2, 0]]",
            "mask-inverted",
            id="a mask and a bias inverted",
        ),
        pytest.param(
            "causal: true", "mask: [[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]", "mask-inverted", id="what comes later"
        ),
        pytest.param(
            "causal: true", "mask: [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1]]", "mask-inverted", id="looking ahead"
        ),
        pytest.param("window: [2, 0]", "window: [0, 2]", "mask-inverted", id="a window from left to right"),
        pytest.param("causal: true", "causal: true, query_offset: 1", "other-corner", id="the last query at the end"),
        pytest.param(
            "causal: true, query_offset: 2", "causal: true", "other-corner", id="the first query at the beginning"
        ),
        pytest.param(
            "causal: true, key_lengths: 2",
            "causal: true, key_lengths: 2, align: bottom-right",
            "other-corner",
            id="the last query at the end of the length",
        ),
        pytest.param(
            "causal: true, key_lengths: 3",
            "causal: true, key_lengths: 3, query_offset: 1",
            "other-corner",
            id="the last query at the end of all keys",
        ),
    ],
)
def test_what_a_query_attended_to_is_told(right, wrong, slip):
    weights = numbers(f"{WIDE}, {wrong}", "weights")
    assert told(f"{WIDE}, {right}", {"weights": weights})[0] == slip


@pytest.mark.parametrize("row", ["[0.000, 0.000]", "[0.500, 0.500]", "[nan, nan]"])
@pytest.mark.parametrize(("left", "right"), [("", ""), ("[", "]")], ids=["alone", "in a batch"])
def test_a_query_that_a_slip_leaves_without_a_key_has_any_row_that_systems_give_it(row, left, right):
    queries, keys = "[[1, 2], [3, -1], [1, 1]]", "[[1, 0], [0, 1]]"
    text = f"queries: {left}{queries}{right}, keys: {left}{keys}{right}, causal: true"
    other, inverted = f"[{row}, [1.000, 0.000], [0.500, 0.500]]", f"[[0.000, 1.000], {row}, {row}]"
    assert told(text, {"weights": f"{left}{other}{right}"})[0] == "other-corner"
    assert told(text, {"weights": f"{left}{inverted}{right}"})[0] == "mask-inverted"


@pytest.mark.parametrize(
    ("given", "row", "missing"),
    [
        ("", "[0.000, 0.000, 0.000, 0.000]", "mask-inverted"),
        (CHOSEN, "[0.000, 0.000, 0.000, 0.000]", "mask-inverted"),
        ("causal: true", "[0.000, 0.000, 0.000, 0.000]", "mask-inverted"),
        ("key_lengths: 0", "[nan, nan, nan, nan]", "other-corner"),
        ("window: [1, 1], key_lengths: 0", "[nan, nan, nan, nan]", "mask-inverted"),
        ("causal: true, query_offset: -3, key_lengths: 0", "[nan, nan, nan, nan]", "other-corner"),
    ],
)
def test_a_row_without_a_key_is_not_told_of_a_mask_that_hides_the_same(given, row, missing):
    names = named(f"{WIDE}, {given}" if given else WIDE, {"weights": f"[{row}, {row}, {row}]"})
    assert missing not in names


@pytest.mark.parametrize(
    ("given", "score"),
    [
        ("variant: dot", "QKᵀ"),
        ("variant: scaled", "QKᵀ/√d_k"),
        ("scale: 0.3", "QKᵀ · 0.3"),
        ("variant: laplace", "−‖q − k‖₁"),
        ("variant: laplace, length_scale: 2", "−‖q − k‖₁ · 0.5"),
    ],
)
def test_scores_used_as_weights_are_told_with_their_scale(given, score):
    scores = numbers(f"{TWO}, {given}", "scores")
    sentence = f"the scores {score} were used as weights: take their softmax along the keys"
    assert told(f"{TWO}, {given}", {"weights": scores}) == ("no-softmax", sentence)


@pytest.mark.parametrize(
    ("route", "slip", "sentence"),
    [
        (
            Route(softmax="queries"),
            "softmax-over-queries",
            "the softmax was taken along the queries, so that each of the 3 columns sums to 1: it goes along the keys, "
            "and each row sums to 1",
        ),
        (
            Route(softmax="all"),
            "softmax-over-all",
            "one softmax was taken over all 2 × 3 scores: each row of weights sums to 1 by itself",
        ),
        (
            Route(scale_after=True),
            "scale-after-softmax",
            "the softmax was taken first, and its weights were multiplied by 0.707107: divide by √d_k = 1.4142",
        ),
    ],
)
def test_another_softmax_is_told(route, slip, sentence):
    assert told(TWO, {"weights": numbers(TWO, "weights", route)}) == (slip, sentence)


@pytest.mark.parametrize("hidden", [0.0, float("nan")], ids=["nothing", "0/0"])
def test_along_the_queries_a_key_that_none_may_attend_to_gets_nothing_or_no_number(hidden):
    weights = [[0.1956, hidden, 0.9717], [0.8044, hidden, 0.0283]]
    assert told(f"{TWO}, mask: [1, 0, 1]", {"weights": weights})[0] == "softmax-over-queries"


def test_weights_that_were_scaled_are_found_beside_a_row_of_nan():
    right = f"{TWO}, mask: [[0, 0, 0], [1, 1, 1]], mask_means: keep, as: torch-mha"
    weights = [[float("nan")] * 3, [0.6938, 0.0127, 0.0006]]
    assert told(right, {"weights": weights})[0] == "scale-after-softmax"


@pytest.mark.parametrize(
    ("right", "wrong", "what", "slip", "sentence"),
    [
        pytest.param(
            SQUARE,
            SQUARE.replace("[[1, 0], [2, 1]]", "[[1, 2], [0, 1]]"),
            "weights",
            "keys-transposed",
            "the keys were taken by column, QK for QKᵀ (2 × 2 fits both ways): a key is a row",
            id="keys by column",
        ),
        pytest.param(
            SQUARE,
            SQUARE.replace("[[1, 2], [3, 5]]", "[[1, 3], [2, 5]]"),
            "output",
            "values-transposed",
            "the values were taken by column, weights · Vᵀ (2 × 2 fits both ways): a value is a row",
            id="values by column",
        ),
        pytest.param(
            f"{TWO}, variant: laplace",
            f"{TWO}, variant: gaussian, scale: 2",
            "weights",
            "squared-distance",
            "your weights are softmax(−‖q − k‖₂²), of the squared distance: laplace takes −‖q − k‖₁",
            id="another distance",
        ),
        pytest.param(
            TWO,
            f"{TWO}, variant: cosine",
            "weights",
            "variant-cosine",
            "your weights are those of the variant cosine, q·k / (‖q‖‖k‖) (--variant cosine), not of scaled",
            id="another variant",
        ),
        pytest.param(
            f"{TWO}, {MASK}",
            f"{TWO}, variant: dot",
            "weights",
            "unscaled+no-mask",
            "your weights are softmax(QKᵀ): divide by √d_k = 1.4142; and the mask was left out: 2 of the 6 scores are "
            "masked",
            id="two slips together",
        ),
        pytest.param(
            f"{TWO}, variant: laplace, length_scale: 2",
            f"{TWO}, variant: dot",
            "weights",
            "variant-dot",
            "your weights are those of the variant dot, q·k (--variant dot), not of laplace",
            id="a variant that has no length",
        ),
        pytest.param(
            f"{TWO}, scale: 0.3",
            f"{TWO}, variant: laplace, scale: 0.3",
            "weights",
            "variant-laplace",
            "your weights are those of the variant laplace, −‖q − k‖₁ (--variant laplace), not of scaled, with the "
            "scale 0.3 that is given",
            id="a variant with the scale that was given",
        ),
        pytest.param(
            TWO,
            f"{TWO}, variant: gaussian, scale: 1/dk",
            "weights",
            "scale-dk+variant-gaussian",
            "your weights are softmax(QKᵀ/d_k): divide by √d_k = 1.4142, not by d_k = 2; and your weights are those of "
            "the variant gaussian, −‖q − k‖₂² / 2 (--variant gaussian), not of scaled",
            id="a scale on another variant",
        ),
        pytest.param(
            SQUARE,
            "queries: [[1, 2], [0, 1]], keys: [[1, 2], [3, -1]]",
            "weights",
            "queries-keys-swapped+keys-transposed",
            "your weights are those of the keys asking the queries, softmax(KQᵀ): expected a row per query, of QKᵀ; "
            "and "
            "the keys were taken by column, QK for QKᵀ (2 × 2 fits both ways): a key is a row",
            id="keys by column asking the queries",
        ),
    ],
)
def test_what_was_done_with_the_matrices_is_told(right, wrong, what, slip, sentence):
    assert told(right, {what: numbers(wrong, what)}) == (slip, sentence)


COLUMNS = "[[1, 0, 2, 1], [0, 1, 1, 0], [-1, 1, 0, 1], [2, 0, 1, 3]]"
TURNED = "[[1, 0, -1, 2], [0, 1, 1, 0], [2, 1, 0, 1], [1, 0, 1, 3]]"


@pytest.mark.parametrize(
    ("given", "what", "slip", "sentence"),
    [
        (
            "heads: 2, keys",
            "weights",
            "keys-transposed",
            "the keys were taken by column, QK for QKᵀ (4 × 4 fits both ways): a key is a row",
        ),
        (
            "heads: 2, keys: [[1, 0, 0, 1], [0, 1, 1, 0], [2, 1, 0, 0], [1, 1, 0, 2]], values",
            "output",
            "values-transposed",
            "the values were taken by column, weights · Vᵀ (4 × 4 fits both ways): a value is a row",
        ),
    ],
    ids=["keys", "values"],
)
def test_columns_that_were_taken_before_they_were_split_into_heads_are_told(given, what, slip, sentence):
    text = f"queries: [[1, 2, 0, 1], [3, -1, 1, 1]], {given}"
    assert told(f"{text}: {COLUMNS}", {what: numbers(f"{text}: {TURNED}", what)}) == (slip, sentence)


def test_keys_that_ask_the_queries_that_share_them_are_told():
    first, second, third, fourth = "[[1, 2], [3, -1]]", "[[1, 0], [2, 1]]", "[[0, 1], [1, 1]]", "[[2, 0], [-1, 1]]"
    queries, keys = f"[{first}, {second}, {second}, {third}]", f"[{third}, {fourth}]"
    each = f"[{third}, {third}, {fourth}, {fourth}]"
    output = numbers(f"queries: {each}, keys: {queries}, values: {each}", "output")
    assert told(f"queries: {queries}, keys: {keys}, values: {keys}", {"output": output})[0] == "queries-keys-swapped"
    weights = numbers(f"queries: {each}, keys: {queries}", "weights")
    assert told(f"queries: {queries}, keys: {keys}", {"weights": weights})[0] == "queries-keys-swapped"


DISTANCES = np.array([[4, 2, 5], [5, 13, 20]]) ** 0.5  # of TWO


@pytest.mark.parametrize(
    ("given", "scores", "slip"),
    [
        ("variant: laplace, length_scale: 3", -(DISTANCES**2) / 3, "squared-distance"),
        ("variant: laplace, length_scale: 3", -(DISTANCES**2) / 9, "squared-distance"),
        ("variant: gaussian, length_scale: 3", -(DISTANCES**2) / 9, "squared-distance"),
        ("variant: gaussian, scale: 0.3", -(DISTANCES**2) * 0.3, "squared-distance"),
        ("variant: laplace, length_scale: 3", -DISTANCES / 3, "euclidean-distance"),
        ("variant: gaussian, length_scale: 3", -DISTANCES / 9, "euclidean-distance"),
        ("variant: gaussian, length_scale: 3", -DISTANCES / 3, "euclidean-distance"),
        ("variant: laplace, length_scale: 3", -DISTANCES / 9, ""),
        ("variant: laplace, length_scale: 3", -(DISTANCES**2), "unscaled+squared-distance"),
        ("variant: scaled", -(DISTANCES**2) / 2**0.5, ""),
    ],
)
def test_another_distance_has_the_scale_as_it_is_or_that_of_its_own_length(given, scores, slip):
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert told(f"{TWO}, {given}", {"weights": weights.tolist()})[0] == slip


@pytest.mark.parametrize("decimals", [1, 2, 3, 4, 5])
def test_weights_rounded_to_at_most_four_decimals_are_told(decimals):
    output = np.round(numbers(TWO, "weights"), decimals) @ [[1, 2], [3, 5], [7, 11]]
    places = "1 decimal" if decimals == 1 else f"{decimals} decimals"
    sentence = f"your output is the weights, rounded to {places} first, times V: multiply V by the weights in full"
    slip = ("rounded-weights", sentence) if decimals <= 4 else ("", "")
    assert told(TWO, {"output": output.tolist()}) == slip


def test_an_output_of_the_weights_as_they_are_printed_is_told():
    weights = np.floor(np.array(numbers(TWO, "weights")) * 100) / 100
    output = [[f"{cell:.4f}" for cell in row] for row in weights @ [[1, 2], [3, 5], [7, 11]]]
    sentence = "your output is the weights as they are printed times V: multiply V by the weights in full"
    expected = {"weights": weights.tolist(), "output": str(output).replace("'", "")}
    assert told(TWO, expected) == ("rounded-weights", sentence)  # four decimals from two


SWAPPED = "queries: [[1, 0], [0, 1], [-1, 1]], keys: [[1, 2], [3, -1]]"


@pytest.mark.parametrize("given", [MASK, "bias: [[0, 1, 2], [0, 0, 0]]", "key_lengths: 3", "causal: true"])
def test_a_swap_leaves_out_what_does_not_fit_as_many_queries(given):
    weights = numbers(f"{SWAPPED}, causal: true" if given == "causal: true" else SWAPPED, "weights")
    assert told(f"{TWO}, {given}", {"weights": weights})[0] == "queries-keys-swapped"


def test_as_many_numbers_as_the_keys_would_ask_for_are_those_of_a_swap_in_full_too():
    weights = numbers(SWAPPED, "weights")
    assert told(TWO, {"weights": weights})[0] == "queries-keys-swapped"
    (found,) = diagnosis(TWO, {"weights": weights, "output": [[1, 2], [3, 4]]})
    assert (found.slip, found.explains) == ("queries-keys-swapped", ("weights",))  # of the first wrong step alone


@pytest.mark.parametrize(
    ("right", "wrong", "found", "missing"),
    [
        ("variant: laplace, scale: 0.3", "variant: laplace", "unscaled", "variant-laplace"),
        ("variant: scaled", "scale: 1/dk", "scale-dk", "length-scale-dk"),
        ("as: torch, causal: true, align: bottom-right", "causal: true", "other-corner", "as-torch"),
    ],
    ids=["the variant itself", "a length that there is not", "the system itself"],
)
def test_what_the_problem_says_itself_is_no_slip(right, wrong, found, missing):
    names = named(f"{TWO}, {right}", {"weights": numbers(f"{TWO}, {wrong}", "weights")})
    assert found in names
    assert missing not in names


@pytest.mark.parametrize("variant", ["dot", "scaled"], ids=["with the variant that was given", "with its own"])
def test_another_system_is_told_whichever_of_its_conventions_were_taken(variant):
    weights = numbers(f"{TWO}, variant: {variant}, causal: true, align: bottom-right", "weights")
    assert "as-flash-attn" in named(f"{TWO}, variant: dot, causal: true, align: top-left", {"weights": weights})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "queries: [[1, 2]], keys: [[1, 0], [0, 1]], values: [[1, 2], [3, 5]]",
            {"weights": [[0.3, 0.4]], "output": [[1.3, 9.2]]},
            id="both of weights and output",
        ),
        pytest.param(
            "queries: [[1, 2]], keys: [[1, 0], [0, 1]], values: [1, 3], heads: 1",
            {"output": [[9.2]]},
            id="values of one axis",
        ),
        pytest.param(
            "x: [[1, 2], [3, 4]], w_q: [[1, 0], [0, 1]], w_k: [[1, 0], [2, 1]], w_v: [[1, 0], [1, 1]], heads: 2",
            {"output": [[9.2, 1.3], [5.7, -1.1]]},
            id="heads of projections",
        ),
        pytest.param(
            f"{TWO}, variant: laplace, length_scale: 1e-200",
            {"weights": [[0.3, 0.4, 9.1], [0.7, 0.7, 0.7]]},
            id="a length whose square is none",
        ),
        pytest.param(
            f"{TWO}, variant: laplace, length_scale: 1e-300",
            {"scores": [[0.30000000000000004] * 3] * 2},
            id="scores near the end of the range",
        ),
        pytest.param(
            "x: [[1, 2], [3, 4]], w_q: [[1], [1]], w_k: [[1], [0]], w_v: [[1, 0], [1, 1]], w_o: [[1, 0], [1, 0]]",
            {"weights": "[[.inf, 0], [0.5, 0.5]]", "output": [[9.2, 1.3], [5.7, -1.1]]},
            id="infinite weights before a projection",
        ),
        pytest.param(f"{TWO}, {MASK}", {"weights": [[0.3, 0.4, 9.1], [0.7, 0.7, 0.7]]}, id="masked"),
        pytest.param(f"{TWO}, {MASK}", {"weights": [[0.3, 0.4], [0.7, 0.7], [9.1, 0.7]]}, id="masked, by column"),
        pytest.param(TWO, {"weights": [0.3, 0.4, 0.9], "output": [[9.2, 1.3], [5.7, -1.1]]}, id="fewer weights"),
    ],
)
def test_numbers_that_come_from_nowhere_are_no_slip(text, expected):
    assert told(text, expected)[0] in ("", "impossible")


@pytest.mark.parametrize("hidden", ["0.0000", "-.inf", "-1000000000.0000"])
def test_scores_used_as_weights_are_found_with_any_number_where_they_are_masked(hidden):
    weights = f"[[0.7071, {hidden}, 0.7071], [2.1213, -0.7071, {hidden}]]"
    assert told(f"{TWO}, {MASK}", {"weights": weights})[0] == "no-softmax"


def test_masked_scores_used_as_weights_are_found_in_full_too():
    text = "queries: [[0.3], [0.7]], keys: [[1.1], [0.6]], values: [[1], [-1]], variant: laplace, causal: true"
    expected = {what: numbers(text, what, Route(softmax="none")) for what in ("raw_scores", "weights", "output")}
    assert told(text, expected)[0] == "no-softmax"


@pytest.mark.parametrize(("decimals", "slip"), [(3, ""), (4, "unscaled+no-mask")], ids=["three digits", "four digits"])
def test_two_slips_are_believed_where_they_change_four_digits(decimals, slip):
    values = "[[101, 0, 0, 0, 0], [103, 0, 0, 0, 0], [107, 0, 0, 0, 0]]"
    problem = f"queries: [[1, 2]], keys: [[1, 0], [0, 1], [-1, 1]], values: {values}"
    ((wrong, *_),) = numbers(f"{problem}, variant: dot", "output")
    assert wrong == pytest.approx(103.424, abs=0.001)
    assert numbers(f"{problem}, mask: [1, 1, 0]", "output")[0][0] == pytest.approx(102.340, abs=0.001)
    assert told(f"{problem}, mask: [1, 1, 0]", {"output": f"[[{wrong:.{decimals}f}, 0, 0, 0, 0]]"})[0] == slip


@pytest.mark.parametrize(("rtol", "slips"), [(0.05, ["unscaled"]), (0.02, [])])
def test_a_slip_reproduces_numbers_within_the_tolerance_that_was_given(rtol, slips):
    rough = [[cell * 1.03 for cell in row] for row in numbers(f"{TWO}, variant: dot", "output")]
    found = check(problem(f"{TWO}, expected: {{output: {rough}}}"), rtol=rtol)
    assert (found.verdict, [each.slip for each in found.diagnosis]) == ("wrong", slips)


ROUNDED = {"weigh": lambda weights: weights.round(2)}


@pytest.mark.parametrize(
    ("right", "wrong", "route", "what", "slips"),
    [
        (TWO, TWO, Route(softmax="queries", **ROUNDED), "output", "softmax-over-queries+rounded-weights"),
        (TWO, TWO, Route(scale_after=True, **ROUNDED), "output", "scale-after-softmax+rounded-weights"),
        (f"{TWO}, {MASK}", TWO, Route(scale_after=True), "weights", "scale-after-softmax+no-mask"),
        (f"{TWO}, {MASK}", TWO, Route(softmax="queries"), "weights", "softmax-over-queries+no-mask"),
        (
            f"{TWO}, {MASK}",
            f"{TWO}, {MASK}, variant: dot",
            Route(softmax="none", unseen=-np.inf),
            "weights",
            "unscaled+no-softmax",
        ),
        (
            TWO,
            "queries: [[1, 0], [0, 1], [-1, 1]], keys: [[1, 2], [3, -1]], variant: dot",
            RIGHT,
            "weights",
            "unscaled+queries-keys-swapped",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "+" in value else "",
)
def test_two_slips_are_found_together(right, wrong, route, what, slips):
    found = check(problem(f"{right}, expected: {{{what}: {numbers(wrong, what, route)}}}")).diagnosis
    assert [each.slip for each in found] == [slips]


def test_other_names_of_two_slips_are_told_too():
    turned = numbers("queries: [[1, 0], [0, 1], [-1, 1]], keys: [[1, 2], [3, -1]], variant: dot", "weights")
    (found,) = diagnosis(TWO, {"weights": turned})
    assert found.also == ("variant-dot+queries-keys-swapped", "as-keras-attention+queries-keys-swapped")


def test_slips_that_give_the_same_nan_are_one():
    wrong = [[float("nan")] * 3, [0, 1, 0]]  # the first query may attend to all keys
    (found,) = check(problem(f"{TWO}, mask: [[1, 1, 1], [1, 0, 1]], expected: {{weights: {wrong}}}")).diagnosis
    assert (found.slip, found.also) == ("mask-inverted", ("as-torch-mha",))


def test_a_slip_is_named_once_and_what_it_shares_numbers_with_in_another_way_too():
    problem_of = "queries: [[0], [0]], keys: [[0], [0], [0], [0]], values: [[6], [0], [12], [-6.4]]"
    wrong = "output: [[6], [3]]"  # top left gives 6, 3, and bottom right 6, 2.9
    found = check(problem(f"{problem_of}, causal: true, query_offset: 1, expected: {{{wrong}}}")).diagnosis
    assert [each.slip for each in found] == ["other-corner", "as-flash-attn"]
    assert found[0].also[:2] == ("as-torch", "as-torch-mha")
    assert found[1].also == ("as-transformers", "as-mlx", "as-x-transformers", "one-ahead")


@pytest.mark.parametrize("slip", ["unscaled", "no-softmax"])
def test_a_slip_of_a_float32_computation_is_found(slip):
    queries, keys = np.array([[1.3, 2.1], [3.7, -1.9]]), np.array([[1.1, 0.3], [0.7, 1.9], [-1.3, 1.7]])
    scores = queries.astype(np.float32) @ keys.astype(np.float32).T
    scores[0, 2] = -np.inf
    powers = np.exp(scores)
    weights = scores / np.sqrt(np.float32(2)) if slip == "no-softmax" else powers / powers.sum(axis=1, keepdims=True)
    said = "[" + ", ".join("[" + ", ".join(f"{cell:.9g}" for cell in row) + "]" for row in weights) + "]"
    problem = f"queries: {queries.tolist()}, keys: {keys.tolist()}, mask: [[1, 1, 0], [1, 1, 1]]"
    assert told(problem, {"weights": said})[0] == slip


@pytest.mark.parametrize(
    ("text", "weights", "slip"),
    [
        pytest.param(
            "queries: [[0.1, 0.2, -0.3]], keys: [[1, 1, 1], [1, 0, 0]], variant: dot",
            [[2.7755575615628914e-17, 0.1]],  # the first added up in another order
            "no-softmax",
            id="a score that cancels",
        ),
        pytest.param(
            "queries: [[0.1], [0.4]], keys: [[1], [2]], mask: [1, 0], variant: dot",
            [[0.4255574831883414, float("nan")], [0.5744425168116590, float("nan")]],  # a few ulps off
            "softmax-over-queries",
            id="beside nan",
        ),
    ],
)
def test_a_slip_of_a_float64_computation_is_found(text, weights, slip):
    assert told(text, {"weights": weights})[0] == slip


@pytest.mark.parametrize("scale", ["0.25", "0.5", "2"])
@pytest.mark.parametrize("slip", ["scale-sqrt-dk", "scale-dk"])
def test_a_sentence_on_the_scale_has_the_numbers_of_both(scale, slip):
    divisor = "sqrt(dk)" if slip == "scale-sqrt-dk" else "dk"
    found, said = told(f"{FOUR}, scale: {scale}", {"weights": numbers(f"{FOUR}, scale: 1/{divisor}", "weights")})
    if found == slip:
        due, by, times = map(
            float, re.search(r"scores by ([\d.]+); dividing by \S+ = ([\d.]+).* by ([\d.]+)$", said).groups()
        )
        assert due == float(scale)
        assert by * times == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("given", ["variant: gaussian, length_scale: 2", "variant: laplace, length_scale: 3"])
@pytest.mark.parametrize(("power", "sign"), [(1, "−‖q − k‖₂"), (2, "−‖q − k‖₂²")])
@pytest.mark.parametrize("factor", [1 / 2, 1 / 3, 1 / 4, 1 / 9])
def test_a_sentence_on_a_distance_has_the_scale_that_was_taken(given, power, sign, factor):
    scores = -(DISTANCES**power) * factor
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    slip, said = told(f"{TWO}, {given}", {"weights": weights.tolist()})
    if slip in ("squared-distance", "euclidean-distance"):
        formula, taken = re.search(r"softmax\((\S+ − \S+?) · ([\d.]+)\)", said).groups()
        assert formula == sign
        assert float(taken) == pytest.approx(factor, rel=1e-5)


def test_another_variant_with_the_problem_s_scale_is_a_pair():
    right, wrong = f"{FOUR}", f"{FOUR}, variant: laplace, scale: 1/sqrt(dk)"
    slip, said = told(right, {"weights": numbers(wrong, "weights")})
    assert slip in ("variant-laplace+scale-sqrt-dk", "scale-sqrt-dk+variant-laplace")
    assert "the scale was the right one, 1/√d_k" in said


def test_zeros_are_explained_by_nothing():
    assert told(f"{TWO}, {MASK}", {"weights": "[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]"}) == ("", "")
