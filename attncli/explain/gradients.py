"""The backward part of a page: the steps of each query, the sums over queries for keys and values, and the matrices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from attncli.engine.backward import compute_gradients
from attncli.engine.stacks import transform_rows
from attncli.errors import UsageError
from attncli.explain.backward import Backward, compute_backward
from attncli.explain.grids import COLUMNS_AT_EDGES, COLUMNS_AT_MOST, ROWS_AT_EDGES, ROWS_AT_MOST, find_gap, show_edges
from attncli.explain.numbers import Numbers, compute_numbers
from attncli.explain.page import Grid, Solution, Step
from attncli.explain.rounding import Figures
from attncli.explain.steps.gradient_sums import d_keys_step, d_values_step, projection_gradient_steps, shared_steps
from attncli.explain.steps.gradients import arriving_step, d_query_step, d_raw_step, d_score_step, d_weight_step
from attncli.matrix import Array
from attncli.problem.names import Names
from attncli.problem.problem import Problem
from attncli.records import record
from attncli.results.gradients import Gradients, refuse_infinite_gradient

TERMS_AT_MOST, TERMS_AT_EDGES = 8, 3  # queries in the sum of a key
INTRODUCTION = (
    " Backwards: dO says how a loss grows with each number of the output, and the chain rule carries that to the "
    "weights, to the scores, and to queries, keys and values."
)


@record
class WayBack:
    """The gradients of a problem with a d_output, and what is needed to explain them."""

    problem: Problem
    names: Names
    figures: Figures
    gradients: Gradients
    d_outputs: Array  # (*lead, n, d_v): at the output of each head
    engine: str

    def back(self, numbers: Numbers) -> Backward:
        """Return the backward pass of one query of one part."""
        part, row = numbers.part, numbers.row
        given = self.problem.part(part).queries[row]
        arriving = self.d_outputs[self.problem.index(part)][row]
        return compute_backward(numbers, arriving, given, self.position(numbers))

    def position(self, numbers: Numbers) -> int:
        """Return the position of the query among the keys."""
        return int(numbers.problem.visible.positions(0, np.array([numbers.row]))[0])

    def steps(self, numbers: Numbers) -> list[Step]:
        """Return the steps from the gradient at this query's output to that of the query."""
        if not numbers.has_key or not numbers.is_finite:
            what = "The query may attend to no key" if not numbers.has_key else "The weights are not numbers"
            nothing = "its output depends on nothing, and all its gradients are 0"
            words = f"{what}: {nothing if not numbers.has_key else 'neither are the gradients'}."
            return [Step("arriving", "What arrives from the loss", None, (words,))]
        back = self.back(numbers)
        given = self.problem.part(numbers.part).queries[numbers.row]
        return [
            arriving_step(back, *self._before_heads(numbers), self.figures),
            d_weight_step(back, self.figures),
            d_score_step(back, self.figures),
            d_raw_step(back, self.figures),
            d_query_step(back, given, self.position(numbers), self.figures),
        ]

    def _before_heads(self, numbers: Numbers) -> tuple[Array, Array | None]:
        """Return this query's row of d_output, and the rows of w_o that belong to this head, or None without w_o."""
        problem, index = self.problem, self.problem.index(numbers.part)
        entry = index[:-1] if problem.packed else index
        whole = np.broadcast_to(self.gradients.d_output, problem.shapes()["output"])[entry][numbers.row]
        if problem.output_projection is None:
            return whole, None
        width = problem.d_v or 0
        head = index[-1] if problem.packed else 0
        return whole, problem.output_projection[0][head * width : (head + 1) * width]

    def solutions(self, parts: list[int], queries: list[int]) -> list[Solution]:
        """Return the sums over the queries of each part for its keys and values, then those over heads that share them,
        and the projections."""
        problem, figures = self.problem, self.figures
        solutions = []
        sent: dict[str, dict[int, Array]] = {"d_queries": {}, "d_keys": {}, "d_values": {}}
        for part in parts:
            rows = show_edges(problem.n, TERMS_AT_MOST, TERMS_AT_EDGES, queries[: TERMS_AT_EDGES - 1])
            backs = [self.back(compute_numbers(problem, self.names, part, row, self.engine)) for row in rows]
            found = self.of_part(part)
            for name, gradients in sent.items():
                gradients[part] = found[name]
            own = problem.part(part)
            with np.errstate(invalid="ignore"):
                keys = transform_rows(problem, own)[1]
            steps = (
                d_values_step(backs, found["d_values"], problem.n, figures),
                d_keys_step(backs, keys, own.keys, found["d_keys"], problem.n, figures),
            )
            solutions.append(Solution("all queries", self.names.part(part), steps, ()))
        last: list[Step] = []
        if len(parts) == problem.parts:
            last += shared_steps(problem, self.names, sent, figures)
        last += projection_gradient_steps(problem, self.gradients, figures)
        return [*solutions, Solution("what was given", "", tuple(last), ())] if last else solutions

    def of_part(self, part: int) -> dict[str, Array]:
        """Return d_queries, d_keys and d_values of one part.

        Raises NumericError if one of them overflows.
        """
        arriving = self.d_outputs[self.problem.index(part)]
        names = ("d_queries", "d_keys", "d_values")
        found = compute_gradients(self.problem.isolate_part(part), arriving, names, engine=self.engine)
        for name, gradient in found.items():
            refuse_infinite_gradient(self.problem, name, gradient)
        return found

    def grids(self, parts: list[int], queries: list[int]) -> list[Grid]:
        """Return dO, dP, dS, dQ, dK and dV of each part, with the rows that the other matrices show."""
        problem, names = self.problem, self.names
        rows = show_edges(problem.n, ROWS_AT_MOST, ROWS_AT_EDGES, queries[: ROWS_AT_MOST // 2])
        keys = show_edges(problem.m, ROWS_AT_MOST, ROWS_AT_EDGES)
        grids = []
        for part in parts:
            backs = [self.back(compute_numbers(problem, names, part, row, self.engine)) for row in rows]
            hidden = np.array([~back.numbers.counted for back in backs])
            found = self.of_part(part)
            shown: list[tuple[str, str, Array, list[int], Callable[[int], str], Callable[[int], str]]] = [
                ("dO", "at the output", np.array([b.arriving for b in backs]), rows, names.query, names.column),
                ("dP", "of the weights", np.array([b.d_used for b in backs]), rows, names.query, names.key),
                ("dS", "of the scores", np.array([b.d_scores for b in backs]), rows, names.query, names.key),
                ("dQ", "of the queries", np.array([b.d_query for b in backs]), rows, names.query, names.feature),
                ("dK", "of the keys", found["d_keys"][keys], keys, names.key, names.feature),
                ("dV", "of the values", found["d_values"][keys], keys, names.key, names.column),
            ]
            for name, what, cells, places, row_name, column_name in shown:
                height = problem.m if places is keys else problem.n
                title = f"{name}, the gradient {what}"
                masked = hidden if name in ("dP", "dS") else np.zeros(cells.shape, np.bool_)
                grids.append(
                    self._grid(name, title, names.part(part), cells, masked, places, height, row_name, column_name)
                )
        return grids

    def _grid(
        self,
        name: str,
        title: str,
        of_part: str,
        cells: Array,
        masked: Array,
        rows: list[int],
        height: int,
        row_name: Callable[[int], str],
        column_name: Callable[[int], str],
    ) -> Grid:
        """Return a matrix in colours around 0, whose range is the largest absolute number."""
        columns = show_edges(cells.shape[1], COLUMNS_AT_MOST, COLUMNS_AT_EDGES)
        shown, hidden = cells[:, columns], masked[:, columns]
        finite = np.abs(shown[np.isfinite(shown) & ~hidden])
        largest = float(finite.max()) if finite.size else 0.0
        shades = tuple(
            tuple(None if off or not np.isfinite(cell) else float(cell) / (largest or 1.0) for cell, off in pairs)
            for pairs in (zip(line, mask, strict=True) for line, mask in zip(shown, hidden, strict=True))
        )
        size = self.figures.number(largest).text
        return Grid(
            name,
            f"{title}{f', {of_part}' if of_part else ''} ({height:,} × {cells.shape[1]:,})",
            tuple(map(row_name, rows)),
            tuple(map(column_name, columns)),
            texts=tuple(tuple(self.figures.number(float(cell)).text for cell in line) for line in shown),
            wholes=tuple(tuple(repr(float(cell)) for cell in line) for line in shown),
            shades=shades,
            masked=tuple(map(tuple, hidden.tolist())),
            legend=(f"-{size}" if largest else "0", size),
            gap_row=find_gap(rows),
            gap_column=find_gap(columns),
            is_signed=True,
        )


def way_back(problem: Problem, names: Names, figures: Figures, engine: str) -> WayBack:
    """Return what is needed to explain the gradients.

    Raises UsageError if the problem has no gradient at the output.
    """
    if problem.d_output is None:
        what = "there is no gradient at the output to start from"
        raise UsageError("--backward", what, "--grad SOURCE, or --grad ones; in a file: d_output")
    gradients = Gradients(problem, engine)
    return WayBack(problem, names, figures, gradients, gradients.d_output_by_head(), engine)
