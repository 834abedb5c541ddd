"""What must hold of gradients whatever the numbers, and what d_output may not be."""

import numpy as np
import pytest

import attncli
from attncli.engine import backward
from attncli.engine.backward import compute_gradients
from attncli.errors import ProblemError, UsageError
from gradients.cases import CASES, D_V, HEADS, D, M, N

RNG = np.random.default_rng(71)
Q, K, V, D_OUTPUT = (RNG.normal(size=shape) for shape in ((4, 3), (5, 3), (5, 2), (4, 2)))
GRADIENTS = ("d_queries", "d_keys", "d_values", "d_weights", "d_scores", "d_bias")


@pytest.mark.parametrize("normalizer", ["softmax", "sparsemax", "entmax15"])
def test_a_row_of_d_scores_sums_to_nothing(normalizer):
    found = attncli.attend(Q, K, V, normalizer=normalizer).gradients(D_OUTPUT)
    np.testing.assert_allclose(found.d_scores.sum(axis=-1), 0, atol=1e-15)


def test_with_a_sink_a_row_of_d_scores_need_not_sum_to_nothing():
    found = attncli.attend(Q, K, V, sink=0.5).gradients(D_OUTPUT)
    assert np.abs(found.d_scores.sum(axis=-1)).min() > 1e-3


def test_a_constant_added_to_a_row_of_scores_has_no_gradient():
    found = attncli.attend(Q, K, V, bias=np.zeros((4, 1))).gradients(D_OUTPUT)
    assert found.d_bias.shape == (4, 1)
    np.testing.assert_allclose(found.d_bias, 0, atol=1e-15)


def test_a_masked_key_has_no_gradient():
    mask = np.ones((4, 5), bool)
    mask[:, 2] = False
    keys, values = K.copy(), V.copy()
    keys[2], values[2] = np.inf, np.nan
    found = attncli.attend(Q, keys, values, mask=mask).gradients(D_OUTPUT)
    assert not found.d_keys[2].any()
    assert not found.d_values[2].any()
    assert not found.d_scores[:, 2].any()
    assert np.isfinite(found.d_queries).all()


def test_a_query_with_no_key_has_no_gradient():
    mask = np.ones((4, 5), bool)
    mask[1] = False
    found = attncli.attend(Q, K, V, mask=mask).gradients(D_OUTPUT)
    assert not found.d_queries[1].any()
    without = attncli.attend(np.delete(Q, 1, 0), K, V).gradients(np.delete(D_OUTPUT, 1, 0))
    np.testing.assert_allclose(found.d_keys, without.d_keys, rtol=1e-13)


def test_a_query_that_sees_one_key_has_no_gradient_at_all():
    found = attncli.attend(Q, K[:1], V[:1]).gradients(D_OUTPUT)
    assert not found.d_queries.any()
    assert not found.d_keys.any()


def test_where_query_and_key_agree_laplace_takes_no_side():
    found = attncli.attend([[1.0, 0.0]], [[1.0, 2.0], [1.0, 3.0]], [[1.0], [2.0]], variant="laplace").gradients("ones")
    assert not found.d_queries[:, 0].any()
    assert not found.d_keys[:, 0].any()


def test_a_zero_vector_has_no_gradient_under_cosine():
    queries = Q.copy()
    queries[0] = 0
    found = attncli.attend(queries, K, V, variant="cosine").gradients(D_OUTPUT)
    assert not found.d_queries[0].any()
    assert np.isfinite(found.d_keys).all()


def test_the_word_ones_is_the_sum_of_all_outputs():
    result = attncli.attend(Q, K, V)
    assert (result.gradients("ones").d_queries == result.gradients(np.ones((4, 2))).d_queries).all()


def test_values_of_one_axis_get_a_gradient_of_one_axis():
    found = attncli.attend(Q, K, V[:, 0]).gradients(D_OUTPUT[:, 0])
    assert found.d_values.shape == (5,)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("variant", ["scaled", "laplace", "gaussian"])
def test_any_number_of_threads_gives_the_same_bits(variant, engine):
    if engine == "numba":
        pytest.importorskip("numba")
        pytest.importorskip("scipy")
    q, k, v = (RNG.normal(size=shape).astype("f4") for shape in ((300, 8), (350, 8), (350, 4)))
    problem = attncli.attend(q, k, v, variant=variant, causal=True).problem
    d_output = np.ones((300, 4), "f4")
    names = ("d_queries", "d_keys", "d_values")
    one, *others = (compute_gradients(problem, d_output, names, engine=engine, threads=count) for count in (1, 2, 5))
    assert all((one[name] == other[name]).all() for other in others for name in names)


@pytest.mark.parametrize("request_", CASES.values(), ids=CASES)
def test_heads_in_one_block_have_the_gradients_of_a_block_each(request_, monkeypatch):
    q, k, v = (RNG.normal(size=(2, HEADS, *shape)) for shape in ((N, D), (M, D), (M, D_V)))
    result = attncli.attend(q, k, v, bias=RNG.normal(size=(N, M)), **request_)
    d_output = RNG.normal(size=result.output.shape)
    together = result.gradients(d_output).compute(*GRADIENTS)
    monkeypatch.setattr(backward, "TOGETHER", 0)
    apart = result.gradients(d_output)
    for name in GRADIENTS:
        np.testing.assert_allclose(together.array(name), apart.array(name), rtol=1e-12, atol=1e-14, err_msg=name)


def test_query_heads_in_one_block_share_key_heads(monkeypatch):
    q, k, v, d_output = (RNG.normal(size=(2, *shape)) for shape in ((6, 4, 3), (3, 5, 3), (3, 5, 2), (6, 4, 2)))
    for result in (attncli.attend(q, k, v), attncli.attend(q, k, v, system="x-transformers")):
        together = result.gradients(d_output).compute(*GRADIENTS[:3])
        with monkeypatch.context() as patch:
            patch.setattr(backward, "TOGETHER", 0)
            apart = result.gradients(d_output).compute(*GRADIENTS[:3])
        for name in GRADIENTS[:3]:
            np.testing.assert_allclose(together.array(name), apart.array(name), rtol=1e-12, atol=1e-14, err_msg=name)


def test_half_precision_gradients_are_computed_in_float32_and_rounded_once():
    q, k, v, d_output = (array.astype("f2") for array in (Q, K, V, D_OUTPUT))
    found = attncli.attend(q, k, v).gradients(d_output)
    wide = attncli.attend(*(array.astype("f4") for array in (q, k, v))).gradients(d_output.astype("f4"))
    assert found.d_keys.dtype == np.float16
    assert (found.d_keys == wide.d_keys.astype("f2")).all()


BAD = {
    "another shape": (
        np.ones((4, 3)),
        "d_output: d_output has shape (4, 3), but the output has (4, 2)",
        "one number per number of the output, or the word ones",
    ),
    "transposed": (
        D_OUTPUT.T,
        "d_output: d_output has shape (2, 4), but the output has (4, 2)",
        "d_output looks transposed",
    ),
    "NaN": (
        np.where(np.arange(8).reshape(4, 2) == 3, np.nan, 1.0),
        "d_output: d_output has nan at [1, 1]",
        "give finite numbers",
    ),
    "text": (
        np.full((4, 2), "x"),
        "d_output: contains text ('x'); d_output is numbers",
        "one number per number of the output, or the word ones",
    ),
}


@pytest.mark.parametrize(("d_output", "what", "hint"), BAD.values(), ids=BAD)
def test_a_bad_d_output_is_refused(d_output, what, hint):
    with pytest.raises(ProblemError) as caught:
        attncli.attend(Q, K, V).gradients(d_output)
    assert (str(caught.value), caught.value.hint) == (what, hint)


def test_without_values_there_are_no_gradients():
    with pytest.raises(ProblemError) as caught:
        attncli.attend(Q, K).gradients(D_OUTPUT)
    assert str(caught.value) == "d_output: without values there is no output, and so no gradient at it"
    assert caught.value.hint == "give V, or w_v"


def test_a_gradient_that_the_problem_has_not_is_refused():
    with pytest.raises(UsageError) as caught:
        _ = attncli.attend(Q, K, V).gradients(D_OUTPUT).d_bias
    assert str(caught.value) == "gradients: the problem has no d_bias"


def test_a_query_with_no_key_that_another_system_gives_weights_is_refused():
    mask = np.ones((4, 5), bool)
    mask[1] = False
    with pytest.raises(ProblemError) as caught:
        _ = attncli.attend(Q, K, V, mask=mask, system="jax").gradients(D_OUTPUT).d_keys
    expected = "d_output: gradients of a query with no key are not available if its weights are uniform over all keys"
    assert str(caught.value) == expected


def test_an_overflowing_gradient_is_an_error():
    result = attncli.attend(Q * 1e-3, K, V.astype("f8") * 1e200)
    with pytest.raises(attncli.AttncliError, match="d_queries: a gradient overflows float64"):
        _ = result.gradients(D_OUTPUT * 1e150).d_queries
