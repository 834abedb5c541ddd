"""Right numbers in every usual print, and the same with one cell off: `check` must pass the one and refuse the other.

python tools/soak_check.py --count 400              400 problems of each print, right and with a cell that is off
python tools/soak_check.py --only torch --show 5    the first five that are judged wrongly

Every print has its turn at each problem, so that a soak that is stopped has tried them all alike; what it has found by
then stands on standard error.
"""

# ruff: noqa: T201
import argparse
import multiprocessing
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from diagnosis import prints

# long texts of few numbers may be those of float32, whose computation is off by more than they show
LONG = ("7 decimals", "8 decimals", "9 digits", "NumPy")
ACCEPTED = dict.fromkeys(LONG, (None, "wrong", "carried", "float32"))


EVERY = 2000  # problems between two lines of progress


def run(task):
    warnings.simplefilter("ignore")
    how, seed = task
    return task, prints.verdict(how, seed), prints.verdict(how, seed, prints.spoil_cell)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="problems of each print")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one print by name")
    parser.add_argument("--show", type=int, default=3, help="seeds of so many misses")
    parser.add_argument("--jobs", type=int, default=None)
    options = parser.parse_args()
    names = [options.only] if options.only else list(prints.PRINTS)
    seeds = range(options.seed * 10**6, options.seed * 10**6 + options.count)
    found = {name: ([], [], []) for name in names}
    tasks = [(name, seed) for seed in seeds for name in names]
    done, start = 0, time.monotonic()
    with multiprocessing.Pool(options.jobs) as pool:
        for (how, seed), right, spoilt in pool.imap_unordered(run, tasks, chunksize=20):
            judged, called_wrong, accepted = found[how]
            judged.append(seed)
            if right == "wrong":
                called_wrong.append(seed)
                print(f"{how}, {seed}: right, called wrong", file=sys.stderr, flush=True)
            if spoilt not in ACCEPTED.get(how, (None, "wrong", "carried")):
                accepted.append((seed, spoilt))
                print(f"{how}, {seed}: spoilt, called {spoilt}", file=sys.stderr, flush=True)
            done += 1
            if done % EVERY == 0:
                print(f"{done} of {len(tasks)}, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    for how, (judged, called_wrong, accepted) in found.items():
        print(
            f"{how:22} {len(judged):7}: {len(called_wrong)} right ones called wrong, "
            f"{len(accepted)} spoilt ones accepted"
        )
        for miss in (*sorted(called_wrong)[: options.show], *sorted(accepted)[: options.show]):
            print(f"    {miss}")
    total = sum(len(judged) for judged, _, _ in found.values())
    bad = [sum(len(misses[kind]) for misses in found.values()) for kind in (1, 2)]
    print(f"{total} problems: {bad[0]} right ones called wrong, {bad[1]} spoilt ones accepted")
    return int(any(bad))


if __name__ == "__main__":
    sys.exit(main())
