"""The pages for users, and how their commands are run: by the tests, and by the tool that refreshes the pages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
MANIFEST = re.compile(r"^```yaml\n(# jobs\.yaml.*?)^```", re.MULTILINE | re.DOTALL)


def make_checkout(folder: Path, page: str) -> Path:
    """A folder with the examples, the manifest of the page with its data, and `attncli` in `bin`."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    program = folder / "bin" / "attncli"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m attncli "$@"\n')
    program.chmod(0o755)
    manifest = MANIFEST.search(page)
    if manifest is not None:
        (folder / "jobs.yaml").write_text(manifest[1])
        (folder / "data").mkdir()
        np.savez(folder / "data" / "memory.npz", keys=np.eye(5, 4), values=np.ones((5, 2)))
        for day in ("monday", "tuesday"):
            np.savetxt(folder / "data" / f"{day}_q.csv", np.ones((3, 4)), delimiter=",")
    return folder


def run_block(block: str, checkout: Path) -> str:
    """The block with what its commands print now: standard output and error together, as a terminal shows them."""
    environment = {**os.environ, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}", "PYTHONUTF8": "1"}
    environment.pop("PYTHONPATH", None)
    fresh = ""
    for command in re.findall(r"^\$ (.*)", block, re.MULTILINE):
        ran = subprocess.run(
            command,
            shell=True,
            cwd=checkout,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=60,
        )
        fresh += f"$ {command}\n{ran.stdout}"
    return fresh


def without_seconds(text: str) -> str:
    """The text with its seconds taken out, and no spaces at its end."""
    return re.sub(r"\d+\.\d+ s\b", "N s", text).rstrip()
