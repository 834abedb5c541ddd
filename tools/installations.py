"""Build the wheel and test it outside the source tree: installations.py PYTHON… (oldest to newest); some 15 minutes.

    python tools/installations.py python3.11 python3.12 python3.13

The oldest Python gets the lowest version of everything that pyproject.toml allows; the one after it the newest
versions and no extra; the newest Python the newest versions with every extra, and then each extra is taken away alone.
"""

# ruff: noqa: T201
from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = {name: needs for name, needs in PROJECT["optional-dependencies"].items() if name != "test"}
TOOLS = [need for need in PROJECT["optional-dependencies"]["test"] if not need.startswith("attncli")]
ABSENT = ("tests/cli", "tests/batch", "tests/engine", "tests/formats", "tests/render", "tests/inputs/test_sources.py")


def lowest(needs: Iterable[str]) -> list[str]:
    return [re.sub(r">=([\d.]+).*", r"==\1", need) for need in needs]


def name_of(need: str) -> str:
    return re.split(r"[<>=]", need)[0]


class Installation:
    """A virtual environment with the wheel and what it is given, and the suite in a folder without the source."""

    def __init__(self, folder: Path, interpreter: str, wheel: Path, *needs: str) -> None:
        self.tree = folder
        home = Path(tempfile.mkdtemp(dir=folder.parent))
        subprocess.run([interpreter, "-m", "venv", home], check=True)
        self.python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        self.call("pip", "install", "--quiet", "--disable-pip-version-check", str(wheel), *needs, *TOOLS)

    def call(self, *arguments: str) -> int:
        return subprocess.run([self.python, "-m", *arguments], cwd=self.tree).returncode

    def tested(self, title: str, *arguments: str) -> bool:
        print(f"\n== {title}", flush=True)
        self.call("pip", "list", "--format=freeze", "--disable-pip-version-check")
        passed = self.call("pytest", *arguments) == 0
        print(f"== {title}: {'passed' if passed else 'FAILED'}", flush=True)
        return passed


def main() -> None:
    pythons = sys.argv[1:] or [sys.executable]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it, and its tests
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and so would one of nohup
    everything = [need for needs in EXTRAS.values() for need in needs]
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        tree.mkdir()
        subprocess.run([pythons[0], "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", name, ROOT], check=True)
        (wheel,) = Path(name).glob("*.whl")
        for part in ("tests", "tools", "examples", "docs"):
            shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        for part in (*ROOT.glob("*.md"), ROOT / "pyproject.toml"):
            shutil.copy(part, tree)
        exact = lowest([*PROJECT["dependencies"], *everything, *TOOLS])
        old = Installation(tree, pythons[0], wheel, *exact)
        # an old library calls what a new one deprecates
        results = [old.tested(f"{pythons[0]}, lowest versions", "-W", "ignore::DeprecationWarning")]
        middle = pythons[min(1, len(pythons) - 1)]
        results.append(Installation(tree, middle, wheel).tested(f"{middle}, newest versions, no extra"))
        full = Installation(tree, pythons[-1], wheel, *everything)
        results.append(full.tested(f"{pythons[-1]}, newest versions, every extra"))
        for extra, needs in EXTRAS.items():
            full.call("pip", "uninstall", "--quiet", "--yes", *map(name_of, needs))
            results.append(full.tested(f"{pythons[-1]}, without {extra}", *ABSENT))
            full.call("pip", "install", "--quiet", *needs)
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
