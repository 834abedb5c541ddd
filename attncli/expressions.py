"""Arithmetic as it is written on a board: numbers, symbols and operations, before anyone chooses text, LaTeX or MathML.

The records of `attncli.variants` hold their scores as such expressions over symbols; explain puts numbers in.
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
    """A letter that stands for a number, as d_k: `index` is set below it."""

    name: str
    index: str = ""


@record
class Operation:
    """`kind` is one of KINDS, or the name of a function."""

    kind: str
    operands: tuple[Expression, ...]


@record
class Rest:
    """Terms of a sum that are left out: how many, and what they come to."""

    count: int
    total: Numeral


@record
class Row:
    """Numbers side by side, as a vector is written; `left_out` of them are missing before place `gap`."""

    cells: tuple[Numeral, ...]
    gap: int
    left_out: int


Expression = Numeral | Symbol | Operation | Rest | Row

KINDS = (
    "sum", "difference", "product", "quotient", "negative", "absolute", "square", "root", "total", "norm",
    "fraction", "join", "manhattan", "euclid", "power", "max"
)  # fmt: skip


def add(*terms: Expression) -> Expression:
    """a + b + …; a single term is itself."""
    return terms[0] if len(terms) == 1 else Operation("sum", terms)


def subtract(left: Expression, right: Expression) -> Expression:
    """a − b."""
    return Operation("difference", (left, right))


def multiply(left: Expression, right: Expression) -> Expression:
    """a · b."""
    return Operation("product", (left, right))


def divide(above: Expression, below: Expression) -> Expression:
    """a / b."""
    return Operation("quotient", (above, below))


def fraction(above: Expression, below: Expression) -> Expression:
    """a/b as a formula has it: without blanks, or one above the other."""
    return Operation("fraction", (above, below))


def juxtapose(left: Expression, right: Expression) -> Expression:
    """ab: a product without a sign, as of matrices."""
    return Operation("join", (left, right))


def negate(inner: Expression) -> Expression:
    """−a."""
    return Operation("negative", (inner,))


def absolute(inner: Expression) -> Expression:
    """|a|."""
    return Operation("absolute", (inner,))


def square(inner: Expression) -> Expression:
    """a²."""
    return Operation("square", (inner,))


def power(base: Expression, exponent: Expression) -> Expression:
    """a to the power b."""
    return Operation("power", (base, exponent))


def larger(left: Expression, right: Expression) -> Expression:
    """max(a, b)."""
    return Operation("max", (left, right))


def root(inner: Expression) -> Expression:
    """√a."""
    return Operation("root", (inner,))


def function(name: str, inner: Expression) -> Expression:
    """name(a), as exp(a)."""
    return Operation(name, (inner,))


def total(inner: Expression) -> Expression:
    """Σ a, over what stands in a row."""
    return Operation("total", (inner,))


def norm(inner: Expression) -> Expression:
    """‖a‖."""
    return Operation("norm", (inner,))


def manhattan_norm(inner: Expression) -> Expression:
    """‖a‖₁."""
    return Operation("manhattan", (inner,))


def euclidean_norm(inner: Expression) -> Expression:
    """‖a‖₂."""
    return Operation("euclid", (inner,))


def constant(number: int) -> Numeral:
    """A number that is exact, as the 2 in a half."""
    return Numeral(float(number), str(number))


QUERY, KEY = Symbol("q"), Symbol("k")  # one feature of each, in a variant's `term`
PRODUCTS = Symbol("QKᵀ")  # the dot products of all queries and keys
TOTAL = Symbol("Σ")  # the sum of the terms, in a variant's `raw_score`
QUERY_LENGTH, KEY_LENGTH = norm(QUERY), norm(KEY)  # √Σq² and √Σk²


def substitute(expression: Expression, given: Mapping[Expression, Expression]) -> Expression:
    """The expression with each part that is `given` replaced."""
    if expression in given:
        return given[expression]
    if isinstance(expression, Operation):
        return Operation(expression.kind, tuple(substitute(operand, given) for operand in expression.operands))
    return expression


def contains(expression: Expression, part: Expression) -> bool:
    """Whether `part` occurs in the expression."""
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
    "power": math.pow,  # a ValueError where ** would turn complex
    "max": max,
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "cos": math.cos,
    "sin": math.sin,
}


def evaluate(expression: Expression, given: Mapping[Expression, float]) -> float:
    """The number that an expression comes to where its symbols, or parts of it, are `given`; KeyError where one is
    not, and what arithmetic raises where there is no such number."""
    if isinstance(expression, Numeral):
        return expression.value
    if isinstance(expression, Operation) and expression not in given:
        return EVALUATED[expression.kind](*(evaluate(operand, given) for operand in expression.operands))
    return given[expression]
