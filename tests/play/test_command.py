"""What `attncli play` writes and refuses; and that its write_formulas are the records'."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attncli.expressions import KEY, QUERY, TOTAL, evaluate
from attncli.render.assets import FOLDER
from attncli.render.play.document import SCRIPTS, write_json
from attncli.render.play.javascript import OPERATIONS, list_symbols, to_javascript, to_tree
from attncli.stages.steps import STAGES
from attncli.variants import VARIANTS

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def test_a_page_is_one_file_that_names_no_other(run: Callable[..., Any], tmp_path: Path) -> None:
    ran = run("play", EXAMPLES / "car.yaml", "-o", tmp_path / "car.html")
    assert (ran.status, ran.out, ran.err) == (0, "", f"wrote {tmp_path}/car.html\n")
    page = (tmp_path / "car.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>\n")
    assert "<title>Is this a car?</title>" in page
    assert not re.search(r"\b(src|href)=\"(?!#)", page)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert len(page.encode()) <= 300_000
    assert "{{" not in page


def test_a_page_is_not_written_over(run: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("mine")
    ran = run("play", EXAMPLES / "car.yaml", "-o", path)
    assert (ran.status, ran.err) == (2, f"error: {path}: exists already\nhint: --force replaces it\n")
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("shapes", "what"),
    [
        (((65, 2), (3, 2), (3, 2)), "queries are 65 × 2"),
        (((2, 65), (3, 65), (3, 2)), "queries are 2 × 65"),
        (((2, 2), (65, 2), (65, 2)), "keys are 65 × 2"),
        (((2, 2), (3, 2), (3, 65)), "values are 3 × 65"),
    ],
)
def test_a_problem_larger_than_64_by_64_is_refused(
    run: Callable[..., Any], tmp_path: Path, shapes: tuple[tuple[int, int], ...], what: str
) -> None:
    np.savez(tmp_path / "p.npz", queries=np.ones(shapes[0]), keys=np.ones(shapes[1]), values=np.ones(shapes[2]))
    ran = run("play", tmp_path / "p.npz", "-o", tmp_path / "page.html")
    assert ran.status == 2
    assert ran.err == (
        f"error: attncli play: {what}, but a page to play with shows at most 64 × 64\n"
        "hint: attncli run and attncli explain take problems of any size\n"
    )
    assert not (tmp_path / "page.html").exists()


def test_a_stage_that_the_page_cannot_play_is_an_error(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = (np.zeros((3, 3)), np.full((3, 3), 1 / 3))
    monkeypatch.setattr("attncli.play.page_data.stage_weights", lambda *_: wrong)
    ran = run("play", EXAMPLES / "river_bank.yaml", "-o", tmp_path / "page.html")
    assert (ran.status, ran.err) == (
        2,
        "error: attncli play: this problem has a stage that the page cannot play\n"
        "hint: attncli run and attncli explain take it\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sink", "1,2", "--heads", "2"], "each head has its own sink, but a page to play with has one for all"),
        (["-a", "additive", "--v-a", "1 2"], "v_a is given, and a page to play with has additive with ones"),
    ],
)
def test_what_has_no_control_is_refused_by_its_name(
    run: Callable[..., Any], tmp_path: Path, words: list[str], said: str
) -> None:
    ran = run("play", "1 2; 0 1", "1 0; 1 1", "1 2; 3 4", *words, "-o", tmp_path / "page.html")
    assert (ran.status, ran.err) == (
        2,
        f"error: attncli play: {said}\nhint: attncli run and attncli explain take it\n",
    )


def test_notes_say_what_of_the_problem_is_part_of_the_numbers(run: Callable[..., Any], tmp_path: Path) -> None:
    given = ("1 2; 0 1", "1 0; 1 1", "1 2; 3 4")
    ran = run("play", *given, "--rope", "half", "--qk-norm", "l2", "-o", tmp_path / "rope.html")
    assert ran.err.startswith(
        "note: Q and K of the page are those after qk-norm and rope, which the page does not repeat\n"
    )
    ran = run("play", *given, "--keep-first", "1", "--window", "0,0", "-o", tmp_path / "window.html")
    assert ran.err.startswith("note: window and causal are part of the page's mask")


def test_the_largest_problem_makes_a_page_of_at_most_300_kB(run: Callable[..., Any], tmp_path: Path) -> None:
    random = np.random.default_rng(20)
    arrays = {name: random.normal(size=(64, 64)) for name in ("queries", "keys", "values", "bias")}
    np.savez(tmp_path / "p.npz", **arrays)
    assert run("play", tmp_path / "p.npz", "-o", tmp_path / "page.html").status == 0
    assert (tmp_path / "page.html").stat().st_size <= 300_000


def test_a_page_of_more_than_300_kB_is_refused(run: Callable[..., Any], tmp_path: Path) -> None:
    many = np.random.default_rng(1).normal(size=(8, 64, 64))
    np.savez(tmp_path / "p.npz", queries=many, keys=many, values=many)
    ran = run("play", tmp_path / "p.npz", "-o", tmp_path / "page.html")
    assert ran.status == 2
    assert re.fullmatch(
        r"error: attncli play: the page would have [\d,]+ kB, and at most 300 can be played with\n"
        r"hint: fewer heads or entries, as in q\.npy of one head\n",
        ran.err,
    )
    assert not (tmp_path / "page.html").exists()


def test_without_a_file_to_write_the_command_is_refused(run: Callable[..., Any]) -> None:
    assert run("play", EXAMPLES / "car.yaml").status == 2


def test_data_can_end_neither_the_script_nor_a_line_of_it() -> None:
    text = write_json({"title": "</script><!--\u2028&"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"title": "</script><!--\u2028&"}


def test_every_formula_of_the_records_becomes_the_same_formula() -> None:
    given = {QUERY: 1.75, KEY: -0.5, TOTAL: 3.25}
    environment = {"Math": __import__("math"), "q": 1.75, "k": -0.5, "total": 3.25}
    for variant in VARIANTS:
        if variant.term is None:
            continue
        text = to_javascript(variant.term).replace("Math.abs", "abs")
        assert eval(text, environment) == pytest.approx(evaluate(variant.term, given))


def test_stages_are_functions_of_their_symbols_only() -> None:
    for expression in STAGES.values():
        assert list_symbols(expression)
        assert json.loads(json.dumps(to_tree(expression)))[0] in OPERATIONS


def test_every_file_of_the_page_is_used() -> None:
    assert {path.name for path in (FOLDER / "play").iterdir() if path.suffix in (".js", ".css", ".html")} == {
        *(f"{name}.js" for name in SCRIPTS),
        "style.css",
        "page.html",
    }
