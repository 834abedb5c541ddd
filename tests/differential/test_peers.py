"""attend against torch and ONNX's reference, where they are installed; the formula of soak.py in any case."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import soak

from attncli import attend

needs_onnx = pytest.mark.skipif(soak.onnx is None, reason="no onnx, or one without this Attention, is installed")
needs_torch = pytest.mark.skipif(soak.torch is None, reason="torch is not installed")


@pytest.mark.sampled(4)
@pytest.mark.filterwarnings("ignore::RuntimeWarning:onnx")
@pytest.mark.parametrize("seed", range(4))
def test_random_problems_agree_with_every_peer(seed: int, sample: Callable[..., Sequence[int]]) -> None:
    counts: Counter[str] = Counter()
    numbers = sample(range(150), 6)
    for number in numbers:
        found, said = soak.examine(soak.random_problem(np.random.default_rng([seed, number])))
        counts.update(found)
        assert not said, f"problem {number}: {said}"
    assert counts["formula"] == len(numbers)
    assert soak.torch is None or counts["torch"] > len(numbers) / 2
    assert soak.onnx is None or counts["onnx"] > len(numbers) / 6


@pytest.mark.filterwarnings("ignore::RuntimeWarning:onnx")
@needs_onnx
def test_a_cache_is_a_query_offset() -> None:
    """ONNX puts past keys before the others, and the queries after them."""
    random = np.random.default_rng(3)
    queries, keys, values, past_key, past_value = (
        random.standard_normal((2, 2, length, 4)) for length in (3, 3, 3, 5, 5)
    )
    inputs = {"Q": queries, "K": keys, "V": values, "past_key": past_key, "past_value": past_value}
    for window in ((-1, -1), (2, 0), (4, 1)):
        sizes = {"left_window_size": window[0], "right_window_size": window[1]}
        output, _ = soak.run_onnx(inputs, {"is_causal": 1, **sizes}, 25)
        joined = np.concatenate([past_key, keys], axis=2), np.concatenate([past_value, values], axis=2)
        ours = attend(queries, *joined, causal=True, query_offset=5, window=window).output
        np.testing.assert_allclose(ours, output, rtol=1e-12)


def node_tests() -> dict[str, Any]:
    """ONNX's backend node tests of Attention by name."""
    if soak.onnx is None:
        return {}
    from onnx.backend.test.case import node

    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        # not the cases of every other operator, which take seconds to compute
        patch.setattr(
            node, "import_recursive", lambda package: import_module(f"{package.__name__}.attention"), raising=False
        )
        cases = node.collect_testcases("Attention")
    return {
        case.name: case for case in cases if len(case.model.graph.node) == 1 and not case.name.endswith("_expanded")
    }


@needs_onnx
def test_the_node_tests_of_attention_hold() -> None:
    cases = node_tests()
    assert len(cases) > 60
    failed = [f"{name}: {said}" for name, case in cases.items() if (said := differences_of_node_test(case))]
    assert not failed


def differences_of_node_test(case: Any) -> list[str]:
    """What attend says otherwise than the outputs of a node test."""
    node = case.model.graph.node[0]
    attributes = {each.name: soak.onnx.helper.get_attribute_value(each) for each in node.attribute}
    given, expected = case.data_sets[0]
    inputs = dict(zip([name for name in node.input if name], given, strict=True))
    outputs = dict(zip([name for name in node.output if name], expected, strict=True))
    roles = dict(zip(("Q", "K", "V", "mask", "past_key", "past_value", "lengths"), node.input, strict=False))
    array = {role: inputs[name] for role, name in roles.items() if name}
    heads = attributes.get("q_num_heads"), attributes.get("kv_num_heads")
    problem: dict[str, Any] = {"queries": array["Q"], "keys": array["K"], "values": array["V"], "variant": "scaled"}
    if heads[0] is not None and array["Q"].ndim == 3:
        problem["heads"] = heads
        problem["queries"], problem["keys"], problem["values"] = soak.by_head(problem)
        del problem["heads"]
    past = 0
    if "past_key" in array:
        past = array["past_key"].shape[2]
        problem["keys"] = np.concatenate([array["past_key"], problem["keys"]], axis=2)
        problem["values"] = np.concatenate([array["past_value"], problem["values"]], axis=2)
        problem["query_offset"] = past
    n, m = problem["queries"].shape[-2], problem["keys"].shape[-2]
    if "mask" in array:
        mask = array["mask"]
        rest = [(0, 0)] * (mask.ndim - 1) + [(0, m - mask.shape[-1])]
        if mask.dtype == bool:
            problem["mask"] = np.pad(mask, rest, constant_values=False)
        else:
            problem["bias"] = np.pad(mask, rest, constant_values=-np.inf)
    if "lengths" in array:
        problem["key_lengths"], problem["align"] = array["lengths"], "bottom-right"
    if attributes.get("is_causal"):
        problem["causal"] = True
    if attributes.get("softcap"):
        problem["softcap"] = attributes["softcap"]
    if "scale" in attributes:
        problem["scale"] = attributes["scale"]
    window = attributes.get("left_window_size", -1), attributes.get("right_window_size", -1)
    if window != (-1, -1):
        problem["window"] = window
    result = attend(**problem)
    found = {"output": outputs[node.output[0]]}
    if found["output"].ndim == 3:
        found["output"] = np.moveaxis(found["output"].reshape(len(array["Q"]), n, heads[0], -1), 2, 1)
    said = soak.differences(problem, result, found, 2.0)
    if len(node.output) > 3 and node.output[3]:
        shown, mode = outputs[node.output[3]], attributes.get("qk_matmul_output_mode", 0)
        if mode in (2, 3):
            said += soak.differences(problem, result, {("scores", "weights")[mode - 2]: shown}, 2.0)
        elif "softcap" not in problem:
            said += soak.differences(problem, result, {"raw_scores": shown / np.float32(result.problem.scale)}, 2.0)
        else:
            unmasked = {name: problem[name] for name in ("queries", "keys", "variant", "softcap")}
            bare = attend(**unmasked, scale=problem.get("scale"))
            said += soak.differences(unmasked, bare, {"scores": shown}, 2.0)
    return said


@pytest.mark.filterwarnings("ignore:Lower right causal bias")
@needs_torch
@pytest.mark.parametrize("align", ["top-left", "bottom-right"])
@pytest.mark.parametrize(("n", "m"), [(2, 5), (5, 2), (4, 4)])
def test_corners_are_torchs_causal_variants(align: str, n: int, m: int) -> None:
    from torch.nn.attention.bias import causal_lower_right, causal_upper_left

    bias = {"top-left": causal_upper_left, "bottom-right": causal_lower_right}[align](n, m)
    allowed = bias._materialize().numpy() if hasattr(bias, "_materialize") else np.asarray(bias)
    allowed = allowed if allowed.dtype == bool else np.isfinite(allowed)
    ours = attend(np.zeros((n, 1)), np.zeros((m, 1)), causal=True, align=align).scores
    np.testing.assert_array_equal(np.isfinite(ours), allowed)
