"""Gradients summed over all queries: of values and keys, of what heads share, and of the projections."""

from __future__ import annotations

import numpy as np

from attncli.explain.backward import Backward, rows_before
from attncli.explain.grids import show_edges
from attncli.explain.noise import settled_average
from attncli.explain.numbers import KEYS_AT_MOST
from attncli.explain.page import Equation, Line, Step
from attncli.explain.rounding import Figures, pick_ends
from attncli.explain.steps.gradients import times_raw_gradient
from attncli.explain.steps.output import COLUMNS_AT_MOST
from attncli.explain.steps.rows_back import row_back_lines
from attncli.explain.steps.weights import sum_of_others
from attncli.expressions import Expression, Rest, Symbol, add, multiply, total
from attncli.matrix import Array
from attncli.problem.names import Names
from attncli.problem.origins import Projection
from attncli.problem.problem import Problem
from attncli.results.gradients import Gradients
from attncli.stages.steps import WEIGHT

LINES_AT_MOST = 48  # entries of a projection's gradient with their arithmetic
TERMS_AT_MOST = 12
WORKED_ROWS = 4  # keys whose gradient is shown back through rope and norms


def d_values_step(backs: list[Backward], d_values: Array, n: int, figures: Figures) -> Step:
    """Return the step for dv of each key: the sum of the gradients at the outputs times the weights.

    `d_values` (m, d_v) are sums over all n queries, of which `backs` are shown.
    """
    names = backs[0].numbers.names

    def line(j: int) -> Line:
        amounts = np.array([back.used[j] for back in backs])
        rows = np.array([back.arriving for back in backs])
        return _sum_line(names.key(j), amounts, rows, d_values[j], n - len(backs), figures)

    return Step(
        "d_values",
        "Gather what the queries send to each value: its gradient dv",
        Equation((Symbol("dv"), total(multiply(WEIGHT, Symbol("dO")))), ("=",)),
        ("A value receives the gradient of the output of each query, times the weight that the query gives it.",),
        tuple(map(line, show_edges(len(d_values), KEYS_AT_MOST, 4))),
        _queries_left_out(n - len(backs)),
    )


def d_keys_step(backs: list[Backward], keys: Array, given: Array, d_keys: Array, n: int, figures: Figures) -> Step:
    """Return the step for dk of each key: the sum of dR of each query times the slope of the raw score.

    `keys` (m, d_k) are the scored keys and `given` those before norm and rope. `d_keys` (m, d_k) are the gradients of
    the given keys, summed over all n queries.
    """
    problem, names = backs[0].problem, backs[0].numbers.names
    slope, title = problem.variant.key_slope, "Gather what the queries send to each key: its gradient dk"
    shown = show_edges(len(d_keys), KEYS_AT_MOST, 4)
    if slope is None:
        lines = [Line(names.key(j), Equation((figures.row(d_keys[j]),), ())) for j in shown]
        return Step(
            "d_keys", title, None, ("The raw scores do not depend on the keys: the gradient is 0.",), tuple(lines)
        )
    is_changed = problem.is_transformed or problem.variant.prepare_backward is not None
    lines, words = [], ["A key receives a gradient from each query that it was scored against."]
    for place, j in enumerate(shown):
        amounts = np.array([back.d_raw[j] if back.numbers.counted[j] else 0.0 for back in backs])
        slopes = np.array([back.key_slopes[j] for back in backs])
        if is_changed and n > len(backs):
            lines.append(Line(names.key(j), Equation((figures.row(d_keys[j]),), ()), is_sum=True))
            continue
        prepared = _summed(amounts, slopes) if is_changed else d_keys[j]
        lines.append(_sum_line(names.key(j), amounts, slopes, prepared, n - len(backs), figures))
        if not is_changed:
            continue
        if place < WORKED_ROWS:
            more, more_words = row_back_lines(problem, given[j], keys[j], j, prepared, "dk", figures)
            lines += more
            words += [each for each in more_words if each not in words]
        lines.append(
            Line(
                f"{names.key(j)}, dk",
                Equation((figures.row(rows_before(problem, given[j], keys[j], j, prepared)),), ()),
                is_sum=True,
            )
        )
    formula = Equation((Symbol("dk"), total(times_raw_gradient(slope))), ("=",))
    after = () if is_changed and n > len(backs) else _queries_left_out(n - len(backs))
    return Step("d_keys", title, formula, tuple(words), tuple(lines), after)


def _queries_left_out(hidden: int) -> tuple[str, ...]:
    return (f"The last term of each line is what the {hidden:,} other queries send.",) if hidden else ()


def _summed(amounts: Array, rows: Array) -> Array:
    """Return Σ amount · row, (d,) from (k,) and (k, d), with 0 for numbers that are only rounding errors."""
    found = np.where(amounts != 0, amounts, 0.0) @ rows
    return np.array([settled_average(float(cell), amounts, rows[:, c]) for c, cell in enumerate(found)])


def _sum_line(name: str, amounts: Array, rows: Array, whole: Array, hidden: int, figures: Figures) -> Line:
    """Return the line a · [row] + b · [row] + … = [whole], with the sum of the `hidden` queries as a last row."""
    terms: list[Expression] = [
        multiply(figures.number(amount), figures.row(row, COLUMNS_AT_MOST))
        for amount, row in zip(amounts, rows, strict=True)
        if amount
    ]
    found = np.where(amounts != 0, amounts, 0.0) @ rows
    if hidden:
        terms.append(figures.row(whole - found, COLUMNS_AT_MOST))
        result = whole
    else:
        result = _summed(amounts, rows)
    row = figures.row(result, COLUMNS_AT_MOST)
    if not terms:
        return Line(name, Equation((row,), ()), "no query sends anything")
    return Line(name, figures.equation(add(*terms), row))


def shared_steps(problem: Problem, names: Names, sent: dict[str, dict[int, Array]], figures: Figures) -> list[Step]:
    """Return a step for each of queries, keys and values that several parts read: its gradient is the sum over these
    parts.

    `sent` are the gradients of each part (rows, columns), by name and part.
    """
    words = {
        "d_queries": ("Add up what the entries send to the queries that they share: dQ", names.query),
        "d_values": ("Add up what the heads send to the values that they share: dV", names.key),
        "d_keys": ("Add up what the heads send to the keys that they share: dK", names.key),
    }
    steps = []
    for name, (title, row_name) in words.items():
        groups: dict[tuple[int, ...], list[int]] = {}
        for part in sent[name]:
            groups.setdefault(_source_of(problem, name.removeprefix("d_"), part), []).append(part)
        lines: list[Line] = []
        for group, members in groups.items():
            where = f"{'head' if problem.packed else 'entry'} {', '.join(map(str, group))}, " if group else ""
            for i in show_edges(len(sent[name][members[0]]), KEYS_AT_MOST // 2, 3):
                rows = [sent[name][part][i] for part in members]
                whole = figures.row(_summed(np.ones(len(rows)), np.array(rows)), COLUMNS_AT_MOST)
                terms = [figures.row(row, COLUMNS_AT_MOST) for row in rows]
                lines.append(Line(f"{where}{row_name(i)}", figures.equation(add(*terms), whole)))
        if any(len(members) > 1 for members in groups.values()):
            explained = ("All that read the same numbers send to them, and what they send is added up.",)
            steps.append(Step("shared", title, None, explained, tuple(lines)))
    return steps


def _source_of(problem: Problem, name: str, part: int) -> tuple[int, ...]:
    """Return the index on the given leading axes of the queries, keys or values that a part reads, followed by the head
    if heads were packed."""
    assert problem.origins is not None
    shape, index = problem.origins.shapes[name], problem.index(part)
    if name != "queries" and problem.key_heads is not None:
        index = problem.key_index(part)
    own = shape[:-2]
    head: tuple[int, ...] = ()
    if problem.packed:
        width = getattr(problem, name).shape[-1]
        index, head = index[:-1], (index[-1] if shape[-1] > width else 0,)
    used = index[len(index) - len(own) :] if own else ()
    return (*(0 if size == 1 else i for i, size in zip(used, own, strict=True)), *head)


def projection_gradient_steps(problem: Problem, gradients: Gradients, figures: Figures) -> list[Step]:
    """Return the steps dW = rowsᵀ · d, db = Σ d and d · Wᵀ of each projection whose rows have two axes."""
    projections = problem.origins.projections if problem.origins is not None else ()
    steps: list[Step] = []
    for own in projections:
        arriving = gradients.array(f"d_{own.role}").astype(np.float64)
        if own.rows.ndim == arriving.ndim == 2:
            steps += _weight_steps(own, arriving, gradients, figures)
    for source in dict.fromkeys(own.source for own in projections):
        made = [own for own in projections if own.source == source]
        arrivals = [gradients.array(f"d_{own.role}").astype(np.float64) for own in made]
        if all(own.rows.ndim == each.ndim == 2 for own, each in zip(made, arrivals, strict=True)):
            steps.append(_source_step(source, made, arrivals, gradients.array(f"d_{source}"), figures))
    return [*_output_weight_steps(problem, gradients, figures), *steps]


def _output_weight_steps(problem: Problem, gradients: Gradients, figures: Figures) -> list[Step]:
    """Return the steps of w_o and b_o."""
    if problem.output_projection is None or gradients.d_output.ndim != 2:
        return []
    joined, arriving = gradients.joined_output().astype(np.float64), gradients.d_output
    lines = _weight_lines("o", joined, arriving, gradients.array("d_w_o"), figures)
    lines += _offset_lines("o", arriving, figures) if "d_b_o" in gradients.names else []
    words = (
        "w_o made every row of the final output from a row of the joined outputs: each pair of them adds a product.",
        *_entries_left_out(gradients.array("d_w_o").shape),
    )
    formula = Equation((Symbol("dw_o"), total(multiply(Symbol("output"), Symbol("dO")))), ("=",))
    return [
        Step("projections", "Go back through the last projection: the gradient of w_o", formula, words, tuple(lines))
    ]


def _weight_steps(own: Projection, arriving: Array, gradients: Gradients, figures: Figures) -> list[Step]:
    found, short = gradients.array(f"d_w_{own.letter}"), f"d{own.role[0]}"
    lines = _weight_lines(own.letter, own.rows, arriving, found, figures)
    words = [
        f"w_{own.letter} made every row of the {own.role} from a row of {own.source}: each pair adds a product.",
        *_entries_left_out(found.shape),
    ]
    lines += _offset_lines(own.letter, arriving, figures) if own.offset_shape is not None else []
    formula = Equation((Symbol(f"dw_{own.letter}"), total(multiply(Symbol(own.source), Symbol(short)))), ("=",))
    title = f"Go back through the projection of the {own.role}: the gradient of w_{own.letter}"
    return [Step("projections", title, formula, tuple(words), tuple(lines))]


def _weight_lines(letter: str, rows: Array, arriving: Array, found: Array, figures: Figures) -> list[Line]:
    """Return a line for each entry of rowsᵀ · arriving, (a, b) from (n, a) and (n, b)."""
    lines = []
    for r, c in _entries(found.shape):
        products = rows[:, r] * arriving[:, c]
        pairs = zip(rows[:, r], arriving[:, c], strict=True)
        lines.append(Line(f"dw_{letter} {r}, {c}", _product_sum(pairs, products, float(found[r, c]), figures)))
    return lines


def _offset_lines(letter: str, arriving: Array, figures: Figures) -> list[Line]:
    """Return a line for the sum of each column."""
    lines = []
    for c in pick_ends(arriving.shape[1], COLUMNS_AT_MOST):
        kept = pick_ends(len(arriving), TERMS_AT_MOST)
        terms: list[Expression] = [figures.number(arriving[i, c]) for i in kept]
        if len(kept) < len(arriving):
            terms.append(Rest(len(arriving) - len(kept), figures.number(sum_of_others(arriving[:, c], kept))))
        whole = settled_average(float(arriving[:, c].sum()), arriving[:, c], np.ones(len(arriving)))
        lines.append(Line(f"db_{letter} {c}", figures.equation(add(*terms), figures.number(whole))))
    return lines


def _source_step(source: str, made: list[Projection], arrivals: list[Array], found: Array, figures: Figures) -> Step:
    """Return the step for the gradient of a source, each number of which contributes to several projections."""
    lines = []
    for r, c in _entries(found.shape):
        pairs = [
            (float(arriving[r, o]), float(own.weights[c, o]))
            for own, arriving in zip(made, arrivals, strict=True)
            for o in range(arriving.shape[1])
        ]
        products = np.array([a * b for a, b in pairs])
        lines.append(Line(f"d{source} {r}, {c}", _product_sum(pairs, products, float(found[r, c]), figures)))
    letters = ", ".join(f"w_{own.letter}" for own in made)
    words = (
        f"Each number of {source} went through {letters}, and its gradient comes back through the same.",
        *_entries_left_out(found.shape),
    )
    return Step("projections", f"Add up what comes back to {source}: its gradient", None, words, tuple(lines))


def _product_sum(pairs: object, products: Array, result: float, figures: Figures) -> Equation:
    """Return a·b + c·d + …, with the middle of a long sum as one number."""
    kept = pick_ends(len(products), TERMS_AT_MOST)
    each = list(pairs)  # type: ignore[call-overload]
    terms: list[Expression] = [multiply(figures.number(each[i][0]), figures.number(each[i][1])) for i in kept]
    if len(kept) < len(products):
        terms.append(Rest(len(products) - len(kept), figures.number(sum_of_others(products, kept))))
    whole = settled_average(result, np.array([a for a, _ in each]), np.array([b for _, b in each]))
    return figures.equation(add(*terms), figures.number(whole))


def _entries(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return all entries of a small matrix, or else those of its first row, or the ends of that row."""
    rows, columns = shape
    if rows * columns <= LINES_AT_MOST:
        return [(r, c) for r in range(rows) for c in range(columns)]
    return [(0, c) for c in pick_ends(columns, COLUMNS_AT_MOST)]


def _entries_left_out(shape: tuple[int, ...]) -> list[str]:
    if len(_entries(shape)) == shape[0] * shape[1]:
        return []
    return ["The arithmetic of the first row; the others are worked out in the same way."]
