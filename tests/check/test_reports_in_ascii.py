"""Reports of `check` where the terminal has ASCII only."""

import ast
from pathlib import Path

import pytest
from slip_cases import FOUR, numbers, problem

import attncli
from attncli.check import check
from attncli.check.suites import CaseOutcome
from attncli.render.check import WIDTH, verdict_text
from attncli.render.result.tables import Style, to_ascii

ROOT = Path(attncli.__file__).parent
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
SENTENCES = sorted(path for folder in ("check", "stages") for path in (ROOT / folder).rglob("*.py"))


def texts_of(path):
    """Return the texts of a module, but for its docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, DOCUMENTED)}
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in texts if text not in docs]


def test_every_sign_of_a_sentence_has_words_in_ascii():
    texts = [text for path in SENTENCES for text in texts_of(path) if "\\" not in text]
    assert [text for text in texts if "\\" in to_ascii(text, Style(ascii_only=True))] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [("1/√d_v", "1/sqrt(d_v)"), ("1/√m", "1/sqrt(m)"), ("√16 = 4", "sqrt(16) = 4"), ("√(p + 1)", "sqrt(p + 1)")],
)
def test_a_root_in_ascii_is_of_what_stands_behind_it(text, words):
    assert to_ascii(text, Style(ascii_only=True)) == words


def test_lines_are_folded_at_the_width_that_they_have_in_ascii():
    rows = numbers(f"{FOUR}, scale: 1/dk", "weights")
    outcome = CaseOutcome("p", check(problem(f"{FOUR}, expected: {{weights: {rows}}}")))
    lines = verdict_text([outcome], ascii_only=True).splitlines()
    assert "sqrt(d_k)" in lines[-2] + lines[-1]
    assert max(map(len, lines)) <= WIDTH
