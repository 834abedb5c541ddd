"""MAT files and HDF5: whole containers of other programs, of which the arrays of numbers are read."""

from __future__ import annotations

import contextlib
import io
import struct
import sys
import zlib

import numpy as np
import pytest
from bad_input_reader import read_all
from hypothesis import given
from hypothesis import strategies as st

from attncli.errors import InputError, MissingExtraError, install_command
from attncli.formats import BY_NAME, mat
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

scipy_io = pytest.importorskip("scipy.io")
h5py = pytest.importorskip("h5py")

QUERIES = np.array([[1.5, 2.0, 3.0], [4.0, 5.0, -6.25]])
MIXED = {
    "Q": QUERIES,
    "K": QUERIES.astype(np.float32),
    "mask": np.array([[True, False]]),
    "whole": np.array([[1, 2]], np.int32),
    "deep": np.arange(24.0).reshape(2, 3, 4),
    "text": "text",
    "cell": np.array([1, "a"], object),
    "struct": {"a": 1.0},
}
DAMAGED = "the file is damaged or was cut off: write it again"


def mat_file(matrices: dict[str, object], **options: object) -> bytes:
    stream = io.BytesIO()
    scipy_io.savemat(stream, matrices, **options)
    return stream.getvalue()


def h5_file(fill) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        fill(file)
    return stream.getvalue()


def refusal(format_name: str, data: bytes) -> tuple[str, str | None]:
    with pytest.raises(InputError) as caught:
        read_all(format_name, data)
    return str(caught.value), caught.value.hint


@pytest.mark.parametrize("options", [{}, {"do_compression": True}], ids=["as it is", "compressed"])
def test_the_arrays_of_level_5_are_read_and_what_is_not_one_is_left_out(options) -> None:
    found = read_all("mat", mat_file(MIXED, **options))
    assert {name: (matrix.array.dtype.name, matrix.array.tolist()) for name, matrix in found.items()} == {
        "Q": ("float64", QUERIES.tolist()),
        "K": ("float32", QUERIES.tolist()),
        "mask": ("bool", [[True, False]]),
        "whole": ("int32", [[1, 2]]),
        "deep": ("float64", np.arange(24.0).reshape(2, 3, 4).tolist()),
    }
    assert found["Q"].where == "q.mat: Q"


def test_level_4_is_read() -> None:
    found = read_all("mat", mat_file({"Q": QUERIES, "K": np.eye(2)}, format="4"))
    assert {name: matrix.array.tolist() for name, matrix in found.items()} == {
        "Q": QUERIES.tolist(),
        "K": [[1.0, 0.0], [0.0, 1.0]],
    }


def test_a_sparse_matrix_is_read_with_its_zeros() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    assert read_all("mat", mat_file({"S": sparse.csc_matrix(np.eye(2))}))["S"].array.tolist() == [
        [1.0, 0.0],
        [0.0, 1.0],
    ]


def test_a_sparse_matrix_of_level_4_is_read_with_its_zeros() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    cells = np.array([[0.0, 2.5, 0.0], [1.0, 0.0, 0.0]])
    data = mat_file({"S": sparse.csc_matrix(cells)}, format="4")
    assert read_all("mat", data)["S"].array.tolist() == cells.tolist()


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_every_class_of_numbers_is_read_as_scipy_reads_it(rows: int) -> None:
    dtypes = ("f8", "f4", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)))
    arrays = {f"x_{dtype}": np.arange(rows * 4).reshape(rows, 4).astype(dtype) for dtype in dtypes}
    found = read_all("mat", mat_file(arrays))
    for name, array in scipy_io.loadmat(io.BytesIO(mat_file(arrays)), mat_dtype=True).items():
        if not name.startswith("__"):
            assert (found[name].array.dtype, found[name].array.tolist()) == (array.dtype, array.tolist())


def test_a_big_endian_file_is_read() -> None:
    numbers = QUERIES.T.astype(">f8").tobytes()
    header = b"MATLAB 5.0 MAT-file".ljust(124, b" ") + b"\1\0MI"
    parts = struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, *QUERIES.shape)
    parts += struct.pack(">HH4s", 1, 1, b"Q\0\0\0") + struct.pack(">II", 9, len(numbers)) + numbers
    found = read_all("mat", header + struct.pack(">II", 14, len(parts)) + parts)
    assert found["Q"].array.tolist() == QUERIES.tolist()


def test_whole_numbers_are_the_doubles_that_matlab_means() -> None:
    assert read_all("mat", mat_file({"Q": np.array([[1.0, 2.0]])}))["Q"].array.dtype == np.float64


def test_a_file_of_matlab_7_3_has_the_axes_that_matlab_shows() -> None:
    def fill(file) -> None:
        file.create_dataset("Q", data=QUERIES.T)
        file.create_dataset("mask", data=np.array([[1], [0]], np.uint8)).attrs["MATLAB_class"] = np.bytes_("logical")

    data = h5_file(fill)
    header = b"MATLAB 7.3 MAT-file".ljust(512, b" ")
    for whole in (data, header + data):
        with contextlib.suppress(InputError):  # a header before HDF5 needs its own addresses; MATLAB's has them
            found = read_all("mat", whole)
            assert found["Q"].array.tolist() == QUERIES.tolist()
            assert (found["mask"].array.dtype, found["mask"].array.tolist()) == (np.bool_, [[True, False]])
    assert read_all("mat", data)["Q"].array.flags.c_contiguous


REFUSED_MAT = [
    ("an empty file", b"", "q.mat: the file is empty", "write numbers into it, or name another file"),
    ("text", b"1 2\n3 4\n", "q.mat: this is text, not a MAT file", "name it .txt or .csv"),
    (
        "only text",
        mat_file({"t": "a"}),
        "q.mat: holds text, but no array of numbers",
        "save matrices: save('FILE.mat', 'Q', 'K', 'V')",
    ),
    (
        "complex numbers",
        mat_file({"z": np.array([[1j]])}),
        "q.mat: z: its cells are complex, not real numbers",
        "save its real part: real(Q)",
    ),
    ("half a file", mat_file({"Q": np.eye(40)})[:500], "q.mat: this is not a MAT file that can be read", DAMAGED),
]


@pytest.mark.parametrize(("data", "what", "hint"), [case[1:] for case in REFUSED_MAT], ids=[c[0] for c in REFUSED_MAT])
def test_what_holds_no_matrices_is_refused(data: bytes, what: str, hint: str | None) -> None:
    assert refusal("mat", data) == (what, hint)


def test_a_variable_that_inflates_beyond_measure_is_refused(monkeypatch) -> None:
    data = mat_file({"Q": np.zeros((1000, 1000))}, do_compression=True)
    monkeypatch.setattr(mat, "HARMLESS", 1 << 20)
    monkeypatch.setattr(mat, "_STEP", 1 << 16)
    what, hint = refusal("mat", data)
    assert what.startswith("q.mat: a variable inflates to more than ")
    assert hint == "save it as it is: save -v6"


def test_hdf5_gives_each_data_set_its_path_and_opens_no_other_file() -> None:
    def fill(file) -> None:
        file["q"] = QUERIES
        file["layer/k"] = QUERIES.astype(np.float16)
        file["mask"] = np.array([True, False])
        file["text"] = "text"
        file["again"] = file["/"]
        file["soft"] = h5py.SoftLink("/q")
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/q")
        file.create_dataset("packed", data=np.ones((100, 100)), compression="gzip")

    found = read_all("h5", h5_file(fill))
    assert set(found) == {"q", "layer/k", "mask", "packed"}
    assert found["q"].array.tolist() == QUERIES.tolist()
    assert (found["layer/k"].array.dtype, found["layer/k"].where) == (np.float16, "q.h5: layer/k")
    assert found["mask"].array.tolist() == [True, False]


def nothing(_file) -> None:
    pass


def outside(file) -> None:
    file.create_dataset("q", shape=(3,), dtype="f8", external=[("/dev/zero", 0, 24)])


def empty_but_huge(file) -> None:
    file.create_dataset("q", shape=(1 << 20, 1 << 10), dtype="f8", chunks=(1024, 1024))


def unwritten(file) -> None:
    file.create_dataset("q", shape=(2, 3), dtype="f8")


def false_truths(file) -> None:
    file["q"] = np.array([[0, 2]], np.uint8)
    file["q"].attrs["MATLAB_class"] = np.bytes_("logical")


def complex_cells(file) -> None:
    file["q"] = np.array([1j])


REFUSED_H5 = [
    ("text", b"1 2\n", "q.h5: this is text, not an HDF5 file", "name it .txt or .csv"),
    (
        "other bytes",
        b"\0\1\2\3",
        "q.h5: this is not an HDF5 file: it does not begin like one",
        "give it the suffix of its format: .csv, .json, .npy, …",
    ),
    ("no data set", h5_file(nothing), "q.h5: holds no data set of numbers", "save one: f['q'] = q, of real numbers"),
    ("a part alone", h5_file(complex_cells)[:300], "q.h5: the HDF5 file cannot be read", DAMAGED),
    (
        "another file's numbers",
        h5_file(outside),
        "q.h5: q: its numbers lie in another file, which is not opened",
        "copy them into this one",
    ),
    (
        "numbers that were never stored",
        h5_file(empty_but_huge),
        "q.h5: q: claims 8589934592 bytes, more than 1000 times what is stored",
        DAMAGED,
    ),
    (
        "a data set without numbers",
        h5_file(unwritten),
        "q.h5: q: was made, but no numbers were written to it",
        "write them before the file is closed: f['q'][...] = q",
    ),
    ("truths that are none", h5_file(false_truths), "q.h5: q: its booleans are numbers other than 0 and 1", DAMAGED),
    (
        "complex numbers",
        h5_file(complex_cells),
        "q.h5: q: its cells are complex, not real numbers",
        "save them as float64",
    ),
]


@pytest.mark.parametrize(("data", "what", "hint"), [case[1:] for case in REFUSED_H5], ids=[c[0] for c in REFUSED_H5])
def test_hdf5_without_matrices_is_refused(data: bytes, what: str, hint: str | None) -> None:
    assert refusal("h5", data) == (what, hint)


@pytest.mark.parametrize("name", ["mat", "h5"])
def test_both_are_recognized_on_standard_input(name: str) -> None:
    data = mat_file({"Q": QUERIES}) if name == "mat" else h5_file(lambda file: file.create_dataset("Q", data=QUERIES))
    found = Sources(lambda: io.BytesIO(data)).matrix("-", role="queries")
    assert found.array.tolist() == QUERIES.tolist()


@pytest.mark.parametrize("name", ["mat", "h5"])
def test_a_missing_library_names_its_extra(name: str, monkeypatch) -> None:
    data = h5_file(nothing)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError) as caught:
        BY_NAME[name].read(data, "q", Reading())
    assert str(caught.value) == "q: this needs h5py, which is not installed"
    assert caught.value.hint == install_command("hdf5")


def test_a_part_of_a_data_set_that_was_never_written_is_zero() -> None:
    def fill(file) -> None:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((1, 64))
        plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space, kind = h5py.h5s.create_simple((64, 64)), h5py.h5t.NATIVE_DOUBLE
        h5py.Dataset(h5py.h5d.create(file.id, b"q", kind, space, dcpl=plan))[0] = 1.0

    found = read_all("h5", h5_file(fill))["q"].array
    assert (found[0] == 1).all()
    assert (found[1:] == 0).all()


def chunked(stored: bytes, filter_mask: int = 0, **options) -> bytes:
    """Return a file with a data set of 2 × 3 float64 whose only chunk is stored so."""

    def fill(file) -> None:
        given = {"compression": "gzip", **options}
        packed = file.create_dataset("q", (2, 3), np.float64, chunks=(2, 3), **given)
        packed.id.write_direct_chunk((0, 0), stored, filter_mask)

    return h5_file(fill)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_chunk_of_hdf5_is_read_only_if_it_holds_all_of_its_bytes(shuffle: bool) -> None:
    bare = 2 * shuffle + 1  # no filter was applied
    numbers = np.arange(6.0).reshape(2, 3)
    ordered = numbers.view(np.uint8).reshape(6, 8).T.tobytes() if shuffle else numbers.tobytes()
    for stored, mask in ((zlib.compress(ordered), 0), (numbers.tobytes(), bare)):
        read_back = read_all("h5", chunked(stored, mask, shuffle=shuffle))["q"].array
        assert read_back.tolist() == numbers.tolist()
    fewer, more = ordered[:40], ordered + bytes(8)
    for stored, mask in ((zlib.compress(fewer), 0), (zlib.compress(more), 0), (fewer, bare)):
        what, hint = refusal("h5", chunked(stored, mask, shuffle=shuffle))
        assert (what, hint) == ("q.h5: q: the file holds fewer or more bytes than its cells take", DAMAGED)


def test_a_chunk_without_filters_is_read_only_if_it_holds_all_of_its_bytes() -> None:
    numbers = np.arange(6.0).tobytes()
    assert read_all("h5", chunked(numbers, compression=None))["q"].array.reshape(-1).tolist() == list(range(6))
    whole = bytearray(chunked(numbers, compression=None))
    places = [at for at in range(len(whole) - 4) if whole[at : at + 4] == (48).to_bytes(4, "little")]
    told = set()
    for at in places:  # one of these is the size of the chunk
        shorter = bytearray(whole)
        shorter[at : at + 4] = (30).to_bytes(4, "little")
        with contextlib.suppress(InputError):
            read_all("h5", bytes(shorter))
            continue
        told.add(refusal("h5", bytes(shorter))[0])
    assert "q.h5: q: the file holds fewer or more bytes than its cells take" in told


CLASS, BITS = 144, 145  # places of the flags of the first variable
UINT8, LOGICAL = 9, 2


@pytest.mark.parametrize(("place", "value"), [(CLASS, UINT8), (BITS, LOGICAL)])
def test_cells_that_their_class_cannot_hold_say_that_a_mat_file_is_damaged(place: int, value: int) -> None:
    data = bytearray(mat_file({"Q": np.array([[-1.0, 2.5]])}))
    data[place] = value
    assert refusal("mat", bytes(data))[1] == DAMAGED


@given(st.data())
def test_a_damaged_file_is_refused_or_read_but_nothing_else(data: st.DataObject) -> None:
    whole = data.draw(
        st.sampled_from([mat_file(MIXED), mat_file(MIXED, do_compression=True), mat_file({"Q": QUERIES}, format="4")])
    )
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        read_all("mat", bytes(damaged))
