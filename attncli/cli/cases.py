"""The cases of `attncli check`: problems, or the answers to one of them, each judged under the same options."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from attncli.check import check
from attncli.check.plain_scores import check_plain_scores
from attncli.check.report import CaseReport
from attncli.check.suites import TABLES, CaseOutcome, answer_files, problem_sources, split_answers, tell_apart
from attncli.cli.options import CalculationOptions, ReadingOptions
from attncli.cli.output import write_err
from attncli.errors import AttncliError, BugError, InputError, ProblemError, UsageError
from attncli.files import exists, is_folder, path_text, refuse_pipe
from attncli.inputs.answers import Answers, given_matrices, read_answers, results_beside
from attncli.inputs.array_names import result_name
from attncli.inputs.matrices_apart import are_matrices, worksheet_from_matrices
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import EXPECTED_NAMES, Worksheet
from attncli.inputs.sources import Sources, is_pattern, source_name
from attncli.matrix import Matrix


class CaseJudge:
    """Judges one case after another. An error in one of them is its outcome, and does not stop the others.

    `options` are the sources of the command line's own matrices, `expected` those that are expected there, `rules` the
    arguments of `check`.
    """

    def __init__(
        self,
        reading: ReadingOptions,
        calculation: CalculationOptions,
        options: Sources,
        expected: dict[str, Matrix],
        rules: dict[str, Any],
    ) -> None:
        self.reading, self.calculation, self.options = reading, calculation, options
        self.expected, self.rules = expected, rules
        self.read = set(options.paths)
        self.unused: set[str] = set()  # arrays beside Q, K and V that are named as results, where nothing is expected

    def judge_problem(self, words: list[str], name: str, *, is_typed: bool, may_skip: bool) -> CaseOutcome:
        """Judge a problem, or separate Q, K and V. One that expects nothing has no report if it `may_skip`."""
        sources = self._sources(words)

        def report() -> CaseReport | None:
            if not is_typed:
                refuse_pipe(words[0])
            worksheet = _read(words, sources)
            expected = {**worksheet.expected, **self.expected}
            own = results_beside(words[0], sources) if not expected and len(words) == 1 else None
            if own is not None:
                return _note_own(
                    self._report(worksheet, dict(own.expected), has_plain_scores=own.has_plain_scores), own
                )
            self.unused.update(filter(result_name, worksheet.left_out if not expected else ()))
            return self._report(worksheet, expected) if expected or not may_skip else None

        return self._outcome(name, report, sources)

    def judge_answer(self, words: list[str], name: str, answer: str, role: str, unused: set[str]) -> CaseOutcome:
        """Judge a file as the matrix `role` of a problem, or an answer sheet as all of its matrices. The names of what
        else the problem expects join `unused`."""
        sources, own = self._sources(words), self.reading.sources(keep_text=True).of_answers()

        def report() -> CaseReport:
            sheet = read_answers(answer, own)
            if sheet is not None and not sheet.expected:
                raise InputError(path_text(answer), "no matrix of the answers is filled in", "fill in one of them")
            found = sheet.expected if sheet else {role: own.matrix(answer, role=role, where=path_text(answer))}
            expected = {**self.expected, **found}
            worksheet = _read(words, sources)
            if sheet is not None and sheet.digits is not None:
                worksheet = replace(worksheet, digits=sheet.digits)
            unused.update(worksheet.expected.keys() - expected.keys())
            called = replace(worksheet, name=name)
            found_report = self._report(called, expected, has_plain_scores=bool(sheet and sheet.has_plain_scores))
            if sheet is not None and sheet.left_out:
                told = f"{name}: left out, the name of no result: {path_text(', '.join(sheet.left_out))}"
                found_report = replace(found_report, notes=(*found_report.notes, told))
            if sheet is not None and sheet.has_problem and not found_report.holds:
                _refuse_other_problem(answer, worksheet, given_matrices(answer, own))
            return found_report

        return self._outcome(name, report, sources, own)

    def _sources(self, words: list[str]) -> Sources:
        """Return the reader of a case: the command's own where standard input may have been read already."""
        return self.options if len(words) > 1 or words[0].strip() == "-" else self.reading.sources(keep_text=True)

    def _report(
        self, worksheet: Worksheet, expected: dict[str, Matrix], *, has_plain_scores: bool = False
    ) -> CaseReport:
        request = self.calculation.apply(worksheet.request, self.options)
        used = {matrix.where for matrix in expected.values()}
        left_out = tuple(name for name in worksheet.left_out if f"{worksheet.where}: {name}" not in used)
        worksheet = replace(worksheet, request=request, expected=expected, left_out=left_out)
        return (check_plain_scores if has_plain_scores else check)(worksheet, **self.rules)

    def _outcome(self, name: str, report: Callable[[], CaseReport | None], *sources: Sources) -> CaseOutcome:
        try:
            found = report()
            return CaseOutcome(name, found and replace(found, name=name))
        except AttncliError as error:
            return CaseOutcome(name, error=error)
        except MemoryError:
            return CaseOutcome(name, error=ProblemError(name, "not enough memory for this problem"))
        except Exception as error:  # an error in one case does not stop the others
            return CaseOutcome(name, error=_bug(error))
        finally:
            for each in sources:
                self.read.update(each.paths)


def judge_problems(judge: CaseJudge, words: list[str]) -> list[CaseOutcome]:
    """Judge each of some problems; or Q, K and perhaps V, where a command-line option expects their numbers."""
    if judge.expected and are_matrices(words, judge.options):
        return [judge.judge_problem(words, source_name(words[0]), is_typed=True, may_skip=False)]
    named = problem_sources(words)
    return [
        judge.judge_problem([source], name, is_typed=source in words, may_skip=len(named) > 1) for source, name in named
    ]


def judge_answers(
    judge: CaseJudge, words: list[str], answers: list[str], role: str
) -> tuple[list[CaseOutcome], list[str]]:
    """Judge each file of answers to one problem, or to Q, K and V. Return the outcomes, and notes about them all."""
    is_apart = are_matrices(words, judge.options)
    named = [(words[0], source_name(words[0]))] if is_apart else problem_sources(words)
    if len(named) > 1:
        raise UsageError("check", f"{len(named)} problems for {len(answers)} answers", "give one problem")
    [(source, problem)] = named
    unused: set[str] = set()
    outcomes = [
        judge.judge_answer(words if is_apart else [source], name, answer, role, unused)
        for answer, name in tell_apart([(answer, source_name(answer)) for answer in answers])
    ]
    if not unused:
        return outcomes, []
    told = ", ".join(name for name in EXPECTED_NAMES if name in unused)
    return outcomes, [f"{problem}: its own expected numbers ({told}) are not part of the answers"]


def take_answers(
    problems: list[str], given: dict[str, str | None], notes: list[str]
) -> tuple[list[str], list[str], str]:
    """Return the problems, the answers to one of them, and which matrix these are.

    Answers are a folder that an option names, or tables after the problem. They are removed from `given`. What of the
    folder is no answer joins the notes.
    """
    for name, source in given.items():
        _refuse_pattern(source, f"--expect-{name.replace('_', '-')}")
    for word in problems[1:]:
        _refuse_pattern(word, "--expect-output")
    folders = [name for name, source in given.items() if source is not None and exists(source) and is_folder(source)]
    if len(folders) > 1:
        raise UsageError(f"--expect-{folders[1].replace('_', '-')}", "is a second folder of answers", "give one")
    for name in folders:
        found, note = answer_files(str(given[name]))
        notes += [] if note is None else [note]
        given[name] = None
        return problems, found, name
    problems, answers = split_answers(problems)
    alone = next((name for name, source in given.items() if source is not None), None)
    if answers and alone is not None:  # what the shell makes of `--expect-output handins/*.csv`
        answers = [str(given[alone]), *answers]
        given[alone] = None
    return problems, answers, alone or "output"


def _refuse_pattern(source: str | None, option: str) -> None:
    """Raise InputError for a pattern of tables that the shell did not replace by the files' names."""
    if source is not None and is_pattern(source) and source.lower().endswith(TABLES):
        folder = os.path.dirname(source)  # noqa: PTH120 - a path stays as it was typed
        raise InputError(
            path_text(source), "no such file", f"{option} {path_text(folder or '.')}/ takes each file in it"
        )


def _read(words: list[str], sources: Sources) -> Worksheet:
    if len(words) == 1:
        return read_problem(words[0], sources)
    return worksheet_from_matrices(words[0], words[1], words[2] if len(words) > 2 else None, sources)


def _note_own(report: CaseReport, own: Answers) -> CaseReport:
    """Return the report with a note that the results beside the problem were checked, and which were not."""
    told = f"{report.name}: {', '.join(own.expected)} beside the problem are checked, by their names"
    rest = [f"{report.name}: left out: {path_text(', '.join(own.left_out))}"] if own.left_out else []
    return replace(report, notes=(*report.notes, told, *rest))


def _refuse_other_problem(answer: str, worksheet: Worksheet, given: dict[str, Matrix]) -> None:
    """Raise InputError for a form whose own matrices are not those that its answers are judged by."""
    for name, matrix in given.items():
        due = getattr(worksheet.request, name)
        if due is not None and not np.array_equal(due.array, matrix.array):
            what = f"is a form of another problem: its {name} are not those of {worksheet.name}"
            raise InputError(path_text(answer), what, f"attncli check {path_text(answer)} judges it by its own problem")


def _bug(error: Exception) -> BugError:
    if os.environ.get("ATTNCLI_DEBUG") == "1":
        import traceback

        write_err(traceback.format_exc())
    return BugError.of(error)
