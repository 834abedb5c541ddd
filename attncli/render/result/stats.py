"""How each query distributes its attention, as a table: entropy, effective keys, and the keys with the largest
weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.numbers.display import format_number
from attncli.render.result.view import ROWS_AT_EDGES, ROWS_AT_MOST, View, edges, name_part
from attncli.results.statistics import TOP, statistics_of

if TYPE_CHECKING:
    from attncli.render.result.tables import Style
    from attncli.results.result import Result

LABEL_AT_MOST = 20
RANKS = ("top key", "2nd", "3rd")


def stats_columns(result: Result) -> list[str]:
    """Return a column for each number, and two for each of the keys with the largest weights."""
    ranks = range(1, min(TOP, result.problem.m) + 1)
    tops = [name for rank in ranks for name in (f"top_{rank}", f"weight_{rank}")]
    return ["entropy", "effective_keys", "keys_95", "first_key", *tops]


def stats_cells(result: Result, part: int, rows: list[int]) -> list[list[Any]]:
    """Return the numbers of each row in these columns, or None where there is none."""
    found = []
    for line in stats_data(result, part, rows):
        tops = line.pop("top")
        del line["query"]
        missing = [None, None] * (min(TOP, result.problem.m) - len(tops))
        found.append([*line.values(), *(cell for top in tops for cell in top.values()), *missing])
    return found


def stats_data(result: Result, part: int, rows: list[int]) -> list[dict[str, Any]]:
    """Return an object of numbers for each row."""
    labels = result.problem.words.labels
    found = statistics_of(result.lines("weights", part, rows))
    lines = []
    for place, row in enumerate(rows):
        keys = zip(found.top[place], found.top_weights[place], strict=True)
        entropy = float(found.entropy[place])
        is_known = not math.isnan(entropy)
        lines.append(
            {
                "query": _label(labels.queries, row, result.problem.n),
                "entropy": entropy if is_known else None,
                "effective_keys": float(found.effective_keys[place]) if is_known else None,
                "keys_95": int(found.keys_95[place]) if is_known else None,
                "first_key": _shortest(found.first_key[place]),
                "top": [
                    {"key": _label(labels.keys, int(key), result.problem.m), "weight": _shortest(weight)}
                    for key, weight in keys
                    if key >= 0
                ],
            }
        )
    return lines


def _shortest(weight: Any) -> float | None:
    """Return the shortest decimal number that reads back to the weight in its own dtype, or None if it is not
    finite."""
    value = float(str(weight))
    return value if math.isfinite(value) else None


def _label(labels: tuple[str, ...] | None, place: int, count: int) -> str | int:
    return labels[place] if labels is not None and len(labels) == count else place


def stats_view(result: Result, part: int, style: Style) -> View:
    """Return one part for people, with the first and the last of many queries."""
    problem = result.problem
    rows = list(range(problem.n)) if style.full else edges(problem.n, ROWS_AT_MOST, ROWS_AT_EDGES)
    first = _name(_label(problem.words.labels.keys, 0, problem.m), "k", style)
    heads = ["entropy", "effective keys", "keys for 95 %", f"weight on {first}", *RANKS[: min(TOP, problem.m)]]
    data = stats_data(result, part, rows)
    return View(
        name="stats",
        part=name_part(result, part),
        shape=(problem.n, len(heads)),
        rows=rows,
        columns=list(range(len(heads))),
        cells=np.array([_texts(line, len(heads), style) for line in data], dtype=object),
        row_labels=[_name(line["query"], "q", style) for line in data],
        column_labels=heads,
        masked=None,
        sums=None,
        peaks=None,
        is_level=[False] * len(rows),
        row_noun="queries",
        column_noun="columns",
    )


def _texts(line: dict[str, Any], width: int, style: Style) -> list[str]:
    numbers = [
        style.masked if line["entropy"] is None else format_number(line["entropy"], style.digits),
        style.masked if line["effective_keys"] is None else f"{line['effective_keys']:,.{min(style.digits, 2)}f}",
        style.masked if line["keys_95"] is None else f"{line['keys_95']:,}",
        style.masked if line["first_key"] is None else format_number(line["first_key"], style.digits),
    ]
    tops = [
        f"{_name(top['key'], 'k', style)} {format_number(top['weight'], style.digits)}"
        for top in line["top"]
        if top["weight"] is not None
    ]
    return [*numbers, *tops, *[""] * (width - len(numbers) - len(tops))]


def _name(label: str | int, letter: str, style: Style) -> str:
    text = f"{letter}{label}" if isinstance(label, int) else label
    return text if len(text) <= LABEL_AT_MOST else text[: LABEL_AT_MOST - 1] + style.dots


def stats_after(result: Result, views: list[View]) -> list[str]:
    """Return what the columns are, and of what."""
    del views
    lines = ["entropy in nats; effective keys = e^entropy; keys for 95 %: the fewest that hold 95 % of the weight"]
    if not result.problem.shares_one:
        lines.append("entropy and keys for 95 % are of the weights over their sum, which need not be 1 here")
    return lines
