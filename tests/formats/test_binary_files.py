from __future__ import annotations

import io
import pickle
import struct
import sys
import zipfile

import numpy as np
import pytest
from bad_input_reader import bfloat16, read_all
from damaged_files import TENSOR, large_but_possible, npy, npy_header, npz, tensors_header
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attncli.errors import InputError, MissingExtraError, OutputError, install_command
from attncli.formats import BY_NAME
from attncli.formats.encoding import looks_like_text
from attncli.formats.foreign import refuse_foreign
from attncli.formats.npy import make_header
from attncli.matrix import Matrix, Reading

DTYPES = [np.float64, np.float32, np.float16, *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), np.bool_]
any_array = arrays.arrays(st.sampled_from(DTYPES), arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))


def written(format_name: str, **arrays: np.ndarray) -> bytes:
    return b"".join(BY_NAME[format_name].write({name: Matrix(array, "x") for name, array in arrays.items()}))


def assert_same_bits(found: np.ndarray, expected: np.ndarray) -> None:
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()


@given(any_array)
def test_an_npy_file_reads_back_to_the_same_bits(array: np.ndarray) -> None:
    data = written("npy", q=array)
    assert_same_bits(read_all("npy", data)[""].array, array)
    assert_same_bits(np.load(io.BytesIO(data)), array)
    assert data == npy(np.ascontiguousarray(array).reshape(array.shape))


@given(st.dictionaries(st.sampled_from(["output", "weights", "lse"]), any_array, min_size=1))
def test_an_npz_file_reads_back_to_the_same_bits(written_arrays: dict[str, np.ndarray]) -> None:
    data = written("npz", **written_arrays)
    back = read_all("npz", data)
    loaded = np.load(io.BytesIO(data))
    assert list(back) == list(loaded) == list(written_arrays)
    for name, array in written_arrays.items():
        assert_same_bits(back[name].array, array)
        assert_same_bits(loaded[name], array)
    assert data == written("npz", **written_arrays)


@given(st.dictionaries(st.sampled_from(["output", "weights", "lse"]), any_array, min_size=1))
@example({"output": np.array([True, False])})
def test_a_safetensors_file_reads_back_to_the_same_bits(written_arrays: dict[str, np.ndarray]) -> None:
    back = read_all("safetensors", written("safetensors", **written_arrays))
    assert set(back) == set(written_arrays)
    for name, array in written_arrays.items():
        assert_same_bits(back[name].array, array)


def test_bfloat16_is_kept_by_safetensors_and_refused_elsewhere() -> None:
    array = np.array([[1, 0.1], [-np.inf, 3]], bfloat16)
    assert_same_bits(read_all("safetensors", written("safetensors", q=array))["q"].array, array)
    for format_name in ("npy", "npz"):
        with pytest.raises(OutputError) as caught:
            written(format_name, q=array)
        assert str(caught.value) == "q: no other program reads an NPY file of bfloat16"
        assert caught.value.hint == "write it to .safetensors, or add --dtype float32"


@pytest.mark.parametrize("name", ["F8_E4M3", "F8_E5M2"])
def test_eight_bit_floats_of_safetensors_are_read_as_float32(name: str) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = {"F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2}[name]
    cells = np.array([0.5, -2, 3, 1, 0, 1.5, -0.25, 4])
    data = tensors_header(TENSOR % (name.encode(), b"[2, 4]", 8)) + cells.astype(dtype).tobytes()
    matrix = read_all("safetensors", data)["q"]
    assert_same_bits(matrix.array, cells.astype(np.float32).reshape(2, 4))
    kind = np.dtype(dtype).name
    assert matrix.notes == (f"q.safetensors: q: {kind} is read as float32, which holds the same numbers",)


@pytest.mark.parametrize("version", [2, 3])
def test_later_versions_of_npy_are_read(version: int) -> None:
    data = npy(np.eye(2))
    size = int.from_bytes(data[8:10], "little")
    longer = data[:6] + bytes([version, 0]) + struct.pack("<I", size) + data[10:]
    assert_same_bits(read_all("npy", longer)[""].array, np.eye(2))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3).astype(">f8"),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.asfortranarray(np.arange(24, dtype=">i2").reshape(2, 3, 4)),
        np.arange(6, dtype="<u4"),
    ],
    ids=["big-endian", "Fortran order", "both", "little-endian"],
)
def test_any_byte_order_and_axis_order_is_read_right(array: np.ndarray) -> None:
    found = read_all("npy", npy(array))[""].array
    np.testing.assert_array_equal(found, array)
    assert found.dtype.isnative
    assert_same_bits(read_all("npz", npz(q=array))["q"].array, array.astype(array.dtype.newbyteorder("=")))


@pytest.mark.parametrize("format_name", ["npy", "npz", "safetensors"])
@pytest.mark.parametrize(
    "array", [np.arange(12.0).reshape(3, 4).T, np.arange(12.0)[::2], np.arange(3, dtype=">f4")], ids=["T", "steps", ">"]
)
def test_an_array_out_of_order_is_written_in_order(format_name: str, array: np.ndarray) -> None:
    (back,) = read_all(format_name, written(format_name, q=array)).values()
    np.testing.assert_array_equal(back.array, array)


def test_the_numbers_of_an_array_in_order_are_not_copied() -> None:
    array = np.zeros((100, 100))
    for format_name in ("npy", "npz"):
        pieces = list(BY_NAME[format_name].write({"q": Matrix(array, "x")}))
        assert any(isinstance(p, memoryview) and np.shares_memory(np.frombuffer(p, np.uint8), array) for p in pieces)
    data = npy(array)
    assert np.shares_memory(read_all("npy", data)[""].array, np.frombuffer(data, np.uint8))


def test_a_header_of_version_2_is_read() -> None:
    text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n"
    data = b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + np.arange(2.0).tobytes()
    assert read_all("npy", data)[""].array.tolist() == [0, 1]


def test_64_axes_are_read_and_no_more() -> None:
    assert read_all("npy", npy_header("<f8", repr((1,) * 64)) + bytes(8))[""].array.ndim == 64
    with pytest.raises(InputError) as caught:
        read_all("npy", npy_header("<f8", repr((1,) * 65)) + bytes(8))
    assert caught.value.what == "an array cannot have 65 axes"


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_a_pickle_of_any_version_is_refused(version: int) -> None:
    with pytest.raises(InputError) as caught:
        refuse_foreign(pickle.dumps([1.0], version), "q", "text", known=())
    assert caught.value.what == "this is a pickle, which can run any code when it is loaded"


def test_text_is_recognized_by_its_first_512_bytes() -> None:
    assert looks_like_text(b" 1~\t2\r\n")
    assert not looks_like_text(b"1\x7f")
    assert not looks_like_text(b"1\x1f")
    assert looks_like_text(b"1" * 512 + b"\0")
    assert not looks_like_text(b"1" * 511 + b"\0")


def test_a_header_stands_before_numbers_that_are_streamed() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert make_header((np.int64(2), 3), array.dtype) + array.tobytes() == npy(array)


def test_a_member_is_decoded_only_when_it_is_asked_for() -> None:
    data = npz(good=np.ones(2), bad=np.array(["text"]))
    contents = BY_NAME["npz"].read(data, "q.npz", None)  # type: ignore[arg-type]
    assert contents.matrices["good"]().array.tolist() == [1, 1]
    with pytest.raises(InputError):
        contents.matrices["bad"]()


def test_compressed_members_are_read() -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, q=np.zeros((500, 500)))
    assert read_all("npz", stream.getvalue())["q"].where == "q.npz: q"
    assert not read_all("npz", stream.getvalue())["q"].array.any()


def test_an_archive_does_not_say_when_or_where_it_was_written() -> None:
    data = written("npz", q=np.ones(2), k=np.ones(2))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    assert {(member.create_system, member.external_attr) for member in members} == {(3, 0o644 << 16)}
    size, start = struct.unpack_from("<II", data, len(data) - 10)
    assert start + size + 22 == len(data)  # the list of members is where the end of the archive says


def test_a_large_member_is_not_refused_before_it_is_inflated() -> None:
    assert list(BY_NAME["npz"].read(large_but_possible(), "q.npz", Reading()).matrices) == ["q"]


def test_much_is_inflated_from_little_where_it_is_harmless() -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, q=np.zeros(2_000_000))
    assert stream.tell() * 1000 < 16_000_000
    assert read_all("npz", stream.getvalue())["q"].array.shape == (2_000_000,)


def test_what_safetensors_cannot_hold_is_refused_by_its_name() -> None:
    for name, where in (("q", "q"), ("", "x")):
        with pytest.raises(OutputError) as caught:
            written("safetensors", **{name: np.ones(1, complex)})
        assert str(caught.value) == f"{where}: safetensors has no complex128"


@pytest.mark.parametrize(("format_name", "name"), [("npz", "arr_0"), ("safetensors", "array")])
def test_an_array_without_a_name_gets_the_usual_one(format_name: str, name: str) -> None:
    data = b"".join(BY_NAME[format_name].write({"": Matrix(np.ones(1), "x")}))
    assert list(read_all(format_name, data)) == [name]


def test_a_missing_library_for_bfloat16_or_safetensors_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    data = written("safetensors", q=np.zeros(1, bfloat16))
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(MissingExtraError) as caught:
        read_all("safetensors", data)
    assert caught.value.hint == install_command("tensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (lambda: read_all("safetensors", data), lambda: written("safetensors", q=np.zeros(1))):
        with pytest.raises(MissingExtraError) as caught:
            call()
        assert "safetensors" in caught.value.what


VALID = {
    "npy": npy(np.arange(4.0).reshape(2, 2)),
    "npz": npz(q=np.arange(4.0).reshape(2, 2), k=np.ones(3)),
    "safetensors": tensors_header(TENSOR % (b"F64", b"[2,2]", 32)) + np.arange(4.0).tobytes(),
}


@pytest.mark.parametrize("format_name", VALID)
@given(st.data())
def test_a_damaged_file_raises_nothing_but_an_input_error(format_name: str, data: st.DataObject) -> None:
    damaged = bytearray(VALID[format_name])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))
    where = f"q.{format_name}"
    try:
        read_all(format_name, bytes(damaged[:length]))
    except InputError as error:
        where = error.where
    assert where.startswith(f"q.{format_name}")
