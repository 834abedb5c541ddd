"""Ratios of two ways to do the same, measured in turns, and what a process needs of memory."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PAUSE = 0.02  # seconds: the idle threads of an OpenMP library spin for some ms, on a core that the other side needs


def seconds(work: Callable[[], object]) -> float:
    """The time of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def ratio(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """(median of the ratios of pairs, our median, their median), in turns, who goes first changing each time."""
    seconds(ours), seconds(theirs)
    mine: list[float] = []
    other: list[float] = []
    for number in range(rounds):
        turns = [(ours, mine), (theirs, other)]
        for work, times in turns if number % 2 else reversed(turns):
            time.sleep(PAUSE)
            times.append(seconds(work))
    pairs = [a / b for a, b in zip(mine, other, strict=True)]
    return statistics.median(pairs), statistics.median(mine), statistics.median(other)


def ratio_in_a_row(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> float:
    """The ratio of the medians where each side is called again and again, so that what it keeps warm is warm."""
    first, second = ([seconds(work) for _ in range(2 * rounds)][rounds:] for work in (ours, theirs))
    return statistics.median(first) / statistics.median(second)


def rounds_for(work: Callable[[], object], budget: float) -> int:
    """How many rounds fit into so many seconds: 3 to 41."""
    return max(3, min(41, int(budget / max(1e-4, 2 * seconds(work)))))


def process(arguments: Sequence[str], **environment: str) -> Callable[[], object]:
    """A Python process, as a thing to time; compiled modules are kept, as they are of an installed program."""
    merged = {**os.environ, **environment}
    merged.pop("PYTHONDONTWRITEBYTECODE", None)
    return lambda: subprocess.run(
        [sys.executable, *arguments], env=merged, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


PEAK = """
import sys
def peak():
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        import resource
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
"""


def peak_bytes(code: str) -> tuple[int, float]:
    """(the most memory that a process running this code had, its seconds). Asked in the process itself: what its
    parent sees counts the parent's own memory before the program was loaded."""
    begun = time.perf_counter()
    whole = f"{PEAK}\n{code}\nprint(peak(), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", whole], check=True, capture_output=True, text=True)
    return int(done.stderr.split()[-1]), time.perf_counter() - begun


def machine() -> str:
    """The processor, its cores and the versions that were measured."""
    import numpy

    name = platform.processor() or platform.machine()
    try:
        with Path("/proc/cpuinfo").open() as lines:
            name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
            lines.seek(0)
            flags = next(line for line in lines if line.startswith("flags"))
            name += " with AVX-512" if "avx512f" in flags else " with AVX2" if "avx2" in flags else ""
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = [f"Python {platform.python_version()}", f"NumPy {numpy.__version__}"]
    for peer in ("torch", "numba", "scipy"):
        try:
            versions.append(f"{peer} {__import__(peer).__version__}")
        except ImportError:
            versions.append(f"no {peer}")
    return f"{name}, {cores} cores, {platform.system()}; {', '.join(versions)}"
