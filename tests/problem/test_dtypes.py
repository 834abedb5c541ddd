"""`--dtype` of 16 bits: inputs are rounded to it, computed in float32, and results are returned in it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from attncli import AttncliError, attend
from attncli.errors import install_command
from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.results.result import Result

RANDOM = np.random.default_rng(8)
Q, K, V = (RANDOM.normal(size=(2, 3, 5, 8)) for _ in range(3))


def dtype_of(name):
    return np.dtype(getattr(pytest.importorskip("ml_dtypes"), name)) if name == "bfloat16" else np.dtype(name)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_inputs_are_rounded_to_it_and_results_are_those_of_float32(name):
    dtype = dtype_of(name)
    rounded = [array.astype(dtype).astype(np.float32) for array in (Q, K, V)]
    wide, result = attend(*rounded), attend(Q, K, V, dtype=name)
    for each in ("raw_scores", "scores", "weights", "output", "lse"):
        assert getattr(result, each).dtype == dtype
        np.testing.assert_array_equal(getattr(result, each), getattr(wide, each).astype(dtype))
    ours, theirs = result.gradients("ones"), wide.gradients("ones")
    np.testing.assert_array_equal(ours.d_keys, theirs.d_keys.astype(dtype))
    np.testing.assert_array_equal(attend(Q, K, V, dtype=dtype).output, result.output)
    assert result.problem.words.conventions["dtype"] == f"computed in float32, returned in {name}"


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_the_output_is_that_of_torch_within_a_unit_of_the_last_place(name):
    torch = pytest.importorskip("torch")
    dtype = dtype_of(name)
    given = (torch.tensor(array).to(getattr(torch, name)) for array in (Q, K, V))
    theirs = torch.nn.functional.scaled_dot_product_attention(*given).double().numpy()
    ours = attend(Q, K, V, dtype=name).output.astype(np.float64)
    np.testing.assert_allclose(ours, theirs, rtol=2.0 ** {"float16": -10, "bfloat16": -7}[name], atol=2e-2)
    assert dtype.itemsize == 2


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_all_projections_are_rounded_alike(name):
    dtype = dtype_of(name)
    arrays = {"x": Q[0, 0], **{f"w_{letter}": RANDOM.normal(size=(8, 8)) for letter in "qkvo"}}
    rounded = {key: array.astype(dtype).astype(np.float32) for key, array in arrays.items()}
    asked = Request(**{key: Matrix(array, key) for key, array in arrays.items()}, dtype=name)
    by_hand = [(rounded["x"] @ rounded[f"w_{letter}"]).astype(dtype).astype(np.float32) for letter in "qkv"]
    plain = (attend(*by_hand).output.astype(dtype).astype(np.float32) @ rounded["w_o"]).astype(dtype)
    np.testing.assert_array_equal(Result(prepare(asked)).output, plain)


def test_a_number_beyond_bfloat16_is_refused():
    with pytest.raises(AttncliError) as caught:
        attend([[1e39]], [[1.0]], dtype="bfloat16")
    assert str(caught.value) == "queries: 1e+39 at [0, 0] is beyond bfloat16"
    assert caught.value.hint == "--dtype float64"


def test_without_ml_dtypes_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(AttncliError) as caught:
        attend([[1.0]], [[1.0]], dtype="bfloat16")
    assert str(caught.value) == "--dtype: this needs ml_dtypes, which is not installed"
    assert caught.value.hint == install_command("tensors")
