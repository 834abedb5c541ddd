"""README's picture of the page to play with; python tools/draw_play_picture.py draws docs/play.png."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from play.browser import browser  # noqa: E402

SIZE = {"width": 1440, "height": 1010}


def draw() -> bytes:
    """The top of the page of an example, on a desktop, in 256 colours."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        path = Path(folder) / "page.html"
        command = [sys.executable, "-m", "attncli", "play", str(ROOT / "examples" / "river_bank.yaml"), "-o", str(path)]
        subprocess.run(command, check=True, cwd=ROOT)
        page = chromium.new_context(viewport=SIZE, color_scheme="light").new_page()
        page.goto(path.as_uri())
        shot = Image.open(BytesIO(page.screenshot()))
        held = BytesIO()
        shot.convert("RGB").quantize(256).save(held, "png", optimize=True)
        return held.getvalue()


if __name__ == "__main__":
    (ROOT / "docs" / "play.png").write_bytes(draw())
