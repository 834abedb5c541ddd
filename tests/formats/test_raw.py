"""Raw numbers: FILE@DTYPE:SHAPE says what they are, and nothing is guessed where it doesn't fit."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest

from attncli.errors import InputError
from attncli.formats.raw import DTYPES, RawForm, raw_form
from attncli.inputs.literal import looks_like_path
from attncli.inputs.sources import Sources, source_name

CELLS = np.arange(6)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.bin").write_bytes(CELLS.astype("<f4").tobytes())
    (tmp_path / "truth.bin").write_bytes(b"\0\1\2\1")
    (tmp_path / "q.bin.gz").write_bytes(gzip.compress(CELLS.astype("<f4").tobytes()))
    return tmp_path


def read(text: str) -> np.ndarray:
    return Sources(io.BytesIO).matrix(text, role="queries").array


@pytest.mark.parametrize("dtype", [name for name in DTYPES if not name.startswith(("bfloat", "float8"))])
def test_the_numbers_of_a_dtype_are_read(dtype: str, folder) -> None:
    expected = CELLS.reshape(2, 3).astype(dtype)
    (folder / "x.raw").write_bytes(expected.astype(expected.dtype.newbyteorder("<")).tobytes())
    found = read(f"x.raw@{dtype}:2,3")
    assert (found.dtype, found.tolist()) == (expected.dtype, expected.tolist())


def test_narrow_floats_are_read(folder) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype, kept in (("bfloat16", "bfloat16"), ("float8_e4m3fn", "float32"), ("float8_e5m2", "float32")):
        (folder / "x.bin").write_bytes(CELLS.astype(getattr(ml_dtypes, dtype)).tobytes())
        found = read(f"x.bin@{dtype}:6")
        assert (found.dtype.name, found.astype(float).tolist()) == (kept, CELLS.tolist())


def test_a_compressed_file_and_any_number_of_axes_will_do() -> None:
    assert read("q.bin.gz@float32:3x2").tolist() == [[0, 1], [2, 3], [4, 5]]
    assert read("q.bin@float32:1,3,2,1").shape == (1, 3, 2, 1)


REFUSED = [
    (
        "q.bin@float32:4,64",
        "q.bin: holds 24 bytes, and 4 × 64 numbers of float32 are 1024",
        "it would be 6 numbers of float32",
    ),
    ("q.bin@float64:5", "q.bin: holds 24 bytes, and 5 numbers of float64 are 40", "it would be 3 numbers of float64"),
    ("truth.bin@float64:1", "truth.bin: holds 4 bytes, and 1 numbers of float64 are 8", None),
    ("q.bin@flaot32:2,3", "q.bin: 'flaot32' is not a type of numbers that attncli reads", "did you mean 'float32'?"),
    ("truth.bin@bool:4", "truth.bin: a bool is neither 0 nor 1", "say uint8"),
    (
        "q.bin",
        "q.bin: the type of its numbers cannot be recognized",
        "give the type and the shape, as in q.bin@float32:4,64",
    ),
    ("gone.bin@float32:2,3", "gone.bin@float32:2,3: no such file", "name a file, or type numbers: '1 0; 0 1'"),
    ("q.bin@float32", "q.bin@float32: expected a type and a shape after @", "as in q.bin@float32:4,64"),
    ("q.bin@:2", "q.bin@:2: expected a type and a shape after @", "as in q.bin@float32:4,64"),
]


@pytest.mark.parametrize(("text", "what", "hint"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_does_not_fit_is_refused(text: str, what: str, hint: str | None) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value) == what
    assert caught.value.hint == hint


def test_an_existing_file_of_that_name_wins(folder) -> None:
    (folder / "q.bin@float32:2,3").write_text("7 8\n")
    assert read("q.bin@float32:2,3").tolist() == [[7.0, 8.0]]


def test_a_raw_source_is_a_path_and_has_its_files_name() -> None:
    assert looks_like_path("gone.bin@float32:2,3")
    assert source_name("q.bin@float32:2,3") == "q"
    assert raw_form("a@b@float32:1") == ("a@b", RawForm("float32", (1,)))


def test_the_files_that_were_read_are_known(folder) -> None:
    sources = Sources(io.BytesIO)
    sources.matrix("q.bin@float32:2,3", role="queries")
    assert sources.paths == {str(folder / "q.bin")}
