"""All file access: files are written whole or not at all, and never replace another file without permission.

All calls go through `os` and `open` by name, so that a test can make any of them fail.
"""

from attncli.files.paths import (
    LONGEST_NAME,
    LONGEST_PATH,
    exists,
    expand_pattern,
    is_device,
    is_folder,
    list_folder,
    lock_folder,
    make_folder,
    path_text,
    read_link,
    refuse_pipe,
    resolve_path,
    stat_link,
    working_folder,
)
from attncli.files.reading import open_file, read_all, read_bytes
from attncli.files.writing import (
    AtomicFile,
    append_lines,
    is_temporary,
    refuse_existing,
    remove,
    write_atomically,
    write_together,
)

__all__ = [
    "LONGEST_NAME",
    "LONGEST_PATH",
    "AtomicFile",
    "append_lines",
    "exists",
    "expand_pattern",
    "is_device",
    "is_folder",
    "is_temporary",
    "list_folder",
    "lock_folder",
    "make_folder",
    "open_file",
    "path_text",
    "read_all",
    "read_bytes",
    "read_link",
    "refuse_existing",
    "refuse_pipe",
    "remove",
    "resolve_path",
    "stat_link",
    "working_folder",
    "write_atomically",
    "write_together",
]
