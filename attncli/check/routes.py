"""How numbers come about: the right way, or with a slip. A `Route` computes any result of a request."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attncli.problem.prepare import prepare
from attncli.records import record
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem

Array = np.ndarray


@record
class Route:
    """From a request to numbers: changes to the request, then to the problem, then to the arithmetic behind the scores.

    `softmax` is what the weights sum to 1 over: keys (right), queries, all, or nothing. `weigh` changes the weights
    before they meet the values (for the output alone).
    """

    requests: tuple[Callable[[Request], Request], ...] = ()
    problems: tuple[Callable[[Problem], Problem], ...] = ()
    softmax: str = "keys"
    unseen: float = 0.0  # the weight of a masked key without a softmax, or where all that one goes over is masked
    scale_after: bool = False
    weigh: Callable[[Array], Array] | None = None
    present: Callable[[str, Array], Array] | None = None  # changes a result, by its name, after it is computed

    def then(self, other: Route) -> Route:
        """This way's changes, and then those of another one."""
        names = ("softmax", "unseen", "scale_after", "weigh", "present")
        own = {name: getattr(other, name) for name in names if getattr(other, name) != getattr(RIGHT, name)}
        return replace(self, requests=self.requests + other.requests, problems=self.problems + other.problems, **own)

    def problem(self, request: Request) -> Problem:
        """The problem behind the numbers; AttncliError where this way can't be gone."""
        return self.altered(prepare(self.asked(request), compute="float64"))

    def asked(self, request: Request) -> Request:
        """The request with this route's changes."""
        for change in self.requests:
            request = change(request)
        return request

    def altered(self, problem: Problem) -> Problem:
        """The problem with this route's changes."""
        for alter in self.problems:
            problem = alter(problem)
        return problem

    def numbers(self, request: Request, names: Collection[str]) -> dict[str, Array]:
        """These results by name, in float64 and in their public shapes."""
        return self.numbers_of(self.problem(request), names)

    def numbers_of(self, problem: Problem, names: Collection[str]) -> dict[str, Array]:
        """These results of a problem that this route has prepared."""
        found = self._computed(problem, names)
        return found if self.present is None else {name: self.present(name, found[name]) for name in found}

    def _computed(self, problem: Problem, names: Collection[str]) -> dict[str, Array]:
        result = Result(problem, "numpy")
        if self.softmax == "keys" and not self.scale_after and self.weigh is None:
            result.compute(*names)
            return {name: result.array(name) for name in names if result.has(name)}
        found = {name: result.array(name) for name in names if name not in ("weights", "output")}
        weights = self._weights(problem)
        if "weights" in names:
            found["weights"] = weights
        if "output" in names and problem.values is not None:
            found["output"] = weigh_values(problem, weights if self.weigh is None else self.weigh(weights))
        return found

    def _weights(self, problem: Problem) -> Array:
        if self.scale_after:
            return problem.scale * self._normalised(replace(problem, scale=1.0))
        return self._normalised(problem)

    def _normalised(self, problem: Problem) -> Array:
        """The exponentials over their sum along the keys, the queries or both; over "none" the scores themselves."""
        result = Result(problem, "numpy")
        if self.softmax == "keys":
            return result.weights
        scores = result.scores
        if self.softmax == "none":
            return np.where(np.isneginf(scores), self.unseen, scores)
        axis = -2 if self.softmax == "queries" else (-2, -1)
        with np.errstate(all="ignore"):
            largest = scores.max(axis=axis, keepdims=True)
            powers = np.exp(scores - largest)
            weights: Array = np.where(np.isneginf(largest), self.unseen, powers / powers.sum(axis=axis, keepdims=True))
        return weights


@np.errstate(all="ignore")
def weigh_values(problem: Problem, weights: Array) -> Array:
    """weights · values, the heads packed again and projected as the problem has it."""
    assert problem.values is not None
    values = problem.values
    if problem.key_heads is not None:
        values = np.take(values, [problem.key_head(head) for head in range(problem.lead[-1])], axis=-3)
    output = weights @ values
    if problem.packed:
        output = np.moveaxis(output, -3, -2)
        output = output.reshape(*output.shape[:-2], -1)
    if problem.output_projection is not None:
        projection, offset = problem.output_projection
        output = output @ projection
        if offset is not None:
            output = output + offset
    found: Array = output
    return found


RIGHT = Route()
