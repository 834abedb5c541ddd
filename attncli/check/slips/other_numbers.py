"""Other numbers of what a query sees, as of a configuration that is not the model's own: of a window, a chunk,
a prefix, kept keys, key lengths, positions, a top-k."""

from __future__ import annotations

from functools import partial

import numpy as np

from attncli.check.error_pattern import position_text
from attncli.check.routes import Route
from attncli.check.slips.case import Case, list_numbers
from attncli.check.slips.mask_changes import change_visible, fill_empty_rows
from attncli.check.slips.position_masks import SETTINGS, STEPS
from attncli.check.slips.slip import Slip
from attncli.records import replace

MOST_KEYS = 64  # of a problem in which every number is tried
BESIDE = 1  # numbers so near have slips of their own


def _far(own: int, first: int, last: int) -> list[int]:
    """Return the numbers from the first to the last that are not beside the right one."""
    return [number for number in range(first, last + 1) if abs(number - own) > BESIDE]


def _keys(count: int) -> str:
    return f"{count} key" if count == 1 else f"{count} keys"


def _numbers(case: Case) -> list[Route]:
    if case.m > MOST_KEYS:
        return []
    visible, m = case.problem.visible, case.m
    routes = [
        Route(
            requests=(partial(replace, **{name: number}),),
            said=f"{words.format(_keys(number))}: {own} {'is' if own == 1 else 'are'} expected",
        )
        for name, words in SETTINGS.items()
        if (own := getattr(case.request, name)) is not None
        for number in _far(own, 1, m)
    ]
    if (left := visible.left) is not None:
        routes += [
            Route(
                problems=(partial(change_visible, left=number),),
                said=f"the window reached {_keys(number)} before the query's position: it reaches {left}",
            )
            for number in _far(left, 0, m - 1)
        ]
    if visible.lengths is not None and len(set(visible.lengths)) == 1:
        length = visible.lengths[0]
        routes += [
            Route(
                problems=(partial(change_visible, lengths=(number,)),),
                said=f"the key length was {number}: {length} is expected",
            )
            for number in _far(length, 1, m)
        ]
    elif visible.lengths is not None:
        ends = tuple(min(end, m) for end in np.cumsum(visible.lengths).tolist())
        routes.append(
            Route(
                problems=(partial(change_visible, lengths=ends),),
                said=(
                    f"the key lengths were {list_numbers(ends)}, those of the entries before added up: "
                    f"{list_numbers(visible.lengths)} are expected"
                ),
            )
        )
    if (top := case.problem.top_k) is not None:
        routes += [
            Route(
                requests=(partial(replace, top_k=number),),
                said=f"the {number} largest scores of a row took part: the {top} largest are expected",
            )
            for number in _far(top, 1, m - 1)
        ]
    return routes + _positions(case)


def _positions(case: Case) -> list[Route]:
    """Return the routes with queries that stand anywhere else."""
    offsets = case.problem.visible.offsets
    if len(set(offsets)) > 1 or not case.problem.visible.has_order:
        return []
    own = offsets[0]
    known = {own, 0, case.m - case.n, -own, case.n, case.m, *(own + step for step in (*STEPS, case.n, -case.n))}
    return [
        Route(
            problems=(partial(change_visible, offsets=(other,)), partial(fill_empty_rows, row=row)),
            said=f"query i stood at position {position_text(other)}: it stands at {position_text(own)}",
        )
        for other in range(1 - case.n, case.m)
        if other not in known
        for row in dict.fromkeys((case.problem.conventions.empty, "zeros", "nan"))
    ]


NUMBER_SLIPS = (
    Slip(
        "setting-other",
        "mask",
        _numbers,
        "another number was taken",
        paired=False,
        passes_easily=True,
    ),
)
