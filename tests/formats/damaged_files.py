"""Files that no honest program writes, built byte by byte."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile

import numpy as np

ONES = np.ones((2, 2))
TENSOR = b'{"q": {"dtype": "%s", "shape": %s, "data_offsets": [0, %d]}}'


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=False)
    return stream.getvalue()


def npy_header(descr: str, shape: str) -> bytes:
    """An NPY header that says what it is told to, true or not."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def member(name: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), data)
    return stream.getvalue()


def twice(first: str, second: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(zipfile.ZipInfo(first), npy(ONES))
        archive.writestr(zipfile.ZipInfo(second), npy(ONES))
    return stream.getvalue()


def overlapping() -> bytes:
    """Two entries in the list of members that share the bytes of one."""
    data = bytearray(twice("a.npy", "b.npy"))
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, 0)
    return bytes(data)


def overlapping_by_a_byte() -> bytes:
    """The second member is said to begin where the first one's last byte is."""
    data = bytearray(twice("a.npy", "b.npy"))
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, data.rindex(b"PK\x03\x04") - 1)
    return bytes(data)


def flipped() -> bytes:
    """One bit of the last number is wrong."""
    data = bytearray(member("q.npy", npy(ONES)))
    data[data.index(b"PK\x01\x02") - 1] ^= 1
    return bytes(data)


def bomb() -> bytes:
    """A few bytes that claim to hold more than 256 MiB."""
    data = bytearray(member("q.npy", npy(ONES)))
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 300 << 20)
    return bytes(data)


def large_but_possible(claimed: int = 300 << 20) -> bytes:
    """A member that claims to inflate to some hundred MiB, which its size allows."""
    data = bytearray(member("q.npy", npy(np.zeros(50_000))))
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, claimed)
    return bytes(data)


def shorter_than_it_says() -> bytes:
    """A member with a right checksum, but one byte fewer than the archive says."""
    stream = io.BytesIO()
    np.savez_compressed(stream, q=np.ones(4))
    data = bytearray(stream.getvalue())
    place = data.index(b"PK\x01\x02") + 24
    struct.pack_into("<I", data, place, struct.unpack_from("<I", data, place)[0] + 1)
    return bytes(data)


def encrypted() -> bytes:
    data = bytearray(member("q.npy", npy(ONES)))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def damaged_stream() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, q=np.arange(100.0))
    data = bytearray(stream.getvalue())
    data[80:90] = b"\xff" * 10
    return bytes(data)


def tensors_header(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text
