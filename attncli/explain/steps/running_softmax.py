"""The softmax once more, as kernels compute it: some keys at a time, with sums so far that are rescaled (Milakov and
Gimelshein 2018; FlashAttention)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from attncli.explain.numbers import Numbers
from attncli.explain.page import Equation, Line, Step
from attncli.explain.rounding import Figures, pick_ends
from attncli.explain.steps.output import COLUMNS_AT_MOST, column_name
from attncli.explain.steps.weights import power_equation
from attncli.expressions import Expression, Rest, Symbol, add, divide, multiply, total
from attncli.matrix import Array
from attncli.records import record

BLOCKS_AT_MOST = 12


@record
class SoFar:
    """What a kernel keeps of the keys that it has seen: the largest score, the sum of the exponentials relative to it,
    and the values (d_v,) times them, added up."""

    largest: float
    total: float
    gathered: Array

    def factor(self, largest: float) -> float:
        """Return what the sums are multiplied by to be relative to a new largest score."""
        return 1.0 if largest == self.largest else math.exp(self.largest - largest)


@record
class Attended:
    """What takes part in a block: a key, or the sink, which has no value. `power` is exp(score − largest so far)."""

    name: str
    score: float
    power: float
    value: Array | None
    is_shown: bool


@record
class KeyBlock:
    """Some keys, or the sink, and what is kept before and after it."""

    title: str
    entries: tuple[Attended, ...]
    before: SoFar
    after: SoFar

    @property
    def factor(self) -> float:
        """Return what the sums before it are multiplied by."""
        return self.before.factor(self.after.largest)


def running_steps(numbers: Numbers, figures: Figures, size: int) -> list[Step]:
    """Return a step for each block of `size` keys, one for the sink, and the division at the end."""
    blocks = key_blocks(numbers, size)
    kept = pick_ends(len(blocks), BLOCKS_AT_MOST)
    steps = [block_step(blocks[place], numbers, figures) for place in kept]
    steps[0] = replace(steps[0], words=(first_words(numbers, size), *steps[0].words))
    if len(kept) < len(blocks):
        left_out = f"{len(blocks) - len(kept):,} of {len(blocks):,} blocks are left out: they go on in the same way."
        place = next(i for i in range(1, len(kept)) if kept[i] != kept[i - 1] + 1)
        steps[place] = replace(steps[place], words=(left_out, *steps[place].words))
    if numbers.values is not None and numbers.output is not None:
        steps.append(last_step(blocks[-1].after, numbers, figures))
    return steps


def key_blocks(numbers: Numbers, size: int) -> list[KeyBlock]:
    """Return the blocks of keys in their order, and the sink at the end, each with the sums before and after it."""
    count, columns = len(numbers.scores), 0 if numbers.values is None else numbers.values.shape[1]
    blocks: list[KeyBlock] = []
    shown = set(numbers.shown)
    so_far = SoFar(-math.inf, 0.0, np.zeros(columns))
    for start in range(0, count, size):
        keys = range(start, min(start + size, count))
        names = [numbers.names.key(keys[0]), *([numbers.names.key(keys[-1])] if len(keys) > 1 else [])]
        title = (
            f"Block {start // size + 1} of {-(-count // size)}: {(' and ' if len(keys) == 2 else ' to ').join(names)}"
        )
        scores = {j: float(numbers.scores[j]) for j in keys if numbers.counted[j]}
        largest = max(so_far.largest, *scores.values()) if scores else so_far.largest
        entries = tuple(
            Attended(numbers.names.key(j), score, math.exp(score - largest), value_of(numbers, j), j in shown)
            for j, score in scores.items()
        )
        blocks.append(take_block(title, entries, so_far, largest))
        so_far = blocks[-1].after
    if numbers.sink is not None:
        largest = max(so_far.largest, numbers.sink)
        sink = Attended("sink", numbers.sink, math.exp(numbers.sink - largest), None, True)
        blocks.append(take_block("The sink, which has no value", (sink,), so_far, largest))
    return blocks


def take_block(title: str, entries: tuple[Attended, ...], before: SoFar, largest: float) -> KeyBlock:
    """Return the block with what is kept after it."""
    factor = before.factor(largest)
    gathered = before.gathered * factor
    with np.errstate(all="ignore"):
        for entry in entries:
            if entry.value is not None:
                gathered = gathered + entry.power * entry.value
    total_after = before.total * factor + math.fsum(entry.power for entry in entries)
    return KeyBlock(title, entries, before, SoFar(largest, total_after, gathered))


def value_of(numbers: Numbers, j: int) -> Array | None:
    """Return the value of a key, or None if there is none or dropout takes it away."""
    if numbers.values is None or (numbers.kept is not None and not numbers.kept[j]):
        return None
    value: Array = numbers.values[j].astype(np.float64)
    return value


def first_words(numbers: Numbers, size: int) -> str:
    """Return what is kept from block to block, and why."""
    sums = "the sum of the exponentials"
    if numbers.values is not None:
        sums += ", and the sum of the values times them"
    keys = "one key" if size == 1 else f"{size:,} keys"
    return (
        f"The same once more, as a kernel computes it that holds only {keys} at a time. It keeps the largest score so "
        f"far, {sums}. Where a later block has a larger score, the sums so far are multiplied by exp(largest so far − "
        "new largest): then they are relative to it too."
    )


def block_step(block: KeyBlock, numbers: Numbers, figures: Figures) -> Step:
    """Return the step of one block: its largest score, the factor, the exponentials, and the sums so far."""
    if not block.entries:
        same = Equation((figures.number(block.after.total),), ())
        return Step("block", block.title, None, (), (Line("sum so far", same, "masked: nothing changes", is_sum=True),))
    before, after, is_first = block.before, block.after, not block.before.total
    holders = [entry.name for entry in block.entries if entry.score == after.largest]
    note = f"of {holders[0]}" if len(holders) == 1 and before.largest < after.largest else ""
    lines = [Line("largest so far", Equation((figures.number(after.largest),), ()), note)]
    if not is_first:
        factor = figures.factor(block.factor)
        lines.append(Line("factor", power_equation(before.largest, after.largest, factor, figures)))
    for entry in block.entries:
        if entry.is_shown:
            power = figures.number(entry.power)
            lines.append(Line(entry.name, power_equation(entry.score, after.largest, power, figures)))
    lines.append(Line("sum so far", sum_equation(block, figures), is_sum=True))
    if numbers.values is not None:
        for column in pick_ends(numbers.values.shape[1], COLUMNS_AT_MOST):
            name = column_name(numbers, column).replace("output", "values so far", 1)
            lines.append(Line(name, gathered_equation(block, column, figures), is_sum=True))
    kept = multiply(Symbol("sum so far"), Symbol("factor"))
    formula = None if is_first else Equation((Symbol("new sum"), add(kept, total(Symbol("e")))), ("=",))
    return Step("block", block.title, formula, (), tuple(lines))


def sum_equation(block: KeyBlock, figures: Figures) -> Equation:
    """Return the sum so far: the earlier one times the factor, and the exponentials of this block."""
    terms = kept_terms(block, block.before.total, figures)
    terms += [figures.number(entry.power) for entry in block.entries if entry.is_shown]
    hidden = [entry.power for entry in block.entries if not entry.is_shown]
    if hidden:
        terms.append(Rest(len(hidden), figures.number(math.fsum(hidden))))
    return figures.equation(add(*terms), figures.number(block.after.total))


def gathered_equation(block: KeyBlock, column: int, figures: Figures) -> Equation:
    """Return one column of the values so far: the earlier one times the factor, and this block's values times their
    exponentials."""
    terms = kept_terms(block, float(block.before.gathered[column]), figures)
    parts = [(entry, float(entry.value[column])) for entry in block.entries if entry.value is not None]
    terms += [multiply(figures.number(entry.power), figures.number(cell)) for entry, cell in parts if entry.is_shown]
    hidden = [entry.power * cell for entry, cell in parts if not entry.is_shown]
    if hidden:
        terms.append(Rest(len(hidden), figures.number(math.fsum(hidden))))
    result = figures.number(float(block.after.gathered[column]))
    return figures.equation(add(*terms) if terms else result, result)


def kept_terms(block: KeyBlock, earlier: float, figures: Figures) -> list[Expression]:
    """Return what is kept of an earlier sum, if there is one."""
    if not block.before.total:
        return []
    if block.factor == 1:
        return [figures.number(earlier)]
    return [multiply(figures.number(earlier), figures.factor(block.factor))]


def last_step(so_far: SoFar, numbers: Numbers, figures: Figures) -> Step:
    """Return the step that divides once, when all keys are seen."""
    assert numbers.output is not None
    output = numbers.output
    divisor: Expression = figures.number(so_far.total)
    words = ["Only when all keys are seen is the sum known: one division is left."]
    if numbers.kept is not None:
        divisor = multiply(divisor, figures.factor(1 - numbers.problem.dropout))
        words.append(f"Dropout took no exponential from the sum; it divides by 1 − {numbers.problem.dropout:g} too.")

    def line(column: int) -> Line:
        worked = divide(figures.number(float(so_far.gathered[column])), divisor)
        result = figures.number(float(output[column]))
        return Line(column_name(numbers, column), figures.equation(worked, result), is_sum=True)

    columns = pick_ends(len(output), COLUMNS_AT_MOST)
    formula = Equation((Symbol("output"), divide(Symbol("values so far"), Symbol("sum so far"))), ("=",))
    return Step("block", "At the end: the output", formula, tuple(words), tuple(map(line, columns)))
