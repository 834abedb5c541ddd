"""Playing: cells, controls, keyboard, undo, links, copies; labels stay text; the page suits eyes, ears and fingers."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explain.test_hostile_labels import HOSTILE
from play.browser import DESKTOP, PHONE, PlayPage

from attncli import attend
from attncli.api import as_matrix
from attncli.explain import explain
from attncli.inputs.request import Request
from attncli.render.explain.notation import BREAK, WRITER
from attncli.variants import VARIANTS

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
CAR, RIVER = EXAMPLES / "car.yaml", EXAMPLES / "river_bank.yaml"


def test_a_cell_that_is_changed_changes_the_output_and_the_address(play: Callable[..., PlayPage]) -> None:
    page = play(RIVER)
    assert page.address == ""
    cell = page.cell("queries", 2, 0)
    cell.fill("1/2")
    cell.press("Enter")
    assert "q.2.0=0.5" in page.address.split("&")
    assert page.numbers("queries")[2] == [0.5, 4]
    due = attend([[0, 0], [1, 0], [0.5, 4]], [[0, 0], [1, 0], [0, 0]], [[0, 0], [1, 0], [0.5, 0.5]]).output
    np.testing.assert_allclose(page.numbers("output"), due, rtol=1e-12)


def test_the_formula_is_the_one_that_run_writes(
    play: Callable[..., PlayPage], run: Callable[..., Any], sample: Callable[..., Any]
) -> None:
    page = play(RIVER)
    scales = (None, "1", "1/sqrt(dk)", "1/dk", "0.5", "2*sqrt(dk)")
    for variant, scale in sample(list(product((variant.name for variant in VARIANTS), scales)), 5):
        said = run("run", RIVER, "-a", variant, *([] if scale is None else ["--scale", scale])).out
        formula = re.search(r"attention: (softmax\(.*\)V)", said)
        assert formula is not None
        page.go(f"variant={variant}" + ("" if scale is None else f"&scale={scale}"))
        assert page.page.inner_text("#formula") == f"output = {formula[1].replace('d_k', 'dk')}"


def test_what_is_not_a_number_is_reported_and_changes_nothing(play: Callable[..., PlayPage]) -> None:
    page = play(RIVER)
    cell = page.cell("values", 1, 0)
    cell.fill("<b>two</b>")
    cell.press("Enter")
    assert page.page.inner_text("#status") == "“<b>two</b>” is not a number: write 0.5, -2, 1e-3 or 1/3"
    assert cell.get_attribute("aria-invalid") == "true"
    assert page.numbers("values")[1] == [1, 0]
    cell.press("Escape")
    assert cell.input_value() == "1"
    assert cell.get_attribute("aria-invalid") == "false"


def test_the_page_says_why_a_key_wins_and_what_the_scale_does(play: Callable[..., PlayPage]) -> None:
    page = play(CAR)
    assert page.page.inner_text("#arithmetic-words") == (
        "“4 wheels” gets 19 % of the attention of “is this a car?”, more than any other key. "
        "Most of its raw score comes from “4 wheels” (0.96), “headlights” (0.8) and “radiator grill” (0.75)."
    )
    weights = {scale: np.array(page.go(f"scale={scale}").numbers("weights")) for scale in ("1", "1/sqrt(dk)", "1/dk")}
    spread = {scale: f"{np.exp(-(row * np.log(row)).sum()):.1f}" for scale, row in weights.items()}
    assert page.page.inner_text("#scale-words") == (
        f"“is this a car?” spreads as if over {spread['1/dk']} of 8 keys; "
        f"{spread['1']} with 1 and {spread['1/sqrt(dk)']} with 1/√dk."
    )


def test_every_control_is_a_setting_of_run(play: Callable[..., PlayPage]) -> None:
    page = play(RIVER)
    page.page.select_option("#variant", "laplace")
    page.page.fill("#length_scale", "2")
    page.page.press("#length_scale", "Enter")
    page.page.check("#causal")
    page.page.fill("#window-left", "1")
    page.page.press("#window-left", "Enter")
    page.page.fill("#softcap", "0.5")
    page.page.press("#softcap", "Tab")
    assert page.address == "variant=laplace&length_scale=2&softcap=0.5&causal=1&window=1,-1"
    page.page.click("[data-scale='1/dk']")
    assert page.address == "variant=laplace&scale=1/dk&softcap=0.5&causal=1&window=1,-1"
    page.page.select_option("#variant", "dot")
    assert page.page.inner_text("#formula") == "output = softmax(0.5·tanh((QKᵀ/dk) / 0.5))V"


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("scale", "1/", "“1/” is not a scale: a number or an expression of dk, as 1/sqrt(dk), 1/dk, 0.125"),
        ("scale", "1/0", "“1/0” is not a scale: a number or an expression of dk, as 1/sqrt(dk), 1/dk, 0.125"),
        ("scale", "alert(1)", "“alert(1)” is not a scale: a number or an expression of dk, as 1/sqrt(dk), 1/dk, 0.125"),
        ("softcap", "0", "“0” is not a number above 0"),
        ("temperature", "-1", "“-1” is not a number above 0"),
        ("sink", "x", "“x” is not a number"),
        ("window-left", "1.5", "a side of the window is a whole number; empty is unbounded"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_reported(
    play: Callable[..., PlayPage], field: str, text: str, said: str
) -> None:
    page = play(RIVER)
    page.page.fill(f"#{field}", text)
    page.page.press(f"#{field}", "Tab")
    assert page.page.inner_text("#status") == said
    assert page.page.get_attribute(f"#{field}", "aria-invalid") == "true"
    assert page.address == ""


def test_every_change_can_be_undone_and_all_of_them_at_once(play: Callable[..., PlayPage]) -> None:
    page = play(RIVER)
    start = page.numbers("weights")
    page.page.click("[data-scale='1']")
    first = page.address
    page.page.select_option("#variant", "gaussian")
    page.page.fill("#sink", "0")
    page.page.press("#sink", "Tab")
    page.page.click("#undo")
    page.page.keyboard.press("Control+z")
    assert page.address == first
    page.page.click("#undo")
    assert (page.address, page.numbers("weights")) == ("", start)
    assert page.page.is_disabled("#undo")
    page.page.check("#causal")
    page.page.click("#reset")
    assert (page.address, page.numbers("weights")) == ("", start)


def test_the_slider_moves_one_number_of_q_and_is_one_change(play: Callable[..., PlayPage]) -> None:
    page = play(RIVER)
    page.page.select_option("#mover-row", "1")
    page.page.select_option("#mover-column", "1")
    page.page.evaluate(
        """() => { const slider = document.getElementById("mover");
        for (const value of [1, 2, 3]) { slider.value = value; slider.dispatchEvent(new Event("input")); }
        slider.dispatchEvent(new Event("change")); }"""
    )
    assert page.numbers("queries")[1] == [1, 3]
    assert page.page.inner_text("#mover-value") == "3"
    assert page.page.locator("#curves polyline").count() == 3
    page.page.click("#undo")
    assert page.numbers("queries")[1] == [1, 0]


def test_a_link_shows_what_its_sender_saw(play: Callable[..., PlayPage]) -> None:
    page = play(RIVER, address="variant=cosine&scale=3/dk&causal=1&window=1,0&sink=-1&temperature=2&q.2.1=-0.25")
    page.cell("weights", 2, 1).click()
    seen = page.matrices(("queries", "scores", "weights", "output", "lse"))
    words = page.page.inner_text("#arithmetic-lines")
    again = play(RIVER, address=page.address)
    assert again.matrices(tuple(seen)) == seen
    assert again.page.inner_text("#arithmetic-lines") == words


def test_what_an_address_cannot_mean_is_left_out_and_said(play: Callable[..., PlayPage]) -> None:
    page = play(RIVER, address="variant=nothing&scale=1/dk&q.9.9=1&causal=maybe&__proto__=1&constructor=2&%=&at=x.1.1")
    said = page.page.inner_text("#status")
    assert said == (
        "not understood, and left out: variant=nothing, q.9.9=1, causal=maybe, __proto__=1, constructor=2, %=, at=x.1.1"
    )
    np.testing.assert_allclose(page.numbers("scores")[2], [0, 2, 0])


def test_the_problem_file_that_is_copied_gives_the_page_s_numbers(
    play: Callable[..., PlayPage], run: Callable[..., Any], tmp_path: Path
) -> None:
    for number, address in enumerate(
        ("q.0.1=1e-7&scale=1/dk&causal=1", "variant=laplace&length_scale=3&temperature=2", "variant=dot&window=1,0")
    ):
        page = play(RIVER, address=address)
        page.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
        page.page.click("#copy-file")
        text = page.page.input_value("#copy-text")
        path = tmp_path / f"copied{number}.yaml"
        path.write_text(text, "utf-8")
        ran = run("run", path, "-f", "csv", "--show", "weights", "-q", "-w", tmp_path / f"w{number}.npy")
        assert ran.status == 0, ran.err
        np.testing.assert_allclose(page.numbers("weights"), np.load(tmp_path / f"w{number}.npy"), rtol=1e-12)
        assert 'queries: ["the", "river", "bank"]' in text


def test_labels_are_text_whatever_they_look_like(
    play: Callable[..., PlayPage], run: Callable[..., Any], tmp_path: Path
) -> None:
    import json

    count = len(HOSTILE)
    problem = {
        "title": HOSTILE[1],
        "labels": {
            "queries": [HOSTILE[0]],
            "keys": list(HOSTILE),
            "features": list(HOSTILE[1:3]),
            "values": ["{{script}}", "</script>"],
        },
        "queries": [[1, 2]],
        "keys": [[i % 3, 1] for i in range(count)],
        "values": [[i % 2, 0.5] for i in range(count)],
    }
    path = tmp_path / "hostile.json"
    path.write_text(json.dumps(problem), "utf-8")
    page = play(path)
    assert page.page.title() == HOSTILE[1]
    assert page.page.locator("script").count() == 1
    assert page.page.locator("main b:not(.card b):not(.star), main img, main a").count() == 0
    shown = page.page.eval_on_selector_all("#weights thead th", "cells => cells.map(cell => cell.textContent)")
    assert HOSTILE[1] in shown
    assert "[bold]red[/bold]" in shown
    page.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.page.click("#copy-file")
    copied = tmp_path / "copied.yaml"
    copied.write_text(page.page.input_value("#copy-text"), "utf-8")
    again = run("run", copied)
    assert again.status == 0, again.err
    assert again.out == run("run", path).out


def test_arrows_walk_through_results_and_inputs(play: Callable[..., PlayPage]) -> None:
    page = play(RIVER)
    page.cell("weights", 0, 0).focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        page.page.keyboard.press(key)
    assert "at=weights.2.1" in page.address
    assert page.page.inner_text("#arithmetic-title") == "weight: bank → river"
    assert page.page.inner_text("#arithmetic-words") == (
        "“river” gets 89 % of the attention of “bank”, more than any other key. "
        "Most of its raw score comes from “is it about water?” (4)."
    )
    page.page.keyboard.press("End")
    assert "at=weights.2.2" in page.address
    page.cell("queries", 0, 0).focus()
    for key in ("ArrowDown", "ArrowRight", "Shift+ArrowUp", "Shift+ArrowUp"):
        page.page.keyboard.press(key)
    assert page.numbers("queries") == [[0, 0], [1, 0.2], [4, 4]]


def test_a_query_under_the_pointer_shows_its_bands(play: Callable[..., PlayPage]) -> None:
    page = play(RIVER)
    for place, title in (
        (page.cell("queries", 1, 0), "weight: river → river"),
        (page.page.locator('[data-query="0"]'), "weight: the → the"),
        (page.cell("scores", 2, 2), "score: bank → bank"),
    ):
        place.hover()
        assert page.page.inner_text("#arithmetic-title") == title
        query = title.split(": ")[1].split(" → ")[0]
        said = page.page.get_attribute("#bands svg", "aria-label")
        assert said is not None
        assert f"{query} attends most to " in said
    page.page.mouse.move(0, 0)
    assert page.page.inner_text("#arithmetic-title") == "weight: bank → river"
    assert page.address == ""


def test_tab_stops_once_in_each_matrix(play: Callable[..., PlayPage]) -> None:
    page = play(RIVER)
    for matrix in ("queries", "keys", "values", "raw_scores", "scores", "weights", "output", "lse"):
        assert page.page.locator(f'[data-matrix="{matrix}"][tabindex="0"]').count() == 1


@pytest.mark.parametrize("variant", [variant.name for variant in VARIANTS])
def test_the_arithmetic_is_what_explain_writes(play: Callable[..., PlayPage], tmp_path: Path, variant: str) -> None:
    queries = [[1, -0.5, 0], [0.03125, 2, 3]]
    keys = [[0.5, 0, 1], [-1, 2.345678, 1e-7], [0, 0, 0]]
    values = [[1, -2], [0.5, 3], [0, 1]]
    path = tmp_path / "problem.yaml"
    path.write_text(f"queries: {queries}\nkeys: {keys}\nvalues: {values}\nvariant: {variant}\nsoftcap: 2\n")
    page = play(path)
    request = Request(
        queries=as_matrix(queries, "q"),
        keys=as_matrix(keys, "k"),
        values=as_matrix(values, "v"),
        variant=variant,
        softcap=2.0,
    )
    for i, solution in enumerate(explain(request).solutions):
        steps = {step.name: step for step in solution.steps}
        for j in range(3):
            page.go(f"at=weights.{i}.{j}")
            found = re.sub(r"\s+", " ", page.page.inner_text("#arithmetic-lines"))
            # a step of words only, as the raw scores of `uniform`, is written for the first query
            assert {"exp", "weights"} <= steps.keys()
            for name in steps.keys() & {"raw", "exp", "weights"}:
                for line in steps[name].lines:
                    if line.label in (f"key {j}", "sum") and line.equation is not None and not line.note:
                        if name == "weights" and line.label == "sum":
                            continue
                        assert written(line.equation) in found
        page.go(f"at=output.{i}.1")
        found = re.sub(r"\s+", " ", page.page.inner_text("#arithmetic-lines"))
        assert written(steps["output"].lines[-1].equation) in found


def written(equation: Any) -> str:
    text = WRITER.write(equation.sides[0])
    for sign, side in zip(equation.signs, equation.sides[1:], strict=True):
        text += f" {sign} {WRITER.write(side)}"
    return re.sub(r"\s+", " ", text.replace(BREAK, " "))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_in_one_direction_only(play: Callable[..., PlayPage], scheme: str) -> None:
    page = play(CAR, size=PHONE, color_scheme=scheme, has_touch=True)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.cell("weights", 0, 4).tap()
    assert page.page.inner_text("#arithmetic-title") == "weight: is this a car? → 4 wheels"


def test_settings_stand_side_by_side_on_a_screen_too_narrow_for_a_column_of_them(play: Callable[..., PlayPage]) -> None:
    page = play(CAR, size={"width": 1000, "height": 900})
    boxes = [page.page.locator(f"#{name}").bounding_box() for name in ("variant", "temperature", "normalizer")]
    assert boxes[0]["x"] < boxes[1]["x"]
    assert page.page.locator("#settings").bounding_box()["height"] < 600


def test_in_print_nothing_is_left_to_press(play: Callable[..., PlayPage]) -> None:
    page = play(CAR, size=PHONE)
    page.page.evaluate("() => { window.dispatchEvent(new Event('beforeprint')); }")
    page.page.emulate_media(media="print")
    assert page.page.locator("#variant").is_visible()
    assert not page.page.locator("button:visible, input[type=range]:visible").count()
    assert page.page.locator('[data-matrix="weights"]:visible').count() == 8


def test_nothing_moves_for_who_wants_that(play: Callable[..., PlayPage]) -> None:
    page = play(CAR, reduced_motion="reduce")
    assert page.page.eval_on_selector(".bands path", "path => getComputedStyle(path).transitionDuration") == "0s"


def list_barriers(page: Any) -> list[str]:
    """The rules of axe that a page breaks."""
    from axe_playwright_python.sync_playwright import Axe

    return [found["id"] for found in Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("example", "scheme", "size"),
    [("car", "light", DESKTOP), ("car", "dark", PHONE), ("causal", "dark", DESKTOP), ("causal", "light", PHONE)],
    ids=["car-light-desktop", "car-dark-phone", "causal-dark-desktop", "causal-light-phone"],
)  # every two of the three meet once
def test_axe_finds_nothing_that_keeps_people_out(
    play: Callable[..., PlayPage], example: str, scheme: str, size: dict[str, int]
) -> None:
    page = play(EXAMPLES / f"{example}.yaml", size=size, color_scheme=scheme)
    page.page.evaluate("() => { document.getElementById('settings').open = true; }")
    assert list_barriers(page.page) == []


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("scheme", "size"), [("dark", PHONE), ("light", DESKTOP)], ids=["dark-phone", "light-desktop"])
def test_axe_finds_nothing_in_a_worked_solution(
    run: Callable[..., Any], tab: Callable[..., PlayPage], tmp_path: Path, scheme: str, size: dict[str, int]
) -> None:
    path = tmp_path / "work.html"
    assert run("explain", CAR, "-o", path, "--play", tmp_path / "play.html").status == 0
    page = tab(size, color_scheme=scheme).page
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert list_barriers(page) == []
    page.click("text=Play with it")
    page.wait_for_function("document.documentElement.dataset.ready === 'true'")


def test_each_query_of_a_worked_solution_leads_to_its_largest_weight(
    run: Callable[..., Any], tab: Callable[..., PlayPage], tmp_path: Path
) -> None:
    work = tmp_path / "work.html"
    assert run("explain", EXAMPLES / "two_heads.yaml", "-o", work, "--play", tmp_path / "play.html").status == 0
    page = tab(DESKTOP).page
    page.goto(work.as_uri())
    page.click("text=Play with mat, head 1")
    page.wait_for_function("document.documentElement.dataset.ready === 'true'")
    assert page.inner_text("#arithmetic-title").startswith("weight: mat → ")
    assert page.input_value("#part") == "1"
