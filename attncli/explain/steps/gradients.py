"""The steps of one query's backward pass: the gradients of its weights, its scores, and the query itself."""

from __future__ import annotations

import numpy as np

from attncli.explain.backward import Backward, capped_scores
from attncli.explain.noise import settled_average
from attncli.explain.page import Equation, Line, Step
from attncli.explain.rounding import Figures, pick_ends, write_minus
from attncli.explain.steps.output import COLUMNS_AT_MOST, projected_lines
from attncli.explain.steps.rows_back import row_back_lines
from attncli.explain.steps.weights import key_lines, key_sum, sum_of_others
from attncli.expressions import (
    KEY,
    QUERY,
    Expression,
    Operation,
    Rest,
    Symbol,
    add,
    constant,
    contains,
    divide,
    evaluate,
    function,
    multiply,
    square,
    substitute,
    subtract,
    total,
)
from attncli.problem.names import join_names, quote_name
from attncli.stages.normalizers import SOFTMAX, Normalizer, find_threshold
from attncli.stages.steps import SCORE, WEIGHT

D_OUTPUT, D_WEIGHT, D_SCORE, D_RAW = Symbol("dO"), Symbol("dP"), Symbol("dS"), Symbol("dR")
MEAN = Symbol("mean of dP")
SAME = 1e-12  # gradients (relative to the largest) that differ by less count as equal


def arriving_step(back: Backward, whole: np.ndarray, columns: np.ndarray | None, figures: Figures) -> Step:
    """Return the step for the gradient at this query's output: its row of dO, or that row's product with the `columns`
    (d_v, out) of w_o that belong to this head.

    `whole` is the row of the final output.
    """
    words = ["dO says how much the loss grows with each number of this query's output."]
    lines: list[Line] = []
    if columns is not None:
        words.append("It goes back through w_o: each number of the output before it went to every final one.")
        lines = [Line("final output", Equation((D_OUTPUT, figures.row(whole)), ("=",)))]
        lines += projected_lines(whole, columns.T, None, figures, "output, column")
    lines.append(Line("output", Equation((D_OUTPUT, figures.row(back.arriving)), ("=",)), is_sum=columns is not None))
    return Step(
        "arriving", "What arrives from the loss: the gradient dO at the output", None, tuple(words), tuple(lines)
    )


def d_weight_step(back: Backward, figures: Figures) -> Step:
    """Return the step for dP: the dot product of dO with each value, then back through dropout."""
    numbers, values = back.numbers, back.numbers.values
    assert values is not None

    def line(j: int) -> Line:
        name = numbers.names.key(j)
        if not numbers.counted[j]:
            return Line(name, figures.equation(constant(0)), masked_words(back, j))
        kept = pick_ends(len(back.arriving), COLUMNS_AT_MOST)
        products = back.arriving * values[j]
        written: list[Expression] = [
            multiply(figures.number(back.arriving[c]), figures.number(values[j, c])) for c in kept
        ]
        worked: list[Expression] = [figures.number(products[c]) for c in kept]
        if len(kept) < len(products):
            rest = Rest(len(products) - len(kept), figures.number(sum_of_others(products, kept)))
            written, worked = [*written, rest], [*worked, rest]
        sides = [add(*written), add(*worked), figures.number(back.d_used[j])]
        note = ""
        if numbers.kept is not None:
            share = divide(constant(int(numbers.kept[j])), figures.factor(1 - numbers.problem.dropout))
            sides = [multiply(side, share) for side in sides]
            sides.append(figures.number(back.d_weights[j]))
            note = "" if numbers.kept[j] else "dropped: nothing comes back"
        return Line(name, figures.equation(*sides), note)

    words = ["The loss grows by dO·v with the weight of a key: by how far its value lies in the direction of dO."]
    if numbers.kept is not None:
        words.append(
            "Dropout passes back what it let through: the last factor leads from the gradients of the weights after "
            "dropout, those of the matrix dP, to those before it, and a weight that was dropped gets no gradient."
        )
    formula = Equation((D_WEIGHT, total(multiply(D_OUTPUT, Symbol("v")))), ("=",))
    return Step(
        "d_weights",
        "Compare dO with each value: the gradients dP of the weights",
        formula,
        tuple(words),
        key_lines(numbers, line),
        pull_words(back, figures),
    )


def masked_words(back: Backward, j: int) -> str:
    """Return why this key has no gradient."""
    numbers = back.numbers
    return f"not among the {numbers.problem.top_k} largest" if numbers.allowed[j] else "masked"


def pull_words(back: Backward, figures: Figures) -> tuple[str, ...]:
    """Return a sentence about the key whose value increases the loss most."""
    keys = np.flatnonzero(back.numbers.counted)
    pulls = back.d_weights[keys]
    most, least = int(keys[pulls.argmax()]), int(keys[pulls.argmin()])
    if len(keys) == 1:
        return (f"{_key(back, most)} is the only one: no weight can move to another.",) if is_normed(back) else ()
    size = np.abs(pulls).max()
    if not size or back.d_weights[most] / size - back.d_weights[least] / size <= SAME:
        return ("Every value pulls alike: it makes no difference to the loss which key gets the weight.",)
    high, low = figures.number(back.d_weights[most]).text, figures.number(back.d_weights[least]).text
    moves = ": weight that moves from the first to the second makes the loss smaller" if back.mean is not None else ""
    return (
        f"With the weight of {_key(back, most)} the loss grows fastest ({write_minus(high)}), with that of "
        f"{_key(back, least)} slowest ({write_minus(low)}){moves}.",
    )


def is_normed(back: Backward) -> bool:
    """Return whether the weights of a row have a fixed sum, so that one can grow only if others shrink."""
    return back.problem.normalizer.sums_to_one and back.numbers.sink is None


def d_score_step(back: Backward, figures: Figures) -> Step:
    """Return the step for dS: through the normalizer, with its mean subtracted if it has one."""
    numbers, name = back.numbers, back.problem.normalizer.name
    lines: list[Line] = []
    if back.mean is not None:
        lines.append(Line("mean of dP", mean_equation(back, figures)))

    def line(j: int) -> Line:
        if not numbers.counted[j]:
            return Line(numbers.names.key(j), figures.equation(constant(0)), masked_words(back, j))
        sides = d_score_sides(back, figures, j)
        return Line(numbers.names.key(j), figures.equation(*sides, figures.number(back.d_scores[j])))

    lines += key_lines(numbers, line)
    if back.mean is not None:
        summed = settled_average(float(back.d_scores.sum()), back.d_scores, np.ones(len(back.d_scores)))
        chain = figures.equation(key_sum(numbers, figures, back.d_scores), figures.number(summed))
        lines.append(Line("sum", chain, is_sum=True))
    title = "Go back through the softmax" if name == SOFTMAX.name else f"Go back through {name}"
    return Step(
        "d_scores",
        f"{title}: the gradients dS of the scores",
        Equation((D_SCORE, d_score_formula(back.problem.normalizer)), ("=",)),
        d_score_words(back),
        tuple(lines),
        (*threshold_words(back), *push_words(back)),
    )


def d_score_formula(normalizer: Normalizer) -> Expression:
    """Return dS of a normalizer, as symbols."""
    apart = subtract(D_WEIGHT, MEAN) if normalizer.mean_by else D_WEIGHT
    return times_slope(normalizer.slope, apart)


def times_slope(slope: Expression, gradient: Expression) -> Expression:
    """Return slope · gradient, without a slope of 1."""
    return gradient if slope == constant(1) else multiply(slope, gradient)


def d_score_sides(back: Backward, figures: Figures, j: int) -> list[Expression]:
    """Return the formula with the numbers of one key, and its next step, or nothing for a key whose weight is 0 and
    does not count."""
    normalizer = back.problem.normalizer
    if normalizer.is_divided and not back.weights[j]:
        return []
    gradient = figures.number(back.d_weights[j])
    slope = substitute(normalizer.slope, {WEIGHT: figures.number(back.weights[j])})
    if back.mean is None:
        return [times_slope(slope, gradient), times_slope(figures.number(back.factors[j]), gradient)]
    difference = back.d_scores[j] / back.factors[j] if back.factors[j] else 0.0
    apart = subtract(gradient, figures.number(back.mean))
    return [times_slope(slope, apart), times_slope(slope, figures.number(difference))]


def mean_equation(back: Backward, figures: Figures) -> Equation:
    """Return the equation for the mean of dP, weighted by the slopes of the normalizer and divided by their sum if that
    is not 1."""
    numbers, normalizer = back.numbers, back.problem.normalizer
    assert back.mean is not None
    parts = np.where(numbers.counted, back.factors * back.d_weights, 0.0)
    shown = [j for j in numbers.shown if numbers.counted[j] and (back.weights[j] or not normalizer.is_divided)]
    hidden = len(parts) - len(numbers.shown)

    def summed(terms: list[Expression], amounts: np.ndarray) -> Expression:
        rest = [Rest(hidden, figures.number(sum_of_others(amounts, numbers.shown)))] if hidden else []
        return add(*(terms or [constant(0)]), *rest)

    slopes = [substitute(normalizer.slope, {WEIGHT: figures.number(back.weights[j])}) for j in shown]
    products = [times_slope(slope, figures.number(back.d_weights[j])) for slope, j in zip(slopes, shown, strict=True)]
    above = summed(products, parts)
    if normalizer.is_divided:
        count = constant(int((back.factors > 0).sum())) if normalizer.slope == constant(1) else None
        return figures.equation(divide(above, count or summed(slopes, back.factors)), figures.number(back.mean))
    worked = summed([figures.number(parts[j]) for j in shown], parts)
    return figures.equation(above, worked, figures.number(back.mean))


def d_score_words(back: Backward) -> tuple[str, ...]:
    """Return what the derivative of the normalizer means."""
    normalizer = back.problem.normalizer
    if not normalizer.mean_by:
        if normalizer.slope == constant(1):
            return ("The weights are the scores themselves, so the gradients pass as they are.",)
        return ("Each weight depends only on its own score: its gradient is multiplied by the slope there.",)
    if back.numbers.sink is not None:
        return (
            "A weight grows at the cost of the others and of the sink, which has no value and so pulls with 0: the "
            f"mean of dP {normalizer.mean_by}, the sink's 0 among them, is subtracted, and the gradients of a row need "
            "not add up to 0.",
        )
    return (
        "The weights share one whole: a weight can only grow if the others shrink. What pulls all of them alike, the "
        f"mean of dP {normalizer.mean_by}, moves nothing, so it is subtracted.",
        "So the gradients of a row add up to 0: a number added to all of its scores changes nothing.",
    )


def threshold_words(back: Backward) -> list[str]:
    """Return a sentence if a score is at the corner of sparsemax, or at the threshold of entmax15."""
    numbers, normalizer = back.numbers, back.problem.normalizer
    threshold = find_threshold(normalizer, numbers.scores[numbers.counted].tolist())
    if threshold is None:
        return []
    heights = np.array([evaluate(normalizer.heights, {SCORE: float(score)}) for score in numbers.scores])
    near = 1e-12 * max(1.0, abs(threshold))
    at_corner = numbers.counted & (back.weights <= near) & (np.abs(heights - threshold) <= near)
    if not at_corner.any():
        return []
    keys = join_names([_key(back, int(j)) for j in np.flatnonzero(at_corner)][:4], int(at_corner.sum()))
    return [
        f"The score of {keys} stands exactly at the threshold, where the derivative jumps: that of a key without "
        "weight is taken, 0, as torch takes it."
    ]


def push_words(back: Backward) -> list[str]:
    """Return which scores a step against the gradient raises and lowers."""
    keys = np.flatnonzero(back.numbers.counted)
    pushes = back.d_scores[keys]
    if not pushes.any():
        return ["No score of this row changes the loss."]
    up, down = int(keys[pushes.argmin()]), int(keys[pushes.argmax()])
    effects = []
    if back.d_scores[down] > 0:
        effects.append(f"lowers the score of {_key(back, down)} most")
    if back.d_scores[up] < 0:
        effects.append(
            f"raises that of {_key(back, up)} most" if effects else f"raises the score of {_key(back, up)} most"
        )
    return [f"A step against the gradient {' and '.join(effects)}."]


def d_raw_step(back: Backward, figures: Figures) -> Step:
    """Return the step for dR: through softcap and scale."""
    numbers, problem = back.numbers, back.problem
    has_cap = back.slopes is not None
    title = f"Go back through the {'softcap and the ' if has_cap else ''}scale: the gradients dR of the raw scores"
    words = []
    if problem.bias is not None or problem.slopes is not None:
        added = "bias and alibi are" if problem.bias is not None and problem.slopes is not None else (
            "The bias is" if problem.bias is not None else "ALiBi is"
        )  # fmt: skip
        also = ", so dS is the gradient of the bias too" if problem.bias is not None and not has_cap else ""
        words.append(f"{added[0].upper()}{added[1:]} added to the scores: the gradient passes{also}.")
    if has_cap:
        words.append(
            f"The softcap has the slope 1 − tanh²(score/{problem.softcap:g}): where it has flattened a score, little "
            "comes back."
        )
    if problem.scale == 1 and not has_cap:
        words.append("The scale is 1: the gradients of the raw scores are those of the scores.")
        return Step("d_raw", title, None, tuple(words))
    if problem.scale != 1:
        words.append("What the scale did to each raw score, it does to its gradient.")

    def line(j: int) -> Line:
        name = numbers.names.key(j)
        if not numbers.counted[j]:
            return Line(name, figures.equation(constant(0)), masked_words(back, j))
        side: Expression = figures.number(back.d_scores[j])
        sides = [side]
        if back.slopes is not None and problem.softcap is not None:
            inner = divide(figures.number(capped_scores(numbers)[j]), figures.number(problem.softcap))
            slope = subtract(constant(1), square(function("tanh", inner)))
            sides = [multiply(side, slope), multiply(side, figures.number(back.slopes[j]))]
        if problem.scale != 1:
            sides = [multiply(each, figures.factor(problem.scale)) for each in sides]
        return Line(name, figures.equation(*sides, figures.number(back.d_raw[j])))

    written: Expression = D_SCORE
    if has_cap:
        written = multiply(
            written, subtract(constant(1), square(function("tanh", divide(Symbol("score"), Symbol("C")))))
        )
    if problem.scale != 1:
        written = multiply(written, Symbol("scale"))
    return Step("d_raw", title, Equation((D_RAW, written), ("=",)), tuple(words), key_lines(numbers, line))


def d_query_step(back: Backward, given: np.ndarray, position: int, figures: Figures) -> Step:
    """Return the step for dq: the sum of the contributions of the keys, then back through norm and rope."""
    numbers, problem = back.numbers, back.problem
    slope, title = problem.variant.query_slope, "Add up what the keys do to the query: its gradient dq"
    if slope is None:
        nothing = (Line("dq", Equation((figures.row(back.d_query),), ()), is_sum=True),)
        return Step(
            "d_queries", title, None, ("The raw scores depend on neither query nor key: the gradient is 0.",), nothing
        )
    lines: list[Line] = []
    place = {j: place for place, j in enumerate(numbers.shown)}

    def line(j: int) -> Line:
        row = back.query_slopes[place[j]]
        if not numbers.counted[j]:
            nothing = Equation((figures.row(np.zeros(len(row)), COLUMNS_AT_MOST),), ())
            return Line(numbers.names.key(j), nothing, masked_words(back, j))
        product = multiply(figures.number(back.d_raw[j]), figures.row(row, COLUMNS_AT_MOST))
        result = figures.row(back.d_raw[j] * row, COLUMNS_AT_MOST)
        return Line(numbers.names.key(j), figures.equation(product, result))

    lines += key_lines(numbers, line)
    for c in pick_ends(len(back.d_prepared), COLUMNS_AT_MOST):
        parts = np.array([back.d_raw[j] * back.query_slopes[place[j]][c] for j in numbers.shown])
        counted = [bool(numbers.counted[j]) for j in numbers.shown]
        terms: list[Expression] = [figures.number(part) for part, is_in in zip(parts, counted, strict=True) if is_in]
        hidden = len(numbers.counted) - len(numbers.shown)
        if hidden:
            terms.append(Rest(hidden, figures.number(back.rest[c])))
        result = figures.number(back.d_prepared[c])
        name = f"dq, {numbers.names.feature(c)}" if len(back.d_prepared) > 1 else "dq"
        lines.append(Line(name, figures.equation(add(*terms), result), is_sum=True))
    before, words = row_back_lines(problem, given, numbers.query, position, back.d_prepared, "dq", figures)
    return Step(
        "d_queries",
        title,
        Equation((Symbol("dq"), total(times_raw_gradient(slope))), ("=",)),
        (explain_slope(slope), *words),
        (*lines, *before),
        tie_words(back),
    )


def explain_slope(slope: Expression) -> str:
    """Return what the derivative of a raw score by the query means."""
    if contains(slope, function("sign", subtract(QUERY, KEY))):
        return "A distance grows or shrinks by as much as the query moves, whatever it is: only the direction counts."
    if contains(slope, subtract(KEY, QUERY)):
        return "The raw score falls the faster the farther the query is from the key: the pull is the way to the key."
    if slope == KEY:
        return "Each key moves the query along itself, as far as the gradient of its raw score says."
    return "Each key moves the query as far as the gradient of its raw score and the slope of that score say."


def times_raw_gradient(slope: Expression) -> Expression:
    """Return dR · slope, as a product of all factors of the slope."""
    if isinstance(slope, Operation) and slope.kind == "product":
        first, second = slope.operands
        return multiply(multiply(D_RAW, first), second)
    return multiply(D_RAW, slope)


def tie_words(back: Backward) -> tuple[str, ...]:
    """Return a sentence if |q − k| has a corner at this query."""
    numbers, slope = back.numbers, back.problem.variant.query_slope
    if slope is None or not contains(slope, function("sign", subtract(QUERY, KEY))):
        return ()
    ties = [
        numbers.names.key(j) for j in numbers.shown if numbers.counted[j] and (numbers.keys[j] == numbers.query).any()
    ]
    if not ties:
        return ()
    return (
        f"Query and {join_names(ties[:4], len(ties))} agree in a number: |q − k| has a corner there, and no slope. 0 "
        "is taken, between the slopes of both sides, as torch takes it.",
    )


def _key(back: Backward, j: int) -> str:
    names = back.numbers.names
    return quote_name(names.key(j)) if names.has_labels("keys") else names.key(j)
