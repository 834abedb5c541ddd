"""A result as CSV with one line per cell, for data frames and plotting libraries."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.numbers.numerals import shortest_texts
from attncli.results.targets import GRADIENTS_OF_CELLS, labels_of_columns, labels_of_rows

if TYPE_CHECKING:
    from attncli.results.computed_rows import ComputedRows
    from attncli.results.result import Result

OF_KEYS = ("keys", "values", "d_keys", "d_values")  # their rows are keys
BY_KEY = ("raw_scores", "scores", "weights", *GRADIENTS_OF_CELLS)  # their columns are keys
_CELLS_AT_ONCE = 1 << 15
BY_ROW = ("queries", "output", "lse", "d_queries", *OF_KEYS, *BY_KEY)


def long_table(result: Result, name: str) -> Iterator[str]:
    """Yield lines of query, key, weight (or query, column, value), several rows at a time, after one column per leading
    axis.

    Labels replace numbers if the problem has them.
    """
    array = result.by_entry(name) if name in result.problem.heads_last else result.stream(name)
    return _lines(result, name, array)


def _lines(result: Result, name: str, array: np.ndarray | ComputedRows) -> Iterator[str]:
    labels = result.problem.words.labels
    has_rows = name in BY_ROW
    axes = 1 if name == "lse" or (array.ndim == 1 and not has_rows) else min(2, array.ndim)
    lead = array.shape[: array.ndim - axes]
    row = ("key" if name in OF_KEYS else "query") if has_rows else "row"
    column = "key" if name in BY_KEY else "column"
    value = "weight" if name == "weights" else "value"
    yield ",".join([*lead_names(result, len(lead)), *(row, column)[:axes], value]) + "\n"
    rows = _names(labels_of_rows(labels, name), array.shape[len(lead)] if array.ndim else 0)
    columns = _names(labels_of_columns(labels, name), array.shape[-1]) if axes == 2 else []
    for index in np.ndindex(*lead):
        before = "".join(f"{place}," for place in index)
        part: Any = array
        for place in index:
            part = part[place]
        middles = [f"{each}," for each in columns] if axes == 2 else [""]
        step = max(1, _CELLS_AT_ONCE // max(1, len(middles)))
        for first in range(0, len(rows), step):
            cells = shortest_texts(part[first : first + step])
            starts = (f"{before}{row},{middle}" for row in rows[first : first + step] for middle in middles)
            yield "".join(f"{start}{cell}\n" for start, cell in zip(starts, cells, strict=True))


def lead_names(result: Result, count: int) -> list[str]:
    """Return the names of the leading axes, for a table with a column for each."""
    if count == 1:
        return ["head" if result.problem.packed else "part"]
    return [f"axis{place}" for place in range(count)]


def _names(labels: tuple[str, ...] | None, count: int) -> list[str]:
    """Return labels as CSV cells, or numbers."""
    if labels is None or len(labels) != count:
        return list(map(str, range(count)))
    import csv

    written = io.StringIO()
    csv.writer(written, lineterminator="\0").writerows([label] for label in labels)
    return written.getvalue().split("\0")[:-1]
