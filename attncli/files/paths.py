"""Inspecting paths, and making, listing and locking folders."""

# A path stays the text that was typed, because pathlib drops the trailing slash of a folder.
# ruff: noqa: PTH103, PTH109, PTH114, PTH115, PTH116, PTH118, PTH120, PTH207, PTH208
from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections import deque
from collections.abc import Iterator

from attncli.errors import InputError, OutputError, printable, system_reason
from attncli.patterns import pattern

LONGEST_NAME = 255  # bytes, on all common file systems
LONGEST_PATH = 4096
NAMED_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
OWN_STREAM = pattern(r"/(?:dev|proc/self)/fd/([0-9]{1,9})")


def path_text(path: str | os.PathLike[str]) -> str:
    """Return a path as text that is safe in a message."""
    return printable(os.fspath(path))


def exists(path: str) -> bool:
    """Return whether something is there. A path without access counts, so that reading it reports why."""
    if not path or len(path) > LONGEST_PATH:
        return False
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return True


def is_folder(path: str) -> bool:
    """Return whether an accessible folder is there."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def own_descriptor(path: str) -> int | None:
    """Return the descriptor of the stream of this process that a path names, or None for any other path."""
    numbered = OWN_STREAM.fullmatch(path)
    return int(numbered[1]) if numbered else NAMED_STREAMS.get(path)


def is_device(path: str) -> bool:
    """Return whether something is there that is not a regular file, or is a stream of this process, wherever it leads.

    Raises OutputError if that cannot be determined.
    """
    if own_descriptor(path) is not None:
        return True
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        raise OutputError(path_text(path), system_reason(error)) from None


def list_folder(folder: str) -> list[str]:
    """Return the names in a folder, sorted.

    Raises InputError if it cannot be read.
    """
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise InputError(path_text(folder), system_reason(error)) from None
    except ValueError:
        raise InputError(path_text(folder), "is not a valid folder name") from None


def refuse_pipe(path: str) -> None:
    """Raise InputError if a path that was found, not typed, is a pipe or a device: reading it may never end."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return  # reading it reports the error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise InputError(path_text(path), f"is {kind}, which might never end", "save its output to a file")


def expand_pattern(pattern: str) -> list[str]:
    """Return the paths that match a pattern with *, ** or ?, sorted.

    ** visits each folder once, whatever links lead to it. Raises InputError for a folder that cannot be read, which
    glob would skip.
    """
    from glob import escape, has_magic

    stars = re.search(r"(?:(?<=/)|^)\*\*(?:/+|$)", pattern)
    if stars is None:
        return _matching_once(pattern)
    head, tail = pattern[: stars.start()], pattern[stars.end() :]
    found: set[str] = set()
    for start in _matching_once(head) if has_magic(head) else [head]:
        for folder in _folders_below(start) if is_folder(start or ".") else ():
            if tail:
                found.update(expand_pattern(os.path.join(escape(folder), tail)))
            else:
                found.update((folder, *(os.path.join(folder, name) for name in _unhidden(folder))))
    return sorted(found - {""})


def _matching_once(pattern: str) -> list[str]:
    from glob import glob, has_magic

    rest = pattern.rstrip(os.sep)
    while has_magic(rest):
        rest = os.path.dirname(rest)
        for folder in glob(f"{rest}{os.sep}") if has_magic(rest) else [rest or "."]:
            if is_folder(folder):
                list_folder(os.path.normpath(folder))
    return sorted(glob(pattern))


def _folders_below(start: str) -> Iterator[str]:
    """Yield the folder and those below it, each once. Folders reached without a link come first."""
    seen: set[tuple[int, int]] = set()
    folders, links = [start], deque[str]()
    while folders or links:
        folder = folders.pop() if folders else links.popleft()
        try:
            status = os.stat(folder or ".")
        except OSError as error:
            raise InputError(path_text(folder), system_reason(error)) from None
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        yield folder
        for name in _unhidden(folder):
            inner = os.path.join(folder, name)
            if is_folder(inner):
                (links if os.path.islink(inner) else folders).append(inner)


def _unhidden(folder: str) -> list[str]:
    return [name for name in list_folder(folder or ".") if not name.startswith(".")]


def stat_link(path: str) -> os.stat_result | None:
    """Return the status of a path without following links, or None if nothing is there.

    Raises OutputError if that cannot be determined.
    """
    try:
        return os.lstat(path)
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise OutputError(path_text(path), system_reason(error)) from None


def read_link(path: str) -> str | None:
    """Return the target of a link, or None if it cannot be read or is not a link."""
    try:
        return os.readlink(path)
    except (OSError, ValueError):
        return None


def resolve_path(path: str) -> str:
    """Return the absolute path with all links resolved.

    Raises OutputError if the current folder no longer exists.
    """
    try:
        return os.path.realpath(path)
    except OSError as error:
        raise OutputError(path_text(path), system_reason(error)) from None


def working_folder() -> str:
    """Return the folder that relative paths start from.

    Raises InputError if it no longer exists.
    """
    try:
        return os.getcwd()
    except OSError as error:
        raise InputError("the current folder", system_reason(error), "cd to one that exists") from None


def make_folder(folder: str) -> None:
    """Make a folder and its parents.

    Raises OutputError if it cannot be made or written to.
    """
    where = path_text(folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OutputError(where, "is a file; expected a folder", "choose another -d DIR") from None
    except OSError as error:
        raise OutputError(where, system_reason(error)) from None
    except ValueError:
        raise OutputError(where, "is not a valid folder name") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(where, "cannot be written to")


@contextlib.contextmanager
def lock_folder(folder: str) -> Iterator[bool]:
    """Yield whether this process has the only lock on the folder. The lock ends with the process, however that ends."""
    try:
        import fcntl
    except ImportError:
        raise OutputError(
            path_text(folder), "cannot be locked: batch needs a system with fcntl, as Linux and macOS"
        ) from None
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise OutputError(path_text(folder), system_reason(error)) from None
    ours = True
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            ours = False
        except OSError:
            pass  # a file system without locks
        yield ours
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
