"""README says what is so: its commands are run and their output compared, its Python too, its table is the records'."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the examples, the manifest of README with its data, and `attncli` on the PATH."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    program = tmp_path / "bin" / "attncli"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m attncli "$@"\n')
    program.chmod(0o755)
    manifest = re.search(r"^```yaml\n(# jobs\.yaml.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert manifest is not None
    (tmp_path / "jobs.yaml").write_text(manifest.group(1))
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "memory.npz", keys=np.eye(5, 4), values=np.ones((5, 2)))
    for day in ("monday", "tuesday"):
        np.savetxt(tmp_path / "data" / f"{day}_q.csv", np.ones((3, 4)), delimiter=",")
    return tmp_path


def timeless(text: str) -> str:
    """The text with its seconds taken out, and no blanks at its end."""
    return re.sub(r"\d+\.\d+ s\b", "N s", text).rstrip()


def test_readme_shows_commands():
    assert len(BLOCKS) >= 8


@pytest.mark.parametrize("block", BLOCKS, ids=[block.splitlines()[0] for block in BLOCKS])
def test_the_commands_of_readme_print_what_readme_shows(checkout, block):
    environment = {**os.environ, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}", "PYTHONUTF8": "1"}
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
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
        assert timeless(ran.stdout) == timeless(output)


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
