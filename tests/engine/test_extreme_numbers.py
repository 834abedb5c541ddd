"""Infinities, NaN, overflow, queries without a key, and other numbers at the ends of the range of a dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from amount import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from random_problems import calm
from test_oracle import VARIANT_NAMES

from attncli import AttncliError, attend
from attncli.inputs.request import RESULT_NAMES

nan, inf = np.nan, np.inf


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
