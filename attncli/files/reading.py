"""Bytes out of files, pipes and devices."""

# ruff: noqa: PTH123 - a path stays the text that was typed
from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from attncli.errors import InputError, told_by_system
from attncli.files.paths import shown

ENDLESS = 1 << 28  # a device that gives more than this has no end


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """The file, pipe or device to read from; InputError where it cannot be read, in the block too."""
    where = shown(path)
    try:
        try:
            file = open(path, "rb")  # noqa: SIM115 - the with below closes it
        except ValueError:
            raise InputError(where, "is no name that a file can have") from None
        with file:
            yield file
    except FileNotFoundError:
        raise InputError(where, "no such file") from None
    except IsADirectoryError:
        raise InputError(where, "is a folder, not a file") from None
    except OSError as error:
        raise InputError(where, told_by_system(error)) from None


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All that a file, pipe or device has to give; InputError where it cannot be read."""
    with opened(path) as file:
        return read_open(file, shown(path))


def read_open(file: BinaryIO, where: str) -> bytes:
    """All that an open file, pipe or device has to give; OSError where it cannot be read, InputError for too much."""
    try:
        if not _is_character_device(file):
            return file.read()
        data = file.read(ENDLESS + 1)
    except MemoryError:
        raise InputError(where, "does not fit into memory") from None
    if len(data) > ENDLESS:
        raise InputError(where, "is a device without an end")
    return data


def _is_character_device(file: BinaryIO) -> bool:
    try:
        return stat.S_ISCHR(os.fstat(file.fileno()).st_mode)
    except ValueError:  # it lies in memory (io.UnsupportedOperation)
        return False
