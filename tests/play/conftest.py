"""Pages in a browser: one browser for a module, and one window for all pages of a size; each test has a tab of its own.

A page keeps nothing in its browser, so that a window of its own would only take time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from play.browser import DESKTOP, PlayPage, browser, missing


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def windows(chromium: Any) -> Iterator[Callable[..., Any]]:
    """`windows(viewport=…)`: the window with these options."""
    open_ones: dict[str, Any] = {}

    def found(**options: Any) -> Any:
        key = repr(sorted(options.items()))
        if key not in open_ones:
            open_ones[key] = chromium.new_context(**options)
        return open_ones[key]

    yield found
    for context in open_ones.values():
        context.close()


@pytest.fixture
def window(windows: Callable[..., Any]) -> Iterator[Callable[..., PlayPage]]:
    """`window(width=…)`: a page of its own, which may complain of nothing and ask for nothing."""
    pages = []

    def opened(size: dict[str, int] = DESKTOP, **options: Any) -> PlayPage:
        pages.append(PlayPage(windows(viewport=size, **options).new_page()))
        return pages[-1]

    yield opened
    for page in pages:
        page.page.close()
        assert page.complaints == []
        assert all(url.startswith(("file:", "about:")) for url in page.requests)


@pytest.fixture
def play(run: Callable[..., Any], window: Callable[..., PlayPage], tmp_path: Path) -> Callable[..., PlayPage]:
    """`play("problem.yaml", "-a", "dot", address="scale=1")`: the page of a problem, open."""

    def opened(*words: str | Path, address: str = "", size: dict[str, int] = DESKTOP, **options: Any) -> PlayPage:
        path = tmp_path / "page.html"
        made = run("play", *words, "-o", path, "--force")
        assert made.status == 0, made.err
        return window(size, **options).open(path, address)

    return opened
