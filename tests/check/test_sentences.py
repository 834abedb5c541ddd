"""What a slip is told as: the numbers of one problem, given as those of another."""

import numpy as np
import pytest
from slip_cases import BATCH, DISTANCES, FOUR, HEADS, MASK, SQUARE, TALL, TWO, diagnosis, named, numbers, told

from attncli.check.routes import Route


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


def test_of_several_wrong_matrices_the_one_nearest_to_the_inputs_is_reported():
    swapped = f"queries: {[[1, 0], [2, 1]]}, keys: {[[1, 2], [3, -1]]}, values: [[1, 2], [3, 5]]"
    expected = {what: numbers(swapped, what) for what in ("raw_scores", "weights", "output")}
    assert told(SQUARE, expected) == (
        "queries-keys-swapped",
        "your raw scores are those of keys that attend to the queries, KQᵀ: expected a row per query, of QKᵀ",
    )


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
def test_a_wrong_scale_is_reported_with_the_one_that_is_expected(right, wrong, slip, sentence):
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
def test_a_length_of_d_k_is_reported(given, sentence):
    weights = numbers(f"{FOUR}, variant: gaussian, length_scale: 4", "weights")
    assert told(f"{FOUR}, {given}", {"weights": weights}) == ("length-scale-dk", sentence)


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
def test_the_right_corner_is_reported(base, right, place):
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
def test_what_a_query_attended_to_is_reported(right, wrong, slip):
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
def test_a_row_without_a_key_does_not_name_a_mask_that_hides_the_same(given, row, missing):
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
def test_scores_used_as_weights_are_reported_with_their_scale(given, score):
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
def test_another_softmax_is_reported(route, slip, sentence):
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
            "your weights are those of keys that attend to the queries, softmax(KQᵀ): expected a row per query, of QKᵀ"
            "; and "
            "the keys were taken by column, QK for QKᵀ (2 × 2 fits both ways): a key is a row",
            id="keys by column asking the queries",
        ),
    ],
)
def test_what_was_done_with_the_matrices_is_reported(right, wrong, what, slip, sentence):
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
def test_columns_that_were_taken_before_they_were_split_into_heads_are_reported(given, what, slip, sentence):
    text = f"queries: [[1, 2, 0, 1], [3, -1, 1, 1]], {given}"
    assert told(f"{text}: {COLUMNS}", {what: numbers(f"{text}: {TURNED}", what)}) == (slip, sentence)


def test_keys_that_ask_the_queries_that_share_them_are_reported():
    first, second, third, fourth = "[[1, 2], [3, -1]]", "[[1, 0], [2, 1]]", "[[0, 1], [1, 1]]", "[[2, 0], [-1, 1]]"
    queries, keys = f"[{first}, {second}, {second}, {third}]", f"[{third}, {fourth}]"
    each = f"[{third}, {third}, {fourth}, {fourth}]"
    output = numbers(f"queries: {each}, keys: {queries}, values: {each}", "output")
    assert told(f"queries: {queries}, keys: {keys}, values: {keys}", {"output": output})[0] == "queries-keys-swapped"
    weights = numbers(f"queries: {each}, keys: {queries}", "weights")
    assert told(f"queries: {queries}, keys: {keys}", {"weights": weights})[0] == "queries-keys-swapped"


@pytest.mark.sampled(3)
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
        ("variant: scaled", -(DISTANCES**2) / 2**0.5, "squared-distance"),
        ("variant: scaled", -DISTANCES, "euclidean-distance"),
        ("variant: cosine", -DISTANCES, ""),
    ],
)
def test_another_distance_has_the_scale_as_it_is_or_that_of_its_own_length(given, scores, slip):
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert told(f"{TWO}, {given}", {"weights": weights.tolist()})[0] == slip


@pytest.mark.parametrize("decimals", [1, 2, 3, 4, 5])
def test_weights_rounded_to_at_most_four_decimals_are_reported(decimals):
    output = np.round(numbers(TWO, "weights"), decimals) @ [[1, 2], [3, 5], [7, 11]]
    places = "1 decimal" if decimals == 1 else f"{decimals} decimals"
    sentence = f"your output is the weights, rounded to {places} first, times V: multiply V by the weights in full"
    slip = ("rounded-weights", sentence) if decimals <= 4 else ("", "")
    assert told(TWO, {"output": output.tolist()}) == slip


@pytest.mark.parametrize("decimals", [1, 2, 3, 4])
def test_weights_cut_off_after_some_decimals_are_reported(decimals):
    cut = np.floor(np.array(numbers(TWO, "weights")) * 10**decimals) / 10**decimals
    places = "1 decimal" if decimals == 1 else f"{decimals} decimals"
    sentence = f"your output is the weights, cut off after {places} first, times V: multiply V by the weights in full"
    assert told(TWO, {"output": (cut @ [[1, 2], [3, 5], [7, 11]]).tolist()}) == ("rounded-weights", sentence)


def test_weights_rounded_so_that_each_row_sums_to_1_are_reported():
    text = "queries: [[1, 0, 2], [2, 2, 2], [2, 1, 3]], keys: [[0, 1, 1], [4, 4, 0], [2, 3, 1]]"
    text += ", values: [[1, 2, 3], [2, 8, 0], [2, 6, 3]], scale: 1"
    weights = np.array(numbers(text, "weights"))
    assert np.round(weights, 1).sum(axis=1) == pytest.approx([1.1, 1, 1])
    kept = [[0, 0.5, 0.5], [0, 1, 0], [0, 0.9, 0.1]]  # 0.06, 0.47 and 0.47: the largest remainders are rounded up
    sentence = "your output is the weights, rounded to 1 decimal so that each row keeps its sum first, times V"
    output = np.array(kept) @ [[1, 2, 3], [2, 8, 0], [2, 6, 3]]
    printed = [[f"{cell:.3f}" for cell in row] for row in output]
    assert told(text, {"output": str(printed).replace("'", "")}) == (
        "rounded-weights",
        f"{sentence}: multiply V by the weights in full",
    )


def test_an_output_of_the_weights_as_they_are_printed_is_reported():
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


def test_a_row_that_is_right_is_not_a_copy_of_one_with_the_same_numbers():
    """The scores of queries 0 and 2 differ by 1 everywhere, so that their weights are the same but for our rounding."""
    text = "queries: [[1, 2], [2, 0], [1, 1]], keys: [[0, 1], [1, 1], [2, 1]]"
    rows = [[0.1400, 0.2840, 0.5760]] * 3
    assert told(text, {"weights": rows}) == (
        "other-order",
        "your weights are right except for copies: row 1 holds the numbers of row 0",
    )
