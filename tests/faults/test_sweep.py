"""Whatever file operation fails, by an error or by a kill, no file is lost or half-written, and the next run works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# each other format's file goes through the same calls: tests/faults/sweep.py without arguments tries them all
COMMANDS = ["new", "streamed", "several", "check", "batch"]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_failing_operation_harms_a_file(command):
    sweep = Path(__file__).parent / "sweep.py"
    ran = subprocess.run([sys.executable, str(sweep), command], capture_output=True, text=True, timeout=120)
    told = json.loads(ran.stdout[ran.stdout.index("{\n") :])
    assert told["wrong"] == []
    assert told["injected"] > 50
