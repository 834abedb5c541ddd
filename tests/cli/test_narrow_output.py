"""Where standard output has a narrow encoding, help is ASCII and documents are UTF-8."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def output_of(encoding, words):
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "attncli", *words.split()]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (done.returncode, b"error" in done.stderr) == (0, False), done.stderr
    return done.stdout


@pytest.mark.parametrize("words", ["--help", "run --help", "help calculation"])
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_help_falls_back_to_ascii(encoding, words):
    assert output_of(encoding, words).isascii()


@pytest.mark.parametrize(
    "words",
    ["run demo -f markdown", "explain demo -f html", "explain demo -f markdown", "compare demo -f markdown"],
)
def test_documents_are_utf8(words):
    assert output_of("cp1252", words) == output_of("utf-8", words)
