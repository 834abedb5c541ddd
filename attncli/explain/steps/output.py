"""The last steps: the weighted average of the values, the joining of the heads, and the output projection."""

from __future__ import annotations

import numpy as np

from attncli.explain.noise import INVISIBLE, settled_average
from attncli.explain.numbers import Numbers
from attncli.explain.page import Equation, Line, Step
from attncli.explain.rounding import Figures, pick_ends
from attncli.explain.steps.weights import key_lines, sum_of_others
from attncli.expressions import Expression, Rest, Symbol, add, constant, multiply, total

COLUMNS_AT_MOST = 12


def output_step(numbers: Numbers, figures: Figures) -> Step | None:
    """Return the step with the contribution of each key and their sum for each column, or None without values."""
    values, output, weights = numbers.values, numbers.output, numbers.weights
    if values is None or output is None:
        return None
    columns = pick_ends(values.shape[1], COLUMNS_AT_MOST)

    def line(j: int) -> Line:
        name = numbers.names.key(j)
        value = figures.row(values[j], COLUMNS_AT_MOST)
        note = "" if numbers.allowed[j] else "masked"
        if note and not weights[j]:
            nothing = figures.row(np.zeros(values.shape[1]), COLUMNS_AT_MOST)
            return Line(name, figures.equation(multiply(constant(0), value), nothing), note)
        with np.errstate(all="ignore"):
            part = figures.row(weights[j] * values[j], COLUMNS_AT_MOST)
        return Line(name, figures.equation(multiply(figures.number(weights[j]), value), part), note)

    sums = [Line(column_name(numbers, c), column_sum(numbers, figures, c), is_sum=True) for c in columns]
    missing = values.shape[1] - len(columns)
    after = [f"{missing:,} of {values.shape[1]:,} columns are left out."] if missing else []
    return Step(
        "output",
        "Average the values with these weights: the output",
        Equation((Symbol("output"), total(multiply(Symbol("weight"), Symbol("value")))), ("=",)),
        ("Each key contributes its value times its weight; these contributions are added up, column by column.",),
        (*key_lines(numbers, line), *sums),
        tuple(after),
    )


def column_name(numbers: Numbers, column: int) -> str:
    """Return the name of a number of the output."""
    if numbers.names.has_labels("values"):
        return f"output: {numbers.names.column(column)}"
    return "output" if numbers.problem.d_v == 1 else f"output, {numbers.names.column(column)}"


def column_sum(numbers: Numbers, figures: Figures, column: int) -> Equation:
    """Return one entry of the output: the contributions of all keys, those not shown as one number."""
    assert numbers.values is not None
    assert numbers.output is not None
    with np.errstate(all="ignore"):
        parts = numbers.weights * numbers.values[:, column]
        if not np.isfinite(parts).all():  # 0 · ∞ of a masked value adds nothing
            parts = np.where(numbers.weights != 0, parts, 0.0)
    terms: list[Expression] = [figures.number(parts[j]) for j in numbers.shown if numbers.allowed[j] or parts[j]]
    result = figures.number(numbers.output[column])
    hidden = len(parts) - len(numbers.shown)
    if hidden:
        terms.append(Rest(hidden, figures.number(sum_of_others(parts, numbers.shown))))
    return figures.equation(add(*terms) if terms else result, result)


def join_step(heads: list[Numbers], names: list[str], figures: Figures) -> Step:
    """Return the step that puts the outputs of one query's heads side by side, and projects them if the problem has
    w_o."""
    problem = heads[0].names.problem
    outputs = [head.output for head in heads if head.output is not None]
    joined = np.concatenate(outputs)
    lines = [
        Line(f"output of {name}" if name else "output", Equation((figures.row(output),), ()))
        for name, output in zip(names, outputs, strict=True)
    ]
    if len(outputs) > 1:
        lines.append(Line("joined", Equation((figures.row(joined),), ()), is_sum=True))
    words = ["The outputs of the heads stand side by side."] if len(outputs) > 1 else []
    title = "Join the heads"
    if problem.output_projection is not None:
        title = "Join the heads and project the output" if len(outputs) > 1 else "Project the output"
        words.append("Each column of w_o mixes the joined numbers into one number of the final output.")
        weights, offset = problem.output_projection
        lines += projected_lines(joined, weights, offset, figures, "final output, column")
        final = projected(joined, weights, offset)
        lines.append(Line("final output", Equation((figures.row(final),), ()), is_sum=True))
    return Step("join", title, None, tuple(words), tuple(lines))


def projected_lines(
    row: np.ndarray, weights: np.ndarray, offset: np.ndarray | None, figures: Figures, name: str
) -> list[Line]:
    """Return the lines of row · w + b, one per entry: every product, and their sum."""
    lines = []
    for column in pick_ends(weights.shape[1], COLUMNS_AT_MOST):
        kept = pick_ends(len(row), COLUMNS_AT_MOST)
        terms: list[Expression] = [multiply(figures.number(row[c]), figures.number(weights[c, column])) for c in kept]
        worked: list[Expression] = [figures.number(row[c] * weights[c, column]) for c in kept]
        if len(kept) < len(row):
            rest = Rest(len(row) - len(kept), figures.number(sum_of_others(row * weights[:, column], kept)))
            terms, worked = [*terms, rest], [*worked, rest]
        if offset is not None:
            terms, worked = [*terms, figures.number(offset[column])], [*worked, figures.number(offset[column])]
        result = figures.number(projected(row, weights[:, [column]], None if offset is None else offset[[column]])[0])
        lines.append(Line(f"{name} {column}", figures.equation(add(*terms), add(*worked), result)))
    return lines


def projected(row: np.ndarray, weights: np.ndarray, offset: np.ndarray | None) -> np.ndarray:
    """Return row · w + b, (d_out,) from (d_in,) and (d_in, d_out), with 0 for numbers that are only rounding errors."""
    found = row @ weights + (0 if offset is None else offset)
    for column in np.flatnonzero(np.abs(found) <= INVISIBLE):
        factors = weights[:, column] if offset is None else np.append(weights[:, column], offset[column])
        found[column] = settled_average(found[column], row if offset is None else np.append(row, 1), factors)
    return np.asarray(found)
