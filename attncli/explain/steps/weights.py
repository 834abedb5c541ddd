"""The steps from query and keys to the weights, each with its arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from attncli.explain.evaluation import FLOATING
from attncli.explain.noise import settled
from attncli.explain.numbers import Numbers
from attncli.explain.page import Equation, Line, Step
from attncli.explain.rounding import Figures, pick_ends, write_minus
from attncli.explain.steps.scale import scale_equation
from attncli.expressions import (
    KEY,
    KEY_LENGTH,
    QUERY,
    QUERY_LENGTH,
    TOTAL,
    Expression,
    Numeral,
    Operation,
    Rest,
    Symbol,
    add,
    constant,
    contains,
    divide,
    function,
    multiply,
    root,
    square,
    substitute,
    subtract,
    total,
)
from attncli.variants import FEATURE_WEIGHT, Variant

FEATURES_AT_MOST = 16


def key_lines(numbers: Numbers, line: Callable[[int], Line], *, gaps: bool = False) -> tuple[Line, ...]:
    """Return `line(j)` for each key that is shown. With `gaps`, there is a line for each gap between them."""
    lines: list[Line] = []
    before = -1
    for j in numbers.shown:
        if gaps and j != before + 1:
            lines.append(Line("", left_out=j - before - 1))
        lines.append(line(j))
        before = j
    return tuple(lines)


def key_sum(numbers: Numbers, figures: Figures, amounts: np.ndarray) -> Expression:
    """Return a_0 + a_1 + … over all keys. Those not shown are one number, so that the sum is right."""
    shown = [figures.number(float(amounts[j])) for j in numbers.shown]
    hidden = len(amounts) - len(shown)
    if not hidden:
        return add(*shown)
    return add(*shown, Rest(hidden, figures.number(sum_of_others(amounts, numbers.shown))))


# raw scores


def raw_step(numbers: Numbers, figures: Figures) -> Step:
    """Return the step with every product (or difference) of query and key, and the raw scores."""
    variant = numbers.problem.variant
    symbolic = variant.raw_score
    if variant.term is not None:
        symbolic = substitute(symbolic, {TOTAL: total(variant.term)})
    lines = key_lines(numbers, lambda j: raw_line(numbers, figures, j))
    if contains(variant.raw_score, QUERY_LENGTH):
        lines = (*length_lines(numbers, figures), *lines)
    if variant.term is None:
        lines = ()
    return Step(
        "raw",
        "Compare the query with every key",
        Equation((Symbol("raw score"), symbolic), ("=",)),
        (f"Each key gets one number, its raw score: {variant.reading}.",),
        lines,
    )


def raw_line(numbers: Numbers, figures: Figures, j: int) -> Line:
    """Return the line with a key's raw score, or with the reason if a length is 0 and there is no arithmetic."""
    name = numbers.names.key(j)
    divides = contains(numbers.problem.variant.raw_score, KEY_LENGTH)
    if divides and not (numbers.query.any() and numbers.keys[j].any()):
        whose = "the query" if not numbers.query.any() else "the key"
        why = f"{whose} has length 0 and points nowhere: the cosine is taken as 0"
        return Line(name, figures.equation(constant(0)), why)
    return Line(name, raw_equation(numbers, figures, j))


def length_lines(numbers: Numbers, figures: Figures) -> tuple[Line, ...]:
    """Return lines with the Euclidean lengths of the query and of each key."""

    def line(j: int) -> Line:
        return Line(numbers.names.key(j), length_equation(numbers.keys[j], KEY_LENGTH, figures))

    return (
        Line(numbers.names.query(numbers.row), length_equation(numbers.query, QUERY_LENGTH, figures)),
        *key_lines(numbers, line),
    )


def raw_equation(numbers: Numbers, figures: Figures, j: int) -> Equation:
    """Return the arithmetic of the variant with the numbers of this key."""
    variant = numbers.problem.variant
    query, key = numbers.query, numbers.keys[j]
    if variant.term is None:
        return figures.equation(variant.raw_score)
    lengths: dict[Expression, Expression] = {}
    if contains(variant.raw_score, KEY_LENGTH):
        lengths = {QUERY_LENGTH: figures.factor(_length(query)), KEY_LENGTH: figures.factor(_length(key))}
    written: list[Expression] = []
    worked: list[Expression] = []
    kept = pick_ends(len(query), FEATURES_AT_MOST)
    values = term_values(variant, query, key)
    for c in kept:
        numbers_of: dict[Expression, Expression] = {QUERY: figures.number(query[c]), KEY: figures.number(key[c])}
        term = substitute(variant.term, {**variant.weight_of(c), **numbers_of})
        written.append(term)
        worked.append(figures.number(settled(float(values[c]), term)))
    if len(kept) < len(query):
        rest = Rest(len(query) - len(kept), figures.number(sum_of_others(values, kept)))
        written, worked = [*written, rest], [*worked, rest]

    def with_total(expression: Expression) -> Expression:
        return fold_sign(substitute(variant.raw_score, {TOTAL: expression, **lengths}))

    sides = [with_total(add(*written)), with_total(add(*worked))]
    if variant.raw_score != TOTAL and len(worked) > 1:
        sides.append(with_total(figures.number(float(values.sum()))))
    return figures.equation(*sides, figures.number(numbers.raw[j]))


def sum_of_others(values: np.ndarray, kept: list[int]) -> float:
    """Return the sum of all values that are not kept."""
    is_hidden = np.ones(len(values), np.bool_)
    is_hidden[kept] = False
    with np.errstate(all="ignore"):
        return float(values[is_hidden].sum())


def fold_sign(expression: Expression) -> Expression:
    """Return −(3) as the number −3, and −(0) as 0."""
    if not isinstance(expression, Operation):
        return expression
    operands = tuple(fold_sign(operand) for operand in expression.operands)
    inner = operands[0]
    if expression.kind == "negative" and isinstance(inner, Numeral) and inner.text[:1] not in ("-", "n"):
        return inner if inner.value == 0 else Numeral(-inner.value, f"-{inner.text}")
    return Operation(expression.kind, operands)


def term_values(variant: Variant, query: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Return the contribution of each feature, evaluated at once because rows may be long and only a few features are
    shown."""
    assert variant.term is not None
    rows: dict[Expression, np.ndarray] = {QUERY: query.astype(np.float64), KEY: key.astype(np.float64)}
    if variant.weights is not None:
        rows[FEATURE_WEIGHT] = np.array(variant.weights)
    with np.errstate(all="ignore"):
        values: np.ndarray = evaluate_features(variant.term, rows)
    return values


def evaluate_features(expression: Expression, rows: dict[Expression, np.ndarray] | None = None) -> Any:
    """Return the expression in floating point, for every feature."""
    if rows is not None and expression in rows:
        return rows[expression]
    if isinstance(expression, Numeral):
        return expression.value
    assert isinstance(expression, Operation)
    return OF_ARRAYS[expression.kind]([evaluate_features(operand, rows) for operand in expression.operands])


OF_ARRAYS: dict[str, Callable[[list[Any]], Any]] = {
    **FLOATING,
    "root": lambda operands: operands[0] ** 0.5,
    "tanh": lambda operands: np.tanh(operands[0]),
}


def _length(row: np.ndarray) -> float:
    """Return the length of a row, without overflow or underflow of the squares."""
    return math.hypot(*row)


def length_equation(row: np.ndarray, symbol: Expression, figures: Figures) -> Equation:
    """Return ‖q‖ = √(q₀² + q₁² + …)."""
    cells = [float(cell) for cell in row]
    kept = pick_ends(len(cells), FEATURES_AT_MOST)
    terms: list[Expression] = [square(figures.number(cells[c])) for c in kept]
    if len(kept) < len(cells):
        terms.append(Rest(len(cells) - len(kept), figures.number(sum_of_others(np.square(row), kept))))
    chain = figures.equation(root(add(*terms)), figures.factor(_length(row)))
    return Equation((symbol, *chain.sides), ("=", *chain.signs))


# scale, softcap, bias


def score_step(numbers: Numbers, figures: Figures) -> Step:
    """Return the step from raw scores to scores: scale, softcap and bias, in the order of the conventions."""
    problem = numbers.problem
    extras = [*(["cap them"] if problem.softcap is not None else [])]
    extras += ["subtract the distance"] if numbers.slope is not None else []
    extras += ["add the bias"] if numbers.bias is not None else []
    title = " and ".join(filter(None, (", ".join(["Scale the scores", *extras[:-1]]), *extras[-1:])))
    words = [*scale_words(numbers)]
    if problem.softcap is not None:
        words.append(
            f"The softcap {problem.softcap:g}·tanh(score/{problem.softcap:g}) keeps every score "
            f"between −{problem.softcap:g} and {problem.softcap:g}."
        )
    if numbers.slope is not None:
        slope = write_minus(f"{numbers.slope:g}")
        words.append(f"ALiBi takes {slope} times the distance between the positions of query and key from the score.")
    if numbers.bias is not None:
        words.append("The bias is added to the score.")
    if not extras and (problem.variant.is_constant or problem.scale == 1):
        return Step("scores", title, None, ("The scale is 1: the scores are the raw scores.",))
    lines = key_lines(numbers, lambda j: Line(numbers.names.key(j), score_equation(numbers, figures, j)))
    return Step("scores", title, scale_equation(problem, figures), tuple(words), lines)


def scale_words(numbers: Numbers) -> list[str]:
    """Return what the scale is for, if that applies to this scale."""
    problem = numbers.problem
    if problem.scale_text == "1/sqrt(dk)" and problem.variant.is_product:
        return [
            "Each raw score is multiplied by the scale. The more features a score adds up, the larger it tends to "
            "be; dividing by √d_k, the root of their number, takes that out again."
        ]
    if problem.length_scale is not None:
        return [
            f"Each raw score is multiplied by the scale. The length ℓ = {problem.length_scale:g} says what counts as "
            "far: with a larger ℓ, distant keys count more."
        ]
    if problem.scale == 1:
        return ["The scale is 1, so it changes nothing."]
    return ["Each raw score is multiplied by the scale: the larger it is, the more the differences between keys count."]


def score_equation(numbers: Numbers, figures: Figures, j: int) -> Equation:
    """Return raw · scale, then softcap and bias. Each side is the whole calculation, one step further than the side
    before it."""
    problem = numbers.problem
    stages: list[tuple[Callable[[Expression], Expression], Callable[[float], float]]] = []
    if problem.softcap is not None:
        cap, limit = problem.softcap, figures.number(problem.softcap)
        stages.append((lambda inner: multiply(limit, function("tanh", divide(inner, limit))), lambda x: capped(x, cap)))
    added: list[tuple[Callable[[Expression], Expression], Callable[[float], float]]] = []
    if numbers.slope is not None:
        slope, distance = numbers.slope, float(numbers.distances[j])
        product = multiply(figures.factor(slope), figures.number(distance))
        added.append((lambda inner: subtract(inner, product), lambda x: x - slope * distance))
    if numbers.bias is not None and numbers.bias[j] != -math.inf:
        bias = float(numbers.bias[j])
        added.append((lambda inner: add(inner, figures.number(bias)), lambda x: x + bias))
    stages = [*added, *stages] if problem.conventions.softcap_after_bias else [*stages, *added]
    value = float(numbers.scaled[j])
    starts: list[Expression] = [figures.number(value)]
    for _, worked in stages[:-1]:
        value = worked(value)
        starts.append(figures.number(value))
    sides = []
    for place, start in enumerate(starts):
        for write, _ in stages[place:]:
            start = write(start)
        sides.append(start)
    if problem.scale != 1:
        written: Expression = multiply(figures.number(numbers.raw[j]), figures.factor(problem.scale))
        for write, _ in stages:
            written = write(written)
        sides.insert(0, written)
    return figures.equation(*sides, figures.number(numbers.unmasked[j]))


def capped(value: float, limit: float) -> float:
    """Return limit · tanh(value / limit)."""
    return limit * math.tanh(value / limit)


# the softmax


def exponential_step(numbers: Numbers, figures: Figures) -> Step:
    """Return the step that subtracts the largest score, and takes the exponentials and their sum."""
    largest = figures.number(numbers.shift)
    holders = [numbers.names.key(j) for j in numbers.shown if numbers.counted[j] and numbers.scores[j] == numbers.shift]
    holders += ["the sink"] if numbers.sink == numbers.shift else []
    note = f"of {holders[0]}" if len(holders) == 1 else ""
    words = []
    if numbers.problem.top_k is not None:
        count = numbers.problem.top_k
        most = "largest score takes" if count == 1 else f"{count} largest scores take"
        words.append(f"Only the {most} part; of equal ones the first.")
    sink: tuple[Line, ...] = ()
    if numbers.sink is not None:
        words.append(f"The sink, a logit of {write_minus(f'{numbers.sink:g}')} that has no value, joins the sum.")
        logit, power = figures.number(numbers.sink), figures.number(numbers.sink_power)
        shifted_sink = figures.number(numbers.sink - numbers.shift)
        chain = (function("exp", subtract(logit, largest)), function("exp", shifted_sink))
        sink = (Line("sink", figures.equation(*chain, power)),)

    def line(j: int) -> Line:
        name = numbers.names.key(j)
        if not numbers.counted[j]:
            why = f"not among the {numbers.problem.top_k} largest" if numbers.allowed[j] else "masked"
            return Line(name, figures.equation(function("exp", Numeral(-math.inf, "-inf")), constant(0)), why)
        power = figures.number(numbers.exponentials[j])
        return Line(name, power_equation(float(numbers.scores[j]), numbers.shift, power, figures))

    return Step(
        "exp",
        "Turn scores into positive numbers: exponentials",
        Equation((Symbol("e"), function("exp", subtract(Symbol("score"), Symbol("largest score")))), ("=",)),
        (
            "The exponential makes every score positive and stretches the differences: a score that is 1 higher "
            "counts 2.718 times as much.",
            "The largest score is subtracted first. That changes no weight, as it divides all exponentials by the "
            "same number, but it keeps them from overflowing: the largest becomes exp(0) = 1.",
            *words,
        ),
        (
            Line("largest score", Equation((largest,), ()), note),
            *key_lines(numbers, line),
            *sink,
            Line(
                "sum",
                figures.equation(sum_of_powers(numbers, figures), figures.number(numbers.total)),
                is_sum=True,
            ),
        ),
    )


def power_equation(score: float, largest: float, power: Numeral, figures: Figures) -> Equation:
    """Return exp(score − largest) = exp(difference) = power."""
    difference = subtract(figures.number(score), figures.number(largest))
    shifted = figures.number(settled(score - largest, difference))
    return figures.equation(function("exp", difference), function("exp", shifted), power)


def sum_of_powers(numbers: Numbers, figures: Figures) -> Expression:
    """Return the sum of the exponentials of all keys, and of the sink."""
    keys = key_sum(numbers, figures, numbers.exponentials)
    return keys if numbers.sink is None else add(keys, figures.number(numbers.sink_power))


def weight_step(numbers: Numbers, figures: Figures) -> Step:
    """Return the step with each exponential over their sum."""
    top = float(numbers.weights.max())

    def line(j: int) -> Line:
        weight = float(numbers.weights[j])
        share_of_sum = divide(figures.number(numbers.exponentials[j]), figures.number(numbers.total))
        note = "" if numbers.allowed[j] else "masked"
        if numbers.kept is not None:
            kept = constant(1) if numbers.kept[j] else constant(0)
            rest = figures.factor(1 - numbers.problem.dropout)
            share_of_sum = divide(multiply(share_of_sum, kept), rest)
            note = note or ("" if numbers.kept[j] else "dropped")
        sides = (share_of_sum, figures.number(weight))
        is_top = weight == top and not bool((numbers.weights[numbers.allowed] == top).all())
        share = weight if np.isfinite(weight) else None
        return Line(numbers.names.key(j), figures.equation(*sides), note, share=share, is_top=is_top)

    shares = key_sum(numbers, figures, numbers.weights)
    whole_sum = figures.equation(shares, figures.number(float(numbers.weights.sum())))
    return Step(
        "weights",
        "Divide by the sum: the weights",
        Equation((Symbol("weight"), divide(Symbol("e"), Symbol("sum of all e"))), ("=",)),
        weight_words(numbers),
        (*key_lines(numbers, line), Line("sum", whole_sum, is_sum=True)),
    )


def weight_words(numbers: Numbers) -> tuple[str, ...]:
    """Return what the weights are, and what they sum to."""
    share = "A weight is the share of the query's attention that a key gets: none is negative"
    if numbers.kept is not None:
        dropped = f"Dropout takes some weights away, and the others are divided by 1 − {numbers.problem.dropout:g}."
        return (f"{share}.", dropped)
    if numbers.sink is not None:
        return (f"{share}; the sink keeps the rest, so that together they are less than 1.",)
    return (f"{share}, and together they are 1.",)
