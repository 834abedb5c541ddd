"""Whether slips are found, right numbers called right, altered ones wrong and random ones no slip, on random problems.

    python -m tests.diagnosis.soak --seed 1 --per-slip 1000

Each slip is made by plain code of its own (`problems`), printed, and given to `check`. Counted are the problems where
the printed numbers are not those of the right answer: by more than `check` allows, and at all (in brackets).
"""

# ruff: noqa: T201
import argparse
import math
import multiprocessing
import random as randomness
import struct
import sys
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from diagnosis.problems import VARIANTS, Way, answer, as_text, make, printed

from attncli.check import check
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

DISTANCES = ("laplace", "gaussian")
PRODUCTS = ("scaled", "dot")


def scale_of(divisor):
    def slip(random):
        problem = make(random, variant=random.choice(("scaled", "dot", "laplace", "gaussian", "cosine")))
        return problem, Way(scale=divisor(problem.d_k))

    return slip


def with_way(way, **wishes):
    return lambda random: (make(random, **{k: v(random) if callable(v) else v for k, v in wishes.items()}), way)


def masked(random):
    return random.choice(("mask", "causal", "window", "length"))


def length_dk(random):
    problem = make(random, variant=random.choice(DISTANCES))
    return problem, Way(scale=1 / problem.d_k ** (2 if problem.variant == "gaussian" else 1))


def rounded(random):
    problem = make(random)
    return problem, Way(rounded=random.choice((1, 2, 3)))


def variant(name):
    def slip(random):
        problem = make(random, variant=random.choice([v for v in VARIANTS if v != name]))
        return problem, Way(score=name, scale=1.0 if name == "uniform" else None)

    return slip


def system(name):
    """A problem on which the system differs, where it can."""

    def slip(random):
        if name in ("flash-attn", "x-transformers", "torch", "torch-mha", "onnx", "jax", "keras") and (
            random.random() < 0.5 or name == "keras"
        ):
            problem = make(random, variant="scaled", masked="causal", heads=(1, 1))
            problem.heads = None
            corner = "bottom-right" if name in ("flash-attn", "x-transformers") else "top-left"
            problem.corner = "top-left" if corner == "bottom-right" else "bottom-right"
            way = Way(corner=corner, empty="uniform" if name == "x-transformers" else "zeros")
        elif name == "keras-attention":
            problem, way = make(random, variant="scaled"), Way(scale=1.0, empty="scores")
        elif name == "sklearn":
            problem, way = make(random, variant="laplace", masked="", heads=(1, 1)), Way()
            problem.heads, problem.length = None, None
            way = Way(scale=1 / problem.d_k)
        elif name == "anp":
            problem, way = make(random, variant="scaled", masked=""), Way(score="laplace", scale=1.0)
        elif name == "x-transformers":
            problem, way = make(random, variant="scaled", heads=(4, 2), masked="mask"), Way(tiled=True)
        elif name in ("flash-attn", "d2l", "onnx", "torch", "xformers"):
            problem = make(random, variant="scaled", masked="length", heads=(1, 1))
            problem.heads = None
            problem.lengths = 0 if name == "d2l" else problem.lengths
            problem.causal = name in ("flash-attn", "onnx", "xformers")
            way = Way(corner="bottom-right" if problem.causal else None)
            way.empty = {"d2l": "uniform", "xformers": "nan"}.get(name, "zeros")
        elif name in ("transformers", "mlx") and random.random() < 0.5:
            problem = make(random, variant="scaled", masked=random.choice(("causal", "window")), heads=(1, 1))
            problem.heads, problem.corner = None, "top-left"
            way = Way(corner="bottom-right", empty="uniform")
        else:
            problem = make(random, variant="scaled", masked="mask", heads=(1, 1))
            problem.heads, problem.drop = None, False
            problem.mask[random.randrange(problem.n)] = [False] * problem.m
            way = Way(empty="uniform")
            if name == "torch-mha":
                way = Way(empty="nan", invert=True)
        problem.scale = None
        capless = ("torch", "torch-mha", "jax", "keras", "keras-attention", "xformers", "mlx", "d2l", "anp", "sklearn")
        if name in capless:
            problem.softcap = None
        if name in ("keras", "keras-attention", "flash-attn", "d2l", "anp", "sklearn"):
            problem.bias = None
        if name == "x-transformers":
            way.cap_late = True
        if name in ("torch-mha", "keras-attention", "d2l", "anp", "sklearn") and problem.heads:
            problem.heads = None
            problem.keys, problem.values = [row * 1 for row in problem.keys], problem.values
            width = min(len(problem.queries[0]), len(problem.keys[0]))
            problem.queries = [row[:width] for row in problem.queries]
            problem.keys = [row[:width] for row in problem.keys]
        return problem, way

    return slip


SLIPS = {
    "unscaled": scale_of(lambda _: 1.0),
    "scale-sqrt-dk": scale_of(lambda d: 1 / math.sqrt(d)),
    "scale-dk": scale_of(lambda d: 1 / d),
    "scale-after-softmax": with_way(Way(after=True), variant=lambda r: r.choice(("scaled", "laplace", "gaussian"))),
    "softmax-over-queries": lambda r: (make(r), Way(softmax="queries", empty=r.choice(("zeros", "nan")))),
    "softmax-over-all": with_way(Way(softmax="all")),
    "no-softmax": with_way(Way(softmax="none")),
    "no-mask": with_way(Way(no_mask=True), masked=masked),
    "mask-inverted": with_way(Way(invert=True), masked=masked),
    "other-corner": lambda r: (p := make(r, masked=r.choice(("causal", "window"))), Way(corner=other(p.corner))),
    "queries-keys-swapped": with_way(Way(swap=True), square=True, heads=lambda r: r.choice((None, (2, 2)))),
    "keys-transposed": with_way(Way(turn_keys=True), wide=True),
    "values-transposed": with_way(Way(turn_values=True), turned_values=True),
    "squared-distance": with_way(Way(score="squared"), variant=lambda r: r.choice(DISTANCES)),
    "euclidean-distance": with_way(Way(score="euclidean"), variant=lambda r: r.choice(DISTANCES)),
    "length-scale-dk": length_dk,
    "rounded-weights": rounded,
    **{f"variant-{name}": variant(name) for name in VARIANTS},
    **{
        f"as-{name}": system(name)
        for name in (
            "torch", "torch-mha", "onnx", "jax", "keras", "keras-attention", "flash-attn", "xformers", "transformers",
            "mlx", "x-transformers", "d2l", "anp", "sklearn",
        )
    },
}  # fmt: skip


def other(corner):
    return "top-left" if corner == "bottom-right" else "bottom-right"


def expectations(random, names):
    """Which matrices are given: the output, the weights, or both."""
    chosen = random.choice((("output",), ("weights", "output"), ("weights",), ("raw_scores", "weights", "output")))
    return [name for name in chosen if name in names]


def report_of(text, *, search=True):
    return check(read_problem(text, Sources(lambda: None, Reading(keep_text=True))), search=search)


def try_slip(name, seed):
    """None where the print is the right one's; else (verdict, place in the diagnosis or None, text)."""
    random = randomness.Random(f"{name} {seed}")
    problem, way = SLIPS[name](random)
    decimals = random.randint(2, 6)
    right, wrong = answer(problem, Way()), answer(problem, way)
    given = expectations(random, right)
    if name == "rounded-weights":
        given = [each for each in given if each != "weights"] or ["output"]
        given = ["output"] if "output" not in given else given
        if random.random() < 0.4:  # the weights are given as they were rounded
            given = ["weights", "output"]
    show = f"{{:.{decimals}f}}".format
    few = show if way.rounded is None else f"{{:.{way.rounded}f}}".format
    said = {each: printed(wrong[each], few if each == "weights" else show) for each in given}
    if said == {each: printed(right[each], few if each == "weights" else show) for each in given}:
        return None
    text = as_text(problem, said)
    report = report_of(text)
    place = next(
        (i for i, found in enumerate(report.diagnosis) if name in (found.slip, *found.also)),
        None,
    )
    return report.verdict, place, text


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def shortest32(value):
    narrow = float32(value)
    for digits in range(1, 18):
        text = f"{narrow:.{digits}g}"
        if float32(float(text)) == narrow:
            return text
    return repr(narrow)


def try_correct(how, seed):
    """The verdict on right numbers, printed this way; inputs of up to four decimals."""
    random = randomness.Random(f"{how} {seed}")
    problem = make(random, exact=False)
    decimals = random.randint(2, 6)
    shows = {
        "rounded": f"{{:.{decimals}f}}".format,
        "truncated": lambda x: f"{Decimal(x).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN):f}",
        "float32": shortest32,
        "float32 in full": lambda x: repr(float32(x)),
        "nine digits": "{:.9g}".format,
        "in full": repr,
    }
    right = answer(problem, Way())
    given = [*expectations(random, right), "scores"]
    text = as_text(problem, {each: printed(right[each], shows[how]) for each in given})
    return report_of(text, search=False).verdict, text


def try_altered(seed):
    """The verdict on right numbers of exact inputs with one digit more than one unit off."""
    random = randomness.Random(f"altered {seed}")
    problem = make(random)
    decimals = random.randint(2, 6)
    right = answer(problem, Way())
    given = expectations(random, right)
    said = {each: printed(right[each], f"{{:.{decimals}f}}".format) for each in given}
    rows = said[random.choice(given)]
    while isinstance(rows[0], list):
        rows = random.choice(rows)
    place = random.randrange(len(rows))
    if "n" in rows[place]:
        return None
    by = Decimal(random.choice((-1, 1)) * random.randint(2, 9)).scaleb(-random.randint(1, decimals))
    rows[place] = f"{Decimal(rows[place]) + by:f}"
    text = as_text(problem, said)
    return report_of(text, search=False).verdict, text


def try_random(seed):
    """The verdict on numbers at random, and the slips that are said to explain them."""
    random = randomness.Random(f"random {seed}")
    wishes = {name: random.random() < 0.3 for name in ("square", "wide", "turned_values")}
    problem = make(random, masked=masked(random) if random.random() < 0.5 else "", **wishes)
    right = answer(problem, Way())
    given = random.sample(list(right), random.randint(1, len(right)))
    text = as_text(problem, {each: printed(right[each], lambda _: f"{random.uniform(-2, 2):.3f}") for each in given})
    report = report_of(text)
    return report.verdict, [found.slip for found in report.diagnosis], text


def run(task):
    kind, name, seed = task
    if kind == "slip":
        return task, try_slip(name, seed)
    if kind == "correct":
        return task, try_correct(name, seed)
    if kind == "random":
        return task, try_random(seed)
    return task, try_altered(seed)


PRINTS = ("rounded", "truncated", "float32", "float32 in full", "nine digits", "in full")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-slip", type=int, default=1000)
    parser.add_argument("--only")
    parser.add_argument("--show", type=int, default=0, help="print so many failures of each kind")
    options = parser.parse_args()
    seeds = range(options.seed * 1_000_000, options.seed * 1_000_000 + options.per_slip)
    tasks = [("slip", name, seed) for name in SLIPS for seed in seeds]
    tasks += [("correct", how, seed) for how in PRINTS for seed in seeds]
    tasks += [(kind, "", seed) for kind in ("altered", "random") for seed in seeds]
    if options.only:
        tasks = [task for task in tasks if options.only in task[:2]]
    results = {}
    with multiprocessing.Pool() as pool:
        for (kind, name, seed), result in pool.imap_unordered(run, tasks, chunksize=50):
            results.setdefault((kind, name), []).append((seed, result))
    failed = False
    for kind, name in dict.fromkeys(task[:2] for task in tasks):
        found = [(seed, result) for seed, result in results[kind, name] if result is not None]
        if kind == "slip":
            wrong = [(seed, result) for seed, result in found if result[0] == "wrong"]
            missed = [(seed, result) for seed, result in wrong if result[1] is None or result[1] > 2]
            first = sum(result[1] == 0 for _, result in wrong)
            share = 1 - len(missed) / max(1, len(wrong))
            print(f"{name:22} {len(wrong):5} wrong ({len(found)} differ): {share:7.2%} in the first three, "
                  f"{first / max(1, len(wrong)):7.2%} first")  # fmt: skip
            failed |= share < 0.99
        elif kind == "random":
            missed = [(seed, result) for seed, result in found if result[:2] != ("wrong", [])]
            print(f"{kind:23} {len(found):5}: {len(missed)} called right or a slip")
            failed |= bool(missed)
        else:
            bad = "wrong" if kind == "correct" else None
            missed = [(s, r) for s, r in found if (r[0] == "wrong") == (bad == "wrong")]
            print(f"{kind} {name:15} {len(found):5}: {len(missed)} called {'wrong' if bad else 'right'}")
            failed |= bool(missed)
        for seed, result in missed[: options.show]:
            print("   ", seed, *result)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
