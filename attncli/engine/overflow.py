"""Errors for numbers that the computing dtype cannot hold, instead of a silent NaN or infinity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import NumericError

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


def refuse_overflow(problem: Problem, scores: Array, allowed: Array | None) -> None:
    """Raise NumericError if an unmasked score is infinite or NaN."""
    lost = ~np.isfinite(scores)
    if lost.any() and (allowed is None or (lost & allowed).any()):
        raise overflow_error("a score", problem)


def refuse_infinite(array: Array, problem: Problem, what: str) -> None:
    """Raise NumericError if a result of finite numbers is infinite or NaN."""
    if not np.isfinite(array).all():
        raise overflow_error(what, problem)


def overflow_error(what: str, problem: Problem) -> NumericError:
    """Return the error for `what`: "a score", "a raw score" or "an output"."""
    dtype = problem.queries.dtype
    of_scores = "score" in what
    smaller = "divide Q and K by a power of ten, and adapt --scale" if of_scores else "divide V by a power of ten"
    hint = "--dtype float64" if dtype == np.float32 else smaller
    return NumericError("scores" if of_scores else "output", f"{what} overflows {dtype.name}", hint)


def narrow_result(array: Array, problem: Problem, name: str) -> Array:
    """Return the block in the dtype of the results.

    Raises NumericError if it overflows.
    """
    if array.dtype == problem.dtype:
        return array
    with np.errstate(over="ignore"):
        narrow = array.astype(problem.dtype)
    if (np.isinf(narrow) & np.isfinite(array)).any():
        raise NumericError(name, f"a result overflows {problem.dtype.name}", "--dtype float32")
    return narrow
