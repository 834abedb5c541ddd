"""Scores that are only called scores, by which people mean the raw ones as often as those that enter the softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attncli.check.checking import check
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.check.report import CaseReport
    from attncli.inputs.request import Worksheet

NOTE = "scores are taken for the raw scores, before the scale and the masks, as their numbers are these"


def check_plain_scores(worksheet: Worksheet, **rules: Any) -> CaseReport:
    """Check a worksheet whose scores are called by a word that does not say which.

    They are the raw scores if they are right as such, unless they are right as scores too and nearer to them, or a
    slip, such as a scale that was left out, explains them together with the steps that follow.
    """
    report = check(worksheet, **rules)
    expected = {("raw_scores" if name == "scores" else name): each for name, each in worksheet.expected.items()}
    wrong = {each.what for each in report.checks if each.verdict in ("wrong", "carried")}
    later = {"weights", "output"}.intersection(expected)
    is_one_slip = not wrong.isdisjoint(later) and any(wrong.issubset(each.explains) for each in report.diagnosis)
    if "scores" in wrong and (not later or is_one_slip):
        return report
    other = check(replace(worksheet, expected=expected), **rules)
    [mine] = (each for each in report.checks if each.what == "scores")
    [raw] = (each for each in other.checks if each.what == "raw_scores")
    is_nearer = mine.verdict == "wrong" or (raw.max_error is not None and raw.max_error < (mine.max_error or 0))
    if raw.verdict == "wrong" or not is_nearer:
        return report
    return replace(other, notes=(*other.notes, f"{worksheet.name}: {NOTE}"))
