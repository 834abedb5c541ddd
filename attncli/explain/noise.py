"""Recognizing small numbers that are only rounding errors of larger ones that cancel: 0.1·3 − 0.3 is 5.6e-17."""

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

INVISIBLE = 1e-9  # a smaller difference changes no weight on a page


def is_suspect(value: float) -> bool:
    """Return whether the number is so small that it may be only a rounding error."""
    return 0 < abs(value) <= INVISIBLE


def settled(value: float, work: Expression) -> float:
    """Return `value`, or 0 if it is only the rounding error of larger numbers that cancel in `work`.

    0.1·3 − 0.3 is 5.6e-17 in float64. Results of short decimals, such as 1 + 1e-15 − 1, are not rounding errors.
    """
    if not is_suspect(value) or abs(value) > NOISE * sized(work):
        return value
    fraction = exact(_decimal(work))
    return float(fraction) if fraction is not None and _is_short(work) else 0.0


def sized(expression: Expression) -> float:
    """Return the size of the terms: the expression without its minus signs."""
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
    """Return the expression with each number as its shortest decimal."""
    if isinstance(expression, Numeral):
        return Numeral(expression.value, _shortest(expression.value))
    if isinstance(expression, Operation):
        return Operation(expression.kind, tuple(map(_decimal, expression.operands)))
    return expression


def _shortest(value: float) -> str:
    text = f"{value:.12g}"
    return text if is_exact(text, value) and not float(value).is_integer() else repr(value)


def _is_short(expression: Expression) -> bool:
    """Return whether each number in the expression is whole or a decimal of at most a dozen digits."""
    if isinstance(expression, Numeral):
        value = float(expression.value)
        return value.is_integer() or is_exact(f"{value:.12g}", value)
    return not isinstance(expression, Operation) or all(map(_is_short, expression.operands))


def settled_score(raw: float, variant: Variant, query: np.ndarray, key: np.ndarray) -> float:
    """Return a raw score, `settled`."""
    if not is_suspect(raw) or variant.term is None:
        return raw
    pairs = enumerate(zip(query, key, strict=True))
    terms = [
        substitute(variant.term, {**variant.weight_of(c), QUERY: numeral(q), KEY: numeral(k)}) for c, (q, k) in pairs
    ]
    lengths: dict[Expression, Expression] = {QUERY_LENGTH: constant(1), KEY_LENGTH: constant(1)}
    if variant.prepare is not None:  # after division by the lengths
        with np.errstate(all="ignore"):
            lengths = {QUERY_LENGTH: numeral(np.linalg.norm(query)), KEY_LENGTH: numeral(np.linalg.norm(key))}
    return settled(raw, substitute(variant.raw_score, {TOTAL: add(*terms), **lengths}))


def settled_average(output: float, weights: np.ndarray, values: np.ndarray) -> float:
    """Return a number of the output, `settled`, from weights and values (m,)."""
    if not is_suspect(output):
        return output
    return settled(output, add(*(multiply(numeral(w), numeral(v)) for w, v in zip(weights, values, strict=True) if w)))


def numeral(value: float | np.floating) -> Numeral:
    """Return a number that is not printed."""
    return Numeral(float(value), repr(float(value)))
