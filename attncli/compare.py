"""Several ways to compute one problem side by side: variants, or whatever else makes a request."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from attncli.door import prepare
from attncli.errors import UsageError, suggestion
from attncli.explain.names import Names
from attncli.explain.summary import entropy
from attncli.problem import Problem
from attncli.records import record
from attncli.request import Request, overlay
from attncli.result import Result
from attncli.variants import BY_NAME, VARIANTS

Array = np.ndarray


@record
class Candidate:
    """One way to compute: its name in the table's head, and what it computes. `note` says what is particular to it;
    `differs_by` are the conventions that make a system's numbers others than the problem's (None for a variant)."""

    name: str
    request: Request
    note: str = ""
    differs_by: tuple[str, ...] | None = None


@record
class Column:
    """One candidate's numbers for one query: `weights` (m,), `output` (d,) (None without values), the entropy of the
    weights in nats, as many keys as would have it alike, and the keys with the largest weight (none: no key at all)."""

    name: str
    weights: Array
    allowed: Array
    output: Array | None
    entropy: float
    effective_keys: float
    top: tuple[int, ...]


@record
class Difference:
    """The largest |difference| of two candidates, and where it is (query on the leading axes, then the column)."""

    what: str
    size: float
    first: str
    second: str
    at: tuple[int, ...]


@record
class Comparison:
    """Candidates by name, each computed in full; `differences` has a line for weights and one for the output."""

    candidates: tuple[Candidate, ...]
    results: tuple[Result, ...]
    differences: tuple[Difference, ...]

    @property
    def problem(self) -> Problem:
        """That of the first candidate; labels and sizes are the same for all."""
        return self.results[0].problem

    @property
    def names(self) -> Names:
        return Names(self.problem)

    def columns(self, part: int, row: int) -> list[Column]:
        """One query of one head, a column for each candidate."""
        found = []
        for candidate, result in zip(self.candidates, self.results, strict=True):
            weights = result.lines("weights", part, [row])[0].astype(np.float64)
            output = self.output_of(result, part, row)
            spread = entropy(weights)
            top = tuple(int(key) for key in np.flatnonzero(weights == weights.max())) if (weights > 0).any() else ()
            allowed = result.allowed(part, [row])[0]
            found.append(Column(candidate.name, weights, allowed, output, spread, float(np.exp(spread)), top))
        return found

    def output_of(self, result: Result, part: int, row: int) -> Array | None:
        """A head's own output; where heads are joined and projected, the last head shows what comes of all."""
        problem = result.problem
        if not result.has("output"):
            return None
        if problem.output_projection is None:
            own: Array = result.lines("output", part, [row])[0]
            return own
        index = problem.index(part)
        if problem.packed and index[-1] < problem.lead[-1] - 1:
            return None
        found: Array = result.array("output")[index[:-1] if problem.packed else index][row]
        return found

    def sharpest_and_softest(self) -> tuple[tuple[str, float], tuple[str, float]] | None:
        """The candidates whose queries listen to the fewest and to the most keys on average, with that number; None
        where all are alike."""
        problem, counts = self.problem, {candidate.name: 0.0 for candidate in self.candidates}
        for part in range(problem.parts):
            for row in range(problem.n):
                for column in self.columns(part, row):
                    counts[column.name] += column.effective_keys / (problem.parts * problem.n)
        low, high = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        if not counts[high] - counts[low] > 0.005:
            return None
        return (low, counts[low]), (high, counts[high])


def variant_candidates(request: Request, names: Sequence[str]) -> list[Candidate]:
    """The request under each variant; a length scale goes only to those that have one."""
    found: list[Candidate] = []
    for name in names or [variant.name for variant in VARIANTS]:
        if name not in BY_NAME:
            hint = suggestion(name, BY_NAME)
            raise UsageError("--variants", f"{name!r} is not a variant", hint)
        if name not in [candidate.name for candidate in found]:
            found.append(Candidate(name, overlay(request, {"variant": name}), BY_NAME[name].explained))
    return found


def compare(candidates: Sequence[Candidate], engine: str = "auto") -> Comparison:
    """Compute every candidate and find where they differ most. Raises what `prepare` raises."""
    results = [Result(prepare(candidate.request), engine) for candidate in candidates]
    for result in results:
        result.compute("weights", *(["output"] if result.has("output") else []))
    differences = [largest_difference(what, candidates, results) for what in ("weights", "output")]
    return Comparison(tuple(candidates), tuple(results), tuple(found for found in differences if found is not None))


def largest_difference(what: str, candidates: Sequence[Candidate], results: Sequence[Result]) -> Difference | None:
    """Over all pairs; None where there is nothing to compare."""
    arrays = [result.array(what).astype(np.float64) for result in results if result.has(what)]
    if len(arrays) < len(results) or len(arrays) < 2:
        return None
    largest: Difference | None = None
    for (first, a), (second, b) in combinations(zip(candidates, arrays, strict=True), 2):
        if a.shape != b.shape:
            continue
        apart = np.abs(a - b)
        place = int(np.argmax(np.where(np.isnan(apart), -1, apart)))
        at = tuple(int(i) for i in np.unravel_index(place, apart.shape))
        if largest is None or apart[at] > largest.size:
            largest = Difference(what, float(apart[at]), first.name, second.name, at)
    return largest
