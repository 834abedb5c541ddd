"""The formula of a problem, softmax(QKᵀ/√d_k)V, and its scale in words, for all commands."""

from __future__ import annotations

import re

from attncli.expressions import (
    Expression,
    Numeral,
    Operation,
    Symbol,
    constant,
    divide,
    fraction,
    function,
    juxtapose,
    multiply,
    root,
)
from attncli.patterns import pattern
from attncli.problem.problem import Problem
from attncli.records import record

ROOT = pattern(r"1/sqrt\((?:dk|d_k)\)")
RECIPROCAL = pattern(r"1/(?:dk|d_k)")
WIDTH = Symbol("d", "k")
HEAD_SCALE = Symbol("s", "h")  # of head h


@record
class Factor:
    """What the raw scores are multiplied by, or divided by if `divides`: the `symbol` as written, and its `value`. A
    factor of 1 has no symbol."""

    symbol: Expression | None
    value: float
    divides: bool = False

    @property
    def is_plain(self) -> bool:
        """Return whether the symbol is the number itself, so that its value need not be stated."""
        return self.symbol is None or isinstance(self.symbol, Numeral)


def find_factor(problem: Problem) -> Factor:
    """Return the factor in force, as the user or the variant writes it."""
    text = problem.scale_text
    if problem.variant.is_constant:
        return Factor(None, 1.0)
    if problem.head_scales is not None:
        return Factor(HEAD_SCALE, problem.scale)
    if problem.length_scale is not None:
        return Factor(Symbol(problem.variant.length_symbol), problem.length_scale, divides=True)
    if ROOT.fullmatch(text):
        return Factor(root(WIDTH), problem.d_k**0.5, divides=True)
    if RECIPROCAL.fullmatch(text):
        return Factor(WIDTH, float(problem.d_k), divides=True)
    if problem.scale == 1:
        return Factor(None, 1.0)
    try:
        return Factor(Numeral(float(text), text), problem.scale)
    except ValueError:
        return Factor(Symbol(tidy_scale(text)), problem.scale)


def tidy_scale(text: str) -> str:
    """Return the text of a scale for display: √d_k for sqrt(dk)."""
    return re.sub(r"\bdk\b", "d_k", re.sub(r"sqrt\((?:dk|d_k)\)", "√d_k", text))


def scale_expression(problem: Problem) -> Expression:
    """Return the scale as an expression: 1 / √d_k, or the number."""
    factor = find_factor(problem)
    if factor.symbol is None:
        return constant(1)
    return divide(constant(1), factor.symbol) if factor.divides else factor.symbol


def attention_formula(problem: Problem) -> Expression:
    """Return softmax(QKᵀ/√d_k)V with the scale in force, or only the weights if there are no values."""
    inside, factor = problem.variant.similarity, find_factor(problem)
    if factor.symbol is not None and not factor.divides:
        inside = multiply(inside, factor.symbol)
    elif factor.symbol is not None and isinstance(inside, Operation) and inside.kind == "fraction":
        above, below = inside.operands
        inside = fraction(above, juxtapose(below, factor.symbol))
    elif factor.symbol is not None:
        inside = fraction(inside, factor.symbol)
    weights = inside if problem.normalizer.name == "none" else function(problem.normalizer.name, inside)
    return weights if problem.values is None else juxtapose(weights, Symbol("V"))


def named_value(problem: Problem) -> tuple[Expression, str, Numeral] | None:
    """Return √d_k ≈ 1.41421 as the symbol in the formula, a sign, and its value, or None if the formula contains the
    value."""
    factor = find_factor(problem)
    if factor.is_plain or factor.symbol in (None, HEAD_SCALE):
        return None
    text = f"{factor.value:.6g}"
    symbol = Symbol("ℓ") if problem.length_scale is not None else factor.symbol
    assert symbol is not None
    return symbol, "=" if float(text) == factor.value else "≈", Numeral(factor.value, text)


def describe_scale(problem: Problem) -> str:
    """Return how the raw scores are scaled, in words: "divided by √d_k ≈ 1.41421", "times 0.5"."""
    if problem.variant.is_constant:
        return ""
    factor = find_factor(problem)
    if factor.symbol is None:
        return "unscaled"
    symbol = "√d_k" if isinstance(factor.symbol, Operation) else _text(factor.symbol)
    words = f"{'divided by' if factor.divides else 'times'} {symbol}"
    named = named_value(problem)
    if named is None:
        return words
    _, sign, value = named
    if symbol == "ℓ²":
        return f"{words}, ℓ {sign} {value.text}"
    return f"{words} {sign} {value.text}"


def _text(symbol: Expression) -> str:
    if isinstance(symbol, Numeral):
        return symbol.text
    assert isinstance(symbol, Symbol)
    return f"{symbol.name}_{symbol.index}" if symbol.index else symbol.name
