"""Pieces of the keys, as of several workers, whose results are merged by other numbers than their log-sum-exps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.check.slips.tiles import TILES
from attncli.matrix import Array
from attncli.records import record
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.problem.problem import Problem

PIECES = (2, 3, 4, 8)
MOST_PIECES = 8  # of a size that is tried
FEW = 16  # keys of which every border is tried


@record
class KeyPiece:
    """A run of keys, with the largest weight and the sum of the weights (…, 1) of each row.

    Weights stand for exponentials: they are smaller by one factor for all pieces of a row.
    """

    keys: slice
    largest: Array
    total: Array

    @property
    def count(self) -> int:
        return int(self.keys.stop - self.keys.start)


Factors = Callable[["Problem", list[KeyPiece]], list["Array | float"]]  # of the right weights of each piece


@np.errstate(all="ignore")
def _factored(problem: Problem, weights: Array, borders: tuple[int, ...], factors: Factors) -> Array:
    """Return the weights, those of each piece between two borders times a factor."""
    pieces = []
    for start, stop in pairwise(borders):
        own = weights[..., start:stop]
        pieces.append(KeyPiece(slice(start, stop), own.max(axis=-1, keepdims=True), own.sum(axis=-1, keepdims=True)))
    found = np.zeros_like(weights)
    for piece, factor in zip(pieces, factors(problem, pieces), strict=True):
        found[..., piece.keys] = np.nan_to_num(weights[..., piece.keys] * factor)
    return found


def _by_shares(_problem: Problem, pieces: list[KeyPiece], of_top: float, of_rest: float) -> list[Array | float]:
    """Return the factors with which each piece counts as e^(of_top · largest score + of_rest · log Σ e^(score −
    largest)); both are −∞ for a piece without a visible key."""
    logs = []
    for piece in pieces:
        rest = np.where(piece.total > 0, piece.total / piece.largest, 0)
        terms = [factor * np.log(size) for factor, size in ((of_top, piece.largest), (of_rest, rest)) if factor]
        logs.append(sum(terms, np.zeros_like(piece.total)))
    stacked = np.concatenate(logs, axis=-1)
    shares = np.exp(stacked - stacked.max(axis=-1, keepdims=True))
    shares = np.nan_to_num(shares / shares.sum(axis=-1, keepdims=True))
    return [shares[..., number, None] / piece.total for number, piece in enumerate(pieces)]


def _by_power(power: float) -> Factors:
    """Return the factors with which each piece counts as its sum of exponentials to a power."""
    return partial(_by_shares, of_top=power, of_rest=power)


def _by_log_sums(problem: Problem, pieces: list[KeyPiece]) -> list[Array | float]:
    logs = [Result(problem, "numpy").lse[..., None] + np.log(piece.total) for piece in pieces]
    return [log / sum(logs) / piece.total for log, piece in zip(logs, pieces, strict=True)]


def _exchanged(_problem: Problem, pieces: list[KeyPiece]) -> list[Array | float]:
    return [other.total / piece.total for other, piece in zip(reversed(pieces), pieces, strict=True)]


def _undivided(_problem: Problem, pieces: list[KeyPiece]) -> list[Array | float]:
    return [piece.total / piece.largest for piece in pieces]


def _by_counts(_problem: Problem, pieces: list[KeyPiece]) -> list[Array | float]:
    keys = sum(piece.count for piece in pieces)
    return [piece.count / keys / piece.total for piece in pieces]


def _added(_problem: Problem, pieces: list[KeyPiece]) -> list[Array | float]:
    return [1 / piece.total for piece in pieces]


def _by_halves(_problem: Problem, pieces: list[KeyPiece]) -> list[Array | float]:
    """Return the factors with which each piece counts as much as all before it."""
    shares = [0.5 ** (len(pieces) - max(number, 1)) for number in range(len(pieces))]
    return [share / piece.total for share, piece in zip(shares, pieces, strict=True)]


def _by_first(_problem: Problem, pieces: list[KeyPiece]) -> list[Array | float]:
    """Return the factors with which each piece is merged into what there is by the sum of the first one."""
    shares: list[Array] = [np.ones_like(pieces[0].total)]
    for piece in pieces[1:]:
        own = piece.total / (pieces[0].total + piece.total)
        shares = [*(share * (1 - own) for share in shares), own]
    return [share / piece.total for share, piece in zip(shares, pieces, strict=True)]


def _counts(case: Case) -> list[int]:
    """Return the numbers of pieces that have two keys and more: with one key each, the results of pieces are V itself,
    and their merger is the softmax."""
    return [pieces for pieces in PIECES if 2 * pieces <= case.m]


def _even(case: Case, ways: Mapping[str, Factors]) -> list[Route]:
    """Return the routes with pieces of about as many keys each, merged in these ways, by words: with {} for the
    pieces."""
    return [
        Route(reweigh=partial(_factored, borders=borders, factors=factors), said=words.format(named))
        for words, factors in ways.items()
        for borders, named in _borders(case).items()
        if (len(borders) == 3 and factors not in IN_TURN) or (len(borders) > 3 and factors is not _exchanged)
    ]


def _borders(case: Case) -> dict[tuple[int, ...], str]:
    """Return the borders of pieces of as many keys each, but for the last one or for one key, with words for them."""
    m = case.m
    found = {
        tuple(m * piece // pieces for piece in range(pieces + 1)): f"{pieces} pieces of the {m} keys"
        for pieces in _counts(case)
    }
    sizes = dict.fromkeys((*(-(-m // pieces) for pieces in _counts(case)), *TILES))
    for size in sizes:
        if 1 < size < m <= MOST_PIECES * size:
            borders = (*range(0, m, size), m)
            found.setdefault(borders, f"{len(borders) - 1} pieces of up to {size} of the {m} keys")
    return found


IN_TURN = (_by_halves, _by_first)  # for three pieces and more
SUMS = "each piece counts as the sum of its exponentials"
SHARE = "each piece counts as its share of the sum of exponentials"
AVERAGED = {f"the results of {{}} were averaged: {SUMS}": _by_power(0.0)}
SUMMED = {f"the results of {{}} were added up: {SHARE}": _added}
WRONG_SHARES = {
    f"of {{}} each counted by the share of the other: {SHARE}": _exchanged,
    f"of {{}} each counted by its log-sum-exp over their sum, without exponentials: {SHARE}": _by_log_sums,
    f"of {{}} each was averaged with the result of all before it: {SHARE}": _by_halves,
    f"of {{}} each was merged by its share beside the first, whose log-sum-exp was not updated: {SHARE}": _by_first,
    f"of {{}} each was not divided by its own sum of exponentials before: {SHARE}": _undivided,
}
MERGES = {
    "the softmax was merged from {} by log-sum-exps, base 2 taken for base e": _by_power(1 / math.log(2)),
    "the softmax was merged from {} by log-sum-exps, base e taken for base 2": _by_power(math.log(2)),
}


def _other_merges(case: Case) -> list[Route]:
    """Return the routes with pieces merged by a part of their log-sum-exps."""
    scale = case.problem.scale
    ways = {
        "the largest scores, without the sums of exponentials": (1.0, 0.0),
        "Σ exp(score − largest), without the largest scores": (0.0, 1.0),
    }
    if scale not in (0, 1):
        ways[f"{scale:.6g} · the largest score + log Σ exp(score − largest), with the scale once more"] = (scale, 1.0)
    told = {
        f"the softmax was merged from {{}} by {words}: {SUMS}": partial(_by_shares, of_top=one, of_rest=two)
        for words, (one, two) in ways.items()
    }
    return _even(case, told)


UNEVEN: dict[str, Factors] = {
    "counted by the share of the other": _exchanged,
    "counted by its number of keys": _by_counts,
    "counted alike, by half": _by_power(0.0),
    "was added as it is": _added,
}


def _uneven(case: Case) -> list[int]:
    """Return the numbers of keys of a first piece, as of a prefix, that is neither half of the keys nor a single key,
    nor all but one."""
    firsts = range(2, case.m - 1) if case.m <= FEW else TILES
    return [first for first in firsts if 1 < first < case.m - 1 and first not in (case.m // 2,)]


def _prefixes(case: Case) -> list[Route]:
    """Return the routes with a prefix and the other keys merged by other shares."""
    if case.problem.sink is not None:
        return []
    return [
        Route(
            reweigh=partial(_factored, borders=(0, first, case.m), factors=factors),
            said=(
                f"of two pieces of the keys, the first {first} and the other {case.m - first}, each {words}: it counts "
                "as its share of the sum of exponentials"
            ),
        )
        for words, factors in UNEVEN.items()
        for first in _uneven(case)
    ]


@np.errstate(all="ignore")
def _merged_lse(case: Case) -> list[Route]:
    """Return the routes with the log-sum-exps of pieces that are merged otherwise."""
    if "lse" not in case.wrong or case.problem.sink is not None:
        return []
    scores, routes = Result(case.problem, "numpy").scores, []
    for borders, named in _borders(case).items():
        sums = [np.logaddexp.reduce(scores[..., start:stop], axis=-1) for start, stop in pairwise(borders)]
        own = np.stack(sums)
        ways = {
            "the largest of those": own.max(axis=0),
            "the sums of those": own.sum(axis=0),
            "log₂ Σ 2^ of those": np.logaddexp2.reduce(own, axis=0),
        }
        routes += [
            Route(
                present=partial(_told_lse, told=told),
                said=f"your log-sum-exps are {words} of {named}: log Σ exp of them is expected",
            )
            for words, told in ways.items()
        ]
    return routes


def _told_lse(name: str, array: Array, told: Array) -> Array:
    return told if name == "lse" else array


PIECE_SLIPS = (
    Slip(
        "split-averaged",
        "weights",
        partial(_even, ways=AVERAGED),
        "pieces were averaged",
        paired=False,
    ),
    Slip(
        "split-averaged",
        "weights",
        partial(_even, ways=SUMMED),
        "pieces were added up",
        paired=False,
    ),
    Slip(
        "split-averaged",
        "weights",
        _other_merges,
        "pieces were merged by other numbers",
        paired=False,
        passes_easily=True,
    ),
    Slip(
        "split-averaged",
        "weights",
        lambda case: [] if case.problem.sink is not None else _even(case, WRONG_SHARES),
        "pieces were merged by other shares",
        paired=False,
        passes_easily=True,
    ),
    Slip(
        "split-averaged",
        "weights",
        _prefixes,
        "a prefix was merged by other shares",
        paired=False,
        passes_easily=True,
    ),
    Slip(
        "split-merge-base-2",
        "weights",
        partial(_even, ways=MERGES),
        "pieces were merged by another base",
        paired=False,
    ),
)

# which keys that were left out may equal
MERGED_SLIPS = (Slip("lse-other", "result", _merged_lse, "log-sum-exps were merged otherwise", paired=False),)
