"""What a job's log line reports about the results that its problem expects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attncli.check import CaseReport, MatrixCheck
    from attncli.inputs.request import Worksheet


def check_expected(worksheet: Worksheet) -> dict[str, Any]:
    """Return `status`, `error` and the findings of the check, or an empty mapping if the problem expects nothing."""
    if not worksheet.expected:
        return {}
    from attncli.check import check

    report = check(worksheet)
    slips = [found.slip for found in report.diagnosis]
    return {
        "status": "ok" if report.holds else "wrong",
        "error": None if report.holds else wrong_sentence(report, slips),
        "verdict": report.verdict,
        "checks": [
            {"what": one.what, "verdict": one.verdict, "max_error": json_number(one.max_error)} for one in report.checks
        ],
        "diagnosis": slips,
    }


def wrong_sentence(report: CaseReport, slips: list[str]) -> str:
    """Describe the first wrong matrix at its worst cell, and the likeliest slip."""
    wrong = next(one for one in report.checks if one.verdict == report.verdict)
    return cell_object(wrong) + (f": {slips[0]}" if slips else "")


def cell_object(one: MatrixCheck) -> str:
    if one.said or one.at is None:
        return f"{one.what}: {one.said or 'wrong'}"
    place = ", ".join(map(str, one.at))
    return f"{one.what} at [{place}] is {one.text or one.expected}, should be {one.computed:.6g}"


def json_number(value: float | None) -> float | str | None:
    """Return a number in a form that JSON can hold."""
    return value if value is None or abs(value) < float("inf") else str(value)
