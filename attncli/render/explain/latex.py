"""A worked solution as a complete LaTeX document."""

from __future__ import annotations

from attncli.explain.page import Explanation, Grid, Line, Solution, Step
from attncli.render.explain.latex_notation import LATEX, escape_latex, latex_equation, undeclared
from attncli.render.explain.shared import insert_gap, rounding_note
from attncli.render.result.tables import Style

LABEL_AT_MOST = 24
AMSMATH_COLUMNS = 10  # the largest number of columns of a bmatrix without a setting
PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[a4paper,margin=2.5cm]{geometry}
\usepackage{amsmath}
%DECLARED%
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.4em}
\setcounter{secnumdepth}{0}
\sloppy
\newlength{\labelroom}
% \work{label}{calculation}: the label to the left, the calculation broken where TeX likes
\newcommand{\work}[2]{\par{\raggedright\hangindent=\labelroom\hangafter=1%
  \makebox[\labelroom][l]{#1}#2\par}}
\newcommand{\blank}{$=$ \rule{5cm}{0.4pt}}
\begin{document}
"""


def explanation_latex(page: Explanation, style: Style) -> str:
    """Return the page as a document for pdfLaTeX, LuaLaTeX or XeLaTeX. `style` is not used: it is for the terminal."""
    del style
    body = [rf"\section*{{{escape_latex(page.title or 'Attention, worked out')}}}"]
    body += [rf"\[ {latex_equation(page.formula)} \]", escape_latex(page.introduction)]
    body += ["\\begin{itemize}", *(rf"\item[$\cdot$] {escape_latex(f'{name}: {said}')}" for name, said in page.facts)]
    body.append("\\end{itemize}")
    body += matrix_lines(page.grids)
    for step in page.preparation:
        body += step_lines(step)
    for solution in page.solutions:
        body += solution_lines(solution)
    body += [r"\bigskip", rf"{{\small {escape_latex(rounding_note(page))}}}"]
    text = "\n".join(body)
    return PREAMBLE.replace("%DECLARED%", declarations(text)) + text + "\n\\end{document}\n"


def declarations(text: str) -> str:
    """Return declarations for pdfLaTeX that print the code points of characters that its fonts lack. Other engines have
    the fonts."""
    foreign = undeclared(text)
    if not foreign:
        return "% every character here is in pdfLaTeX's fonts"
    lines = [rf"  \DeclareUnicodeCharacter{{{ord(c):04X}}}{{\texttt{{U+{ord(c):04X}}}}}" for c in foreign]
    return "\\ifdefined\\DeclareUnicodeCharacter\n" + "\n".join(lines) + "\n\\fi"


SYMBOLS = {"raw": r"S_{\text{raw}}", "scores": "S", "weights": "A", "output": "O"}


def matrix_lines(grids: tuple[Grid, ...]) -> list[str]:
    """Return the matrices as bmatrix, with dots where something is left out."""
    if not grids:
        return []
    lines = [r"\section{The matrices}"]
    widest = max(len(insert_gap(grid.column_labels, grid.gap_column)) for grid in grids)
    if widest > AMSMATH_COLUMNS:
        lines.append(rf"\setcounter{{MaxMatrixCols}}{{{widest}}}")
    for grid in grids:
        rows, masked = [], r"-\infty" if grid.name == "scores" else r"\cdot"
        for place in range(len(grid.row_labels)):
            cells = [
                masked if grid.is_masked(place, column) else LATEX.notation.numeral(text)
                for column, text in enumerate(grid.texts[place])
            ]
            if grid.gap_column is not None:
                cells.insert(grid.gap_column, r"\dots")
            if place == grid.gap_row:
                rows.append(r"\vdots" + " & " * (len(cells) - 1))
            rows.append(" & ".join(cells))
        inside = " \\\\\n".join(f"  {row}" for row in rows)
        lines += [
            rf"{escape_latex(grid.title)}:",
            rf"\[ {SYMBOLS.get(grid.name, grid.name)} = \begin{{bmatrix}}" + f"\n{inside}\n" + r"\end{bmatrix} \]",
        ]
    return lines


def solution_lines(solution: Solution) -> list[str]:
    name = f"{solution.query}{f', {solution.part}' if solution.part else ''}"
    lines = [rf"\section{{{escape_latex(name)}}}"]
    for step in solution.steps:
        lines += step_lines(step)
    if solution.summary:
        lines.append(r"\subsection{In words}")
        for sentence in solution.summary:
            lines += [escape_latex(sentence), ""]
    return lines


def step_lines(step: Step) -> list[str]:
    lines = [rf"\subsection{{{step.heading}{escape_latex(step.title)}}}"]
    for words in step.words:
        lines += [escape_latex(words), ""]
    if step.formula is not None:
        lines.append(rf"\[ {latex_equation(step.formula)} \]")
    labels = [len(line.label) for line in step.lines if len(line.label) <= LABEL_AT_MOST]
    if step.lines:
        lines.append(rf"\setlength{{\labelroom}}{{{0.55 * max(labels, default=0) + 1:.2f}em}}")
    for line in step.lines:
        lines += work_lines(line)
    return [*lines, *(part for words in step.after for part in (r"\par", escape_latex(words)))]


def work_lines(line: Line) -> list[str]:
    if line.left_out:
        return [rf"\work{{$\vdots$}}{{{line.left_out:,} keys}}"]
    label = escape_latex(line.label)
    if line.is_top or line.is_sum:
        label = rf"\textbf{{{label}}}"
    work = r"\blank" if line.is_blank else ""
    if line.equation is not None:
        work = f"${latex_equation(line.equation)}$"
    if line.note:
        work += rf"\quad {escape_latex(line.note)}"
    if len(line.label) > LABEL_AT_MOST:
        return [rf"\par {label}", rf"\work{{}}{{{work}}}"]
    return [rf"\work{{{label}}}{{{work}}}"]
