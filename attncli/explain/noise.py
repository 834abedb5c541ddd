"""Which small numbers are the rounding of larger ones that cancel, and no arithmetic: 0.1·3 − 0.3 is 5.6e-17."""

from __future__ import annotations

import numpy as np

from attncli.explain.evaluation import exact
from attncli.explain.rounding import NOISE, is_exact
from attncli.expressions import (
    KEY,
    KEY_LENGTH,
    QUERY,
    QUERY_LENGTH,
    TOTAL,
    Expression,
    Numeral,
    Operation,
    add,
    constant,
    multiply,
    substitute,
)
from attncli.variants import Variant

INVISIBLE = 1e-9  # a difference below it changes no weight that a page shows


def is_suspect(value: float) -> bool:
    """Whether the number is so small that it may be rounding alone."""
    return 0 < abs(value) <= INVISIBLE


def settled(value: float, work: Expression) -> float:
    """`value`, or 0 where it is nothing but the rounding of larger numbers that cancel in `work`.

    0.1·3 − 0.3 is 5.6e-17 in a float64. What short decimals come to, 1 + 1e-15 − 1, is no rounding."""
    if not is_suspect(value) or abs(value) > NOISE * sized(work):
        return value
    fraction = exact(_decimal(work))
    return float(fraction) if fraction is not None and _is_short(work) else 0.0


def sized(expression: Expression) -> float:
    """How large the numbers are that are added up: the expression without its minus signs."""
    if isinstance(expression, Numeral):
        return abs(expression.value)
    if not isinstance(expression, Operation):
        return 0.0
    sizes = [sized(operand) for operand in expression.operands]
    if expression.kind in ("sum", "difference"):
        return sum(sizes)
    if expression.kind == "quotient":
        return sizes[0] / sizes[1] if sizes[1] else 0.0
    return sizes[0] * (sizes[-1] if expression.kind in ("product", "square") else 1)


def _decimal(expression: Expression) -> Expression:
    """The expression with each number as short as it can be said."""
    if isinstance(expression, Numeral):
        return Numeral(expression.value, _shortest(expression.value))
    if isinstance(expression, Operation):
        return Operation(expression.kind, tuple(map(_decimal, expression.operands)))
    return expression


def _shortest(value: float) -> str:
    text = f"{value:.12g}"
    return text if is_exact(text, value) and not float(value).is_integer() else repr(value)


def _is_short(expression: Expression) -> bool:
    """Whether each number of it is a decimal of a dozen digits, or whole."""
    if isinstance(expression, Numeral):
        value = float(expression.value)
        return value.is_integer() or is_exact(f"{value:.12g}", value)
    return not isinstance(expression, Operation) or all(map(_is_short, expression.operands))


def settled_score(raw: float, variant: Variant, query: np.ndarray, key: np.ndarray) -> float:
    """A raw score, `settled`."""
    if not is_suspect(raw) or variant.term is None:
        return raw
    pairs = zip(query, key, strict=True)
    terms = [substitute(variant.term, {QUERY: numeral(q), KEY: numeral(k)}) for q, k in pairs]
    lengths: dict[Expression, Expression] = {QUERY_LENGTH: constant(1), KEY_LENGTH: constant(1)}
    if variant.prepare is not None:  # the lengths divide what cancels
        with np.errstate(all="ignore"):
            lengths = {QUERY_LENGTH: numeral(np.linalg.norm(query)), KEY_LENGTH: numeral(np.linalg.norm(key))}
    return settled(raw, substitute(variant.raw_score, {TOTAL: add(*terms), **lengths}))


def settled_average(output: float, weights: np.ndarray, values: np.ndarray) -> float:
    """A number of the output, `settled`: weights and values (m,)."""
    if not is_suspect(output):
        return output
    return settled(output, add(*(multiply(numeral(w), numeral(v)) for w, v in zip(weights, values, strict=True) if w)))


def numeral(value: float | np.floating) -> Numeral:
    """A number that is not printed."""
    return Numeral(float(value), repr(float(value)))
