"""Where standard output has a narrow encoding, help is ASCII and documents are UTF-8."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

# the encoding is that which Python begins with; what each command makes of it ends with the fork that ran it
EACH_IN_A_FORK = """
import json, os, sys
import numpy, rich.table
import attncli.cli.main
for words in json.loads(sys.argv[1]):
    reader, writer = os.pipe()
    if not os.fork():
        os.dup2(writer, 1)
        status = attncli.cli.main.run_cli(words)
        sys.stdout.flush()
        os._exit(status)
    os.close(writer)
    with open(reader, "rb") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.wait()[1])
    sys.stderr.write(json.dumps([status, said.hex()]) + "\\n")
"""


def run_with(encoding: str, commands: list[list[str]]) -> list[tuple[int, bytes]]:
    """Status and output of each command, in a process whose standard output has this encoding."""
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    code = [sys.executable, "-c", EACH_IN_A_FORK, json.dumps(commands)]
    done = subprocess.run(code, capture_output=True, env=environment, check=True, timeout=120)
    found = (json.loads(line) for line in done.stderr.splitlines() if line.startswith(b"["))
    return [(status, bytes.fromhex(said)) for status, said in found]


HELP = ["--help", "run --help", "help calculation"]
DOCUMENTS = [
    "run demo -f markdown",
    "explain demo -f html",
    "explain demo -f markdown",
    "compare demo -f markdown",
    "variants -f markdown",
    "variants -f json",
]


@pytest.fixture(scope="module")
def said() -> Callable[[str, str], bytes]:
    """What a command writes to a standard output of this encoding; all commands of one in one process."""
    known: dict[str, dict[str, tuple[int, bytes]]] = {}

    def found(encoding: str, words: str) -> bytes:
        if encoding not in known:
            commands = HELP if encoding == "ascii" else [*HELP, *DOCUMENTS]
            known[encoding] = dict(zip(commands, run_with(encoding, [c.split() for c in commands]), strict=True))
        status, out = known[encoding][words]
        assert status == 0
        return out

    return found


@pytest.mark.parametrize("words", HELP)
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_help_falls_back_to_ascii(encoding, words, said):
    assert said(encoding, words).isascii()


@pytest.mark.parametrize("words", DOCUMENTS)
def test_documents_are_utf8(words, said, run):
    assert said("cp1252", words).decode("utf-8") == run(*words.split()).out


LABELLED = "queries: [[1]]\nkeys: [[1]]\nvalues: [[1]]\nlabels: {queries: [naïve→]}\nexpected: {output: [[2]]}\n"


def test_reports_of_check_are_utf8(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ключ.yaml").write_text(LABELLED, "utf-8")
    commands = [["check", "ключ.yaml", "-f", format] for format in ("json", "csv", "markdown")]
    for words, (status, out) in zip(commands, run_with("ascii", commands), strict=True):
        told = run(*words)
        assert (status, out.decode("utf-8")) == (told.status, told.out)
        assert "ключ" in told.out


def test_the_plan_of_a_batch_falls_back_to_ascii(tmp_path):
    (tmp_path / "p.yaml").write_text(LABELLED, "utf-8")
    ((status, out),) = run_with("ascii", [["batch", str(tmp_path / "p.yaml"), "-d", str(tmp_path / "d"), "--dry-run"]])
    assert (status, out.isascii()) == (0, True)
