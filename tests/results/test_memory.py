"""What a command needs of memory for a result that it writes while it is computed."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from memory import PEAK, needs_peak

MEASURED = f"""{PEAK}
import os, sys
from attncli.cli.main import run_cli
from attncli.results import computed_rows
computed_rows.SLAB = 1 << 19
sys.stdout = open(os.devnull, "w")
run_cli(["run", "1 0", "1 0", "-f", sys.argv[1], "--show", "weights"])
before = peak()
status = run_cli(["run", "p.npz", "-f", sys.argv[1], "--show", "weights"])
print(status, peak() - before, file=sys.stderr)
"""


@needs_peak
@pytest.mark.parametrize("format", ["csv", "json"])
def test_weights_that_are_written_are_not_held(tmp_path, format):
    """Held whole, these weights would take 64 MB, and their text 160 MB."""
    source = np.random.default_rng(1)
    np.savez(tmp_path / "p.npz", q=source.standard_normal((2000, 2)), k=source.standard_normal((4000, 2)))
    environment = {**os.environ, "ATTNCLI_THREADS": "1"}
    command = [sys.executable, "-c", MEASURED, format]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
    status, mebibytes = done.stderr.split()[-2:]
    assert status == "0"
    assert float(mebibytes) < 60
