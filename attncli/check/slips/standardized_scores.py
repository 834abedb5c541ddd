"""Scores that are brought to one range in each row, in place of the softmax or before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array


@np.errstate(all="ignore")
def _standardized(scores: Array, taken: int) -> Array:
    """Return (score − mean) / standard deviation of the scores of each row, of which `taken` fewer are counted."""
    seen = ~np.isneginf(scores)
    count = seen.sum(axis=-1, keepdims=True)
    mean = np.where(seen, scores, 0).sum(axis=-1, keepdims=True) / count
    off = np.where(seen, scores - mean, 0)
    found: Array = off / np.sqrt((off**2).sum(axis=-1, keepdims=True) / (count - taken))
    return np.where(seen, found, scores)


@np.errstate(all="ignore")
def _from_0_to_1(scores: Array) -> Array:
    """Return (score − least) / (largest − least) of the scores of each row."""
    least = np.where(np.isneginf(scores), np.inf, scores).min(axis=-1, keepdims=True)
    return np.where(np.isneginf(scores), scores, (scores - least) / (scores.max(axis=-1, keepdims=True) - least))


@np.errstate(all="ignore")
def _over_largest(scores: Array) -> Array:
    return np.where(np.isneginf(scores), scores, scores / np.abs(_finite(scores)).max(axis=-1, keepdims=True))


def _finite(scores: Array) -> Array:
    return np.where(np.isneginf(scores), 0, scores)


FEWEST = 3  # keys: of two scores, their range says nothing

WAYS: dict[str, Callable[[Array], Array]] = {
    "(score − mean) / standard deviation, of the scores of its row,": lambda scores: _standardized(scores, 0),
    "(score − mean) / standard deviation of a sample, of the scores of its row,": lambda s: _standardized(s, 1),
    "(score − least) / (largest − least), of the scores of its row,": _from_0_to_1,
    "score / largest, of the sizes of the scores of its row,": _over_largest,
}


def _standardized_scores(case: Case) -> list[Route]:
    """Return the routes with such scores as weights, and with their softmax."""
    if case.problem.normalizer is not SOFTMAX or case.has_stage("sink") or case.m < FEWEST:
        return []
    due = "the softmax of the scores as they are is expected"
    return [
        Route(softmax=softmax, rescore=way, said=f"{words} {role}: {due}")
        for softmax, role in (("none", "was taken as the weight"), ("keys", "entered the softmax"))
        for words, way in WAYS.items()
    ]


STANDARDIZED_SLIPS = (
    Slip(
        "scores-standardized",
        "softmax",
        _standardized_scores,
        "the scores were standardized",
        paired=False,
    ),
)
