"""How often a slip is among the first three diagnoses, by slip and by print: problems made by plain NumPy.

    python tools/slips.py --count 20                    every slip, 2 to 6 digits, float32, float16, bfloat16
    python tools/slips.py --only no-mask --show 3       three misses of one slip, as problem files
    python tools/slips.py --pairs 40 --pair-seed 5      a sample of pairs too, another one for each seed

Counted are the problems that `check` calls wrong: where a print of few digits shows no difference there is nothing to
explain. Other slips count as found (`same`) where they give the same print, as the code that makes them says, or where
it is that of the right numbers but for a cell or two. The names of a pair may stand in either order; the sample has
those that are searched (docs/check.md).
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
    return task, judged.judge(names, how, seed)


def are_searched(one, two):
    """Whether both are slips that are searched in pairs, and do not exclude each other."""
    records = [
        [slip for slip in TABLE if slip.name == judged.SAME.get(name, name) and slip.paired] for name in (one, two)
    ]
    return any(first.family != second.family for first, second in product(*records))


def a_sample(count, seed):
    """So many pairs of slips, the same for each seed."""
    pairs = [pair for pair in combinations(SLIPS, 2) if are_searched(*pair)]
    chosen = np.random.default_rng(seed).permutation(len(pairs))[:count]
    return ["+".join(pairs[place]) for place in sorted(chosen)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="problems of each slip and print")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=0, help="so many pairs of slips too")
    parser.add_argument("--pair-seed", type=int, default=0, help="of the sample of pairs")
    parser.add_argument("--only-pairs", action="store_true", help="no single slips")
    parser.add_argument("--only", help="slips by name, separated by commas")
    parser.add_argument("--prints", help="prints by name, separated by commas")
    parser.add_argument("--show", type=int, default=0, help="print so many misses of each slip")
    parser.add_argument("--jobs", type=int, default=None)
    options = parser.parse_args()
    names = chosen_names(options)
    prints = options.prints.split(",") if options.prints else list(judged.PRINTS)
    seeds = range(options.seed * 1000, options.seed * 1000 + options.count)
    tasks = [(name, how, seed) for name in names for how in prints for seed in seeds]
    found = {}
    with multiprocessing.Pool(options.jobs) as pool:
        for (name, how, seed), places in pool.imap_unordered(run, tasks, chunksize=8):
            if places is not None:
                found.setdefault(name, {}).setdefault(how, []).append((seed, *places))
    rows = {name: [each for how in prints for each in found.get(name, {}).get(how, ())] for name in names}
    width = max(map(len, names))
    print(f"{'slip':{width}}  {'all':>9}  {'same':>4}  " + "  ".join(f"{how:>9}" for how in prints))
    failed = []
    for name in names:
        results = found.get(name, {})
        print_row(f"{name:{width}}", rows[name], [results.get(how, ()) for how in prints])
        misses = [(how, seed) for how in prints for seed, *places in results.get(how, ()) if not is_found(places)]
        if len(misses) > (1 - GOAL) * len(rows[name]):
            failed.append(name)
        for how, seed in misses[: options.show]:
            print(f"    {how}, seed {seed}: {judged.told(name, how, seed)}")
    for kind, chosen in (("singles", [n for n in names if "+" not in n]), ("pairs", [n for n in names if "+" in n])):
        by_print = [[each for name in chosen for each in found.get(name, {}).get(how, ())] for how in prints]
        if any(by_print):
            print_row(f"{kind:{width}}", [each for results in by_print for each in results], by_print)
    print(f"\n{len(names) - len(failed)} of {len(names)} at {GOAL:.0%} or more; below: {', '.join(failed) or 'none'}")
    return int(bool(failed))


def chosen_names(options):
    if options.only:
        return options.only.split(",")
    singles = [] if options.only_pairs else judged.NAMES
    return [*singles, *a_sample(options.pairs, options.pair_seed)]


def is_found(places):
    return min(places) < judged.FIRST


def print_row(name, results, by_print):
    """A name, how many are found in all, how many of these by others that give the same numbers, and by print."""
    same = sum(named >= judged.FIRST and is_found((named, other)) for _, named, other in results)
    cells = "  ".join(f"{share(each):>9}" for each in by_print)
    print(f"{name}  {share(results):>9}  {same or '':>4}  {cells}")


def share(results):
    """ "19/20": those among the first three, of those that are wrong."""
    return f"{sum(is_found(places) for _, *places in results)}/{len(results)}" if results else "-"


if __name__ == "__main__":
    sys.exit(main())
