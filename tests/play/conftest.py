"""Pages in a browser: one browser for a module, a new window for each test."""

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


@pytest.fixture
def window(chromium: Any) -> Iterator[Callable[..., PlayPage]]:
    """`window(width=…)`: a page of its own, which may complain of nothing and ask for nothing."""
    pages = []

    def opened(size: dict[str, int] = DESKTOP, **options: Any) -> PlayPage:
        context = chromium.new_context(viewport=size, **options)
        pages.append(PlayPage(context.new_page()))
        return pages[-1]

    yield opened
    for page in pages:
        page.page.context.close()
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
