"""Labels are text, whatever they look like: in no format do they become markup, or break the page."""

from __future__ import annotations

import html
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from explain.test_golden import Balance, compile_latex

from attncli.api import as_matrix
from attncli.explain import Explanation, explain
from attncli.inputs.request import Labels, Request
from attncli.render.explain.formats import page_renderer
from attncli.render.explain.text import explanation_text
from attncli.render.result.tables import Style

HOSTILE = (
    "[bold]red[/bold]", "<script>alert(1)</script>", r"\end{document}", "a|b", "\x1b[31mred", "😀 emoji",
    "x" * 200,
    "word " * 40, "$x$ 100% #1 & _y_ ^z~", "`code` *star* ![i](u)", "", " ", "line\nbreak",
    '"quote" \'it\'', "<b>&amp;",
    ":cat: @somebody https://example.org", "mañana Ω 中文", "\\", "{", "-1", "}]}", "\u202eright-to-left",
    "=SUM(A1)", "%s {0}",
)  # fmt: skip


def hostile_page(**options: object) -> Explanation:
    count = len(HOSTILE)
    request = Request(
        queries=as_matrix([[1.0, 2.0]], "queries"),
        keys=as_matrix([[i % 3, 1.0] for i in range(count)], "keys"),
        values=as_matrix([[i % 2, 0.5] for i in range(count)], "values"),
        labels=Labels(queries=(HOSTILE[0],), keys=HOSTILE, features=HOSTILE[1:3], values=HOSTILE[3:5]),
    )
    return explain(request, title=HOSTILE[1], **options)  # type: ignore[arg-type]


def test_in_the_terminal_they_are_shown_and_nothing_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    for colour in (False, True):
        if colour:
            monkeypatch.setenv("FORCE_COLOR", "1")
        else:
            monkeypatch.delenv("FORCE_COLOR", raising=False)
        text = explanation_text(hostile_page(), Style(), 80)
        plain = re.sub(r"\x1b\[[\d;]*m", "", text) if colour else text
        for label in ("[bold]red[/bold]", "<script>alert(1)</script>", r"\end{document}", "a|b", r"\x1b[31mred"):
            assert label in plain
        assert "\x1b" not in plain
        assert "\u202e" not in plain
        assert max(len(line) for line in plain.split("\n")) <= 80 + 4  # an emoji is two columns


def test_ascii_spells_them_out() -> None:
    assert explanation_text(hostile_page(), Style(ascii_only=True), 80).isascii()


class Text(HTMLParser):
    """The text of a page outside its style."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def test_in_html_they_are_text() -> None:
    page = page_renderer("html")(hostile_page(), Style())
    balance, text = Balance(), Text()
    balance.feed(page)
    text.feed(page)
    assert balance.open == []
    assert not balance.tags & {"script", "b", "bold"}
    said = " ".join(text.said)
    for label in ("<script>alert(1)</script>", "[bold]red[/bold]", "<b>&amp;", "\"quote\" 'it'"):
        assert label in said
    assert html.escape("<script>alert(1)</script>") in page


def test_in_markdown_they_are_text() -> None:
    page = page_renderer("markdown")(hostile_page(), Style())
    assert "<script" not in page
    assert "\n| a\\|b |" in page
    assert not re.search(r"(?<!\\)!\[", page)
    for table in (block for block in page.strip().split("\n\n") if block.startswith("|")):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.split("\n")}) == 1
    assert ":cat:" not in page


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_in_latex_they_compile(tmp_path: Path) -> None:
    compile_latex(page_renderer("latex")(hostile_page(), Style()), tmp_path)


def test_in_latex_no_command_comes_from_a_label() -> None:
    page = page_renderer("latex")(hostile_page(), Style())
    assert page.count(r"\end{document}") == 1
    assert page.endswith("\\end{document}\n")


def test_a_label_that_several_keys_share_gets_its_number() -> None:
    request = Request(
        queries=as_matrix([[1.0]], "queries"),
        keys=as_matrix([[1.0], [2.0]], "keys"),
        labels=Labels(keys=("the", "the")),
    )
    text = explanation_text(explain(request), Style(), 80)
    assert "the (key 0)" in text
    assert "the (key 1)" in text
