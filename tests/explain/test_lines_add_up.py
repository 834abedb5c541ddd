"""Every printed line, recomputed from its own printed numbers alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from explain.board import PROBLEMS, Interval, calculated, exactly, page_of, printed_lines, sides_and_signs, worksheet

from attncli.inputs.request import Request, overlay
from attncli.variants import BY_NAME

LETTERS = ("q", "k", "v", "bias", "‖q‖", "‖k‖", "scale")


def check_lines(request: Request, digits: int) -> int:
    """Recompute every line of every query; how many there were."""
    page = page_of(request, digits=digits)
    count = 0
    for _, step, line, text in printed_lines(page):
        if step.name == "given":
            continue
        sides, signs = sides_and_signs(text)
        if sides[0] in LETTERS:
            sides, signs = sides[1:], signs[1:]
        values = [calculated(side, digits) for side in sides if "∞" not in side or "exp" in side]
        for left, right in pairwise(values):
            pairs = zip(left, right, strict=True) if isinstance(left, list) else [(left, right)]
            for a, b in pairs:
                assert a.meets(b), f"{step.name}, {line.label}: {text}"
            count += 1
        for left, right, sign in zip(sides, sides[1:], signs, strict=False):
            if sign == "=" and not re.search(r"exp|tanh|√|∞", left + right):
                assert exactly(left) == exactly(right), f"{step.name}, {line.label}: {text}"
    return count


@pytest.mark.sampled(2)
@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
@pytest.mark.parametrize("digits", [2, 4, 9])
def test_each_line_of_a_problem_adds_up(path: Path, digits: int) -> None:
    assert check_lines(worksheet(path).request, digits) > 0


@pytest.mark.parametrize("variant", BY_NAME)
def test_each_line_adds_up_in_every_variant(variant: str, sample: Callable[..., Any]) -> None:
    for path in sample(PROBLEMS, 3, list(BY_NAME).index(variant)):
        check_lines(overlay(worksheet(path).request, {"variant": variant}), 4)


def test_a_line_that_does_not_add_up_would_be_found() -> None:
    right, wrong = calculated("4·1 + 4·0", 4), calculated("5", 4)
    assert isinstance(right, Interval)
    assert isinstance(wrong, Interval)
    assert not right.meets(wrong)
    assert not calculated("0.3333·3", 4).meets(calculated("1.01", 4))  # type: ignore[union-attr, arg-type]
