"""Runs of `attncli batch` in the process of the tests, for what is not about processes."""

from __future__ import annotations

import sys
from concurrent.futures import wait

import pytest

import attncli.__main__
from attncli.batch import pool


class KeptCrew(pool.LocalCrew):
    """One real worker process, which waits for the next run when one ends: to start it takes longer than its work."""

    def submit(self, task):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "__main__", attncli.__main__)  # what a process that is started imports first
            return super().submit(task)

    def stop(self):
        wait(self._taken)


@pytest.fixture(scope="module")
def kept_crew():
    crew = KeptCrew(1)
    yield crew
    pool.LocalCrew.stop(crew)


@pytest.fixture
def batch_here(run, kept_crew, monkeypatch):
    """`batch_here("problems", "-d", "out", cwd=…)`: what `batch` returns, of a run with one worker."""
    monkeypatch.setattr(pool, "LocalCrew", lambda _: kept_crew)

    def command(*words, cwd):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["attncli", "batch", *map(str, words)])
        return run("batch", *words)

    return command
