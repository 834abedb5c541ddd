"""A few rows on which slips are tried before all of their numbers are computed, because most slips fail on the first
rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.check.blocks import block_indices
from attncli.check.normalizations import ACROSS
from attncli.check.routes import NumbersAsNeeded, Route
from attncli.check.search.refused_routes import RefusedRoutes
from attncli.check.sketch import Sketches
from attncli.check.slips.mask_changes import visible_positions
from attncli.check.tolerance.narrow import FAR
from attncli.errors import ProblemError
from attncli.inputs.request import GRADIENT_NAMES
from attncli.matrix import Array
from attncli.problem.problem import Visible
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.slips.case import Case
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem

SMALL = 4096  # cells of a problem that is tried whole
KEPT = 1 << 16  # of one whose results are kept, in all rows, for slips with the same problem
LAST = 4  # problems of which they are kept if it is not small
ROOM = 12  # claimed units by which a candidate may be off before its own bounds are computed
FILLED = ("scores", "lse")  # results in which a finite number may stand for −inf
LOOSE = 1e-2  # relative to the number, if a dtype and not a digit is claimed


class Sample:
    """Rows of the expected matrices: those of the worst errors, the first and the last, or all rows of a small
    problem."""

    def __init__(self, case: Case, refused: RefusedRoutes | None = None) -> None:
        """Choose the rows. `refused` are the routes that an earlier search of the same numbers refused."""
        self._refused = RefusedRoutes() if refused is None else refused
        judges, right, wrong, problem = case.judges, case.right, case.wrong, case.problem
        self.names = tuple(judges)
        # gradients are computed for what has all the other numbers, and wrong ones refuse most, of which dV costs least
        self._gradients_last = sorted(
            judges, key=lambda name: (name in GRADIENT_NAMES, name not in wrong, name != "d_values")
        )
        self.judges, self.right = judges, right
        self.wrong = wrong
        self.rows: Array | None = None
        self.ways = 0.0  # that were tried to make slips
        self._results: dict[tuple[Callable[..., Any], ...], Result] = {}
        self._cut: Result | None = None
        self._sketches = Sketches()
        self._claimed: dict[str, tuple[Array, Array | None]] = {}
        cells = problem.parts * problem.n * max(problem.m, problem.d_k, problem.d_v or 0)
        self._is_kept = cells <= KEPT
        self._part = _worst_part(case) if cells > SMALL else None
        if (
            cells > SMALL
            and not any(name in GRADIENT_NAMES for name in judges)
            and all(right.numbers[name].shape == judges[name].expected.shape for name in judges)
        ):
            worst = [(name, judges[name].worst(right)[0]) for name in wrong]
            rows = {at[-1] if name == "lse" else at[-2] for name, at in worst}
            self.rows = np.array(sorted(rows | {0, problem.n // 2, problem.n - 1}))

    def numbers(self, route: Route, request: Request) -> Mapping[str, Array]:
        """Return the route's numbers in these rows.

        Raises AttncliError if it does not have these rows.
        """
        result = self._result(route, request)
        problem = result.problem
        if self.rows is None:
            return route.numbers_as_needed(result, self.names)
        if problem.n != self.right.problem.n:
            raise ProblemError("slip", "it has other rows than were expected")
        if route.softmax in ACROSS:
            names = ("weights",) if "weights" in self.wrong else self.names  # enough to refuse most
            return {name: self._take_rows(name, array) for name, array in self._whole(route, result, names).items()}
        stands = problem.slopes is not None or problem.rotation is not None or problem.dropout_mask is not None
        if route.present is not None or route.is_whole or stands:
            whole = self._whole(route, result, self.names)
            if any(array.shape != self.right.numbers[name].shape for name, array in whole.items()):
                raise ProblemError("slip", "it has other shapes than were expected")
            return {name: self._take_rows(name, array) for name, array in whole.items()}
        own = route
        if route.weigh is not None:
            own = replace(route, weigh=lambda weights: self._weighed(route, weights))
        return own.numbers_from(self._cut_result(result), self.names)

    def _whole(self, route: Route, result: Result, names: tuple[str, ...]) -> dict[str, Array]:
        """Return the route's numbers in all rows, computed from the right results of its problem if these are kept."""
        return route.numbers_from(result, names) if self._is_kept else route.numbers_of(result.problem, names)

    def _result(self, route: Route, request: Request) -> Result:
        """Return the right results of the route's problem. Routes that leave the request and the problem alone share
        what is prepared and computed, and so do, unless the problem is large, those with the same change of one of
        them: all in a small problem, and else the last ones, as one slip is tried with all others in turn."""
        changes: tuple[Callable[..., Any], ...] = (*route.requests, *route.problems)
        if changes in self._results:
            return self._results[changes]
        result = Result(self._changed(route, request), "numpy", self._sketches)
        if len(changes) <= (1 if self._is_kept else 0):
            if self.rows is not None and changes and len(self._results) > LAST:
                del self._results[next(own for own in self._results if own)]
            self._results[changes] = result
        return result

    def _changed(self, route: Route, request: Request) -> Problem:
        """Return the route's problem, made from what is prepared if only the problem is changed."""
        if not route.problems:
            return route.prepare_request(request)
        return route.change_problem(self._result(Route(requests=route.requests), request).problem)

    def _cut_result(self, result: Result) -> Result:
        """Return the right results of these rows alone. Routes that leave the problem alone share them."""
        assert self.rows is not None
        is_shared = result is self._results.get(())
        if is_shared and self._cut is not None:
            return self._cut
        cut = Result(cut_rows(result.problem, self.rows), "numpy", self._sketches)
        if is_shared:
            self._cut = cut
        return cut

    def _weighed(self, route: Route, weights: Array) -> Array:
        """Return changed weights for all rows, reduced to these rows."""
        assert route.weigh is not None
        changed = route.weigh(weights)
        return changed if changed.shape == weights.shape else self._take_rows("weights", changed)

    def _take_rows(self, name: str, array: Array) -> Array:
        if self.rows is None:
            return array
        return np.take(array, self.rows, axis=-1 if name == "lse" else -2)

    def differs(self, numbers: Mapping[str, Array]) -> bool:
        """Return whether the numbers differ from the right ones in a wrong matrix."""
        return any(
            name in numbers and not are_same(numbers[name], self._take_rows(name, self.right.numbers[name]))
            for name in self.wrong
        )

    def differences(self, numbers: Mapping[str, Array]) -> Array:
        """Return the numbers minus the expected ones, of all wrong matrices as one list."""
        pairs = ((numbers[name], self._take_rows(name, self.judges[name].expected)) for name in self.wrong)
        return np.concatenate([(mine - expected).reshape(-1) for mine, expected in pairs])

    def misfit(self, numbers: Mapping[str, Array]) -> float:
        """Return the mean size of the differences to the wrong matrices, so that a few outliers do not dominate."""
        total = 0.0
        for name in self.wrong:
            expected = self._take_rows(name, self.judges[name].expected)
            if name not in numbers or numbers[name].shape != expected.shape:
                return math.inf
            off = np.abs(numbers[name] - expected)
            mean = float(off.sum()) / off.size if off.size else math.inf
            if not math.isfinite(mean):
                off = off[np.isfinite(off)]
                mean = float(off.mean()) if off.size else math.inf
            total += mean
        return total

    @cached_property
    def room(self) -> float:
        """Return the misfit that numbers may have which the judges accept."""
        pairs = ((name, self._take_rows(name, self.judges[name].expected)) for name in self.wrong)
        return sum(float(np.mean(self._room(self.judges[name], name, expected))) for name, expected in pairs)

    def may_be(self, route: Route, numbers: Mapping[str, Array]) -> bool:
        """Return whether the numbers of a route are near enough to the expected ones for their bounds to matter."""
        for name in self._gradients_last:
            if name in numbers and not (self._is_near_in_part(name, numbers) and self.is_near(name, numbers[name])):
                self._refused.add(route, name)
                return False
        return True

    def has_refused(self, route: Route) -> bool:
        """Return whether the numbers of a route are known to be too far off."""
        return self._refused.holds(route, self.names)

    def _is_near_in_part(self, name: str, numbers: Mapping[str, Array]) -> bool:
        """Return whether the numbers of one part, if they can be computed by themselves, are near enough."""
        if self._part is None or not isinstance(numbers, NumbersAsNeeded):
            return True
        mine, judge = numbers.of_part(name, self._part), self.judges[name]
        if mine is None:
            return True
        if mine.shape != judge.expected.shape:
            return False
        # of half precision, the largest number may be in another part, but not larger than this
        room = FAR / (1 - FAR) * judge.largest if judge.narrow else self._room(judge, name, mine)
        return not bool((np.abs(mine - judge.expected) > room).any())

    def is_near(self, name: str, mine: Array) -> bool:
        """Return whether the numbers of one matrix are near enough to the expected ones."""
        judge = self.judges[name]
        expected = judge.expected if self.rows is None else self._take_rows(name, judge.expected)
        if mine.shape != expected.shape:
            return False
        room = self._room(judge, name, mine)
        with np.errstate(invalid="ignore"):
            off = ~((np.abs(mine - expected) <= room) | (mine == expected))
        if not off.any():
            return True
        if name in FILLED:
            return not bool((off & np.isfinite(mine) & np.isfinite(expected)).any())
        return not bool((off & ~(np.isnan(mine) & np.isnan(expected))).any())

    def _room(self, judge: Judge, name: str, mine: Array) -> Array:
        if judge.narrow:
            sizes = np.abs(mine[np.isfinite(mine)])
            return np.full(mine.shape, FAR * float(sizes.max(initial=0)))
        if judge.tolerance is not None:
            allowed = judge.tolerance.of(mine)
            return np.maximum(allowed, _loose_room(mine)) if judge.is_plain_float32 else allowed
        if judge.claims is None:
            return _loose_room(mine)
        claimed, is_loose = self._claimed_room(judge, name)
        if is_loose is None:
            return claimed
        room: Array = np.where(is_loose, np.maximum(_loose_room(mine), claimed), claimed)
        return room

    def _claimed_room(self, judge: Judge, name: str) -> tuple[Array, Array | None]:
        """Return the room that the claimed units leave, and where the numbers have so many digits that a rounding of
        float32 is allowed too, or None if that is nowhere."""
        if name not in self._claimed:
            assert judge.claims is not None
            claims = judge.claims.arranged(partial(self._take_rows, name))
            is_loose = claims.is_full | judge.is_float32 | judge.rounds_float32 | (claims.digits >= 7)
            self._claimed[name] = ROOM * claims.unit, is_loose if np.any(is_loose) else None
        return self._claimed[name]


def _worst_part(case: Case) -> int | None:
    """Return the part of the problem (head, entry) in which a gradient has its worst cell, or None without one."""
    lead = case.problem.lead
    name = next((name for name in case.wrong if name in GRADIENT_NAMES), None)
    if name is None or case.problem.parts == 1:
        return None
    if case.judges[name].expected.shape[: len(lead)] != lead:
        return 0
    at, _ = case.judges[name].worst(case.right)
    return int(np.ravel_multi_index(at[: len(lead)], lead))


def _loose_room(mine: Array) -> Array:
    """Return the room of numbers whose dtype is claimed, and not a digit."""
    room: Array = LOOSE * (np.abs(np.where(np.isfinite(mine), mine, 0)) + 1e-3)
    return room


@np.errstate(all="ignore")
def are_same(one: Array, two: Array) -> bool:
    """Return whether two ways give the same numbers, except for rounding errors of our arithmetic."""
    return one.shape == two.shape and all(_are_near(one[where], two[where]) for where in block_indices(one.shape))


def _are_near(one: Array, two: Array) -> bool:
    """Return what `np.allclose` does, in a fifth of its time where all numbers are finite."""
    off = np.abs(one - two)
    if np.isfinite(off).all():
        return bool((off <= 1e-13 + 1e-10 * np.abs(two)).all())
    return np.allclose(one, two, rtol=1e-10, atol=1e-13, equal_nan=True)


def cut_rows(problem: Problem, rows: Array) -> Problem:
    """Return the problem with only these queries. Positions, which would shift, become a mask."""
    mask = problem.mask
    if not problem.visible.is_everything or problem.segments is not None:
        seen = visible_positions(problem)
        mask = seen if mask is None else seen & mask
    return replace(
        problem,
        queries=problem.queries[..., rows, :],
        mask=None if mask is None else mask[..., rows, :],
        bias=None if problem.bias is None else problem.bias[..., rows, :],
        visible=Visible(),
        segments=None,
    )
