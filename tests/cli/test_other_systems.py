"""What POSIX alone has is hidden, as on Windows: every command but batch does without, and batch says what it lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from one_process import run_in_one_process

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


def run_without_posix(commands: list[list[str]], folder: Path) -> list[tuple[int, str, str]]:
    """Status, output and errors of each of these commands, all run by one process."""
    (folder / "p.yaml").write_text(PROBLEM)
    (folder / "old.csv").write_text("1\n")
    np.save(folder / "large.npy", np.ones((4200, 1), np.float32))
    return run_in_one_process(commands, before=HIDE, cwd=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("without_posix")


@pytest.fixture(scope="module")
def ran(folder: Path) -> dict[str, tuple[int, str, str]]:
    return dict(zip(COMMANDS, run_without_posix(list(COMMANDS.values()), folder), strict=True))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_does_without_what_only_posix_has(ran, name):
    status, _, err = ran[name]
    assert (status, "error" in err) == (0, False), err


def test_what_is_written_without_posix_is_right(ran, folder):
    _, out, _ = ran["run"]
    assert "2.3395  3.3395" in out
    assert ran["run over a file that exists"][0] == 0
    assert (folder / "old.csv").read_text() != "1\n"
    weights = np.load(folder / "w.npy", mmap_mode="r")[::419]  # which are streamed, and not written at offsets
    assert np.allclose(weights, 1 / 4200, rtol=1e-6, atol=0)


def test_batch_says_what_it_needs(tmp_path):
    (ran,) = run_without_posix([["batch", "p.yaml", "-d", "results"]], tmp_path)
    what = "cannot be locked: batch needs a system with fcntl, as Linux and macOS"
    assert ran == (2, "", f"error: results: {what}\n")
