"""From a request to the whole page: which queries it explains, their solutions, and what is left to the reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from attncli.errors import UsageError, check_choice
from attncli.explain.gradients import INTRODUCTION, WayBack, way_back
from attncli.explain.grids import matrices_of
from attncli.explain.numbers import KEYS_AT_MOST, Numbers, compute_numbers
from attncli.explain.page import STEPS, Equation, Explanation, Line, Solution, Step
from attncli.explain.rounding import Figures
from attncli.explain.steps.given import given_step
from attncli.explain.steps.mask import mask_step
from attncli.explain.steps.normalizer import no_exponentials, normalizer_step
from attncli.explain.steps.output import join_step, output_step
from attncli.explain.steps.projections import projection_steps
from attncli.explain.steps.row_changes import row_change_steps
from attncli.explain.steps.running_softmax import running_steps
from attncli.explain.steps.weights import exponential_step, raw_step, score_step, weight_step
from attncli.explain.summary import summarize
from attncli.expressions import Symbol
from attncli.inputs.request import Request
from attncli.problem.formula import attention_formula, describe_scale, named_value
from attncli.problem.names import Names, find_query, join_names
from attncli.problem.prepare import prepare_heads_first
from attncli.problem.problem import Problem
from attncli.records import record
from attncli.stages.normalizers import SOFTMAX
from attncli.variants import explain_score

LINES_AT_MOST = 400  # of a terminal: a longer page is cut to its first query, and says so
SMALL_CELLS = 128
GIVEN_AGAIN = "What is given: the query q (keys and values are those above)"
PARTS_AT_MOST = 4


def empty_row(problem: Problem) -> str:
    """Return a description of the weights of a query with no key."""
    return "NaN, not a number" if problem.conventions.empty == "nan" else problem.empty_row


@record
class Choice:
    """The queries and the parts (heads, entries) that are explained, and notes about the others."""

    queries: list[int]
    parts: list[int]
    notes: tuple[str, ...]


def explain(
    request: Request,
    *,
    queries: Sequence[str] = (),
    until: str = "output",
    digits: int = 4,
    engine: str = "auto",
    title: str | None = None,
    backward: bool = False,
    blocks: int | None = None,
) -> Explanation:
    """Return the worked solution in float64.

    `queries` are numbers or labels (by default all of a small problem, or the first of a large one). Steps after
    `until` are left blank. `backward` adds the gradients, and `blocks` the softmax as a running one, over blocks of so
    many keys. Raises the same errors as `prepare`, and UsageError.
    """
    check_until(until)
    request, problem = prepare_heads_first(request, compute="float64")
    if blocks is not None:
        check_blocks(blocks, problem)
    names, figures = Names(problem), Figures(digits)
    back = way_back(problem, names, figures, engine) if backward else None
    choice = choose(problem, names, queries, lines_of_query(problem) * (1 + (blocks is not None) + 2 * backward))
    solutions: list[Solution] = []
    shown: list[Numbers] = []
    for query in choice.queries:
        of_query = [compute_numbers(problem, names, part, query, engine) for part in choice.parts]
        shown += of_query
        solutions += [solve(numbers, figures, until, back, blocks) for numbers in of_query]
        solutions += solve_joins(problem, names, query, choice.parts, figures, until, engine)
    grids = matrices_of(problem, names, choice.queries, choice.parts, figures, until, engine)
    if back is not None:
        solutions += [blank_after(until, solution) for solution in back.solutions(choice.parts, choice.queries)]
        grids += tuple(back.grids(choice.parts, choice.queries)) if until == STEPS[-1] else ()
    preparation = projection_steps(request, problem, names, choice.queries, choice.parts, figures)
    preparation += row_change_steps(problem, names, choice.queries, choice.parts, figures)
    return Explanation(
        title=title or "",
        formula=page_formula(problem),
        facts=page_facts(problem),
        notes=(*choice.notes, *problem.words.notes),
        preparation=preparation,
        introduction=introduction(problem) + (INTRODUCTION if backward else ""),
        solutions=tuple(drop_repetitions(solutions)),
        grids=grids,
        digits=digits,
        warnings=(*problem.words.warnings, *empty_warnings(shown)),
    )


def check_until(until: str) -> None:
    """Raise UsageError if this is not a step."""
    check_choice(until, STEPS, "--until", "a step")


def check_blocks(size: int, problem: Problem) -> None:
    """Raise UsageError if the weights of this problem cannot be computed from blocks of so many keys."""
    if size < 1:
        raise UsageError("--blocks", f"{size} is not a number of keys", "a whole number from 1, as in --blocks 2")
    if problem.normalizer is not SOFTMAX:
        what = f"the normalizer is {problem.normalizer.name}: only a softmax can be computed block by block"
        raise UsageError("--blocks", what, "leave it out")
    if problem.top_k is not None:
        raise UsageError("--blocks", "top-k needs all scores of a query at once", "leave one of them out")


def choose(problem: Problem, names: Names, words: Sequence[str], lines: int) -> Choice:
    """Return the requested queries, and all parts unless there are too many.

    `lines` is the length of the solution of one query.
    """
    notes = []
    parts = list(range(problem.parts))
    if tuple(words) == ("all",) and "all" not in (problem.words.labels.queries or ()):
        queries = list(range(problem.n))
    elif words:
        queries = list(dict.fromkeys(find_query(word, problem) for word in words))
    else:
        is_short = problem.n * problem.parts * lines <= LINES_AT_MOST
        queries = list(range(problem.n)) if is_short else [0]
        if len(queries) < problem.n:
            notes.append(
                f"this is the first of {problem.n:,} queries: --query I chooses another, by number or label, and "
                "--query all works them all out"
            )
    if len(parts) > PARTS_AT_MOST:
        parts = parts[: 1 if len(queries) * problem.m > SMALL_CELLS else PARTS_AT_MOST]
        notes.append(
            f"{join_names([names.part(part) for part in parts])} of {problem.parts:,}: "
            "the others are worked out in the same way"
        )
    if problem.m > KEYS_AT_MOST:
        notes.append(
            f"of {problem.m:,} keys the page shows the highest-scoring and those at both ends; every sum is over all"
        )
    return Choice(queries, parts, tuple(notes))


def lines_of_query(problem: Problem) -> int:
    """Return roughly how many lines of a terminal the solution of one query takes.

    These are titles and words, a line per shown key and step, and more if the key has many features or if output
    columns have lines of their own.
    """
    keys, features, columns = min(problem.m, KEYS_AT_MOST // 2), min(problem.d_k, 8), min(problem.d_v or 0, 8)
    return 30 + keys * (4 + (features + 2) // 3) + columns


def solve(
    numbers: Numbers, figures: Figures, until: str, back: WayBack | None = None, blocks: int | None = None
) -> Solution:
    """Return all steps of one query. Those after `until` are blank."""
    steps = [raw_step(numbers, figures), score_step(numbers, figures), mask_step(numbers, figures)]
    if numbers.has_key:
        if numbers.problem.normalizer is SOFTMAX:
            steps += [exponential_step(numbers, figures), weight_step(numbers, figures)]
        else:
            steps += [no_exponentials(numbers), normalizer_step(numbers, figures)]
        last = output_step(numbers, figures)
        steps += [last] if last is not None else []
    else:
        steps.append(empty_step(numbers, figures))
    reached = STEPS.index(until)
    steps = [step if STEPS.index(step.name) <= reached else blank_step(step) for step in steps]
    is_whole = reached >= STEPS.index(steps[-1].name)
    if blocks is not None and numbers.has_key:
        running = running_steps(numbers, figures, blocks)
        steps += running if until == STEPS[-1] else list(map(blank_step, running))
    if back is not None:
        steps += [
            step if until == STEPS[-1] or step.name == "arriving" else blank_step(step) for step in back.steps(numbers)
        ]
    query = numbers.names.query(numbers.row)
    return Solution(
        query,
        numbers.names.part(numbers.part),
        (given_step(numbers, figures), *steps),
        summarize(numbers, figures) if is_whole else (),
        find_address(numbers),
    )


def find_address(numbers: Numbers) -> str:
    """Return where a page to play with shows the query's largest weight; "" for a query without keys."""
    if not len(numbers.weights):
        return ""
    part = f"part={numbers.part}&" if numbers.part else ""
    return f"{part}at=weights.{numbers.row}.{int(numbers.weights.argmax())}"


def blank_after(until: str, solution: Solution) -> Solution:
    """Return the solution of the backward pass, blank if the steps to the output are blank."""
    return solution if until == STEPS[-1] else replace(solution, steps=tuple(map(blank_step, solution.steps)))


def blank_step(step: Step) -> Step:
    """Return the step without its numbers, for the reader to fill in."""
    lines = tuple(
        Line(line.label, is_sum=line.is_sum, is_blank=not line.left_out, left_out=line.left_out) for line in step.lines
    )
    return replace(step, lines=lines, after=())


def empty_step(numbers: Numbers, figures: Figures) -> Step:
    """Return the step for a query that may attend to no key."""
    what = "No key is left, so there is nothing to share out: by convention "
    what += f"its weights are {empty_row(numbers.problem)}"
    lines: tuple[Line, ...] = ()
    if numbers.output is not None:
        what += ", and so is its output" if numbers.problem.conventions.empty == "zeros" else ""
        lines = (Line("output", Equation((figures.row(numbers.output),), ()), is_sum=True),)
    return Step("exp", "There is nothing to attend to", None, (what + ".",), lines)


def solve_joins(
    problem: Problem, names: Names, query: int, parts: list[int], figures: Figures, until: str, engine: str
) -> list[Solution]:
    """Return the step that joins heads or projects the output, if there is one, for each entry that is explained."""
    if problem.values is None or not problem.is_joined:
        return []
    heads = problem.lead[-1] if problem.packed else 1
    solutions = []
    for entry in dict.fromkeys(part // heads for part in parts):
        members = list(range(entry * heads, (entry + 1) * heads))
        numbers = [compute_numbers(problem, names, part, query, engine) for part in members]
        step = join_step(numbers, [names.part(part) if len(members) > 1 else "" for part in members], figures)
        if until != "output":
            step = blank_step(step)
        solutions.append(Solution(names.query(query), "all heads" if len(members) > 1 else "", (step,), ()))
    return solutions


def drop_repetitions(solutions: list[Solution]) -> list[Solution]:
    """Return the solutions without what an earlier one contains: words, steps of only words, and the keys and values of
    a part if all of them are the same."""
    said: set[str] = set()
    given: dict[str, tuple[Line, ...]] = {}
    found: list[Solution] = []
    for solution in solutions:
        steps = []
        for step in solution.steps:
            lines = step.lines
            if step.name == "given":
                if given.get(solution.part) == lines[1:]:
                    step = replace(step, title=GIVEN_AGAIN, lines=lines[:1])
                given[solution.part] = lines[1:]
            is_heard = not lines and step.name != "exp" and said.issuperset(step.words)
            words = tuple(words for words in step.words if words not in said)
            said.update(step.words)
            if not is_heard:
                steps.append(replace(step, words=words))
        found.append(replace(solution, steps=tuple(steps)))
    return found


def introduction(problem: Problem) -> str:
    """Return what attention does, in three sentences."""
    normalizer = problem.normalizer
    scored = "A query is compared with every key, which gives each key a score; "
    article = "the " if normalizer is SOFTMAX else ""
    weights = f"{article}{normalizer.name} turns the scores into weights, one for each key"
    if normalizer.name == "none":
        weights = "the scores themselves are the weights"
    if normalizer is SOFTMAX and problem.shares_one:
        weights += ", that are positive and add up to 1"
    weights += "."
    if problem.values is None:
        return f"{scored}{weights}"
    return (
        f"{scored}{weights} The output is the average of the values with these weights: the better a key fits, the "
        "more its value counts."
    )


def page_formula(problem: Problem) -> Equation:
    """Return output = softmax(QKᵀ/√d_k)V, √d_k ≈ 1.41421 as symbols."""
    name = Symbol("weights" if problem.values is None else "output")
    named = named_value(problem)
    if named is None:
        return Equation((name, attention_formula(problem)), ("=",))
    symbol, sign, value = named
    return Equation((name, attention_formula(problem), symbol, value), ("=", ",", sign))


def page_facts(problem: Problem) -> tuple[tuple[str, str], ...]:
    """Return the variant, the sizes, and every convention in force."""
    lead = f" in each of {problem.parts:,} {'heads' if problem.packed else 'entries'}" if problem.parts > 1 else ""
    both = f"{_count(problem.n, 'query', 'queries')} and {_count(problem.m, 'key', 'keys')}"
    sizes = f"{both} of {_count(problem.d_k, 'number', 'numbers')}"
    if problem.d_v is not None:
        sizes += f", values of {_count(problem.d_v, 'number', 'numbers')}"
    return (
        ("variant", f"{problem.variant.name}: {explain_score(problem.variant, describe_scale(problem))}"),
        ("sizes", sizes + lead),
        *problem.words.conventions.items(),
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def empty_warnings(shown: list[Numbers]) -> list[str]:
    """Return a warning for each explained query that has no key."""
    found = []
    for numbers in shown:
        if not numbers.has_key:
            name = " of ".join(filter(None, (numbers.names.query(numbers.row), numbers.names.part(numbers.part))))
            found.append(f"{name} may attend to no key: its weights are {empty_row(numbers.problem)}")
    return found
