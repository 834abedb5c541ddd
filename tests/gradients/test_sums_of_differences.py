"""The gradients of distances, in tiles, of each engine, against what they say."""

import numpy as np
import pytest

import attncli
from attncli.engine.kernels import NumpyKernels
from attncli.similarities import TILE, manhattan_backward
from attncli.variants import BY_NAME

SLOPES = {"laplace": np.sign, "gaussian": lambda difference: difference}


@pytest.fixture(params=["numpy", "numba"])
def kernels(request):
    if request.param == "numpy":
        return NumpyKernels()
    pytest.importorskip("numba")
    pytest.importorskip("scipy")
    from attncli.engine.compiled.loops import NumbaKernels

    return NumbaKernels()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("variant", SLOPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lead", [(), (2,)], ids=["", "with a leading axis"])
def test_sums_over_several_tiles_are_those_of_whole_rows(kernels, variant, dtype, lead):
    rng = np.random.default_rng(2)
    rows, columns = TILE[0] + 3, TILE[1] + 5
    queries, keys = (rng.integers(-3, 4, (*lead, n, 3)).astype(dtype) for n in (rows, columns))  # many are equal
    queries[..., 2] += 0.5  # and none of the last coordinate
    d_scores = rng.normal(size=(*lead, rows, columns)).astype(dtype)
    difference = (queries[..., :, None, :] - keys[..., None, :, :]).astype(np.float64)
    products = d_scores[..., None].astype(np.float64) * SLOPES[variant](difference)
    close = {"rtol": 1e-4 if dtype == np.float32 else 1e-12, "atol": 1e-3 if dtype == np.float32 else 1e-10}
    d_queries, d_keys = kernels.backward(BY_NAME[variant], queries, keys, d_scores)
    np.testing.assert_allclose(d_queries, -products.sum(axis=-2), **close)
    np.testing.assert_allclose(d_keys, products.sum(axis=-3), **close)


@pytest.mark.parametrize("count", range(1, 10))
def test_any_number_of_queries_and_keys_is_summed_whole(kernels, count):
    queries, keys = np.arange(count, dtype=float)[:, None] + 0.5, np.arange(2.0 * count)[:, None]
    d_scores = np.arange(1.0, 1 + 2 * count * count).reshape(count, 2 * count)
    signs = np.sign(queries - keys.T)
    d_queries, d_keys = kernels.backward(BY_NAME["laplace"], queries, keys, d_scores)
    assert (d_queries[:, 0] == -(d_scores * signs).sum(axis=1)).all()
    assert (d_keys[:, 0] == (d_scores * signs).sum(axis=0)).all()


def test_an_equal_number_sends_nothing_and_a_negative_gradient_turns_round(kernels):
    given = np.array([[1.0, 2.0, -0.0]]), np.array([[1.0, 5.0, 0.0]]), np.array([[-0.5]])
    d_queries, d_keys = kernels.backward(BY_NAME["laplace"], *given)
    assert (d_queries.tolist(), d_keys.tolist()) == ([[0.0, -0.5, 0.0]], [[0.0, 0.5, 0.0]])


def test_the_smallest_difference_has_a_sign(kernels):
    least = np.finfo(np.float32).smallest_subnormal
    given = (np.array([[number]], np.float32) for number in (2 * least, least, 1))
    d_queries, d_keys = kernels.backward(BY_NAME["laplace"], *given)
    assert (d_queries.tolist(), d_keys.tolist()) == ([[-1.0]], [[1.0]])


def test_coordinates_of_which_one_is_equal_are_distinguished():
    queries, keys = np.array([[[1.0, 2.0]], [[3.0, 4.0]]]), np.array([[[5.0, 2.0]], [[1.0, 6.0]]])
    d_queries, _ = manhattan_backward(queries, keys, np.ones((2, 1, 1)))
    assert d_queries.tolist() == [[[1.0, 0.0]], [[-1.0, 1.0]]]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("options", [{}, {"causal": True}, {"softcap": 2.0}, {"normalizer": "entmax15"}], ids=str)
@pytest.mark.parametrize("variant", ["scaled", *SLOPES, "additive"])
def test_gradients_of_numba_agree_with_those_of_numpy(variant, options):
    pytest.importorskip("numba")
    pytest.importorskip("scipy")
    rng = np.random.default_rng(4)
    q, k, v, d_output = (rng.normal(size=(2, 3, n, 5)) for n in (9, 11, 11, 9))
    found, right = (
        attncli.attend(q, k, v, variant=variant, engine=engine, **options).gradients(d_output)
        for engine in ("numba", "numpy")
    )
    for name in ("d_queries", "d_keys", "d_values"):
        np.testing.assert_allclose(found.array(name), right.array(name), rtol=1e-11, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("variant", SLOPES)
def test_infinities_that_are_allowed_give_the_same_gradients_on_each_engine(variant):
    pytest.importorskip("numba")
    pytest.importorskip("scipy")
    rows, values = np.array([[np.inf, 1.0], [2.0, 3.0], [0.0, -1.0]]), np.array([[1.0], [2.0], [3.0]])
    found, right = (
        attncli.attend(rows, rows, values, variant=variant, engine=engine, allow_nonfinite=True).gradients("ones")
        for engine in ("numba", "numpy")
    )
    for name in ("d_queries", "d_keys"):
        np.testing.assert_array_equal(found.array(name), right.array(name))
