"""The findings of `check` as JUnit XML, which CI servers read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.render.check import case_lines

if TYPE_CHECKING:
    from attncli.check.suites import CaseOutcome

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML 1.0


def junit_text(outcomes: list[CaseOutcome]) -> str:
    """Return one suite, in which a wrong case is a failure, and a case that could not be checked is an error."""
    from xml.etree import ElementTree

    wrong = sum(outcome.report is not None and not outcome.report.holds for outcome in outcomes)
    errors = sum(outcome.error is not None for outcome in outcomes)
    facts = {"name": "attncli check", "tests": str(len(outcomes)), "failures": str(wrong), "errors": str(errors)}
    suites = ElementTree.Element("testsuites", facts)
    suite = ElementTree.SubElement(suites, "testsuite", facts)
    for outcome in outcomes:
        case = ElementTree.SubElement(suite, "testcase", classname="attncli.check", name=_replace(outcome.name))
        if (found := _finding(outcome)) is not None:
            kind, message, text = found
            ElementTree.SubElement(case, kind, message).text = text
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _finding(outcome: CaseOutcome) -> tuple[str, dict[str, str], str | None] | None:
    """Return the element of a case that did not pass: its name, its attributes and its text."""
    if outcome.error is not None:
        hint = f"\n{outcome.error.hint}" if outcome.error.hint else ""
        return "error", {"message": _replace(outcome.error.what)}, _replace(f"{outcome.error}{hint}")
    if outcome.report is None:
        return "skipped", {}, None
    if outcome.report.holds:
        return None
    message = outcome.report.verdict
    if outcome.report.diagnosis:
        message += f": {outcome.report.diagnosis[0].slip}"
    text = "\n".join(case_lines(outcome.report, brief=False))
    return "failure", {"message": _replace(message)}, _replace(text)


def _replace(text: str) -> str:
    """Replace the characters that XML does not allow."""
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
