"""NPZ archives. Sizes are checked before anything is inflated, and equal arrays give equal bytes."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats import npy
from attncli.formats.archive import MAGIC, open_archive, read_member
from attncli.formats.contents import Contents
from attncli.formats.encoding import RENAME, RENAME_TEXT, looks_like_text
from attncli.formats.foreign import refuse_archive, refuse_foreign
from attncli.matrix import Matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from attncli.matrix import Reading

_LARGE = (1 << 31) - 1  # bytes: a larger member needs ZIP64
_EPOCH = (1980, 1, 1, 0, 0, 0)


def read(data: bytes, where: str, reading: Reading) -> Contents:  # noqa: ARG001 - the same call for every format
    """Read each member under its name without `.npy`. Members are inflated on demand."""
    refuse_foreign(data, where, "an NPZ file", known=(MAGIC,))
    if not data.startswith(MAGIC):
        if looks_like_text(data):
            raise InputError(where, "this is text, not an NPZ file", RENAME_TEXT)
        raise InputError(where, "this is not an NPZ file: it does not begin like a zip archive", RENAME)
    archive = open_archive(data, where, "save it without compression: numpy.savez")
    members = archive.infolist()
    if not members:
        raise InputError(where, "the archive holds no arrays", "save them with numpy.savez(FILE, q=q, k=k)")
    if not any(member.filename.endswith(".npy") for member in members):
        refuse_archive(data, where, "an NPZ file")
    matrices: dict[str, Callable[[], Matrix]] = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name in matrices:
            raise InputError(where, f"two members are called '{name}'", "write the archive again, each name once")
        matrices[name] = _decoder(archive, member, f"{where}: {name}")
    return Contents(where, matrices)


def _decoder(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> Callable[[], Matrix]:
    def decode() -> Matrix:
        if not member.filename.endswith(".npy"):
            raise InputError(
                where,
                "this member is not an array: its name does not end in .npy",
                "save arrays only, with numpy.savez",
            )
        return Matrix(npy.decode_array(read_member(archive, member, where), where), where)

    return decode


class _Passage:
    """A file for zipfile to write to that keeps the bytes until they are taken. It cannot seek, and thus zipfile puts
    the checksum of a member after it."""

    def __init__(self) -> None:
        self._pieces: list[bytes | memoryview] = []

    def write(self, piece: bytes | memoryview) -> int:
        self._pieces.append(piece)
        return len(piece)

    def flush(self) -> None:
        """Do nothing: there is no buffer."""

    def take(self) -> list[bytes | memoryview]:
        """Return the bytes since the last time."""
        taken, self._pieces = self._pieces, []
        return taken


def write(matrices: Mapping[str, Matrix]) -> Iterator[bytes | memoryview]:
    """Write a member `NAME.npy` per matrix, uncompressed and dated 1980. An array without a name is arr_0, as in
    numpy.savez.

    Arrays are not copied, and those whose rows are computed as they are read are never held.
    """
    file = _Passage()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name, matrix in matrices.items():
            header, numbers = npy.array_chunks(matrix, name)
            size = len(header) + matrix.array.size * matrix.array.dtype.itemsize
            with archive.open(_member(name), "w", force_zip64=size > _LARGE) as stream:
                stream.write(header)
                for piece in numbers:
                    stream.write(piece)
                    yield from file.take()
    yield from file.take()


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(f"{name or 'arr_0'}.npy", _EPOCH)
    member.create_system = 3  # so that the bytes are the same on every system
    member.external_attr = 0o644 << 16
    return member
