"""A problem as a workbook: a sheet for each head or entry, one for projections, and one for joined heads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attncli.errors import ProblemError
from attncli.explain.explain import check_until, page_facts, page_formula
from attncli.explain.page import Equation
from attncli.explain.workbook.inputs import WHERE, Inputs, write_given, write_settings
from attncli.explain.workbook.products import join_heads, write_projections
from attncli.explain.workbook.scores import (
    Calculation,
    compare_rows,
    empty_weight,
    mask_scores,
    score_keys,
    transform_both,
)
from attncli.explain.workbook.sheets import Sheet
from attncli.explain.workbook.weights import average_values, drop_weights, norm_scores, weigh_keys
from attncli.inputs.request import Request
from attncli.problem.names import Names, find_query
from attncli.problem.prepare import prepare_heads_first
from attncli.problem.problem import Problem
from attncli.problem.row_masks import make_row_mask
from attncli.records import record
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX

CELLS_AT_MOST = 200_000
COLUMNS_AT_MOST = 16_000  # of the 16,384 that a sheet has


@record
class Workbook:
    """Sheets with their headings. Steps after `until` are left blank."""

    title: str
    formula: Equation
    facts: tuple[tuple[str, str], ...]
    sheets: tuple[Sheet, ...]
    until: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def make_workbook(
    request: Request, *, queries: Sequence[str] = (), until: str = "output", title: str | None = None
) -> Workbook:
    """Return the problem in float64, for these queries (numbers or labels, by default all).

    Raises the same errors as `prepare`, and ProblemError if the problem is too large for a spreadsheet or has a stage
    without formulas.
    """
    check_until(until)
    request, problem = prepare_heads_first(request, compute="float64")
    names, result = Names(problem), Result(problem)
    words = () if tuple(queries) == ("all",) and "all" not in (problem.words.labels.queries or ()) else queries
    rows = list(dict.fromkeys(find_query(word, problem) for word in words)) or list(range(problem.n))
    refuse_unwritable(problem, len(rows))
    inputs, sheets = write_projections(request, problem, names, rows)
    outputs = []
    for number in range(problem.parts):
        part = calculate_part(problem, names, rows, number, inputs)
        for name, own in part.numbers.items():
            if name != "output" or problem.output_projection is None:  # which is known only at the end
                refuse_difference(own, result.lines(name, number, rows))
        if part.lse is not None:
            refuse_difference(part.lse, result.lines("lse", number, rows))
        sheets.append(part.sheet)
        outputs += [] if part.output is None else [part.output]
    if outputs and problem.is_joined:
        joined = join_heads(problem, names, rows, outputs)
        whole = result.array("output").reshape(len(joined), problem.n, -1)
        for (sheet, output), entry in zip(joined, whole, strict=True):
            refuse_difference([output.numbers(i) for i in range(len(rows))], entry[rows])
            sheets.append(sheet)
    return Workbook(
        title=title or "",
        formula=page_formula(problem),
        facts=page_facts(problem),
        sheets=tuple(sheets),
        until=until,
        notes=problem.words.notes,
        warnings=(*problem.words.warnings, *result.warnings),
    )


def calculate_part(problem: Problem, names: Names, rows: list[int], number: int, inputs: Inputs) -> Calculation:
    """Write all blocks of one head or entry to a sheet of their own."""
    alone = problem.isolate_part(number)
    sheet = Sheet(names.part(number) or "attention")
    settings = write_settings(sheet, problem, inputs.request, number)
    queries, keys, *values = write_given(sheet, inputs, problem, names, rows, number)
    masks = make_row_mask(alone, alone.part(0), range(problem.n)).allowed(0, problem.m)
    allowed = np.ones((problem.n, problem.m), np.bool_) if masks is None else masks
    own = Calculation(
        problem=problem,
        names=names,
        rows=rows,
        sheet=sheet,
        settings=settings,
        part=problem.part(number),
        positions=[int(place) for place in alone.visible.positions(0, np.array(rows))],
        allowed=allowed[rows],
        empty=empty_weight(problem, allowed[rows]),
        numbers={},
    )
    queries, keys = transform_both(own, queries, keys)
    scores = mask_scores(own, score_keys(own, compare_rows(own, queries, keys)))
    weights = drop_weights(own, weigh_keys(own, scores) if problem.normalizer is SOFTMAX else norm_scores(own, scores))
    if values:
        own.output = average_values(own, weights, values[0])
    return own


def refuse_unwritable(problem: Problem, rows: int) -> None:
    """Raise ProblemError if there are too many numbers, or if some are not finite."""
    cells = problem.parts * (rows * (6 * problem.m + 2 * problem.d_k) + 2 * problem.m * problem.d_k)
    if cells > CELLS_AT_MOST or max(problem.m, problem.d_k, problem.d_v or 0) > COLUMNS_AT_MOST:
        what = f"the workbook would have some {cells:,} cells, and at most {CELLS_AT_MOST:,} are written"
        raise ProblemError(WHERE, what, "--query I for some of the queries, or fewer keys")
    if not (problem.m and problem.n and problem.d_k):
        raise ProblemError(WHERE, "a matrix is empty, and there is nothing to calculate", "-f text")
    keys = problem.keys if problem.given_keys is None else problem.given_keys
    bias = None if problem.bias is None else problem.bias[~np.isneginf(problem.bias)]
    matrices = {"queries": problem.queries, "keys": keys, "values": problem.values, "bias": bias}
    for name, matrix in matrices.items():
        if matrix is not None and not np.isfinite(matrix).all():
            raise ProblemError(WHERE, f"{name} hold infinities or NaN, which a spreadsheet cannot hold", "-f html")


def refuse_difference(own: Sequence[object], engine: np.ndarray) -> None:
    """Raise ProblemError if the formulas do not give the engine's numbers, because the problem has a stage that they
    lack."""
    if not np.allclose(np.asarray(own, np.float64), engine, rtol=1e-6, atol=1e-9):
        raise ProblemError(WHERE, "this problem has a stage that cannot be written as formulas", "-f html")
