"""Matrix products in a workbook: the projections of x and context to Q, K and V, and the projection of the joined
heads."""

from __future__ import annotations

import math

from attncli.errors import ProblemError
from attncli.explain.workbook.formulas import Cell
from attncli.explain.workbook.inputs import WHERE, Inputs, Written, add_numbers, mirror, numbered
from attncli.explain.workbook.sheets import Sheet
from attncli.inputs.request import Request
from attncli.problem.names import Names
from attncli.problem.problem import Problem


def write_projections(request: Request, problem: Problem, names: Names, rows: list[int]) -> tuple[Inputs, list[Sheet]]:
    """Write Q, K and V as products of x, context and their weights, on a sheet of their own, unless they are given.

    The queries are only those of `rows`.
    """
    inputs = Inputs(request)
    made = () if problem.origins is None else problem.origins.projections
    if not made:
        return inputs, []
    sheet = Sheet("projections")
    sources: dict[str, Written] = {}
    for own in made:
        if own.rows.ndim != 2:
            what = f"{own.source} has {own.rows.ndim} axes, and a workbook projects a matrix of two"
            raise ProblemError(WHERE, what, "-f html, or a problem of one entry")
        name_row = (
            names.query
            if own.role == "queries" or (own.source == "x" and problem.n == own.rows.shape[0])
            else names.key
        )
        if own.source not in sources:
            labels = tuple(name_row(i) for i in range(own.rows.shape[0]))
            sources[own.source] = add_numbers(
                sheet, own.source, labels, numbered("feature", own.rows.shape[1]), own.rows
            )
        source, width = sources[own.source], own.weights.shape[1]
        columns = numbered("column", width)
        weights = add_numbers(sheet, f"w_{own.letter}", numbered("feature", len(own.weights)), columns, own.weights)
        offset = None
        if own.offset_shape is not None:
            given = getattr(request, f"b_{own.letter}").array.reshape(1, -1)
            offset = add_numbers(sheet, f"b_{own.letter}", (f"b_{own.letter}",), columns, given)
        used = rows if own.role == "queries" else list(range(own.rows.shape[0]))
        labels = tuple(name_row(i) for i in used)
        letter = own.letter.upper()
        plus = "" if offset is None else f" + b_{own.letter}"
        cells = [[multiply_rows(source, weights, offset, i, c) for c in range(width)] for i in used]
        area = sheet.add(f"{letter} = {own.source} w_{own.letter}{plus}", labels, columns, cells)
        inputs.projected[own.role] = Written(area, cells)
    return inputs, [sheet]


def multiply_rows(rows: Written, weights: Written, offset: Written | None, row: int, column: int) -> Cell:
    """Return one number of rows · weights + offset."""
    terms = [a * b for a, b in zip(rows.numbers(row), weights.of_column(column), strict=True)]
    text = f"MMULT({rows.area.row(row)},{weights.area.column(column)})"
    if offset is None:
        return Cell(math.fsum(terms), text)
    return Cell(math.fsum([*terms, offset.number(0, column)]), f"{text}+{offset.area.cell(0, column)}")


def join_heads(problem: Problem, names: Names, rows: list[int], outputs: list[Written]) -> list[tuple[Sheet, Written]]:
    """Return a sheet, with the final output, for each entry whose heads are joined or whose output is projected by
    w_o."""
    heads = problem.lead[-1] if problem.packed else 1
    queries = tuple(names.query(i) for i in rows)
    found = []
    for entry in range(problem.parts // heads):
        members = outputs[entry * heads : (entry + 1) * heads]
        name = names.part(entry * heads)
        sheet = Sheet(f"{name.rpartition('head ')[0]}all heads" if heads > 1 else f"{name} projected".strip())
        mirrors = [mirror(member, sheet.name, 0, member.area.columns) for member in members]
        cells = [[cell for each in mirrors for cell in each[i]] for i in range(len(rows))]
        columns = numbered("column", len(cells[0]))
        title = "the outputs of the heads, side by side" if heads > 1 else "the averaged values"
        joined = Written(sheet.add(title, queries, columns, cells, step="output"), cells)
        if problem.output_projection is not None:
            weights, offset = problem.output_projection
            wide = numbered("column", weights.shape[1])
            w_o = add_numbers(sheet, "w_o", columns, wide, weights)
            b_o = None if offset is None else add_numbers(sheet, "b_o", ("b_o",), wide, offset.reshape(1, -1))
            cells = [[multiply_rows(joined, w_o, b_o, i, c) for c in range(weights.shape[1])] for i in range(len(rows))]
            title = "output = joined w_o" + ("" if b_o is None else " + b_o")
            joined = Written(sheet.add(title, queries, wide, cells, step="output"), cells)
        found.append((sheet, joined))
    return found
