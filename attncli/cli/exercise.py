"""`attncli exercise`: worksheets with numbers that can be worked by hand, their keys, and forms to hand in."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from attncli.cli.options import declare_force, declare_format, declare_quiet
from attncli.cli.output import write_err
from attncli.errors import ExitStatus, check_choice
from attncli.inputs.settings import BY_KEY
from attncli.variants import DEFAULT

if TYPE_CHECKING:
    from attncli.exercise.numbers import Exercise

NUMBERS, FILES = "Numbers", "Files"
SUFFIXES = {"markdown": ".md", "latex": ".tex", "html": ".html"}
HELP = """\
A worksheet with numbers that can be worked by hand, its key, and a form to hand in.

Examples:
  attncli exercise -d sheet                       a sheet, its key.yaml, and answers.yaml
  attncli exercise -d sheet -a laplace --causal   another variant, without looking ahead
  attncli exercise -d class --count 20 -f html    twenty sheets, each with its own numbers
  attncli check sheet/answers.yaml                the filled-in form, step by step

The numbers are small and whole, d_k is a square, and no two scores of a row are equal.
The same seed always gives the same sheets.
"""


def exercise_command(
    directory: Annotated[
        str, typer.Option("--directory", "-d", metavar="DIR", help="write the files here", rich_help_panel=FILES)
    ],
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="another seed, other numbers", rich_help_panel=NUMBERS)
    ] = 1,
    variant: Annotated[
        str | None,
        typer.Option(
            "--variant", "-a", metavar="NAME", help=f"the variant (default {DEFAULT})", rich_help_panel=NUMBERS
        ),
    ] = None,
    queries: Annotated[int, typer.Option("--queries", metavar="N", help="queries", rich_help_panel=NUMBERS)] = 2,
    keys: Annotated[int, typer.Option("--keys", metavar="M", help="keys", rich_help_panel=NUMBERS)] = 3,
    d_k: Annotated[
        int, typer.Option("--dk", metavar="N", help="columns of Q and K, a square", rich_help_panel=NUMBERS)
    ] = 4,
    d_v: Annotated[int, typer.Option("--dv", metavar="N", help="columns of V", rich_help_panel=NUMBERS)] = 2,
    heads: Annotated[
        int, typer.Option("--heads", metavar="H", help="heads, each with its own dk and dv", rich_help_panel=NUMBERS)
    ] = 1,
    causal: Annotated[
        bool, typer.Option("--causal", help="only keys at or before the query", rich_help_panel=NUMBERS)
    ] = False,
    count: Annotated[
        int,
        typer.Option("--count", metavar="C", help="the number of sheets, in DIR/01, DIR/02, …", rich_help_panel=FILES),
    ] = 1,
    format: Annotated[str, declare_format(FILES, SUFFIXES)] = "markdown",
    force: Annotated[bool, declare_force(FILES, "overwrite existing files")] = False,
    quiet: Annotated[bool, declare_quiet(FILES)] = False,
) -> int:
    """Choose the numbers and write the files."""
    from attncli.exercise.numbers import Sizes, check_sizes, make_exercise
    from attncli.files import make_folder, path_text, refuse_existing, write_together

    check_choice(format, SUFFIXES, "--format", "a format")
    name = None if variant is None else BY_KEY["variant"].value(variant, "--variant")
    sizes = Sizes(n=queries, m=keys, d_k=d_k, d_v=d_v, heads=heads)
    check_sizes(sizes, count)
    sheets: dict[str, dict[str, list[bytes]]] = {}  # the files of each sheet by path, by folder
    for number in range(1, count + 1):
        folder = directory if count == 1 else f"{directory}/{number:0{max(2, len(str(count)))}d}"
        texts = exercise_files(make_exercise(seed, number, sizes, name, causal), format)
        sheets[folder] = {f"{folder}/{file}": [text.encode()] for file, text in texts.items()}
    for folder in sheets:
        make_folder(folder)
    refuse_existing(chain.from_iterable(sheets.values()), force)
    for files in sheets.values():
        write_together(files, force=force)
    if not quiet:
        what = "3 files" if count == 1 else f"{count} sheets, each with its key and form,"
        write_err(f"wrote {what} to {path_text(directory)}\n")
    return ExitStatus.DONE


def exercise_files(exercise: Exercise, format: str) -> dict[str, str]:
    """Return the three files of an exercise by name."""
    from attncli.exercise.files import answers_text, key_text, make_sheet, work_out
    from attncli.render.explain.formats import page_renderer
    from attncli.render.result.tables import Style

    style = Style(ascii_only=False)
    return {
        f"sheet{SUFFIXES[format]}": page_renderer(format)(make_sheet(exercise), style),
        "key.yaml": key_text(exercise, page_renderer("text")(work_out(exercise), style)),
        "answers.yaml": answers_text(exercise),
    }
