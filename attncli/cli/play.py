"""`attncli play`: an interactive page for a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from attncli.cli.options import CalculationOptions, ReadingOptions, declare_force, declare_quiet, expand_bundles
from attncli.cli.output import write_remarks
from attncli.cli.run import read_worksheet
from attncli.errors import ExitStatus, UsageError, printable

PAGE, PAGE_FILE = "Page", "-o play.html"
HELP = """\
One page to play with in a browser: change a number, a scale, a variant, and see.

Examples:
  attncli play problem.yaml -o play.html               open play.html in a browser
  attncli play q.csv k.csv v.csv -o play.html          from matrices
  attncli play problem.yaml -a laplace -o play.html    starting with another variant

The page is one file and needs no network; its address holds what was changed.
"""


@expand_bundles
def play_command(
    source: Annotated[list[str], typer.Argument(metavar="Q K [V] | PROBLEM", help="files, FILE:NAME, - or numbers")],
    calculation: CalculationOptions,
    reading: ReadingOptions,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE.html", help="write the page here", rich_help_panel=PAGE)
    ],
    force: Annotated[bool, declare_force(PAGE)] = False,
    quiet: Annotated[bool, declare_quiet(PAGE)] = False,
) -> int:
    """Read the problem, check it, and write the page."""
    from attncli.files import path_text, refuse_existing, write_atomically
    from attncli.play.page_data import make_page_data
    from attncli.render.play.document import render_page
    from attncli.results.targets import refuse_input

    check_page(output, "--output")
    calculation.check_engine()
    refuse_existing([output], force)
    sources = reading.sources()
    worksheet = read_worksheet(source, sources, "play")
    request = calculation.apply(worksheet.request, sources)
    refuse_input(output, "--output", sources.paths)
    page = make_page_data(request, None if worksheet.title is None else printable(worksheet.title))
    write_atomically(output, [render_page(page)], force=force)
    write_remarks([] if quiet else [*worksheet.notes, *page.notes], page.warnings, [f"wrote {path_text(output)}"])
    return ExitStatus.DONE


def check_page(path: str, option: str, example: str = PAGE_FILE) -> None:
    """Raise UsageError unless the name of the interactive page is that of a page for a browser."""
    if not path:
        raise UsageError(option, "the name of the file is empty", example)
    if not path.lower().endswith((".html", ".htm")):
        raise UsageError(option, f"{printable(path)} does not end in .html, and a page to play with is HTML", example)
