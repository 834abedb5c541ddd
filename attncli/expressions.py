"""Arithmetic as it is written on a board: numbers, symbols and operations, independent of text, LaTeX or MathML.

The records of `attncli.variants` hold their scores as such expressions over symbols, and explain puts numbers in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from attncli.records import record


@record
class Numeral:
    """A number as it is printed: `text` is plain ASCII (-2.8284, 1.2e-13, -inf) and rounds `value`."""

    value: float
    text: str


@record
class Symbol:
    """A letter that stands for a number, such as d_k, whose `index` is set below it."""

    name: str
    index: str = ""


@record
class Operation:
    """An operation. Its `kind` is one that a function below makes, or the name of a function."""

    kind: str
    operands: tuple[Expression, ...]


@record
class Rest:
    """Terms of a sum that are left out: their number, and their sum."""

    count: int
    total: Numeral


@record
class Row:
    """Numbers side by side, as in a vector. Before place `gap`, `left_out` of them are missing."""

    cells: tuple[Numeral, ...]
    gap: int
    left_out: int


Expression = Numeral | Symbol | Operation | Rest | Row


def add(*terms: Expression) -> Expression:
    """Return a + b + …, or the term if there is only one."""
    return terms[0] if len(terms) == 1 else Operation("sum", terms)


def subtract(left: Expression, right: Expression) -> Expression:
    """Return a − b."""
    return Operation("difference", (left, right))


def multiply(left: Expression, right: Expression) -> Expression:
    """Return a · b."""
    return Operation("product", (left, right))


def divide(above: Expression, below: Expression) -> Expression:
    """Return a / b."""
    return Operation("quotient", (above, below))


def fraction(above: Expression, below: Expression) -> Expression:
    """Return a/b as in a formula: without spaces, or one above the other."""
    return Operation("fraction", (above, below))


def juxtapose(left: Expression, right: Expression) -> Expression:
    """Return ab, a product without a sign, as of matrices."""
    return Operation("join", (left, right))


def negate(inner: Expression) -> Expression:
    """Return −a."""
    return Operation("negative", (inner,))


def absolute(inner: Expression) -> Expression:
    """Return |a|."""
    return Operation("absolute", (inner,))


def square(inner: Expression) -> Expression:
    """Return a²."""
    return Operation("square", (inner,))


def power(base: Expression, exponent: Expression) -> Expression:
    """Return a to the power b."""
    return Operation("power", (base, exponent))


def larger(left: Expression, right: Expression) -> Expression:
    """Return max(a, b)."""
    return Operation("max", (left, right))


def root(inner: Expression) -> Expression:
    """Return √a."""
    return Operation("root", (inner,))


def function(name: str, inner: Expression) -> Expression:
    """Return name(a), such as exp(a)."""
    return Operation(name, (inner,))


def total(inner: Expression) -> Expression:
    """Return Σ a over the entries of a row."""
    return Operation("total", (inner,))


def norm(inner: Expression) -> Expression:
    """Return ‖a‖."""
    return Operation("norm", (inner,))


def manhattan_norm(inner: Expression) -> Expression:
    """Return ‖a‖₁."""
    return Operation("manhattan", (inner,))


def euclidean_norm(inner: Expression) -> Expression:
    """Return ‖a‖₂."""
    return Operation("euclid", (inner,))


def constant(number: int) -> Numeral:
    """Return an exact number, such as the 2 in a half."""
    return Numeral(float(number), str(number))


QUERY, KEY = Symbol("q"), Symbol("k")  # one feature of each, in a variant's `term`
PRODUCTS = Symbol("QKᵀ")  # the dot products of all queries and keys
TOTAL = Symbol("Σ")  # the sum of the terms, in a variant's `raw_score`
QUERY_LENGTH, KEY_LENGTH = norm(QUERY), norm(KEY)  # √Σq² and √Σk²


def substitute(expression: Expression, given: Mapping[Expression, Expression]) -> Expression:
    """Return the expression with each part that is `given` replaced."""
    if expression in given:
        return given[expression]
    if isinstance(expression, Operation):
        return Operation(expression.kind, tuple(substitute(operand, given) for operand in expression.operands))
    return expression


def contains(expression: Expression, part: Expression) -> bool:
    """Return whether `part` occurs in the expression."""
    if expression == part:
        return True
    return isinstance(expression, Operation) and any(contains(operand, part) for operand in expression.operands)


EVALUATED: dict[str, Callable[..., float]] = {
    "sum": lambda *terms: math.fsum(terms),
    "difference": lambda left, right: left - right,
    "product": lambda left, right: left * right,
    "quotient": lambda above, below: above / below,
    "negative": lambda inner: -inner,
    "absolute": abs,
    "square": lambda inner: inner * inner,
    "root": math.sqrt,
    "power": math.pow,  # raises ValueError where ** would return a complex number
    "max": max,
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "cos": math.cos,
    "sin": math.sin,
}


def evaluate(expression: Expression, given: Mapping[Expression, float]) -> float:
    """Return the value of an expression whose symbols, or parts, are `given`.

    Raises KeyError if one is not, and the errors of arithmetic if there is no value.
    """
    if isinstance(expression, Numeral):
        return expression.value
    if isinstance(expression, Operation) and expression not in given:
        return EVALUATED[expression.kind](*(evaluate(operand, given) for operand in expression.operands))
    return given[expression]
