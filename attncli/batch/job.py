"""A job of a batch: what it is called and where its problem comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attncli.errors import InputError
from attncli.records import record


@record
class Entry:
    """A job of a manifest, as it was parsed: where it stands among `jobs`, its mapping, and the manifest's defaults."""

    index: int
    node: Mapping[str, Any]
    defaults: Mapping[str, Any] | None


@record
class Job:
    """`path` is a problem file, a problem folder or, with an `entry`, a manifest: as the user would call it. With a
    `fault` it could not be looked at."""

    name: str
    path: str
    entry: Entry | None = None
    fault: InputError | None = None
