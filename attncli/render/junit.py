"""The findings of `check` as JUnit XML, which CI servers read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from attncli.render.check import case_lines

if TYPE_CHECKING:
    from attncli.check.suites import CaseOutcome

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML 1.0


def junit_text(outcomes: list[CaseOutcome]) -> str:
    """Return one suite, in which a wrong case is a failure, and a case that could not be checked is an error."""
    wrong = sum(outcome.report is not None and not outcome.report.holds for outcome in outcomes)
    errors = sum(outcome.error is not None for outcome in outcomes)
    counts = f'tests="{len(outcomes)}" failures="{wrong}" errors="{errors}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="attncli check" {counts}>',
        f'  <testsuite name="attncli check" {counts}>',
    ]
    for outcome in outcomes:
        lines += _case(outcome)
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"]) + "\n"


def _case(outcome: CaseOutcome) -> list[str]:
    opening = f"    <testcase classname={_attribute('attncli.check')} name={_attribute(outcome.name)}"
    if outcome.error is not None:
        hint = f"\n{outcome.error.hint}" if outcome.error.hint else ""
        kind, message, text = "error", outcome.error.what, f"{outcome.error}{hint}"
    elif outcome.report is not None and not outcome.report.holds:
        text = "\n".join(case_lines(outcome.report, brief=False))
        kind, message = "failure", outcome.report.verdict
        if outcome.report.diagnosis:
            message += f": {outcome.report.diagnosis[0].slip}"
    elif outcome.report is None:
        return [f"{opening}>", "      <skipped/>", "    </testcase>"]
    else:
        return [f"{opening}/>"]
    return [
        f"{opening}>",
        f"      <{kind} message={_attribute(message)}>{_text(text)}</{kind}>",
        "    </testcase>",
    ]


def _attribute(text: str) -> str:
    return quoteattr(FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))


def _text(text: str) -> str:
    return escape(FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))
