"""What holds for every problem of a kind, whatever its numbers; and what happens at the ends of the number range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from amount import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_oracle import VARIANT_NAMES, problems

from attncli import AttncliError, attend
from attncli.inputs.request import RESULT_NAMES
from attncli.variants import BY_NAME

nan, inf = np.nan, np.inf
calm = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), max_examples=examples(60))
calm_for_each = settings(calm, max_examples=examples(25))  # for each variant, of numbers that only a seed decides
seeds = st.integers(0, 2**32 - 1)
each_variant = pytest.mark.parametrize("variant", VARIANT_NAMES)
EPSILON = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-13}


def drawn(seed: int, n: int = 3, m: int = 5, d_k: int = 4, d_v: int = 2) -> dict[str, Any]:
    """Queries, keys and values of these sizes."""
    random = np.random.default_rng(seed)
    return {
        "queries": random.standard_normal((n, d_k)),
        "keys": random.standard_normal((m, d_k)),
        "values": random.standard_normal((m, d_v)),
    }


def assert_same(left: Any, right: Any, **options: Any) -> None:
    """Equal weights, output, scores and lse, but for the order of a sum, or within `options`."""
    for name in ("scores", "weights", "output", "lse"):
        within = {"rtol": 1e-13, "atol": 1e-14, **options}
        np.testing.assert_allclose(left.array(name), right.array(name), **within, err_msg=name)


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


# how the variants hang together


@given(seed=seeds, d_k=st.integers(1, 9))
@calm
def test_dot_is_scaled_times_the_root_of_d_k(seed: int, d_k: int) -> None:
    problem = drawn(seed, d_k=d_k)
    dot, scaled = attend(**problem, variant="dot"), attend(**problem, variant="scaled")
    np.testing.assert_array_equal(dot.raw_scores, scaled.raw_scores)
    np.testing.assert_allclose(dot.scores, scaled.scores * np.sqrt(d_k), rtol=1e-15)
    assert_same(attend(**problem, variant="dot", scale="1/sqrt(dk)"), scaled)


@pytest.mark.parametrize("variant", ["laplace", "gaussian"])
@given(seed=seeds)
@calm
def test_a_distance_tends_to_uniform_and_to_the_nearest_key(variant: str, seed: int) -> None:
    problem = drawn(seed)
    wide = attend(**problem, variant=variant, length_scale=1e9)
    assert_same(wide, attend(**problem, variant="uniform"), atol=1e-7)
    nearest = attend(**problem, variant=variant).raw_scores.argmax(axis=1)
    narrow = attend(**problem, variant=variant, length_scale=1e-9)
    np.testing.assert_array_equal(narrow.weights, np.eye(5)[nearest])
    np.testing.assert_array_equal(narrow.output, problem["values"][nearest])


@pytest.mark.parametrize(("variant", "power"), [("laplace", 1), ("gaussian", 2)])
@given(seed=seeds, length=st.sampled_from([0.5, 2.0, 8.0]))
@calm
def test_a_length_scale_is_a_scaling_of_space(variant: str, power: int, seed: int, length: float) -> None:
    problem = drawn(seed)
    by_length = attend(**problem, variant=variant, length_scale=length)
    assert_same(attend(**problem, variant=variant, scale=length**-power), by_length)
    shrunk = {**problem, "queries": problem["queries"] / length, "keys": problem["keys"] / length}
    assert_same(attend(**shrunk, variant=variant), by_length)


@pytest.mark.parametrize("variant", ["laplace", "gaussian"])
@given(seed=seeds)
@calm
def test_a_distance_sees_only_differences(variant: str, seed: int) -> None:
    problem = drawn(seed)
    moved = {**problem, "queries": problem["queries"] + 3.5, "keys": problem["keys"] + 3.5}
    assert_same(attend(**moved, variant=variant), attend(**problem, variant=variant), rtol=1e-11, atol=1e-11)


def test_a_gaussian_of_near_neighbours_far_away_does_not_cancel() -> None:
    result = attend([[1e8, 1.0]], [[1e8, 2.0], [1e8, 4.0]], variant="gaussian")
    assert result.raw_scores.tolist() == [[-0.5, -4.5]]


@given(seed=seeds)
@calm
def test_a_cosine_does_not_see_the_length_of_a_row(seed: int) -> None:
    problem = drawn(seed)
    lengths = 10.0 ** np.random.default_rng(seed).integers(-150, 150, 5)
    stretched = {**problem, "queries": problem["queries"] * 1e-200, "keys": problem["keys"] * lengths[:, None]}
    assert_same(attend(**stretched, variant="cosine"), attend(**problem, variant="cosine"), rtol=1e-12, atol=1e-13)


def test_a_zero_vector_has_cosine_0_and_is_warned_about() -> None:
    result = attend([[1.0, 0], [0, 0]], [[0.0, 0], [2, 0], [0, 0]], variant="cosine")
    assert result.raw_scores.tolist() == [[0, 1, 0], [0, 0, 0]]
    assert result.warnings == (
        "query 1 is a zero vector: a cosine with it is taken as 0",
        "2 keys are zero vectors, the first is 0: a cosine with it is taken as 0",
    )
    assert attend([[[1.0, 0]], [[0, 0]]], [[1.0, 1]], variant="cosine").warnings == (
        "query 1, 0 is a zero vector: a cosine with it is taken as 0",
    )
    assert attend([[0.0, 0]], [[0.0, 0]], variant="dot").warnings == ()


def test_a_zero_vector_that_is_masked_is_nobodys_concern() -> None:
    result = attend([[1.0, 2]], [[1.0, 1], [0, 0]], [[1.0], [nan]], variant="cosine", key_lengths=1)
    assert result.output.tolist() == [[1.0]]
    assert result.warnings == ()


@given(seed=seeds)
@calm
def test_uniform_is_the_mean_of_the_values_allowed(seed: int) -> None:
    problem = drawn(seed)
    mask = np.random.default_rng(seed).random((3, 5)) < 0.6
    output = attend(**problem, variant="uniform", mask=mask).output
    for i in range(3):
        mean = problem["values"][mask[i]].mean(axis=0) if mask[i].any() else np.zeros(2)
        np.testing.assert_allclose(output[i], mean, rtol=1e-13, atol=1e-15)


@each_variant
@given(seed=seeds)
@calm_for_each
def test_a_softcap_bounds_the_scores_and_keeps_their_order(variant: str, seed: int) -> None:
    problem = drawn(seed)
    plain, capped = attend(**problem, variant=variant), attend(**problem, variant=variant, softcap=0.75)
    assert (np.abs(capped.scores) <= 0.75).all()
    assert (np.diff(np.take_along_axis(capped.scores, plain.scores.argsort(axis=1), axis=1)) >= 0).all()
    np.testing.assert_allclose(capped.scores, 0.75 * np.tanh(plain.scores / 0.75), rtol=1e-14)


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


# numbers that are none


def test_a_query_with_no_key_gets_nothing_and_a_warning() -> None:
    result = attend(np.ones((2, 2)), np.ones((3, 2)), np.ones((3, 1)), mask=[[0, 0, 0], [1, 0, 0]])
    assert result.weights.tolist() == [[0, 0, 0], [1, 0, 0]]
    assert result.output.tolist() == [[0], [1]]
    assert result.lse[0] == -inf
    assert result.warnings == ("query 0 may attend to no key: its weights are 0",)


def test_several_queries_with_no_key_are_counted() -> None:
    result = attend(np.ones((2, 3, 2)), np.ones((2, 2)), causal=True, query_offset=-2).compute()
    assert result.warnings == ("4 queries may attend to no key, the first is 0, 0: their weights are 0",)
    assert not result.weights[:, :2].any()


@pytest.mark.parametrize(("parts", "n", "place"), [(1, 1100, (0, 700)), (60, 100, (40, 7))], ids=["block", "stack"])
def test_a_query_with_no_key_is_named_in_a_later_block_and_stack(parts: int, n: int, place: tuple[int, int]) -> None:
    mask = np.ones((parts, n, 100), bool)
    mask[place] = False
    result = attend(np.ones((parts, n, 1)), np.ones((parts, 100, 1)), mask=mask).compute("lse")
    assert result.warnings == (f"query {place[0]}, {place[1]} may attend to no key: its weights are 0",)


def test_a_very_low_score_is_not_a_mask() -> None:
    result = attend([[1.0]], [[-1e308], [-1e308]], [[1.0], [3.0]], variant="dot")
    assert result.output.tolist() == [[2.0]]
    assert result.warnings == ()
    biased = attend(np.float32([[1.0]]), np.float32([[1], [1]]), np.float32([[1], [3]]), bias=[-1e9, -1e9])
    assert biased.output.tolist() == [[2.0]]
    lowest = attend([[0.0]], [[1.0], [1]], [[1.0], [3]], bias=[-1.7e308, -1.7e308])
    assert lowest.output.tolist() == [[2.0]]
    assert lowest.warnings == ()


NOTED = [
    ("one key", [[nan], [1]], [[1.0], [2]], ("keys: 1 key with non-finite numbers, masked from all",)),
    ("one value", [[0.0], [1]], [[inf], [2]], ("values: 1 value with non-finite numbers, masked from all",)),
    (
        "both",
        [[inf], [1]],
        [[nan], [2]],
        (
            "keys: 1 key with non-finite numbers, masked from all",
            "values: 1 value with non-finite numbers, masked from all",
        ),
    ),
]


@pytest.mark.parametrize(("keys", "values", "notes"), [case[1:] for case in NOTED], ids=[case[0] for case in NOTED])
@pytest.mark.parametrize("allow", [False, True])
def test_what_no_query_sees_may_be_non_finite_and_is_noted(
    keys: list[Any], values: list[Any], notes: tuple[str, ...], allow: bool
) -> None:
    result = attend([[1.0]], keys, values, mask=[0, 1], allow_nonfinite=allow)
    assert result.output.tolist() == [[2.0]]
    assert result.problem.words.notes == notes


def test_two_keys_that_no_query_sees_are_counted() -> None:
    notes = attend([[1.0]], [[nan], [1], [inf]], mask=[0, 1, 0]).problem.words.notes
    assert notes == ("keys: 2 keys with non-finite numbers, masked from all",)


def test_a_key_that_one_query_sees_must_be_finite() -> None:
    with pytest.raises(AttncliError) as refusal:
        attend([[1.0], [2]], [[nan], [1]], mask=[[0, 1], [1, 1]])
    assert str(refusal.value) == "keys: nan at [0, 0] in the keys"
    assert refusal.value.hint == "--allow-nonfinite computes as IEEE says; --mask keeps it out"


IEEE = [
    ("a NaN key spoils the rows that see it", [[nan], [1]], [[1], [2]], [[2], [nan]]),
    ("a NaN value spoils the rows that see it", [[0], [1]], [[nan], [2]], [[2], [nan]]),
    ("an infinite value is infinite for those that see it", [[0], [1]], [[inf], [2]], [[2], [inf]]),
    ("a key of minus infinity weighs nothing", [[-inf], [1]], [[1], [2]], [[2], [2]]),
    ("a key of infinity is infinity less infinity", [[inf], [1]], [[1], [2]], [[2], [nan]]),
]


@pytest.mark.parametrize(("keys", "values", "output"), [case[1:] for case in IEEE], ids=[case[0] for case in IEEE])
def test_non_finite_numbers_when_allowed(keys: list[Any], values: list[Any], output: list[Any]) -> None:
    mask = [[0, 1], [1, 1]]  # the first query may not see the first key
    result = attend([[1.0], [2.0]], keys, values, mask=mask, allow_nonfinite=True)
    np.testing.assert_array_equal(result.output, output)


def test_a_key_of_minus_infinity_weighs_nothing_also_where_nothing_is_masked() -> None:
    result = attend([[1.0]], [[-inf], [800.0], [800.0]], [[1.0], [2.0], [4.0]], allow_nonfinite=True)
    np.testing.assert_array_equal(result.output, [[3.0]])


def test_a_column_of_values_spoils_no_other() -> None:
    result = attend([[1.0]], [[1.0], [1.0]], [[nan, 1], [2, 3]], allow_nonfinite=True)
    np.testing.assert_array_equal(result.output, [[nan, 2]])


def test_a_non_finite_query_spoils_its_own_row() -> None:
    result = attend([[nan], [0]], [[1.0], [1.0]], [[1.0], [3.0]], allow_nonfinite=True)
    np.testing.assert_array_equal(result.output, [[nan], [2]])


# the ends of the number range

TOO_LARGE = [
    ("a score", {"queries": [[1e200]], "keys": [[1e200]]}, "float64"),
    ("a sum of both signs", {"queries": [[1e200, 1e200]], "keys": [[1e200, -1e200]]}, "float64"),
    ("a score after its scale", {"queries": [[1e200]], "keys": [[1.0]], "scale": "1e200"}, "float64"),
    ("a score with its bias", {"queries": [[1e308]], "keys": [[1.0]], "bias": 1e308, "scale": 1}, "float64"),
    ("a distance", {"queries": [[1e308]], "keys": [[-1e308]], "variant": "laplace"}, "float64"),
    ("a squared distance", {"queries": [[1e200]], "keys": [[0.0]], "variant": "gaussian"}, "float64"),
    ("a float32 score", {"queries": np.float32([[3e38]]), "keys": np.float32([[2.0]])}, "float32"),
]
CURES = {"float32": "--dtype float64", "float64": "divide Q and K by a power of ten, and adapt --scale"}


@pytest.mark.parametrize(("problem", "dtype"), [case[1:] for case in TOO_LARGE], ids=[case[0] for case in TOO_LARGE])
@pytest.mark.parametrize("name", ["weights", "output", "lse", "scores"])
def test_a_score_that_overflows_is_an_error(problem: dict[str, Any], dtype: str, name: str) -> None:
    with pytest.raises(AttncliError) as refusal:
        attend(**problem, values=np.ones((1, 1), dtype)).array(name)
    assert str(refusal.value) == f"scores: a score overflows {dtype}"
    assert refusal.value.hint == CURES[dtype]


def test_a_raw_score_of_a_masked_key_that_overflows_is_an_error_only_where_it_is_shown() -> None:
    loud = {"queries": [[1e200], [1.0]], "keys": [[1.0], [1e200]], "causal": True}
    assert attend(**loud).weights.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(AttncliError) as refusal:
        attend(**loud).raw_scores  # noqa: B018
    assert str(refusal.value) == "scores: a raw score overflows float64"


def test_an_overflow_hint_cures_it() -> None:
    single = {"queries": np.float32([[3e38]]), "keys": np.float32([[2.0], [1.0]])}
    assert attend(**single, dtype="float64").weights.tolist() == [[1, 0]]


def test_float16_scores_beyond_float16_are_an_error_only_where_they_are_shown() -> None:
    half = {"queries": np.float16([[300]]), "keys": np.float16([[300], [0]]), "values": np.float16([[1], [2]])}
    assert attend(**half).output.tolist() == [[1]]
    with pytest.raises(AttncliError) as refusal:
        attend(**half).raw_scores  # noqa: B018
    assert (str(refusal.value), refusal.value.hint) == ("raw_scores: a result overflows float16", "--dtype float32")


EXTREMES = [
    ("scores of ±1e308", [[1e308]], [[1.0], [-1], [0.5]], {"variant": "dot"}, [[1, 0, 0]]),
    ("equal scores of 1e308", [[1e308]], [[1.0], [1]], {"variant": "dot"}, [[0.5, 0.5]]),
    ("equal scores of -1e308", [[-1e308]], [[1.0], [1]], {"variant": "dot"}, [[0.5, 0.5]]),
    ("a bias of ±1e308", [[1.0]], [[1.0], [1]], {"bias": [1e308, -1e308]}, [[1, 0]]),
    ("float32 scores of 3e38", np.float32([[3e38]]), np.float32([[1], [1]]), {"variant": "dot"}, [[0.5, 0.5]]),
    ("subnormal queries and keys", [[5e-324]], [[5e-324], [1.0]], {}, [[0.5, 0.5]]),
    ("cosines of subnormals", [[5e-324, 0]], [[5e-324, 0], [0, 5e-324]], {"variant": "cosine", "scale": 100}, [[1, 0]]),
    ("cosines of 1e308", [[1e308, 1e308]], [[1e308, 1e308], [1e308, -1e308]], {"variant": "cosine", "scale": 99}, None),
    ("one key", [[3.0]], [[-7.0]], {}, [[1]]),
    ("a saturated row", [[100.0]], [[100.0], [0], [-100]], {"variant": "dot"}, [[1, 0, 0]]),
    ("a scale of 0", [[1e308]], [[1.0], [0.0]], {"scale": 0}, [[0.5, 0.5]]),
    ("a tiny softcap", [[1e300]], [[1e8], [0.0]], {"softcap": 1e-300}, [[0.5, 0.5]]),
    ("a huge softcap", [[1e300]], [[1.0], [0.0]], {"softcap": 1e308, "variant": "dot"}, [[1, 0]]),
    ("a tiny length", [[0.0]], [[1e-300], [2e-300]], {"variant": "laplace", "length_scale": 1e-303}, [[1, 0]]),
]


@pytest.mark.parametrize(
    ("queries", "keys", "options", "weights"), [case[1:] for case in EXTREMES], ids=[case[0] for case in EXTREMES]
)
def test_extreme_numbers_come_out_right(queries: Any, keys: Any, options: dict[str, Any], weights: Any) -> None:
    result = attend(queries, keys, np.ones((len(keys), 1), np.asarray(keys).dtype), **options).compute()
    np.testing.assert_allclose(result.weights, weights or [[1, 0]], atol=1e-15)
    np.testing.assert_allclose(result.output, 1, rtol=1e-15)
    assert np.isfinite(result.lse).all()


def test_tails_are_right_to_a_few_units_of_the_last_place() -> None:
    """exp(x − max) magnifies the rounding of the difference; the reference was computed with 60 decimal digits."""
    scores = np.array([1000.7, 300.1, 333.3, 423.457, 950.3])
    weights = attend([[1.0]], scores[:, None], variant="dot").weights[0]
    exact = [1, 5.411105215338572e-305, 1.4186092187841299e-290, 2.0255845822806306e-251, 1.2928796868782882e-22]
    np.testing.assert_allclose(weights, exact, rtol=2e-15)


@given(
    cells=st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=6, max_size=6),
    variant=st.sampled_from(VARIANT_NAMES),
    dtype=st.sampled_from(["float32", "float64"]),
    causal=st.booleans(),
)
@settings(calm, max_examples=examples(500))
def test_any_finite_problem_is_finite_or_refused(cells: list[float], variant: str, dtype: str, causal: bool) -> None:
    if dtype == "float64":
        cells = [cell * 1e269 if abs(cell) > 1e6 else cell for cell in cells]
    queries, keys, values = np.array(cells, dtype).reshape(3, 2, 1)
    try:
        result = attend(queries, keys, values, variant=variant, causal=causal).compute()
    except AttncliError as refusal:
        assert "overflows" in refusal.what  # noqa: PT017
        assert refusal.hint is not None  # noqa: PT017
        return
    for name in ("raw_scores", "weights", "output", "lse"):
        assert np.isfinite(result.array(name)).all(), name
    np.testing.assert_allclose(result.weights.sum(axis=1), 1, rtol=1e-6)


EDGES = [
    ("sums of exponentials beyond float64", 709.5, 1.0),
    ("exponentials below float64", -745.5, 1.0),
    ("weighted values beyond float64", 700.0, 1e300),
    ("weighted values a little beyond float64", 2.0, 1e307),
    ("weighted values below float64", -700.0, 1e-300),
    ("sums of the largest values", 0.0, 1.7e308),
]


@pytest.mark.parametrize(("score", "value"), [case[1:] for case in EDGES], ids=[case[0] for case in EDGES])
@pytest.mark.parametrize("name", ["output", "all"])
def test_what_only_exponentials_overflow_is_right(score: float, value: float, name: str) -> None:
    result = attend([[score]], np.ones((4, 1)), np.full((4, 1), value), variant="dot")
    result.compute(*(RESULT_NAMES if name == "all" else (name,)))
    np.testing.assert_allclose(result.output, value, rtol=1e-14)
    np.testing.assert_allclose(result.weights, 0.25, rtol=1e-14)
    np.testing.assert_allclose(result.lse, score + np.log(4), rtol=1e-14)
