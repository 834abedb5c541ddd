"""Choosing the engine that does the work."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec

from attncli.engine.kernels import Kernels, NumpyKernels
from attncli.engine.plan import multiplications
from attncli.errors import MissingExtraError, UsageError
from attncli.problem.problem import Problem
from attncli.records import record

NUMBA_HINT = "unset it, or choose --engine numpy"
NEEDED = ("numba", "scipy")  # by the numba engine
# Multiplications or differences at which numba is chosen. Importing it and reading its cache takes about a second. It
# saves about a tenth of the time of a product, but three quarters of the time of a distance.
REPAID_BY_PRODUCTS = 1 << 40
REPAID_BY_DISTANCES = 1 << 33


@record
class Engine:
    """How an engine is loaded, and what it is fast at.

    `load` imports what the engine needs and returns the class of its kernels. `tall_distances` is true if distances are
    as fast in tall tiles as in flat ones, and `gathers` if its kernels can gather.
    """

    name: str
    load: Callable[[], type[Kernels]]
    tall_distances: bool
    gathers: bool

    def is_tall(self, problem: Problem) -> bool:
        """Return whether the scores of this problem are fast at any shape of tile."""
        return problem.variant.is_product or self.tall_distances


def find_numba_fault() -> UsageError | None:
    """Return the error for a setting in the environment that numba cannot work with, if there is one."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return UsageError("NUMBA_DISABLE_JIT", "it turns off the compiler of --engine numba", NUMBA_HINT)
    threads = os.environ.get("NUMBA_NUM_THREADS", "1")
    if not (threads.isascii() and threads.isdigit() and int(threads[:9])):
        return UsageError("NUMBA_NUM_THREADS", f"{threads!r} is not a number of threads above 0", NUMBA_HINT)
    return None


def _numba_kernels() -> type[Kernels]:
    if (fault := find_numba_fault()) is not None:
        raise fault
    from attncli.engine.compiled.loops import NumbaKernels

    return NumbaKernels


NUMPY = Engine("numpy", lambda: NumpyKernels, tall_distances=False, gathers=False)
NUMBA = Engine("numba", _numba_kernels, tall_distances=True, gathers=True)


def missing_packages() -> list[str]:
    """Return the packages that the numba engine needs and that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def choose_engine(problem: Problem, engine: str) -> Engine:
    """Return the engine by name.

    `auto` is numba if it is installed, nothing in the environment keeps it from working, and the work is worth its
    start-up time. Beside the environment this depends only on the problem, so that the same calculation gives the same
    bits wherever it runs in a process.
    """
    if engine == "numpy":
        return NUMPY
    if engine == "numba":
        if lacking := missing_packages():
            raise MissingExtraError("--engine numba", lacking[0], "fast")
        return NUMBA
    if engine != "auto":
        raise UsageError("engine", f"{engine!r} is not an engine", "one of: auto, numpy, numba")
    return NUMBA if repays_numba(problem) and find_numba_fault() is None else NUMPY


def repays_numba(problem: Problem) -> bool:
    """Return whether numba is installed and the work is worth its start-up time."""
    repaid = REPAID_BY_PRODUCTS if problem.variant.is_product else REPAID_BY_DISTANCES
    return multiplications(problem) >= repaid and not missing_packages()


def note_engine(problem: Problem, engine: str) -> list[str]:
    """Return a note if `auto` passes over numba because of a setting in the environment."""
    if engine != "auto" or not repays_numba(problem) or (fault := find_numba_fault()) is None:
        return []
    return [f"the engine is numpy, not numba: {fault.where}: {fault.what}"]
