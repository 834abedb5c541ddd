"""Files of other programs: called by their names, with what to do about them, whatever their own name says."""

from __future__ import annotations

import io

import pytest
from bad_input_reader import read_all

from attncli.errors import InputError
from attncli.formats import BY_NAME
from attncli.formats.encoding import MAGIC
from attncli.inputs.sources import Sources

FOREIGN = [
    (b"PAR1....", "a Parquet file"),
    (b"ARROW1\0\0", "an Arrow file"),
    (b"FEA1", "a Feather file"),
    (b"ORC\x0c", "an ORC file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"CDF\x01\0\0", "a netCDF file"),
    (b"CDF\x05\0\0", "a netCDF file"),
    (b"GGUF\x03\0\0\0", "a GGUF model"),
    (b"\x28\xb5\x2f\xfd\0", "compressed by zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"%PDF-1.7\n", "a PDF file"),
    (b"\x80\x04\x95\0", "a pickle, which may run any code when it is read"),
    (b"<!DOCTYPE html>\n<p>1</p>", "a page of HTML or XML, not text"),
    (b"\n <HTML><table>", "a page of HTML or XML, not text"),
    (b"\xef\xbb\xbf<?xml version='1.0'?>", "a page of HTML or XML, not text"),
    (b"\x89PNG\r\n\x1a\n", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"RDX3\nX", "an R workspace"),
    (b"{\\rtf1", "a document of a word processor"),
]


@pytest.mark.parametrize(("data", "name"), FOREIGN, ids=[name for _, name in FOREIGN])
def test_a_foreign_file_is_called_by_its_name_under_any_other(data: bytes, name: str, tmp_path) -> None:
    for file in ("q.csv", "q.txt", "q", "q.parquet"):
        (tmp_path / file).write_bytes(data)
        with pytest.raises(InputError) as caught:
            Sources(io.BytesIO).matrix(str(tmp_path / file), role="queries")
        assert caught.value.what.startswith(f"this is {name}")
        assert caught.value.hint
    with pytest.raises(InputError) as caught:
        Sources(lambda: io.BytesIO(data)).matrix("-", role="queries")
    assert caught.value.what.startswith(f"this is {name}")


@pytest.mark.parametrize(
    "format_name", sorted(set(BY_NAME) - {"json", "yaml", "txt", "csv", "tsv", "tex", "markdown", "mtx"})
)
def test_a_binary_format_names_what_else_a_file_is(format_name: str) -> None:
    for data, name in FOREIGN:
        with pytest.raises(InputError) as caught:
            read_all(format_name, data)
        assert caught.value.what.startswith(f"this is {name.removesuffix(', not text')}")


def test_no_beginning_hides_another() -> None:
    magics = [magic for magic, _, _ in MAGIC]
    for index, magic in enumerate(magics):
        assert not magic.startswith(tuple(magics[:index]))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors", ".pt", ".h5", ".mat", ".pb", ".xlsx"])
def test_text_in_a_binary_file_is_renamed_not_read_with_an_option_that_has_no_effect(suffix: str, tmp_path) -> None:
    (tmp_path / f"q{suffix}").write_text("1,2\n")
    with pytest.raises(InputError) as caught:
        Sources(io.BytesIO).matrix(str(tmp_path / f"q{suffix}"), role="queries")
    assert caught.value.what.startswith("this is text, not ")
    assert caught.value.hint in ("name it .csv or .txt", "name it .csv", "name it .txt or .csv")
