"""From scores to weights by another normalizer than softmax."""

from __future__ import annotations

import numpy as np

from attncli.explain.numbers import Numbers
from attncli.explain.page import Equation, Line, Step
from attncli.explain.rounding import Figures
from attncli.explain.steps.weights import key_lines, key_sum
from attncli.expressions import Expression, Symbol, add, constant, divide, function, multiply, square, subtract


def normalizer_step(numbers: Numbers, figures: Figures) -> Step:
    """Each key's weight by the formula of the normalizer, with its numbers."""
    normalizer = numbers.problem.normalizer
    threshold = threshold_of(numbers)
    top = float(np.abs(numbers.weights).max())

    def line(j: int) -> Line:
        name, weight = numbers.names.key(j), float(numbers.weights[j])
        if not numbers.counted[j]:
            why = f"not among the {numbers.problem.top_k} largest" if numbers.allowed[j] else "masked"
            return Line(name, figures.equation(constant(0)), why, share=0.0)
        written = written_weight(normalizer.name, figures, float(numbers.scores[j]), threshold)
        note = ""
        if numbers.kept is not None:
            written = divide(
                multiply(written, constant(int(numbers.kept[j]))), figures.factor(1 - numbers.problem.dropout)
            )
            note = "" if numbers.kept[j] else "dropped"
        share = weight if 0 <= weight <= 1 else None
        return Line(
            name, figures.equation(written, figures.number(weight)), note, share=share, is_top=weight == top > 0
        )

    first = () if threshold is None else (Line("τ", Equation((figures.factor(threshold),), ())),)
    whole = figures.equation(key_sum(numbers, figures, numbers.weights), figures.number(float(numbers.weights.sum())))
    return Step(
        "weights",
        f"Turn scores into weights: {normalizer.name}",
        Equation((Symbol("weight"), formula(normalizer.name)), ("=",)),
        (f"A weight is {normalizer.explained}.",),
        (*first, *key_lines(numbers, line), Line("sum", whole, is_sum=True)),
    )


def no_exponentials(numbers: Numbers) -> Step:
    """The step that softmax would have here."""
    words = f"There are none: {numbers.problem.normalizer.name} makes weights of the scores themselves."
    return Step("exp", "Exponentials", None, (words,))


def formula(name: str) -> Expression:
    """The weight of a score, as symbols."""
    score, threshold = Symbol("score"), Symbol("τ")
    return {
        "sparsemax": function("max", subtract(score, threshold)),
        "entmax15": square(function("max", subtract(divide(score, constant(2)), threshold))),
        "sigmoid": divide(constant(1), add(constant(1), function("exp", multiply(constant(-1), score)))),
        "tanh": add(constant(1), function("tanh", score)),
        "none": score,
    }[name]


def written_weight(name: str, figures: Figures, score: float, threshold: float | None) -> Expression:
    """The formula with the numbers of one score."""
    number = figures.number(score)
    if name == "sigmoid":
        return divide(constant(1), add(constant(1), function("exp", figures.number(-score))))
    if name == "tanh":
        return add(constant(1), function("tanh", number))
    if name == "none" or threshold is None:
        return number
    height = score if name == "sparsemax" else score / 2
    if height <= threshold:
        return constant(0)
    inner = number if name == "sparsemax" else divide(number, constant(2))
    above = subtract(inner, figures.factor(threshold))
    return above if name == "sparsemax" else square(above)


def threshold_of(numbers: Numbers) -> float | None:
    """τ of sparsemax and entmax15, from the largest weight, which is above it; None for the others."""
    name = numbers.problem.normalizer.name
    if name not in ("sparsemax", "entmax15") or numbers.problem.normalizer.weights is None:
        return None
    scores = np.where(numbers.counted, numbers.scores, -np.inf)
    weights = numbers.problem.normalizer.weights(scores[None])[0]
    j = int(weights.argmax())
    score, weight = float(numbers.scores[j]), float(weights[j])
    return score - weight if name == "sparsemax" else score / 2 - weight**0.5
