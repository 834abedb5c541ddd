"""Computing numbers the right way or with a slip. A `Route` computes any result of a request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import fields
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.check.normalizations import (
    ACROSS,
    BACKWARDS,
    BY_ROW,
    NORMALIZATIONS,
    apply_dropout,
    normalize_scores,
)
from attncli.errors import AttncliError
from attncli.inputs.request import GRADIENT_NAMES
from attncli.matrix import Array
from attncli.problem.heads import pack_heads
from attncli.problem.prepare import prepare
from attncli.problem.shapes import output_shape
from attncli.records import record, replace
from attncli.results.gradients import Gradients
from attncli.results.result import Result
from attncli.stages.normalizers import keep_largest

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem


Reweigh = Callable[["Problem", Array], Array]
Present = Callable[[str, Array], Array]
# the gradients before the change, the name of one, and a function from a name to one before it
Regrade = Callable[[Gradients, str, Callable[[str], Array]], Array]


@record
class Route:
    """From a request to numbers: changes to the request, then to the problem, then to the arithmetic after the scores.

    `softmax` is how scores become weights: over the keys (right), or by a name in `NORMALIZATIONS`. If it `derives`,
    gradients are the derivatives of this softmax; otherwise they follow the formula of the right one. `score` replaces
    the scores (-inf where masked), `rescore` changes those that are normalized and `shown_scores` those that are shown,
    `reweigh` changes the weights, `weigh` changes those that are multiplied by the values (only for the output), and
    `join` puts the heads' outputs (…, H, n, d) side by side. `is_whole` is true if the rows of some queries depend on
    other queries, `mixes_heads` if after the scores the numbers of a head depend on other heads. `said` is the slip's
    sentence, if its own cannot contain what was found.
    """

    requests: tuple[Callable[[Request], Request], ...] = ()
    problems: tuple[Callable[[Problem], Problem], ...] = ()
    softmax: str = "keys"
    derives: bool = False
    unseen: float = 0.0  # the weight of a masked key without a softmax, or of keys that are all masked
    scale_after: bool = False
    score: Callable[[Problem], Array] | None = None
    rescore: Callable[[Array], Array] | None = None
    shown_scores: Callable[[Problem], Array] | None = None
    reweigh: Reweigh | None = None
    weigh: Callable[[Array], Array] | None = None
    join: Callable[[Array], Array] | None = None
    present: Present | None = None  # changes a result, given its name, after it is computed
    regrade: Regrade | None = None  # changes a gradient
    is_whole: bool = False
    mixes_heads: bool = False
    said: str | Callable[[], str] = ""  # a function where finding the words takes long
    tried: float = 0  # ways from which this one was chosen, as the nearest to the expected numbers (whole ones exceed
    # every float)
    alike: int = 1  # routes, this one among them, that are one way with a number rounded to more or fewer digits

    def then(self, other: Route) -> Route:
        """Return a route with the changes of this one, then those of another one."""
        names = [name for name in CHANGES if name not in WORDS]
        own = {name: getattr(other, name) for name in names if getattr(other, name) != getattr(RIGHT, name)}
        for name, join in JOINS.items():
            if name in own and (earlier := getattr(self, name)) is not None:
                own[name] = join(earlier, own[name])
        return replace(self, requests=self.requests + other.requests, problems=self.problems + other.problems, **own)

    def present_by(self, present: Present | None) -> Route:
        """Return this route with its results changed by `present` at the end."""
        own = self.present
        if present is None or own is present:
            return self
        return replace(self, present=present if own is None else _present_both(own, present))

    @property
    def is_plain(self) -> bool:
        """Return whether only the request and the problem differ, and the arithmetic is right."""
        return self.present is None and self.regrade is None and self.has_plain_weights

    @property
    def has_plain_weights(self) -> bool:
        """Return whether this holds up to `present` and `regrade`."""
        return _forward_of(self) == FORWARD_OF_RIGHT

    @property
    def is_by_row(self) -> bool:
        """Return whether the rows of some queries are computed without the others, up to `present`."""
        own = (self.score, self.reweigh, self.weigh, self.regrade)
        return self.softmax not in ACROSS and not self.is_whole and all(each is None for each in own)

    @property
    def presents_by_row(self) -> bool:
        return self.present is None or self.present is mean_over_heads

    def problem(self, request: Request, *, describes: bool = False) -> Problem:
        """Return the problem that is computed, with all words about it if it `describes` it.

        Raises AttncliError if the slip is not possible here.
        """
        return self.change_problem(self.prepare_request(request, describes=describes))

    def prepare_request(self, request: Request, *, describes: bool = False) -> Problem:
        """Return the problem of the changed request, before this route's changes of the problem."""
        return prepare(self.change_request(request), compute="float64", describes=describes)

    def change_request(self, request: Request) -> Request:
        """Return the request with this route's changes."""
        for change in self.requests:
            request = change(request)
        return request

    def change_problem(self, problem: Problem) -> Problem:
        """Return the problem with this route's changes."""
        for alter in self.problems:
            problem = alter(problem)
        return problem

    def numbers(self, request: Request, names: Collection[str]) -> dict[str, Array]:
        """Return these results by name, in float64 and in their public shapes."""
        return self.numbers_of(self.problem(request), names)

    def numbers_of(self, problem: Problem, names: Collection[str]) -> dict[str, Array]:
        """Return these results of a problem that this route has prepared."""
        return self.numbers_from(Result(problem, "numpy"), names)

    def numbers_from(self, result: Result, names: Collection[str]) -> dict[str, Array]:
        """Return these results from the right ones of a problem that this route has prepared.

        Routes with the same problem may share `result`, which computes each of its arrays once.
        """
        own = _Computation(self, result)
        return own.forward(names) | own.graded(own.names_of_gradients(names))

    def numbers_as_needed(self, result: Result, names: Collection[str]) -> Mapping[str, Array]:
        """Return the same, with gradients that are computed when the first of them is asked for: most slips are refused
        by what comes before gradients, or by the first of them."""
        own = _Computation(self, result)
        known, gradients = own.forward(names), own.names_of_gradients(names)
        if not gradients:
            return known
        own.try_weights()
        return NumbersAsNeeded(own, known, gradients)


class _Computation:
    """The numbers of a route, from the right results of the problem that it has prepared. Its weights are computed at
    their first use, and once."""

    def __init__(self, route: Route, result: Result) -> None:
        self.route, self.result, self.problem = route, result, result.problem

    def forward(self, names: Collection[str]) -> dict[str, Array]:
        """Return those of the results that are no gradients, as the route presents them."""
        return self._presented(self._forward([name for name in names if name not in GRADIENT_NAMES]))

    def try_weights(self) -> None:
        """Raise AttncliError if the route has no weights to derive gradients from."""
        if not self.route.has_plain_weights:
            _ = self._weights

    def names_of_gradients(self, names: Collection[str]) -> list[str]:
        """Return which of the results are gradients that are known."""
        return [name for name in names if name in GRADIENT_NAMES and self._has_gradients and self.result.has(name)]

    def graded(self, names: Collection[str]) -> dict[str, Array]:
        """Return gradients as the route changes and presents them."""
        if not names:
            return {}
        own, regrade = self._gradients, self.route.regrade
        if regrade is None:
            own.compute(*names)
            return self._presented({name: own.array(name) for name in names})
        return self._presented({name: regrade(own, name, own.array) for name in names})

    def graded_in_part(self, name: str, part: int) -> Array | None:
        """Return a gradient in one part of the problem, NaN in the others, or None if it is not of parts."""
        is_by_part = self.route.regrade is None and self.route.present is None and self.problem.parts > 1
        if not is_by_part or part >= self.problem.parts:
            return None
        return self._gradients.in_part(part).array(name)

    def _presented(self, found: dict[str, Array]) -> dict[str, Array]:
        present = self.route.present
        return found if present is None else {name: present(name, found[name]) for name in found}

    @cached_property
    def _has_gradients(self) -> bool:
        """Whether the gradients of these changes are known: those of the right weights, or of changed ones."""
        problem, route = self.problem, self.route
        if problem.d_output is None or problem.origins is None or problem.d_v is None:
            return False
        sizes = problem.lead, problem.n, problem.d_v
        if problem.d_output.shape != output_shape(*sizes, problem.packed, problem.output_projection):
            return False  # axes that changed places have no gradient at their output
        weighs = route.weigh is not None or route.join is not None
        return route.has_plain_weights or not (weighs or problem.dropout_mask is not None)

    @cached_property
    def _gradients(self) -> Gradients:
        """The gradients. Weights that came about otherwise take the place of the right ones in every formula."""
        problem, route = self.problem, self.route
        weights = None if route.has_plain_weights else self._weights
        if weights is not None and not np.isfinite(weights).all():
            problem = replace(problem, is_finite=False)  # NaN is no error here
        if route.derives:
            normalizer = replace(problem.normalizer, backward=BACKWARDS[route.softmax])
            problem = replace(problem, normalizer=normalizer)
        return Gradients(problem, "numpy", weights)

    def _forward(self, names: list[str]) -> dict[str, Array]:
        result, route = self.result, self.route
        if route.has_plain_weights:
            if names:
                result.compute(*names)
            return {name: result.array(name) for name in names if result.has(name)}
        own = [name for name in names if name not in ("weights", "output")]
        if own and not route.scale_after and route.score is None:
            result.compute(*own, "weights" if self._takes_weights else "scores")  # in one pass
        found = {name: result.array(name) for name in own}
        shown = route.shown_scores or route.score
        if shown is not None and "scores" in names:
            found["scores"] = shown(self.problem)
        if "weights" in names:
            found["weights"] = self._weights
        if "output" in names and self.problem.values is not None:
            met = self._weights if route.weigh is None else route.weigh(self._weights)
            found["output"] = weigh_values(self.problem, met, route.join)
        return found

    @cached_property
    def _weights(self) -> Array:
        route, problem = self.route, self.problem
        if route.scale_after:
            weights: Array = problem.scales * self._normalized(self.result.of_problem(problem.with_scale(1.0)))
        else:
            weights = self._normalized(self.result)
        return weights if route.reweigh is None else route.reweigh(problem, weights)

    @property
    def _takes_weights(self) -> bool:
        """Whether the right weights are taken, and not scores that are normalized here."""
        return self.route.softmax == "keys" and self.route.score is None and self.route.rescore is None

    def _normalized(self, result: Result) -> Array:
        if self._takes_weights:
            return result.weights
        route, problem = self.route, result.problem
        own = result.scores if route.score is None else route.score(problem)
        scores = own if route.rescore is None else route.rescore(own)
        if route.softmax == "keys":
            weights = normalize_scores(problem, scores, route.unseen)
        else:
            if problem.top_k is not None:
                scores = np.array(scores)
                keep_largest(scores, problem.top_k)
            weights = apply_dropout(problem, NORMALIZATIONS[route.softmax](scores, route.unseen))
        row = {"nan": np.nan, "uniform": 1 / problem.m}.get(problem.conventions.empty)
        if row is None or route.softmax not in BY_ROW:
            return weights
        is_empty = np.isneginf(own).all(axis=-1, keepdims=True)
        return np.where(is_empty, apply_dropout(problem, np.full(weights.shape, row)), weights)


class NumbersAsNeeded(Mapping[str, Array]):
    """Results by name: those that are `known`, and gradients that are computed when they are needed, the first by
    itself, as it refuses most slips, and then the rest together. If that fails, these have no numbers at all, and so no
    shape that fits."""

    def __init__(self, computation: _Computation, known: dict[str, Array], gradients: list[str]) -> None:
        self._computation, self._known, self._others = computation, known, gradients
        self._has_first = False

    def of_part(self, name: str, part: int) -> Array | None:
        """Return a gradient in one part of the problem, NaN in the others, or None if it is known, or not of parts."""
        if name not in self._others:
            return None
        try:
            with np.errstate(all="ignore"):
                return self._computation.graded_in_part(name, part)
        except (AttncliError, ValueError, IndexError):
            return None

    def __getitem__(self, name: str) -> Array:
        if name in self._others:
            needed = self._others if self._has_first else [name]
            try:
                with np.errstate(all="ignore"):
                    self._known |= self._computation.graded(needed)
            except (AttncliError, ValueError, IndexError):
                self._known |= dict.fromkeys(needed, np.empty(0))
            self._others = [each for each in self._others if each not in needed]
            self._has_first = True
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known or name in self._others

    def __iter__(self) -> Iterator[str]:
        return iter([*self._known, *self._others])

    def __len__(self) -> int:
        return len(self._known) + len(self._others)


def mean_over_heads(name: str, array: Array) -> Array:
    """Return the weights of a query as the mean of its heads' weights."""
    mean: Array = array.mean(axis=-3) if name == "weights" else array
    return mean


@np.errstate(all="ignore")
def weigh_values(problem: Problem, weights: Array, join: Callable[[Array], Array] | None = None) -> Array:
    """Return weights · values, with the heads packed (or joined by `join`) and projected as the problem requires."""
    assert problem.values is not None
    output = weights @ problem.repeat_key_heads(problem.values)
    if problem.packed:
        output = pack_heads(output) if join is None else join(output)
    if problem.output_projection is not None:
        projection, offset = problem.output_projection
        output = output @ projection
        if offset is not None:
            output = output + offset
    found: Array = output
    return found


def _reweigh_both(one: Reweigh, two: Reweigh) -> Reweigh:
    return lambda problem, weights: two(problem, one(problem, weights))


def _change_both(one: Callable[[Array], Array], two: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda array: two(one(array))


def _present_both(one: Present, two: Present) -> Present:
    return lambda name, array: two(name, one(name, array))


def _regrade_both(one: Regrade, two: Regrade) -> Regrade:
    return lambda own, name, grade: two(own, name, lambda other: one(own, other, grade))


JOINS: dict[str, Callable[..., Any]] = {  # two changes as one
    "reweigh": _reweigh_both,
    "rescore": _change_both,
    "weigh": _change_both,
    "present": _present_both,
    "regrade": _regrade_both,
}
RIGHT = Route()
CHANGES = tuple(field.name for field in fields(Route) if field.name not in ("requests", "problems"))
WORDS = ("said", "tried", "alike")  # what changes no number
MARKS = ("is_whole", "mixes_heads", *WORDS)
_forward_of = attrgetter(*(name for name in CHANGES if name not in ("present", "regrade", *MARKS)))
FORWARD_OF_RIGHT = _forward_of(RIGHT)
