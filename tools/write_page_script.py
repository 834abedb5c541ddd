"""The script of a page to play with, as its browser gets it, on standard output: for a linter to read whole."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def write_script() -> str:
    """The script of the page of an example."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        command = [sys.executable, "-m", "attncli", "play", str(ROOT / "examples" / "car.yaml"), "-o", str(page)]
        subprocess.run(command, check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
        found = re.search(r"<script>\n(.*)\n</script>", page.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


if __name__ == "__main__":
    sys.stdout.write(f"{write_script()}\n")
