"""Run every console block of README and docs, and put what it prints in place of what stands there.

python tools/refresh_docs.py

Read the difference before you commit it: the pages are the promise, and the program keeps it.
"""

from __future__ import annotations

import re
import sys
import tempfile
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from documentation import BLOCK, PAGES, make_checkout, run_block, without_seconds  # noqa: E402


def refresh(checkout: Path, found: re.Match[str]) -> str:
    """The block as it is where only seconds differ, else with what its commands print now."""
    fresh = run_block(found[1], checkout)
    return found[0] if without_seconds(fresh) == without_seconds(found[1]) else f"```console\n{fresh}```"


def main() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        with tempfile.TemporaryDirectory() as folder:
            checkout = make_checkout(Path(folder), text)
            fresh = BLOCK.sub(partial(refresh, checkout), text)
        if fresh != text:
            page.write_text(fresh, "utf-8")
            sys.stdout.write(f"{page.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
