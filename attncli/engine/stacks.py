"""The parts of a problem as the loop takes them: one by one, or small ones stacked along a new first axis."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from attncli.engine.score_bounds import Reach, reach_of
from attncli.matrix import Array
from attncli.problem.problem import Part, Problem
from attncli.records import replace

KEPT = 2  # stacks: threads work on one and, near its end, on the next


class Stack:
    """A part, or several small parts stacked along a new first axis, with rows as the variant scores them, and their
    reach."""

    def __init__(self, problem: Problem, part: Part) -> None:
        self.part = part
        self._problem = problem
        self._lock = threading.Lock()
        self._reach: Reach | None = None

    @property
    def reach(self) -> Reach:
        """Return the bounds of the rows, computed by the first thread that asks for them: weights that are given need
        none."""
        with self._lock, np.errstate(all="ignore"):
            if self._reach is None:
                self._reach = reach_of(self._problem, self.part)
            return self._reach


class Stacks:
    """Makes each stack once, on the first thread that asks for it. Other threads wait only if they need the same
    stack."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._lock = threading.Lock()
        self._made: dict[range, tuple[threading.Lock, list[Stack]]] = {}

    def get(self, parts: range) -> Stack:
        """Return these parts, with queries and keys prepared."""
        with self._lock:
            if parts not in self._made:
                while len(self._made) >= KEPT:
                    del self._made[next(iter(self._made))]
                self._made[parts] = threading.Lock(), []
            lock, made = self._made[parts]
        with lock:
            if not made:
                made.append(self._make(parts))
            return made[0]

    def _make(self, parts: range) -> Stack:
        problem = self.problem
        part = take_parts(problem, parts)
        if problem.is_transformed or problem.variant.prepare is not None:
            queries, keys = score_rows(problem, part)
            given = part.given_keys
            if given is not None:
                _, given = score_rows(problem, replace(part, keys=given))
            part = replace(part, queries=queries, keys=keys, given_keys=given)
        return Stack(problem, part)


def score_rows(problem: Problem, part: Part) -> tuple[Array, Array]:
    """Return the rows of Q and K as the variant's score takes them."""
    queries, keys = transform_rows(problem, part)
    if problem.variant.prepare is None:
        return queries, keys
    return problem.variant.prepare(queries), problem.variant.prepare(keys)


def transform_rows(problem: Problem, part: Part) -> tuple[Array, Array]:
    """Return the rows of Q and K after qk-norm and rope: queries at their positions, keys at 0 … m − 1."""
    queries, keys = part.queries, part.keys
    if problem.row_norm is not None:
        queries, keys = problem.row_norm.apply(queries), problem.row_norm.apply(keys)
    if problem.rotation is not None:
        queries = problem.rotation.apply(queries, problem.visible.positions(part.first, np.arange(problem.n)))
        keys = problem.rotation.apply(keys, np.arange(problem.m))
    return queries, keys


def take_parts(problem: Problem, parts: range) -> Part:
    """Return one part, or several of them stacked along a new first axis."""
    return problem.part(parts.start) if len(parts) == 1 else stack_parts(problem, parts)


def stack_parts(problem: Problem, parts: range) -> Part:
    """Return several parts stacked along a new first axis."""
    index, each = select_parts(problem, parts), indices(problem, parts)
    key_index = index if problem.key_heads is None else (*each[:-1], problem.key_head(each[-1]))
    return Part(
        queries=problem.queries[index],
        keys=problem.keys[key_index],
        values=None if problem.values is None else problem.values[key_index],
        mask=None if problem.mask is None else problem.mask[index],
        bias=None if problem.bias is None else problem.bias[index],
        first=each[0],
        head=each[-1],
        dropout_mask=None if problem.dropout_mask is None else problem.dropout_mask[index],
        given_keys=None if problem.given_keys is None else problem.given_keys[key_index],
    )


def select_parts(problem: Problem, parts: range) -> tuple[Any, ...]:
    """Return an index for these parts along one new axis: a slice, which copies nothing, if only the last axis
    varies."""
    first, last = problem.index(parts.start), problem.index(parts.stop - 1)
    if first[:-1] == last[:-1]:
        return (*first[:-1], slice(first[-1], last[-1] + 1))
    return indices(problem, parts)


def indices(problem: Problem, parts: range) -> tuple[Any, ...]:
    """Return the indices of these parts on each leading axis."""
    return tuple(np.unravel_index(np.arange(parts.start, parts.stop), problem.lead))
