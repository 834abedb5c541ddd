"""`attncli check`: compare given numbers with the right ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from attncli.cli.completion import VERDICTS
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
from attncli.cli.output import write_err, write_out, write_remarks
from attncli.cli.run import BUILT_IN_NOTE, find_built_in
from attncli.errors import ExitStatus, ProblemError, UsageError, format_errors
from attncli.inputs.array_names import result_name
from attncli.inputs.request import GRADIENT_NAMES, Request
from attncli.inputs.settings import parse_value, read_number

if TYPE_CHECKING:
    from attncli.check.suites import CaseOutcome
    from attncli.inputs.sources import Sources

HELP = """\
Check numbers against the right ones and, if they differ, find what was done instead.

Examples:
  attncli check problem.yaml                         its expected: matrices
  attncli check problems/                            each problem file in a folder, as a test suite
  attncli check p.yaml --expect-output out.csv       expected numbers in a separate file
  attncli check q.npy k.npy v.npy --expect-output o.npy   matrices, and no problem file
  attncli check p.yaml --expect-output o.npy --rtol 1e-3
  attncli check p.yaml --expect-output o.npy --baseline torch.npy   at most twice its error
  attncli check hw.yaml handins/*.csv                one problem, many answers: a line for each file
  attncli check hw.yaml --expect-output handins/ --grades grades.csv
  attncli check problems/ --junit report.xml         for a CI server
  attncli check p.yaml -f json                       for a program

Verdicts that pass (exit 0): exact, last-digit, float32, float16, bfloat16,
input-rounding, step-rounding, within-tolerance.
Verdicts that fail (exit 1): wrong, and carried (from a wrong step).
The precision of the numbers is read from their text.
"""
EXPECTED, SHOWING = "Expected numbers", "Showing"


def _expect(name: str) -> str | None:
    option = f"--expect-{name.replace('_', '-')}"
    found: str | None = typer.Option(
        None, option, metavar="SOURCE", help=f"the expected {name.replace('_', ' ')}", rich_help_panel=EXPECTED
    )
    return found


@expand_bundles
def check_command(
    problems: Annotated[
        list[str],
        typer.Argument(
            metavar="PROBLEM... | Q K V", help="problem files, folders of them, or -; matrices with --expect-output"
        ),
    ],
    calculation: CalculationOptions,
    reading: ReadingOptions,
    expect_output: str | None = _expect("output"),
    expect_weights: str | None = _expect("weights"),
    expect_scores: str | None = _expect("scores"),
    expect_raw_scores: str | None = _expect("raw_scores"),
    expect_lse: str | None = _expect("lse"),
    rtol: Annotated[
        str | None, typer.Option("--rtol", metavar="X", help="relative tolerance", rich_help_panel=EXPECTED)
    ] = None,
    atol: Annotated[
        str | None, typer.Option("--atol", metavar="X", help="absolute tolerance", rich_help_panel=EXPECTED)
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="SOURCE",
            help="another implementation's output: at most twice its error",
            rich_help_panel=EXPECTED,
        ),
    ] = None,
    digits: Annotated[
        int | None,
        declare_digits(EXPECTED, "decimals that the numbers claim"),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="accept only the verdict exact", rich_help_panel=EXPECTED)
    ] = False,
    format: Annotated[str, declare_format(SHOWING, VERDICTS)] = "table",
    ascii: Annotated[bool, declare_ascii(SHOWING)] = False,
    quiet: Annotated[bool, declare_quiet(SHOWING, "print nothing")] = False,
    junit: Annotated[
        str | None, typer.Option("--junit", metavar="FILE", help="write a JUnit report", rich_help_panel="Files")
    ] = None,
    grades: Annotated[
        str | None,
        typer.Option("--grades", metavar="FILE.csv", help="write a mark for each step", rich_help_panel="Files"),
    ] = None,
    force: Annotated[bool, declare_force("Files")] = False,
) -> int:
    """Check each problem independently of the others and report the verdicts. The exit status is the largest of all
    cases."""
    from attncli.cli.cases import CaseJudge, judge_answers, judge_problems, take_answers
    from attncli.files import refuse_existing
    from attncli.inputs.answers import read_expected
    from attncli.render.check import verdict_renderer

    render = verdict_renderer(format)
    refuse_existing([path for path in (junit, grades) if path is not None], force)
    if grades is not None and not grades.lower().endswith(".csv"):
        raise UsageError("--grades", f"{grades} does not end in .csv", "as in --grades grades.csv")
    options = reading.sources(keep_text=True)
    given = {
        "output": expect_output,
        "weights": expect_weights,
        "scores": expect_scores,
        "raw_scores": expect_raw_scores,
        "lse": expect_lse,
    }
    notes = []
    if (built_in := find_built_in(problems)) is not None:
        problems = [built_in]
        notes.append(BUILT_IN_NOTE)
    problems, answers, answered = take_answers(problems, given, notes)
    expected = {
        name: read_expected(source, name, _reader_of(source, options), f"--expect-{name.replace('_', '-')}")
        for name, source in given.items()
        if source is not None
    }
    notes += _notes_of_others({name: source for name, source in given.items() if source is not None}, options)
    rules = {
        "rtol": _tolerance(rtol, "--rtol"),
        "atol": _tolerance(atol, "--atol"),
        "digits": digits,
        "strict": strict,
        "baseline": None if baseline is None else options.matrix(baseline, role="output", where="--baseline"),
    }
    calculation.check_engine()
    calculation.apply(Request(), options)  # a wrong option is reported once, not for each problem
    judge = CaseJudge(reading, calculation, options, expected, rules)
    if answers:
        outcomes, remarks = judge_answers(judge, problems, answers, answered)
        notes += remarks
    else:
        outcomes = judge_problems(judge, problems)
    if all(outcome.verdict == "skipped" for outcome in outcomes):
        hint = "expected: {output: […]} in a file, or --expect-output SOURCE"
        if judge.unused:
            array = min(judge.unused)
            hint = f"call {array} expected_{result_name(array)} in each file; or for one: --expect-output FILE:{array}"
        raise ProblemError("check", f"nothing is expected in any of the {len(outcomes)} problems", hint)
    if "d_output" in calculation.defaults()[1] and not _have_gradients(outcomes):
        notes.append("--grad changes nothing: no gradients are expected")
    _write_reports(junit, grades, outcomes, judge.read, force)
    is_told = format == "table" and len(outcomes) == 1 and outcomes[0].error is not None  # on standard error
    if not quiet and not is_told:
        write_out(render(outcomes, ascii), in_colour=format == "table")
    write_remarks([] if quiet else notes, ())
    return _status(outcomes, quiet)


def _reader_of(source: str, options: Sources) -> Sources:
    """Return the reader of expected numbers: that of answers, except for standard input, which is read once."""
    return options if source.strip() == "-" else options.of_answers()


def _notes_of_others(given: dict[str, str], options: Sources) -> list[str]:
    """Return a note about each file of expected numbers that holds other results too, which no option asks for."""
    from attncli.files import path_text
    from attncli.inputs.answers import unasked_answers

    notes = []
    for source in dict.fromkeys(given.values()):
        roles = [name for name, each in given.items() if each == source]
        if others := unasked_answers(source, roles, options.of_answers()):
            told = f"{', '.join(others)} in it {'is' if len(others) == 1 else 'are'} not checked"
            notes.append(f"{path_text(source)}: {told}: attncli check PROBLEM {path_text(source)} checks all of them")
    return notes


def _have_gradients(outcomes: list[CaseOutcome]) -> bool:
    """Return whether gradients were checked, or may have been in a problem that failed."""
    return any(
        outcome.report is None or any(found.what in GRADIENT_NAMES for found in outcome.report.checks)
        for outcome in outcomes
    )


def _tolerance(text: str | None, option: str) -> float | None:

    if text is None:
        return None
    value: float = parse_value(read_number, text, option)
    if value < 0:
        raise UsageError(option, f"{text.strip()} is below 0")
    return value


def _write_reports(
    junit: str | None, grades: str | None, outcomes: list[CaseOutcome], read: set[str], force: bool
) -> None:
    """Write the files of the outcomes that are wanted, with a line about each."""
    from attncli.files import path_text, write_together
    from attncli.render.junit import junit_text
    from attncli.render.verdict_tables import grades_csv
    from attncli.results.targets import refuse_input

    files = {}
    for path, option, report in ((junit, "--junit", junit_text), (grades, "--grades", grades_csv)):
        if path is not None:
            refuse_input(path, option, read)
            files[path] = [report(outcomes).encode()]
    write_together(files, force=force)
    for path in files:
        write_err(f"wrote {path_text(path)}: {len(outcomes)} {'case' if len(outcomes) == 1 else 'cases'}\n")


def _status(outcomes: list[CaseOutcome], quiet: bool) -> int:
    """Write errors and, unless quiet, notes to standard error, and return the largest exit status: 2, 1 or 0."""
    status = ExitStatus.DONE
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    write_err(format_errors([(str(error), error.hint) for error in errors]))
    for outcome in outcomes:
        if outcome.error is not None:
            status = max(status, outcome.error.status)
        elif outcome.report is not None:
            write_remarks([] if quiet else outcome.report.notes, ())
            status = max(status, ExitStatus.DONE if outcome.report.holds else ExitStatus.DIFFERS)
    return status
