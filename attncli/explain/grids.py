"""The matrices behind the explained queries, for heat maps."""

from __future__ import annotations

import numpy as np

from attncli.explain.numbers import Numbers
from attncli.explain.page import STEPS, Grid
from attncli.explain.rounding import Figures


def grids_of(shown: list[Numbers], figures: Figures, until: str) -> tuple[Grid, ...]:
    """Scores and weights of each part, a row per explained query; nothing that the reader is to work out."""
    reached = STEPS.index(until)
    wanted = [("raw", "raw scores"), ("weights", "weights")]
    parts = dict.fromkeys(numbers.part for numbers in shown)
    grids = []
    for part in parts:
        rows = [numbers for numbers in shown if numbers.part == part]
        grids += [_grid(name, title, rows, figures) for name, title in wanted if STEPS.index(name) <= reached]
    return tuple(grids)


def _grid(name: str, title: str, rows: list[Numbers], figures: Figures) -> Grid:
    columns = rows[0].shown if len(rows) == 1 else _common(rows)
    lines = np.array([getattr(row, name)[columns] for row in rows])
    hidden = np.array([~row.allowed[columns] for row in rows]) & (name == "weights")
    finite = lines[np.isfinite(lines) & ~hidden]
    low, high = 0.0 if name == "weights" else _bound(finite, min), _bound(finite, max)
    span = high - low or 1.0
    names = rows[0].names
    return Grid(
        name,
        " ".join(filter(None, (title, names.part(rows[0].part)))),
        tuple(names.query(row.row) for row in rows),
        tuple(names.key(j) for j in columns),
        tuple(tuple(_text(figures, cell) for cell in line) for line in lines),
        tuple(tuple(repr(float(cell)) for cell in line) for line in lines),
        tuple(
            tuple(
                None if off or not np.isfinite(cell) else float((cell - low) / span)
                for cell, off in zip(line, mask, strict=True)
            )
            for line, mask in zip(lines, hidden, strict=True)
        ),
        (figures.number(low).text, figures.number(high).text),
        gap_column=next((i for i in range(1, len(columns)) if columns[i] != columns[i - 1] + 1), None),
    )


def _common(rows: list[Numbers]) -> list[int]:
    """The keys that any of these queries shows; of too many the first few."""
    found = sorted({key for row in rows for key in row.shown})
    return found if len(found) <= 24 else rows[0].shown


def _bound(finite: np.ndarray, choose: object) -> float:
    return float(choose(finite)) if finite.size and callable(choose) else 0.0


def _text(figures: Figures, value: float) -> str:
    return figures.number(float(value)).text
