"""The matrices stand before the work, in every format, and say nothing that the reader is to work out."""

from __future__ import annotations

import re

import numpy as np
import pytest

from attncli.explain import explain
from attncli.explain.page import STEPS
from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.render.explain.formats import page_renderer
from attncli.render.explain.text import explanation_text
from attncli.render.result.tables import Style

NAMES = ["Q", "K", "V", "raw", "scores", "weights", "output"]


def request(n: int = 3, m: int = 4, d: int = 2, **options: object) -> Request:
    random = np.random.default_rng(0)
    shapes = {"queries": (n, d), "keys": (m, d), "values": (m, d)}
    made = {name: Matrix(np.round(random.normal(size=shape), 1), name) for name, shape in shapes.items()}
    return Request(**made, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("until", "count"),
    [("given", 3), ("raw", 4), ("scores", 4), ("masked", 5), ("exp", 5), ("weights", 6), ("output", 7)],
)
def test_matrices_go_as_far_as_the_work(until: str, count: int) -> None:
    page = explain(request(), until=until)
    assert [grid.name for grid in page.grids] == NAMES[:count]
    filled = [step.name for step in page.solutions[0].steps if any(line.equation for line in step.lines)]
    assert set(filled) <= set(STEPS[: STEPS.index(until) + 1])


def test_every_query_of_a_small_problem_stands_in_the_matrices() -> None:
    page = explain(request(), queries=["1"])
    assert [len(grid.row_labels) for grid in page.grids] == [3, 4, 4, 3, 3, 3, 3]


def test_of_a_large_problem_the_edges_and_the_query() -> None:
    page = explain(request(100, 200, 64), queries=["50"])
    grids = {grid.name: grid for grid in page.grids}
    assert grids["Q"].row_labels == ("query 0", "query 1", "query 2", "query 50", "query 97", "query 98", "query 99")
    assert grids["weights"].column_labels[5:7] == ("key 5", "key 194")
    assert (grids["K"].gap_row, grids["K"].gap_column) == (3, 6)
    assert grids["K"].title == "K, the keys (200 × 64)"
    text = explanation_text(page, Style(), 80)
    assert max(map(len, text.split("\n"))) <= 80
    assert len(text.split("\n")) < 250


@pytest.mark.parametrize("format", ["text", "markdown", "latex", "html"])
def test_matrices_stand_before_the_work(format: str) -> None:
    text = page_renderer(format)(explain(request(causal=True)), Style())
    places = [text.index(words) for words in ("The matrices", "K, the keys", "What is given")]
    assert places == sorted(places)


def test_latex_has_them_as_bmatrix_with_room_for_their_columns() -> None:
    text = page_renderer("latex")(explain(request(2, 12, 12)), Style())
    assert text.count(r"\begin{bmatrix}") == text.count(r"\end{bmatrix}") == 7
    assert text.index(r"\setcounter{MaxMatrixCols}{12}") < text.index(r"\begin{bmatrix}")
    assert re.search(r"\[ A = \\begin\{bmatrix\}\n  [-\d. &]+ \\\\\n", text)


def test_a_masked_cell_is_a_dot_and_a_masked_score_minus_infinity() -> None:
    page = explain(request(causal=True))
    grids = {grid.name: grid for grid in page.grids}
    assert grids["weights"].masked[0] == (False, True, True, True)
    assert re.search(r"query 0 +1 +· +· +·", explanation_text(page, Style(), 80))
    assert r"-\infty & -\infty & -\infty \\" in page_renderer("latex")(page, Style())
