"""A job of a batch: its name, and the source of its problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attncli.errors import InputError
from attncli.records import record


@record
class Entry:
    """A job of a manifest as parsed: its index in `jobs`, its mapping, the defaults of the manifest, and whether some
    commas of the manifest could be decimal."""

    index: int
    node: Mapping[str, Any]
    defaults: Mapping[str, Any] | None
    is_doubtful: bool = False


@record
class Job:
    """`path` is a problem file, a problem folder or, with an `entry`, a manifest, written as the user would write it. A
    job with a `fault` could not be read."""

    name: str
    path: str
    entry: Entry | None = None
    fault: InputError | None = None
