"""A real browser for the tests of pages: Chromium, where this machine has it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def program() -> str | None:
    """The browser: the one that ATTNCLI_BROWSER names, or the first on the PATH."""
    return os.environ.get("ATTNCLI_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)


def missing() -> str | None:
    """Why no page can be tested here; None where it can."""
    if not all(map(find_spec, ("playwright", "axe_playwright_python"))):
        return "needs the extra browser: pip install 'attncli[browser]'"
    return None if program() else "needs a browser: apt-get install chromium"


@contextmanager
def browser() -> Iterator[Any]:
    """A browser of its own; its pages reach no network."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program(), args=FLAGS)
        yield found
        found.close()


class PlayPage:
    """An open page: what it asked for beside itself, what it complained of, and its numbers."""

    def __init__(self, page: Any) -> None:
        self.page = page
        page.set_default_timeout(180_000)  # machines that test are slow, and others work on them
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text))

    def empty(self) -> None:
        """Leave what an earlier test opened, and forget what it did."""
        self.page.goto("about:blank")
        self.page.mouse.move(0, 0)
        self.hear()
        self.requests.clear()
        self.complaints.clear()

    def hear(self) -> None:
        """Take in all that the browser has reported until now."""
        self.page.evaluate("0")

    def show(self, size: dict[str, int], **media: str) -> None:
        """Give the window a size, and what its reader asks of all pages: a colour scheme, little movement."""
        self.page.set_viewport_size(size)
        self.page.emulate_media(**{"media": "null", "color_scheme": "light", "reduced_motion": "null", **media})

    def open(self, path: Path, address: str = "") -> PlayPage:
        """Open a file as somebody would who was sent this link; the tab holds no page of this path."""
        self.page.goto(f"{path.as_uri()}#{address}")
        self.page.wait_for_function("document.documentElement.dataset.ready === 'true'")
        return self

    def go(self, address: str) -> PlayPage:
        """Change what stands behind # on the open page, and wait until the page has heard of it."""
        self.page.evaluate(
            """address => new Promise(done => {
            const before = location.hash;
            addEventListener("hashchange", done, {once: true});
            location.hash = address;
            if (location.hash === before) done();
            })""",
            address,
        )
        return self

    @property
    def address(self) -> str:
        return str(self.page.evaluate("location.hash.slice(1)"))

    def numbers(self, matrix: str) -> list[list[float]]:
        """A matrix as its cells hold it."""
        return self.matrices((matrix,))[matrix]

    def matrices(self, names: tuple[str, ...]) -> dict[str, list[list[float]]]:
        """The matrices of these names as their cells hold them."""
        cells = self.page.evaluate(
            """names => names.map(name => [...document.querySelectorAll(`[data-matrix="${name}"]`)]
            .map(cell => [cell.dataset.row, cell.dataset.column, cell.dataset.value]))""",
            names,
        )
        return {name: arrange(found) for name, found in zip(names, cells, strict=True)}

    def cell(self, matrix: str, row: int, column: int) -> Any:
        return self.page.locator(f'[data-matrix="{matrix}"][data-row="{row}"][data-column="{column}"]')


def arrange(cells: list[list[str]]) -> list[list[float]]:
    """The rows of cells (row, column, value), which come row by row."""
    rows: list[list[float]] = []
    for row, column, value in cells:
        assert (int(row), int(column)) in ((len(rows) - 1, len(rows[-1]) if rows else 0), (len(rows), 0))
        if int(row) == len(rows):
            rows.append([])
        rows[-1].append(float(value))
    return rows
