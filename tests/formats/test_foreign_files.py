"""Files of other programs: called by their names, with what to do about them, whatever their own name says."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import io
import lzma
import os
import shutil
import subprocess
import sys
import zipfile
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
    (b"\x80\x04\x95\0", "a pickle, which can run any code when it is loaded"),
    (b"<!DOCTYPE html>\n<p>1</p>", "an HTML or XML page, not text"),
    (b"\n <HTML><table>", "an HTML or XML page, not text"),
    (b"\xef\xbb\xbf<?xml version='1.0'?>", "an HTML or XML page, not text"),
    (b"\x89PNG\r\n\x1a\n", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"RDX3\nX", "an R workspace"),
    (b"{\\rtf1", "a word processor document"),
    (b"\x04\x22\x4d\x18", "compressed by lz4"),
    (b"\xff\xff\xff\xff\x78\0\0\0", "an Arrow stream"),
    (b"Obj\x01\x04", "an Avro file"),
    (b"SIMPLE  =                    T", "a FITS file"),
    (b"lmgg\0", "a GGML model"),
    (b"X\n\0\0\0\x03\0", "an R object"),
    (b"RDA3\nA", "an R workspace"),
    (b"II*\0\x08", "a picture"),
    (b"RIFF\x24\0\0\0WEBPVP8 ", "a picture"),
    (b"BM\x36\0\0\0\0\0\0\0\x36", "a picture"),
    (b"\0\0\x08\x01\0\0\0\x02\x01\x02", "an IDX file, the format of MNIST"),
    (b"\x81\xa6params\x80", "a MessagePack file, as flax writes it"),
    (b"q.csv".ljust(257, b"\0") + b"ustar  ", "a tar archive"),
    (b"(lp0\nI1\na.", "a pickle, which can run any code when it is loaded"),
    (b"cnumpy.core.multiarray\n_reconstruct\n", "a pickle, which can run any code when it is loaded"),
]
HELD = [  # in a zip archive
    ("word/document.xml", "a Word document"),
    ("xl/workbook.xml", "an Excel workbook"),
    ("Index/Document.iwa", "a Numbers, Pages or Keynote document"),
    ("model.weights.h5", "a Keras model"),
    ("data/q.csv", "a zip archive"),
]


def zipped(member: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(member, "1,2")
    return stream.getvalue()


@pytest.mark.parametrize(("member", "name"), HELD)
def test_a_zip_archive_is_called_by_what_it_holds(member: str, name: str, tmp_path) -> None:
    for file in ("q.csv", "q", "q.npz", "q.docx"):
        (tmp_path / file).write_bytes(zipped(member))
        with pytest.raises(InputError) as caught:
            Sources(io.BytesIO).matrix(str(tmp_path / file), role="queries")
        assert caught.value.what.startswith(f"this is {name}, not ")
        assert caught.value.hint


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_what_r_wrote_is_called_by_its_name_within_its_compression(compress, tmp_path) -> None:
    for data, name in (
        (b"RDX3\nX\n", "an R workspace"),
        (b"X\n\0\0\0\x03\0", "an R object"),
        (b"q.csv".ljust(257, b"\0") + b"ustar  ", "a compressed tar archive"),
    ):
        (tmp_path / "q.RData").write_bytes(compress(data))
        with pytest.raises(InputError) as caught:
            Sources(io.BytesIO).matrix(str(tmp_path / "q.RData"), role="queries")
        assert caught.value.what == f"this is {name}, not text"


@pytest.mark.parametrize("data", [b"\x0a\xff\x00\x01\xfe", bytes(range(1, 256))])
def test_what_no_one_knows_is_not_called_text_in_another_encoding(data: bytes, tmp_path) -> None:
    (tmp_path / "q.ckpt").write_bytes(data)
    with pytest.raises(InputError) as caught:
        Sources(io.BytesIO).matrix(str(tmp_path / "q.ckpt"), role="queries")
    assert caught.value.what == "this is neither text nor a file format that attncli knows"
    assert (
        caught.value.hint
        == "save its arrays with numpy.savez(FILE, q=q, k=k), or give type and shape: q.bin@float32:4,64"
    )


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
    "q.csv.lz4": (
        "import subprocess; open('q.csv', 'w').write('a,b\\n1,2\\n3,4\\n'); "
        "subprocess.run(['lz4', '-q', 'q.csv', FILE], check=True)",
        "lz4",
        "q.csv",
    ),
    "q.tar": (
        "import tarfile; open('q.csv', 'w').write('a,b\\n1,2\\n3,4\\n'); "
        "t = tarfile.open(FILE, 'w'); t.add('q.csv'); t.close()",
        "tar",
        "q.csv",
    ),
    "q.zip": (
        "import zipfile; f = zipfile.ZipFile(FILE, 'w'); f.writestr('q.csv', 'a,b\\n1,2\\n3,4\\n'); f.close()",
        "unzip",
        "q.csv",
    ),
    "q.arrows": (
        "import pyarrow as p; t = p.table({'a': [1, 3], 'b': [2, 4]}); "
        "w = p.ipc.new_stream(FILE, t.schema); w.write_table(t); w.close()",
        "pyarrow",
        "q.csv",
    ),
    "q.avro": (
        "import fastavro; f = [{'name': n, 'type': 'double'} for n in 'ab']; "
        "fastavro.writer(open(FILE, 'wb'), {'type': 'record', 'name': 'r', 'fields': f}, "
        "[{'a': 1, 'b': 2}, {'a': 3, 'b': 4}])",
        "fastavro",
        "q.csv",
    ),
    "q.fits": (
        "import numpy; from astropy.io import fits; fits.PrimaryHDU(numpy.array([[1., 2], [3, 4]])).writeto(FILE)",
        "astropy",
        "q.npy",
    ),
    "q.idx": (
        "import struct; open(FILE, 'wb').write(struct.pack('>BBBBII4f', 0, 0, 13, 2, 2, 2, 1, 2, 3, 4))",
        "python",
        "q.npy",
    ),
    "q.joblib": (
        "import joblib, numpy; joblib.dump(numpy.array([[1, 2], [3, 4]]), FILE)",
        "joblib",
        "q.npy",
    ),
    "q.msgpack": (
        "import flax.serialization as s, numpy; "
        "open(FILE, 'wb').write(s.msgpack_serialize({'q': numpy.array([[1., 2.], [3., 4.]])}))",
        "flax",
        "q.npz",
    ),
    "q.dict.pickle": (
        "import pickle, numpy; pickle.dump({'q': numpy.array([[1, 2], [3, 4]])}, open(FILE, 'wb'))",
        "python",
        "q.npz",
    ),
    "q.old.pickle": ("import pickle; pickle.dump([[1, 2], [3, 4]], open(FILE, 'wb'), protocol=0)", "python", "q.npy"),
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
