"""Every file is looked at, read, written and locked here: whole or not at all, and never over another without leave.

All calls go through `os` and `open` by name, so that a test can make any of them fail.
"""

from attncli.files.paths import (
    LONGEST_NAME,
    LONGEST_PATH,
    exists,
    is_device,
    is_folder,
    itself,
    link_target,
    listed,
    locked,
    make_folder,
    matching,
    real,
    refuse_pipe,
    shown,
    working_folder,
)
from attncli.files.reading import opened, read_bytes, read_open
from attncli.files.writing import (
    AtomicFile,
    append_line,
    is_temporary,
    refuse_existing,
    remove,
    write_atomically,
)

__all__ = [
    "LONGEST_NAME",
    "LONGEST_PATH",
    "AtomicFile",
    "append_line",
    "exists",
    "is_device",
    "is_folder",
    "is_temporary",
    "itself",
    "link_target",
    "listed",
    "locked",
    "make_folder",
    "matching",
    "opened",
    "read_bytes",
    "read_open",
    "real",
    "refuse_existing",
    "refuse_pipe",
    "remove",
    "shown",
    "working_folder",
    "write_atomically",
]
