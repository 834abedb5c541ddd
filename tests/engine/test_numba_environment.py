from __future__ import annotations

import pytest

pytest.importorskip("numba")


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


def test_a_damaged_file_in_the_cache_of_compiled_code_is_no_fault(process, tmp_path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    command = ("run", "1 0; 0 1", "1 0; 0 1", "1 2; 3 4", "--engine", "numba", "-a", "laplace", "-f", "csv")
    whole = process(*command, env=environment)
    assert whole.status == 0
    # compiled code of zeros behind a sound index, then an index that was cut off
    for suffix, damage in (("nbc", b"\0" * 4096), ("nbi", b"\x80\x05K")):
        files = sorted(tmp_path.rglob(f"*.{suffix}"))
        assert files
        for path in files:
            path.write_bytes(damage)
        assert process(*command, env=environment) == whole
