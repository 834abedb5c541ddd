from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

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


def test_a_damaged_file_in_the_cache_of_compiled_code_is_no_fault(tmp_path) -> None:
    script = tmp_path / "doubled.py"  # numba caches what stands in a file; a small loop compiles in no time
    script.write_text(DOUBLED)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "numba"), "PYTHONPATH": str(ROOT)}

    def run_loop() -> str:
        command = [sys.executable, str(script)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert run_loop() == "[0. 2. 4.]\n"
    # compiled code of zeros behind a sound index, then an index that was cut off
    for suffix, damage in (("nbc", b"\0" * 4096), ("nbi", b"\x80\x05K")):
        files = sorted(tmp_path.rglob(f"*.{suffix}"))
        assert files
        for path in files:
            path.write_bytes(damage)
        assert run_loop() == "[0. 2. 4.]\n"
