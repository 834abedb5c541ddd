"""The part of a matrix that is shown: which parts, rows and columns, with their labels and masked cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.inputs.request import GRADIENT_NAMES, INPUT_NAMES
from attncli.numbers.display import format_numbers
from attncli.problem.row_masks import hidden_cells
from attncli.records import record, replace
from attncli.results.computed_rows import ComputedRows, row_blocks
from attncli.results.targets import GRADIENTS_OF_CELLS, labels_of_columns, labels_of_rows

if TYPE_CHECKING:
    from attncli.results.result import Result

ROWS_AT_MOST, ROWS_AT_EDGES = 24, 8
COLUMNS_AT_MOST, COLUMNS_AT_EDGES = 16, 6
PARTS_AT_MOST, PARTS_AT_EDGES = 8, 3
GRADIENT_NOUNS = {"d_queries": "q", "d_keys": "k", "d_values": "k", "d_bias": "q"}


@record
class View:
    """One table: `cells` (rows, columns) at these row and column numbers of a matrix of `shape`.

    `masked` marks masked cells that hold what a mask gives, 0 or −∞; a row without a key may hold other numbers. `sums`
    are the sums of whole rows (only of weights), `peaks` the largest number of each whole row, and `is_level` is true
    if no key of the row has a larger weight than another. If `is_turned`, each row of the matrix is shown as a column.
    Cells are numbers, or texts that are shown as they are.
    """

    name: str
    part: str
    shape: tuple[int, int]
    rows: list[int]
    columns: list[int]
    cells: np.ndarray
    row_labels: list[str]
    column_labels: list[str]
    masked: np.ndarray | None
    sums: np.ndarray | None
    peaks: np.ndarray | None
    is_level: list[bool]
    row_noun: str
    column_noun: str
    is_turned: bool = False
    largest: float = 1.0  # of all weights that are shown together: the end of their colour scale

    @property
    def omitted(self) -> str:
        """Return what is left out, in words, or "" if nothing is."""
        left_out = []
        for shown, size, noun in ((self.rows, self.shape[0], "rows"), (self.columns, self.shape[1], "columns")):
            if len(shown) < size:
                left_out.append(f"{size - len(shown):,} of {size:,} {noun}")
        return " and ".join(left_out)


def edges(size: int, most: int, ends: int) -> list[int]:
    """Return all indices, or the first and last few if there are too many."""
    if size <= most:
        return list(range(size))
    return [*range(ends), *range(size - ends, size)]


def scale_together(shown: list[View], result: Result) -> list[View]:
    """Return the views of all weights with one colour scale, from 0 to the largest weight.

    This includes the rows left out, unless there are too many.
    """
    peaks = np.concatenate([view.peaks for view in shown if view.peaks is not None] or [np.zeros(1)])
    if not result.is_large("weights"):
        peaks = result.array("weights").astype(np.float64).ravel()
    finite = peaks[np.isfinite(peaks)]
    largest = float(finite.max()) if finite.size else 0.0
    return [replace(view, largest=largest if largest > 0 else 1.0) for view in shown]


def scale_around_zero(shown: list[View], result: Result) -> list[View]:
    """Return the views of a gradient with one colour scale, which extends to the largest absolute number on both sides
    of 0."""
    sizes = np.abs(result.array(shown[0].name).astype(np.float64).ravel()) if shown else np.zeros(0)
    finite = sizes[np.isfinite(sizes)]
    largest = float(finite.max()) if finite.size else 0.0
    return [replace(view, largest=largest or 1.0) for view in shown]


def parts_shown(result: Result, full: bool) -> list[int]:
    """Return the heads and batch entries that get tables."""
    parts = result.problem.parts
    return list(range(parts)) if full else edges(parts, PARTS_AT_MOST, PARTS_AT_EDGES)


def views(result: Result, name: str, *, full: bool = False, columns_at_most: int | None = None) -> list[View]:
    """Return the tables of one result: one for each head of each batch entry."""
    found = []
    for source in sources_of(result, name, full):
        rows = list(range(source.height)) if full else edges(source.height, ROWS_AT_MOST, ROWS_AT_EDGES)
        found.append(_view(result, source, source.lines(rows), rows, full, columns_at_most))
    return found


def row_views(result: Result, source: Source) -> Iterator[View]:
    """Yield one whole table, several rows at a time. The rows of a very large result are computed on the way."""
    start = 0
    for block in row_blocks(source.stream()):
        rows = list(range(start, start + len(block)))
        yield _view(result, source, block, rows, full=True, columns_at_most=None)
        start += len(block)


@record(kw_only=True)
class Source:
    """One matrix of a result: `lines` returns some of its rows, and `stream` all of them in order. `number` is the part
    whose masks apply."""

    name: str
    part: str
    height: int
    width: int
    lines: Callable[[list[int]], np.ndarray]
    stream: Callable[[], np.ndarray | ComputedRows]
    number: int | None
    row_labels: tuple[str, ...] | None
    row_noun: str
    column_labels: tuple[str, ...] | None
    column_noun: str


def sources_of(result: Result, name: str, full: bool) -> list[Source]:
    """Return the matrices of one result: one for each head of each batch entry, or the first and last if there are too
    many."""
    labels = result.problem.words.labels
    if name == "output" and result.problem.is_joined:
        return _array_sources(name, result.by_entry(name), full, labels.queries, "q", labels.values)
    if name in GRADIENT_NAMES and name not in GRADIENTS_OF_CELLS:
        noun = GRADIENT_NOUNS.get(name, "r")
        array = result.by_entry(name)
        array = array[None, :] if array.ndim == 1 else array
        return _array_sources(name, array, full, labels_of_rows(labels, name), noun, labels_of_columns(labels, name))
    return [_part_source(result, name, number) for number in parts_shown(result, full)]


def _part_source(result: Result, name: str, number: int) -> Source:
    """Return a result of one part, with its heads kept apart."""
    problem, labels = result.problem, result.problem.words.labels
    of_keys = name in ("keys", "values")
    shape = problem.shapes()[name]

    def stream() -> np.ndarray | ComputedRows:
        if not result.is_streamed(name):
            return lines(list(range(problem.m if of_keys else problem.n)))
        part = result.stream(name)
        for place in problem.index(number):
            part = part[place]
        return part

    def lines(rows: list[int]) -> np.ndarray:
        found = result.lines(name, number, rows)
        return found[:, None] if found.ndim == 1 else found

    return Source(
        name=name,
        part=name_part(result, number),
        height=problem.m if of_keys else problem.n,
        width=1 if name == "lse" else shape[-1],
        lines=lines,
        stream=stream,
        number=number if name in ("weights", "scores", "d_scores") else None,
        row_labels=labels_of_rows(labels, name),
        row_noun="k" if of_keys else "q",
        column_labels=("lse",) if name == "lse" else labels_of_columns(labels, name),
        column_noun={"output": "c", "lse": "", **dict.fromkeys(INPUT_NAMES, "c")}.get(name, "k"),
    )


def _array_sources(
    name: str,
    array: np.ndarray,
    full: bool,
    row_labels: tuple[str, ...] | None,
    row_noun: str,
    column_labels: tuple[str, ...] | None,
) -> list[Source]:
    """Return a source for each entry of the leading axes of an array, such as the output of joined heads or a
    gradient."""
    lead = array.shape[:-2]
    entries = int(np.prod(lead, dtype=np.int64))
    found = []
    for number in range(entries) if full else edges(entries, PARTS_AT_MOST, PARTS_AT_EDGES):
        index = tuple(int(i) for i in np.unravel_index(number, lead)) if lead else ()
        matrix = array[index]
        found.append(
            Source(
                name=name,
                part=f"[{', '.join(map(str, index))}]" if index else "",
                height=matrix.shape[0],
                width=matrix.shape[1],
                lines=matrix.__getitem__,
                stream=partial(np.asarray, matrix),
                number=None,
                row_labels=row_labels,
                row_noun=row_noun,
                column_labels=column_labels,
                column_noun="c",
            )
        )
    return found


def _view(
    result: Result, source: Source, lines: np.ndarray, rows: list[int], full: bool, columns_at_most: int | None
) -> View:
    """Return the view of these rows of a matrix: lines (len(rows), columns)."""
    width = lines.shape[1]
    most = COLUMNS_AT_MOST if columns_at_most is None else columns_at_most
    ends = max(1, (COLUMNS_AT_EDGES * 2 if columns_at_most is None else most) // 2)
    columns = list(range(width)) if full else edges(width, most, ends)
    wide = lines.astype(np.float64)
    is_weights = source.name == "weights"
    masked = None if source.number is None else hidden_cells(wide, result.allowed(source.number, rows))
    return View(
        name=source.name,
        part=source.part,
        shape=(source.height, width),
        rows=rows,
        columns=columns,
        cells=lines if full else lines[:, columns],
        row_labels=name_rows(source.row_labels, rows, source.row_noun),
        column_labels=name_columns(source.column_labels, columns, width, source.column_noun),
        masked=None if masked is None else masked[:, columns],
        sums=wide.sum(axis=1) if is_weights else None,
        peaks=wide.max(axis=1) if is_weights else None,
        is_level=[_is_level(line, hidden) for line, hidden in zip(wide, _find_masked(masked, lines), strict=True)],
        row_noun={"q": "queries", "k": "keys"}.get(source.row_noun, "rows"),
        column_noun={"k": "keys", "c": "columns"}.get(source.column_noun, ""),
    )


def row_texts(view: View, place: int, digits: int, masked: str) -> list[str]:
    """Return the cells of a row as texts, with `masked` for the masked ones."""
    values = view.cells[place]
    if values.dtype == object:  # texts already
        return list(values)
    texts = format_numbers(values, digits)
    if view.masked is not None:
        for column in np.flatnonzero(view.masked[place]).tolist():
            texts[column] = masked
    return texts


def name_rows(labels: tuple[str, ...] | None, rows: list[int], noun: str) -> list[str]:
    """Return the labels of some rows, or q0, q1, … for those without one."""
    return [labels[i] if labels and i < len(labels) else f"{noun}{i}" for i in rows]


def name_columns(labels: tuple[str, ...] | None, columns: list[int], width: int, noun: str) -> list[str]:
    """Return the labels of some of the columns, or k0, k1, … unless every column has one."""
    return [labels[j] if labels and len(labels) == width else f"{noun}{j}" for j in columns]


def _find_masked(masked: np.ndarray | None, lines: np.ndarray) -> np.ndarray:
    return np.zeros(lines.shape, np.bool_) if masked is None else masked


def _is_level(line: np.ndarray, hidden: np.ndarray) -> bool:
    """Return whether several keys may be attended to, and all have the same weight."""
    seen = line[~hidden]
    return seen.size == 0 or bool(seen.size > 1 and (seen == seen[0]).all())


def name_part(result: Result, number: int) -> str:
    """Return "head 1", or the index if there are several leading axes."""
    lead = result.problem.lead
    if not lead:
        return ""
    index = result.problem.index(number)
    if len(lead) == 1:
        return f"head {index[0]}" if result.problem.packed else f"[{index[0]}]"
    return f"[{', '.join(map(str, index))}]"
