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
