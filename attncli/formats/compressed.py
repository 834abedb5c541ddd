"""Files compressed with gzip, bzip2 or xz, decompressed up to a limit."""

from __future__ import annotations

import lzma
import zlib
from typing import Any

from attncli.errors import InputError
from attncli.formats.archive import DAMAGED, HARMLESS

MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_MOST_INFLATION = 100  # times: text of numbers reaches about 3, a mask of ones 50
_MOST_MEMORY = 1 << 28  # bytes for the dictionary of xz
_STEP = 1 << 24  # bytes inflated at a time


def compression(data: bytes) -> str | None:
    """Return the name of the compression of the bytes, or None if they are not compressed."""
    return next((name for magic, name in MAGIC.items() if data.startswith(magic)), None)


def decompress_start(data: bytes) -> bytes:
    """Return some first bytes of compressed data, or none if it is damaged."""
    try:
        return bytes(_decompressor(compression(data) or "gzip").decompress(data[: 1 << 16], 1 << 10))
    except Exception:  # zlib.error, OSError, LZMAError, EOFError
        return b""


def decompress(data: bytes, where: str) -> bytes:
    """Return the decompressed bytes of all streams in the file.

    Raises InputError if the file is damaged, cut off or inflates too far.
    """
    kind = compression(data)
    if kind is None:
        raise InputError(where, "this is not compressed with gzip, bzip2 or xz", "remove the last suffix from its name")
    limit = max(HARMLESS, _MOST_INFLATION * len(data))
    pieces: list[bytes] = []
    size, rest = 0, data
    while rest:
        stream = _decompressor(kind)
        while not stream.eof:
            piece, rest = _step(stream, rest, where, kind)
            size += len(piece)
            pieces.append(piece)
            if size > limit:
                what = f"it inflates to more than {limit} bytes, from {len(data)}"
                raise InputError(where, what, "decompress it first if that is meant")
        rest = stream.unused_data.lstrip(b"\0")  # padding, as on tapes
        if rest and compression(rest) != kind:
            raise InputError(where, f"more bytes follow the {kind} data", DAMAGED)
    return b"".join(pieces)


def _decompressor(kind: str) -> Any:
    if kind == "gzip":
        return zlib.decompressobj(31)
    if kind == "bzip2":
        import bz2

        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(memlimit=_MOST_MEMORY)


def _step(stream: Any, rest: bytes, where: str, kind: str) -> tuple[bytes, bytes]:
    """Return the next piece, and the input that the stream has not consumed."""
    try:
        piece = stream.decompress(rest, _STEP)
    except Exception as error:  # zlib.error, OSError, LZMAError, EOFError
        what = "needs more memory than attncli allows" if "Memory" in str(error) else "cannot be decompressed"
        raise InputError(where, f"the {kind} data {what}", DAMAGED) from None
    rest = stream.unconsumed_tail if kind == "gzip" else b""
    if not piece and not stream.eof and not rest:
        raise InputError(where, f"the {kind} data ends early", DAMAGED)
    return piece, rest
