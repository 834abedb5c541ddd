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
    [
        "run demo -f markdown",
        "explain demo -f html",
        "explain demo -f markdown",
        "compare demo -f markdown",
        "variants -f markdown",
        "variants -f json",
    ],
)
def test_documents_are_utf8(words, run):
    assert output_of("cp1252", words).decode("utf-8") == run(*words.split()).out


LABELLED = "queries: [[1]]\nkeys: [[1]]\nvalues: [[1]]\nlabels: {queries: [naïve→]}\nexpected: {output: [[2]]}\n"


@pytest.mark.parametrize("format", ["json", "csv", "markdown"])
def test_reports_of_check_are_utf8(format, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ключ.yaml").write_text(LABELLED, "utf-8")
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "attncli", "check", "ключ.yaml", "-f", format]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    told = run("check", "ключ.yaml", "-f", format)
    assert (done.returncode, done.stdout.decode("utf-8")) == (told.status, told.out)
    assert "ключ" in told.out


def test_the_plan_of_a_batch_falls_back_to_ascii(tmp_path):
    (tmp_path / "p.yaml").write_text(LABELLED, "utf-8")
    assert output_of("ascii", f"batch {tmp_path / 'p.yaml'} -d {tmp_path / 'd'} --dry-run").isascii()
