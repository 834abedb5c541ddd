"""A worked solution as one HTML file without scripts or external files, dark or light as the reader's system."""

from __future__ import annotations

from html import escape

from attncli.explain.page import Explanation, Grid, Line, Solution, Step
from attncli.render import colours
from attncli.render.assets import read_style
from attncli.render.explain.mathml import math_block, math_pieces
from attncli.render.explain.shared import insert_gap, rounding_note
from attncli.render.result.tables import Style

LONG_WORD = 24
STRONG = 0.8  # from here on a signed colour needs white text on a light page too


def explanation_html(page: Explanation, style: Style, play: str | None = None) -> str:
    """Return the page as a document.

    `style` is not used: it is for the terminal. `play` is the address of the interactive page.
    """
    del style
    title = escape(page.title or "Attention, worked out")
    is_sheet = any(line.is_blank for solution in page.solutions for step in solution.steps for line in step.lines)
    body = ['<p class="name">Name:</p>'] if is_sheet else []
    body += [f"<header><h1>{title}</h1>", math_block(page.formula), f"<p>{escape(page.introduction)}</p>", "<dl>"]
    body += [f"<div><dt>{escape(name)}</dt><dd>{escape(said)}</dd></div>" for name, said in page.facts]
    body.append("</dl>")
    if play is not None:
        body.append(f'<p class="play"><a href="{escape(play)}">Play with it: change a number, and see</a></p>')
    body.append("</header>")
    if len(page.solutions) > 1:
        body.append(contents_list(page))
    if page.grids:
        matrices = "".join(heat_map(grid) for grid in page.grids)
        body.append(f'<section><h2>The matrices</h2><div class="matrices">{matrices}</div></section>')
    body += [step_html(step, 2) for step in page.preparation]
    body += [solution_html(solution, place, play) for place, solution in enumerate(page.solutions)]
    body.append(f"<footer><p>{escape(rounding_note(page))}</p></footer>")
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{read_style('explain/style.css')}</style>\n</head>\n<body>\n<main>\n"
    )
    return head + "\n".join(body) + "\n</main>\n</body>\n</html>\n"


def contents_list(page: Explanation) -> str:
    """Return links to the solutions."""
    links = [
        f'<li><a href="#solution-{place}">{escape(solution_id(s))}</a></li>' for place, s in enumerate(page.solutions)
    ]
    return f'<nav aria-label="Solutions"><ul>{"".join(links)}</ul></nav>'


def solution_id(solution: Solution) -> str:
    return f"{solution.query}{f', {solution.part}' if solution.part else ''}"


def solution_html(solution: Solution, place: int, play: str | None) -> str:
    opening = "" if place % 2 else ' class="opening"'  # in print, two solutions share a page
    parts = [f'<section id="solution-{place}"{opening}><h2>{escape(solution_id(solution))}</h2>']
    if play is not None and solution.address:
        address, name = escape(f"{play}#{solution.address}"), escape(solution_id(solution))
        parts.append(f'<p class="play"><a href="{address}">Play with {name}</a></p>')
    summary: list[str] = []
    if solution.summary:
        sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in solution.summary)
        summary = [f"<aside><h3>In words</h3>{sentences}</aside>"]
    for step in solution.steps:
        parts.append(step_html(step, 3))
    return "\n".join([*parts, *summary, "</section>"])


def step_html(step: Step, level: int) -> str:
    parts = [f'<section class="step"><h{level}>{step.heading}{escape(step.title)}</h{level}>']
    parts += [f"<p>{escape(words)}</p>" for words in step.words]
    if step.formula is not None:
        parts.append(math_block(step.formula))
    if step.lines:
        rows = "\n".join(row_html(line) for line in step.lines)
        parts.append(f'<table class="work"><tbody>\n{rows}\n</tbody></table>')
    parts += [f"<p>{escape(words)}</p>" for words in step.after]
    return "\n".join([*parts, "</section>"])


def row_html(line: Line) -> str:
    if line.left_out:
        return f'<tr class="gap"><th>⋮</th><td>{line.left_out:,} keys</td></tr>'
    work = '<span class="blank" role="img" aria-label="to be filled in"></span>' if line.is_blank else ""
    if line.equation is not None:
        work = "<wbr>".join(math_pieces(line.equation))
    if line.note:
        work += f' <span class="note">{escape(line.note)}</span>'
    if line.share is not None and not line.note:
        work += f'<div class="bar" aria-hidden="true"><div style="width:{line.share * 100:.4g}%"></div></div>'
    kinds = " ".join(kind for kind, holds in (("sum", line.is_sum), ("top", line.is_top)) if holds)
    opening = f'<tr class="{kinds}">' if kinds else "<tr>"
    return f"{opening}{heading_cell(line.label, 'row')}<td>{work}</td></tr>"


def heading_cell(label: str, scope: str) -> str:
    """Return a heading cell. A label with a very long word may be broken anywhere."""
    is_long = max(map(len, label.split()), default=0) > LONG_WORD
    opening = f'<th scope="{scope}" class="long">' if is_long else f'<th scope="{scope}">'
    return f"{opening}{escape(label)}</th>"


def heat_map(grid: Grid) -> str:
    """Return a matrix as a table with colours, if it has any. Hover or focus shows the whole number."""
    header = "".join(heading_cell(label, "col") for label in insert_gap(grid.column_labels, grid.gap_column))
    rows = []
    for place, label in enumerate(grid.row_labels):
        cells = [heat_cell(grid, place, column) for column in range(len(grid.column_labels))]
        if grid.gap_column is not None:
            cells.insert(grid.gap_column, '<td class="gap">…</td>')
        if place == grid.gap_row:
            rows.append(f'<tr class="gap"><th>⋮</th>{"<td></td>" * len(cells)}</tr>')
        rows.append(f"<tr>{heading_cell(label, 'row')}{''.join(cells)}</tr>")
    low, high = (escape(text.replace("-", "−", 1)) for text in grid.legend)
    scale = "scale signed" if grid.is_signed else "scale"
    legend = (
        ""
        if grid.shades is None
        else f'<span class="legend">{low} <span class="{scale}" aria-hidden="true"></span> {high}</span>'
    )
    caption = f"<caption>{escape(grid.title)} {legend}</caption>"
    table = (
        f'<table class="heat">{caption}<thead><tr><td></td>{header}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )
    return f'<div class="wide">{table}</div>'


def heat_cell(grid: Grid, row: int, column: int) -> str:
    shade = None if grid.shades is None else grid.shades[row][column]
    where = f"{grid.row_labels[row]} → {grid.column_labels[column]}"
    if grid.is_masked(row, column):
        full = escape(f"{where}: masked", quote=True)
        return f'<td class="masked" tabindex="0" data-full="{full}" aria-label="{full}">·</td>'
    full = escape(f"{where}: {grid.wholes[row][column].replace('-', '−', 1)}", quote=True)
    text = escape(grid.texts[row][column].replace("-", "−", 1))
    if shade is None:
        return f'<td tabindex="0" data-full="{full}" aria-label="{full}">{text}</td>'
    if grid.is_signed:
        return f'<td style="{signed_paint(shade)}" tabindex="0" data-full="{full}" aria-label="{full}">{text}</td>'
    red, green, blue = colours.colour(shade)
    ink = "#000" if colours.is_light((red, green, blue)) else "#fff"
    paint = f"background:#{red:02x}{green:02x}{blue:02x};color:{ink}"
    return f'<td style="{paint}" tabindex="0" data-full="{full}" aria-label="{full}">{text}</td>'


def signed_paint(share: float) -> str:
    """Return the colour of a number from −1 to 1 over that of the page, so that 0 has no colour on light and dark
    pages."""
    ground = (
        f"background:color-mix(in srgb,var(--{'below' if share < 0 else 'above'}) {abs(share) * 100:.3g}%,var(--panel))"
    )
    return f"{ground};color:#fff" if abs(share) > STRONG else ground
