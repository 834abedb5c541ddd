"""Untrusted zip archives: what NPZ files, torch files and spreadsheets share."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from io import BytesIO

from attncli.errors import InputError

MAGIC = b"PK\x03\x04"
MOST_INFLATION = 1000  # times: deflate reaches 1032 on zeros
HARMLESS = 256 << 20  # bytes: this much may be inflated whatever the ratio
DAMAGED = "the file is damaged or was cut off: write it again"
_LOCAL_HEADER = 30  # bytes, without the name
_FAULTS = (  # raised by zipfile and the decompressors on damaged archives
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


def open_archive(data: bytes, where: str, cure: str) -> zipfile.ZipFile:
    """Open an archive and check its list of members without reading them.

    `cure` is the hint for an archive that would inflate too far.
    """
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except _FAULTS:
        raise InputError(where, "the archive's list of members cannot be read", DAMAGED) from None
    _refuse_tricks(archive.infolist(), archive.start_dir, where, cure)
    return archive


def _refuse_tricks(members: list[zipfile.ZipInfo], end: int, where: str, cure: str) -> None:
    """Raise InputError if members overlap, are encrypted or would inflate far too much."""
    if not members:
        return
    ordered = sorted(members, key=lambda member: member.header_offset)
    for member, next_start in zip(ordered, [*(other.header_offset for other in ordered[1:]), end], strict=True):
        stop = member.header_offset + _LOCAL_HEADER + len(member.orig_filename) + member.compress_size
        if member.header_offset < 0 or stop > next_start:
            raise InputError(f"{where}: {member.filename}", "this member overlaps what follows it", DAMAGED)
        if member.flag_bits & 1:
            raise InputError(f"{where}: {member.filename}", "this member is encrypted", "save it without a password")
    inflated = sum(member.file_size for member in members)
    if inflated > HARMLESS and inflated > MOST_INFLATION * sum(member.compress_size for member in members):
        what = f"its members claim to inflate to {inflated}, more than {MOST_INFLATION} times their size"
        raise InputError(where, what, cure)


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> bytes:
    """Return the bytes of a member, after checking their number against the archive's."""
    try:
        data = archive.read(member)
    except _FAULTS as error:
        what = "its checksum is wrong" if "CRC" in str(error) else "it cannot be decompressed"
        raise InputError(where, what, DAMAGED) from None
    if len(data) != member.file_size:
        raise InputError(where, f"it has {len(data)} bytes, the archive says {member.file_size}", DAMAGED)
    return data
