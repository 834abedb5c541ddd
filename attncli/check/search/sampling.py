"""A few rows on which slips are tried before all of their numbers are computed, because most slips fail on the first
rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.check.blocks import block_indices
from attncli.check.normalizations import ACROSS, OVER_PARTS
from attncli.check.routes import MARKS, RIGHT, NumbersAsNeeded, Route
from attncli.check.search.refused_routes import RefusedRoutes
from attncli.check.search.sampled_rows import SampledRows, can_be_cut, part_of
from attncli.check.sketch import Sketches
from attncli.check.tolerance.narrow import FAR
from attncli.errors import ProblemError
from attncli.inputs.request import GRADIENT_NAMES, MATRIX_NAMES
from attncli.matrix import Array
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.slips.case import Case
    from attncli.inputs.request import Request

SMALL = 4096  # cells of a problem that is tried whole
KEPT = 1 << 16  # of one whose results are kept, in all rows, for slips with the same problem
MANY = 1 << 20  # of one whose results are computed in all rows for pairs of slips
LAST, LAST_OF_MANY = 4, 1  # changed problems that are kept if it is not small, and of many cells
ROOM = 12  # claimed units by which a candidate may be off before its own bounds are computed
FILLED = ("scores", "lse")  # results in which a finite number may stand for −inf
PLAIN_MARKS = {name: getattr(RIGHT, name) for name in MARKS}
LOOSE = 1e-2  # relative to the number, if a dtype and not a digit is claimed


class _Changed:
    """A changed problem: its results, computed when they are first used, in all rows or in those of a sample."""

    def __init__(self, result: Result, sketches: Sketches) -> None:
        self.result = result
        self._sketches = sketches
        self._of_rows: dict[tuple[bool, bool], Result] = {}

    def of_rows(self, rows: SampledRows, *, has_all: bool, in_part: bool) -> Result:
        """Return the results of the sampled rows, or of all, of the sampled part or of all parts."""
        key = has_all, in_part
        if key not in self._of_rows:
            problem = rows.isolate(self.result.problem) if in_part else self.result.problem
            self._of_rows[key] = Result(problem if has_all else rows.cut(problem), "numpy", self._sketches)
        return self._of_rows[key]


class Sample:
    """Rows of the expected matrices: those of the worst errors, the first and the last, or all rows of a small
    problem."""

    def __init__(self, case: Case, refused: RefusedRoutes | None = None) -> None:
        """Choose the rows. `refused` are the routes that an earlier search of the same numbers refused, to which this
        one adds its own for a later one."""
        self._refused = refused
        judges, right, wrong, problem = case.judges, case.right, case.wrong, case.problem
        self.names = tuple(judges)
        # gradients are computed for what has all the other numbers, and wrong ones refuse most, of which dV costs least
        self._gradients_last = sorted(
            judges, key=lambda name: (name in GRADIENT_NAMES, name not in wrong, name != "d_values")
        )
        self.judges, self.right = judges, right
        self.wrong = wrong
        self.rows: SampledRows | None = None
        self.ways = 0.0  # that were tried to make slips
        self._kept: dict[tuple[Callable[..., Any], ...], _Changed] = {}
        self._before: tuple[tuple[Route, tuple[str, ...]], dict[str, Array]] | None = None
        self._sketches = Sketches()
        self._claimed: dict[str, tuple[Array, Array | None]] = {}
        cells = problem.parts * problem.n * max(problem.m, problem.d_k, problem.d_v or 0)
        self._is_kept = cells <= KEPT
        self._most = LAST if self._is_kept else LAST_OF_MANY  # if it is not small
        self._request = case.request if self._is_kept else _in_float64(case.request)
        self._part = _worst_part(case) if cells > SMALL else None
        if (
            cells > SMALL
            and not any(name in GRADIENT_NAMES for name in judges)
            and all(right.numbers[name].shape == judges[name].expected.shape for name in judges)
        ):
            self.rows = _sample_rows(case)

    def is_quick(self, route: Route) -> bool:
        """Return whether the route's numbers in these rows take few operations, however large the problem is."""
        problem, rows = self.right.problem, self.rows
        if rows is None or problem.parts * problem.n * problem.m <= MANY:
            return True
        is_by_row = route.softmax not in ACROSS and not route.is_whole
        return is_by_part(route) and (is_by_row or (rows.has_part and problem.n * problem.m <= MANY))

    def numbers(self, route: Route) -> Mapping[str, Array]:
        """Return the route's numbers in these rows.

        Raises AttncliError if it does not have these rows.
        """
        changed, rows = self._changed(route), self.rows
        problem = changed.result.problem
        if rows is None:
            return route.numbers_as_needed(changed.result, self.names)
        if problem.n != self.right.problem.n:
            raise ProblemError("slip", "it has other rows than were expected")
        # of all rows, the weights are enough to refuse most
        is_across = route.softmax in ACROSS
        names = ("weights",) if is_across and "weights" in self.wrong else self.names
        has_all_rows = is_across or route.is_whole or problem.conventions.empty == "uniform, output zeros"
        if rows.has_part and rows.is_like(problem) and is_by_part(route):
            return self._of_part(rows, route, changed, names, has_all_rows=has_all_rows)
        if has_all_rows or route.present is not None or not can_be_cut(problem):
            whole = self._whole(route, changed.result, names)
            if any(array.shape != self.right.numbers[name].shape for name, array in whole.items()):
                raise ProblemError("slip", "it has other shapes than were expected")
            return {name: rows.take(name, array) for name, array in whole.items()}
        of_rows = self._reduced(route).numbers_from(changed.of_rows(rows, has_all=False, in_part=False), names)
        return {name: rows.take(name, array) for name, array in of_rows.items()}

    def _of_part(
        self, rows: SampledRows, route: Route, changed: _Changed, names: tuple[str, ...], *, has_all_rows: bool
    ) -> Mapping[str, Array]:
        """Return the route's numbers in the rows of the only part that is sampled."""
        own = route if has_all_rows else self._reduced(route)
        found = own.numbers_from(changed.of_rows(rows, has_all=has_all_rows, in_part=True), names)
        return {name: rows.take_of_part(name, array) for name, array in found.items()}

    def _reduced(self, route: Route) -> Route:
        """Return the route whose changed weights are reduced to these rows, if they have others."""
        return route if route.weigh is None else replace(route, weigh=lambda weights: self._weighed(route, weights))

    def _whole(self, route: Route, result: Result, names: tuple[str, ...]) -> dict[str, Array]:
        """Return the route's numbers in all rows. Those before `present` are kept for other routes with the same."""
        if route.present is None or self.rows is None or not self.rows.has_part:
            self._before = None  # one head alone may take all the memory that there is
            return self._all_rows(route, result, names)
        before = replace(route, present=None, **PLAIN_MARKS)
        if self._before is None or self._before[0] != (before, names):
            self._before = None
            self._before = (before, names), self._all_rows(before, result, names)
        return {name: route.present(name, array) for name, array in self._before[1].items()}

    def _all_rows(self, route: Route, result: Result, names: tuple[str, ...]) -> dict[str, Array]:
        """Return the route's numbers, computed from the right results of its problem if these are kept."""
        return route.numbers_from(result, names) if self._is_kept else route.numbers_of(result.problem, names)

    def _changed(self, route: Route) -> _Changed:
        """Return the problem of the route. Routes that leave the request and the problem alone share it, and so do,
        in a small problem, those with the same change of one of them, and else the last ones with the same changes."""
        changes: tuple[Callable[..., Any], ...] = (*route.requests, *route.problems)
        if changes in self._kept:
            return self._kept[changes]
        while self.rows is not None and len(self._kept) > self._most:  # before others take their place in memory
            del self._kept[next(own for own in self._kept if own)]
        if not route.problems:
            problem = route.prepare_request(self._request)
        else:
            problem = route.change_problem(self._changed(Route(requests=route.requests)).result.problem)
        found = _Changed(Result(problem, "numpy", self._sketches), self._sketches)
        if len(changes) <= 1 or self.rows is not None:
            self._kept[changes] = found
        return found

    def _weighed(self, route: Route, weights: Array) -> Array:
        """Return changed weights, reduced to these rows if they have others."""
        assert route.weigh is not None
        assert self.rows is not None
        changed = route.weigh(weights)
        if changed.shape == weights.shape:
            return changed
        return self.rows.take_of_part("weights", changed) if self.rows.has_part else self._take_rows("weights", changed)

    def _take_rows(self, name: str, array: Array) -> Array:
        return array if self.rows is None else self.rows.take(name, array)

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
                if self._refused is not None:
                    self._refused.add(route, name)
                return False
        return True

    def has_refused(self, route: Route) -> bool:
        """Return whether the numbers of a route are known to be too far off."""
        return self._refused is not None and self._refused.holds(route, self.names)

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
            return np.full(mine.shape, FAR * max(judge.largest, float(sizes.max(initial=0))))
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


def _sample_rows(case: Case) -> SampledRows:
    """Return the rows of the worst errors, the first, the middle one and the last: of the head and entry of the worst
    one, if each has its own numbers."""
    problem, right = case.problem, case.right
    worst = [part_of(problem, name, case.judges[name].worst(right)[0]) for name in case.wrong]
    is_apart = problem.parts > 1 and problem.output_projection is None and right.route.present is None
    rows = {query for _, query in worst} | {0, problem.n // 2, problem.n - 1}
    return SampledRows(problem, rows, worst[0][0] if is_apart else None)


def _in_float64(request: Request) -> Request:
    """Return the request with its numbers in float64, so that each change of it needs no copy of them."""
    own = {
        name: replace(matrix, array=np.asarray(matrix.array, np.float64))
        for name in MATRIX_NAMES
        if (matrix := getattr(request, name)) is not None and matrix.array.dtype.kind == "f"
    }
    return replace(request, **own)


def is_by_part(route: Route) -> bool:
    """Return whether a route computes the numbers of a head or entry from its own, as far as it tells."""
    is_apart = route.softmax not in OVER_PARTS and not route.mixes_heads
    return is_apart and route.present is None and route.join is None


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
