"""Files of torch.save: which tensors they hold, and what none of them can make attncli do."""

from __future__ import annotations

import contextlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from bad_input_reader import bfloat16, read_all
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch_files import archive, called, legacy, mapping, name, of_array, tensor, value

from attncli.errors import InputError
from attncli.formats.pickles import PickleError, read_pickle
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

FOLDER = Path(__file__).parent / "torch_saves"
QUERIES = [[1.0, 0.0], [0.0, 1.0], [0.5, 0.25]]
GRID = np.arange(24.0, dtype=np.float32).reshape(4, 6)
CELLS = np.arange(6.0, dtype="<f4")
DAMAGED = "the file is damaged or was cut off: write it again"


def read_file(stem: str) -> dict[str, np.ndarray]:
    return {name: matrix.array for name, matrix in read_all("pt", (FOLDER / f"{stem}.pt").read_bytes()).items()}


@pytest.mark.parametrize("stem", ["alone", "alone_legacy"])
def test_a_tensor_alone_is_the_files_only_array(stem: str) -> None:
    assert {name: array.tolist() for name, array in read_file(stem).items()} == {"": QUERIES}


@pytest.mark.parametrize("stem", ["problem", "problem_legacy"])
def test_a_mapping_gives_each_tensor_its_key(stem: str) -> None:
    found = read_file(stem)
    assert list(found) == ["q", "k", "v"]
    assert found["v"].tolist() == (np.array(QUERIES) + 1).tolist()


@pytest.mark.parametrize("stem", ["list", "list_legacy"])
def test_lists_and_mappings_in_one_another_give_a_tensor_its_path(stem: str) -> None:
    assert list(read_file(stem)) == ["0", "1.inner.0"]


def test_values_beside_the_tensors_are_settings_of_a_problem(tmp_path: Path) -> None:
    tensors = {key: tensor("<f8", key, 4, 0, (2, 2), (2, 1)) for key in ("q", "k")}
    values = {"causal": True, "scale": 0.5, "window": [1, 0], "sinks": 1.0, "epoch": 3, "title": "t", "sink": []}
    packed = mapping(**tensors, **{key: value(each) for key, each in values.items()})
    path = tmp_path / "p.pt"
    path.write_bytes(archive(packed, dict.fromkeys(tensors, np.eye(2).tobytes())))
    worksheet = read_problem(str(path), Sources(lambda: None, Reading()))
    request = worksheet.request
    assert (request.causal, request.scale, request.window, request.sink) == (True, "0.5", (1, 0), None)
    assert worksheet.notes == (f"{path}: sinks is left out: here it is sink, or --sink",)


def test_a_state_dict_gives_the_names_of_its_parameters() -> None:
    shapes = {name: array.shape for name, array in read_file("state_dict").items()}
    assert shapes == {"in_proj_weight": (6, 2), "in_proj_bias": (6,), "out_proj.weight": (2, 2), "out_proj.bias": (2,)}


@pytest.mark.skipif(bfloat16 is None, reason="ml_dtypes is not installed")
def test_a_tensor_keeps_its_dtype_but_for_8_bit_floats_which_become_float32() -> None:
    found = read_all("pt", (FOLDER / "dtypes.pt").read_bytes())
    assert len(found) == 14
    for dtype, matrix in found.items():
        assert matrix.array.dtype.name == ("float32" if dtype.startswith("float8") else dtype)
        assert matrix.array.astype(float).tolist() == ([[0, 1], [1, 1]] if dtype == "bool" else [[0, 1], [2, 3]])
    (note,) = found["float8_e4m3fn"].notes
    assert note == "q.pt: float8_e4m3fn: float8_e4m3fn is read as float32, which holds the same numbers"


def test_a_view_of_a_storage_is_read_by_its_offset_and_strides() -> None:
    found = read_file("views")
    assert {name: array.tolist() for name, array in found.items()} == {
        "slice": GRID[1:3, ::2].tolist(),
        "transposed": GRID.T.tolist(),
        "expanded": [[1.0, 1.0, 1.0]] * 4,
        "empty": [],
        "scalar": 2.5,
        "parameter": QUERIES,
        "negated": (-np.array(QUERIES)).tolist(),
    }
    assert found["empty"].shape == (0, 3)
    older = read_file("views_legacy")
    assert {name: array.tolist() for name, array in older.items()} == {
        name: found[name].tolist() for name in ("slice", "transposed")
    }


REFUSED_FILES = [
    (
        "harmful",
        "q.pt: it asks for posix.mkdir to be called, and nothing in a file is ever run",
        "save tensors only: torch.save({'q': q, 'k': k, 'v': v}, FILE)",
    ),
    (
        "module",
        "q.pt: it asks for torch.nn.modules.linear.Linear to be called, and nothing in a file is ever run",
        "save tensors only: torch.save(module.state_dict(), FILE)",
    ),
    (
        "script",
        "q.pt: this is a TorchScript program, and nothing in a file is ever run",
        "save its tensors: torch.save(module.state_dict(), FILE)",
    ),
    ("sparse", "q.pt: it holds a sparse tensor", "save it dense: tensor.to_dense()"),
    (
        "complex",
        "q.pt: z: its cells are complex64, which attncli does not support",
        "save its real part: tensor.real",
    ),
]


@pytest.mark.parametrize(("stem", "what", "hint"), REFUSED_FILES, ids=[case[0] for case in REFUSED_FILES])
def test_what_is_not_a_plain_tensor_is_refused_as_what_it_is(
    stem: str, what: str, hint: str, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        read_all("pt", (FOLDER / f"{stem}.pt").read_bytes())
    assert (str(caught.value), caught.value.hint) == (what, hint)
    assert list(tmp_path.iterdir()) == []


SIX = {"0": CELLS.tobytes()}
HOLDS_NOTHING = "save tensors: torch.save({'q': q, 'k': k, 'v': v}, FILE)"
REFUSED = [
    ("an empty file", b"", "q.pt: the file is empty", "write numbers into it, or name another file"),
    ("text", b"1,2\n", "q.pt: this is text, not a torch.save file", "name it .csv or .txt"),
    (
        "another zip archive",
        archive(b"N", {}).replace(b"data.pkl", b"none.pkl"),
        "q.pt: this is a zip archive, but torch.save did not write it: it has no data.pkl",
        "name it .npz if NumPy wrote it, .xlsx or .ods if a spreadsheet",
    ),
    (
        "a plain pickle",
        pickle.dumps([1.0], 2),
        "q.pt: this is a pickle, which can run any code when it is loaded",
        "if you trust it: python -c \"import sys, pickle, numpy; x = pickle.load(open(sys.argv[1], 'rb')); "
        "numpy.savez('out.npz', **x) if isinstance(x, dict) else "
        "numpy.save('out.npy', numpy.asarray(x), allow_pickle=False)\" q.pt",
    ),
    ("numbers without a tensor", archive(value([1.0, 2.0]), {}), "q.pt: the file holds no tensor", HOLDS_NOTHING),
    (
        "a view beyond its storage",
        archive(tensor("<f4", "0", 6, 1, (2, 3), (3, 1)), SIX),
        "q.pt: it needs 7 cells of its storage, which has 6",
        DAMAGED,
    ),
    (
        "a stride below 0",
        archive(tensor("<f4", "0", 6, 5, (6,), (-1,)), SIX),
        "q.pt: a tensor has an invalid shape",
        DAMAGED,
    ),
    (
        "more strides than lengths",
        archive(tensor("<f4", "0", 6, 0, (6,), (1, 1)), SIX),
        "q.pt: a tensor has an invalid shape",
        DAMAGED,
    ),
    (
        "a storage of another length",
        archive(tensor("<f4", "0", 7, 0, (6,), (1,)), SIX),
        "q.pt: the storage 0 has 24 bytes, and 7 float32 are claimed",
        DAMAGED,
    ),
    (
        "a missing storage",
        archive(tensor("<f4", "1", 6, 0, (6,), (1,)), SIX),
        "q.pt: the storage 1 of a tensor is missing",
        DAMAGED,
    ),
    (
        "one number shown a thousand million times",
        archive(tensor("<f4", "0", 6, 0, (1000000000,), (0,)), SIX),
        "q.pt: it claims 4000000000 bytes, more than 1000 times its storage",
        DAMAGED,
    ),
    (
        "a bool that is 2",
        archive(tensor("|b1", "0", 1, 0, (1,), (1,)), {"0": b"\2"}),
        "q.pt: a bool is neither 0 nor 1",
        "save the tensor as uint8",
    ),
    (
        "a mapping with a tuple for a key",
        archive(b"}))s", {}),
        "q.pt: a mapping in it has a key that is neither text nor a number",
        DAMAGED,
    ),
    ("a list in itself", archive(b"]q\0h\0a", {}), "q.pt: lists and mappings in it are nested deeper than 32", DAMAGED),
    (
        "a list that doubles thirty-one times",
        archive(b"]q\0000" + b"(h\0h\0lq\0000" * 31 + b"h\0", {}),
        "q.pt: it holds more than 1000000 items",
        DAMAGED,
    ),
    (
        "a call of what a call gave",
        archive(called(called(name("builtins", "getattr"), value("x"))), {}),
        "q.pt: it asks for builtins.getattr to be called, and nothing in a file is ever run",
        "save tensors only: torch.save({'q': q, 'k': k, 'v': v}, FILE)",
    ),
    (
        "an instruction of Python 2",
        archive(b"(ios\nsystem\n", {}),
        "q.pt: it holds the pickle instruction INST, which is not read",
        DAMAGED,
    ),
    (
        "attributes for a tensor",
        archive(tensor("<f4", "0", 6, 0, (6,), (1,)) + b"}b", SIX),
        "q.pt: the pickle in it gives attributes to an object that has none",
        DAMAGED,
    ),
    (
        "a legacy file cut in its numbers",
        legacy(tensor("<f4", "0", 6, 0, (6,), (1,), b"N"), {"0": CELLS})[:-1],
        "q.pt: a storage claims 24 bytes, and 23 are left",
        DAMAGED,
    ),
]


@pytest.mark.parametrize(("data", "what", "hint"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_no_torch_writes_is_refused(data: bytes, what: str, hint: str | None) -> None:
    with pytest.raises(InputError) as caught:
        read_all("pt", data)
    assert (str(caught.value), caught.value.hint) == (what, hint)


def test_tensors_share_a_storage() -> None:
    both = mapping(q=tensor("<f4", "0", 6, 0, (2, 3), (3, 1)), k=tensor("<f4", "0", 6, 0, (3, 2), (1, 3)))
    for data in (archive(both, SIX), legacy(both, {"0": CELLS})):
        found = {name: matrix.array.tolist() for name, matrix in read_all("pt", data).items()}
        assert found == {"q": CELLS.reshape(2, 3).tolist(), "k": CELLS.reshape(2, 3).T.tolist()}


def test_a_legacy_view_begins_within_its_storage() -> None:
    view = b"(" + value("1") + value(2) + value(4) + b"t"
    data = legacy(tensor("<f4", "0", 6, 0, (2, 2), (2, 1), view), {"0": CELLS})
    assert read_all("pt", data)[""].array.tolist() == [[2.0, 3.0], [4.0, 5.0]]


def test_a_big_endian_archive_is_read() -> None:
    data = archive(tensor("<f4", "0", 6, 0, (2, 3), (3, 1)), {"0": CELLS.astype(">f4").tobytes()}, byteorder=b"big")
    assert read_all("pt", data)[""].array.tolist() == CELLS.reshape(2, 3).tolist()


@given(
    arrays.arrays(
        st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.bool_]),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    )
)
def test_any_tensor_reads_back_to_the_same_bits(array: np.ndarray) -> None:
    found = read_all("pt", of_array(array))[""].array
    assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


@given(st.data())
def test_a_damaged_file_is_refused_or_read_but_nothing_else(data: st.DataObject) -> None:
    stem = data.draw(st.sampled_from(["problem", "problem_legacy", "views", "list_legacy", "state_dict"]))
    whole = bytearray((FOLDER / f"{stem}.pt").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    del whole[data.draw(st.integers(1, len(whole))) :]
    with contextlib.suppress(InputError):
        read_all("pt", bytes(whole))


@given(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            sorted(b"()]}.NQRabelstu0123hqcJX"),
        ),
        max_size=60,
    ),
)
def test_a_pickle_of_any_instructions_is_refused_or_read(data: bytes, instructions: list[int]) -> None:
    for pickled in (data, b"\x80\x02" + bytes(instructions) + b"."):
        with contextlib.suppress(PickleError):
            read_pickle(pickled, 0, {}, lambda identity: identity)
