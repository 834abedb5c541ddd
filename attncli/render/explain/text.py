"""A worked solution for the terminal: aligned if it fits, or else broken at operators."""

from __future__ import annotations

from textwrap import wrap

from attncli.explain.page import Explanation, Line, Solution, Step
from attncli.expressions import Expression, Operation, Row, Symbol
from attncli.records import record
from attncli.render.console import has_colour, make_console, render_text, speaks_unicode, terminal_width
from attncli.render.explain.ascii_page import convert_page
from attncli.render.explain.matrices import Span, Written, matrices_text, pad_text, text_width
from attncli.render.explain.notation import ASCII_WRITER, BREAK, WRITER, Expressions
from attncli.render.explain.shared import equation_text, rounding_note
from attncli.render.result.tables import Style, to_ascii

PIPED_WIDTH, PROSE = 80, 92
LABEL_AT_MOST = 24
BAR = 24
FORMULA = "magenta"  # the one of the 16 colours that is legible on black and on white


def explanation_text(page: Explanation, style: Style, width: int | None = None) -> str:
    """Return the page as text, as wide as the terminal, with colour if possible."""
    if not style.ascii_only and not speaks_unicode():
        style = Style(style.digits, style.full, ascii_only=True)
    columns = width or terminal_width() or PIPED_WIDTH
    lines = Writer(max(columns, 40), style).page(convert_page(page) if style.ascii_only else page)
    if has_colour(style.ascii_only):
        return colour_lines(lines, style)
    return to_ascii("\n".join("".join(text for text, _ in line).rstrip() for line in lines) + "\n", style)


def colour_lines(lines: list[Written], style: Style) -> str:
    """Return the lines with the colours of the terminal."""
    from rich.text import Text

    console = make_console(ascii_only=style.ascii_only, width=1_000_000)
    return render_text(console, Text("\n").join(Text.assemble(*line) for line in lines)).rstrip("\n") + "\n"


@record
class Laid:
    """A line before it is laid out: its label, its sides as text and the signs between them."""

    line: Line
    sides: list[str]
    signs: tuple[str, ...]


class Writer:
    """Lays out a page in `width` columns."""

    def __init__(self, width: int, style: Style) -> None:
        self.width, self.style = width, style
        self.prose = min(width, PROSE)
        self.writer = ASCII_WRITER if style.ascii_only else WRITER

    def page(self, page: Explanation) -> list[Written]:
        lines: list[Written] = []
        if page.title:
            lines += self.paragraph(page.title, "bold")
        lines.append([(equation_text(page.formula, self.writer), FORMULA)])
        lines += self.paragraph(page.introduction)
        for name, words in page.facts:
            lines += self.paragraph(f"{name}: {words}", indent=2)
        if page.grids:
            lines += [
                [],
                [("The matrices", "bold")],
                [],
                *matrices_text(page.grids, self.width, self.style, self.writer),
            ]
        for step in page.preparation:
            lines += [[], *self.step(step)]
        for solution in page.solutions:
            lines += [[], *self.solution(solution)]
        return [*lines, [], *self.paragraph(to_ascii(rounding_note(page), self.style), "dim")]

    def solution(self, solution: Solution) -> list[Written]:
        name = f"{solution.query}{f', {solution.part}' if solution.part else ''}"
        rule = "=" if self.style.ascii_only else "━"
        lines: list[Written] = []
        for text in wrap(name, self.width - 4) or [""]:
            lines.append([(f"{rule * 2} {text} ", "bold"), (rule * max(0, self.prose - text_width(text) - 4), "dim")])
        for step in solution.steps:
            lines += [[], *self.step(step)]
        if solution.summary:
            lines += [[], [("In words", "bold")]]
            for sentence in solution.summary:
                lines += self.paragraph(sentence, indent=3)
        return lines

    def step(self, step: Step) -> list[Written]:
        lines = self.paragraph(f"{step.heading}{step.title}", "bold")
        for words in step.words:
            lines += self.paragraph(words, indent=3)
        if step.formula is not None:
            lines.append([("   " + equation_text(step.formula, self.writer), FORMULA)])
        lines += self.lines(step)
        for words in step.after:
            lines += self.paragraph(words, indent=3)
        return lines

    def paragraph(self, text: str, style: str = "", indent: int = 0) -> list[Written]:
        room = self.prose - indent
        return [[(" " * indent + line, style)] for line in wrap(text, room, break_on_hyphens=False) or [""]]

    def lines(self, step: Step) -> list[Written]:
        laid = [Laid(line, *laid_sides(line, step, self.writer)) for line in step.lines]
        short = [text_width(one.line.label) for one in laid if text_width(one.line.label) <= LABEL_AT_MOST]
        label_width = max(short, default=0)
        room = self.width - 3 - label_width - 2
        widths = column_widths(laid)
        with_sums = fits(widths, room)
        if not with_sums:  # a long sum is broken, and the lines above it stay whole
            widths = column_widths([one for one in laid if not one.line.is_sum])
        bars = any(one.line.share is not None for one in laid) and step.name == "weights"
        is_aligned = fits(widths, room)
        lines: list[Written] = []
        for one in laid:
            if one.line.left_out:
                dots = "..." if self.style.ascii_only else "⋮"
                lines.append([(f"   {dots} {one.line.left_out:,} keys", "dim")])
                continue
            stands = is_aligned and (with_sums or not one.line.is_sum)
            body = self.align(one, widths, room, bars) if stands else self.flow(one, room)
            lines += self.add_label(one.line, body, label_width)
        return lines

    def add_label(self, line: Line, body: list[Written], width: int) -> list[Written]:
        """Return the body with the label before its first line, or on a line above if the label is long."""
        style = "bold" if line.is_top or line.is_sum else ""
        gap = " " * (3 + width + 2)
        if text_width(line.label) <= width:
            first: Written = [("   " + pad_text(line.label, width) + "  ", style)]
            return [first + body[0], *([(gap, ""), *rest] for rest in body[1:])]
        above: list[Written] = [[("   " + text, style)] for text in wrap(line.label, self.prose - 3)]
        return [*above, *([(gap, ""), *rest] for rest in body)]

    def align(self, one: Laid, widths: list[int], room: int, bars: bool) -> list[Written]:
        """Return everything on one line, with the signs aligned below each other."""
        if one.line.is_blank:
            return [[(blank_text(room), "dim")]]
        spans: Written = []
        for place, side in enumerate(one.sides):
            text = side.replace(BREAK, "")
            if place == 0 and len(one.sides) > 1 and "," not in one.signs:
                text = " " * (widths[0] - text_width(text)) + text
            if place:
                sign = one.signs[place - 1]
                spans.append((",  " if sign == "," else f" {sign} ", "dim"))
            is_last = place == len(one.sides) - 1
            style = "bold" if is_last and (one.line.is_top or one.line.is_sum) else ""
            spans.append((pad_text(text, widths[place]) if place or len(one.sides) > 1 else text, style))
        used = sum(text_width(text) for text, _ in spans)
        if bars and one.line.share is not None and not one.line.note:
            spans.append(self.bar(one.line, room - used - 2))
        return [spans, *self.add_note(one.line, spans, room)]

    def add_note(self, line: Line, spans: Written, room: int) -> list[Written]:
        """Return the note after the numbers if it fits, or else below them."""
        if not line.note:
            return []
        used = sum(text_width(text) for text, _ in spans)
        if used + 2 + text_width(line.note) <= room:
            spans.append(("  " + line.note, "dim"))
            return []
        return [[(text, "dim")] for text in wrap(line.note, max(20, room))]

    def bar(self, line: Line, room: int) -> Span:
        """Return the weight as a bar."""
        share = line.share or 0.0
        length = round(share * min(BAR, max(room, 0)))
        fill = "#" if self.style.ascii_only else "█"
        return "  " + fill * length, FORMULA

    def flow(self, one: Laid, room: int) -> list[Written]:
        """Return the sides one after another while they fit. A sign starts the next line, and a long sum continues
        below itself."""
        if one.line.is_blank:
            return [[(blank_text(room), "dim")]]
        rows: list[str] = [""]
        for place, side in enumerate(one.sides):
            sign = f"{one.signs[place - 1]} " if place else ""
            text = side if sign == ", " else sign + side
            joined = f"{rows[-1]}{',  ' if sign == ', ' else ' ' if rows[-1] else ''}{text}"
            if text_width(joined.replace(BREAK, "")) <= room:
                rows[-1] = joined.replace(BREAK, "")
                continue
            pieces = break_lines(text, room, indent=2 if place else 0)
            rows = pieces if rows == [""] else rows + pieces
        style = "bold" if one.line.is_sum or one.line.is_top else ""
        lines: list[Written] = [[(row, style)] for row in rows]
        return [*lines, *self.add_note(one.line, lines[-1], room)]


def break_lines(text: str, room: int, indent: int) -> list[str]:
    """Return the text in lines of `room` columns, broken before operators. Numbers are never broken."""
    rows = [""]
    for piece in text.split(BREAK):
        if rows[-1] and text_width(rows[-1] + piece) > room:
            rows.append(" " * indent + piece.lstrip())
        else:
            rows[-1] += piece
    return rows


def blank_text(room: int) -> str:
    """Return a space to write in."""
    return "= " + "_" * min(24, max(room - 2, 8))


def laid_sides(line: Line, step: Step, writer: Expressions) -> tuple[list[str], tuple[str, ...]]:
    """Return the sides of a line as text, with vectors padded to the widest number in each column."""
    if line.equation is None:
        return [], ()
    sides = []
    for place, side in enumerate(line.equation.sides):
        sides.append(writer.write(side, row_widths(step, place, side)))
    return merge_definitions(sides, line.equation.signs, isinstance(line.equation.sides[0], Symbol))


def merge_definitions(
    sides: list[str], signs: tuple[str, ...], is_definition: bool
) -> tuple[list[str], tuple[str, ...]]:
    """Merge definitions: "k = [1, 0], v = [2, 3]" are two definitions, not steps of a calculation."""
    if not is_definition:
        return sides, signs
    texts = [f"{name} = {value}" for name, value in zip(sides[::2], sides[1::2], strict=True)]
    return texts, (",",) * (len(texts) - 1)


def row_of(side: Expression) -> Row | None:
    """Return the vector in a side, or None."""
    if isinstance(side, Row):
        return side
    if isinstance(side, Operation):
        return next((found for operand in side.operands if (found := row_of(operand))), None)
    return None


def row_widths(step: Step, place: int, side: Expression) -> tuple[int, ...]:
    """Return the widths to which the vectors at this place of a step's lines are padded, number by number."""
    mine = row_of(side)
    if mine is None:
        return ()
    found = [
        row
        for line in step.lines
        if line.equation and len(line.equation.sides) > place and (row := row_of(line.equation.sides[place]))
    ]
    alike = [row for row in found if len(row.cells) == len(mine.cells)]
    return tuple(max(len(row.cells[i].text) for row in alike) for i in range(len(mine.cells)))


def fits(widths: list[int], room: int) -> bool:
    """Return whether columns of these widths fit side by side, with a sign between each two."""
    return sum(widths) + 3 * max(len(widths) - 1, 0) <= room


def column_widths(laid: list[Laid]) -> list[int]:
    """Return the width of the widest text at each place."""
    most = max((len(one.sides) for one in laid), default=0)
    return [
        max((text_width(one.sides[place].replace(BREAK, "")) for one in laid if len(one.sides) > place), default=0)
        for place in range(most)
    ]
