"""One problem on a cluster: its workers compute blocks of queries, which are put together to the results of one run."""

# ruff: noqa: PTH118
from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from attncli.batch.cluster import Cluster
from attncli.batch.reading import TracedSources, file_print, listing_print
from attncli.engine.compute import Outcome, Sink, block_height, compute
from attncli.errors import InputError, OutputError, UsageError
from attncli.files import exists, path_text
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import Request, overlay
from attncli.matrix import Reading
from attncli.problem.problem import Problem
from attncli.records import record
from attncli.results.computed_rows import Window

PIECES = 8  # per thread of the cluster: small enough that all threads end at about the same time
TRIES = 3
Rows = tuple[int, int]


@record(kw_only=True)
class Recipe:
    """How a worker obtains the problem.

    `words` are the sources as typed, relative to `start`, and `prints` are the fingerprints of the files at the start
    of the run.
    """

    words: tuple[str, ...]
    start: str
    settings: Mapping[str, Any]
    matrices: Mapping[str, str]
    header: bool | None
    from_format: str | None
    prints: Mapping[str, str]

    def problem(self) -> Problem:
        """Return the problem, read and prepared.

        Raises InputError if a file is not the one that the run began with.
        """
        from attncli.problem.prepare import prepare

        for path, known in self.prints.items():
            try:
                found = listing_print(path) if path.endswith("/") else file_print(path)
            except InputError as error:
                what = f"a worker cannot read it: {error.what}"
                raise InputError(error.where, what, "the machines of a cluster must share one file system") from None
            if found != known:
                what = "a worker sees a different file, or the file has changed"
                raise InputError(path_text(path), what, "the machines of a cluster must share one file system")
        return prepare(self.request(self.sources()))

    def sources(self) -> TracedSources:
        """Return sources that record what they have read."""
        return TracedSources(_no_standard_input, Reading(header=self.header), self.from_format)

    def request(self, sources: TracedSources) -> Request:
        """Return the request, whose files may be read from any folder."""
        if len(self.words) == 1:
            (word,) = self.words
            path = os.path.join(self.start, word)
            request = read_problem(path if exists(path) else word, sources).request
        else:
            roles = ("queries", "keys", "values")
            found: dict[str, Any] = {
                role: sources.matrix(word, role=role, folder=self.start, where=role)
                for role, word in zip(roles, self.words, strict=False)
            }
            request = Request(**found)
        given = {
            name: sources.matrix(text, role=name, folder=self.start, where=name) for name, text in self.matrices.items()
        }
        return overlay(request, {**self.settings, **given})


def trace_inputs(recipe: Recipe) -> Recipe:
    """Return the recipe with the fingerprints of everything that it reads."""
    sources = recipe.sources()
    recipe.request(sources)
    return replace(recipe, prints=dict(sources.prints))


@contextmanager
def connect_split(address: str, recipe: Recipe) -> Iterator[Callable[..., Outcome]]:
    """Yield a `compute` that runs on a cluster, for the problem of this recipe."""
    recipe = trace_inputs(recipe)
    cluster = Cluster(address, list(recipe.prints))
    try:
        yield Spread(cluster, recipe)
    finally:
        cluster.stop()


@record
class Spread:
    """A replacement for the engine's `compute` that gives the same bits, because its blocks begin at the same rows."""

    cluster: Cluster
    recipe: Recipe

    def __call__(
        self,
        problem: Problem,
        sinks: Mapping[str, Sink],
        *,
        engine: str = "auto",
        progress: Callable[[int], None] | None = None,
    ) -> Outcome:
        """Fill each sink with what the workers send."""
        names = tuple(sorted(sinks))
        height = block_height(problem, names, engine)
        waiting = [(rows, 0) for rows in reversed(cut_ranges(problem.n, height, PIECES * self.cluster.size // 2))]
        flying: dict[Future[Piece], tuple[Rows, int]] = {}
        outcome = Outcome()
        while waiting or flying:
            while waiting and len(flying) < self.cluster.size:
                rows, tries = waiting.pop()
                flying[self.cluster.call(compute_rows, self.recipe, rows, names, engine)] = rows, tries
            done, _ = wait(flying, timeout=2, return_when=FIRST_COMPLETED)
            if not done:
                self.cluster.look()
            for future in done:
                rows, tries = flying.pop(future)
                if self._is_lost(future):
                    if tries + 1 == TRIES:
                        what = f"workers died repeatedly on queries {rows[0]} to {rows[1] - 1}"
                        raise OutputError("--dask", what, "raise dask worker --memory-limit, or run without --dask")
                    waiting.append((rows, tries + 1))
                    continue
                deliver_piece(future.result(), problem, rows, sinks, outcome)
                if progress is not None:
                    progress((rows[1] - rows[0]) * problem.parts)
        return outcome

    def _is_lost(self, future: Future[Piece]) -> bool:
        from attncli.batch.scheduler import error_of

        error = error_of(future)
        if error is None:
            return False
        if self.cluster.lost(error):
            return True
        raise error


@record
class Piece:
    """The results of some queries, indexed [*lead, query, column], and what the engine reports about them."""

    results: Mapping[str, np.ndarray]
    empty: int
    first_empty: tuple[int, int] | None
    engine: str


def deliver_piece(piece: Piece, problem: Problem, rows: Rows, sinks: Mapping[str, Sink], outcome: Outcome) -> None:
    """Copy a piece into its rows of the sinks."""
    outcome.empty += piece.empty
    outcome.engine = piece.engine
    if piece.first_empty is not None:
        outcome.first_empty = min(piece.first_empty, outcome.first_empty or piece.first_empty)
    for name, found in piece.results.items():
        for number in range(problem.parts):
            index = problem.index(number)
            sinks[name][(*index, slice(*rows))] = found[index]


def cut_ranges(queries: int, height: int, pieces: int) -> list[Rows]:
    """Return about `pieces` ranges, each beginning at a multiple of `height`."""
    blocks = -(-queries // height)
    tall = height * max(1, -(-blocks // max(1, pieces)))
    return [(start, min(start + tall, queries)) for start in range(0, queries, tall)]


def compute_rows(recipe: Recipe, rows: Rows, names: Collection[str], engine: str) -> Piece:
    """Compute these queries of the problem on a worker, which reads the problem once."""
    os.environ.setdefault("ATTNCLI_THREADS", "1")  # the worker's threads are those that its owner chose
    problem = _KEPT.problem(recipe)
    columns = {"output": (problem.d_v or 0,), "lse": ()}
    results = {
        name: np.empty((*problem.lead, rows[1] - rows[0], *columns.get(name, (problem.m,))), problem.dtype)
        for name in names
    }
    own, parts = range(*rows), range(problem.parts)
    sinks = {
        name: Window(problem, array.reshape(problem.parts, len(own), *array.shape[len(problem.lead) + 1 :]), parts, own)
        for name, array in results.items()
    }
    outcome = compute(problem, sinks, engine=engine, rows=own)
    return Piece(results, outcome.empty, outcome.first_empty, outcome.engine)


class Kept:
    """The problem that a worker read last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recipe: Recipe | None = None
        self._problem: Problem | None = None

    def problem(self, recipe: Recipe) -> Problem:
        """Return the recipe's problem. The first thread that asks reads it."""
        with self._lock:
            if self._problem is None or self._recipe != recipe:
                self._recipe, self._problem = None, None
                self._problem = recipe.problem()
                self._recipe = recipe
            return self._problem


_KEPT = Kept()


def _no_standard_input() -> BinaryIO:
    raise UsageError("--dask", "standard input cannot be read on a cluster", "save it to a file")
