"""The gradients of distances, in tiles and by the bits of signs, against what they say."""

import numpy as np
import pytest

from attncli.similarities import TILE, half_square_backward, manhattan_backward


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lead", [(), (2,)], ids=["", "with a leading axis"])
def test_sums_over_several_tiles_are_those_of_whole_rows(dtype, lead):
    rng = np.random.default_rng(2)
    rows, columns = TILE[0] + 3, TILE[1] + 5
    queries, keys = (rng.integers(-3, 4, (*lead, n, 2)).astype(dtype) for n in (rows, columns))  # many are equal
    d_scores = rng.normal(size=(*lead, rows, columns)).astype(dtype)
    difference = (queries[..., :, None, :] - keys[..., None, :, :]).astype(np.float64)
    for backward, slopes in ((manhattan_backward, np.sign(difference)), (half_square_backward, difference)):
        d_queries, d_keys = backward(queries, keys, d_scores)
        products = d_scores[..., None].astype(np.float64) * slopes
        close = {"rtol": 1e-4 if dtype == np.float32 else 1e-12, "atol": 1e-3 if dtype == np.float32 else 1e-10}
        np.testing.assert_allclose(d_queries, -products.sum(axis=-2), **close)
        np.testing.assert_allclose(d_keys, products.sum(axis=-3), **close)


def test_an_equal_number_sends_nothing_and_a_negative_gradient_turns_round():
    d_queries, d_keys = manhattan_backward(np.array([[1.0, 2.0]]), np.array([[1.0, 5.0]]), np.array([[-0.5]]))
    assert (d_queries.tolist(), d_keys.tolist()) == ([[0.0, -0.5]], [[0.0, 0.5]])
