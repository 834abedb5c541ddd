"""A worked solution in Markdown for GitHub, with formulas in dollars and arithmetic in tables."""

from __future__ import annotations

from attncli.explain.page import Explanation, Grid, Line, Solution, Step
from attncli.render.explain.latex_notation import latex_equation
from attncli.render.explain.notation import BREAK, PLAIN
from attncli.render.explain.shared import equation_text, insert_gap, rounding_note
from attncli.render.markdown import escape_markdown
from attncli.render.result.tables import Style

BAR = 20


def explanation_markdown(page: Explanation, style: Style) -> str:
    """Return the page as Markdown. `style` is not used: it is for the terminal."""
    del style
    blocks = [f"# {escape_markdown(page.title or 'Attention, worked out')}", formula_block(page.formula)]
    blocks.append(escape_markdown(page.introduction))
    blocks.append("\n".join(f"- {escape_markdown(f'{name}: {words}')}" for name, words in page.facts))
    if page.grids:
        blocks += ["## The matrices", *(matrix_table(grid) for grid in page.grids)]
    for step in page.preparation:
        blocks += step_blocks(step, "## ")
    for solution in page.solutions:
        blocks += solution_blocks(solution)
    blocks.append(f"*{escape_markdown(rounding_note(page))}*")
    return "\n\n".join(block for block in blocks if block) + "\n"


def formula_block(equation: object) -> str:
    """Return a displayed formula."""
    return f"$$\n{latex_equation(equation)}\n$$"  # type: ignore[arg-type]


def matrix_table(grid: Grid) -> str:
    """Return a matrix as a table with a title."""
    labels = [escape_markdown(label) for label in insert_gap(grid.column_labels, grid.gap_column)]
    lines = [f"| {escape_markdown(grid.title)} | {' | '.join(labels)} |", "|---|" + "---:|" * len(labels)]
    for place, label in enumerate(grid.row_labels):
        cells = [
            "·" if grid.is_masked(place, column) else PLAIN.numeral(text)
            for column, text in enumerate(grid.texts[place])
        ]
        if grid.gap_column is not None:
            cells.insert(grid.gap_column, "…")
        if place == grid.gap_row:
            lines.append("| ⋮ |" + " |" * len(cells))
        lines.append(f"| {escape_markdown(label)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def solution_blocks(solution: Solution) -> list[str]:
    name = f"{solution.query}{f', {solution.part}' if solution.part else ''}"
    blocks = [f"## {escape_markdown(name)}"]
    for step in solution.steps:
        blocks += step_blocks(step, "### " + step.heading.replace(".", "\\."))
    if solution.summary:
        blocks += ["### In words", *(escape_markdown(sentence) for sentence in solution.summary)]
    return blocks


def step_blocks(step: Step, heading: str) -> list[str]:
    blocks = [heading + escape_markdown(step.title), *(escape_markdown(words) for words in step.words)]
    if step.formula is not None:
        blocks.append(formula_block(step.formula))
    if step.lines:
        has_bars = any(line.share is not None for line in step.lines)
        header = "| | |" + (" |" if has_bars else "") + "\n|---|---|" + ("---|" if has_bars else "")
        blocks.append("\n".join([header, *(table_row(line, has_bars) for line in step.lines)]))
    return [*blocks, *(escape_markdown(words) for words in step.after)]


def table_row(line: Line, has_bars: bool) -> str:
    if line.left_out:
        return f"| ⋮ | {line.left_out:,} keys |" + (" |" if has_bars else "")
    label = escape_markdown(line.label)
    work = "= " + "\\_" * 20 if line.is_blank else ""
    if line.equation is not None:
        work = escape_markdown(equation_text(line.equation).replace(BREAK, ""))
    note = f" ({escape_markdown(line.note)})" if line.note else ""
    bar = f" {'█' * round(BAR * (line.share or 0))} |" if has_bars else ""
    emphasis = "**" if (line.is_top or line.is_sum) and label else ""
    return f"| {emphasis}{label}{emphasis} | {work}{note} |{bar}"
