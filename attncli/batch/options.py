"""What all jobs of a run share: the default settings, and what is saved, in which format and where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, field
from hashlib import sha256
from typing import Any

from attncli.errors import check_choice
from attncli.inputs.request import RESULT_NAMES
from attncli.records import record
from attncli.version import __version__

SAVE_FORMATS = ("npz", "npy", "csv", "json", "yaml")
USUAL = ("output", "weights")
PLACES = ("folder", "start", "fail_fast")  # do not affect any result


@record(kw_only=True)
class Options:
    """The options of a run.

    `folder` is where the results go and `start` is what paths are relative to, both absolute. `settings` and `matrices`
    (sources by name, because paths are sent to workers, not arrays) apply if a problem does not set them itself. `save`
    is None for output and weights, or only weights for a problem without values. Options that give the same results
    have the same `digest`.
    """

    folder: str
    start: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    matrices: Mapping[str, str] = field(default_factory=dict)
    engine: str = "auto"
    header: bool | None = None
    from_format: str | None = None
    save: tuple[str, ...] | None = None
    format: str = "npz"
    fail_fast: bool = False
    version: str = __version__
    digest: str = field(init=False, default="")

    def __post_init__(self) -> None:
        said = {name: value for name, value in asdict(self).items() if name not in PLACES}
        digest = sha256(json.dumps(said, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        object.__setattr__(self, "digest", digest)


def parse_save(text: str | None) -> tuple[str, ...] | None:
    """Return the results that `--save` names, in the given order."""
    if text is None:
        return None
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for name in names:
        check_choice(name, RESULT_NAMES, "--save", "a result")
    return names


def parse_save_format(text: str) -> str:
    """Return the name of a format in which results can be saved."""
    return check_choice(text, SAVE_FORMATS, "--save-format", "a format")
