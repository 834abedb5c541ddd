"""The result in plain words. Every sentence is chosen by the numbers, so that it is true for them."""

from __future__ import annotations

import numpy as np

from attncli.explain.numbers import Numbers
from attncli.explain.rounding import Figures
from attncli.matrix import Array
from attncli.problem.names import join_names, quote_name
from attncli.results.attention import SAME, Attention, attention_of

NAMED = 4  # keys in a sentence
ROWS = 4096  # values at a time
ENTROPY = "the exponential of the entropy of its weights"
SATURATED = 0.999  # from here on, moving a score by 1 changes the weight by less than 0.002


def summarize(numbers: Numbers, figures: Figures) -> tuple[str, ...]:
    """Return the sentences for one query."""
    if not numbers.has_key:
        return (f"{_who(numbers)} may attend to no key, so no value reaches its output.",)
    if not numbers.is_finite:
        return ("The weights are not numbers, so there is nothing to say about them.",)
    if not numbers.weights.any():
        return (f"All weights of {_who(numbers).replace('The', 'the')} are 0: no value reaches its output.",)
    if not numbers.problem.shares_one:
        j = int(numbers.weights.argmax())
        return (
            f"{_who(numbers)} gives its largest weight, {figures.number(numbers.weights[j]).text}, to "
            f"{_names(numbers, np.array([j]))}.",
        )
    attention = attention_of(numbers.weights, numbers.allowed)
    sentences = [_top_sentence(numbers, attention, figures)]
    if len(attention.allowed) > 1:
        sentences += [_spread_sentence(numbers, attention), _saturation_sentence(numbers, attention)]
    if numbers.values is not None and numbers.output is not None and np.isfinite(numbers.output).all():
        sentences.append(_output_sentence(numbers, attention, figures))
    return tuple(sentence for sentence in sentences if sentence)


def _who(numbers: Numbers) -> str:
    return quote_name(numbers.names.query(numbers.row)) if numbers.names.has_labels("queries") else "The query"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _names(numbers: Numbers, keys: Array) -> str:
    labelled = numbers.names.has_labels("keys")
    first = [numbers.names.key(int(j)) for j in keys[:NAMED]]
    return join_names([quote_name(name) for name in first] if labelled else first, len(keys))


def _top_sentence(numbers: Numbers, attention: Attention, figures: Figures) -> str:
    who, top, allowed = _who(numbers), attention.top, attention.allowed
    weight = figures.number(numbers.weights[top[0]]).text
    if len(allowed) == 1:
        return (
            f"{who} may attend only to {_names(numbers, allowed)}, which therefore gets all of the attention, "
            "whatever the score."
        )
    if len(top) == len(allowed):
        of = "all" if len(allowed) == len(numbers.weights) else f"all {len(allowed)} keys that are left"
        keys = "keys alike" if of == "all" else "alike"
        return f"{who} attends to {of} {keys}: each gets {weight}, so no key stands out."
    if len(top) > 1:
        share = f"{_capital(_names(numbers, top))} tie for the largest weight, {weight} each"
    else:
        share = f"{who} attends most to {_names(numbers, top)}: weight {weight}"
    return f"{share}, {_margin(numbers, attention, figures)}."


def _margin(numbers: Numbers, attention: Attention, figures: Figures) -> str:
    """Return by how much the largest weight exceeds the next."""
    top, second = numbers.weights[attention.top[0]], numbers.weights[attention.next[0]]
    if second == 0:
        return "and nothing measurable is left for the others"
    ratio = float(top / second)
    runner = (
        f"{_names(numbers, attention.next)} ({figures.number(second).text}{' each' if len(attention.next) > 1 else ''})"
    )
    if ratio < 1.05:
        return f"hardly more than the next, {runner}"
    return f"{times_as_much(ratio)} as much as the next, {runner}"


def times_as_much(ratio: float) -> str:
    """Return a ratio in words, rounded so that it stays true: 17 times."""
    if ratio >= 1e6:
        return f"{ratio:.1e} times"
    return f"{ratio:,.1f} times" if ratio < 100 else f"{ratio:,.0f} times"


def _spread_sentence(numbers: Numbers, attention: Attention) -> str:
    allowed = len(attention.allowed)
    of = f"{allowed:,}" if allowed == len(numbers.weights) else f"the {allowed:,} that it may attend to"
    count = _count(attention.effective_keys)
    return f"It spreads its attention as widely as if it attended equally to {count} keys out of {of} ({ENTROPY})."


def _saturation_sentence(numbers: Numbers, attention: Attention) -> str:
    """Return a sentence if one key of several has practically all the weight."""
    if len(attention.top) > 1 or numbers.weights[attention.top[0]] < SATURATED:
        return ""
    return (
        "The softmax is saturated: practically everything goes to one key, and moving the scores a little hardly "
        "changes that."
    )


def _count(number: float) -> str:
    """Return an effective number of keys, with two decimals if they matter."""
    return f"{number:,.2f}" if number < 100 else f"{number:,.0f}"


def _output_sentence(numbers: Numbers, attention: Attention, figures: Figures) -> str:
    assert numbers.values is not None
    assert numbers.output is not None
    sees_all, output = len(attention.allowed) == len(numbers.weights), numbers.output
    values = numbers.values if sees_all else numbers.values[attention.allowed]
    low, high = values.min(axis=0), values.max(axis=0)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return ""
    written = _vector(figures, output)
    size = max(float(np.abs(low).max()), float(np.abs(high).max()), np.finfo(np.float64).tiny)
    if len(values) == 1:
        return f"Its output is therefore that key's value, {written}."
    if (high / size - low / size).max() <= SAME:  # the difference itself can overflow
        return f"These keys all have the same value, so that is the output: {written}."
    distances = _distances(values, output, size)
    nearest = float(distances.min())
    closest = attention.allowed[distances <= nearest + SAME]
    average = (values / size).mean(axis=0) * size
    from_average = float(np.linalg.norm(average / size - output / size))
    plural = "s" if len(closest) > 1 else ""
    whose = f"the value{plural} of {_names(numbers, closest)}"
    if nearest <= SAME:
        return f"The output {written} is {whose}."
    of_all = "of all values" if sees_all else "of the values that it may see"
    if from_average <= SAME:
        return f"The output {written} is the plain average {of_all}."
    if from_average < nearest:
        return (
            f"The output {written} is closer to the plain average {of_all}, {_vector(figures, average)}, than to any "
            f"single value; of those the closest {'are' if len(closest) > 1 else 'is'} {_names(numbers, closest)}'s."
        )
    alike = np.ptp(numbers.values[closest] / size, axis=0).max() <= SAME
    which = f", {_vector(figures, numbers.values[closest[0]])}" if alike else ""
    return f"The output {written} is closest to {whose}{which} ({figures.number(nearest * size).text} away)."


def _distances(rows: Array, point: Array, size: float) -> Array:
    """Return Euclidean distances over `size`, some rows at a time.

    `size` is the largest number: neither the squares nor the distances overflow.
    """
    found = np.empty(len(rows))
    for start in range(0, len(rows), ROWS):
        difference = rows[start : start + ROWS] / size
        difference -= point / size
        found[start : start + ROWS] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return found


def _vector(figures: Figures, values: Array) -> str:
    row = figures.row(values)
    texts = [cell.text.replace("-", "−", 1) if cell.text.startswith("-") else cell.text for cell in row.cells]
    if row.left_out:
        texts.insert(row.gap, "…")
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
