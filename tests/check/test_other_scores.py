"""Scores that slips put in the place of the right ones have gradients of their own."""

import numpy as np
import pytest
from slip_cases import MASK, TWO, numbers, problem, told

from attncli.check.slips.distances import EUCLIDEAN, SQUARED
from attncli.check.slips.hand_steps import SIGNED
from attncli.check.slips.norms import OVER_KEY, OVER_QUERY

STEP = 2.0**-20


def slope(loss, rows):
    """Return the derivative of a number by each entry of rows, by a difference quotient."""
    found = np.zeros(rows.shape)
    for at in np.ndindex(rows.shape):
        step = np.zeros(rows.shape)
        step[at] = STEP
        found[at] = (loss(rows + step) - loss(rows - step)) / (2 * STEP)
    return found


@pytest.mark.parametrize("variant", [SQUARED, EUCLIDEAN, SIGNED, OVER_KEY, OVER_QUERY], ids=lambda each: each.name)
def test_the_gradients_of_another_score_are_its_derivatives(variant):
    random = np.random.default_rng(4)
    queries, keys, d_scores = (random.normal(size=shape) for shape in ((2, 3, 4), (2, 5, 4), (2, 3, 5)))
    d_queries, d_keys = variant.backward(queries, keys, d_scores)
    loss = lambda q, k: (d_scores * variant.score(q, k)).sum()  # noqa: E731
    np.testing.assert_allclose(d_queries, slope(lambda rows: loss(rows, keys), queries), atol=1e-7)
    np.testing.assert_allclose(d_keys, slope(lambda rows: loss(queries, rows), keys), atol=1e-7)


def test_equal_rows_at_a_distance_of_0_have_no_gradient():
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    for gradient in EUCLIDEAN.backward(rows[:1], rows[:1], np.ones((1, 1))):
        np.testing.assert_array_equal(gradient, [[0, 0]])


def test_a_mask_of_dropout_of_another_seed_is_reported_with_what_differs():
    random = np.random.default_rng(4)
    scores = random.normal(size=(4, 6)).round(1)
    mask, other = (random.random((2, 4, 6)) > 0.3).astype(int)
    rows = "[" + ", ".join("[" + ", ".join(map(str, row)) + "]" for row in scores.tolist()) + "]"
    keys = np.eye(6).tolist()
    text = f"queries: {rows}, keys: {keys}, scale: 1, dropout: 0.3, dropout_mask: {mask.tolist()}"
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True) * other / 0.7
    moved = int((mask != other).sum())
    assert told(text, {"weights": weights.round(4).tolist()}) == (
        "dropout-other",
        f"another mask dropped weights, as of another seed: {moved} of 24 are dropped in place of kept, or kept in "
        "place of dropped",
    )


def test_scores_over_the_softcap_without_a_tanh_are_named():
    capped = f"{TWO}, softcap: 2"
    weights = numbers(f"{TWO}, scale: {0.5**1.5}", "weights")
    assert told(capped, {"weights": np.round(weights, 4).tolist()}) == (
        "softcap-as",
        "the scores were divided by 2, and nothing more: 2·tanh(score / 2) is expected",
    )


@pytest.mark.parametrize(("scale", "words"), [(1.0, ""), (0.5, ", of Q times 0.5")], ids=["no scale", "a scale"])
def test_a_scale_of_1_is_left_out_of_the_sentence(scale, words):
    q, k = (getattr(problem(TWO).request, name).array for name in ("queries", "keys"))
    products = np.exp(scale * q) @ np.exp(k).T
    weights = products / products.sum(axis=1, keepdims=True)
    assert told(f"{TWO}, scale: {scale}", {"weights": weights.round(6).tolist()}) == (
        "linear-attention",
        f"the weights were φ(q)·φ(k) over their sum, φ(x) = e^x{words}, as in linear attention: e^score over their sum "
        "is expected",
    )


@pytest.mark.parametrize(("is_shifted", "words"), [(False, ""), (True, ", s = score − the largest of its row")])
def test_the_first_terms_of_a_series_leave_masked_cells_out(is_shifted, words):
    scores = np.where([[1, 0, 1], [1, 1, 0]], numbers(TWO, "scores"), np.nan)
    own = scores - np.nanmax(scores, axis=1, keepdims=True) if is_shifted else scores
    terms = np.nan_to_num(1 + own + own**2 / 2)
    weights = terms / terms.sum(axis=1, keepdims=True)
    assert told(f"{TWO}, {MASK}", {"weights": weights.round(6).tolist()}) == (
        "exp-series",
        f"1 + s + s²/2 was taken for e^s{words}: e^s itself is expected",
    )
