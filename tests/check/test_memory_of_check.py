"""What `check` needs of memory beyond the matrices, at a size where 64 bytes a number are the promise of 1 GiB for
4096 × 4096."""

import os
import subprocess
import sys

import numpy as np
import pytest
from memory import PEAK, needs_peak

N, D = 768, 16
PROMISE = 64 * N * N / 2**20  # MiB
MATRICES = (8 + 8 + 12) * N * N / 2**20  # the numbers expected and due, and their text

MEASURED = f"""{PEAK}
import os, sys
from attncli.check import blocks
from attncli.cli.main import run_cli
blocks.CELLS = 1 << 14
sys.stdout = open(os.devnull, "w")
run_cli(["check", "small.npz", "--expect-weights", "small" + sys.argv[1][-4:]])
before = peak()
status = run_cli(["check", "p.npz", "--expect-weights", sys.argv[1]])
print(status, peak() - before, file=sys.stderr)
"""


def weights_of(queries, keys, scale):
    weights = np.exp(queries @ keys.T * scale)
    return weights / weights.sum(axis=1, keepdims=True)


@needs_peak
@pytest.mark.parametrize(
    ("suffix", "scale"),
    [("csv", D**-0.5), ("csv", 1 / D), ("npy", 1 / D)],
    ids=["right text", "wrong text", "wrong binary"],
)
def test_large_matrices_are_judged_by_blocks(tmp_path, scale, suffix):
    for name, n in (("p", N), ("small", 8)):
        source = np.random.default_rng(1)
        queries, keys = source.standard_normal((2, n, D)).round(3)
        np.savez(tmp_path / f"{name}.npz", q=queries, k=keys)
        weights = weights_of(queries, keys, scale)
        if suffix == "npy":
            np.save(tmp_path / f"{name}.npy", weights)
        else:
            np.savetxt(tmp_path / f"{name}.csv", weights, "%.9f", ",")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, f"p.{suffix}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "ATTNCLI_THREADS": "1"},
    )
    status, mebibytes = done.stderr.split()[-2:]
    assert status == ("0" if scale == D**-0.5 else "1")
    assert float(mebibytes) < MATRICES + PROMISE
