"""Errors in units in the last place against decimal arithmetic of 50 digits, also where exponents end."""

import math
import warnings
from decimal import Decimal, localcontext

import numpy as np
import pytest

from attncli.api import attend
from attncli.engine.compute import compute
from attncli.errors import NumericError


def exact_weights(scores):
    """softmax of each row in 50 digits: lists of Decimal."""
    with localcontext() as context:
        context.prec = 50
        rows = []
        for row in scores:
            exact = [Decimal(float(score)) for score in row]
            top = max(exact)
            exponentials = [(score - top).exp() for score in exact]
            total = sum(exponentials)
            rows.append([e / total for e in exponentials])
        return rows


def worst_ulp(found, exact, smallest=0.0):
    """The largest error in units in the last place of the exact number, where that is at least `smallest`."""
    worst = 0.0
    with localcontext() as context:
        context.prec = 50
        for row, right in zip(found, exact, strict=True):
            for number, true in zip(row, right, strict=True):
                unit = np.spacing(np.abs(found.dtype.type(float(true))))
                if abs(true) >= Decimal(smallest):
                    worst = max(worst, float(abs(Decimal(float(number)) - true) / Decimal(float(unit))))
    return worst


def weights_of_scores(scores, engine, **options):
    """The weights of exactly given scores: one feature, query 1."""
    keys = np.asarray(scores)[:, None]
    return attend(np.ones((1, 1), keys.dtype), keys, variant="dot", engine=engine, **options).weights


TAILS = {
    "a few": np.array([0.1, 0.2, 0.30000000000000004]),
    "random": np.random.default_rng(1).standard_normal(300) * 3,
    "long tails": np.random.default_rng(2).uniform(-600, 100, 300),
    "far from zero": 1e6 + np.random.default_rng(3).uniform(-600, 0, 200),
    "tails into the subnormals": np.linspace(-740, 3, 200),
    "an offset that rounds": 1e3 / 3 + np.random.default_rng(4).uniform(-400, 0, 200),
    "saturated": np.array([800.0, 0.0, -800.0, 799.0]),
    "one key": np.array([-1e308]),
}


@pytest.mark.parametrize("scores", TAILS.values(), ids=TAILS.keys())
def test_float64_weights_of_exact_scores_are_within_4_units_in_the_last_place(scores, engine):
    assert worst_ulp(weights_of_scores(scores, engine), exact_weights([scores])) <= 4


@pytest.mark.parametrize("scores", TAILS.values(), ids=TAILS.keys())
def test_float32_weights_of_exact_scores_are_within_6_units_in_the_last_place(scores, engine):
    scores = np.clip(scores / 8, -1e38, 1e38).astype(np.float32)
    assert worst_ulp(weights_of_scores(scores, engine), exact_weights([scores]), 1e-44) <= 6


@pytest.mark.parametrize(("dtype", "last", "top", "least"), [("float32", 110, 85, -87), ("float64", 760, 705, -708)])
def test_compiled_exponentials_err_by_about_a_unit_in_the_last_place(dtype, last, top, least):
    numba = pytest.importorskip("numba")
    from attncli.engine.compiled.exponential import FORMATS, exponential, wide_exponential

    @numba.njit
    def fill(numbers, errors, least, plain, wide):
        for i in range(numbers.size):
            plain[i] = exponential(numbers[i])
            wide[i] = wide_exponential(min(numbers[i], -numbers[i]), errors[i], least)

    numbers = np.linspace(-last, last, 1001).astype(dtype)
    errors = (np.spacing(np.abs(numbers)) * np.random.default_rng(6).uniform(-0.5, 0.5, 1001)).astype(dtype)
    plain, wide = np.empty_like(numbers), np.empty_like(numbers)
    fill(numbers, errors, np.dtype(dtype).type(FORMATS[numba.from_dtype(np.dtype(dtype))].floor), plain, wide)
    own = np.abs(numbers) <= top
    below = [-abs(Decimal(float(x))) + Decimal(float(error)) for x, error in zip(numbers, errors, strict=True)]
    assert worst_ulp(plain[None, own], [[Decimal(float(x)).exp() for x in numbers[own]]]) <= 1
    assert worst_ulp(wide[None], [[x.exp() for x in below]]) <= 1.1
    normal = np.empty_like(numbers)
    fill(numbers, errors, np.dtype(dtype).type(least), plain, normal)
    assert np.array_equal(normal, np.where(-np.abs(numbers) >= least, wide, 0))
    fill(np.array([-np.inf, np.nan], dtype), np.zeros(2, dtype), np.dtype(dtype).type(least), plain[:2], wide[:2])
    assert plain[0] == wide[0] == 0
    assert np.isnan(wide[1])


def output_alone(queries, keys, values, engine, **settings):
    """The output, when no weights are wanted beside it."""
    problem = attend(queries, keys, values, engine=engine, **settings).problem
    output = np.empty((len(queries), values.shape[-1]), queries.dtype)
    compute(problem, {"output": output}, engine=engine)
    return output


@pytest.mark.parametrize(("dtype", "far", "huge"), [("float32", 95.0, 1e12), ("float64", 720.0, 1e20)])
def test_an_exponential_below_the_normal_numbers_counts_where_its_value_makes_it_large(dtype, far, huge, engine):
    scores = np.array([[0.0], [-far]], dtype)
    share = math.exp(-far)

    def output_of(*values):
        values = np.array([values], dtype).T
        return output_alone(np.ones((1, 1), dtype), scores, values, engine, variant="dot", sink=-1e4).item()

    # beside zero, and beside a value that is smaller by more than the exponential
    assert output_of(0, 1) / share == pytest.approx(1, rel=2e-3)
    assert output_of(share * huge, huge) / (2 * share * huge) == pytest.approx(1, rel=2e-3)
    assert output_of(1, huge) == 1


def test_outputs_are_the_same_with_exponentials_below_the_normal_numbers_and_without(engine):
    source = np.random.default_rng(4)
    queries, keys = source.normal(size=(40, 8)).astype("f"), source.normal(size=(700, 8)).astype("f")
    values = source.normal(size=(700, 5)).astype("f")
    own = output_alone(queries, keys, values, engine, scale=9)
    beside_a_zero = output_alone(queries, keys, np.hstack([values, np.zeros((700, 1), "f")]), engine, scale=9)
    assert np.array_equal(own, beside_a_zero[:, :5])


@pytest.mark.parametrize("span", [1.0, 20.0, 80.0, 300.0], ids="scores within {}".format)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outputs_err_by_a_few_units_with_a_shift_and_without(span, dtype, engine):
    source = np.random.default_rng(8)
    scores = source.uniform(-span, span, 700).astype(dtype)
    values = source.uniform(0.5, 1, (700, 2)).astype(dtype)
    output = attend(np.ones((1, 1), dtype), scores[:, None], values, variant="dot", engine=engine).output
    with localcontext() as context:
        context.prec = 50
        weights = exact_weights([scores])[0]
        right = [[sum(w * Decimal(float(v)) for w, v in zip(weights, column, strict=True)) for column in values.T]]
    assert worst_ulp(output, right) <= 8


def test_values_at_the_end_of_the_range_are_averaged_right(engine):
    for dtype in ("float32", "float64"):
        largest = np.finfo(dtype).max
        queries, keys = np.zeros((3, 2), dtype), np.ones((5000, 2), dtype)
        values = np.full((5000, 2), largest)
        values[:, 1] *= dtype_sign(5000).astype(dtype)
        output = attend(queries, keys, values, engine=engine).output
        assert output[:, 0] == pytest.approx(largest, rel=1e-5)
        assert (output[:, 0] <= largest).all()
        assert np.abs(output[:, 1]).max() <= largest * 1e-4


def test_values_at_the_end_of_the_range_are_averaged_right_in_every_part(engine):
    values = 1.7e308 * np.array([[1.0, 1.0], [-1.0, -1.0], [0.5, 0.25]])[..., None]
    output = attend(np.zeros((3, 4, 1)), np.zeros((3, 2, 1)), values, engine=engine).output
    assert output[..., 0] / 1.7e308 == pytest.approx(np.repeat([[1.0], [-1.0], [0.375]], 4, axis=1))


def dtype_sign(count):
    return np.where(np.arange(count) % 2, 1.0, -1.0)


def test_scores_near_the_end_of_the_range_are_right_or_refused(engine):
    keys, values = np.array([[1e308], [-1e308], [0.9e308]]), np.eye(3)
    result = attend([[1.0], [-1.0]], keys, values, variant="dot", engine=engine)
    assert result.output.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert result.lse.tolist() == [1e308, 1e308]
    with pytest.raises(NumericError, match="a score overflows float64"):
        _ = attend([[10.0], [-1.0]], keys, values, variant="dot", engine=engine).output
    with pytest.raises(NumericError, match="a score overflows float64"):
        _ = attend([[10.0], [-1.0]], keys, values, variant="dot", softcap=5, engine=engine).output


def test_tiny_values_keep_their_digits_beside_large_ones(engine):
    """Without a shift the weights are as small as exp(score): what they weigh must not sink below the range."""
    for dtype, tiny in (("float32", 1e-36), ("float64", 1e-300)):
        values = np.array([[1.0, tiny, 0.0], [2.0, 3 * tiny, 0.0]], dtype)
        scores = np.array([[-30.0], [-30.0]], dtype)
        output = attend(np.ones((1, 1), dtype), scores, values, variant="dot", engine=engine).output
        assert output[0] == pytest.approx([1.5, 2 * tiny, 0], rel=1e-6, abs=0)


def test_a_sum_of_many_exponentials_beyond_the_range_is_not_infinite(engine):
    output = attend([[705.0]], np.ones((5000, 1)), np.full((5000, 1), 2.0), variant="dot", engine=engine).output
    assert output == pytest.approx(2, rel=1e-12)


def test_subnormal_inputs_are_no_less_numbers(engine):
    output = attend([[5e-324, 1.0]], [[1.0, 1e-310], [2.0, 0.0]], [[5e-324], [5e-324]], engine=engine).output
    assert output.tolist() == [[5e-324]]


def test_nothing_warns_and_nothing_is_silently_not_a_number(engine):
    source = np.random.default_rng(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for exponent in range(-320, 309, 20):
            queries, keys = source.standard_normal((2, 7, 3)) * 10.0**exponent
            values = source.standard_normal((7, 2)) * 10.0 ** min(exponent, 307)
            try:
                result = attend(queries, keys, values, engine=engine).compute()
            except NumericError:
                assert exponent >= 140
                continue
            assert all(np.isfinite(result.array(name)).all() for name in ("scores", "weights", "output", "lse"))


@pytest.mark.parametrize(("variant", "scale"), [("dot", "1/8"), ("dot", "3"), ("laplace", "1/8")])
def test_a_scale_changes_no_bit_of_the_scores_wherever_it_is_applied(variant, scale):
    """With many keys a power of two goes into the queries, where raw scores are not asked for too."""
    source = np.random.default_rng(1)
    arrays = source.integers(-9, 9, (3, 64)).astype("float64"), source.standard_normal((1100, 64))
    alone = attend(*arrays, variant=variant, scale=scale).scores
    with_raw = attend(*arrays, variant=variant, scale=scale).compute("raw_scores", "scores")
    assert alone.tobytes() == with_raw.scores.tobytes()
    np.testing.assert_array_equal(with_raw.raw_scores * with_raw.problem.scale, alone)


@pytest.mark.parametrize("order", [1, -1], ids=["rising", "falling"])
def test_scores_that_rise_or_fall_from_tile_to_tile_are_weighed_alike(engine, order):
    keys = np.linspace(-30, 900, 30_000)[::order, None]
    values = np.cos(keys)
    weights = np.exp(keys - keys.max())
    result = attend([[1.0]], keys, values, variant="dot", engine=engine)
    np.testing.assert_allclose(result.output, [(weights * values).sum(0) / weights.sum()], rtol=1e-12)
    np.testing.assert_allclose(result.lse, np.log(weights.sum()) + 900, rtol=1e-14)


def test_a_mask_holds_also_where_every_query_comes_late_enough(engine):
    result = attend([[1.0], [1.0]], [[9.0], [1.0]], [[5.0], [7.0]], mask=[[1, 1], [0, 1]], causal=True, engine=engine)
    assert result.weights.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("keys", [3, 7, 15])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_largest_values_of_both_signs_are_averaged_though_their_sum_overflows(keys, dtype, engine):
    largest, zeros = np.finfo(dtype).max, np.zeros((keys, 1), dtype)
    values = np.where(np.arange(keys) < keys - keys // 3, largest, -largest)[:, None]
    output = attend(zeros[:1], zeros, values, engine=engine).output
    right = (keys - 2 * (keys // 3)) / keys
    assert float(output[0, 0] / largest) == pytest.approx(right, rel=8 * float(np.finfo(dtype).eps))
