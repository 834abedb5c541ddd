"""Real runs of `attncli batch` in a folder of their own, and what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

COMMAND = [sys.executable, "-m", "attncli", "batch"]


def make_problems(folder, count, *, bad=(), size=4, seed=0):
    """Small NPZ problems p000.npz …; those whose numbers are in `bad` are no archive."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        path = folder / f"p{number:03}.npz"
        if number in bad:
            path.write_bytes(b"PK\x03\x04 no archive")
            continue
        arrays = {name: random.normal(size=(size, size)) for name in ("queries", "keys", "values")}
        np.savez(path, **arrays)
    return folder


def start(*words, cwd, **options):
    """The command under way."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(options.pop("path", [])), **options.pop("env", {})}
    return subprocess.Popen(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **options,
    )


def batch(*words, cwd, **options):
    """(exit status, standard output, standard error) of a whole run."""
    with start(*words, cwd=cwd, **options) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def lines(folder):
    """The log's records by name; every line of it must be whole, and no name may stand twice."""
    records = [json.loads(line) for line in (Path(folder) / "results.jsonl").read_text().splitlines()]
    found = {record["name"]: record for record in records}
    assert len(found) == len(records)
    return found


def state(folder):
    """Every file's bytes, and the log without what may differ between two runs: seconds and order."""
    files = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name != "results.jsonl"}
    log = {name: {**record, "seconds": None} for name, record in lines(folder).items()}
    return files, log


def children(pid):
    """The worker processes of a run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == pid and b"spawn_main" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except (OSError, IndexError):
                continue  # it ended meanwhile
    return found


def wait_for(condition, seconds=60):
    """Until it is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
