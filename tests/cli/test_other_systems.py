"""What POSIX alone has is hidden, as on Windows: every command but batch does without, and batch says what it lacks."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

HIDE = """
import os, signal, sys
for module in ("fcntl", "resource", "pwd", "grp", "termios", "tty"):
    sys.modules[module] = None
for place, names in (
    (os, "pwrite pread posix_fallocate fchmod O_CLOEXEC sched_getaffinity sched_setaffinity getuid fork"),
    (signal, "SIGHUP SIGKILL SIGUSR1 SIGALRM pthread_sigmask setitimer"),
):
    for name in names.split():
        if hasattr(place, name):
            delattr(place, name)
from attncli.cli.main import run_cli
sys.exit(run_cli(sys.argv[1:]))
"""
PROBLEM = """
queries: [[1, 0], [0, 1]]
keys: [[1, 0], [0, 1]]
values: [[1, 2], [3, 4]]
expected: {output: [[1.6605, 2.6605], [2.3395, 3.3395]]}
"""
COMMANDS = {
    "run": ["run", "p.yaml"],
    "run to files": ["run", "p.yaml", "-q", "-o", "o.npz", "-w", "o.npz", "-s", "s.csv", "--lse", "l.json"],
    "run over a file that exists": ["run", "p.yaml", "-q", "-o", "old.csv", "--force"],
    "run of weights that are streamed": ["run", "large.npy", "large.npy", "-q", "-w", "w.npy"],
    "explain": ["explain", "p.yaml"],
    "explain to a file": ["explain", "p.yaml", "-o", "p.html"],
    "compare": ["compare", "p.yaml"],
    "check": ["check", "p.yaml"],
    "demo": ["demo"],
    "variants": ["variants"],
}


def run_without_posix(arguments: list[str], folder: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HIDE, *arguments], cwd=folder, capture_output=True, encoding="utf-8", timeout=120
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "p.yaml").write_text(PROBLEM)
    (tmp_path / "old.csv").write_text("1\n")
    np.save(tmp_path / "large.npy", np.ones((4200, 1), np.float32))
    return tmp_path


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_a_command_does_without_what_posix_alone_has(folder, arguments):
    ran = run_without_posix(arguments, folder)
    assert (ran.returncode, "error" in ran.stderr) == (0, False), ran.stderr


def test_streamed_weights_are_right_without_writing_at_offsets(folder):
    run_without_posix(COMMANDS["run of weights that are streamed"], folder)
    weights = np.load(folder / "w.npy", mmap_mode="r")[::419]
    assert np.allclose(weights, 1 / 4200, rtol=1e-6, atol=0)


def test_batch_says_what_it_needs(folder):
    ran = run_without_posix(["batch", "p.yaml", "-d", "results"], folder)
    what = "cannot be locked: batch needs a system with fcntl, as Linux and macOS"
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"error: results: {what}\n")
