"""Compressed files: read as what is in them, and never more of it than a bound."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attncli.errors import InputError
from attncli.formats import compressed
from attncli.formats.compressed import decompress
from attncli.inputs.sources import Sources, source_name

TEXT = b"1,2\n3,4\n"
WAYS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
DAMAGED = "the file is damaged or was cut off: write it again"


def refusal(data: bytes) -> tuple[str, str | None]:
    with pytest.raises(InputError) as caught:
        decompress(data, "q.csv.gz")
    return str(caught.value), caught.value.hint


@pytest.mark.parametrize("way", WAYS)
def test_all_streams_of_a_file_are_read(way: str) -> None:
    assert decompress(WAYS[way](TEXT), "q") == TEXT
    assert decompress(WAYS[way](TEXT) + WAYS[way](b"5,6\n"), "q") == TEXT + b"5,6\n"
    assert decompress(WAYS[way](b""), "q") == b""


def test_zeros_that_pad_a_tape_are_passed_over() -> None:
    assert decompress(gzip.compress(TEXT) + bytes(512), "q") == TEXT


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_was_cut_off_is_refused(way: str) -> None:
    assert refusal(WAYS[way](TEXT)[:-1]) == (f"q.csv.gz: the {way} data ends early", DAMAGED)


@pytest.mark.parametrize("way", WAYS)
def test_what_follows_is_refused(way: str) -> None:
    assert refusal(WAYS[way](TEXT) + b"x") == (f"q.csv.gz: more bytes follow the {way} data", DAMAGED)


def test_a_wrong_checksum_is_refused() -> None:
    data = bytearray(gzip.compress(TEXT))
    data[-8] ^= 1
    assert refusal(bytes(data)) == ("q.csv.gz: the gzip data cannot be decompressed", DAMAGED)


def test_what_is_not_compressed_is_refused() -> None:
    what = "q.csv.gz: this is not compressed with gzip, bzip2 or xz"
    assert refusal(TEXT) == (what, "remove the last suffix from its name")


@pytest.mark.parametrize("way", WAYS)
def test_what_inflates_beyond_measure_is_refused(way: str, monkeypatch) -> None:
    monkeypatch.setattr(compressed, "HARMLESS", 1 << 20)
    monkeypatch.setattr(compressed, "_STEP", 1 << 16)
    data = WAYS[way](bytes(1 << 24))
    what = f"q.csv.gz: it inflates to more than {max(1 << 20, 100 * len(data))} bytes, from {len(data)}"
    assert refusal(data) == (what, "decompress it first if that is meant")


@given(st.data())
def test_a_damaged_file_is_refused_or_read(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(list(WAYS.values())))(TEXT * 20))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        decompress(bytes(whole), "q")


@pytest.mark.parametrize(("suffix", "way"), [("gz", "gzip"), ("bz2", "bzip2"), ("xz", "xz"), ("GZ", "gzip")])
def test_a_compressed_file_is_read_by_its_inner_suffix_or_by_its_beginning(suffix, way, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    stream = io.BytesIO()
    np.save(stream, [[1.0, 2.0]])
    files = {"q.csv": TEXT, "p.yaml": b"queries: [[1, 2]]\nkeys: [[3, 4]]\n", "plain": TEXT, "q.npy": stream.getvalue()}
    for file, data in files.items():
        (tmp_path / f"{file}.{suffix}").write_bytes(WAYS[way](data))
    sources = Sources(io.BytesIO)
    assert sources.matrix(f"q.csv.{suffix}", role="queries").array.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert sources.matrix(f"p.yaml.{suffix}:keys", role="queries").array.tolist() == [[3.0, 4.0]]
    assert sources.matrix(f"plain.{suffix}", role="queries").array.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert sources.matrix(f"q.npy.{suffix}", role="queries").array.tolist() == [[1.0, 2.0]]
    assert source_name(f"p.yaml.{suffix}") == "p"


@pytest.mark.parametrize("way", WAYS)
def test_standard_input_may_be_compressed(way: str) -> None:
    sources = Sources(lambda: io.BytesIO(WAYS[way](TEXT)))
    assert sources.matrix("-", role="queries").array.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_folder_may_hold_compressed_matrices(tmp_path) -> None:
    (tmp_path / "q.csv.gz").write_bytes(gzip.compress(TEXT))
    (tmp_path / "k.csv").write_bytes(TEXT)
    contents = Sources(io.BytesIO).contents(str(tmp_path))
    assert list(contents.matrices) == ["keys", "queries"]
    assert contents.matrices["queries"]().array.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_file_in_an_older_form_of_deflate_is_not_gzip() -> None:
    assert refusal(zlib.compress(TEXT))[0] == "q.csv.gz: this is not compressed with gzip, bzip2 or xz"
