"""The findings of `check`: for people as text, for programs as json."""

from __future__ import annotations

import json
import math
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from attncli.check.report import ABSOLUTE, VERDICTS, CaseReport, Diagnosis, MatrixCheck
from attncli.check.slips.case import listed
from attncli.check.slips.words import describe_slip
from attncli.errors import check_choice
from attncli.errors import printable as escaped
from attncli.render.console import make_console, render_text, speaks_unicode, terminal_width
from attncli.render.result.tables import Style, to_ascii

if TYPE_CHECKING:
    from attncli.check.suites import CaseOutcome

WIDTH = 78
NEGLIGIBLE = 1e-6  # of a unit
LOOKS = {"wrong": "bold red", "error": "bold red", "exact": "green", "skipped": "dim"}


def verdict_renderer(format: str) -> Callable[[list[CaseOutcome], bool], str]:
    """Return the function that renders this format.

    Raises UsageError if there is none.
    """
    from attncli.render.verdict_tables import verdicts_csv, verdicts_markdown

    renderers: dict[str, Callable[[list[CaseOutcome], bool], str]] = {
        "table": verdict_text,
        "json": lambda outcomes, _ascii: check_json(outcomes),
        "csv": lambda outcomes, _ascii: verdicts_csv(outcomes),
        "markdown": lambda outcomes, _ascii: verdicts_markdown(outcomes),
    }
    return renderers[check_choice(format, renderers, "--format", "a format for verdicts")]


def verdict_text(outcomes: list[CaseOutcome], ascii_only: bool) -> str:
    """Return each case with its matrices.

    With several cases, those that are right take one line each, and a count of verdicts follows.
    """
    from rich.text import Text

    ascii_only = ascii_only or not speaks_unicode()
    console = make_console(ascii_only=ascii_only)
    blocks = []
    for outcome in outcomes:
        report, brief = outcome.report, len(outcomes) > 1
        lines = [] if report is None else case_lines(report, brief=brief, ascii_only=ascii_only)
        name = escaped(outcome.name)
        head = Text.assemble((outcome.verdict, LOOKS.get(outcome.verdict, "yellow")), f"  {name}")
        if outcome.report is None:
            head.append(f": {escaped(outcome.error.what)}" if outcome.error else "")
        elif len(lines) == 1 and len(outcomes) > 1:
            head.append(f"  {lines.pop()}")
        blocks.append(render_text(console, head).rstrip("\n") + "".join(f"\n{line}" for line in lines))
    if len(outcomes) > 1:
        blocks.append(summary_line(outcomes))
    return to_ascii("\n".join(blocks) + "\n", Style(ascii_only=ascii_only))


def summary_line(outcomes: list[CaseOutcome]) -> str:
    """Return how many cases have which verdict."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in (*VERDICTS, "skipped", "error") if counts[verdict])
    return f"\n{len(outcomes)} cases: {told}"


def case_lines(report: CaseReport, *, brief: bool, ascii_only: bool = False) -> list[str]:
    """Return the lines of a case: every matrix, and what was done instead. With `brief`, a case that is right takes one
    line."""
    if brief and report.verdict != "wrong":
        first, more = report.would_also_pass[:1], len(report.would_also_pass) - 1
        also = f"; would pass too: {describe_slip(first[0])}" if first else ""
        also += f" and {more} more" if more > 0 else ""
        return [f"({', '.join(check.what for check in report.checks)}{also})"]
    style = Style(ascii_only=ascii_only)
    return [line for indent, text in _paragraphs(report) for line in _fold(to_ascii(text, style), indent)]


def _paragraphs(report: CaseReport) -> Iterator[tuple[str, str]]:
    """Return the paragraphs of a case, each with its indent."""
    for check in report.checks:
        yield "  ", f"{check.what:<11} {check.verdict:<16} {claim_text(check)}"
        yield "    ", worst_cell(check)
        yield "    ", check.note
        if check.would_also_pass:
            tighter = f"; {check.tighter}" if check.tighter else ""
            yield "    ", f"would pass too: {_list_slips(check.would_also_pass)}{tighter}"
        if check.verdict == "wrong":
            yield "    ", error_sentence(check)
        yield "    ", spread_sentence(check)
        yield "    ", baseline_sentence(check)
    if report.carried:
        verb = "follows" if report.carried == ("output",) else "follow"
        names = listed(list(report.carried))
        yield "  ", f"the first wrong step: {report.first_wrong}; {names} {verb} from what is printed before"
    if report.verdict == "wrong":
        yield from _diagnosis_paragraphs(report)


def _list_slips(slips: tuple[str, ...]) -> str:
    more = len(slips) - MOST_SHOWN
    return ", ".join(map(describe_slip, slips[:MOST_SHOWN])) + (f" and {more} more" if more > 0 else "")


def claim_text(check: MatrixCheck) -> str:
    """Return the precision that the numbers are taken to have."""
    if check.tolerance:
        return f"by {check.tolerance}"
    if check.decimals is None:
        return "significant digits"
    return f"{check.decimals} decimal{'' if check.decimals == 1 else 's'}"


def worst_cell(check: MatrixCheck) -> str:
    """Return the position of the worst cell, the number there and the right number, or "" if no cell differs."""
    if check.at is None or check.expected is None or check.computed in (None, check.expected):
        return check.said
    names = ", ".join(escaped(label) for label in check.labels if label)
    place = f"[{', '.join(map(str, check.at))}]{f' ({names})' if names else ''}"
    says = check.text if check.text is not None else f"{check.expected:.9g}"
    return f"worst at {place}: says {says.strip()}, the right number is {right_number(check)}"


def right_number(check: MatrixCheck) -> str:
    """Return the right number with two digits more than the claimed precision, so that the rounding is visible."""
    value = check.computed
    assert value is not None
    if not math.isfinite(value) or check.decimals is None or check.decimals > 15:
        return f"{value:.17g}" if check.decimals else f"{value:.9g}"
    text = f"{value:.{check.decimals + 2}f}"
    return f"{value:.4e}" if float(text) == 0 != value else text


def error_sentence(check: MatrixCheck) -> str:
    """Return how large the errors are, compared with those of a plain computation, and what they have in common."""
    errors = check.errors
    if errors is None:
        return ""
    told = f"off by {_format_size(errors.own_units, errors.unit)}"
    if math.isinf(errors.own_units):
        told = "no finite difference"
    elif errors.plain is not None:
        told += f" (a plain {errors.dtype} computation: at most {_format_errors(errors.plain)})"
    return f"{told}; {errors.structure}"


def spread_sentence(check: MatrixCheck) -> str:
    """Return the largest error, the mean and the 99th percentile, the cosine, and the first cell that differs."""
    errors = check.errors
    if errors is None or not errors.largest:
        return ""
    is_told = check.verdict == "wrong" and errors.own_units == errors.largest
    largest, mean = (_format_size(each, errors.unit, "") for each in (errors.largest, errors.mean))
    told = "errors: " if is_told else f"errors: largest {largest}, "
    told += f"mean {mean}, 99 % within {_format_size(errors.percentile_99, errors.unit)}"
    if errors.gap is not None:
        told += f"; cosine {_format_cosine(errors.gap)}"
    return told if errors.first is None else f"{told}; first at [{', '.join(map(str, errors.first))}]"


def _format_cosine(gap: float) -> str:
    """Return the cosine, or its difference from 1 if it would be shown as 1 and float64 can tell it."""
    if gap < 1e-15:
        return "1"
    return f"{1 - gap:.6f}" if gap > 1e-5 else f"1 − {gap:.1e}"


def baseline_sentence(check: MatrixCheck) -> str:
    """Return the errors as multiples of the baseline's."""
    baseline = check.baseline
    if baseline is None:
        return ""
    if baseline.verdict == "wrong":
        return f"the baseline is wrong itself, by up to {baseline.max_error:.3g}: it allows nothing"
    return (
        f"{_format_errors(baseline.ratio)} times the baseline's largest error, {baseline.max_error:.3g}, and "
        f"{_format_errors(baseline.mean_ratio)} times its mean error; at most {baseline.most:g} times is right "
        f"(the baseline: {baseline.verdict})"
    )


def _format_size(number: float, unit: str, said: str | None = None) -> str:
    """Return an error with its unit, or with what is `said` in its place; nothing for errors that are reported as they
    are."""
    if unit == ABSOLUTE:
        return "infinite" if math.isinf(number) else f"{number:.3g}"
    size = _format_errors(number)
    return f"{size} {unit.replace('units', 'unit', size == '1') if said is None else said}".rstrip()


def _format_errors(number: float) -> str:
    if math.isinf(number):
        return "infinitely many"
    if number < NEGLIGIBLE:
        return "0"
    return f"{number:.3g}" if number < 100 else f"{number:,.0f}" if number < 1e7 else f"{number:.1e}"


EARLIER_STEPS = (
    "give the scores or weights of the same computation too (--expect-scores, --expect-weights): they show the first "
    "wrong step"
)


def _diagnosis_paragraphs(report: CaseReport) -> Iterator[tuple[str, str]]:
    if not report.diagnosis:
        wrong = [check for check in report.checks if check.verdict == "wrong" and not check.blank]
        is_told = all(check.is_rounded for check in wrong)  # of each
        is_searched = any(check.at is not None for check in wrong)
        if is_searched and not is_told:
            yield "  ", "no known mistake, or pair of mistakes, explains these numbers"
            yield "  ", EARLIER_STEPS if {check.what for check in report.checks} == {"output"} else ""
        return
    is_sure = len(report.diagnosis) == 1 and not report.diagnosis[0].may_be_chance
    yield "  ", f"{'what was done instead' if is_sure else 'what may have been done instead'}:"
    for found in report.diagnosis[:MOST_SHOWN]:
        yield "    ", f"{found.slip}: {found.sentence}"
        if found.also:
            yield "      ", f"(the same numbers here: {', '.join(found.also)})"
    if len(report.diagnosis) > MOST_SHOWN:
        yield "    ", f"and {len(report.diagnosis) - MOST_SHOWN} more (-f json lists them)"


MOST_SHOWN = 5


def _fold(text: str, indent: str) -> list[str]:
    """Return the text in lines that fit 80 columns, or a narrower terminal. No word, and so no number, is broken."""
    width = min(WIDTH, max(30, (terminal_width() or WIDTH) - 1))
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def check_json(outcomes: list[CaseOutcome]) -> str:
    """Return the JSON object of the contract. Numbers that JSON cannot express are null."""
    return json.dumps({"cases": [case_object(outcome) for outcome in outcomes]}, ensure_ascii=False, indent=2) + "\n"


def case_object(outcome: CaseOutcome) -> dict[str, Any]:
    """Return one case as an object, with a message if it has an error instead of a report."""
    report = outcome.report
    if report is None:
        told = {"name": outcome.name, "verdict": outcome.verdict, "checks": [], "diagnosis": []}
        if outcome.error is None:
            return told
        return {**told, "error": str(outcome.error), "hint": outcome.error.hint}
    return {
        "name": report.name,
        "verdict": report.verdict,
        "checks": [_check_object(check) for check in report.checks],
        "diagnosis": [_diagnosis_object(found) for found in report.diagnosis],
        "first_wrong": report.first_wrong,
        "would_also_pass": list(report.would_also_pass),
    }


def _check_object(check: MatrixCheck) -> dict[str, Any]:
    told: dict[str, Any] = {
        "what": check.what,
        "verdict": check.verdict,
        "decimals": check.decimals,
        "max_error": _finite(check.max_error),
        "at": None if check.at is None else list(check.at),
        "expected": _finite(check.expected),
        "computed": _finite(check.computed),
    }
    if check.said:
        told["said"] = check.said
    if check.note:
        told["note"] = check.note
    if check.blank:
        told["blank"] = check.blank
    if check.would_also_pass:
        told["would_also_pass"] = list(check.would_also_pass)
        if check.tighter:
            told["tighter"] = check.tighter
    if check.tolerance:
        told["tolerance"] = check.tolerance
    if check.errors is not None:
        told["errors"] = {
            "unit": check.errors.unit,
            "largest": _finite(check.errors.largest),
            "mean": _finite(check.errors.mean),
            "percentile_99": _finite(check.errors.percentile_99),
            "cosine": _finite(check.errors.cosine),
            "first": None if check.errors.first is None else list(check.errors.first),
            "dtype": check.errors.dtype,
            "plain": _finite(check.errors.plain),
            "beyond": check.errors.beyond,
            "cells": check.errors.cells,
            "structure": check.errors.structure,
        }
    if check.baseline is not None:
        told["baseline"] = {
            "verdict": check.baseline.verdict,
            "max_error": _finite(check.baseline.max_error),
            "mean_error": _finite(check.baseline.mean_error),
            "ratio": _finite(check.baseline.ratio),
            "mean_ratio": _finite(check.baseline.mean_ratio),
            "most": check.baseline.most,
        }
    return told


def _diagnosis_object(found: Diagnosis) -> dict[str, Any]:
    return {
        "slip": found.slip,
        "also": list(found.also),
        "verdict": found.verdict,
        "explains": list(found.explains),
        "sentence": found.sentence,
        "may_be_chance": found.may_be_chance,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
