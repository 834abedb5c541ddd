"""Whatever file operation fails, by an error or by a kill, no file is lost or half-written, and the next run works."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

# about how many operations of each; what is left out goes through the same calls, and tools/sweep.py without
# arguments tries it all
COMMANDS = {"new": 15, "streamed": 15, "several": 15, "check": 8, "compare": 8, "batch": 12, "manifest": 8}
COMMANDS |= {"resume": 12, "plot": 4}
SHARE = 5  # of these, one in so many; --thorough tries them all


@pytest.mark.parametrize("command", COMMANDS)
def test_no_failing_operation_harms_a_file(command, request):
    if command == "plot" and find_spec("matplotlib") is None:
        pytest.skip("pictures need matplotlib")
    sweep = Path(__file__).parents[2] / "tools" / "sweep.py"
    most = -(-COMMANDS[command] // (1 if request.config.getoption("thorough") else SHARE))
    words = [sys.executable, str(sweep), command, "--most", str(most)]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120)
    told = json.loads(ran.stdout[ran.stdout.index("{\n") :])
    assert told["wrong"] == []
    assert told["injected"] >= most
