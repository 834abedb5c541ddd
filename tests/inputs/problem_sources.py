"""Where the matrices of a problem come from in a test: files, and a standard input that is given."""

from __future__ import annotations

import io

from attncli.inputs.sources import Sources
from attncli.matrix import Reading


def sources(stdin=b""):
    return Sources(lambda: io.BytesIO(stdin), Reading(keep_text=True))
