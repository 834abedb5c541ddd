"""The positions of the blocks of a workbook: one below the other, with titles and labels around their cells."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from attncli.explain.workbook.formulas import Cell
from attncli.formats.sheets import address
from attncli.records import record

HEADING_ROWS = 3  # the title, the formula, and an empty row


@record
class Area:
    """The cells of a block. Formulas on other sheets need its `sheet`."""

    sheet: str
    top: int
    left: int
    rows: int
    columns: int
    is_here: bool = True

    def seen_from(self, sheet: str) -> Area:
        """Return the area as formulas on this sheet refer to it."""
        return replace(self, is_here=sheet == self.sheet)

    def cell(self, row: int, column: int = 0) -> str:
        return self._on_sheet(address(self.top + row, self.left + column))

    def fixed(self, row: int, column: int = 0) -> str:
        """Return a cell that stays the same when the formula is copied."""
        return self._on_sheet(_fix(address(self.top + row, self.left + column), column=True, row=True))

    def row(self, row: int, first: int = 0, last: int | None = None) -> str:
        """Return `$B5:$E5`, or some of its columns."""
        stop = self.columns - 1 if last is None else last
        ends = (address(self.top + row, self.left + column) for column in (first, stop))
        return self._on_sheet(":".join(_fix(end, column=True) for end in ends))

    def column(self, column: int) -> str:
        """Return `B$5:B$9`."""
        ends = (address(self.top + row, self.left + column) for row in (0, self.rows - 1))
        return self._on_sheet(":".join(_fix(end, row=True) for end in ends))

    def _on_sheet(self, text: str) -> str:
        return text if self.is_here else "'{}'!{}".format(self.sheet.replace("'", "''"), text)


def _fix(cell: str, *, column: bool = False, row: bool = False) -> str:
    letters = cell.rstrip("0123456789")
    return f"{'$' if column else ''}{letters}{'$' if row else ''}{cell[len(letters) :]}"


@record
class CellBlock:
    """A matrix of cells with its title.

    `step` is the step of explain that fills it in, and `notes` are written after the rows. If `is_shaded`, its numbers
    are also drawn as a heat map.
    """

    title: str
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    area: Area
    step: str
    notes: tuple[str, ...] = ()
    is_shaded: bool = False


@dataclass(slots=True)
class Sheet:
    """A sheet that grows downwards."""

    name: str
    next_row: int = HEADING_ROWS
    blocks: list[CellBlock] = field(default_factory=list)

    def place(self, rows: int, columns: int) -> Area:
        """Return the area of the next block's cells: below a title and labels, beside labels."""
        return Area(self.name, self.next_row + 2, 1, rows, columns)

    def add(
        self,
        title: str,
        rows: tuple[str, ...],
        columns: tuple[str, ...],
        cells: list[list[Cell]],
        *,
        step: str = "given",
        notes: tuple[str, ...] = (),
        is_shaded: bool = False,
    ) -> Area:
        """Add a block below the others."""
        area = self.place(len(rows), len(columns))
        self.blocks.append(CellBlock(title, rows, columns, tuple(map(tuple, cells)), area, step, notes, is_shaded))
        self.next_row = area.top + area.rows + 1
        return area
