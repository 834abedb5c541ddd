"""From scores to weights with a normalizer other than softmax."""

from __future__ import annotations

import numpy as np

from attncli.explain.numbers import Numbers
from attncli.explain.page import Equation, Line, Step
from attncli.explain.rounding import Figures
from attncli.explain.steps.weights import key_lines, key_sum
from attncli.expressions import Expression, constant, divide, evaluate, larger, multiply, negate, substitute, subtract
from attncli.stages.normalizers import THRESHOLD, Normalizer, find_threshold
from attncli.stages.steps import SCORE, WEIGHT


def normalizer_step(numbers: Numbers, figures: Figures) -> Step:
    """Return the step with each key's weight by the formula of the normalizer, with its numbers."""
    normalizer = numbers.problem.normalizer
    threshold = find_threshold(normalizer, numbers.scores[numbers.counted].tolist())
    top = float(np.abs(numbers.weights).max())

    def line(j: int) -> Line:
        name, weight = numbers.names.key(j), float(numbers.weights[j])
        if not numbers.counted[j]:
            why = f"not among the {numbers.problem.top_k} largest" if numbers.allowed[j] else "masked"
            return Line(name, figures.equation(constant(0)), why, share=0.0)
        written = written_weight(normalizer, figures, float(numbers.scores[j]), threshold)
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
    assert normalizer.weight is not None
    return Step(
        "weights",
        f"Turn scores into weights: {normalizer.name}",
        Equation((WEIGHT, normalizer.weight), ("=",)),
        (f"A weight is {normalizer.explained}.",),
        (*first, *key_lines(numbers, line), Line("sum", whole, is_sum=True)),
    )


def no_exponentials(numbers: Numbers) -> Step:
    """Return the step that stands in place of the exponentials of softmax."""
    words = f"There are none: {numbers.problem.normalizer.name} makes weights of the scores themselves."
    return Step("exp", "Exponentials", None, (words,))


def written_weight(normalizer: Normalizer, figures: Figures, score: float, threshold: float | None) -> Expression:
    """Return the formula of a weight with the numbers of one score, or 0 if the score is not above the threshold."""
    assert normalizer.weight is not None
    given: dict[Expression, Expression] = {negate(SCORE): figures.number(-score), SCORE: figures.number(score)}
    if threshold is not None:
        above = subtract(normalizer.heights, THRESHOLD)
        if evaluate(above, {SCORE: score, THRESHOLD: threshold}) <= 0:
            return constant(0)
        given |= {larger(above, constant(0)): substitute(above, {**given, THRESHOLD: figures.factor(threshold)})}
    return substitute(normalizer.weight, given)
