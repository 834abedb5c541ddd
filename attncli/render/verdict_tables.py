"""The findings of `check` as tables: one line per matrix, one line per case, and marks for a teacher."""

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
    """Return a line for each matrix of each case, and one for a case without any."""
    rows: list[list[str]] = [list(COLUMNS)]
    for outcome in outcomes:
        report = outcome.report
        if report is None:
            error = "" if outcome.error is None else str(outcome.error)
            rows.append([outcome.name, outcome.verdict, *[""] * (len(COLUMNS) - 3), error])
            continue
        for check in report.checks:
            rows.append([outcome.name, report.verdict, *_matrix_cells(check), _slip(report), ""])
    return _write_csv(rows)


def _matrix_cells(check: MatrixCheck) -> list[str]:
    place = "" if check.at is None else " ".join(map(str, check.at))
    says = check.text if check.text is not None else _number(check.expected)
    return [check.what, check.verdict, place, says.strip(), _number(check.computed), _number(check.max_error)]


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _slip(report: CaseReport) -> str:
    return report.diagnosis[0].slip if report.diagnosis else ""


def verdicts_markdown(outcomes: list[CaseOutcome]) -> str:
    """Return a table with a line for each case: its verdict, its first wrong step, and what was done instead."""
    lines = ["| name | verdict | first wrong | what was done instead |", "|---|---|---|---|"]
    for outcome in outcomes:
        report, done_instead = outcome.report, ""
        first = "" if report is None else report.first_wrong or ""
        if report is not None and report.diagnosis:
            done_instead = f"{report.diagnosis[0].slip}: {report.diagnosis[0].sentence}"
        elif outcome.error is not None:
            done_instead = str(outcome.error)
        cells = (outcome.name, outcome.verdict, first, done_instead)
        lines.append("| " + " | ".join(_escape(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace("|", "\\|")


def grades_csv(outcomes: list[CaseOutcome]) -> str:
    """Return a line for each case.

    A step is 1 if it is right or follows from the previous ones as printed, or else 0. Then come the number of right
    steps, the number of steps, the verdict and the slip, and where some are blank, the number of blank cells.
    """
    reports = [outcome.report for outcome in outcomes if outcome.report is not None]
    steps = [name for name in RESULT_NAMES if any(name == check.what for report in reports for check in report.checks)]
    blanks = [
        0 if outcome.report is None else sum(check.blank for check in outcome.report.checks) for outcome in outcomes
    ]
    rows = [["name", *steps, "right", "of", "verdict", "slip"]]
    for outcome in outcomes:
        report = outcome.report
        if report is None:
            rows.append([outcome.name, *[""] * len(steps), "", "", outcome.verdict, ""])
            continue
        marks = {check.what: int(check.verdict != "wrong") for check in report.checks}
        own = [str(marks.get(step, "")) for step in steps]
        rows.append([outcome.name, *own, str(sum(marks.values())), str(len(marks)), report.verdict, _slip(report)])
    if any(blanks):
        rows = [[*row, str(last)] for row, last in zip(rows, ("blank", *blanks), strict=True)]
    return _write_csv(rows)


def _write_csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
