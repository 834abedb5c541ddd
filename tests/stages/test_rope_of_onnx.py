"""Rotary positions beside the reference of ONNX's RotaryEmbedding."""

from __future__ import annotations

import numpy as np
import pytest

from attncli.stages.row_transforms import PAIRING_BY_NAME, Rotation


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize("size", [8, 4], ids=["all columns", "the first four"])
def test_rows_are_turned_as_the_reference_turns_them(pairing, size):
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    if not any(schema.name == "RotaryEmbedding" for schema in onnx.defs.get_all_schemas()):
        pytest.skip("this onnx has no RotaryEmbedding")
    random = np.random.default_rng(size)
    rows, positions = random.normal(size=(2, 3, 5, 8)).astype(np.float32), np.arange(5)
    angles = positions[:, None] * 100.0 ** (-2 * np.arange(size // 2) / size)
    cos, sin = (function(angles).astype(np.float32) for function in (np.cos, np.sin))
    ids = np.broadcast_to(positions, (2, 5)).astype(np.int64)
    node = onnx.helper.make_node(
        "RotaryEmbedding",
        ["x", "cos", "sin", "ids"],
        ["y"],
        interleaved=int(pairing == "interleaved"),
        rotary_embedding_dim=size if size < 8 else 0,
    )
    theirs = reference.ReferenceEvaluator(node).run(None, {"x": rows, "cos": cos, "sin": sin, "ids": ids})[0]
    ours = Rotation(PAIRING_BY_NAME[pairing], 100.0, size, 1.0).apply(rows, positions)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
