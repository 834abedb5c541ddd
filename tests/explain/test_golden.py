"""Whole pages, as they were when somebody last looked at them.

After a change that is meant, `ATTNCLI_REGENERATE=1 pytest tests/explain/test_golden.py` writes them again; read the
difference before it is committed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from explain.board import ROOT, page_of, worksheet

from attncli.explain import Explanation, explain
from attncli.render.explain.formats import page_renderer
from attncli.render.explain.text import explanation_text
from attncli.render.result.tables import Style

GOLDEN = Path(__file__).parent / "golden"
PAGES: dict[str, dict[str, object]] = {
    "river_bank": {"queries": ["bank"]},
    "car": {},
    "causal": {"queries": ["a"]},
    "two_heads": {"queries": ["cat"]},
    "gradients": {"backward": True},
    "river_bank_sheet": {"queries": ["bank"], "until": "scores"},
}
FORMATS = {"80.txt": 80, "120.txt": 120, "ascii.txt": 80, "md": "markdown", "tex": "latex", "html": "html"}


def page(name: str) -> Explanation:
    found = worksheet(ROOT / "examples" / f"{name.removesuffix('_sheet')}.yaml")
    return explain(found.request, title=found.title, **PAGES[name])  # type: ignore[arg-type]


def rendered(name: str, ending: str) -> str:
    kind = FORMATS[ending]
    if isinstance(kind, int):
        return explanation_text(page(name), Style(ascii_only=ending.startswith("ascii")), kind)
    return page_renderer(kind)(page(name), Style())


def shorten_digits(text: str) -> str:
    """Return the text with numbers of over 13 decimals cut to 12: another processor may end them otherwise."""
    return re.sub(r"\d\.\d{14,}", lambda number: f"{float(number[0]):.12f}", text)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_it_was(name: str, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    file, text = GOLDEN / f"{name}.{ending}", rendered(name, ending)
    if os.environ.get("ATTNCLI_REGENERATE") == "1":
        file.write_text(text, encoding="utf-8")
    assert shorten_digits(text) == shorten_digits(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    text = explanation_text(page(name), Style(), width)
    assert max(map(len, text.split("\n"))) <= width


@pytest.mark.parametrize("name", PAGES)
def test_ascii_is_ascii(name: str) -> None:
    assert rendered(name, "ascii.txt").isascii()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("name", PAGES)
def test_the_latex_page_compiles_as_it_is(name: str, tmp_path: Path) -> None:
    compile_latex(rendered(name, "tex"), tmp_path)


def compile_latex(text: str, folder: Path) -> None:
    (folder / "page.tex").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"], cwd=folder, capture_output=True
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (folder / "page.pdf").stat().st_size > 1000


class Balance(HTMLParser):
    """Every element that is opened is closed, in order."""

    VOID = frozenset({"meta", "wbr", "br", "!doctype"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        assert not any(name.startswith("on") or name in ("src",) for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", PAGES)
def test_the_html_page_is_whole_without_scripts_or_fetches(name: str) -> None:
    text = rendered(name, "html")
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert len(set(parser.ids)) == len(parser.ids)
    assert not parser.tags & {"script", "img", "link", "iframe", "object"}
    assert "http" not in text
    assert "url(" not in text


def test_later_steps_of_a_sheet_hold_no_number() -> None:
    whole, sheet = page("river_bank"), page("river_bank_sheet")
    for text in (explanation_text(sheet, Style(), 100), rendered("river_bank_sheet", "html")):
        for secret in ("0.0591", "1.1182", "0.8943", "0.0529", "0.9207", "In words"):
            assert secret not in text
            assert secret in explanation_text(whole, Style(), 100)


def test_pages_are_the_same_every_time() -> None:
    assert rendered("two_heads", "html") == rendered("two_heads", "html")
    assert page_of(worksheet(ROOT / "examples" / "car.yaml").request).solutions
