"""Writing whole files, all or nothing, and appending whole lines."""

# A path stays the text that was typed, because pathlib drops the trailing slash of a folder.
# ruff: noqa: PTH101, PTH105, PTH108, PTH116, PTH118, PTH120
from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType

from attncli.errors import OutputError, system_reason
from attncli.files.paths import LONGEST_NAME, own_descriptor, path_text

PENDING = 1 << 20  # bytes: small chunks are collected into writes of this size
# not inherited by child processes, and binary on Windows
OWN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EXDEV)


def refuse_existing(paths: Iterable[str | os.PathLike[str]], force: bool) -> None:
    """Raise OutputError if any of the files could not be written, before anything is computed or written."""
    for path in paths:
        _Target(path, force)


class _Target:
    """Where the bytes of `path` go: the file at the end of its symlinks, or a device or FIFO."""

    def __init__(self, path: str | os.PathLike[str], force: bool) -> None:
        self.path = os.fspath(path)
        self.where = path_text(path)
        self.mode: int | None = None  # of the file that is replaced
        try:
            self._look(force)
        except OSError as error:
            raise OutputError(self.where, system_reason(error)) from None
        except ValueError:
            raise OutputError(self.where, "is not a valid file name") from None

    def _look(self, force: bool) -> None:
        if not self.path:
            raise OutputError("''", "is not a valid file name")
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            found = None
        self.stream = own_descriptor(self.path)
        self.is_direct = self.stream is not None or (
            found is not None and not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode)
        )
        # the link of a device may lead to a name that is not a file, as /proc/self/fd does
        self.real = self.path if self.is_direct else os.path.realpath(self.path)
        if self.is_direct:
            return
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise OutputError(self.where, "is a folder; expected a file", "name a file in it")
        if self.path.endswith(os.sep):
            raise OutputError(self.where, "names a folder; expected a file", "name a file in it")
        folder = os.path.dirname(self.real)
        try:
            is_there = stat.S_ISDIR(os.stat(folder).st_mode)
        except FileNotFoundError:
            is_there = False
        if not is_there:
            parent = path_text(os.path.dirname(self.path) or folder)
            raise OutputError(self.where, f"there is no folder {parent}", f"mkdir -p {parent}")
        if found is not None:
            self.mode = stat.S_IMODE(found.st_mode)
            if not force:
                raise self.exists()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(self.where, "its folder cannot be written to")

    def exists(self) -> OutputError:
        return OutputError(self.where, "exists already", "--force replaces it")

    def open_direct(self) -> int:
        """Return a descriptor of the stream, device or FIFO.

        A stream of this process is duplicated: opened by its name, a file behind it would have a second position, and
        what comes later through the first one would overwrite this.
        """
        if self.stream is not None:
            return os.dup(self.stream)
        return os.open(self.real, os.O_WRONLY | os.O_APPEND | OWN)

    def temporary(self) -> str:
        """Return a name beside the target, so that the rename stays on one file system."""
        folder, name = os.path.split(self.real)
        ending = f".attncli-{os.urandom(4).hex()}.tmp"
        room = LONGEST_NAME - len(ending) - 1
        return os.path.join(folder, f".{os.fsencode(name)[:room].decode(errors='ignore')}{ending}")


def is_temporary(name: str) -> bool:
    """Return whether the name of a file is one that an interrupted run left behind."""
    return name.startswith(".") and name.endswith(".tmp") and ".attncli-" in name


class AtomicFile:
    """A file that appears under its name if the `with` block succeeds, and leaves nothing behind if it does not.

    `write` appends, and `write_at` writes at any offset from any thread. `reserve` claims the space beforehand, so that
    a full disk is noticed before the work is done. A device or FIFO (`is_direct`) is written to directly, in order.
    With `lasting=False` the file may be lost or empty after a power cut (not after a kill), for callers that check it.
    """

    def __init__(self, path: str | os.PathLike[str], *, force: bool = False, lasting: bool = True) -> None:
        self.force = force
        self.lasting = lasting
        self._target = _Target(path, force)
        self._descriptor = -1
        self._temporary: str | None = None
        self._pending = bytearray()
        self._is_finished = False
        self._seeking = threading.Lock()

    @property
    def is_direct(self) -> bool:
        return self._target.is_direct

    def __enter__(self) -> AtomicFile:
        try:
            with self._report_failure():
                if self.is_direct:
                    self._descriptor = self._target.open_direct()
                    return self
                self._temporary = self._target.temporary()
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | OWN
                self._descriptor = os.open(self._temporary, flags, 0o666)
                if self._target.mode is not None:
                    os.chmod(self._temporary, self._target.mode)
        except BaseException:
            self._discard()
            raise
        return self

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append the data."""
        view = memoryview(data)
        if view.nbytes and len(self._pending) + view.nbytes < PENDING:
            self._pending += view.cast("B")
        elif view.nbytes:
            self._flush()
            self._append(view)

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Write at an offset. Threads may do so at once."""
        if self.is_direct:
            raise OutputError(self._target.where, "is written in order: a device has no offsets")
        rest = memoryview(data).cast("B")
        with self._report_failure():
            while rest:
                written = self._write_there(rest, offset)
                rest, offset = rest[written:], offset + written

    def _write_there(self, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._descriptor, data, offset)
        with self._seeking:  # Windows: seek and write are two steps, which no other thread may interleave
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.write(self._descriptor, data)

    def reserve(self, size: int) -> None:
        """Claim the space of `size` bytes now, if the file system can."""
        if self.is_direct or not size:
            return
        with self._report_failure():
            try:
                os.posix_fallocate(self._descriptor, 0, size)
            except AttributeError:  # macOS
                os.ftruncate(self._descriptor, size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENODEV):
                    raise
                os.ftruncate(self._descriptor, size)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            self.finish()
            with self._report_failure():
                self._commit()
        except BaseException:
            self._discard()
            raise

    def finish(self) -> None:
        """Bring everything to the disk, under the temporary name still. Nothing may be written afterwards."""
        if self._is_finished:
            return
        self._flush()
        if not self.is_direct and self.lasting:
            with self._report_failure():
                os.fsync(self._descriptor)  # a full disk may be reported only here
        self._is_finished = True

    def _append(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data).cast("B")
        with self._report_failure():
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, bytearray()
            self._append(pending)

    def _commit(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)
        if self._temporary is None:
            return
        if self.force:
            os.replace(self._temporary, self._target.real)
        else:
            self._rename_to_new()
        self._temporary = None
        if self.lasting:
            _keep_folder(os.path.dirname(self._target.real))

    def _rename_to_new(self) -> None:
        """Rename without replacing anything, not even a file that appeared while this one was written."""
        assert self._temporary is not None
        try:
            os.link(self._temporary, self._target.real)
        except FileExistsError:
            raise self._target.exists() from None
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
        else:
            for _ in range(2):  # the file is there, so a temporary name that cannot be removed is not a failure
                with contextlib.suppress(OSError):
                    os.unlink(self._temporary)
                    break
            return
        try:  # no hard links here: an empty file holds the name until the rename
            os.close(os.open(self._target.real, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OWN, 0o666))
        except FileExistsError:
            raise self._target.exists() from None
        try:
            os.replace(self._temporary, self._target.real)
        except BaseException:
            os.unlink(self._target.real)
            raise

    def _discard(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        temporary, self._temporary = self._temporary, None
        self._pending = bytearray()
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    @contextlib.contextmanager
    def _report_failure(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise OutputError(self._target.where, "its reader has closed it") from None
        except OSError as error:
            raise OutputError(self._target.where, system_reason(error)) from None


def _keep_folder(folder: str) -> None:
    """Make the rename itself survive a power cut, if the file system supports syncing folders."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | OWN)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_atomically(
    path: str | os.PathLike[str],
    chunks: Iterable[bytes | bytearray | memoryview],
    *,
    force: bool = False,
    lasting: bool = True,
) -> None:
    """Write the chunks as one file, whole or not at all."""
    write_together({os.fspath(path): chunks}, force=force, lasting=lasting)


def write_together(
    files: Mapping[str, Iterable[bytes | bytearray | memoryview]], *, force: bool = False, lasting: bool = True
) -> None:
    """Write the chunks of each file. The files appear when the last one is whole, and none of them otherwise."""
    with contextlib.ExitStack() as stack:
        opened = []
        for path, chunks in files.items():
            opened.append(file := stack.enter_context(AtomicFile(path, force=force, lasting=lasting)))
            for chunk in chunks:
                file.write(chunk)
        for file in opened:
            file.finish()


def append_lines(path: str | os.PathLike[str], text: str) -> None:
    """Append whole lines to a file.

    If the disk fills up, the lines that were written whole stay and the partial one is removed again. A file that ends
    within a line first gets the missing newline.
    """
    where = path_text(path)
    data = text.encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | OWN, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            if size:
                os.lseek(descriptor, size - 1, os.SEEK_SET)
                if os.read(descriptor, 1) != b"\n":
                    data = b"\n" + data
            written = 0
            try:
                while written < len(data):
                    written += os.write(descriptor, memoryview(data)[written:])
            except BaseException:
                os.ftruncate(descriptor, size + data.rfind(b"\n", 0, written) + 1)
                raise
            try:
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)  # nobody knows what of it is on the disk
                raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OutputError(where, system_reason(error)) from None


def remove(path: str) -> None:
    """Remove a file or link.

    Raises OutputError if it cannot be removed.
    """
    try:
        os.unlink(path)
    except OSError as error:
        raise OutputError(path_text(path), system_reason(error)) from None
