"""NPZ archives: sizes are looked at before anything is inflated, and the same arrays give the same bytes."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from io import BytesIO
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats import npy
from attncli.formats.contents import Contents
from attncli.formats.encoding import looks_like_text, refuse_foreign
from attncli.matrices import Matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from attncli.matrices import Reading

_LOCAL_HEADER = 30  # bytes, without the name
_MOST_INFLATION = 1000  # deflate reaches 1032 on zeros
_HARMLESS = 256 << 20  # bytes: less than this may be inflated from anything
_LARGE = (1 << 31) - 1  # beyond it a member needs ZIP64
_EPOCH = (1980, 1, 1, 0, 0, 0)
_DAMAGED = "the file is damaged or was cut off: write it again"
_FAULTS = (  # of zipfile and the decompressors, on damaged archives
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)


def read(data: bytes, where: str, reading: Reading) -> Contents:  # noqa: ARG001 - the same call for every format
    """Each member under its name without `.npy`; a member is inflated when it is asked for."""
    refuse_foreign(data, where, "an NPZ file", known=(b"PK\x03\x04",))
    if not data.startswith(b"PK\x03\x04"):
        if looks_like_text(data):
            raise InputError(where, "this is text, not an NPZ file", "name it .csv or .txt, or say --from csv")
        raise InputError(where, "this is not an NPZ file: it does not begin as a zip archive does")
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except _FAULTS:
        raise InputError(where, "the archive's list of members cannot be read", _DAMAGED) from None
    members = archive.infolist()
    if not members:
        raise InputError(where, "the archive holds no arrays")
    _refuse_tricks(members, archive.start_dir, where)
    matrices: dict[str, Callable[[], Matrix]] = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name in matrices:
            raise InputError(where, f"two members are called '{name}'", "write the archive again, each name once")
        matrices[name] = _decoder(archive, member, f"{where}: {name}")
    return Contents(where, matrices)


def _refuse_tricks(members: list[zipfile.ZipInfo], end: int, where: str) -> None:
    """Raise InputError where members overlap, are encrypted or would inflate beyond all measure."""
    ordered = sorted(members, key=lambda member: member.header_offset)
    for member, next_start in zip(ordered, [*(other.header_offset for other in ordered[1:]), end], strict=True):
        stop = member.header_offset + _LOCAL_HEADER + len(member.orig_filename) + member.compress_size
        if member.header_offset < 0 or stop > next_start:
            raise InputError(f"{where}: {member.filename}", "this member overlaps what follows it", _DAMAGED)
        if member.flag_bits & 1:
            raise InputError(f"{where}: {member.filename}", "this member is encrypted", "save it without a password")
    inflated = sum(member.file_size for member in members)
    if inflated > _HARMLESS and inflated > _MOST_INFLATION * sum(member.compress_size for member in members):
        raise InputError(
            where,
            f"its members claim to inflate to {inflated}, more than {_MOST_INFLATION} times their size",
            "save it without compression: numpy.savez",
        )


def _decoder(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> Callable[[], Matrix]:
    def decode() -> Matrix:
        if not member.filename.endswith(".npy"):
            raise InputError(where, "this member is not an array: its name does not end in .npy")
        try:
            data = archive.read(member)
        except _FAULTS as error:
            what = "its checksum is wrong" if "CRC" in str(error) else "it cannot be decompressed"
            raise InputError(where, what, _DAMAGED) from None
        if len(data) != member.file_size:
            raise InputError(where, f"it has {len(data)} bytes, the archive says {member.file_size}", _DAMAGED)
        return Matrix(npy.decoded(data, where), where)

    return decode


class _Chunks:
    """A file for zipfile to write to that keeps the pieces as they are: large arrays are not copied.

    zipfile goes back to a member's header once its size and checksum are known; that one piece is replaced.
    """

    def __init__(self) -> None:
        self.pieces: dict[int, bytes | memoryview] = {}
        self.position = 0

    def write(self, piece: bytes | memoryview) -> int:
        size = len(piece)
        if size:
            self.pieces[self.position] = piece
            self.position += size
        return size

    def tell(self) -> int:
        return self.position

    def seek(self, position: int, whence: int = 0) -> int:
        assert whence == 0
        self.position = position
        return position

    def flush(self) -> None:
        """Nothing is held back."""


def write(matrices: Mapping[str, Matrix]) -> Iterator[bytes | memoryview]:
    """A member `NAME.npy` each, stored, dated 1980; an array without a name is arr_0, as in numpy.savez."""
    file = _Chunks()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name, matrix in matrices.items():
            header, numbers = npy.chunks(matrix, name)
            member = zipfile.ZipInfo(f"{name or 'arr_0'}.npy", _EPOCH)
            member.create_system = 3  # the same bytes on every system
            member.external_attr = 0o644 << 16
            with archive.open(member, "w", force_zip64=len(header) + len(numbers) > _LARGE) as stream:
                stream.write(header)
                stream.write(numbers)
    return iter(file.pieces.values())
