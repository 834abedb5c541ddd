"""An empty folder to work in, and problem files that are read there."""

from __future__ import annotations

import pytest
from problem_sources import sources

from attncli.inputs.problem_file import read_problem


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder of a test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def read(folder):
    """A function that reads a text as a problem file of the folder."""

    def read(text, name="p.yaml"):
        (folder / name).write_text(text, encoding="utf-8")
        return read_problem(name, sources())

    return read
