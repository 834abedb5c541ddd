"""The files of an exercise: the form to fill in, the key, and the page of the worksheet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from attncli.exercise.numbers import Exercise
from attncli.explain import explain
from attncli.explain.explain import blank_step
from attncli.explain.page import Explanation
from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.results.result import Result

STEPS = ("raw_scores", "scores", "weights", "output")
DIGITS = 4


def make_request(exercise: Exercise) -> Request:
    """Return the exercise as a request."""
    heads = exercise.sizes.heads
    return Request(
        queries=Matrix(exercise.queries, "queries"),
        keys=Matrix(exercise.keys, "keys"),
        values=Matrix(exercise.values, "values"),
        variant=exercise.variant,
        causal=exercise.causal or None,
        heads=(heads, heads) if heads > 1 else None,
    )


def exercise_title(exercise: Exercise) -> str:
    return f"Exercise {exercise.number}: {exercise.variant} attention"


def work_out(exercise: Exercise, *, title: str | None = None) -> Explanation:
    """Return the worked solution."""
    queries = [str(i) for i in range(exercise.sizes.n)]
    return explain(make_request(exercise), queries=queries, digits=DIGITS, title=title or exercise_title(exercise))


def make_sheet(exercise: Exercise) -> Explanation:
    """Return the page of the exercise, with a blank for every number that is to be worked out."""
    page = work_out(exercise)
    keep = ("given",)
    solutions = tuple(
        replace(one, steps=tuple(step if step.name in keep else blank_step(step) for step in one.steps), summary=())
        for one in page.solutions
    )
    introduction = (
        "Work out every blank by hand, with four decimals if a number is not exact. Then write your matrices "
        "into answers.yaml, and run attncli check answers.yaml to see which steps are right."
    )
    return replace(page, introduction=introduction, solutions=solutions, grids=())


def compute_result(exercise: Exercise) -> Result:
    """Return the right numbers."""
    return Result(prepare(make_request(exercise)))


def given_lines(exercise: Exercise) -> list[str]:
    """Return the calculation as the keys of a problem file."""
    lines = [f"title: '{exercise_title(exercise)}'", f"variant: {exercise.variant}"]
    lines += ["causal: true"] if exercise.causal else []
    lines += [f"heads: {exercise.sizes.heads}"] if exercise.sizes.heads > 1 else []
    for name in ("queries", "keys", "values"):
        lines += [f"{name}:", *(f"  - {row.tolist()}" for row in getattr(exercise, name))]
    return lines


def answers_text(exercise: Exercise) -> str:
    """Return the form, which `attncli check` reads. Matrices that are left empty are skipped."""
    sizes = exercise.sizes
    heads = f"{sizes.heads} heads of " if sizes.heads > 1 else ""
    shapes = dict.fromkeys(STEPS, f"{heads}{sizes.n} rows of {sizes.m}")
    shapes["output"] = f"{sizes.n} rows of {sizes.heads * sizes.d_v}"
    lines = [
        "# Fill in the matrices that you worked out, and check them: attncli check answers.yaml",
        "# What is left empty is not checked. Print the number of decimals that you worked with, as in",
        "#   weights: [[0.1220, 0.3315, 0.5465], [0.5, 0.25, 0.25]]",
        *given_lines(exercise),
        "expected:",
        *(f"  {name}: # {shapes[name]}" for name in STEPS),
    ]
    return "\n".join(lines) + "\n"


def key_text(exercise: Exercise, worked: str) -> str:
    """Return the right numbers, with the worked solution as comments."""
    result = compute_result(exercise)
    lines = [*given_lines(exercise), "expected:"]
    for name in STEPS:
        lines += [f"  {name}:", *nested_rows(result.array(name), "    ")]
    lines += ["", *(f"# {line}".rstrip() for line in worked.splitlines())]
    return "\n".join(lines) + "\n"


def nested_rows(array: np.ndarray, indent: str) -> list[str]:
    """Return rows of numbers with four decimals, or without decimals if the whole matrix has none. Masked cells are
    -inf."""
    if array.ndim > 2:
        found = []
        for part in array:
            found += [f"{indent}-", *nested_rows(part, f"{indent}  ")]
        return found
    finite = array[np.isfinite(array)]
    decimals = 0 if (finite == np.round(finite)).all() else DIGITS
    return [f"{indent}- [{', '.join(cell_text(cell, decimals) for cell in row)}]" for row in array]


def cell_text(value: float, decimals: int) -> str:
    return "-.inf" if np.isneginf(value) else f"{value + 0:.{decimals}f}"
