"""Masks of sequences that are split among workers, and masks that are read by rows of another length."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.block_masks import Sees, see_instead, see_less
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need
from attncli.check.slips.slip import Slip
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

PARTS = (2, 4, 8)
MULTIPLES = (8, 16, 32, 64, 128, 256)  # to which rows of a mask are filled up


def _part(positions: Array, keys: Array, size: int) -> tuple[Array, Array]:
    """Return the parts of queries and keys."""
    return positions // size, keys // size


def _without_step(positions: Array, keys: Array, size: int, step: int, parts: int) -> Array:
    of_query, of_key = _part(positions, keys, size)
    found: Array = (of_query - of_key) % parts != step
    return found


def _later(positions: Array, keys: Array, size: int) -> Array:
    of_query, of_key = _part(positions, keys, size)
    found: Array = (of_key > of_query) | ((of_key == of_query) & (keys <= positions))
    return found


def _by_place(positions: Array, keys: Array, size: int) -> Array:
    of_query, of_key = _part(positions, keys, size)
    found: Array = (of_key <= of_query) & (keys % size <= positions % size)
    return found


def _striped(positions: Array, keys: Array, size: int) -> Array:
    """Take positions that are dealt out in turn: the others of a round are not seen."""
    found: Array = (keys // size < positions // size) | (keys == positions)
    return found


def _in_zigzag(positions: Array, keys: Array, size: int) -> Array:
    """Return whether a key stands at or before the query where part i is followed by the i-th part from the end."""
    parts = len(keys) // size
    order = np.ravel([(part, parts - 1 - part) for part in range(parts // 2)])
    place = np.argsort(order)[:, None] * size + np.arange(size)
    at = place.ravel()
    found: Array = at[keys] <= at[np.clip(positions, 0, len(keys) - 1)]
    return found


def _ring(case: Case) -> list[Route]:
    """Return the routes in which workers that have a part of the sequence each see others than they should."""
    m, is_causal = case.m, case.problem.visible.is_causal
    if len(set(case.problem.visible.offsets)) > 1:
        return []
    ways: list[tuple[Sees, int, str]] = []
    for parts in (parts for parts in PARTS if m % parts == 0 and m > parts):
        size, of = m // parts, f"{parts} parts of {m // parts} keys"
        if is_causal:
            ways += [
                (_later, size, f"of {of}, a query saw those after its own part, and not those before it"),
                (_by_place, size, f"of {of}, each had a causal mask of places in the part, in place of positions"),
                (
                    _striped,
                    parts,
                    f"of positions dealt to {parts} workers in turn, a query saw earlier rounds only",
                ),
            ]
            ways += [(_in_zigzag, size, f"the causal mask was that of {of} in a zigzag order")] if parts > 2 else []
        else:
            ways += [
                (
                    partial(_without_step, step=step, parts=parts),
                    size,
                    f"of {of}, a query of part r did not see part r − {step} modulo {parts}, as if a step of a ring "
                    "were left out",
                )
                for step in dict.fromkeys((1, parts - 1))
            ]
    return [
        Route(problems=(partial(see_instead if is_causal else see_less, sees=sees, size=size),), said=said)
        for sees, size, said in ways
    ]


def _read_rows(problem: Problem, length: int, beyond: bool) -> Problem:
    """Return the problem whose mask is read by rows of another length."""
    mask = np.asarray(need(problem.mask), bool)
    n, m = mask.shape[-2:]
    flat = mask.reshape(*mask.shape[:-2], n * m)
    places = np.arange(n)[:, None] * length + np.arange(m)
    found = np.where(places < n * m, flat[..., np.minimum(places, n * m - 1)], beyond)
    return replace(problem, mask=found)


def _other_lengths(case: Case) -> list[Route]:
    """Return the routes with a mask whose rows were written without the keys that fill them up, or read so."""
    mask = case.problem.mask
    if mask is None or mask.ndim < 2 or mask.shape[-2] < 2 or mask.shape[-1] != case.m:
        return []
    lengths = dict.fromkeys(-(-case.m // multiple) * multiple for multiple in MULTIPLES)
    return [
        Route(
            problems=(partial(_read_rows, length=length, beyond=beyond),),
            said=(
                f"the mask, in rows of {case.m}, was read in rows of {length}, as if they were filled up: row i begins "
                f"at {case.m}·i"
            ),
        )
        for length in lengths
        if length != case.m
        for beyond in (False, True)
    ]


RING_SLIPS = (
    Slip(
        "mask-by-tiles",
        "mask",
        _ring,
        "parts of a ring had other masks",
        paired=False,
        passes_easily=True,
    ),
    Slip("mask-tiled", "mask", _other_lengths, "the mask was read by other rows", paired=False),
)
