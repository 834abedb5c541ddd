"""What is masked, or huge, takes no digit from what stands beside it; infinities give what IEEE says, however asked."""

import numpy as np
import pytest

from attncli.api import attend

HUGE = {"float32": 3e38, "float64": 1.7e308}
DTYPES = pytest.mark.parametrize("dtype", HUGE)


@DTYPES
def test_a_masked_huge_value_takes_no_digit_from_the_rows_that_do_not_see_it(dtype, engine):
    least = np.finfo(dtype).smallest_subnormal
    values = np.array([[HUGE[dtype]], [least]], dtype)
    zeros = np.zeros((2, 1), dtype)
    output = attend(zeros, zeros, values, mask=np.eye(2), engine=engine).output
    np.testing.assert_array_equal(output, values)


@DTYPES
@pytest.mark.parametrize("far", [False, True], ids=["in a column beside it", "under it, with weight 0"])
def test_a_huge_value_takes_no_digit_from_small_ones(dtype, far, engine):
    least = np.finfo(dtype).tiny * (1 + 3 * np.finfo(dtype).eps)
    keys = np.array([[0.0], [-1e6 if far else 0.0]], dtype)
    values = np.array([[least, least], [HUGE[dtype] if far else least, HUGE[dtype]]], dtype)
    output = attend(np.ones((1, 1), dtype), keys, values, variant="dot", engine=engine).output
    assert output[0, 0] == least
    assert output[0, 1] == (least if far else values[1, 1] / 2)


def test_float32_averages_beside_a_huge_column_err_by_a_few_units(engine):
    values = np.full((1000, 2), [1e-36, 1.2345678e-37], np.float32)
    values[::2, 1] = 1e-36
    values[0, 0] = 3e38
    zeros = np.zeros((1000, 1), np.float32)
    output = attend(zeros[:1], zeros, values, engine=engine).output
    right = values.astype(float).mean(axis=0)
    assert (np.abs(output - right) <= 16 * np.spacing(right.astype(np.float32))).all()


def test_a_huge_value_is_averaged_right_where_a_later_key_outweighs_it(engine):
    keys = np.zeros((3000, 1))
    keys[2900] = 800
    values = np.full((3000, 1), 1e308)
    values[2900] = 5e-324
    assert attend([[1.0]], keys, values, variant="dot", engine=engine).output.tolist() == [[5e-324]]


def test_the_uniform_row_of_a_query_with_no_key_keeps_subnormal_values():
    output = attend([[0.0]], [[0.0]] * 2, [[5e-324, 1.7e308]] * 2, mask=[[0, 0]], system="jax").output
    assert output.tolist() == [[5e-324, 1.7e308]]


RESULTS = ("weights", "output", "lse")


def test_a_tile_of_infinite_scores_spoils_no_other(engine):
    keys = np.zeros((1025, 1))
    keys[:512] = -np.inf
    values = np.arange(1025.0)[:, None]
    for names in (("output",), ("output", "weights"), ("output", "lse"), ("lse",)):
        result = attend([[1.0]], keys, values, variant="dot", allow_nonfinite=True, engine=engine).compute(*names)
        for name, right in (("output", 768.0), ("lse", np.log(513))):
            if name in names:
                assert float(result.array(name).squeeze()) == pytest.approx(right, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("scores", "lse"),
    [
        pytest.param([-np.inf, -np.inf], -np.inf, id="no score is above −inf"),
        pytest.param([np.inf, 1.0], np.inf, id="one is inf"),
        pytest.param([np.nan, 1.0], np.nan, id="one is NaN"),
    ],
)
def test_infinite_scores_give_what_ieee_says(scores, lse, engine):
    for names in (RESULTS, *((name,) for name in RESULTS)):
        keys = np.reshape(scores, (2, 1))
        result = attend([[1.0]], keys, [[1.0], [2.0]], variant="dot", allow_nonfinite=True, engine=engine)
        for name in names:
            right = lse if name == "lse" else np.nan
            np.testing.assert_array_equal(result.compute(*names).array(name), np.full_like(result.array(name), right))


def test_finite_huge_values_beside_infinite_ones_are_averaged_right(engine):
    values = [[1.7e308, np.inf], [1.7e308, 0.0]]
    output = attend([[0.0]], [[0.0]] * 2, values, allow_nonfinite=True, engine=engine).output
    assert output.tolist() == [[1.7e308, np.inf]]


@pytest.mark.parametrize("variant", ["scaled", "laplace", "gaussian", "cosine"])
def test_the_raw_score_of_a_masked_key_that_is_not_a_number_is_none_either(variant):
    result = attend([[1.0, 2], [3, 4]], [[np.nan, 1], [1, 1]], [[1.0], [2]], mask=[0, 1], variant=variant)
    assert np.isnan(result.raw_scores[:, 0]).all()
    assert np.isfinite(result.raw_scores[:, 1]).all()
    assert result.output.tolist() == [[2], [2]]
