"""The inputs of a query: its own numbers, and those of each key and value."""

from __future__ import annotations

from attncli.explain.numbers import Numbers
from attncli.explain.page import Equation, Line, Step
from attncli.explain.rounding import Figures
from attncli.explain.steps.weights import key_lines
from attncli.expressions import Expression, Row, Symbol
from attncli.problem.names import quote_name


def given_step(numbers: Numbers, figures: Figures) -> Step:
    """Return the step with the query and a line for each key with its value (and its bias, if any)."""
    names, problem = numbers.names, numbers.problem

    def line(j: int) -> Line:
        parts: list[tuple[str, Row]] = [("k", figures.row(numbers.keys[j]))]
        if numbers.values is not None:
            parts.append(("v", figures.row(numbers.values[j])))
        if numbers.bias is not None:
            parts.append(("bias", figures.row([numbers.bias[j]])))
        sides: list[Expression] = [part for letter, row in parts for part in (Symbol(letter), row)]
        signs = [sign for _ in parts for sign in ("=", ",")][:-1]
        note = "" if problem.mask is None or problem.mask[numbers.row][j] else "the mask forbids it"
        return Line(names.key(j), Equation(tuple(sides), tuple(signs)), note)

    query = Equation((Symbol("q"), figures.row(numbers.query)), ("=",))
    words = []
    if names.has_labels("features") and 1 < problem.d_k <= 12:
        words.append(f"The numbers in q and k stand for: {quote_all([names.feature(c) for c in range(problem.d_k)])}.")
    if names.has_labels("values") and 1 < (problem.d_v or 0) <= 12:
        words.append(f"Those in v for: {quote_all([names.column(c) for c in range(problem.d_v or 0)])}.")
    changes = {"qk-norm": problem.row_norm, "rope": problem.rotation}
    if done := " and ".join(name for name, stage in changes.items() if stage is not None):
        words.append(f"q and k are shown as they are scored, after {done}.")
    title = "What is given: the query q, and each key k" + ("" if numbers.values is None else " with its value v")
    return Step(
        "given",
        title,
        None,
        tuple(words),
        (Line(names.query(numbers.row), query), *key_lines(numbers, line, gaps=True)),
    )


def quote_all(names: list[str]) -> str:
    """Return “a”, “b”, “c” in the order of the numbers."""
    return ", ".join(quote_name(name) for name in names)
