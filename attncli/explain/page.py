"""What a worked solution is made of. Every string is plain text: a renderer escapes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from attncli.expressions import Expression

STEPS = ("given", "raw", "scores", "masked", "exp", "weights", "output")  # --until stops after one of them
BACKWARD_STEPS = ("d_weights", "d_scores", "d_raw", "d_queries", "d_values", "d_keys")  # with numbers that go on


@dataclass(frozen=True, slots=True)
class Equation:
    """sides[0] sign sides[1] sign …: "=" where the printed numbers are exactly equal, "≈" where one was rounded."""

    sides: tuple[Expression, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a step: for a key, a feature or a sum.

    `note` says in words what no arithmetic can; `share` is a weight to be drawn as a bar; `is_sum` gathers the lines
    above; `is_blank` is for the reader to fill in; `left_out` counts keys that are not shown here.
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
    """`name` is one of STEPS or BACKWARD_STEPS, or that of a step without a number ("given", "project", "join",
    "arriving", "shared", "projections"); `words` explain it, `lines` do it, `after` concludes."""

    name: str
    title: str
    formula: Equation | None = None
    words: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """ "1. " in front of the title of a step that has a number: the same in every solution."""
        numbered = (*STEPS[1:], *BACKWARD_STEPS)
        return f"{numbered.index(self.name) + 1}. " if self.name in numbered else ""


@dataclass(frozen=True, slots=True)
class Solution:
    """One query of one head: its steps, and in plain words what came out (nothing where steps are left blank)."""

    query: str
    part: str
    steps: tuple[Step, ...]
    summary: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A matrix. `texts` are the digits shown and `wholes` the shortest that read back; `shades` (0 … 1, or
    −1 … 1 of a matrix that `is_signed`), where it has some, colour the cells, and a cell that is not a number has none.
    `masked` marks the cells that the mask took away.
    `gap_row` and `gap_column`: something is left out before them."""

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
        """Whether the mask took this cell away."""
        return bool(self.masked) and self.masked[row][column]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole page: `facts` say what was computed and under which conventions, `notes` what is left out."""

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
