"""Kills and resumes a batch a thousand times, each time at random, and compares what it leaves with a quiet run.

    python tools/soak_batch.py [--kills 1000] [--seed 0] [--minutes 30]

A run is killed as a whole (the parent, with -9), or one worker of it, or it gets a Ctrl-C. After each round of kills
the run is resumed to its end, and every result, and the log but for seconds and order, must equal the quiet run's
byte for byte; no temporary file may be left. Continuous integration runs it with --kills 20.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from batch.runs import batch, children, make_problems, start, state

WORDS = ["problems", "-d", "out", "-j", "2", "--resume"]
ROUND = 10  # kills before the run may end


def kill_once(folder: Path, chance: random.Random) -> str:
    """One run that is stopped somewhere; how."""
    how = chance.choice(["parent", "parent", "worker", "interrupt"])
    process = start(*WORDS, cwd=folder, start_new_session=True)
    time.sleep(chance.uniform(0.05, 1.2))
    if how == "worker":
        for worker in children(process.pid)[:1]:
            with_pid(worker, signal.SIGKILL)
        time.sleep(chance.uniform(0.0, 0.3))
        process.kill()
    elif how == "parent":
        process.kill()
    else:
        with_pid(-process.pid, signal.SIGINT)
    try:
        process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"a run went on for 30 s after: {how}") from None
    return how


def with_pid(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
        os.kill(pid, number)  # a negative one is a group


def refuse_difference(folder: Path, kills: int) -> None:
    """Resume to the end and compare."""
    status, _, err = batch(*WORDS, cwd=folder)
    if status != 1:
        raise SystemExit(f"after {kills} kills the run ended with {status}: {err}")
    quiet, found = state(folder / "quiet"), state(folder / "out")
    if found != quiet:
        names = {name for name in quiet[0].keys() | found[0].keys() if quiet[0].get(name) != found[0].get(name)}
        logs = {name for name in quiet[1].keys() | found[1].keys() if quiet[1].get(name) != found[1].get(name)}
        raise SystemExit(f"after {kills} kills these differ: files {sorted(names)}, lines {sorted(logs)}")


def main() -> None:
    """Rounds of kills until their number or the time is reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=30)
    options = parser.parse_args()
    chance, end = random.Random(options.seed), time.monotonic() + 60 * options.minutes
    counts = {"parent": 0, "worker": 0, "interrupt": 0}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_problems(folder / "problems", 400, bad={11, 170, 333})
        batch("problems", "-d", "quiet", "-j", "2", cwd=folder)
        kills = 0
        while kills < options.kills and time.monotonic() < end:
            for _ in range(min(ROUND, options.kills - kills)):
                counts[kill_once(folder, chance)] += 1
                kills += 1
            refuse_difference(folder, kills)
            shutil.rmtree(folder / "out")
    told = ", ".join(f"{count} × {how}" for how, count in counts.items())
    print(f"{kills} kills ({told}): every run, resumed, ended as a quiet one")


if __name__ == "__main__":
    main()
