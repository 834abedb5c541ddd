"""What is around numba: its settings, and where compiled code is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("numba") is None, reason="needs the extra fast")

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("NUMBA_DISABLE_JIT", "1", "it turns off the compiler of --engine numba"),
        ("NUMBA_NUM_THREADS", "0", "'0' is not a number of threads above 0"),
        ("NUMBA_NUM_THREADS", "x", "'x' is not a number of threads above 0"),
    ],
)
def test_a_setting_that_numba_cannot_work_with_is_named(process, name: str, value: str, what: str) -> None:
    ran = process("run", "1 0", "1 0", "1", "--engine", "numba", env={name: value})
    assert (ran.status, ran.err) == (2, f"error: {name}: {what}\nhint: unset it, or choose --engine numpy\n")


@pytest.mark.parametrize(("name", "value"), [("NUMBA_DISABLE_JIT", "1"), ("NUMBA_NUM_THREADS", "0")])
def test_auto_passes_over_numba_with_a_note(run, monkeypatch, name: str, value: str) -> None:
    monkeypatch.setattr("attncli.engine.engines.REPAID_BY_PRODUCTS", 1)
    expected = run("run", "1 0", "1 0", "1", "--engine", "numpy")
    monkeypatch.setenv(name, value)
    ran = run("run", "1 0", "1 0", "1")
    assert (ran.status, ran.out) == (0, expected.out)
    assert ran.err.startswith(f"note: the engine is numpy, not numba: {name}: ")


DOUBLED = """
import numpy as np
from attncli.engine.compiled.compiler import Compiled

def double(row):
    for place in range(len(row)):
        row[place] *= 2

row = np.arange(3.0)
Compiled(double)(row)
print(row)
"""


@pytest.fixture
def loop(tmp_path: Path) -> list[str]:
    """The words that run a compiled loop. It stands in a file, as numba caches no other code, and is so small that it
    compiles in no time."""
    script = tmp_path / "doubled.py"
    script.write_text(DOUBLED)
    return [sys.executable, str(script)]


def test_compiled_code_runs_where_no_folder_can_be_written(tmp_path, loop) -> None:
    place = tmp_path / "cache"
    place.write_text("a file where the folder would be")
    environment = {**os.environ, "XDG_CACHE_HOME": str(place), "LOCALAPPDATA": str(place), "PYTHONPATH": str(ROOT)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(loop, env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[0. 2. 4.]\n", "")


def test_compiled_code_is_kept_in_a_folder_where_a_damaged_file_is_not_a_fault(tmp_path, loop) -> None:
    place = str(tmp_path / "cache")
    environment = {**os.environ, "XDG_CACHE_HOME": place, "LOCALAPPDATA": place, "PYTHONPATH": str(ROOT)}
    environment.pop("NUMBA_CACHE_DIR", None)

    def run_loop() -> str:
        return subprocess.run(loop, env=environment, capture_output=True, text=True, check=True).stdout

    assert run_loop() == "[0. 2. 4.]\n"
    # compiled code of zeros behind a sound index, then an index that was cut off
    for suffix, damage in (("nbc", b"\0" * 4096), ("nbi", b"\x80\x05K")):
        files = sorted((tmp_path / "cache").rglob(f"*.{suffix}"))
        assert files
        for path in files:
            path.write_bytes(damage)
        assert run_loop() == "[0. 2. 4.]\n"
