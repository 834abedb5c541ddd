"""Rows that hold no result: of 0 or NaN, as what was never written, or where sums of exponentials overflow."""

from __future__ import annotations

from functools import partial

import numpy as np

from attncli.check.error_pattern import has_head_axis, name_leading_place
from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.slip import Slip
from attncli.matrix import Array
from attncli.results.result import Result

LARGEST = {"float16": 65504.0, "float32": float(np.finfo(np.float32).max)}  # numbers of a dtype


def _unwritten(case: Case) -> list[Route]:
    """Return the routes with rows, or columns of the output, of 0 or of NaN, where there should be none."""
    name = case.wrong[0]
    expected = case.judges[name].expected
    if len(case.wrong) > 1 or name not in ("scores", "weights", "output"):
        return []
    routes = []
    for number, words in ((0.0, "0"), (np.nan, "NaN")):
        ways = [("row", _is_all(expected, number), expected.ndim - 2)]
        if name == "output" and expected.shape[-2] > 1:
            columns: Array = np.asarray(_is_all(expected.mT, number).reshape(-1, expected.shape[-1]).all(axis=0))
            ways.append(("column", np.broadcast_to(columns, (*expected.shape[:-2], len(columns))), expected.ndim - 1))
        for noun, empty, axis in ways:
            if empty.any() and not empty.all():
                routes += _emptied_routes(case, noun, empty, axis, number, words)
    return routes


def _emptied_routes(case: Case, noun: str, empty: Array, axis: int, number: float, words: str) -> list[Route]:
    """Return the route with these rows or columns of one number, unless the right ones hold it too."""
    name = case.wrong[0]
    right = Result(case.problem, "numpy").array(name)
    if right.shape != case.judges[name].expected.shape:
        return []
    lost = empty & ~_is_all(np.moveaxis(right, axis, -2), number)
    places = np.flatnonzero(lost.reshape(-1, lost.shape[-1]).any(axis=0))
    if len(places) == 0:
        return []
    named = f"{noun} {places[0]} is" if len(places) == 1 else f"{noun}s {list_numbers(places.tolist())} are"
    parts = lost.reshape(-1, lost.shape[-1])
    where = ""
    if not (parts == parts[0]).all():
        holding = np.flatnonzero(parts.any(axis=-1))
        one = name_leading_place(np.unravel_index(holding[0], lost.shape[:-1]), has_heads=has_head_axis(case.problem))
        nouns = "heads" if has_head_axis(case.problem) else "entries"
        where = f" in {one}" if len(holding) == 1 else f" in {len(holding)} of {len(parts)} {nouns}"
    said = f"{case.yours} right except for {noun}s that hold no result{where}: {named} {words}"
    cells = np.moveaxis(lost[..., None], -2, axis)
    return [Route(present=partial(_put, only=name, places=cells, others=np.array(number)), said=said)]


@np.errstate(all="ignore")
def _overflowed(case: Case) -> list[Route]:
    """Return the route in which sums of e^score overflow a dtype, where the largest score of a row is not subtracted:
    such rows are not finite, or 0 where only their sum overflows."""
    name = case.wrong[0]
    expected = case.judges[name].expected
    is_shaped = expected.shape[:-1] == (*case.problem.lead, case.n)
    if len(case.wrong) > 1 or name not in ("weights", "output") or not is_shaped or np.isfinite(expected).all():
        return []
    result = Result(case.problem, "numpy").compute("scores", "lse")
    largest, lse = result.scores.max(axis=-1), result.lse
    is_lost, is_empty = ~np.isfinite(expected).all(axis=-1), _is_all(expected, 0.0)
    for dtype, limit in LARGEST.items():
        has_sum = lse > np.log(limit)
        has_power = largest > np.log(limit * (1 + float(np.finfo(dtype).eps) / 4))  # what is less is rounded to it
        if has_power.any() and (is_lost | is_empty)[has_power].all() and has_sum[is_lost].all():
            rows = has_sum & (is_lost | is_empty)
            where = "in one row, whose sum is" if rows.sum() == 1 else f"in {int(rows.sum())} rows, whose sums are"
            said = (
                f"e^score overflowed {dtype} {where} beyond its largest number, {limit:.6g}: the largest score of a "
                "row is subtracted first"
            )
            return [Route(present=partial(_put, only=name, places=rows[..., None], others=expected), said=said)]
    return []


def _put(name: str, array: Array, only: str, places: Array, others: Array) -> Array:
    return np.where(places, others, array) if name == only else array


def _is_all(array: Array, number: float) -> Array:
    """Return which rows hold this number only."""
    found: Array = (np.isnan(array) if np.isnan(number) else array == number).all(axis=-1)
    return found


LOST_ROW_SLIPS = (
    Slip("exp-overflow", "result", _overflowed, "e^score overflowed", paired=False),
    Slip("rows-empty", "result", _unwritten, "rows hold no result", paired=False),
)
