"""README says what is so: its commands are run and their output compared, its Python too, its table is the records'."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^\$ (.+)\n((?:(?!\$ |```).*\n)*)", README, re.MULTILINE)
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the examples, and `attncli` on the PATH."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    program = tmp_path / "bin" / "attncli"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m attncli "$@"\n')
    program.chmod(0o755)
    return tmp_path


def test_readme_shows_commands():
    assert len(COMMANDS) >= 4


@pytest.mark.parametrize(("command", "output"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_a_command_of_readme_prints_what_readme_shows(checkout, command, output):
    environment = {**os.environ, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}", "PYTHONUTF8": "1"}
    ran = subprocess.run(
        command,
        shell=True,
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert ran.stdout.rstrip() == output.rstrip()


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_the_python_of_readme_runs(code):
    exec(code, {})


def test_the_table_of_variants_is_that_of_the_program(run):
    shown = re.search(r"<!-- variants -->\n(.*?)<!-- /variants -->", README, re.DOTALL)
    assert shown is not None
    assert shown.group(1) == run("variants", "-f", "markdown").out


def test_the_problem_file_of_readme_is_one(run, tmp_path):
    text = re.search(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert text is not None
    (tmp_path / "p.yaml").write_text(text.group(1))
    assert run("run", tmp_path / "p.yaml").status == 0
