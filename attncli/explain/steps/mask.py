"""The keys that are masked for one query, and why."""

from __future__ import annotations

import numpy as np

from attncli.explain.numbers import Numbers
from attncli.explain.page import Equation, Line, Step
from attncli.explain.rounding import Figures, write_minus
from attncli.explain.steps.weights import key_lines
from attncli.expressions import Numeral
from attncli.problem.mask_rules import mask_rules
from attncli.problem.names import join_names


def mask_step(numbers: Numbers, figures: Figures) -> Step:
    """Return the step in which the score of a masked key becomes −∞. Its words say which rule masks it."""
    title = "Take away what the query may not see"
    if numbers.allowed.all():
        return Step("masked", title, None, ("Nothing is masked: the query may attend to every key.",))
    reasons = reasons_of(numbers)

    def line(j: int) -> Line:
        name = numbers.names.key(j)
        if numbers.allowed[j]:
            return Line(name, Equation((figures.number(numbers.scores[j]),), ()))
        why = [words for words, hits in reasons.items() if hits[j]]
        return Line(name, Equation((Numeral(-np.inf, "-inf"),), ()), f"masked: {join_names(why)}")

    words = (
        "A masked key's score becomes −∞, because exp(−∞) = 0: it gets no weight, however high its score was.",
        *position_words(numbers),
    )
    return Step("masked", title, None, words, key_lines(numbers, line), tuple(_count_masked(numbers, reasons)))


def position_words(numbers: Numbers) -> list[str]:
    """Return the position of the query among the keys, if it decides what the query sees."""
    visible = numbers.problem.visible
    if not visible.has_order:
        return []
    position = numbers.row + visible.offsets[0]
    offset = visible.offsets[0]
    why = "" if offset == 0 else f", its own number {numbers.row} {'+' if offset > 0 else '−'} {abs(offset)}"
    where = f"position {write_minus(str(position))} among the keys (they are counted from 0){why}"
    return [f"The query stands at {where}."]


def reasons_of(numbers: Numbers) -> dict[str, np.ndarray]:
    """Return the masked keys by rule, in words, for each rule that masks any."""
    rules = mask_rules(numbers.problem, numbers.row)
    return {rule.words: rule.forbids for rule in rules if rule.forbids.any()}


def _count_masked(numbers: Numbers, reasons: dict[str, np.ndarray]) -> list[str]:
    masked, m = int((~numbers.allowed).sum()), len(numbers.allowed)
    if masked == m:
        return ["No key is left."]
    if m <= len(numbers.shown):
        return [f"{_keys(m - masked)} of {m} {'is' if m - masked == 1 else 'are'} left."]
    why = join_names([f"{int(hits.sum()):,} because {words}" for words, hits in reasons.items()])
    return [f"{masked:,} of {m:,} keys are masked: {why}. {m - masked:,} are left."]


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count:,} keys"
