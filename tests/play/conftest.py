"""Pages in a browser: one browser and one tab for all pages, which each test has as if it were new.

A page keeps nothing in its browser, and a tab of its own takes three times as long as a page in one that is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from play.browser import DESKTOP, PlayPage, browser, missing


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with browser() as found:
        yield found


@pytest.fixture(scope="session")
def tabs(chromium: Any) -> Callable[[bool], PlayPage]:
    """`tabs(True)`: the tab of a screen that is touched."""
    made: dict[bool, PlayPage] = {}

    def found(is_touched: bool) -> PlayPage:
        if is_touched not in made:
            made[is_touched] = PlayPage(chromium.new_context(has_touch=is_touched).new_page())
        return made[is_touched]

    return found


@pytest.fixture
def tab(tabs: Callable[[bool], PlayPage]) -> Iterator[Callable[..., PlayPage]]:
    """`tab(size, color_scheme="dark")`: an empty page, which may complain of nothing and ask for nothing."""
    used: list[PlayPage] = []

    def emptied(size: dict[str, int] = DESKTOP, has_touch: bool = False, **media: str) -> PlayPage:
        found = tabs(has_touch)
        if found not in used:
            found.empty()
            used.append(found)
        found.show(size, **media)
        return found

    yield emptied
    for page in used:
        page.hear()
        assert page.complaints == []
        assert all(url.startswith(("file:", "about:")) for url in page.requests)


@pytest.fixture
def play(run: Callable[..., Any], tab: Callable[..., PlayPage], tmp_path: Path) -> Callable[..., PlayPage]:
    """`play("problem.yaml", "-a", "dot", address="scale=1")`: the page of a problem, open."""
    numbers = count()

    def opened(*words: str | Path, address: str = "", size: dict[str, int] = DESKTOP, **options: Any) -> PlayPage:
        path = tmp_path / f"page{next(numbers)}.html"
        made = run("play", *words, "-o", path)
        assert made.status == 0, made.err
        return tab(size, **options).open(path, address)

    return opened
