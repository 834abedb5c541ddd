"""The most memory that a process had, for code that a test runs in one of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

needs_peak = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells it")

# getrusage counts what the parent held before the program was loaded
PEAK = """
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
"""
