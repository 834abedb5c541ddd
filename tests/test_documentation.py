"""README and docs say what is so: their commands are run and the output compared, their Python too."""

from __future__ import annotations

import contextlib
import io
import re
import shlex

import pytest
from documentation import BLOCK, PAGES, ROOT, make_checkout, run_block, without_seconds

from attncli.cli.main import run_cli
from attncli.inputs.problem_keys import KEYS

TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text("utf-8") for page in PAGES}
BLOCKS = [(name, block) for name, text in TEXTS.items() for block in BLOCK.findall(text)]
PYTHON = [
    (name, code)
    for name, text in TEXTS.items()
    for code in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
]
README = TEXTS["README.md"]
CALCULATION = TEXTS["docs/calculation.md"]
LONGEST_README = 160


def test_readme_is_one_page():
    assert len(README.splitlines()) <= LONGEST_README


def test_every_page_of_docs_is_linked_from_readme():
    assert {name for name in TEXTS if name != "README.md"} == set(re.findall(r"docs/\w+\.md", README))


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_to_a_file_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)#]+)\)", TEXTS[name]):
        if "://" not in target:
            assert ((ROOT / name).parent / target).exists(), target


def run_here(block, checkout, monkeypatch):
    """The same as run_block, but what needs no shell and no other process runs in this one."""
    commands = re.findall(r"^\$ (.*)", block, re.MULTILINE)
    if any(not command.startswith("attncli ") or re.search(r"[|;&<>]|^attncli batch", command) for command in commands):
        return run_block(block, checkout)
    monkeypatch.chdir(checkout)
    fresh = ""
    for command in commands:
        shown = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            run_cli(shlex.split(command)[1:])
        fresh += f"$ {command}\n{shown.buffer.getvalue().decode()}"
    return fresh


@pytest.mark.parametrize(("name", "block"), BLOCKS, ids=[f"{n}: {b.splitlines()[0]}" for n, b in BLOCKS])
def test_a_command_prints_what_its_page_shows(tmp_path, monkeypatch, name, block):
    checkout = make_checkout(tmp_path, TEXTS[name])
    assert without_seconds(run_here(block, checkout, monkeypatch)) == without_seconds(block)


@pytest.mark.parametrize(("name", "code"), PYTHON, ids=[f"{name} {place}" for place, (name, _) in enumerate(PYTHON)])
def test_the_python_of_a_page_runs(name, code):
    exec(code, {"__name__": name})


def test_the_table_of_variants_is_that_of_the_program(run):
    shown = re.search(r"<!-- variants -->\n(.*?)<!-- /variants -->", CALCULATION, re.DOTALL)
    assert shown is not None
    assert shown.group(1) == run("variants", "-f", "markdown").out


@pytest.mark.parametrize("key", KEYS)
def test_the_page_on_inputs_names_every_key_of_a_problem_file(key):
    assert f"`{key}`" in TEXTS["docs/inputs.md"] or f"`{key}:" in TEXTS["docs/inputs.md"]


def test_the_problem_file_of_the_page_on_inputs_is_one(run, tmp_path):
    text = re.search(r"^```yaml\n(.*?)^```", TEXTS["docs/inputs.md"], re.MULTILINE | re.DOTALL)
    assert text is not None
    (tmp_path / "p.yaml").write_text(text.group(1))
    assert run("run", tmp_path / "p.yaml").status == 0
