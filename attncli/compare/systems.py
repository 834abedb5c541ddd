"""One problem under several systems' conventions: who would answer differently, and which convention does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from attncli.compare.comparison import Candidate
from attncli.errors import AttncliError, UsageError
from attncli.inputs.request import Request
from attncli.inputs.settings import BY_NAME as BY_SETTING
from attncli.problem.conventions import adopt_system
from attncli.problem.layouts import keep_layout
from attncli.problem.prepare import prepare
from attncli.problem.problem import Problem
from attncli.results.result import Result
from attncli.systems import BY_NAME, NAMES


def system_candidates(
    request: Request, names: Sequence[str], over: Callable[[Request], Request]
) -> tuple[list[Candidate], list[str]]:
    """The problem as each system would compute it, with a note for each that was left out.

    A system goes by its own conventions whatever the problem's file says of them; `over` lays what was given on the
    command line above that. Of "all" those are left out that have not what the problem asks for.
    """
    everyone = list(names) == ["all"]
    base = prepare(replace(keep_layout(over(request)), system=None))
    found, left_out = [], []
    for name in NAMES if everyone else dict.fromkeys(names):
        system = BY_SETTING["system"].value(name, "--systems")
        asked = replace(over(adopt_system(request, system)), system=system)
        try:
            causes = conventions_that_differ(base, prepare(asked))
        except AttncliError as error:
            if not everyone:
                raise
            left_out.append(f"{system} is left out: {error.what}")
            continue
        found.append(Candidate(system, asked, _note(system, causes), tuple(causes)))
    if not found:
        raise UsageError("--systems", "none of them has what this problem asks for", left_out[0] if left_out else None)
    return found, left_out


def _note(system: str, causes: list[str]) -> str:
    told = f"differs by {'; '.join(causes)}" if causes else "as the problem stands"
    return f"{told} [{BY_NAME[system].describes}]"


def conventions_that_differ(base: Problem, theirs: Problem) -> list[str]:
    """The conventions that change the numbers of `base` when it takes each alone from `theirs`, in words."""
    said = []
    right = _numbers(base)
    for change, words in DIFFERENCES:
        try:
            changed = change(base, theirs)
            if not _alike(right, _numbers(changed)):
                said.append(words(base, theirs))
        except (AttncliError, ValueError):
            said.append(words(base, theirs))
    return said


def _numbers(problem: Problem) -> list[np.ndarray]:
    result = Result(problem)
    return [result.array(name) for name in ("weights", "output") if result.has(name)]


def _alike(one: list[np.ndarray], two: list[np.ndarray]) -> bool:
    return all(np.allclose(a, b, rtol=1e-6, atol=1e-12, equal_nan=True) for a, b in zip(one, two, strict=True))


def _scored(base: Problem, theirs: Problem) -> Problem:
    return replace(base, variant=theirs.variant, scale=theirs.scale, length_scale=theirs.length_scale)


def _masked(base: Problem, theirs: Problem) -> Problem:
    return replace(base, mask=theirs.mask)


def _aligned(base: Problem, theirs: Problem) -> Problem:
    return replace(base, visible=theirs.visible)


def _emptied(base: Problem, theirs: Problem) -> Problem:
    return replace(base, conventions=replace(base.conventions, empty=theirs.conventions.empty))


def _grouped(base: Problem, theirs: Problem) -> Problem:
    return replace(base, conventions=replace(base.conventions, grouping=theirs.conventions.grouping))


def _capped(base: Problem, theirs: Problem) -> Problem:
    late = theirs.conventions.softcap_after_bias
    return replace(base, conventions=replace(base.conventions, softcap_after_bias=late))


def _score_words(base: Problem, theirs: Problem) -> str:
    return f"its score: {_score(theirs)}, here {_score(base)}"


def _score(problem: Problem) -> str:
    return f"{problem.variant.formula} · {problem.scale_text}".removesuffix(" · 1")


def _corner_words(base: Problem, theirs: Problem) -> str:
    return f"its corner: query 0 stands at key {theirs.visible.offsets[0]}, here at {base.visible.offsets[0]}"


def _empty_words(base: Problem, theirs: Problem) -> str:
    return f"a query with no key: {theirs.conventions.empty}, here {base.conventions.empty}"


DIFFERENCES: tuple[tuple[Callable[[Problem, Problem], Problem], Callable[[Problem, Problem], str]], ...] = (
    (_scored, _score_words),
    (_masked, lambda _base, _theirs: "its mask: what is true here is false there"),
    (_aligned, _corner_words),
    (_emptied, _empty_words),
    (
        _grouped,
        lambda base, theirs: f"its grouped heads: {theirs.conventions.grouping}, here {base.conventions.grouping}",
    ),
    (_capped, lambda _base, _theirs: "its softcap: after the bias, here before it"),
)
