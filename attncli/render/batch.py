"""The output of a batch: its progress bar and its summary."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from attncli.errors import format_errors
from attncli.files import path_text

if TYPE_CHECKING:
    from attncli.batch.dry_run import JobPlan
    from attncli.batch.scheduler import Summary


class Bar(Protocol):
    """A display of how far a run is."""

    def show(self, summary: Summary) -> None: ...


class Nothing:
    """No bar, because standard error is not a terminal or a bar is not wanted."""

    def show(self, summary: Summary) -> None:
        """Show nothing."""


@contextmanager
def batch_bar(total: int, *, quiet: bool) -> Iterator[Bar]:
    """Yield a bar with the numbers of jobs done, failed and left, on standard error if that is a terminal."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield Nothing()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeRemainingColumn())
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    # rich would redirect to standard error what is printed meanwhile
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        task = progress.add_task("starting", total=total)

        class Shown:
            def show(self, summary: Summary) -> None:
                done = summary.total - summary.left
                counts = f"{done} done, {summary.failed + summary.wrong} failed, {summary.left} left"
                progress.update(task, completed=done, description=counts)

        yield Shown()


def closing_line(summary: Summary, folder: str, seconds: float) -> str:
    """Return one line: how many jobs had which result."""
    counts = [f"{summary.ok} ok"]
    for number, what in ((summary.wrong, "wrong"), (summary.failed, "failed"), (summary.left, "not done")):
        if number:
            counts.append(f"{number} {what}")
    known = f", {summary.kept} of them from an earlier run" if summary.kept else ""
    jobs = "1 job" if summary.total == 1 else f"{summary.total} jobs"
    return f"{jobs}: {', '.join(counts)}{known}; {seconds:.1f} s; results in {folder}\n"


def trouble_lines(summary: Summary, log: str) -> str:
    """Return the first jobs that failed or differ, each with its hint, and how many more there are."""
    errors = format_errors([(name_failure(record), record.get("hint")) for record in summary.failures])
    lines = [f"wrong: {record['name']}: {record['error']}" for record in summary.differing]
    more = summary.failed + summary.wrong - len(summary.failures) - len(summary.differing)
    if more:
        lines.append(f"… and {more} more: {log}")
    if summary.warned:
        jobs = "1 job has" if summary.warned == 1 else f"{summary.warned} jobs have"
        lines.append(f"warning: {jobs} warnings: {log}")
    return errors + "".join(line + "\n" for line in lines)


def name_failure(record: Mapping[str, Any]) -> str:
    """Return an error with the name of its job, unless it begins with a path that the job is called after."""
    name, error = str(record["name"]), str(record["error"])
    parts = error.partition(": ")[0].split("/")
    return error if any(part == name or part.startswith(f"{name}.") for part in parts) else f"{name}: {error}"


def plan_line(plan: JobPlan) -> str:
    """Return the line of a job of a dry run: its name, shapes, work and memory, or its error."""
    if plan.error is not None:
        return f"{path_text(plan.name)}: error: {plan.error}\n"
    shapes = ", ".join(f"{name} {' × '.join(map(str, shape))}" for name, shape in plan.shapes.items())
    return f"{path_text(plan.name)}: {shapes}; {format_count(plan.work)} multiplications, {format_bytes(plan.memory)}\n"


@dataclass(slots=True)
class Total:
    """The totals of the jobs of a dry run."""

    jobs: int = 0
    failed: int = 0
    work: int = 0
    memory: int = 0

    def add(self, plan: JobPlan) -> None:
        """Add a job."""
        self.jobs += 1
        self.failed += plan.error is not None
        self.work += plan.work
        self.memory = max(self.memory, plan.memory)

    def line(self) -> str:
        """Return the totals in one line."""
        bad = f", {self.failed} of them with errors" if self.failed else ""
        jobs = "1 job" if self.jobs == 1 else f"{self.jobs} jobs"
        return (
            f"{jobs}{bad}; {format_count(self.work)} multiplications, at most {format_bytes(self.memory)} for one job\n"
        )


def format_count(number: float) -> str:
    """Return a large number in thousands, millions, …"""
    for unit in ("", " thousand", " million", " billion"):
        if number < 1000:
            return f"{number:.3g}{unit}"
        number /= 1000
    return f"{number:.4g} trillion"


def format_bytes(number: float) -> str:
    """Return a number of bytes in common units."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.4g} TB"
