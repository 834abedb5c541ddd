"""The results of a problem, each computed once, when it is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from attncli.engine.compute import Outcome, Sink, compute, may_overflow
from attncli.errors import NumericError, ProblemError
from attncli.inputs.request import GRADIENT_NAMES, INPUT_NAMES, ONES, RESULT_NAMES
from attncli.matrix import Matrix
from attncli.problem.heads import swap_heads, unpack_heads
from attncli.problem.origins import read_d_output
from attncli.problem.problem import Problem
from attncli.problem.row_masks import make_row_mask
from attncli.products import multiply_by_blocks
from attncli.records import replace
from attncli.results.computed_rows import ComputedRows, Nowhere, Slabs, Window
from attncli.results.statistics import Statistics, statistics_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from attncli.results.gradients import Gradients

FINISHED_BY_ROW = ("raw_scores", "scores", "weights", "lse")  # the output of joined heads is not
AT_ONCE = 1 << 20  # weights that are processed together
OF_CELLS = ("raw_scores", "scores", "weights")  # one number per query and key
LARGE = 1 << 22  # cells: a larger result is computed row by row if only some rows are used


class Result:
    """raw_scores, scores, weights (…, n, m), output (…, n, d_v) and lse (…, n), each computed at its first use.

    `compute` computes several in one pass. `warnings` grow with what is computed (queries that have no key).
    """

    def __init__(self, problem: Problem, engine: str = "auto", compute: Callable[..., Outcome] = compute) -> None:
        self.problem = problem
        self.engine = engine
        self._compute = compute  # the engine's, or one that computes blocks elsewhere
        self._whole: Outcome | None = None
        self._arrays: dict[str, np.ndarray] = {}
        self._learned: dict[tuple[int, int], Outcome] = {}  # from slabs of rows, by place
        self._gradients: Gradients | None = None

    def compute(
        self,
        *names: str,
        progress: Callable[[int], None] | None = None,
        sinks: Mapping[str, Sink] | None = None,
    ) -> Result:
        """Compute these results (all by default) in one pass, and return self.

        Results in `sinks`, such as `attncli.results.npy_sink.npy_sinks`, are computed in the same pass, written there
        and not kept.
        """
        names = names or (RESULT_NAMES if sinks is None else ())
        known = {*self._arrays, *INPUT_NAMES, *GRADIENT_NAMES, *(sinks or {})}
        if gradients := [name for name in names if name in GRADIENT_NAMES and self.has(name)]:
            self.gradients().compute(*gradients)
        missing = [name for name in names if name not in known and self.has(name)]
        if missing or sinks:
            arrays = {name: np.empty(self._inner_shape(name), self.problem.dtype) for name in missing}
            views = {name: self._by_head(name, array) for name, array in arrays.items()}
            self._whole = self._compute(self.problem, {**views, **(sinks or {})}, engine=self.engine, progress=progress)
            for name, array in arrays.items():
                self._arrays[name] = self._join(name, array)
        return self

    def of_problem(self, problem: Problem) -> Result:
        """Return the results of another problem, computed in the same way."""
        return Result(problem, self.engine, self._compute)

    def has(self, name: str) -> bool:
        """Return whether the problem has this result. There is no output without values, and no gradient without the
        one at the output."""
        if name in GRADIENT_NAMES:
            return name in self.problem.shapes()
        return name not in ("output", "values") or self.problem.values is not None

    def is_large(self, name: str) -> bool:
        """Return whether a result has so many cells that it is held only if all of it is needed."""
        return int(np.prod(self.problem.shapes()[name], dtype=np.int64)) > LARGE

    def array(self, name: str) -> np.ndarray:
        """Return one result by name, or Q, K or V as the engine uses them: projected, and split into heads."""
        if name in self._arrays:
            return self._arrays[name]
        if name in INPUT_NAMES:
            given: np.ndarray = getattr(self.problem, name)
            given = swap_heads(given) if name in self.problem.heads_last else given
            return given.astype(self.problem.dtype, copy=False)
        if name in GRADIENT_NAMES:
            return self.gradients().array(name)
        return self.compute(name)._arrays[name]

    def is_streamed(self, name: str) -> bool:
        """Return whether `stream` computes the rows of this result when they are read.

        A result whose blocks are computed elsewhere is held instead.
        """
        is_held = name in self._arrays or self._compute is not compute
        return name in OF_CELLS and not is_held and self.is_large(name)

    def stream(self, name: str) -> np.ndarray | ComputedRows:
        """Return one result by name, to be read from the first row to the last. A very large result is never held."""
        if not self.is_streamed(name):
            return self.array(name)
        return ComputedRows(Slabs(self.problem, name, self.engine, self._learned.__setitem__))

    def overflow_sinks(self, *names: str) -> dict[str, Sink]:
        """Return sinks for those of these results that are streamed and could overflow.

        `compute` with these sinks raises the error before a row is read.
        """
        streamed = (name for name in names if self.is_streamed(name))
        return {name: Nowhere() for name in streamed if may_overflow(self.problem, name)}

    def gradients(self, d_output: ArrayLike | str | None = None) -> Gradients:
        """Return the gradients of a loss from `d_output`, its gradient with respect to the output, in the output's
        shape.

        The word "ones" stands for the sum of all outputs, and None for the d_output of the problem. Raises ProblemError
        if the shape does not fit.
        """
        from attncli.results.gradients import Gradients

        if d_output is None:
            if self._gradients is None:
                if self.problem.d_output is None:
                    raise ProblemError("d_output", "no gradient is given at the output", "d_output, or the word ones")
                self._gradients = Gradients(self.problem, self.engine)
            return self._gradients
        array = np.ones(()) if isinstance(d_output, str) and d_output == ONES else np.asarray(d_output)
        where = ONES if isinstance(d_output, str) and d_output == ONES else "d_output"
        problem = self.problem
        shape = problem.shapes().get("output")
        arriving = read_d_output(Matrix(array, where), shape, problem.queries.dtype, problem.heads_last)
        return Gradients(replace(problem, d_output=arriving), self.engine)

    def lines(self, name: str, part: int, rows: list[int]) -> np.ndarray:
        """Return some rows (len(rows), …) of one result of one part. For a very large result only these rows are
        computed."""
        if name in ("keys", "values"):
            of_part: np.ndarray = self.by_entry(name)[self.problem.key_index(part)][rows]
            return of_part
        if name in (*self._arrays, *GRADIENT_NAMES, "queries") or not self.is_large(name):
            found: np.ndarray = self._by_head_public(name)[self.problem.index(part)][rows]
            return found
        return self._compute_lines(name, part, rows)

    def allowed(self, part: int, rows: list[int]) -> np.ndarray:
        """Return whether each of these queries may attend to each key: (len(rows), m) booleans."""
        problem = self.problem
        alone = problem.part(part)
        masks = [make_row_mask(problem, alone, range(row, row + 1)).allowed(0, problem.m) for row in rows]
        return np.array([np.ones(problem.m, np.bool_) if allowed is None else allowed[0] for allowed in masks])

    def by_entry(self, name: str) -> np.ndarray:
        """Return the array with queries or keys on its last axis but one, and the heads before them, whatever the
        layout."""
        array = self.array(name)
        return swap_heads(array) if name in self.problem.heads_last else array

    def _by_head_public(self, name: str) -> np.ndarray:
        array = self.by_entry(name)
        if name == "output" and self.problem.packed:
            return unpack_heads(array, self.problem.lead[-1])
        return array

    def _compute_lines(self, name: str, part: int, rows: list[int]) -> np.ndarray:
        problem = self.problem.isolate_part(part)
        shape = problem.shapes()[name][1:]
        found = np.empty((len(rows), *shape), problem.dtype)
        for shift, run in groupby(range(len(rows)), lambda place: rows[place] - place):  # neighbouring rows in one call
            places = list(run)
            own = range(places[0] + shift, places[-1] + shift + 1)
            sink = Window(problem, found[None, places[0] : places[-1] + 1], range(1), own)
            compute(problem, {name: sink}, engine=self.engine, rows=own)
        return found

    @property
    def raw_scores(self) -> np.ndarray:
        """Return the similarities before the scale, (…, n, m)."""
        return self.array("raw_scores")

    @property
    def scores(self) -> np.ndarray:
        """Return the input of the softmax, (…, n, m), which is −inf where masked."""
        return self.array("scores")

    @property
    def weights(self) -> np.ndarray:
        """Return the softmax of the scores over the keys, (…, n, m). Each row sums to 1, or is 0 if the query has no
        key."""
        return self.array("weights")

    @property
    def output(self) -> np.ndarray | None:
        """Return weights · values, (…, n, d_v), or None without values."""
        return self.array("output") if self.has("output") else None

    @property
    def lse(self) -> np.ndarray:
        """Return the log of the sum of the exponentials of the scores, (…, n)."""
        return self.array("lse")

    def statistics(self) -> Statistics:
        """Return the statistics of each row of the weights: entropy, effective keys, keys for 95 %, the weight of key
        0, top keys.

        The weights of a large problem are computed some rows at a time and not kept.
        """
        problem = self.problem
        step = max(1, AT_ONCE // problem.m)
        found = [
            statistics_of(self.lines("weights", part, list(range(start, min(start + step, problem.n)))))
            for part in range(problem.parts)
            for start in range(0, problem.n, step)
        ]
        columns = zip(*([getattr(each, f.name) for f in fields(Statistics)] for each in found), strict=True)
        shape = (*problem.lead, problem.n)
        whole = (np.concatenate(column) for column in columns)
        return Statistics(*(column.reshape(*shape, *column.shape[1:]) for column in whole))

    @property
    def outcome(self) -> Outcome | None:
        """Return what the engine found besides the numbers, so far if rows are computed as they are read, or None
        before any are."""
        if self._whole is not None or not self._learned:
            return self._whole
        each = list(self._learned.values())
        first = min((own.first_empty for own in each if own.first_empty is not None), default=None)
        return Outcome(sum(own.empty for own in each), first, each[0].engine)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings about these numbers."""
        outcome = self.outcome
        if outcome is None or outcome.first_empty is None:
            return self.problem.words.warnings
        return (*self.problem.words.warnings, self._empty_warning(outcome.empty, outcome.first_empty))

    def _empty_warning(self, empty: int, first: tuple[int, int]) -> str:
        part, query = first
        labels = self.problem.words.labels.queries
        name = ", ".join(str(i) for i in (*self.problem.index(part), query)) + (f" ({labels[query]})" if labels else "")
        aside = self.problem.conventions.empty_aside
        row = self.problem.empty_row + (f" ({aside})" if aside else "")
        if empty == 1:
            return f"query {name} may attend to no key: its weights are {row}"
        return f"{empty} queries may attend to no key, the first is {name}: their weights are {row}"

    def _inner_shape(self, name: str) -> tuple[int, ...]:
        problem = self.problem
        if name != "output":
            return (*problem.lead, problem.n) if name == "lse" else (*problem.lead, problem.n, problem.m)
        assert problem.d_v is not None
        if problem.packed or name in problem.heads_last:
            return (*problem.lead[:-1], problem.n, problem.lead[-1], problem.d_v)
        return (*problem.lead, problem.n, problem.d_v)

    def _by_head(self, name: str, array: np.ndarray) -> np.ndarray:
        """Return the array as the engine indexes it, [*lead, query, column]."""
        is_last = self.problem.packed or name in self.problem.heads_last
        return swap_heads(array) if name == "output" and is_last else array

    def _join(self, name: str, array: np.ndarray) -> np.ndarray:
        """Return the array as users see it: heads packed again, and projected if the problem has w_o."""
        if name != "output":
            return array
        if self.problem.packed:
            array = array.reshape(*array.shape[:-2], -1)
        if self.problem.output_projection is not None:
            array = self._project(array, *self.problem.output_projection)
        return array

    def _project(self, output: np.ndarray, weights: np.ndarray, offset: np.ndarray | None) -> np.ndarray:
        """Return output · w_o + b_o in the computing dtype.

        Raises NumericError if that, or the dtype of the results, overflows.
        """
        product = multiply_by_blocks(output.astype(weights.dtype, copy=False), weights)
        with np.errstate(over="ignore", invalid="ignore"):
            if offset is not None:
                product = product + offset
            projected: np.ndarray = product.astype(self.problem.dtype, copy=False)
        given = (output, weights, *(() if offset is None else (offset,)))
        if not np.isfinite(projected).all() and all(np.isfinite(each).all() for each in given):
            name = self.problem.dtype.name
            wider = {"float16": "--dtype float32", "float32": "--dtype float64"}.get(name, "rescale w_o")
            raise NumericError("output", f"output · w_o overflows {name}", wider)
        return projected
