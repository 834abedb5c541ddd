"""Files of other programs: called by their names, with what to do about them, whatever their own name says."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bad_input_reader import read_all

from attncli.errors import InputError
from attncli.formats import BY_NAME
from attncli.formats.foreign import MAGIC
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


MADE = {  # how each file is made, what must be there for its hint, and what the hint makes of it
    "q.parquet": ("import pandas; pandas.DataFrame({'a': [1, 3], 'b': [2, 4]}).to_parquet(FILE)", "pyarrow", "q.csv"),
    "q.arrow": ("import pandas; pandas.DataFrame({'a': [1, 3], 'b': [2, 4]}).to_feather(FILE)", "pyarrow", "q.csv"),
    "q.orc": ("import pandas; pandas.DataFrame({'a': [1, 3], 'b': [2, 4]}).to_orc(FILE)", "pyarrow", "q.csv"),
    "q.html": (
        "open(FILE, 'w').write('<html><table><tr><th>a<th>b<tr><td>1<td>2<tr><td>3<td>4</table>')",
        "lxml",
        "q.csv",
    ),
    "q.db": (
        "import sqlite3; c = sqlite3.connect(FILE); c.execute('CREATE TABLE \"my OUT table\" (a, b)'); "
        "c.execute('INSERT INTO \"my OUT table\" VALUES (1, 2), (3, 4)'); c.commit()",
        "sqlite3",
        "q.csv",
    ),
    "q.nc": (
        "import scipy.io; f = scipy.io.netcdf_file(FILE, 'w'); f.createDimension('r', 2); f.createDimension('c', 2); "
        "f.createVariable('q', 'f8', ('r', 'c'))[:] = [[1, 2], [3, 4]]; f.close()",
        "nccopy",
        "q.h5",
    ),
    "q.gguf": (
        "import numpy, gguf; w = gguf.GGUFWriter(FILE, 'x'); w.add_tensor('q', numpy.float32([[1, 2], [3, 4]])); "
        "w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()",
        "gguf",
        "q.npz",
    ),
    "q.csv.zst": (
        "import subprocess; subprocess.run(['zstd', '-q', '-o', FILE], input=b'a,b\\n1,2\\n3,4\\n', check=True)",
        "zstd",
        "q.csv",
    ),
    "q.7z": (
        "import subprocess; open('q.csv', 'w').write('a,b\\n1,2\\n3,4\\n'); "
        "subprocess.run(['7z', 'a', FILE, 'q.csv'], check=True)",
        "7z",
        "q.csv",
    ),
    "q.pickle": ("import pickle; pickle.dump([[1, 2], [3, 4]], open(FILE, 'wb'))", "python", "q.npy"),
}


@pytest.mark.parametrize("name", MADE)
def test_the_command_of_a_hint_works_as_it_is_typed(name: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, needed, made = MADE[name]
    if not (shutil.which(needed) or importlib.util.find_spec(needed)):
        pytest.skip(f"{needed} is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    file = f"it's FILE {name}"
    subprocess.run([sys.executable, "-c", make.replace("FILE", repr(file))], check=True, capture_output=True)
    (tmp_path / "q.csv").unlink(missing_ok=True)
    with pytest.raises(InputError) as caught:
        Sources(io.BytesIO).matrix(file, role="queries")
    command = caught.value.hint.removeprefix("if you trust it: ").removesuffix(" (its first table)")
    subprocess.run(command, shell=True, check=True, capture_output=True)
    source = f"{made}:q" if made.endswith((".h5", ".npz")) else made
    assert Sources(io.BytesIO).matrix(source, role="queries").array.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("data", [data for data, _ in FOREIGN], ids=[name for _, name in FOREIGN])
def test_no_hint_writes_over_the_file(data: bytes, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("q.csv", "q.npy", "q.h5", "q.txt"):
        (tmp_path / file).write_bytes(data)
        with pytest.raises(InputError) as caught:
            Sources(io.BytesIO).matrix(file, role="queries")
        assert caught.value.hint is None or caught.value.hint.count(file) <= 1


def test_a_hint_of_standard_input_names_a_file_in_general() -> None:
    with pytest.raises(InputError) as caught:
        Sources(lambda: io.BytesIO(b"PAR1....")).matrix("-", role="queries")
    assert caught.value.hint == (
        "python -c \"import sys, pandas; pandas.read_parquet(sys.argv[1]).to_csv('q.csv', index=False)\" FILE"
    )
