"""What a notebook shows: five lines, tables with heat colours, worked solutions, pictures; the example runs."""

from __future__ import annotations

import ast
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explain.test_hostile_labels import HOSTILE

from attncli import attend
from attncli.api import as_matrix
from attncli.errors import MissingExtraError, install_command
from attncli.inputs.request import Labels, Request
from attncli.notebook import NotebookResult, Picture, Worked
from attncli.problem.prepare import prepare

NOTEBOOK = Path(__file__).parent.parent / "examples" / "notebook.ipynb"
QUERIES, KEYS, VALUES = [[2, 0], [0, 1]], [[1, 0], [0, 1]], [[1, 2], [3, 4]]


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does; the value of its last line, where that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_the_example_notebook_runs() -> None:
    pytest.importorskip("matplotlib")
    names: dict[str, Any] = {}
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    shown = [run_cell("".join(cell["source"]), names) for cell in cells if cell["cell_type"] == "code"]
    result, weights, worked, picture = shown
    assert isinstance(result, NotebookResult)
    np.testing.assert_allclose(weights[2], [0.0529, 0.8943, 0.0529])
    assert "1 / 1.1182 ≈ 0.8943" in repr(worked)
    assert picture._repr_svg_().lstrip().startswith("<?xml")


def test_a_prompt_shows_five_lines_and_computes_nothing() -> None:
    result = attend(QUERIES, KEYS, VALUES, causal=True)
    assert repr(result).split("\n") == [
        "scaled attention: softmax(QKᵀ/√d_k)V, √d_k ≈ 1.41421",
        "queries 2 × 2, keys 2 × 2, values 2 × 2",
        "weights 2 × 2, output 2 × 2, lse 2: float64",
        "causal: query i sees keys j ≤ i; align: top-left",
        "nothing is computed before it is asked for",
    ]
    assert result.outcome is None
    result.compute("weights")
    assert repr(result).split("\n")[-1] == "query 0 attends most to key 0: 1.0000"


def test_a_result_is_tables_whose_colours_go_from_0_to_the_largest_weight() -> None:
    page = attend(QUERIES, KEYS, VALUES, causal=True)._repr_html_()
    assert page.count("<table") == 2
    assert page.count('title="masked"') == 1
    assert "background:#fee838;color:#000" in page  # the weight 1.0000, the largest
    assert "<script" not in page
    assert "class=" in page
    assert "<style" not in page


class Tags(HTMLParser):
    """The tags of a page, opened and closed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.depth = 0

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self.seen.add(tag)
        self.depth += tag not in ("br", "wbr", "meta")

    def handle_endtag(self, _tag: str) -> None:
        self.depth -= 1


def hostile_result() -> NotebookResult:
    count = len(HOSTILE)
    request = Request(
        queries=as_matrix([[1.0, 2.0]], "queries"),
        keys=as_matrix([[i % 3, 1.0] for i in range(count)], "keys"),
        values=as_matrix([[i % 2, 0.5] for i in range(count)], "values"),
        labels=Labels(queries=(HOSTILE[1],), keys=HOSTILE, features=HOSTILE[1:3], values=HOSTILE[1:3]),
    )
    return NotebookResult(prepare(request), "auto", request)


def test_labels_are_text_in_a_notebook_too() -> None:
    tags = Tags()
    tags.feed(hostile_result()._repr_html_())
    assert tags.seen == {"div", "p", "b", "br", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert tags.depth == 0
    frame = Tags()
    frame.feed(hostile_result().explain()._repr_html_())
    assert (frame.depth, frame.seen) == (0, {"iframe"})
    assert "\x1b" not in repr(hostile_result())


def test_a_worked_solution_is_text_at_a_prompt_and_a_page_in_a_frame() -> None:
    worked = attend(QUERIES, KEYS, VALUES).explain(1, digits=2)
    assert isinstance(worked, Worked)
    assert "query 1" in repr(worked)
    assert "━ query 0" not in repr(worked)
    frame = worked._repr_html_()
    page = re.fullmatch(r'<iframe srcdoc="([^"]*)" style="[^"]*" title="worked solution"></iframe>', frame)
    assert page is not None
    assert unescape(page[1]).startswith("<!DOCTYPE html>")
    assert worked._repr_markdown_().startswith("# ")


def test_a_plot_is_an_svg_or_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attncli.notebook.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError) as caught:
        attend(QUERIES, KEYS).plot()
    assert caught.value.hint == install_command("plot")
    assert repr(Picture("<svg/>")) == "<picture of 6 characters of SVG>"
