"""A worked solution as a spreadsheet with live formulas, written with openpyxl (extra `sheets`).

openpyxl writes formulas without their values. These are added afterwards, for readers that do not calculate.
"""

from __future__ import annotations

import re
import zipfile
from copy import copy
from functools import cache
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from attncli.errors import MissingExtraError, printable
from attncli.explain.page import STEPS
from attncli.explain.workbook.sheets import HEADING_ROWS
from attncli.formats.sheets import address
from attncli.render.colours import STOPS
from attncli.render.explain.notation import WRITER
from attncli.render.explain.shared import equation_text
from attncli.results.targets import FORMULA_SIGNS

if TYPE_CHECKING:
    from attncli.explain.workbook.book import Workbook
    from attncli.explain.workbook.formulas import Cell
    from attncli.explain.workbook.sheets import CellBlock, Sheet

_FORMULA = re.compile(r'<c r="([A-Z]+[0-9]+)"([^>]*)><f>([^<]*)</f><v ?/></c>')
_TIME = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z")
TEXT_TYPE = ' t="str"'
WRAPPED = 12  # characters: longer labels are wrapped
LONGEST_TEXT = 32_000  # of the 32,767 characters that a cell may have


def workbook_xlsx(book: Workbook, digits: int) -> bytes:
    """Return the bytes of the file.

    Raises MissingExtraError if openpyxl is not installed.
    """
    try:
        from openpyxl import Workbook as Document
    except ImportError:
        raise MissingExtraError("--output", "openpyxl", "sheets") from None
    document = Document()
    document.remove(document.active)
    values: list[dict[str, Cell]] = []
    for sheet in book.sheets:
        page = document.create_sheet(sheet.name)
        write_heading(page, book)
        values.append({})
        for block in sheet.blocks:
            values[-1] |= write_block(page, block, book.until, digits)
        set_widths(page, sheet)
    write_facts(document.create_sheet("about"), book)
    data = BytesIO()
    document.save(data)
    return put_values(data.getvalue(), values)


@cache
def make_font(**how: Any) -> Any:
    """Return the font of every cell, bold or coloured."""
    from openpyxl.styles import Font

    return Font(name="Calibri", **{"size": 11, **how})


def set_widths(page: Any, sheet: Sheet) -> None:
    """Set columns wide enough for their numbers, and a print layout as wide as the paper."""
    page.column_dimensions["A"].width = 22
    for column in range(1, 1 + max(block.area.columns for block in sheet.blocks)):
        page.column_dimensions[address(0, column).rstrip("1")].width = WRAPPED
    page.sheet_properties.pageSetUpPr.fitToPage = True
    page.page_setup.fitToHeight = 0


def write_heading(page: Any, book: Workbook) -> None:
    """Write the title and the formula of the problem."""

    page.sheet_view.showGridLines = False
    put_text(page, 0, 0, book.title or "Attention, worked out", make_font(bold=True, size=14))
    put_text(page, 1, 0, equation_text(book.formula, WRITER), make_font(italic=True, color="2F5597"))


def put_text(page: Any, row: int, column: int, text: str, font: Any = None) -> Any:
    """Write a text that is not taken as a formula whatever it begins with, and return the cell."""
    cell = page.cell(row + 1, column + 1)
    cell.font = font or make_font()
    cell.value = printable(text)[:LONGEST_TEXT]
    cell.data_type = "s"
    if text.startswith(FORMULA_SIGNS):
        cell.quotePrefix = True
    return cell


def write_block(page: Any, block: CellBlock, until: str, digits: int) -> dict[str, Cell]:
    """Write a block with its title and labels, and return the values of its formulas by address."""
    from openpyxl.styles import Alignment, Border, Side

    area, soft = block.area, make_font(color="5A6069")
    put_text(page, area.top - 2, 0, block.title, make_font(bold=True))
    for column, label in enumerate(block.column_labels):
        cell = put_text(page, area.top - 1, area.left + column, label, soft)
        cell.alignment = Alignment(horizontal="right", wrap_text=len(label) > WRAPPED)
    lines = min(3, max((len(label) // WRAPPED + 1 for label in block.column_labels), default=1))
    page.row_dimensions[area.top].height = 15 * lines
    is_blank = STEPS.index(block.step) > STEPS.index(until)
    line = Side(style="thin", color="BFC4CC")
    styles: dict[bool, Any] = {}  # of given numbers and of formulas
    found = {}
    for row, cells in enumerate(block.cells):
        put_text(page, area.top + row, 0, block.row_labels[row], soft)
        for column, given in enumerate(cells):
            cell = page.cell(area.top + row + 1, area.left + column + 1)
            is_given = given.formula is None and not is_blank
            if is_given in styles:
                cell._style = copy(styles[is_given])  # openpyxl looks each part of a style up: half of all time
            else:
                cell.border = Border(left=line, right=line, top=line, bottom=line)
                cell.alignment = Alignment(horizontal="right")
                cell.font = make_font(color="2F5597") if is_given else make_font()
                if not is_given and not is_blank:
                    cell.number_format = f"0.{'0' * digits}" if digits else "0"
                styles[is_given] = cell._style
            if is_blank:
                continue
            if given.formula is None:
                cell.value = tidy_number(given.value)
            else:
                cell.value = f"={given.formula}"
                found[cell.coordinate] = given
        if row < len(block.notes):
            put_text(page, area.top + row, area.left + 1, block.notes[row], make_font(italic=True, color="5A6069"))
    if block.is_shaded and not is_blank:
        colour_cells(page, block)
    return found


def tidy_number(value: float | str | None) -> float | int | str | None:
    """Return a whole number without a decimal point."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53 else value


def colour_cells(page: Any, block: CellBlock) -> None:
    """Colour the cells as heat maps, with white digits on the dark colours."""
    from openpyxl.formatting.rule import ColorScaleRule, FormulaRule

    area = block.area
    first, last = (
        address(area.top + row, area.left + column) for row, column in ((0, 0), (area.rows - 1, area.columns - 1))
    )
    colours = [f"{red:02X}{green:02X}{blue:02X}" for red, green, blue in (STOPS[0], STOPS[4], STOPS[8])]
    whole = ":".join(re.sub(r"([A-Z]+)([0-9]+)", r"$\1$\2", cell) for cell in (first, last))
    dark = f"AND(ISNUMBER({first}),{first}-MIN({whole})<0.5*(MAX({whole})-MIN({whole})))"
    page.conditional_formatting.add(f"{first}:{last}", FormulaRule(formula=[dark], font=make_font(color="FFFFFF")))
    scale = ColorScaleRule(
        start_type="min", start_color=colours[0], mid_type="percent", mid_value=50, mid_color=colours[1],
        end_type="max", end_color=colours[2],
    )  # fmt: skip
    page.conditional_formatting.add(f"{first}:{last}", scale)


def write_facts(page: Any, book: Workbook) -> None:
    """Write what was calculated, in words, on a last sheet."""

    write_heading(page, book)
    page.column_dimensions["A"].width = 16
    words = ("colours", "blue numbers are given, black ones are formulas: change a blue one, and the rest follows")
    for row, (name, said) in enumerate((*book.facts, words), HEADING_ROWS):
        put_text(page, row, 0, name, make_font(bold=True))
        put_text(page, row, 1, said)


def put_values(data: bytes, values: list[dict[str, Cell]]) -> bytes:
    """Return the file with the value of each formula, sheet by sheet."""
    whole = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as archive, zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as target:
        for member in archive.infolist():
            content = archive.read(member)
            place = re.fullmatch(r"xl/worksheets/sheet([0-9]+)\.xml", member.filename)
            if place is not None and int(place[1]) <= len(values):
                content = put_sheet_values(content.decode(), values[int(place[1]) - 1]).encode()
            elif member.filename == "docProps/core.xml":  # so that the same problem gives the same bytes
                content = _TIME.sub(b"1980-01-01T00:00:00Z", content)
            target.writestr(zipfile.ZipInfo(member.filename, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def put_sheet_values(text: str, values: dict[str, Cell]) -> str:
    """Return the XML of a sheet with the values of its formulas."""

    def fill_value(found: re.Match[str]) -> str:
        value = values[found[1]].value
        is_text = isinstance(value, str)
        shown = escape(value, quote=False) if isinstance(value, str) else repr(value)
        return f'<c r="{found[1]}"{found[2]}{TEXT_TYPE if is_text else ""}><f>{found[3]}</f><v>{shown}</v></c>'

    return _FORMULA.sub(fill_value, text)
