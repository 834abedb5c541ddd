"""`attncli batch` against a bare loop of `attend` with the same reading and writing, on two processes, interleaved.

    python benchmarks/batch.py [--jobs 10000] [--repeat 3] [--folder DIR]

Prints the seconds and the CPU seconds of each, their ratios, the time per job, and the peak memory of all processes
of a run at a tenth of the jobs and at all of them.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

LOOP = """
import os, sys
import numpy as np
from attncli import AttncliError, attend
from attncli.files import write_atomically
from attncli.formats import BY_NAME
from attncli.matrix import Matrix
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources

source, target, part = sys.argv[1], sys.argv[2], int(sys.argv[3])
for name in sorted(os.listdir(source))[part::2]:
    try:
        request = read_problem(os.path.join(source, name), Sources(lambda: None)).request
        result = attend(request.queries.array, request.keys.array, request.values.array)
        result.compute("output", "weights")
    except AttncliError:
        continue
    matrices = {what: Matrix(result.array(what), what) for what in ("output", "weights")}
    write_atomically(os.path.join(target, name), BY_NAME["npz"].write(matrices), force=True, lasting=False)
"""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "ATTNCLI_THREADS": "1"}


def make(folder: Path, count: int) -> Path:
    """Small problems of a few sizes, one in fifty of them damaged."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        n, m, d = random.integers(4, 33, size=3)
        path = folder / f"p{number:05}.npz"
        if number % 50 == 7:
            path.write_bytes(b"PK\x03\x04 damaged")
            continue
        np.savez(
            path, queries=random.normal(size=(n, d)), keys=random.normal(size=(m, d)), values=random.normal(size=(m, 8))
        )
    return folder


def timed(start) -> tuple[float, float]:
    """(seconds, CPU seconds) of what `start` starts and waits for."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    start()
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def loop(problems: Path, target: Path) -> None:
    """The bare loop: every other problem to each of two processes."""
    target.mkdir()
    environment = {**os.environ, **ONE_THREAD}
    halves = [
        subprocess.Popen([sys.executable, "-c", LOOP, str(problems), str(target), str(part)], env=environment)
        for part in range(2)
    ]
    if any(half.wait() for half in halves):
        raise SystemExit("the loop failed")


def batch(problems: Path, target: Path) -> list[str]:
    return [sys.executable, "-m", "attncli", "batch", str(problems), "-d", str(target), "-j", "2", "-q"]


def run(problems: Path, target: Path) -> None:
    """attncli batch, whose exit status is 1: there are damaged problems."""
    done = subprocess.run(batch(problems, target), stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 1:
        raise SystemExit(f"the batch ended with {done.returncode}")


def compare(problems: Path, folder: Path, repeat: int, jobs: int) -> None:
    """Both ways in turn; the ratio of each turn."""
    rows = []
    for turn in range(repeat):
        bare = timed(lambda: loop(problems, folder / "bare"))
        ours = timed(lambda: run(problems, folder / "ours"))
        if turn == 0:
            same_results(folder / "bare", folder / "ours")
        shutil.rmtree(folder / "bare")
        shutil.rmtree(folder / "ours")
        rows.append((bare, ours))
        print(
            f"turn {turn + 1}: loop {bare[0]:.2f} s ({bare[1]:.2f} CPU), batch {ours[0]:.2f} s ({ours[1]:.2f} CPU),"
            f" ratio {ours[0] / bare[0]:.2f} ({ours[1] / bare[1]:.2f} CPU)"
        )
    ratio = statistics.median(ours[0] / bare[0] for bare, ours in rows)
    each = statistics.median(ours[0] - bare[0] for bare, ours in rows) / jobs
    print(f"{jobs} jobs: median ratio {ratio:.2f}; overhead {each * 1e3:+.3f} ms of wall time for a job")


def same_results(bare: Path, ours: Path) -> None:
    names = sorted(path.name for path in bare.iterdir())
    assert names == sorted(path.name for path in ours.iterdir() if path.name != "results.jsonl")
    assert all((bare / name).read_bytes() == (ours / name).read_bytes() for name in names)


def peak(problems: Path, target: Path) -> float:
    """The most memory that a run and its workers hold together, in MB: their proportional share, sampled."""
    process = subprocess.Popen(batch(problems, target), stderr=subprocess.DEVNULL)
    most, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.05):
            most = max(most, sum(share(pid) for pid in family(process.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    done.set()
    watcher.join()
    shutil.rmtree(target)
    return most


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(grandchild for child in children for grandchild in family(int(child)))]


def share(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1e3 for line in text.splitlines() if line.startswith("Pss:")), 0.0)


def main() -> None:
    """Make the problems, compare, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None, help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        many, few = make(folder / "many", options.jobs), make(folder / "few", options.jobs // 10)
        compare(many, folder, options.repeat, options.jobs)
        small, large = (max(peak(each, folder / "out") for _ in range(2)) for each in (few, many))
        print(f"peak memory: {small:.1f} MB at {options.jobs // 10} jobs, {large:.1f} MB at {options.jobs}", end="")
        print(f", ratio {large / small:.2f}")


if __name__ == "__main__":
    main()
