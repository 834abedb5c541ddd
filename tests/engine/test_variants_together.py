"""How variants hang together: dot and scaled, distances and lengths, cosines, uniform weights, the softcap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_problems import assert_same, calm, calm_for_each, drawn, each_variant, seeds

from attncli import attend

nan, inf = np.nan, np.inf


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
