"""The matrices of a worked solution on a terminal: side by side if they fit, or else with fewer columns."""

from __future__ import annotations

from attncli.explain.page import Grid
from attncli.render.explain.notation import Expressions
from attncli.render.result.tables import Style, shorten_label

LABEL_AT_MOST, HEADING_AT_MOST = 20, 20
BETWEEN_COLUMNS, BETWEEN_BLOCKS = 2, 4

Span = tuple[str, str]  # text and rich style
Written = list[Span]
Block = list[Span]  # the lines of one matrix, all of the same width


def matrices_text(grids: tuple[Grid, ...], room: int, style: Style, writer: Expressions) -> list[Written]:
    """Return the matrices in lines of `room` columns, with a blank line between rows of matrices."""
    lines: list[Written] = []
    row: list[Block] = []
    for grid in grids:
        block = matrix_block(grid, room, style, writer)
        used = sum(block_width(one) + BETWEEN_BLOCKS for one in row)
        if row and used + block_width(block) > room:
            lines += [*join_blocks(row), []]
            row = []
        row.append(block)
    return [*lines, *join_blocks(row)] if row else lines


def join_blocks(blocks: list[Block]) -> list[Written]:
    """Return the blocks next to each other."""
    height = max(map(len, blocks))
    lines: list[Written] = []
    for place in range(height):
        line: Written = []
        for block in blocks:
            text, look = block[place] if place < len(block) else (" " * block_width(block), "")
            line += [(text, look), (" " * BETWEEN_BLOCKS, "")]
        lines.append(line[:-1])
    return lines


def block_width(block: Block) -> int:
    return text_width(block[0][0])


def matrix_block(grid: Grid, room: int, style: Style, writer: Expressions) -> Block:
    """Return the title, the column labels and a line for each row, with dots where something is left out."""
    columns = list(range(len(grid.column_labels)))
    gap = grid.gap_column
    lines = set_columns(grid, columns, gap, style, writer)
    while text_width(lines[0]) > room and len(columns) > 2:  # from the middle, or from beside the gap
        middle = len(columns) // 2 if gap is None else min(gap, len(columns) - 1)
        columns.pop(middle)
        gap = middle if gap is None or gap > middle else gap
        lines = set_columns(grid, columns, gap, style, writer)
    width = max(text_width(grid.title), *map(text_width, lines))
    head, *rows = [pad_text(line, width) for line in lines]
    return [(pad_text(grid.title, width), "bold"), (head, "dim"), *((row, "") for row in rows)]


def set_columns(grid: Grid, columns: list[int], gap: int | None, style: Style, writer: Expressions) -> list[str]:
    """Return the header and the rows with these columns, with dots before the column at index `gap`."""
    table = [["", *(shorten_label(grid.column_labels[column], HEADING_AT_MOST, style) for column in columns)]]
    for row, label in enumerate(grid.row_labels):
        cells = [
            style.masked if grid.is_masked(row, column) else writer.notation.numeral(grid.texts[row][column])
            for column in columns
        ]
        table.append([shorten_label(label, LABEL_AT_MOST, style), *cells])
    if gap is not None:
        for line in table:
            line.insert(1 + gap, style.dots)
    if grid.gap_row is not None:
        table.insert(1 + grid.gap_row, [style.dots, *("" for _ in table[0][1:])])
    widths = [max(map(text_width, column)) for column in zip(*table, strict=True)]
    return [
        pad_text(line[0], widths[0])
        + "".join(
            " " * (BETWEEN_COLUMNS + width - text_width(cell)) + cell
            for cell, width in zip(line[1:], widths[1:], strict=True)
        )
        for line in table
    ]


def text_width(text: str) -> int:
    """Return the terminal columns that the text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def pad_text(text: str, width: int) -> str:
    """Return the text padded with spaces."""
    return text + " " * (width - text_width(text))
