"""attend against the plain loops of oracle.py, on random problems over every option."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import oracle
import pytest
from amount import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attncli import attend
from attncli.inputs.request import RESULT_NAMES
from attncli.problem.problem import Conventions
from attncli.results.result import Result
from attncli.variants import VARIANTS

VARIANT_NAMES = tuple(variant.name for variant in VARIANTS)
TOLERANCES = {"float64": (1e-12, 1e-13), "float32": (2e-5, 2e-5), "float16": (2e-3, 2e-3)}

calm = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def problems(draw: st.DrawFn, variants: tuple[str, ...] = VARIANT_NAMES) -> dict[str, Any]:
    """Keyword arguments of attend, small, with any of its options."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m, d_k, d_v = (draw(st.integers(1, 4)) for _ in range(4))
    batch = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    layout = draw(st.sampled_from(["plain", "packed", "grouped"]))
    query_heads, key_heads = 1, 1
    if layout != "plain":
        key_heads = draw(st.integers(1, 2))
        query_heads = key_heads * draw(st.integers(1, 3))

    def thinned(lead: tuple[int, ...]) -> tuple[int, ...]:
        """The leading axes, or a shape that broadcasts to them."""
        lead = tuple(1 if size == 1 or draw(st.integers(0, 4)) == 0 else size for size in lead)
        return lead[draw(st.integers(0, len(lead))) :] if draw(st.integers(0, 4)) == 0 else lead

    def numbers(*shape: int) -> np.ndarray:
        kind = draw(st.sampled_from(["whole", "normal", "normal", "zeros"]))
        if kind == "whole":
            return random.integers(-3, 4, shape)
        return random.standard_normal(shape) * (0 if kind == "zeros" else 1.5)

    if layout == "packed":
        queries = numbers(*batch, n, query_heads * d_k)
        keys = numbers(*thinned(batch), m, key_heads * d_k)
        values = numbers(*thinned(batch), m, key_heads * d_v)
        lead = (*batch, query_heads)
    elif layout == "grouped":
        queries = numbers(*batch, query_heads, n, d_k)
        keys = numbers(*batch[len(batch) - draw(st.integers(0, len(batch))) :], key_heads, m, d_k)
        values = numbers(*thinned(batch), key_heads, m, d_v)
        lead = (*batch, query_heads)
    else:
        queries, keys = numbers(*batch, n, d_k), numbers(*thinned(batch), m, d_k)
        values, lead = numbers(*thinned(batch), m, d_v), batch
    dtypes = st.sampled_from(["float64", "float64", "float32", "float16", ">f8"])
    one_type = draw(dtypes)
    problem: dict[str, Any] = {
        "queries": queries.astype(one_type) if draw(st.integers(0, 5)) else queries,
        "keys": keys.astype(one_type) if draw(st.integers(0, 5)) else keys.astype(draw(dtypes)),
        "values": None if draw(st.integers(0, 7)) == 0 else values.astype(one_type),
        "variant": draw(st.sampled_from(variants)),
    }
    if layout == "packed":
        problem["heads"] = (query_heads, key_heads)

    def extra_shape() -> tuple[int, ...]:
        full = (*lead, n, m)
        shape = tuple(1 if draw(st.integers(0, 3)) == 0 else size for size in full)
        return shape[draw(st.integers(0, len(full) - 1)) :]

    if draw(st.integers(0, 2)) == 0:
        mask = random.random(extra_shape()) < draw(st.sampled_from([0.0, 0.3, 0.7, 1.0]))
        problem["mask"] = mask.astype(draw(st.sampled_from(["bool", "int64", "float32"])))
        problem["mask_means"] = draw(st.sampled_from(["keep", "drop"]))
    if draw(st.integers(0, 2)) == 0:
        bias = random.standard_normal(extra_shape()).round(3)
        bias[random.random(bias.shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = -np.inf
        problem["bias"] = bias.astype(np.float32)
    problem["causal"] = draw(st.booleans())
    if draw(st.booleans()):
        problem["window"] = (draw(st.integers(-1, 3)), draw(st.integers(-1, 3)))
    corner = draw(st.sampled_from(["", "", "top-left", "bottom-right", "offset"]))
    if corner == "offset":
        problem["query_offset"] = draw(st.integers(-4, 4))
    elif corner:
        problem["align"] = corner
    if draw(st.integers(0, 2)) == 0:
        problem["softcap"] = draw(st.sampled_from([0.5, 2.0, 30.0]))
    if draw(st.integers(0, 2)) == 0:
        entries = lead[0] if lead else 1
        lengths = draw(st.lists(st.integers(0, m), min_size=entries, max_size=entries))
        problem["key_lengths"] = lengths if draw(st.booleans()) else lengths[0]
    scaling = draw(st.sampled_from(["", "", "number", "length"]))
    if scaling == "number":
        problem["scale"] = draw(st.sampled_from([0.25, -0.5, 0.0, 1.75]))
    elif scaling and problem["variant"] in ("laplace", "gaussian"):
        problem["length_scale"] = draw(st.sampled_from([0.5, 2.0, 3.5]))
    return problem


def in_loops(problem: dict[str, Any], **conventions: Any) -> dict[str, Any]:
    """The same problem through the oracle."""
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in problem.items()}
    return oracle.attention(**plain, **conventions)


def assert_equal(result: Result, expected: dict[str, Any]) -> None:
    for name in RESULT_NAMES:
        computed = result.output if name == "output" else result.array(name)
        if computed is None:
            assert name not in expected
            continue
        rtol, atol = TOLERANCES[computed.dtype.name]
        right = np.array(expected[name])
        assert computed.shape == right.shape, name
        np.testing.assert_allclose(computed.astype(np.float64), right, rtol=rtol, atol=atol, err_msg=name)


@given(problem=problems())
@settings(calm, max_examples=examples(300))
def test_every_result_is_what_plain_loops_give(problem: dict[str, Any]) -> None:
    assert_equal(attend(**problem), in_loops(problem))


@given(
    problem=problems(),
    empty=st.sampled_from(["zeros", "uniform"]),
    grouping=st.sampled_from(["interleaved", "tiled"]),
    softcap_after_bias=st.booleans(),
)
@settings(calm, max_examples=examples(120))
def test_other_conventions_are_what_plain_loops_give(
    problem: dict[str, Any], empty: str, grouping: str, softcap_after_bias: bool
) -> None:
    conventions = Conventions(empty=empty, grouping=grouping, softcap_after_bias=softcap_after_bias)
    result = Result(replace(attend(**problem).problem, conventions=conventions))
    expected = in_loops(problem, empty=empty, grouping=grouping, softcap_after_bias=softcap_after_bias)
    assert_equal(result, expected)


@given(problem=problems())
@settings(calm, max_examples=examples(100))
def test_an_output_asked_for_alone_is_what_plain_loops_give(problem: dict[str, Any]) -> None:
    output, expected = attend(**problem).output, in_loops(problem)
    assert (output is None) == ("output" not in expected)
    if output is not None:
        rtol, atol = TOLERANCES[output.dtype.name]
        np.testing.assert_allclose(output, np.array(expected["output"]), rtol=rtol, atol=atol)


@pytest.mark.parametrize("variant", VARIANT_NAMES)
@pytest.mark.parametrize(("n", "m"), [(1, 700), (300, 3), (270, 1100)], ids=["one query", "few keys", "many blocks"])
def test_problems_of_many_blocks_are_what_plain_loops_give(variant: str, n: int, m: int) -> None:
    random = np.random.default_rng(7)
    queries, keys, values = (random.standard_normal(shape) for shape in ((n, 2), (m, 2), (m, 1)))
    problem = {"queries": queries, "keys": keys, "values": values, "variant": variant, "window": (350, 260)}
    if n * m > 10_000:
        problem["queries"] = queries[:: n // 3]  # the loops are slow: a few queries that stand far apart
        problem["window"] = (-1, 513)
    result, expected = attend(**problem), in_loops(problem)
    rtol, atol = TOLERANCES["float64"]
    np.testing.assert_allclose(result.output, np.array(expected["output"]), rtol=rtol, atol=atol)
    assert_equal(result, expected)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("order", ["rising", "falling"])
@pytest.mark.parametrize("names", [("output",), ("lse",), RESULT_NAMES], ids=["output", "lse", "all"])
def test_far_scores_in_several_tiles_of_keys_are_what_plain_loops_give(
    dtype: str, order: str, names: tuple[str, ...]
) -> None:
    """Scores from -700 to 700, so that what earlier tiles summed must be rescaled; later queries miss whole tiles."""
    random = np.random.default_rng(11)
    keys = np.sort(random.uniform(-700, 700, (1300, 1)), axis=0)
    problem = {
        "queries": np.ones((4, 1), dtype),
        "keys": (keys if order == "rising" else keys[::-1]).astype(dtype),
        "values": random.standard_normal((1300, 2)).astype(dtype),
        "variant": "dot",
        "mask": np.arange(1300) >= np.array([[0], [600], [1290], [1300]]),
    }
    result, expected = attend(**problem).compute(*names), in_loops(problem)
    rtol, atol = TOLERANCES[dtype]
    for name in names:
        np.testing.assert_allclose(result.array(name), np.array(expected[name]), rtol=rtol, atol=atol * 100)
