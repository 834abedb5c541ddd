"""`attncli compare`: variants side by side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from attncli.cli.completion import COMPARISONS, SOURCES, complete_from, complete_source
from attncli.cli.options import (
    CalculationOptions,
    ReadingOptions,
    declare_ascii,
    declare_digits,
    declare_force,
    declare_format,
    declare_plot,
    declare_quiet,
    expand_bundles,
)
from attncli.cli.output import write_chunks, write_out, write_remarks
from attncli.cli.run import check_digits, read_worksheet
from attncli.errors import ExitStatus, UsageError
from attncli.systems import NAMES as SYSTEMS
from attncli.variants import BY_NAME

if TYPE_CHECKING:
    from attncli.compare.comparison import Comparison

COMPARING = "Comparing"
HELP = """\
Variants side by side on one problem: weights, output, how widely each spreads its attention.

Examples:
  attncli compare problem.yaml                              every variant
  attncli compare problem.yaml --variants dot,scaled        what the scale does
  attncli compare q.csv k.csv v.csv --variants dot,laplace  angle against distance
  attncli compare problem.yaml --systems torch,flash-attn   other systems' conventions, and which of them matter
  attncli compare problem.yaml -f json                      for a program
"""


@expand_bundles
def compare_command(
    source: Annotated[
        list[str], typer.Argument(metavar="Q K [V] | PROBLEM", help=SOURCES, autocompletion=complete_source)
    ],
    calculation: CalculationOptions,
    reading: ReadingOptions,
    variants: Annotated[
        str | None,
        typer.Option(
            "--variants",
            metavar="NAMES",
            help="as in dot,scaled (default all)",
            rich_help_panel=COMPARING,
            autocompletion=complete_from("all", *BY_NAME),
        ),
    ] = None,
    systems: Annotated[
        str | None,
        typer.Option(
            "--systems",
            metavar="NAMES",
            help=f"other systems' conventions: all, or some of {', '.join(SYSTEMS)}",
            rich_help_panel=COMPARING,
            autocompletion=complete_from("all", *SYSTEMS),
        ),
    ] = None,
    format: Annotated[str, declare_format(COMPARING, COMPARISONS)] = "table",
    plot: Annotated[str | None, declare_plot(COMPARING)] = None,
    force: Annotated[bool, declare_force(COMPARING)] = False,
    digits: Annotated[int, declare_digits(COMPARING)] = 4,
    full: Annotated[bool, typer.Option("--full", help="show large problems whole", rich_help_panel=COMPARING)] = False,
    ascii_only: Annotated[bool, declare_ascii(COMPARING)] = False,
    quiet: Annotated[bool, declare_quiet(COMPARING, "print no tables and no notes")] = False,
) -> int:
    """Read the problem, compute each candidate, and print the candidates in neighbouring columns."""
    from attncli.compare.comparison import compare, variant_candidates
    from attncli.files import path_text, write_together
    from attncli.render.compare import comparison_renderer
    from attncli.render.progress import progress_bar
    from attncli.render.result.plot_file import Drawing
    from attncli.render.result.tables import Style
    from attncli.render.result.terminal_picture import terminal_pictures

    render = comparison_renderer(format)
    style = Style(check_digits(digits), full, ascii_only)
    if systems is None and "variant" in calculation.defaults()[0]:
        asked = calculation.defaults()[0]["variant"]
        hint = f"--variants {asked},{next(name for name in BY_NAME if name != asked)}"
        raise UsageError("--variant", "compare sets several variants side by side", hint)
    sources = reading.sources()
    worksheet = read_worksheet(source, sources, "compare")
    left_out: list[str] = []
    if systems is None:
        candidates = variant_candidates(calculation.apply(worksheet.request, sources), split_names(variants))
    elif variants is not None:
        raise UsageError("--systems", "cannot be combined with --variants", "leave one out")
    else:
        from attncli.compare.systems import system_candidates

        candidates, left_out = system_candidates(
            worksheet.request, split_names(systems), lambda request: calculation.apply(request, sources)
        )
    drawing = Drawing.settle(plot, [], force=force)
    comparison = compare(candidates, calculation.check_engine(), partial(progress_bar, words="comparison"))
    pictures = drawing.of_comparison(comparison, worksheet.title)
    write_together(pictures, force=force)
    if not quiet:
        write_chunks(render(comparison, style, worksheet.title), in_colour=format == "table")
    if drawing.is_shown:
        names = [candidate.name for candidate in candidates]
        write_out("\n" * (not quiet) + terminal_pictures(list(zip(names, comparison.results, strict=True)), style))
    notes = [*worksheet.notes, *left_out, *(note for one in comparison.results for note in one.problem.words.notes)]
    write_remarks(
        [] if quiet else notes, comparison_warnings(comparison), [f"wrote {path_text(path)}" for path in pictures]
    )
    return ExitStatus.DONE


def comparison_warnings(comparison: Comparison) -> list[str]:
    """Return the warnings of all candidates, each once, with the names of those that have it if not all do."""
    names: dict[str, list[str]] = {}
    for candidate, result in zip(comparison.candidates, comparison.results, strict=True):
        for warning in result.warnings:
            names.setdefault(warning, []).append(candidate.name)
    everyone = len(comparison.candidates)
    return [
        warning if len(owners) == everyone else f"{', '.join(owners)}: {warning}" for warning, owners in names.items()
    ]


def split_names(text: str | None) -> list[str]:
    """Return the names between the commas."""
    return [] if text is None else [name.strip() for name in text.split(",")]
