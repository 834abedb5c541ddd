"""The parts of a worked solution. Every string is plain text, which renderers escape."""

from __future__ import annotations

from dataclasses import dataclass, field

from attncli.expressions import Expression

STEPS = ("given", "raw", "scores", "masked", "exp", "weights", "output")  # values of --until
# continuing the numbers of STEPS
BACKWARD_STEPS = ("d_weights", "d_scores", "d_raw", "d_queries", "d_values", "d_keys")


@dataclass(frozen=True, slots=True)
class Equation:
    """A chain sides[0] sign sides[1] sign …, with "=" if the printed numbers are exactly equal and "≈" if one is
    rounded."""

    sides: tuple[Expression, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a step: for a key, a feature or a sum.

    `note` says in words what arithmetic cannot. `share` is a weight to be drawn as a bar. `is_sum` adds up the lines
    above. `is_blank` is for the reader to fill in. `left_out` counts keys that are not shown.
    """

    label: str
    equation: Equation | None = None
    note: str = ""
    share: float | None = None
    is_sum: bool = False
    is_top: bool = False
    is_blank: bool = False
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a solution: `words` explain it, `lines` compute it, `after` concludes it.

    `name` is in STEPS or BACKWARD_STEPS, or is the name of a step without a number ("given", "project", "change",
    "join", "block", "arriving", "shared", "projections").
    """

    name: str
    title: str
    formula: Equation | None = None
    words: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """Return "1. " for the title of a step that has a number, which is the same in every solution."""
        numbered = (*STEPS[1:], *BACKWARD_STEPS)
        return f"{numbered.index(self.name) + 1}. " if self.name in numbered else ""


@dataclass(frozen=True, slots=True)
class Solution:
    """One query of one head: its steps, and the result in plain words (empty if steps are left blank).

    `address` leads a page to play with to its largest weight, as in `at=weights.0.2`.
    """

    query: str
    part: str
    steps: tuple[Step, ...]
    summary: tuple[str, ...]
    address: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A matrix.

    `texts` are the displayed digits and `wholes` the shortest that read back. `shades`, if any, colour the cells (0 …
    1, or −1 … 1 if `is_signed`). A cell that is not finite has no shade. `masked` marks masked cells. Rows before
    `gap_row` and columns before `gap_column` are left out.
    """

    name: str
    title: str
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    wholes: tuple[tuple[str, ...], ...]
    shades: tuple[tuple[float | None, ...], ...] | None
    masked: tuple[tuple[bool, ...], ...]
    legend: tuple[str, str]
    gap_row: int | None = None
    gap_column: int | None = None
    is_signed: bool = False

    def is_masked(self, row: int, column: int) -> bool:
        """Return whether this cell is masked."""
        return bool(self.masked) and self.masked[row][column]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole page. `facts` are what was computed and the conventions in force, and `notes` are about what is left
    out."""

    title: str
    formula: Equation
    introduction: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    preparation: tuple[Step, ...]
    solutions: tuple[Solution, ...]
    grids: tuple[Grid, ...] = ()
    digits: int = 4
    warnings: tuple[str, ...] = field(default=())
