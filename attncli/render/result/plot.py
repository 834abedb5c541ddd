"""Heat maps of weights as PNG, PDF or SVG, drawn with matplotlib's objects: no pyplot, no global state, no display."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from attncli.errors import printable
from attncli.numbers.display import format_number
from attncli.problem.names import Names
from attncli.records import record
from attncli.render import colours
from attncli.render.result.heat_map import scale_end
from attncli.render.result.view import edges

if TYPE_CHECKING:
    from attncli.compare.comparison import Comparison
    from attncli.results.result import Result

PANELS_AT_MOST = 16
LABELS_AT_MOST = 40  # per axis: of more rows or columns, only some are labelled
NUMBERS_AT_MOST = 144  # cells of a panel that contain their number
CELLS_AT_MOST = 1 << 22  # cells: a larger panel is drawn from evenly spaced rows and columns
LETTERS = 28  # of a label
INCHES_AT_MOST = 30.0


@record
class Panel:
    """One heat map: `weights` (rows, columns), NaN where masked, with the names of its rows and columns."""

    title: str
    weights: np.ndarray
    row_labels: list[str] | None
    column_labels: list[str] | None


def weights_picture(result: Result, suffix: str, title: str | None = None) -> bytes:
    """Draw the weights of a result, one panel per head or batch entry."""
    chosen = edges(result.problem.parts, PANELS_AT_MOST, PANELS_AT_MOST // 2)
    names = Names(result.problem)
    return figure_bytes([panel(result, names, part, names.part(part)) for part in chosen], suffix, title)


def comparison_picture(comparison: Comparison, suffix: str, title: str | None = None) -> bytes:
    """Draw the weights of every candidate, one panel each (and per head)."""
    panels = []
    for candidate, result in zip(comparison.candidates, comparison.results, strict=True):
        names = Names(result.problem)
        for part in range(result.problem.parts):
            panels.append(panel(result, names, part, ", ".join(filter(None, (candidate.name, names.part(part))))))
    return figure_bytes(panels[:PANELS_AT_MOST], suffix, title)


def panel(result: Result, names: Names, part: int, title: str) -> Panel:
    """Return the weights of one head, with evenly spaced rows or columns if there are very many."""
    problem = result.problem
    step = max(1, int(np.ceil(np.sqrt(problem.n * problem.m / CELLS_AT_MOST))))
    rows, columns = list(range(0, problem.n, step)), np.arange(0, problem.m, step)
    weights = result.lines("weights", part, rows)[:, columns].astype(np.float64)
    weights[~result.allowed(part, rows)[:, columns] & (weights == 0)] = np.nan
    row_labels = [_short(names.query(i)) for i in rows] if len(rows) <= LABELS_AT_MOST else None
    column_labels = [_short(names.key(int(j))) for j in columns] if len(columns) <= LABELS_AT_MOST else None
    return Panel(title, weights, row_labels, column_labels)


def _short(label: str) -> str:
    """Return a label for an axis, escaped from matplotlib's mathematics."""
    cut = label if len(label) <= LETTERS else f"{label[: LETTERS - 1]}…"
    return cut.replace("$", r"\$")


def figure_bytes(panels: list[Panel], suffix: str, title: str | None) -> bytes:
    """Return the panels on one figure, as the bytes of a file that is the same every time."""
    import matplotlib
    from matplotlib.figure import Figure

    across = min(len(panels), 2 if len(panels) == 4 else 3 if len(panels) <= 9 else 4)
    if all(len(each.weights) == 1 for each in panels):
        across = 1  # rows of one query stand below each other, key below key
    down = -(-len(panels) // across)
    width, height = _size(panels[0])
    total = (min(width * across, INCHES_AT_MOST), min(height * down + (0.5 if title else 0), INCHES_AT_MOST))
    settings: Any = {"svg.hashsalt": "attncli", "svg.fonttype": "none", "pdf.fonttype": 42, "font.size": 9}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks becomes a box
        figure = Figure(figsize=total, layout="constrained")
        axes = figure.subplots(down, across, squeeze=False)
        largest, is_exceeded = scale_end([each.weights for each in panels])
        for place, spot in enumerate(axes.flat):
            if place < len(panels):
                image = _draw(spot, panels[place], largest)
            else:
                spot.set_axis_off()
        figure.colorbar(image, ax=axes, label="weight", shrink=0.8, extend="max" if is_exceeded else "neither")
        if title:
            figure.suptitle(printable(title).replace("$", r"\$"), wrap=True)
        held = BytesIO()
        figure.savefig(held, format=suffix[1:], dpi=200, metadata=_metadata(suffix))
    return held.getvalue()


def _size(first: Panel) -> tuple[float, float]:
    """Return the size of a panel in inches, with room for its labels and for numbers in its cells."""
    rows, columns = first.weights.shape
    per_cell = 0.55 if rows * columns <= NUMBERS_AT_MOST else 0.22
    longest = max((len(label) for label in (first.row_labels or []) + (first.column_labels or [])), default=4)
    return (
        float(np.clip(columns * per_cell + 0.07 * longest + 1.2, 3.4, 9)),
        float(np.clip(rows * min(per_cell, 0.4) + 0.055 * longest + 0.9, 2.0, 9)),
    )


def _draw(axes: Any, panel: Panel, largest: float) -> Any:
    """Draw one heat map. Masked cells are hatched."""
    rows, columns = panel.weights.shape
    axes.set_facecolor("#ffffff")
    axes.patch.set(hatch="////", edgecolor="#999999")
    image = axes.imshow(
        np.ma.masked_invalid(panel.weights), cmap="cividis", vmin=0, vmax=largest or 1, aspect="auto",
        interpolation="nearest",
    )  # fmt: skip
    axes.set_title(panel.title.replace("$", r"\$"))
    axes.set_xlabel("key")
    axes.set_ylabel("query")
    if panel.column_labels is not None:
        slanted = sum(map(len, panel.column_labels)) > 6 * columns
        turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
        axes.set_xticks(range(columns), panel.column_labels, **turned)
    if panel.row_labels is not None:
        axes.set_yticks(range(rows), panel.row_labels)
    if rows * columns <= NUMBERS_AT_MOST:
        _write_numbers(axes, panel.weights, largest)
    return image


def _write_numbers(axes: Any, weights: np.ndarray, largest: float) -> None:
    for (row, column), weight in np.ndenumerate(weights):
        if np.isfinite(weight):
            ink = "black" if colours.is_light(colours.colour(float(weight) / (largest or 1))) else "white"
            axes.text(column, row, format_number(float(weight), 2), ha="center", va="center", color=ink, fontsize=8)


def _metadata(suffix: str) -> dict[str, None]:
    """Return metadata without dates, so that the same weights make the same file."""
    return {".svg": {"Date": None}, ".pdf": {"CreationDate": None, "ModDate": None}, ".png": {}}[suffix]
