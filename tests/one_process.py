"""Several commands in one process of their own: as real as one each, for what a test hides or forbids there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

EACH = """
import contextlib, io, json, sys
from attncli.cli.main import run_cli
for words in json.loads(sys.argv[1]):
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(err):
        status = run_cli(words)
    print(json.dumps([status, out.getvalue(), err.getvalue()]))
"""


def run_in_one_process(
    commands: Iterable[Iterable[str]], before: str = "", **options: Any
) -> list[tuple[int, str, str]]:
    """Return status, output and errors of each of these commands, run in turn after the code in `before`."""
    ran = subprocess.run(
        [sys.executable, "-c", before + EACH, json.dumps([list(words) for words in commands])],
        capture_output=True,
        env={**os.environ, "PYTHONUTF8": "1"},
        check=True,
        timeout=120,
        **options,
    )
    assert ran.stderr == b""
    return [tuple(json.loads(line)) for line in ran.stdout.splitlines()]
