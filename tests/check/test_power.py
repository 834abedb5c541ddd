"""What else would have passed where a check passes by a tolerance or few digits."""

import json

import pytest
from slip_cases import TWO, numbers, problem

from attncli.check import check
from attncli.check.slips.table import SLIPS
from attncli.check.slips.words import WORDS
from attncli.check.suites import CaseOutcome
from attncli.render.check import check_json, verdict_text

FLAT = "queries: [[0.1, 0.2], [0.3, -0.1]], keys: [[0.1, 0], [0, 0.1], [-0.1, 0.1]], values: [[1, 2], [3, 5], [7, 11]]"


def report(text, what, show, **options):
    rows = "[" + ", ".join("[" + ", ".join(show(cell) for cell in row) + "]" for row in numbers(text, what)) + "]"
    return check(problem(f"{text}, expected: {{{what}: {rows}}}"), **options)


def test_uniform_weights_pass_where_the_tolerance_is_wide():
    found = report(FLAT, "output", repr, atol=0.5)
    assert found.verdict == "within-tolerance"
    assert found.would_also_pass[:3] == ("variant-uniform", "unscaled", "scale-dk")
    assert found.checks[0].would_also_pass == found.would_also_pass


def test_a_narrow_tolerance_lets_nothing_else_pass():
    assert report(TWO, "output", repr, atol=1e-9).would_also_pass == ()


@pytest.mark.parametrize(("digits", "passes"), [(1, True), (2, True), (4, False)])
def test_few_digits_let_another_scale_pass(digits, passes):
    found = report(FLAT, "weights", lambda cell: f"{cell:.{digits}f}")
    assert ("unscaled" in found.would_also_pass) == passes


def test_what_would_pass_is_reported_in_text_and_json():
    found = report(FLAT, "output", repr, atol=0.5)
    text = verdict_text([CaseOutcome("p", found)], ascii_only=True)
    assert "    would pass too: uniform weights (variant-uniform), scores without a scale\n" in text
    (case,) = json.loads(check_json([CaseOutcome("p", found)]))["cases"]
    assert case["would_also_pass"] == list(found.would_also_pass)
    assert case["checks"][0]["would_also_pass"] == list(found.would_also_pass)


def test_every_slip_has_words():
    assert {slip.name for slip in SLIPS} - set(WORDS) == {
        slip.name for slip in SLIPS if slip.name.startswith(("variant-", "as-"))
    }


def test_the_decimals_that_tell_slips_apart_are_reported():
    found = report(FLAT, "weights", lambda cell: f"{cell:.2f}").checks[0]
    decimals = int(found.tighter.removesuffix(" decimals would tell them apart"))
    finer = report(FLAT, "weights", lambda cell: f"{cell:.{decimals}f}")
    assert found.would_also_pass
    assert not set(finer.would_also_pass) & set(found.would_also_pass)


def test_the_tolerance_that_tells_slips_apart_is_reported():
    found = report(FLAT, "output", repr, atol=1e-2).checks[0]
    atol = found.tighter.removeprefix("--atol ").removesuffix(" would tell them apart")
    narrower = report(FLAT, "output", repr, atol=float(atol))
    assert found.would_also_pass
    assert (narrower.verdict, narrower.would_also_pass) == ("within-tolerance", ())


def test_no_tolerance_is_reported_that_the_numbers_themselves_exceed():
    found = report(FLAT, "output", lambda cell: f"{cell:.1f}", atol=0.5).checks[0]
    assert found.would_also_pass
    assert found.tighter == ""


def test_several_cases_tell_one_slip_each_in_their_line():
    found = report(FLAT, "output", repr, atol=0.5)
    line = verdict_text([CaseOutcome("p", found)] * 2, ascii_only=True).splitlines()[0]
    more = len(found.would_also_pass) - 1
    assert line == (f"within-tolerance  p  (output; would pass too: uniform weights (variant-uniform) and {more} more)")


def test_weights_that_are_averaged_over_the_heads_are_compared_as_that():
    heads = "queries: [[1, 2, 0, 1], [3, -1, 1, 1]], keys: [[1, 0, 2, 1], [0, 1, 1, 0]], heads: 2"
    mean = [
        [sum(cells) / 2 for cells in zip(*rows, strict=True)] for rows in zip(*numbers(heads, "weights"), strict=True)
    ]
    (found,) = check(problem(f"{heads}, expected: {{weights: {mean}}}")).checks
    said = "compared with the mean of the 2 heads' weights, as their shape is (heads-averaged)"
    assert (found.verdict, found.note) == ("exact", said)
    mean[0][0] += 0.01
    assert check(problem(f"{heads}, expected: {{weights: {mean}}}")).verdict == "wrong"
