"""`attncli run`: compute, print tables, write files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attncli.cli.completion import SOURCES, complete_source
from attncli.cli.options import CalculationOptions, FileOptions, ReadingOptions, ShowingOptions, expand_bundles
from attncli.cli.output import write_chunks, write_out, write_remarks
from attncli.errors import ExitStatus, UsageError
from attncli.inputs.array_names import matrix_name
from attncli.inputs.request import FACT_NAMES, GRADIENT_NAMES, INPUT_NAMES, RESULT_NAMES

if TYPE_CHECKING:
    from attncli.engine.compute import Outcome
    from attncli.inputs.request import Worksheet
    from attncli.inputs.sources import Sources
    from attncli.results.result import Result
    from attncli.results.targets import Targets

BY_ROWS = ("csv", "tsv", "long", "json", "yaml")  # written as they are computed
ONE_MATRIX = ("csv", "tsv", "long")
BUILT_IN, PROBLEM = "demo", Path(__file__).parent.parent / "demo.yaml"
BUILT_IN_NOTE = "the built-in problem; for yours: attncli demo --yaml > problem.yaml, or q.csv k.csv v.csv"
USUAL_GRADIENTS = ["d_queries", "d_keys", "d_values"]
HELP = """\
Compute attention; print its tables; write its matrices to files.

Examples:
  attncli run q.csv k.csv v.csv                   softmax(QKᵀ/√d_k)V
  attncli run problem.yaml                        the same from one file
  attncli run '2 0; 0 1' '1 0; 0 1' '1 2; 3 4'    numbers typed here
  attncli run q.npy k.npy v.npy -o out.npy -q     only a file
  attncli run dump.npz:q dump.npz:k --causal      weights without values
  attncli run problem.yaml -a laplace -f json     another variant, for a program
  attncli run large.npz -q -o out.npy --dask tcp://10.0.0.1:8786   split over a Dask cluster
"""


@expand_bundles
def run_command(
    source: Annotated[
        list[str], typer.Argument(metavar="Q K [V] | PROBLEM", help=SOURCES, autocompletion=complete_source)
    ],
    calculation: CalculationOptions,
    reading: ReadingOptions,
    showing: ShowingOptions,
    files: FileOptions,
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="ADDRESS", help="split the queries over a cluster, such as tcp://HOST:8786"),
    ] = None,
) -> int:
    """Read the problem, compute it, write the files, and print the tables."""
    sources = reading.sources()
    worksheet = read_worksheet(source, sources)
    with connect_engine(dask, source, calculation, reading) as compute:
        return answer(worksheet, sources, calculation, showing, files, compute)


def connect_engine(
    dask: str | None, words: list[str], calculation: CalculationOptions, reading: ReadingOptions
) -> AbstractContextManager[Callable[..., Outcome] | None]:
    """Return an engine that computes its blocks on a cluster, if one is named."""
    if dask is None:
        return nullcontext()
    from attncli.batch.split import Recipe, connect_split
    from attncli.files import working_folder

    settings, matrices = calculation.defaults()
    recipe = Recipe(
        words=tuple(words),
        start=working_folder(),
        settings=settings,
        matrices=matrices,
        header=reading.header,
        from_format=reading.from_format,
        prints={},
    )
    return connect_split(dask, recipe)


def answer(
    worksheet: Worksheet,
    sources: Sources,
    calculation: CalculationOptions,
    showing: ShowingOptions,
    files: FileOptions,
    compute: Callable[..., Outcome] | None = None,
) -> int:
    """Compute a worksheet with these options. All errors that can be found beforehand are raised before a file is
    written."""
    from attncli.engine.engines import note_engine
    from attncli.render.progress import progress_bar
    from attncli.render.result.plot_file import Drawing
    from attncli.render.result.renderers import choose_renderer
    from attncli.render.result.tables import Style
    from attncli.render.result.terminal_picture import terminal_pictures
    from attncli.results.targets import Targets, note_formulas, target_format

    render = choose_renderer(showing.format)
    style = Style(check_digits(showing.digits), showing.full, showing.ascii)
    result = make_result(worksheet, calculation, sources, compute)
    names = [] if showing.quiet else choose_results(showing, result)
    targets = Targets.settle(
        files.targets(choose_gradients(names, files, result)), result, force=files.force, inputs=sources.paths
    )
    drawing = Drawing.settle(files.plot, list(targets.by_path), force=files.force)
    problem = result.problem
    with targets.streams(result) as sinks:
        with progress_bar(problem.parts * problem.n, "attention") as progress:
            doubtful = result.overflow_sinks(*names) if showing.format in BY_ROWS else {}
            held = held_names(names, targets, result)
            result.compute(*held, sinks={**doubtful, **sinks}, progress=progress)
        chunks = iter(()) if showing.quiet else render(result, names, style, worksheet.title)
        saved = targets.save(result, drawing.of_weights(result, worksheet.title))
    write_chunks(chunks, in_colour=showing.format == "table")
    if drawing.is_shown:
        write_out("\n" * (not showing.quiet) + terminal_pictures([("", result)], style))
    written = [target_format(path, "output").name for path in targets.by_path]
    notes = note_formulas(problem.words.labels, [*written, *([] if showing.quiet else [showing.format])])
    engine_notes = note_engine(problem, result.engine)
    if showing.show is None and showing.format == "table" and problem.values is None:
        notes += [] if showing.quiet else ["no values given: weights only"]
    if not showing.quiet:
        notes = [*worksheet.notes, *problem.words.notes, *engine_notes, *notes]
    write_remarks(notes, result.warnings, saved)
    return ExitStatus.DONE


def find_built_in(words: list[str]) -> str | None:
    """Return the file of the built-in problem if its name is the only word and no file has that name."""
    from attncli.files import exists

    return str(PROBLEM) if words == [BUILT_IN] and not exists(BUILT_IN) else None


def read_worksheet(words: list[str], sources: Sources, command: str = "run") -> Worksheet:
    """Return a problem from one source, or from Q, K and perhaps V."""
    from attncli.inputs.matrices_apart import worksheet_from_matrices

    if len(words) == 1:
        from attncli.inputs.problem_file import read_problem

        if (built_in := find_built_in(words)) is None:
            return read_problem(words[0], sources)
        worksheet = read_problem(built_in, sources)
        return replace(worksheet, own_notes=(*worksheet.own_notes, BUILT_IN_NOTE))
    if len(words) > 3:
        what = f"{len(words)} sources, and Q, K and V are three"
        raise UsageError(f"attncli {command}", what, _surplus_hint(words))
    return worksheet_from_matrices(words[0], words[1], words[2] if len(words) == 3 else None, sources)


def _surplus_hint(words: list[str]) -> str:
    """Return where more sources than Q, K and V belong."""
    from attncli.files import exists
    from attncli.inputs.folders import is_problem_file

    if not all(map(exists, words)):
        return "quote numbers that hold spaces: '1 0; 0 1'"
    if all(map(is_problem_file, words)):
        return "many problems: attncli batch FILE… -d DIR"
    return "a mask is --mask FILE, and a bias --bias FILE"


def make_result(
    worksheet: Worksheet,
    calculation: CalculationOptions,
    sources: Sources,
    compute: Callable[..., Outcome] | None = None,
) -> Result:
    """Return the result of a worksheet under the options. Nothing is computed yet."""
    from attncli import engine
    from attncli.problem.prepare import prepare
    from attncli.results.result import Result

    problem = prepare(calculation.apply(worksheet.request, sources))
    return Result(problem, calculation.check_engine(), compute or engine.compute)


def choose_results(showing: ShowingOptions, result: Result) -> list[str]:
    """Return the results to show: those requested, or else weights and output (for csv, tsv and long, only the
    output)."""
    if showing.show is None:
        usual = ["weights", "output"] if result.has("output") else ["weights"]
        if result.problem.d_output is not None and showing.format not in ONE_MATRIX:
            usual += USUAL_GRADIENTS
        return usual[-1:] if showing.format in ONE_MATRIX else usual
    names = []
    known = (*INPUT_NAMES, *RESULT_NAMES, *GRADIENT_NAMES)
    for word in showing.show.split(","):
        name = word.strip().lower().replace("-", "_")
        if name == "all":
            names = [each for each in known if result.has(each)]
            continue
        name = meant if (meant := matrix_name(name)) in INPUT_NAMES else name
        if name not in (*known, *FACT_NAMES):
            if name.startswith("grad"):
                hint = "one by one, with --grad SOURCE: --show d_queries,d_keys,d_values"
                raise UsageError("--show", f"{word.strip()!r} is not a result", hint)
            known_words = (*known, *FACT_NAMES, "all")
            from attncli.inputs.setting_words import suggest_value

            raise UsageError("--show", f"{word.strip()!r} is not a result", suggest_value(name, known_words))
        if name in known and not result.has(name):
            raise lacking_result("--show", name, result)
        if name not in names:
            names.append(name)
    if showing.format in ONE_MATRIX and len(names) > 1:
        what = f"{showing.format} holds one matrix, and {' and '.join(names)} are asked for"
        raise UsageError("--format", what, f"--show {names[-1]}")
    return names


def lacking_result(option: str, name: str, result: Result) -> UsageError:
    """Return the error for a result that the problem does not have, and how to get it."""
    if name in GRADIENT_NAMES and result.problem.d_output is None:
        return UsageError(option, f"{name} needs the gradient at the output", "--grad SOURCE, or --grad ones")
    if name in GRADIENT_NAMES:
        return UsageError(option, f"the problem has no {name}", f"it has {', '.join(result.gradients().names)}")
    what = "no values were given" if name == "values" else "there is no output without values"
    return UsageError(option, what, "give V, or --show weights")


def choose_gradients(names: list[str], files: FileOptions, result: Result) -> list[str]:
    """Return the gradients for --grads: those that are shown, or else all except those with a number per query and
    key."""
    if files.grads is None:
        return []
    if result.problem.d_output is None:
        raise lacking_result("--grads", USUAL_GRADIENTS[0], result)
    shown = [name for name in names if name in GRADIENT_NAMES]
    return shown or [name for name in result.gradients().names if name not in ("d_weights", "d_scores")]


def check_digits(digits: int) -> int:
    """Return --digits, if it is within the precision of float64."""
    if not 0 <= digits <= 17:
        raise UsageError("--digits", f"{digits} is not between 0 and 17")
    return digits


def held_names(names: list[str], targets: Targets, result: Result) -> list[str]:
    """Return the results that are computed in one pass before anything is written or shown.

    Large results that are only shown are not among them. A mask needs the weights for the warning about empty rows.
    """
    held = targets.held(result)
    shown = ["weights"] if {"mask", "stats"}.intersection(names) and not result.is_large("weights") else []
    return sorted(
        {
            *held,
            *shown,
            *(name for name in names if name in (*RESULT_NAMES, *GRADIENT_NAMES) and not result.is_large(name)),
        }
    )
