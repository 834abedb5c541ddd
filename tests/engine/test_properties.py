"""What holds for every problem of a kind, whatever its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_problems import assert_same, calm, calm_for_each, drawn, each_variant, seeds
from test_oracle import problems

from attncli import attend
from attncli.inputs.request import RESULT_NAMES
from attncli.variants import BY_NAME

nan, inf = np.nan, np.inf
EPSILON = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-13}


@each_variant
@given(seed=seeds, d_k=st.integers(1, 40))
@calm_for_each
def test_no_raw_score_is_beyond_its_variants_bound_which_opposite_rows_come_near(
    variant: str, seed: int, d_k: int
) -> None:
    """That bound decides whether exponentials need a shift."""
    random, kind = np.random.default_rng(seed), BY_NAME[variant]
    ones = np.ones((1, d_k))
    queries = np.vstack([random.standard_normal((4, d_k)), 3 * ones])
    keys = np.vstack([random.standard_normal((5, d_k)), -2 * ones])
    raw = np.abs(attend(queries, keys, variant=variant).raw_scores)
    prepared = [rows if kind.prepare is None else kind.prepare(rows) for rows in (queries, keys)]
    lengths = [np.sqrt((rows * rows).sum(axis=1)) for rows in prepared]
    bounds = np.array([[kind.bound(q, k, d_k) for k in lengths[1]] for q in lengths[0]])
    assert (raw <= bounds * (1 + 1e-12)).all()
    assert bounds[-1, -1] <= 2.01 * raw[-1, -1]


# what every row is


@given(problem=problems())
@calm
def test_a_row_of_weights_sums_to_1_or_is_0_where_there_is_no_key(problem: dict[str, Any]) -> None:
    result = attend(**problem)
    sums = result.weights.astype(np.float64).sum(axis=-1)
    has_key = np.isfinite(result.scores).any(axis=-1)
    np.testing.assert_allclose(sums, has_key * 1.0, atol=EPSILON[result.weights.dtype.name])
    assert (result.weights >= 0).all()
    assert (result.weights[~np.isfinite(result.scores)] == 0).all()
    assert np.array_equal(np.isneginf(result.lse), ~has_key)


@given(problem=problems())
@calm
def test_an_output_lies_between_the_values(problem: dict[str, Any]) -> None:
    result = attend(**problem)
    if result.output is not None:
        slack = EPSILON[result.output.dtype.name] * 10
        assert (result.output <= max(problem["values"].max(), 0) + slack).all()
        assert (result.output >= min(problem["values"].min(), 0) - slack).all()


@given(problem=problems())
@calm
def test_each_result_alone_is_what_all_together_give(problem: dict[str, Any]) -> None:
    together = attend(**problem).compute()
    for name in RESULT_NAMES:
        alone = attend(**problem)
        assert alone.has(name) == together.has(name)
        if alone.has(name):
            result = alone.array(name)
            epsilon = EPSILON[result.dtype.name]
            np.testing.assert_allclose(result, together.array(name), rtol=epsilon, atol=epsilon, err_msg=name)


@given(problem=problems())
@calm
def test_the_same_problem_gives_the_same_bits(problem: dict[str, Any]) -> None:
    first, again = attend(**problem).compute(), attend(**problem).compute()
    for name in RESULT_NAMES:
        if first.has(name):
            assert first.array(name).tobytes() == again.array(name).tobytes()


@given(problem=problems())
@calm
def test_inputs_are_left_as_they_were(problem: dict[str, Any]) -> None:
    before = {name: value.copy() for name, value in problem.items() if isinstance(value, np.ndarray)}
    attend(**problem).compute()
    for name, array in before.items():
        assert array.tobytes() == problem[name].tobytes()
        assert array.dtype == problem[name].dtype


def test_memory_order_and_byte_order_change_nothing() -> None:
    problem = drawn(1)
    plain = attend(**problem)
    assert_same(attend(**{name: np.asfortranarray(array) for name, array in problem.items()}), plain, rtol=1e-15)
    assert_same(attend(**{name: array.astype(">f8") for name, array in problem.items()}), plain)
    spread = {name: np.repeat(array, 3, axis=0)[::3] for name, array in problem.items()}
    assert_same(attend(**spread), plain, rtol=1e-15)
    assert attend(**{name: array.astype(">f4") for name, array in problem.items()}).weights.dtype == np.float32


# what changes nothing


@each_variant
@given(seed=seeds)
@calm_for_each
def test_the_order_of_the_keys_is_irrelevant(variant: str, seed: int) -> None:
    problem = drawn(seed)
    order = np.random.default_rng(seed).permutation(5)
    shuffled = {**problem, "keys": problem["keys"][order], "values": problem["values"][order]}
    mask = np.random.default_rng(seed + 1).random((3, 5)) < 0.7
    left, right = (
        attend(**problem, variant=variant, mask=mask),
        attend(**shuffled, variant=variant, mask=mask[:, order]),
    )
    np.testing.assert_allclose(left.output, right.output, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(left.weights[:, order], right.weights, rtol=1e-12)
    np.testing.assert_allclose(left.lse, right.lse, rtol=1e-12, atol=1e-14)


@each_variant
@given(seed=seeds, constant=st.floats(-1000, 1000))
@calm_for_each
def test_a_constant_added_to_all_scores_changes_the_lse_only(variant: str, seed: int, constant: float) -> None:
    problem = drawn(seed)
    plain, shifted = attend(**problem, variant=variant), attend(**problem, variant=variant, bias=constant)
    np.testing.assert_allclose(shifted.weights, plain.weights, rtol=1e-11)
    np.testing.assert_allclose(shifted.output, plain.output, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(shifted.lse, plain.lse + constant, rtol=1e-12, atol=1e-12)


LOUD = [1e308, -1e308, nan, inf, -inf]
WAYS = [
    ("a mask", {"mask": [True, True, False, True]}),
    ("a mask that drops", {"mask": [0, 0, 1, 0], "mask_means": "drop"}),
    ("a bias", {"bias": [0.0, 0.0, -inf, 0.0]}),
    ("a column of a mask", {"mask": [[1, 1, 0, 1], [0, 1, 0, 1], [1, 1, 0, 0]]}),
]


@each_variant
@pytest.mark.parametrize("way", [way[1] for way in WAYS], ids=[way[0] for way in WAYS])
@pytest.mark.parametrize("loud", LOUD, ids=str)
def test_a_masked_key_has_no_influence_however_loud(variant: str, way: dict[str, Any], loud: float) -> None:
    problem = drawn(5, m=4)
    noisy = {**problem, "keys": problem["keys"].copy(), "values": problem["values"].copy()}
    noisy["keys"][2], noisy["values"][2] = loud, loud
    assert_same(attend(**noisy, **way, variant=variant), attend(**problem, **way, variant=variant))


@pytest.mark.parametrize(
    "way",
    [{"causal": True}, {"window": (-1, 0)}, {"key_lengths": 3}, {"key_lengths": [3]}, {"window": (0, 0)}],
    ids=["causal", "a window", "a length", "lengths", "a narrow window"],
)
@pytest.mark.parametrize("loud", LOUD, ids=str)
def test_a_key_out_of_reach_has_no_influence_however_loud(way: dict[str, Any], loud: float) -> None:
    problem = drawn(6, m=4)
    noisy = {**problem, "keys": problem["keys"].copy(), "values": problem["values"].copy()}
    noisy["keys"][3], noisy["values"][3] = loud, loud
    for softcap in (None, 2.0):
        noisy_result = attend(**noisy, **way, softcap=softcap)
        assert_same(noisy_result, attend(**problem, **way, softcap=softcap))


@pytest.mark.parametrize("loud", [1e300, nan, inf], ids=str)
def test_a_key_that_some_queries_may_not_see_has_no_influence_on_those(loud: float) -> None:
    problem = drawn(7, n=3, m=3)
    noisy = {**problem, "values": problem["values"].copy()}
    noisy["values"][2] = loud
    quiet = attend(**problem, causal=True).output
    noisy_output = attend(**noisy, causal=True, allow_nonfinite=True).output
    np.testing.assert_allclose(noisy_output[:2], quiet[:2], rtol=1e-13)


@given(seed=seeds)
@calm
def test_a_mask_and_its_likes_say_the_same(seed: int) -> None:
    problem = drawn(seed, n=4, m=4)
    triangle = np.tri(4, dtype=bool)
    causal = attend(**problem, causal=True)
    assert_same(attend(**problem, mask=triangle), causal)
    assert_same(attend(**problem, mask=~triangle, mask_means="drop"), causal)
    assert_same(attend(**problem, window=(-1, 0)), causal)
    assert_same(attend(**problem, bias=np.where(triangle, 0, -inf)), causal)
    assert_same(attend(**problem, causal=True, align="bottom-right"), causal)
    assert_same(attend(**problem, causal=True, query_offset=0, window=(-1, 7)), causal)
    assert_same(attend(**problem, key_lengths=2), attend(**problem, mask=[1, 1, 0, 0]))


@pytest.mark.parametrize(("left", "right"), [(100, -1), (-1, 100), (100, 300)])
def test_a_window_that_begins_or_ends_within_many_keys_is_a_mask(left: int, right: int) -> None:
    problem, positions, keys = drawn(3, n=4, m=1100), np.arange(700, 704)[:, None], np.arange(1100)
    mask = ((keys >= positions - left) | (left == -1)) & ((keys <= positions + right) | (right == -1))
    output = attend(**problem, window=(left, right), query_offset=700).output
    np.testing.assert_allclose(output, attend(**problem, mask=mask).output, rtol=1e-12)


# heads and leading axes


@each_variant
@given(seed=seeds)
@calm_for_each
def test_packed_heads_are_a_loop_over_heads(variant: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    queries, keys, values = (random.standard_normal(shape) for shape in ((3, 8), (5, 4), (5, 6)))
    packed = attend(queries, keys, values, heads="4/2", variant=variant, causal=True)
    for head in range(4):
        shared = head // 2
        one = attend(
            queries[:, 2 * head : 2 * head + 2],
            keys[:, 2 * shared : 2 * shared + 2],
            values[:, 3 * shared : 3 * shared + 3],
            variant=variant,
            causal=True,
        )
        np.testing.assert_allclose(packed.weights[head], one.weights, rtol=1e-13)
        np.testing.assert_allclose(packed.output[:, 3 * head : 3 * head + 3], one.output, rtol=1e-13, atol=1e-15)


@each_variant
@given(seed=seeds)
@calm_for_each
def test_grouped_heads_are_repeated_keys(variant: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    queries, keys, values = (random.standard_normal(shape) for shape in ((2, 6, 3, 2), (2, 2, 4, 2), (2, 2, 4, 3)))
    repeated = attend(queries, np.repeat(keys, 3, axis=1), np.repeat(values, 3, axis=1), variant=variant)
    assert_same(attend(queries, keys, values, variant=variant), repeated)
    turned = [np.moveaxis(array, 1, 2).reshape(2, array.shape[2], -1) for array in (queries, keys, values)]
    packed = attend(*turned, variant=variant, heads=(6, 2))
    np.testing.assert_allclose(packed.weights, repeated.weights, rtol=1e-13)


@given(seed=seeds)
@calm
def test_leading_axes_are_a_loop(seed: int) -> None:
    random = np.random.default_rng(seed)
    queries, keys, values = (random.standard_normal(shape) for shape in ((2, 1, 3, 2), (3, 4, 2), (2, 1, 4, 1)))
    bias = random.standard_normal((2, 3, 1, 4))
    result = attend(queries, keys, values, bias=bias, key_lengths=[3, 4])
    for i in range(2):
        for j in range(3):
            one = attend(queries[i, 0], keys[j], values[i, 0], bias=bias[i, j], key_lengths=3 + i)
            np.testing.assert_allclose(result.output[i, j], one.output, rtol=1e-13, atol=1e-15)
            np.testing.assert_allclose(result.lse[i, j], one.lse, rtol=1e-13)


def test_values_of_one_axis_are_a_column() -> None:
    problem = drawn(8)
    column = attend(problem["queries"], problem["keys"], problem["values"][:, 0])
    assert (
        column.output.tolist() == attend(problem["queries"], problem["keys"], problem["values"][:, :1]).output.tolist()
    )


# dtypes

KINDS = [
    (("f8", "f8", "f8"), "float64"),
    (("f4", "f4", "f4"), "float32"),
    (("f2", "f2", "f2"), "float16"),
    (("f4", "f8", "f4"), "float64"),
    (("f2", "f4", "f2"), "float32"),
    (("i4", "i4", "i4"), "float64"),
    (("u1", "f4", "f4"), "float64"),
    (("f4", "f4", "i8"), "float64"),
    (("f2", "f2", None), "float16"),
]


@pytest.mark.parametrize(("kinds", "name"), KINDS, ids=[f"{kinds} is {name}" for kinds, name in KINDS])
def test_results_come_in_the_widest_dtype(kinds: tuple[str | None, ...], name: str) -> None:
    arrays = [None if kind is None else np.ones((2, 2), kind) for kind in kinds]
    result = attend(*arrays).compute()
    for result_name in RESULT_NAMES:
        if result.has(result_name):
            assert result.array(result_name).dtype.name == name


@each_variant
@given(seed=seeds)
@calm_for_each
def test_float16_is_computed_in_float32_and_rounded_once(variant: str, seed: int) -> None:
    half = {name: array.astype(np.float16) for name, array in drawn(seed).items()}
    single = attend(**{name: array.astype(np.float32) for name, array in half.items()}, variant=variant).compute()
    result = attend(**half, variant=variant).compute()
    for name in RESULT_NAMES:
        np.testing.assert_array_equal(result.array(name), single.array(name).astype(np.float16))


@given(seed=seeds)
@calm
def test_a_dtype_rounds_the_inputs_first(seed: int) -> None:
    problem = drawn(seed)
    for name in ("float16", "float32", "float64"):
        rounded = {key: array.astype(name) for key, array in problem.items()}
        assert_same(attend(**problem, dtype=name), attend(**rounded))
