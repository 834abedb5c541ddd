"""ONNX's own test data: a model of one Attention node and its tensors are a problem with its expected results."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attncli.errors import InputError
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources

onnx = pytest.importorskip("onnx")
numpy_helper = pytest.importorskip("onnx.numpy_helper")
reference = pytest.importorskip("onnx.reference")
if not pytest.importorskip("onnx.defs").has("Attention"):
    pytest.skip("this onnx, which reads tensors, cannot run the node that makes these cases", allow_module_level=True)

RANDOM = np.random.default_rng(7)
INPUTS = ("Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen")


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def write_case(folder: Path, tensors: dict[str, np.ndarray], results: tuple[str, ...] = ("Y",), **attributes) -> Path:
    """A case as ONNX's suite keeps it, its results by ONNX's own reference."""
    names = [name if name in tensors else "" for name in INPUTS]
    while not names[-1]:
        names.pop()
    node = onnx.helper.make_node("Attention", names, list(results), **attributes)
    kinds = {name: onnx.helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in tensors.items()}
    inputs = [onnx.helper.make_tensor_value_info(name, kinds[name], array.shape) for name, array in tensors.items()]
    outputs = [onnx.helper.make_tensor_value_info(name, kinds["Q"], None) for name in results if name]
    graph = onnx.helper.make_graph([node], "case", inputs, outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 24)])
    found = reference.ReferenceEvaluator(model).run(None, tensors)
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    for kind, arrays in (("input", tensors.values()), ("output", found)):
        for index, array in enumerate(arrays):
            (data / f"{kind}_{index}.pb").write_bytes(numpy_helper.from_array(np.asarray(array)).SerializeToString())
    return folder


def plain(n: int = 3, m: int = 4) -> dict[str, np.ndarray]:
    return {"Q": floats(1, 2, n, 8), "K": floats(1, 2, m, 8), "V": floats(1, 2, m, 5)}


PAST = {"past_key": floats(1, 2, 2, 8), "past_value": floats(1, 2, 2, 5)}
CASES = {
    "four axes": (plain(), {}),
    "causal": (plain(4, 4), {"is_causal": 1}),
    "a scale and a softcap": (plain(), {"scale": 0.01, "softcap": 0.02}),
    "a mask of truths": ({**plain(), "attn_mask": np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]], bool)}, {}),
    "a mask that is added": ({**plain(), "attn_mask": floats(2, 3, 4)}, {}),
    "packed heads in groups": (
        {"Q": floats(2, 3, 4 * 8), "K": floats(2, 5, 2 * 8), "V": floats(2, 5, 2 * 4)},
        {"q_num_heads": 4, "kv_num_heads": 2},
    ),
    "keys of the past": ({**plain(), **PAST}, {"is_causal": 1}),
}
WITH_PAST = ("Y", "present_key", "present_value")


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_checked_and_holds(name: str, run: Callable[..., Any], tmp_path: Path) -> None:
    tensors, attributes = CASES[name]
    folder = write_case(tmp_path / name, tensors, WITH_PAST if "past_key" in tensors else ("Y",), **attributes)
    for given in (folder, folder / "test_data_set_0"):
        checked = run("check", given)
        assert (checked.status, checked.err) == (0, "")
        assert checked.out.split()[:2] == ["within-tolerance", name.split()[0]]


@pytest.mark.parametrize(("mode", "result"), [(2, "scores"), (3, "weights")])
def test_what_the_node_says_of_its_scores_is_expected_too(mode: int, result: str, tmp_path: Path) -> None:
    tensors = {**plain(), "attn_mask": floats(3, 4)}
    folder = write_case(tmp_path / "a", tensors, ("Y", "", "", "qk"), qk_matmul_output_mode=mode)
    assert set(read_problem(str(folder), Sources(io.BytesIO)).expected) == {"output", result}


def test_a_folder_of_cases_is_a_suite(run: Callable[..., Any], tmp_path: Path) -> None:
    write_case(tmp_path / "first", plain())
    write_case(tmp_path / "second", plain(), is_causal=1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.onnx").write_bytes(b"")
    checked = run("check", tmp_path)
    assert checked.status == 0
    assert checked.out.endswith("2 cases: 2 within-tolerance\n")


def test_a_folder_of_cases_is_a_batch_that_can_be_resumed(process: Callable[..., Any], tmp_path: Path) -> None:
    folder = write_case(tmp_path / "suite" / "first", plain())
    write_case(tmp_path / "suite" / "second", plain(), is_causal=1)
    command = ["batch", tmp_path / "suite", "-d", tmp_path / "out", "-j", "1"]
    first = process(*command)
    assert first.status == 0
    assert "2 jobs: 2 ok" in first.out + first.err
    file = folder / "test_data_set_0" / "output_0.pb"
    array = numpy_helper.to_array(onnx.TensorProto.FromString(file.read_bytes()))
    file.write_bytes(numpy_helper.from_array(array + np.float32(0.5)).SerializeToString())
    second = process(*command, "--resume")
    assert second.status == 1
    assert "1 wrong" in second.out + second.err or "differ" in second.out + second.err


def test_a_wrong_answer_is_found(run: Callable[..., Any], tmp_path: Path) -> None:
    folder = write_case(tmp_path / "a", plain())
    file = folder / "test_data_set_0" / "output_0.pb"
    array = numpy_helper.to_array(onnx.TensorProto.FromString(file.read_bytes()))
    file.write_bytes(numpy_helper.from_array(array + np.float32(0.5)).SerializeToString())
    assert run("check", folder).status == 1


def test_a_model_of_other_nodes_is_refused(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "a", plain())
    model = onnx.load(folder / "model.onnx")
    model.graph.node.append(onnx.helper.make_node("Abs", ["Y"], ["Z"]))
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError) as caught:
        read_problem(str(folder), Sources(io.BytesIO))
    assert caught.value.where == str(folder / "model.onnx")
    assert caught.value.what == "the model has 2 nodes; expected a single Attention node"
