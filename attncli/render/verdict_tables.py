"""What `check` found as tables: a line for each matrix, a line for each case, and a teacher's marks."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from attncli.check.report import CaseReport, MatrixCheck
from attncli.errors import printable
from attncli.inputs.request import RESULT_NAMES

if TYPE_CHECKING:
    from attncli.check.suites import CaseOutcome

COLUMNS = ("name", "verdict", "what", "matrix_verdict", "at", "expected", "computed", "max_error", "slip", "error")


def verdicts_csv(outcomes: list[CaseOutcome]) -> str:
    """A line for each matrix of each case; one for a case without any."""
    rows: list[list[str]] = [list(COLUMNS)]
    for outcome in outcomes:
        report = outcome.report
        if report is None:
            error = "" if outcome.error is None else str(outcome.error)
            rows.append([outcome.name, outcome.verdict, *[""] * (len(COLUMNS) - 3), error])
            continue
        for check in report.checks:
            rows.append([outcome.name, report.verdict, *_matrix_cells(check), _slip(report), ""])
    return _written(rows)


def _matrix_cells(check: MatrixCheck) -> list[str]:
    place = "" if check.at is None else " ".join(map(str, check.at))
    says = check.text if check.text is not None else _number(check.expected)
    return [check.what, check.verdict, place, says.strip(), _number(check.computed), _number(check.max_error)]


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _slip(report: CaseReport) -> str:
    return report.diagnosis[0].slip if report.diagnosis else ""


def verdicts_markdown(outcomes: list[CaseOutcome]) -> str:
    """A table with a line for each case: its verdict, its first wrong step, and what was done instead."""
    lines = ["| name | verdict | first wrong | what was done instead |", "|---|---|---|---|"]
    for outcome in outcomes:
        report, told = outcome.report, ""
        first = "" if report is None else report.first_wrong or ""
        if report is not None and report.diagnosis:
            told = f"{report.diagnosis[0].slip}: {report.diagnosis[0].sentence}"
        elif outcome.error is not None:
            told = str(outcome.error)
        cells = (outcome.name, outcome.verdict, first, told)
        lines.append("| " + " | ".join(_escaped(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace("|", "\\|")


def grades_csv(outcomes: list[CaseOutcome]) -> str:
    """A line for each case: 1 for a step that is right or follows from what was printed before, 0 for a wrong one; how
    many are right, of how many; the verdict and the slip."""
    reports = [outcome.report for outcome in outcomes if outcome.report is not None]
    steps = [name for name in RESULT_NAMES if any(name == check.what for report in reports for check in report.checks)]
    rows = [["name", *steps, "right", "of", "verdict", "slip"]]
    for outcome in outcomes:
        report = outcome.report
        if report is None:
            rows.append([outcome.name, *[""] * len(steps), "", "", outcome.verdict, ""])
            continue
        marks = {check.what: int(check.verdict != "wrong") for check in report.checks}
        own = [str(marks.get(step, "")) for step in steps]
        rows.append([outcome.name, *own, str(sum(marks.values())), str(len(marks)), report.verdict, _slip(report)])
    return _written(rows)


def _written(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
