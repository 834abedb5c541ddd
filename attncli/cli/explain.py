"""`attncli explain`: the worked solution, step by step."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from attncli.cli.completion import PAGES, SOURCES, STEPS, complete_from, complete_query, complete_source
from attncli.cli.options import (
    CalculationOptions,
    ReadingOptions,
    declare_ascii,
    declare_digits,
    declare_force,
    declare_format,
    declare_quiet,
    expand_bundles,
)
from attncli.cli.output import page_out, write_remarks
from attncli.cli.run import check_digits, read_worksheet
from attncli.errors import ExitStatus, UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from attncli.explain import Explanation
    from attncli.explain.workbook.book import Workbook
    from attncli.render.result.tables import Style

EXPLAINING = "Explaining"
HELP = """\
The worked solution: every product, sum, exponential and weight of a query, and the result in words.

Examples:
  attncli explain problem.yaml                         every query of a small problem
  attncli explain problem.yaml --query bank            one of them, by label or by number from 0
  attncli explain q.csv k.csv v.csv -a laplace         with another variant
  attncli explain problem.yaml --until scores          an exercise sheet, with the later steps blank
  attncli explain problem.yaml --backward --grad ones  the gradients too
  attncli explain problem.yaml --blocks 2              the softmax as kernels compute it, 2 keys at a time
  attncli explain problem.yaml -o work.html            a page for the browser; or .md, .tex
  attncli explain problem.yaml -o work.xlsx            live formulas for a spreadsheet
"""


@expand_bundles
def explain_command(
    source: Annotated[
        list[str], typer.Argument(metavar="Q K [V] | PROBLEM", help=SOURCES, autocompletion=complete_source)
    ],
    calculation: CalculationOptions,
    reading: ReadingOptions,
    query: Annotated[
        list[str] | None,
        typer.Option(
            "--query",
            metavar="I|LABEL",
            help="this query: 0, q0 or its label, or all (repeatable; default: all of a short page, else the first)",
            rich_help_panel=EXPLAINING,
            autocompletion=complete_query,
        ),
    ] = None,
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="STEP",
            help="given, raw, scores, masked, exp, weights, output: leave the steps after it blank",
            rich_help_panel=EXPLAINING,
            autocompletion=complete_from(*STEPS),
        ),
    ] = "output",
    backward: Annotated[
        bool,
        typer.Option("--backward", help="go on to the gradients (with --grad or d_output)", rich_help_panel=EXPLAINING),
    ] = False,
    blocks: Annotated[
        int | None,
        typer.Option(
            "--blocks",
            metavar="N",
            help="show the softmax also as kernels compute it, N keys at a time with rescaled sums",
            rich_help_panel=EXPLAINING,
        ),
    ] = None,
    format: Annotated[
        str | None, declare_format(EXPLAINING, PAGES, " (default: as FILE's suffix says, else text)")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="write the page here", rich_help_panel=EXPLAINING),
    ] = None,
    play: Annotated[
        str | None,
        typer.Option(
            "--play", metavar="FILE.html", help="write a page to play with, and link to it", rich_help_panel=EXPLAINING
        ),
    ] = None,
    force: Annotated[bool, declare_force(EXPLAINING)] = False,
    digits: Annotated[int, declare_digits(EXPLAINING)] = 4,
    ascii_only: Annotated[bool, declare_ascii(EXPLAINING)] = False,
    quiet: Annotated[bool, declare_quiet(EXPLAINING)] = False,
) -> int:
    """Read the problem, work it out, and write the page."""
    from attncli.files import path_text, refuse_existing, write_together
    from attncli.render.explain.formats import WORKBOOK, chosen_format, page_renderer
    from attncli.render.result.tables import Style
    from attncli.results.targets import refuse_input

    format = chosen_format(format, output)
    render = None if format == WORKBOOK else page_renderer(format)
    style = Style(check_digits(digits), ascii_only=ascii_only)
    if render is None:
        refuse_workbook(output, backward, blocks)
    refuse_play(play, output, format)
    targets = [path for path in (output, play) if path is not None]
    refuse_existing(targets, force)
    sources = reading.sources()
    worksheet = read_worksheet(source, sources, "explain")
    request = calculation.apply(worksheet.request, sources)
    for path, option in ((output, "--output"), (play, "--play")):
        if path is not None:
            refuse_input(path, option, sources.paths)
    title = None if worksheet.title is None else printable(worksheet.title)
    engine = calculation.check_engine()
    page: Explanation | Workbook
    if render is None:
        from attncli.explain.workbook.book import make_workbook
        from attncli.render.explain.xlsx import workbook_xlsx

        page = make_workbook(request, queries=query or (), until=until, title=title)
        content = workbook_xlsx(page, digits)
    else:
        from attncli.explain import explain

        page = explain(
            request,
            queries=query or (),
            until=until,
            digits=digits,
            engine=engine,
            title=title,
            backward=backward,
            blocks=blocks,
        )
        if output is not None and play is not None:
            render = link_pages(output, play)
        content = render(page, style).encode()
    if output is None:
        page_out(content.decode(), in_colour=format == "text")
    else:
        files = {output: [content]}
        if play is not None:
            from attncli.play.page_data import make_page_data
            from attncli.render.play.document import render_page

            files[play] = [render_page(make_page_data(request, title))]
        write_together(files, force=force)
    notes = [] if quiet else [*worksheet.notes, *page.notes]
    write_remarks(notes, page.warnings, [f"wrote {path_text(path)}" for path in targets])
    return ExitStatus.DONE


def refuse_workbook(output: str | None, backward: bool, blocks: int | None) -> None:
    """Raise UsageError if a workbook could not be written, or not with all that is asked for."""
    if output is None:
        raise UsageError("--format", "a spreadsheet is not printed", "-o work.xlsx")
    if backward:
        raise UsageError("--backward", "a workbook works out no gradients", "-o work.html")
    if blocks is not None:
        raise UsageError("--blocks", "a workbook works out the softmax of whole rows only", "-o work.html")


def refuse_play(play: str | None, output: str | None, format: str) -> None:
    """Raise UsageError if no page could link to the interactive page."""
    if play is None:
        return
    from attncli.cli.play import check_page
    from attncli.files import resolve_path

    check_page(play, "--play", "--play play.html")
    if output is None or format != "html":
        raise UsageError("--play", "only a page for the browser can link to it", "-o work.html")
    if resolve_path(play) == resolve_path(output):
        raise UsageError("--play", "it is the file of the worked solution too", "give each a file of its own")


def link_pages(page: str, play: str) -> Callable[[Explanation, Style], str]:
    """Return the function that renders a worked solution with a link to the file of the interactive page."""
    from urllib.parse import quote

    from attncli.files import resolve_path
    from attncli.render.explain.html import explanation_html

    folder = os.path.dirname(resolve_path(page))  # noqa: PTH120 - a path stays the text that was typed
    return partial(explanation_html, play=quote(os.path.relpath(resolve_path(play), folder)))
