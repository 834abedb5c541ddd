"""Tensors of ONNX in files of their own."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest
from bad_input_reader import read_all
from hypothesis import given
from hypothesis import strategies as st

from attncli.errors import InputError, MissingExtraError, install_command

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnx.defs")
helper = pytest.importorskip("onnx.numpy_helper")

QUERIES = np.array([[1.5, 2, 3], [4, 5, -6.25]], np.float32)
DAMAGED = "the file is damaged or was cut off: write it again"


def tensor(array: np.ndarray, name: str = "Q") -> bytes:
    return helper.from_array(array, name).SerializeToString()


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "i1", "u1", "u8", "?"])
def test_a_tensor_of_any_dtype_is_the_files_only_array(dtype: str) -> None:
    array = np.arange(6).reshape(1, 2, 3).astype(dtype)
    found = read_all("pb", tensor(array))[""].array
    assert (found.dtype, found.tolist()) == (array.dtype, array.tolist())


def test_a_tensor_without_raw_bytes_is_read() -> None:
    proto = onnx.helper.make_tensor("Q", onnx.TensorProto.FLOAT, [2, 3], QUERIES.ravel().tolist())
    assert read_all("pb", proto.SerializeToString())[""].array.tolist() == QUERIES.tolist()


NARROW = {"bfloat16": onnx.TensorProto.BFLOAT16, "float8_e4m3fn": onnx.TensorProto.FLOAT8E4M3FN}


@pytest.mark.skipif(not onnx.defs.has("Attention"), reason="this onnx has dtypes of its own for narrow floats")
def test_narrow_floats_are_read() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype, kept in ((ml_dtypes.bfloat16, "bfloat16"), (ml_dtypes.float8_e4m3fn, "float32")):
        raw = np.arange(4).astype(dtype)
        proto = onnx.TensorProto(dims=[4], data_type=NARROW[raw.dtype.name], raw_data=raw.tobytes())
        found = read_all("pb", proto.SerializeToString())[""].array
        assert (found.dtype.name, found.astype(float).tolist()) == (kept, [0, 1, 2, 3])


def test_a_published_file_is_read() -> None:
    found = read_all("pb", (Path(__file__).parent / "onnx_input_0.pb").read_bytes())[""].array
    assert (found.dtype, found.tolist()) == (np.float32, QUERIES.tolist())


def external() -> bytes:
    proto = helper.from_array(QUERIES, "Q")
    proto.data_location = onnx.TensorProto.EXTERNAL
    entry = proto.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return proto.SerializeToString()


def short() -> bytes:
    proto = helper.from_array(QUERIES, "Q")
    proto.raw_data = proto.raw_data[:-1]
    return proto.SerializeToString()


REFUSED = [
    ("an empty file", b"", "the file is empty", "write numbers into it, or name another file"),
    ("text", b"1,2\n", "this is text, not an ONNX tensor", "name it .csv or .txt"),
    (
        "other bytes",
        b"\0\1\2\3",
        "this is not an ONNX tensor (TensorProto)",
        "of a model, save each array by itself: numpy.save(FILE, onnx.numpy_helper.to_array(tensor))",
    ),
    ("too few numbers", short(), "a tensor of FLOAT and shape (2, 3) cannot be read", DAMAGED),
    ("complex numbers", tensor(np.array([1j])), "its cells are COMPLEX128, not real numbers", "save it as FLOAT"),
    ("another file", external(), "its numbers lie in another file, which is not opened", "save it with raw_data"),
]


@pytest.mark.parametrize(("data", "what", "hint"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_not_a_tensor_of_numbers_is_refused(data: bytes, what: str, hint: str | None) -> None:
    with pytest.raises(InputError) as caught:
        read_all("pb", data)
    assert (caught.value.where, caught.value.what, caught.value.hint) == ("q.pb", what, hint)


def test_a_missing_library_names_its_extra(monkeypatch) -> None:
    data = tensor(QUERIES)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError) as caught:
        read_all("pb", data)
    assert str(caught.value) == "q.pb: this needs onnx, which is not installed"
    assert caught.value.hint == install_command("onnx")


@given(st.data())
def test_a_damaged_file_is_refused_or_read_but_nothing_else(data: st.DataObject) -> None:
    damaged = bytearray(tensor(QUERIES))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        read_all("pb", bytes(damaged))
