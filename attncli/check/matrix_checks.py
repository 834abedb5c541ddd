"""What the report says of one judged matrix: its worst cell, its shape, and how many of its digits are right."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.error_pattern import measure_errors
from attncli.check.report import HOLDS, MatrixCheck
from attncli.matrix import Array
from attncli.results.targets import labels_of_columns, labels_of_rows

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.tolerance.measures import Measured
    from attncli.problem.problem import Problem

SHOWS = 0.005  # a difference from a whole number that two decimals show
LEAST_DIGITS = 100  # units of the largest number for which fewer decimals are still meaningful
FEW = 4  # right numbers in a message


def describe_matrix(judge: Judge, verdict: str, measured: Measured) -> MatrixCheck:
    """Return the check of one matrix for the report."""
    name, computed = judge.name, measured.numbers[judge.name]
    check = MatrixCheck(
        what=name,
        verdict=verdict,
        decimals=None if judge.claims is None or judge.tolerance is not None else judge.claims.decimals,
        tolerance="" if judge.tolerance is None else str(judge.tolerance),
    )
    if computed.shape != judge.expected.shape:
        return replace(check, said=_describe_shapes(judge, measured))
    at, units = judge.worst(measured)
    expected, right = float(judge.expected[at]), float(computed[at])
    return replace(
        check,
        max_error=0.0 if units == 0 else abs(expected - right),
        at=judge.given_cell(at),
        expected=expected,
        computed=right,
        text=judge.text_of(at),
        labels=_labels(measured.problem, name, at),
        errors=measure_errors(judge, measured),
        note=_describe_whole(judge, verdict, measured) or _describe_digits(judge, verdict, measured),
    )


def _describe_shapes(judge: Judge, measured: Measured) -> str:
    """Return a sentence about the shape of the numbers, and whether they are the right ones, transposed."""
    shape = measured.numbers[judge.name].shape
    given, right = judge.given_shape(judge.expected.shape), judge.given_shape(shape)
    said = f"its shape is {_format_shape(given)}; expected {_format_shape(right)}"
    turned = judge.transposed(shape)
    if turned is not None and turned.verdict(measured) != "wrong":
        return f"{said}. It holds the right numbers, transposed"
    if judge.name == "weights" and _ends_with_sums(judge.expected, right):
        return f"{said}. Its last column is the sum of each row: leave it out"
    return f"{said}{_describe_namesakes(judge, measured)}{_describe_own_queries(judge, measured)}"


def _ends_with_sums(array: Array, right: tuple[int, ...]) -> bool:
    """Return whether the numbers have one column too many, which holds the sums of the rows: 1 for weights."""
    return array.shape == (*right[:-1], right[-1] + 1) and bool((abs(array[..., -1] - 1) < SHOWS).all())


def _describe_namesakes(judge: Judge, measured: Measured) -> str:
    """Return which other result has this shape, of which the numbers may be."""
    shapes = {name: judge.given_shape(shape) for name, shape in measured.problem.shapes().items()}
    given = judge.given_shape(judge.expected.shape)
    if judge.name == "output" and given == shapes["weights"]:
        return ". The scores and the weights have this shape: if it is one of them, name it, as in weights: [[…]]"
    is_output = judge.name in ("raw_scores", "scores", "weights") and given == shapes.get("output")
    return ". The output has this shape" if is_output else ""


def _describe_own_queries(judge: Judge, measured: Measured) -> str:
    """Return how to give each entry a query of its own, if the numbers have one row for each entry and Q is one matrix
    for all."""
    problem, queries = measured.problem, measured.request.queries
    rows, width = problem.n, problem.d_k
    one_row_each = (rows, measured.numbers[judge.name].shape[-1])
    if queries is None or queries.array.ndim > 2 or problem.lead != (rows,) or judge.expected.shape != one_row_each:
        return ""
    return f". Each entry has all {rows} queries: for one of its own, give Q as {rows} × 1 × {width}"


def _describe_whole(judge: Judge, verdict: str, measured: Measured) -> str:
    """Return what a verdict on whole numbers is based on, if the right numbers are not whole."""
    if verdict in ("wrong", "carried") or judge.claims is None or not judge.claims.extremes.has_whole:
        return ""
    numbers: list[tuple[tuple[int, ...], float]] = []  # the first few right ones that are not whole
    for block in judge.blocks(measured):
        with np.errstate(invalid="ignore"):  # infinities
            differs = block.claims.is_whole & (np.abs(block.expected - block.computed) > SHOWS)
        places = np.flatnonzero(differs)[: FEW + 1].tolist()
        numbers = sorted(numbers + [(block.cell(place), float(block.computed.flat[place])) for place in places])
        numbers = numbers[: FEW + 1]
    right = [f"{number:.{2 if abs(number) >= 0.005 else 4}g}" for _, number in numbers[:FEW]]
    more = ", …" if len(numbers) > FEW else ""
    if not right:
        return ""
    verb = "one is" if len(right) == 1 else "ones are"
    return f"claims whole numbers only; the right {verb} {', '.join(right)}{more}"


def _describe_digits(judge: Judge, verdict: str, measured: Measured) -> str:
    """Return with how many fewer decimals, or only with the digits shown, every number of a wrong matrix is right."""
    if (
        verdict not in ("wrong", "carried")
        or judge.claims is None
        or judge.tolerance is not None
        or judge.claims.decimals is None
        or judge.claims.extremes.has_whole
    ):
        return ""
    if judge.claims.shows_less and replace(judge, claims=judge.claims.as_shown()).holds(measured):
        return f"{HOLDS} to the digits that it shows itself"
    for decimals in range(judge.claims.decimals - 1, 0, -1):
        unit = 10.0**-decimals
        if judge.largest < LEAST_DIGITS * unit:
            break
        if replace(judge, claims=judge.claims.with_decimals(decimals)).holds(measured):
            return f"{HOLDS} at {decimals} decimal{'' if decimals == 1 else 's'}: --digits {decimals}"
    return ""


def _format_shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "that of a single number"


def _labels(problem: Problem, name: str, at: tuple[int, ...]) -> tuple[str | None, ...]:
    """Return the names of the worst cell's row and column."""
    labels = problem.words.labels
    columns = labels_of_columns(labels, name)
    # labels of the columns of V, not of all heads
    if columns is not None and len(columns) != problem.shapes()[name][-1]:
        columns = None
    rows, row = labels_of_rows(labels, name), at[-1] if name == "lse" or len(at) == 1 else at[-2]
    return rows[row] if rows and row < len(rows) else None, columns[at[-1]] if columns else None
