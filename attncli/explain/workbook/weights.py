"""From the scores of a part to its weights and its output, as blocks of formulas."""

from __future__ import annotations

import math

from attncli.explain.workbook.formulas import Cell, Named, write_cell
from attncli.explain.workbook.inputs import SINK, Grid, Written, add_numbers
from attncli.explain.workbook.scores import MASKED, Calculation, finite_or_masked, named_number
from attncli.expressions import Expression
from attncli.stages.normalizers import COUNT, SQUARES, THRESHOLD, find_threshold
from attncli.stages.normalizers import TOTAL as HEIGHTS
from attncli.stages.steps import EXPONENTIAL, KEPT, LARGEST, SCORE, STAGES, SUM, WEIGHT


def weigh_keys(own: Calculation, scores: Written) -> Written:
    """Add the softmax: the exponentials of the scores minus the largest, over their sum, which a sink joins."""
    sink = own.settings.get(SINK)
    has_texts = any(isinstance(cell.value, str) for row in scores.cells for cell in row)
    extra = (*(("sink",) if sink else ()), "sum", "log of the sum (lse)")
    width = own.problem.m + bool(sink)
    area = own.sheet.place(len(own.rows), width)
    cells: Grid = []
    for i in range(len(own.rows)):
        found = scores.numbers(i) + ([sink[1]] if sink else [])
        largest = f"MAX({scores.area.row(i)}{',' + sink[0] if sink else ''})", max(found, default=0.0)

        def power(score: Named, largest: Named = largest) -> Cell:
            return write_cell(STAGES["exponential"], {SCORE: score, LARGEST: largest})

        line: list[Cell] = []
        for j in range(own.problem.m):
            if isinstance(scores.cells[i][j].value, float):
                cell = power(scores.named(i, j))
            else:
                cell = Cell(0.0, power((scores.area.cell(i, j), largest[1])).formula)
            formula = f"IF(ISNUMBER({scores.area.cell(i, j)}),{cell.formula},0)" if has_texts else cell.formula
            line.append(Cell(cell.value, formula))
        line += [power(sink)] if sink else []
        total = math.fsum(float(cell.value or 0) for cell in line)
        line.append(Cell(total, f"SUM({area.row(i)})"))
        lse = write_cell(STAGES["lse"], {LARGEST: largest, SUM: (area.cell(i, width), total or 1.0)})
        guarded = f'IF({area.cell(i, width)}=0,"{MASKED}",{lse.formula})'
        line.append(Cell(lse.value if total else MASKED, guarded if has_texts else lse.formula))
        cells.append(line)
    title = "exponentials: e^(score − largest score of the row)"
    powers = own.add(title, cells, "exp", extra)
    own.lse = [finite_or_masked(row[-1]) for row in cells]

    def make(i: int, j: int) -> Cell:
        text, total = powers.named(i, width)
        cell = write_cell(STAGES["weighted"], {EXPONENTIAL: powers.named(i, j), SUM: (f"${text}", total or 1.0)})
        if not has_texts or sink:
            return cell
        return Cell(cell.value if total else own.empty.value, f"IF(${text}=0,{own.empty.formula},{cell.formula})")

    return own.add("weights: exponential / sum", own.each(make), "weights", is_shaded=True)


def norm_scores(own: Calculation, scores: Written) -> Written:
    """Add the weights of another normalizer, with its threshold, if any, from the scores in descending order."""
    normalizer = own.problem.normalizer
    assert normalizer.weight is not None
    thresholds = None if normalizer.threshold is None else write_thresholds(own, scores)

    def make(i: int, j: int) -> Cell:
        cell, here = scores.cells[i][j], scores.area.cell(i, j)
        given: dict[Expression, Named] = {SCORE: (here, cell.value if isinstance(cell.value, float) else 0.0)}
        if thresholds is not None:
            value = thresholds.cells[i][0].value
            given[THRESHOLD] = (f"${thresholds.area.cell(i)}", value if isinstance(value, float) else 0.0)
        assert normalizer.weight is not None
        weight = write_cell(normalizer.weight, given)
        if not any(isinstance(other.value, str) for row in scores.cells for other in row):
            return weight
        line = scores.area.row(i)
        other = "0" if own.empty.value == 0 else f"IF(COUNT({line})=0,{own.empty.formula},0)"
        absent = own.empty.value if not scores.numbers(i) else 0.0
        value = weight.value if isinstance(cell.value, float) else absent
        return Cell(value, f"IF(ISNUMBER({here}),{weight.formula},{other})")

    title = f"weights: {normalizer.name}, {normalizer.formula}"
    return own.add(title, own.each(make), "weights", is_shaded=True)


def write_thresholds(own: Calculation, scores: Written) -> Written:
    """Return τ of each row. For each c it is computed from the c largest scores, and the last one that does not exceed
    the smallest of these applies."""
    normalizer, m = own.problem.normalizer, own.problem.m
    assert normalizer.threshold is not None
    places = tuple(f"{c + 1} largest" for c in range(m))
    ordered: Grid = []
    for i in range(len(own.rows)):
        row, found = scores.area.row(i), sorted(scores.numbers(i), reverse=True)
        line = []
        for c in range(m):
            score = found[c] if c < len(found) else 0.0
            cell = write_cell(normalizer.heights, {SCORE: (f"LARGE({row},{c + 1})", score)})
            value = cell.value if c < len(found) else ""
            line.append(Cell(value, f'IF({c + 1}<=COUNT({row}),{cell.formula},"")'))
        ordered.append(line)
    said = "scores" if normalizer.heights == SCORE else "halves of the scores"
    heights = Written(own.sheet.add(f"{said}, in order of size", own.queries, places, ordered, step="weights"), ordered)
    candidates: Grid = []
    for i in range(len(own.rows)):
        line = []
        for c in range(m):
            first = heights.numbers(i)[: c + 1]
            area, here = heights.area.row(i, 0, c), heights.area.cell(i, c)
            given: dict[Expression, Named] = {
                HEIGHTS: (f"SUM({area})", math.fsum(first)),
                SQUARES: (f"SUMSQ({area})", math.fsum(height * height for height in first)),
                COUNT: named_number(c + 1),
            }
            cell = write_cell(normalizer.threshold, given)
            is_there = isinstance(ordered[i][c].value, float)
            line.append(Cell(cell.value if is_there else "", f'IF(ISNUMBER({here}),{cell.formula},"")'))
        candidates.append(line)
    title = "what the threshold would be for so many keys"
    several = Written(own.sheet.add(title, own.queries, places, candidates, step="weights"), candidates)
    cells: Grid = []
    for i in range(len(own.rows)):
        tried, sizes = several.area.row(i), heights.area.row(i)
        count = f"SUMPRODUCT(({tried}<={sizes})*ISNUMBER({sizes}))"
        found_one = find_threshold(normalizer, scores.numbers(i))
        formula = f'IF(COUNT({sizes})=0,"",INDEX({tried},{count}))'
        cells.append([Cell("" if found_one is None else found_one, formula)])
    return Written(own.sheet.add("threshold τ", own.queries, ("τ",), cells, step="weights"), cells)


def drop_weights(own: Calculation, weights: Written) -> Written:
    """Add the weights times the dropout mask, divided by 1 − P."""
    if own.part.dropout_mask is not None:
        kept = add_numbers(own.sheet, "dropout mask: 1 = kept", own.queries, own.keys, own.part.dropout_mask[own.rows])

        def make(i: int, j: int) -> Cell:
            given: dict[Expression, Named] = {
                **own.settings,
                WEIGHT: weights.named(i, j),
                KEPT: kept.named(i, j),
            }
            return write_cell(STAGES["dropped"], given)

        weights = own.add("weights after dropout", own.each(make), "weights", is_shaded=True)
    own.numbers["weights"] = [weights.numbers(i) for i in range(len(own.rows))]
    return weights


def average_values(own: Calculation, weights: Written, values: Written) -> Written:
    """Add the weighted average of the values."""
    columns = tuple(own.names.column(c) for c in range(len(values.cells[0])))

    def make(i: int, c: int) -> Cell:
        pairs = zip(weights.numbers(i), values.of_column(c), strict=True)
        formula = f"MMULT({weights.area.row(i)},{values.area.column(c)})"
        return Cell(math.fsum(weight * value for weight, value in pairs), formula)

    cells = [[make(i, c) for c in range(len(columns))] for i in range(len(own.rows))]
    area = own.sheet.add("output: the values, averaged with the weights", own.queries, columns, cells, step="output")
    own.numbers["output"] = [[float(cell.value or 0) for cell in row] for row in cells]
    return Written(area, cells)
