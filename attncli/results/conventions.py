"""The conventions of one problem that change the numbers of another: what makes two systems differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from attncli.errors import AttncliError
from attncli.problem.problem import Problem
from attncli.results.result import Result


def conventions_that_differ(base: Problem, theirs: Problem) -> list[str]:
    """Return the conventions that change the numbers of `base` if it takes each of them separately from `theirs`, in
    words."""
    causes = []
    right = _numbers(base)
    for change, words in DIFFERENCES:
        try:
            changed = change(base, theirs)
            if not _are_equal(right, _numbers(changed)):
                causes.append(words(base, theirs))
        except (AttncliError, ValueError):
            causes.append(words(base, theirs))
    return causes


def _numbers(problem: Problem) -> list[np.ndarray]:
    result = Result(problem)
    return [result.array(name) for name in ("weights", "output") if result.has(name)]


def _are_equal(one: list[np.ndarray], two: list[np.ndarray]) -> bool:
    return all(np.allclose(a, b, rtol=1e-6, atol=1e-12, equal_nan=True) for a, b in zip(one, two, strict=True))


def _copy_score(base: Problem, theirs: Problem) -> Problem:
    scales = {name: getattr(theirs, name) for name in ("scale", "head_scales", "length_scale")}
    return replace(base, variant=theirs.variant, **scales)


def _copy_mask(base: Problem, theirs: Problem) -> Problem:
    return replace(base, mask=theirs.mask)


def _copy_corner(base: Problem, theirs: Problem) -> Problem:
    return replace(base, visible=theirs.visible)


def _copy_empty_row(base: Problem, theirs: Problem) -> Problem:
    return replace(base, conventions=replace(base.conventions, empty=theirs.conventions.empty))


def _copy_grouping(base: Problem, theirs: Problem) -> Problem:
    return replace(base, conventions=replace(base.conventions, grouping=theirs.conventions.grouping))


def _copy_softcap(base: Problem, theirs: Problem) -> Problem:
    late = theirs.conventions.softcap_after_bias
    return replace(base, conventions=replace(base.conventions, softcap_after_bias=late))


def _score_words(base: Problem, theirs: Problem) -> str:
    return f"its score: {_score(theirs)}, here {_score(base)}"


def _score(problem: Problem) -> str:
    return f"{problem.variant.formula} · {problem.scale_text}".removesuffix(" · 1")


def _mask_words(base: Problem, theirs: Problem) -> str:
    axes = theirs.words.conventions.get("mask axes")
    is_other = axes != base.words.conventions.get("mask axes")
    return (
        f"its mask: it has the axes {axes} there" if axes and is_other else "its mask: what is true here is false there"
    )


def _corner_words(base: Problem, theirs: Problem) -> str:
    return f"its corner: query 0 stands at key {theirs.visible.offsets[0]}, here at {base.visible.offsets[0]}"


def _empty_words(base: Problem, theirs: Problem) -> str:
    return f"a query with no key: {theirs.conventions.empty}, here {base.conventions.empty}"


DIFFERENCES: tuple[tuple[Callable[[Problem, Problem], Problem], Callable[[Problem, Problem], str]], ...] = (
    (_copy_score, _score_words),
    (_copy_mask, _mask_words),
    (_copy_corner, _corner_words),
    (_copy_empty_row, _empty_words),
    (
        _copy_grouping,
        lambda base, theirs: f"its grouped heads: {theirs.conventions.grouping}, here {base.conventions.grouping}",
    ),
    (_copy_softcap, lambda _base, _theirs: "its softcap: after the bias, here before it"),
)
