"""How often a slip is among the first three diagnoses, by slip and by print: problems made by plain NumPy.

    python tools/slips.py --count 20                    every slip, 2 to 6 digits, float32, float16, bfloat16
    python tools/slips.py --only no-mask --show 3       three misses of one slip, as problem files
    python tools/slips.py --pairs 40                    a sample of pairs too

Counted are the problems that `check` calls wrong: where a print of few digits shows no difference there is nothing to
explain. A pair counts as found under either order of its names; the sample has those that are searched (docs/check.md).
"""

# ruff: noqa: T201
import argparse
import multiprocessing
import sys
import warnings
from itertools import combinations, product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from diagnosis import judged
from diagnosis.made_slips import SLIPS

from attncli.check.slips.table import SLIPS as TABLE

GOAL = 0.95


def run(task):
    warnings.simplefilter("ignore")
    names, how, seed = task
    return task, judged.place(names, how, seed)


def are_searched(one, two):
    """Whether both are slips that are searched in pairs, and do not exclude each other."""
    records = [
        [slip for slip in TABLE if slip.name == judged.SAME.get(name, name) and slip.paired] for name in (one, two)
    ]
    return any(first.family != second.family for first, second in product(*records))


def a_sample(count):
    """So many pairs of slips, the same each time."""
    pairs = [pair for pair in combinations(SLIPS, 2) if are_searched(*pair)]
    chosen = np.random.default_rng(0).permutation(len(pairs))[:count]
    return ["+".join(pairs[place]) for place in sorted(chosen)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="problems of each slip and print")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=0, help="so many pairs of slips too")
    parser.add_argument("--only", help="slips by name, separated by commas")
    parser.add_argument("--prints", help="prints by name, separated by commas")
    parser.add_argument("--show", type=int, default=0, help="print so many misses of each slip")
    parser.add_argument("--jobs", type=int, default=None)
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [*judged.NAMES, *a_sample(options.pairs)]
    prints = options.prints.split(",") if options.prints else list(judged.PRINTS)
    seeds = range(options.seed * 1000, options.seed * 1000 + options.count)
    tasks = [(name, how, seed) for name in names for how in prints for seed in seeds]
    found = {}
    with multiprocessing.Pool(options.jobs) as pool:
        for (name, how, seed), place in pool.imap_unordered(run, tasks, chunksize=8):
            if place is not None:
                found.setdefault(name, {}).setdefault(how, []).append((seed, place))
    width = max(map(len, names))
    print(f"{'slip':{width}}  {'all':>9}  " + "  ".join(f"{how:>9}" for how in prints))
    failed = []
    for name in names:
        results = found.get(name, {})
        cells = [share([place for _, place in results.get(how, ())]) for how in prints]
        whole = [place for how in prints for _, place in results.get(how, ())]
        print(f"{name:{width}}  {share(whole):>9}  " + "  ".join(f"{cell:>9}" for cell in cells))
        misses = [(how, seed) for how in prints for seed, place in results.get(how, ()) if not place < 3]
        if len(misses) > (1 - GOAL) * len(whole):
            failed.append(name)
        for how, seed in misses[: options.show]:
            print(f"    {how}, seed {seed}: {judged.told(name, how, seed)}")
    print(f"\n{len(names) - len(failed)} of {len(names)} at {GOAL:.0%} or more; below: {', '.join(failed) or 'none'}")
    return int(bool(failed))


def share(places):
    """ "19/20": those among the first three, of those that are wrong."""
    return f"{sum(place < 3 for place in places)}/{len(places)}" if places else "-"


if __name__ == "__main__":
    sys.exit(main())
