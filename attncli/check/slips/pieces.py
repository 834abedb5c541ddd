"""Pieces of the keys, as of several workers, whose results are merged by other numbers than their log-sum-exps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.check.slips.tiles import TILES
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

PIECES = (2, 3, 4, 8)
FEW = 16  # keys of which every border is tried

Share = Callable[[list["Array"], list[int]], list["Array"]]  # factors of pieces, of their weights and numbers of keys


@np.errstate(all="ignore")
def _merged(problem: Problem, weights: Array, pieces: int, power: float) -> Array:
    """Return the weights if each piece of the keys counts as its sum of exponentials to a power.

    The sums of weights stand for those of exponentials: they are smaller by one factor for all pieces of a row.
    """
    whole = np.zeros_like(weights)
    own = _slices(problem.m, pieces)
    logs = [power * np.log(weights[..., piece].sum(axis=-1, keepdims=True)) for piece in own]
    stacked = np.concatenate(logs, axis=-1)
    shares = np.exp(stacked - stacked.max(axis=-1, keepdims=True))
    shares = shares / shares.sum(axis=-1, keepdims=True)
    for number, piece in enumerate(own):
        part = weights[..., piece]
        whole[..., piece] = np.nan_to_num(part / part.sum(axis=-1, keepdims=True)) * shares[..., number, None]
    return whole


def _slices(m: int, pieces: int) -> list[slice]:
    """Return the keys of each piece."""
    return [slice(start, stop) for start, stop in pairwise(m * piece // pieces for piece in range(pieces + 1))]


def _uneven(case: Case) -> list[int]:
    """Return the numbers of keys of a first piece, as of a prefix, that is neither half of the keys nor a single key,
    nor all but one."""
    firsts = range(2, case.m - 1) if case.m <= FEW else TILES
    return [first for first in firsts if 1 < first < case.m - 1 and first not in (case.m // 2,)]


UNEVEN: dict[str, Share] = {
    "counted by the share of the other": lambda totals, _counts: [
        other / total for other, total in zip(reversed(totals), totals, strict=True)
    ],
    "counted by its number of keys": lambda totals, counts: [
        count / sum(counts) / total for count, total in zip(counts, totals, strict=True)
    ],
    "counted alike, by half": lambda totals, _counts: [0.5 / total for total in totals],
    "was added as it is": lambda totals, _counts: [1 / total for total in totals],
}


@np.errstate(all="ignore")
def _of_prefix(_problem: Problem, weights: Array, first: int, share: Share) -> Array:
    """Return the weights of two pieces of the keys, with shares of their own in the place of the right ones."""
    parts = weights[..., :first], weights[..., first:]
    factors = share([part.sum(axis=-1, keepdims=True) for part in parts], [part.shape[-1] for part in parts])
    own = [np.nan_to_num(part * factor) for part, factor in zip(parts, factors, strict=True)]
    return np.concatenate(own, axis=-1)


def _prefixes(case: Case) -> list[Route]:
    """Return the routes with a prefix and the other keys merged by other shares."""
    if case.problem.sink is not None:
        return []
    return [
        Route(
            reweigh=partial(_of_prefix, first=first, share=share),
            said=(
                f"of two pieces of the keys, the first {first} and the other {case.m - first}, each {words}: it counts "
                "as its share of the sum of exponentials"
            ),
        )
        for words, share in UNEVEN.items()
        for first in _uneven(case)
    ]


def _counts(case: Case) -> list[int]:
    """Return the numbers of pieces that have two keys and more: with one key each, the results of pieces are V itself,
    and their merger is the softmax."""
    return [pieces for pieces in PIECES if 2 * pieces <= case.m]


def _merges(case: Case) -> list[Route]:
    routes = []
    for pieces in _counts(case):
        merged = f"the softmax was merged from {pieces} pieces of the {case.m} keys"
        for power, words in (
            (1 / np.log(2), "by log-sum-exps, base 2 taken for base e"),
            (np.log(2), "by log-sum-exps, base e taken for base 2"),
        ):
            said = f"{merged} {words}"
            routes.append(Route(reweigh=partial(_merged, pieces=pieces, power=float(power)), said=said))
    return routes


def _pieces_of(problem: Problem, weights: Array, pieces: int) -> list[tuple[slice, Array, Array]]:
    """Return each piece of the keys with its largest weight and the sum of its weights, (…, 1) each."""
    own = _slices(problem.m, pieces)
    tops = [weights[..., piece].max(axis=-1, keepdims=True) for piece in own]
    return [(piece, top, weights[..., piece].sum(axis=-1, keepdims=True)) for piece, top in zip(own, tops, strict=True)]


@np.errstate(all="ignore")
def _merged_by(problem: Problem, weights: Array, pieces: int, of_top: float, of_rest: float) -> Array:
    """Return the weights if each piece counts as e^(of_top · largest score + of_rest · log Σ e^(score − largest))."""
    parts = _pieces_of(problem, weights, pieces)
    logs = np.concatenate([of_top * np.log(top) + of_rest * np.log(total / top) for _, top, total in parts], axis=-1)
    shares = np.exp(logs - logs.max(axis=-1, keepdims=True))
    shares = np.nan_to_num(shares / shares.sum(axis=-1, keepdims=True))
    whole = np.zeros_like(weights)
    for number, (piece, _, total) in enumerate(parts):
        whole[..., piece] = np.nan_to_num(weights[..., piece] / total) * shares[..., number, None]
    return whole


def _other_merges(case: Case) -> list[Route]:
    """Return the routes with pieces merged by a part of their log-sum-exps."""
    scale = case.problem.scale
    ways = {
        "the largest scores, without the sums of exponentials": (1.0, 0.0),
        "Σ exp(score − largest), without the largest scores": (0.0, 1.0),
    }
    if scale not in (0, 1):
        ways[f"{scale:.6g} · the largest score + log Σ exp(score − largest), with the scale once more"] = (scale, 1.0)
    return [
        Route(
            reweigh=partial(_merged_by, pieces=pieces, of_top=one, of_rest=two),
            said=(
                f"the softmax was merged from {pieces} pieces of the {case.m} keys by {words}: each piece counts as "
                "the sum of its exponentials"
            ),
        )
        for words, (one, two) in ways.items()
        for pieces in _counts(case)
    ]


@np.errstate(all="ignore")
def _merged_with(problem: Problem, weights: Array, pieces: int, way: str) -> Array:
    """Return the weights if pieces are merged by each other's shares, by log-sum-exps without an exponential, or
    without a division in each."""
    parts = _pieces_of(problem, weights, pieces)
    totals = [total for _, _, total in parts]
    if way == "divided":
        factors = [total / top for _, top, total in parts]
    elif way == "exchanged":
        factors = [other / total for other, total in zip(reversed(totals), totals, strict=True)]
    else:
        logs = [Result(problem, "numpy").lse[..., None] + np.log(total) for total in totals]
        factors = [log / sum(logs) / total for log, total in zip(logs, totals, strict=True)]
    found = np.array(weights)
    for (piece, _, _), factor in zip(parts, factors, strict=True):
        found[..., piece] = np.nan_to_num(found[..., piece] * factor)
    return found


WRONG_SHARES = {
    "exchanged": "each counted by the share of the other",
    "lse": "each counted by its log-sum-exp over their sum, without exponentials",
    "divided": "each was not divided by its own sum of exponentials before",
}


def _wrong_shares(case: Case) -> list[Route]:
    return [
        Route(
            reweigh=partial(_merged_with, pieces=pieces, way=way),
            said=(
                f"of {pieces} pieces of the {case.m} keys {words}: each piece counts as its share of the sum of "
                "exponentials"
            ),
        )
        for way, words in WRONG_SHARES.items()
        for pieces in _counts(case)
        if (pieces == 2 or way != "exchanged") and case.problem.sink is None
    ]


def _averaged_pieces(case: Case) -> list[Route]:
    return [
        Route(
            reweigh=partial(_merged, pieces=pieces, power=0.0),
            said=(
                f"the results of {pieces} pieces of the {case.m} keys were averaged: each piece counts as the sum of "
                "its exponentials"
            ),
        )
        for pieces in _counts(case)
    ]


@np.errstate(all="ignore")
def _summed(_problem: Problem, weights: Array, pieces: int) -> Array:
    """Return the weights of each piece of the keys by itself, of which each sums to 1."""
    own = [weights[..., piece] for piece in _slices(weights.shape[-1], pieces)]
    return np.concatenate([np.nan_to_num(each / each.sum(axis=-1, keepdims=True)) for each in own], axis=-1)


def _summed_pieces(case: Case) -> list[Route]:
    return [
        Route(
            reweigh=partial(_summed, pieces=pieces),
            said=(
                f"the results of {pieces} pieces of the {case.m} keys were added up: each piece counts as its share of "
                "the sum of exponentials"
            ),
        )
        for pieces in _counts(case)
    ]


PIECE_SLIPS = (
    Slip(
        "split-averaged",
        "weights",
        _averaged_pieces,
        lambda _case: "pieces were averaged",
        paired=False,
    ),
    Slip(
        "split-averaged",
        "weights",
        _summed_pieces,
        lambda _case: "pieces were added up",
        paired=False,
    ),
    Slip(
        "split-averaged",
        "weights",
        _other_merges,
        lambda _case: "pieces were merged by other numbers",
        paired=False,
        passes_easily=True,
    ),
    Slip(
        "split-averaged",
        "weights",
        _wrong_shares,
        lambda _case: "pieces were merged by other shares",
        paired=False,
        passes_easily=True,
    ),
    Slip(
        "split-averaged",
        "weights",
        _prefixes,
        lambda _case: "a prefix was merged by other shares",
        paired=False,
        passes_easily=True,
    ),
    Slip(
        "split-merge-base-2",
        "weights",
        _merges,
        lambda _case: "pieces were merged by another base",
        paired=False,
    ),
)
