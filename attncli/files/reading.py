"""Reading bytes from files, pipes and devices."""

# ruff: noqa: PTH123 - a path stays the text that was typed
from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from attncli.errors import InputError, system_reason
from attncli.files.paths import path_text

ENDLESS = 1 << 28  # bytes: a device that gives more is taken to be endless


@contextlib.contextmanager
def open_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file, pipe or device for reading.

    Raises InputError if it cannot be read, within the block as well.
    """
    where = path_text(path)
    try:
        try:
            file = open(path, "rb")  # noqa: SIM115 - the with below closes it
        except ValueError:
            raise InputError(where, "is not a valid file name") from None
        with file:
            yield file
    except FileNotFoundError:
        raise InputError(where, "no such file") from None
    except IsADirectoryError:
        raise InputError(where, "is a folder, not a file", "name a file in it") from None
    except OSError as error:
        raise InputError(where, system_reason(error)) from None


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return all bytes of a file, pipe or device.

    Raises InputError if it cannot be read.
    """
    with open_file(path) as file:
        return read_all(file, path_text(path))


def read_all(file: BinaryIO, where: str) -> bytes:
    """Return all bytes of an open file, pipe or device.

    Raises OSError if it cannot be read, and InputError if it is too large, or if the file changes while it is read,
    because the bytes would then be part old and part new.
    """
    before = _status(file)
    is_device = before is not None and stat.S_ISCHR(before.st_mode)
    try:
        data = file.read(ENDLESS + 1 if is_device else -1)
    except MemoryError:
        raise InputError(where, "does not fit into memory") from None
    if is_device and len(data) > ENDLESS:
        raise InputError(where, "is an endless device", "name a file")
    if before is not None and stat.S_ISREG(before.st_mode) and _version(before) != _version(_status(file)):
        raise InputError(where, "was changed while it was read", "run again when the file is complete")
    return data


def _status(file: BinaryIO) -> os.stat_result | None:
    """Return the status of an open file, or None if it is in memory."""
    try:
        return os.fstat(file.fileno())
    except io.UnsupportedOperation:
        return None


def _version(status: os.stat_result | None) -> tuple[int, int] | None:
    return None if status is None else (status.st_size, status.st_mtime_ns)
