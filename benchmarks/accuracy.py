"""How far the numbers are from the exact ones, beside torch's: python benchmarks/accuracy.py [--problems N]

The exact ones are computed in 50 digits from the very floats that everybody gets. Errors are in units: the spacing of
the dtype at 1, times the weighted sum of |values| for an output (what a rounding of the result costs), or the spacing
at the exact weight. Prints a Markdown table; torch's columns only where it is installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from decimal import Decimal, localcontext
from importlib.util import find_spec
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent)]

import numpy as np

from attncli import attend
from attncli.engine.engines import missing_packages

Array = np.ndarray
QUERIES, KEYS, WIDTH, COLUMNS = 4, 700, 16, 3

KINDS: dict[str, Callable[[np.random.Generator], tuple[Array, Array, Array]]] = {}


def kind(name: str) -> Callable[[Callable[[np.random.Generator], tuple[Array, Array, Array]]], None]:
    """Name a kind of problem: (queries, keys, values) in float64, to be rounded to the dtype."""
    return lambda make: KINDS.__setitem__(name, make)


def normal(source: np.random.Generator, loud: float = 1.0) -> tuple[Array, Array, Array]:
    queries = source.standard_normal((QUERIES, WIDTH)) * loud
    return queries, source.standard_normal((KEYS, WIDTH)), source.standard_normal((KEYS, COLUMNS))


kind("random")(normal)
kind("loud: scores of some hundreds")(lambda source: normal(source, 100.0))
kind("values of one sign")(lambda source: (*normal(source)[:2], source.uniform(0.5, 1, (KEYS, COLUMNS))))


@kind("scores far from zero")
def far(source: np.random.Generator) -> tuple[Array, Array, Array]:
    queries, keys, values = normal(source)
    queries[:, 0], keys[:, 0] = 40, 100
    return queries, keys, values


@kind("one key takes all")
def saturated(source: np.random.Generator) -> tuple[Array, Array, Array]:
    queries, keys, values = normal(source)
    keys[5] = 20 * queries[0]
    return queries, keys, values


@kind("nearly equal scores")
def flat(source: np.random.Generator) -> tuple[Array, Array, Array]:
    queries, keys, values = normal(source, 1e-3)
    return queries, keys, values


def exact(queries: Array, keys: Array, values: Array) -> tuple[list[list[Decimal]], list[list[Decimal]], Array]:
    """(weights, output, weighted sum of |values|) of scaled attention in 50 digits; d_k is a square."""
    with localcontext() as context:
        context.prec = 50
        rows = [[[Decimal(float(x)) for x in row] for row in array] for array in (queries, keys, values)]
        root = Decimal(WIDTH).sqrt()
        weights, outputs, sizes = [], [], []
        for q in rows[0]:
            scores = [sum(a * b for a, b in zip(q, k, strict=True)) / root for k in rows[1]]
            top = max(scores)
            exponentials = [(score - top).exp() for score in scores]
            total = sum(exponentials)
            weights.append([e / total for e in exponentials])
            columns = list(zip(*rows[2], strict=True))
            outputs.append([sum(w * v for w, v in zip(weights[-1], column, strict=True)) for column in columns])
            sizes.append([float(sum(w * abs(v) for w, v in zip(weights[-1], c, strict=True))) for c in columns])
    return weights, outputs, np.array(sizes)


def errors(found: Array, right: list[list[Decimal]], units: Array) -> Array:
    """|found − right| in units, cell by cell."""
    with localcontext() as context:
        context.prec = 50
        off = [
            [float(abs(Decimal(float(f)) - r)) for f, r in zip(*pair, strict=True)]
            for pair in zip(found, right, strict=True)
        ]
    return np.array(off) / units


def contenders() -> dict[str, Callable[[Array, Array, Array], tuple[Array, Array]]]:
    """(weights, output) by everybody who is installed."""

    def ours(engine: str) -> Callable[[Array, Array, Array], tuple[Array, Array]]:
        def answer(q: Array, k: Array, v: Array) -> tuple[Array, Array]:
            return attend(q, k, engine=engine).weights, attend(q, k, v, engine=engine).output

        return answer

    found = {engine: ours(engine) for engine in (["numpy"] if missing_packages() else ["numpy", "numba"])}
    if find_spec("torch"):
        import torch

        def theirs(*arrays: Array) -> tuple[Array, Array]:
            q, k, v = (torch.from_numpy(array)[None, None] for array in arrays)
            weights = torch.softmax(q @ k.mT / WIDTH**0.5, -1)
            return weights[0, 0].numpy(), torch.nn.functional.scaled_dot_product_attention(q, k, v)[0, 0].numpy()

        found["torch"] = theirs
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", default="", help="only kinds with this word")
    parser.add_argument("--problems", type=int, default=20, help="problems of each kind")
    asked = parser.parse_args()
    answers = contenders()
    print("| dtype | problems | what |", " | ".join(f"{name}: root mean square, worst" for name in answers), "|")
    print("|---" * (3 + len(answers)) + "|")
    for dtype in ("float32", "float64"):
        for name, make in ((name, make) for name, make in KINDS.items() if asked.kind in name):
            collected: dict[str, dict[str, list[Array]]] = {
                what: {who: [] for who in answers} for what in ("weights", "output")
            }
            for seed in range(asked.problems):
                arrays = [np.ascontiguousarray(a, dtype) for a in make(np.random.default_rng(seed))]
                weights, output, sizes = exact(*arrays)
                nearest = np.array(weights, dtype=object).astype(float).astype(dtype)
                for who, answer in answers.items():
                    mine = answer(*arrays)
                    own = errors(mine[0], weights, np.spacing(nearest).astype(float))[nearest > np.finfo(dtype).tiny]
                    collected["weights"][who].append(own)
                    collected["output"][who].append(errors(mine[1], output, sizes * float(np.finfo(dtype).eps)).ravel())
            for what, of in collected.items():
                cells = []
                for found in of.values():
                    every = np.concatenate(found)
                    cells.append(f"{np.sqrt(np.mean(every**2)):.3g}, {every.max():.3g}")
                print(f"| {dtype} | {name} | {what} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
