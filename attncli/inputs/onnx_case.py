"""Test data of ONNX operators: a folder with input_0.pb … output_0.pb beside the model that they belong to.

A model of one Attention node is a problem with expected results. Its attributes are the settings.
"""

# A path stays the text that was typed.
# ruff: noqa: PTH100, PTH118, PTH119, PTH120
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.errors import InputError, MissingExtraError
from attncli.files import exists, is_folder, list_folder, path_text, read_bytes
from attncli.formats.pb import decode_tensor, parse_tensor
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

if TYPE_CHECKING:
    from attncli.inputs.sources import Sources

_MODEL = "model.onnx"
_DATA = "test_data_set_"
_INPUTS = ("Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen")
_SCORES, _SOFTCAPPED, _MASKED, _WEIGHTS = range(4)  # the contents of qk_matmul_output


def case_folders(folder: str) -> tuple[str, str] | None:
    """Return the model and the folder of tensors if the folder is such a case, or None."""
    if exists(os.path.join(folder, "input_0.pb")):
        model = os.path.join(os.path.dirname(os.path.abspath(folder)), _MODEL)
        return (model, folder) if exists(model) else None
    if not exists(os.path.join(folder, _MODEL)):
        return None
    sets = [
        entry for entry in list_folder(folder) if entry.startswith(_DATA) and is_folder(os.path.join(folder, entry))
    ]
    return (os.path.join(folder, _MODEL), os.path.join(folder, sets[0])) if len(sets) == 1 else None


def is_attention_case(folder: str) -> bool:
    """Return whether the folder is a case whose model is one Attention node. Return False if onnx is not installed."""
    found = case_folders(folder)
    if found is None:
        return False
    try:
        _attention_node(read_bytes(found[0]), found[0])
    except (InputError, MissingExtraError):
        return False
    return True


def case_name(folder: str) -> str:
    """Return the name of the case, which is that of the folder of its model."""
    path = os.path.abspath(folder)
    return os.path.basename(os.path.dirname(path) if os.path.basename(path).startswith(_DATA) else path)


def read_case(folder: str, sources: Sources) -> Worksheet | None:
    """Return the problem with its expected results, or None if the folder is not a case.

    Raises InputError if it cannot be read.
    """
    found = case_folders(folder)
    if found is None:
        return None
    model, data = found
    node = _attention_node(sources.data_of(model), model)
    inputs = _tensors(node.input, data, "input", sources)
    outputs = _tensors(node.output, data, "output", sources)
    tensors = {role: inputs[name] for role, name in zip(_INPUTS, node.input, strict=False) if name}
    attributes = {attribute.name: _value(attribute) for attribute in node.attribute}
    names = dict(zip(("output", "", "", "qk"), node.output, strict=False))
    expected = {"output": outputs[names["output"]]}
    notes = _expect_scores(expected, outputs.get(names.get("qk", "")), attributes, tensors)
    request = _request(tensors, attributes)
    return Worksheet(
        request=request,
        name=case_name(folder),
        where=path_text(data),
        source="ONNX",
        expected=expected,
        own_notes=notes,
    )


def _attention_node(data: bytes, path: str) -> Any:
    where = path_text(path)
    try:
        import onnx
    except ImportError:
        raise MissingExtraError(where, "onnx", "onnx") from None
    try:
        graph = onnx.ModelProto.FromString(data).graph
    except Exception:  # DecodeError of whichever protobuf is installed
        raise InputError(where, "this is not an ONNX model", "save it again: onnx.save(model, FILE)") from None
    if [node.op_type for node in graph.node] != ["Attention"]:
        what = f"the model has {len(graph.node)} nodes; expected a single Attention node"
        raise InputError(where, what, "give its matrices separately: attncli run input_0.pb input_1.pb input_2.pb")
    return graph.node[0]


def _value(attribute: Any) -> Any:
    import onnx

    return onnx.helper.get_attribute_value(attribute)


def _tensors(names: Any, folder: str, kind: str, sources: Sources) -> dict[str, Matrix]:
    """Return the tensors of the names in use, by name. Files are numbered without the unused names."""
    found = {}
    for index, name in enumerate(name for name in names if name):
        path = os.path.join(folder, f"{kind}_{index}.pb")
        found[name] = decode_tensor(parse_tensor(sources.data_of(path), path_text(path)), path_text(path))
    return found


def _request(tensors: dict[str, Matrix], attributes: dict[str, Any]) -> Request:
    """Return the settings that the attributes and optional inputs stand for."""

    heads = (attributes.get("q_num_heads", 0), attributes.get("kv_num_heads", 0))
    past = 0
    keys, values = tensors["K"], tensors["V"]
    if "past_key" in tensors:
        past = tensors["past_key"].array.shape[-2]
        keys = _join_past(tensors["past_key"], keys)
        values = _join_past(tensors["past_value"], values)
    settings: dict[str, Any] = {"system": "onnx", "causal": bool(attributes.get("is_causal")) or None}
    if keys.array.ndim == 3:
        settings["heads"] = heads
    if "scale" in attributes:
        settings["scale"] = repr(float(attributes["scale"]))
    if attributes.get("softcap"):
        settings["softcap"] = float(attributes["softcap"])
    window = (int(attributes.get("left_window_size", -1)), int(attributes.get("right_window_size", -1)))
    if window != (-1, -1):
        settings["window"] = window
    has_order = settings["causal"] or "window" in settings  # otherwise the position of a query does not matter
    if past and has_order:
        settings["query_offset"] = past
    if "nonpad_kv_seqlen" in tensors:
        settings["key_lengths"] = tensors["nonpad_kv_seqlen"]
        settings["align"] = "bottom-right" if has_order else None
    if "attn_mask" in tensors:
        mask = _widen(tensors["attn_mask"], keys.array.shape[-2])
        settings["mask" if mask.array.dtype.kind == "b" else "bias"] = mask
    if any(not np.isfinite(matrix.array.astype(float)).all() for matrix in (tensors["Q"], keys, values)):
        settings["allow_nonfinite"] = True
    return Request(queries=tensors["Q"], keys=keys, values=values, **settings)


def _join_past(past: Matrix, new: Matrix) -> Matrix:
    """Return the past keys or values followed by the new ones. Those of the past always have an axis of heads."""

    array = past.array
    if new.array.ndim == 3:
        batch, heads, length, width = array.shape
        array = array.swapaxes(1, 2).reshape(batch, length, heads * width)
    return Matrix(np.concatenate([array, new.array], axis=-2), new.where)


def _widen(mask: Matrix, count: int) -> Matrix:
    """Return the mask with one column per key. Keys beyond its columns are hidden."""

    missing = count - mask.array.shape[-1]
    if missing <= 0 or mask.array.shape[-1] == 1:
        return mask
    hidden: Any = False if mask.array.dtype.kind == "b" else -np.inf
    widths = [(0, 0)] * (mask.array.ndim - 1) + [(0, missing)]
    return Matrix(np.pad(mask.array, widths, constant_values=hidden), mask.where)


def _expect_scores(
    expected: dict[str, Matrix], found: Matrix | None, attributes: dict[str, Any], tensors: dict[str, Matrix]
) -> tuple[str, ...]:
    """Add the contents of qk_matmul_output to the expected results, if attncli has such a result."""
    if found is None:
        return ()
    mode = attributes.get("qk_matmul_output_mode", _SCORES)
    hides = "attn_mask" in tensors or attributes.get("is_causal") or "nonpad_kv_seqlen" in tensors
    if mode == _WEIGHTS:
        expected["weights"] = found
    elif mode == _MASKED or (not hides and (mode == _SOFTCAPPED or not attributes.get("softcap"))):
        expected["scores"] = found
    else:
        return (f"{found.where}: left out: the scores before the mask are not checked",)
    return ()
