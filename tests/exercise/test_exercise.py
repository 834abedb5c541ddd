"""Exercises: friendly numbers, the same for one seed; a key that is right; a form that check reads."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from attncli import attend
from attncli.exercise.numbers import LEAST, MOST, Sizes, make_exercise
from attncli.variants import VARIANTS

STEPS = ("raw_scores", "scores", "weights", "output")


@pytest.mark.parametrize("variant", [variant.name for variant in VARIANTS])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("sizes", [Sizes(), Sizes(n=3, m=4, d_k=9, d_v=1), Sizes(n=2, m=2, d_k=1, d_v=3)])
def test_numbers_are_small_and_whole_and_scores_neither_tie_nor_saturate(
    variant: str, causal: bool, sizes: Sizes
) -> None:
    if variant == "cosine" and sizes.d_k == 1:
        return  # a cosine of single numbers is 1 or -1
    for number in range(1, 6):
        made = make_exercise(4, number, sizes, variant, causal)
        for matrix in (made.queries, made.keys, made.values):
            assert np.issubdtype(matrix.dtype, np.integer)
            assert np.abs(matrix).max() <= 9
        assert made.queries.any(axis=1).all()
        if variant == "uniform":
            continue
        result = attend(made.queries, made.keys, made.values, variant=variant, causal=causal)
        for scores, weights in zip(result.scores, result.weights, strict=True):
            seen = np.isfinite(scores)
            if seen.sum() > 1:
                assert len(set(scores[seen].round(9))) == seen.sum()
                assert LEAST <= weights[seen].min() <= weights.max() <= MOST


def test_a_cosine_has_whole_lengths() -> None:
    made = make_exercise(1, 1, Sizes(n=3, m=4), "cosine", causal=False)
    for row in (*made.queries, *made.keys):
        assert math.hypot(*row) == round(math.hypot(*row)) > 0


def test_one_seed_gives_the_same_sheets_and_each_number_its_own(run: Callable[..., Any], tmp_path: Path) -> None:
    for folder, seed in (("a", 7), ("b", 7), ("c", 8)):
        assert run("exercise", "--seed", seed, "--count", 3, "-d", tmp_path / folder).status == 0
    texts = [[(tmp_path / f / n / "key.yaml").read_text() for n in ("01", "02", "03")] for f in "abc"]
    assert texts[0] == texts[1]
    assert len({re.sub("Exercise .*", "", text) for text in (*texts[0], *texts[2])}) == 6


@pytest.mark.parametrize(
    "options",
    [[], ["-a", "laplace", "--causal"], ["--heads", 2, "--causal"], ["-a", "cosine"], ["-a", "gaussian", "--dv", 1]],
)
@pytest.mark.sampled(2)
def test_the_key_is_right_and_the_form_takes_its_numbers(
    run: Callable[..., Any], tmp_path: Path, options: list[Any]
) -> None:
    assert run("exercise", "-d", tmp_path, *options).status == 0
    ran = run("check", tmp_path / "key.yaml")
    assert (ran.status, ran.out.split()[:2]) == (0, ["exact", "key"])
    key = (tmp_path / "key.yaml").read_text()
    form = tmp_path / "answers.yaml"
    filled = form.read_text()
    for name in STEPS:
        rows = re.search(rf"^  {name}:\n((?:    .*\n)+)", key, re.MULTILINE)
        assert rows is not None
        filled = re.sub(rf"^  {name}: #.*$", f"  {name}:\n{rows[1]}", filled, flags=re.MULTILINE)
    form.write_text(filled)
    ran = run("check", form)
    assert (ran.status, ran.out.split()[:2]) == (0, ["exact", "answers"])


def test_an_empty_form_is_read_and_a_partly_filled_one_is_graded(run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("exercise", "-d", tmp_path).status == 0
    form = tmp_path / "answers.yaml"
    ran = run("check", form)
    assert ran.status == 2
    assert "nothing is expected" in ran.err or "nothing" in ran.out
    right = yaml.safe_load((tmp_path / "key.yaml").read_text())["expected"]["raw_scores"]
    wrong = [[cell + 1 for cell in right[0]], *right[1:]]
    for rows, status in ((right, 0), (wrong, 1)):
        filled = re.sub(r"^  raw_scores: #.*$", f"  raw_scores: {rows}", form.read_text(), flags=re.MULTILINE)
        (tmp_path / "mine.yaml").write_text(filled)
        assert run("check", tmp_path / "mine.yaml").status == status


@pytest.mark.parametrize(("format", "name"), [("markdown", "sheet.md"), ("latex", "sheet.tex"), ("html", "sheet.html")])
def test_a_sheet_gives_the_matrices_and_no_answer(
    run: Callable[..., Any], tmp_path: Path, format: str, name: str
) -> None:
    assert run("exercise", "-f", format, "-d", tmp_path).status == 0
    sheet = (tmp_path / name).read_text("utf-8")
    key = yaml.safe_load((tmp_path / "key.yaml").read_text())
    for row in key["expected"]["weights"]:
        for weight in row:
            assert f"{weight:.4f}" not in sheet
    assert "Exercise 1: scaled attention" in sheet
    assert "Work out every blank by hand" in sheet


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--dk", 5], "error: --dk: 5 is not a square, so √d_k is not a whole number\nhint: 1, 4, 9 or 16\n"),
        (["--keys", 9], "error: --keys: 9 is not between 1 and 8\n"),
        (["--count", 0], "error: --count: 0 is not between 1 and 500\n"),
        (["-f", "docx"], "error: --format: 'docx' is not a format\nhint: one of: markdown, latex, html\n"),
        (
            ["--dk", 1, "--keys", 8],
            "error: attncli exercise: no small whole numbers give scores apart from each other\nhint: fewer --keys\n",
        ),
    ],
)
def test_what_cannot_be_made_is_reported_and_nothing_is_written(
    run: Callable[..., Any], tmp_path: Path, options: list[Any], said: str
) -> None:
    ran = run("exercise", *options, "-d", tmp_path / "new")
    assert (ran.status, ran.err) == (2, said)
    assert not (tmp_path / "new").exists()


def test_files_that_are_there_are_not_replaced(run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("exercise", "-d", tmp_path).status == 0
    (tmp_path / "answers.yaml").write_text("mine")
    ran = run("exercise", "-d", tmp_path)
    assert (ran.status, (tmp_path / "answers.yaml").read_text()) == (2, "mine")
    assert run("exercise", "-d", tmp_path, "--force", "-q").status == 0
    assert (tmp_path / "answers.yaml").read_text() != "mine"
