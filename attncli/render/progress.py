"""A progress bar on standard error, shown if the work takes longer than about two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 2.0  # seconds of work without a bar
FIRST_LOOK = 0.5  # seconds after which the total time is estimated


@contextmanager
def progress_bar(total: int, words: str, noun: str = "rows") -> Iterator[Callable[[int], None] | None]:
    """Yield a function that is called with each number of finished `noun`, of `total`, or None if there is no
    terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    bar = _Bar(total, words, noun)
    try:
        yield bar.advance
    finally:
        bar.close()


class _Bar:
    """A bar that counts from the start, but is drawn (and rich.progress imported) only if the work takes long."""

    def __init__(self, total: int, words: str, noun: str) -> None:
        self.total, self.words, self.noun = total, words, noun
        self.done = 0
        self.began = time.monotonic()
        self._shown: Any = None
        self._task: Any = None

    def advance(self, count: int) -> None:
        self.done += count
        if self._shown is None:
            spent = time.monotonic() - self.began
            if spent < FIRST_LOOK or spent * self.total < PATIENCE * self.done:
                return
            self._show()
        spent = max(time.monotonic() - self.began, 1e-9)
        self._shown.update(self._task, completed=self.done, rate=f"{self.done / spent:,.0f} {self.noun}/s")

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._shown = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,  # results that are printed meanwhile belong on standard output
            redirect_stderr=False,
        )
        self._task = self._shown.add_task(self.words, total=self.total, completed=self.done, rate="")
        self._shown.start()

    def close(self) -> None:
        if self._shown is not None:
            self._shown.stop()
