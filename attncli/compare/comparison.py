"""Several ways to compute one problem side by side: variants, or any other changes to the request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import combinations

import numpy as np

from attncli.errors import check_choice
from attncli.inputs.request import Request, overlay
from attncli.matrix import Array
from attncli.problem.names import Names
from attncli.problem.prepare import prepare
from attncli.problem.problem import Problem
from attncli.records import record
from attncli.results.attention import entropies
from attncli.results.result import Result
from attncli.variants import BY_NAME, VARIANTS

SLAB = 1 << 20  # weights of each candidate that are processed together


@record
class Candidate:
    """One way to compute: its name in the head of the table, and its request.

    `note` says what is particular to it. `differs_by` are the conventions by which a system's numbers differ from the
    problem's (None for a variant).
    """

    name: str
    request: Request
    note: str = ""
    differs_by: tuple[str, ...] | None = None


@record
class Column:
    """One candidate's numbers for one query: `weights` (m,), `output` (d,) or None without values, the entropy of the
    weights in nats, the number of equally weighted keys with that entropy, and the keys with the largest weight (empty
    without a key)."""

    name: str
    weights: Array
    allowed: Array
    output: Array | None
    entropy: float
    effective_keys: float
    top: tuple[int, ...]


@record
class Difference:
    """The largest |difference| of two candidates, and its position (query on the leading axes, then the column)."""

    what: str
    size: float
    first: str
    second: str
    at: tuple[int, ...]


@record
class Comparison:
    """The candidates by name.

    `differences` has an entry for the weights and one for the output. `effective_keys` is the mean number of keys that
    the queries of each candidate attend to. Very large weights are not held: `results` computes them again.
    """

    candidates: tuple[Candidate, ...]
    results: tuple[Result, ...]
    differences: tuple[Difference, ...]
    effective_keys: tuple[float, ...]
    largest: float = 1.0  # of the weights of all candidates

    @property
    def problem(self) -> Problem:
        """Return the problem of the first candidate. Labels and sizes are the same for all."""
        return self.results[0].problem

    @property
    def names(self) -> Names:
        return Names(self.problem)

    def columns(self, part: int, row: int) -> list[Column]:
        """Return the column of each candidate for one query of one head."""
        found = []
        for candidate, result in zip(self.candidates, self.results, strict=True):
            weights = result.lines("weights", part, [row])[0].astype(np.float64)
            output = self.output_of(result, part, row)
            spread = float(entropies(weights))
            allowed = result.allowed(part, [row])[0]
            top = top_keys(weights)
            found.append(Column(candidate.name, weights, allowed, output, spread, float(np.exp(spread)), top))
        return found

    def output_of(self, result: Result, part: int, row: int) -> Array | None:
        """Return the output of a head. If heads are joined and projected, the last head shows the joined output."""
        problem = result.problem
        if not result.has("output"):
            return None
        if problem.output_projection is None:
            own: Array = result.lines("output", part, [row])[0]
            return own
        index = problem.index(part)
        if problem.packed and index[-1] < problem.lead[-1] - 1:
            return None
        found: Array = result.by_entry("output")[index[:-1] if problem.packed else index][row]
        return found

    def sharpest_and_softest(self) -> tuple[tuple[str, float], tuple[str, float]] | None:
        """Return the candidates whose queries attend to the fewest and to the most keys on average, with these means,
        or None if all are equal."""
        counts = list(zip((candidate.name for candidate in self.candidates), self.effective_keys, strict=True))
        low, high = min(counts, key=lambda count: count[1]), max(counts, key=lambda count: count[1])
        return (low, high) if high[1] - low[1] > 0.005 else None


def top_keys(weights: Array) -> tuple[int, ...]:
    """Return the keys with the largest weight (m,), or none if no key has any weight."""
    return tuple(int(key) for key in np.flatnonzero(weights == weights.max())) if (weights > 0).any() else ()


def variant_candidates(request: Request, names: Sequence[str]) -> list[Candidate]:
    """Return the request under each variant, of all if none is named or "all" is. A length scale is kept only for
    variants that have one."""
    found: list[Candidate] = []
    everyone = not names or list(names) == ["all"]
    for name in [variant.name for variant in VARIANTS] if everyone else names:
        check_choice(name, BY_NAME, "--variants", "a variant")
        if name not in [candidate.name for candidate in found]:
            found.append(Candidate(name, overlay(request, {"variant": name})))
    return found


def compare(
    candidates: Sequence[Candidate],
    engine: str = "auto",
    watched: Callable[[int], AbstractContextManager[Callable[[int], None] | None]] = lambda _rows: nullcontext(),
) -> Comparison:
    """Compute every candidate and find where they differ most.

    `watched` takes the total number of query rows, and returns a context whose value is called with each number of
    finished rows. Raises the same errors as `prepare`.
    """
    results = [Result(prepare(candidate.request), engine) for candidate in candidates]
    problem, weights, output = results[0].problem, _Farthest(candidates), _Farthest(candidates)
    counts, largest = np.zeros(len(results)), 0.0
    step = max(1, SLAB // problem.m)
    with watched(2 * len(results) * problem.parts * problem.n) as progress:
        for result in results:
            held = [] if result.is_large("weights") else ["weights"]
            result.compute("output" if result.has("output") else "lse", *held, progress=progress)
        for part in range(problem.parts):
            for start in range(0, problem.n, step):
                rows = list(range(start, min(start + step, problem.n)))
                slabs = [result.lines("weights", part, rows).astype(np.float64) for result in results]
                counts += [float(np.exp(entropies(slab)).sum()) for slab in slabs]
                largest = max([largest, *(float(slab.max(where=np.isfinite(slab), initial=0.0)) for slab in slabs)])
                weights.look(slabs, (*problem.index(part), start, 0))
                if progress is not None:
                    progress(len(results) * len(rows))
    if all(result.has("output") for result in results):
        outputs = [result.array("output").astype(np.float64) for result in results]
        output.look(outputs, (0,) * outputs[0].ndim)
    differences = [
        found for found in (weights.find_largest("weights"), output.find_largest("output")) if found is not None
    ]
    averages = tuple(float(count) for count in counts / (problem.parts * problem.n))
    return Comparison(tuple(candidates), tuple(results), tuple(differences), averages, largest or 1.0)


class _Farthest:
    """The largest |difference| of each pair of candidates in the arrays so far, and its position."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.candidates = candidates
        nowhere: tuple[float, tuple[int, ...]] = (-1.0, ())
        self.found = dict.fromkeys(combinations(range(len(candidates)), 2), nowhere)

    def look(self, arrays: Sequence[Array], corner: tuple[int, ...]) -> None:
        """Compare one array per candidate, whose first cell is `corner` of the whole."""
        for (one, two), (size, _) in self.found.items():
            with np.errstate(invalid="ignore"):
                apart = np.abs(arrays[one] - arrays[two])
            apart[np.isnan(apart)] = -1
            place = np.unravel_index(int(apart.argmax()), apart.shape)
            if apart[place] > size:
                inner = (0,) * (len(corner) - apart.ndim) + tuple(int(i) for i in place)
                at = tuple(start + i for start, i in zip(corner, inner, strict=True))
                self.found[one, two] = float(apart[place]), at

    def find_largest(self, what: str) -> Difference | None:
        """Return the largest difference, the first pair's if several are equal, or None if there is nothing to
        compare."""
        largest: Difference | None = None
        for (one, two), (size, at) in self.found.items():
            if size > (-1 if largest is None else largest.size):
                largest = Difference(what, size, self.candidates[one].name, self.candidates[two].name, at)
        return largest
