"""How many digits of evidence a slip needs: more where more ways were tried, any of which might agree by chance."""

import json

import numpy as np
import pytest
from slip_cases import TWO, diagnosis, numbers, problem

from attncli.check import check
from attncli.check.search.attempts import SOME, least_evidence
from attncli.check.suites import CaseOutcome
from attncli.render.check import check_json, verdict_text

SMALL = "queries: [[0.3, -1.2], [0.8, 0.5]], keys: [[-0.7, 0.4], [1.1, 0.9]], values: [[1, 2], [3, 5]]"
PROOFS = {"impossible", "one-cell", "copied-digit"}  # sentences that hold whatever was done


def shown(rows, decimals):
    return "[" + ", ".join("[" + ", ".join(f"{cell:.{decimals}f}" for cell in row) + "]" for row in rows) + "]"


def test_ten_times_as_many_ways_need_a_digit_more():
    assert [least_evidence(ways) for ways in (1, 10, 1000)] == [SOME, SOME + 1, SOME + 3]


@pytest.mark.parametrize(("decimals", "slips"), [(4, [False]), (2, [True]), (1, [])])
def test_one_term_of_many_may_be_chance_where_few_digits_show_it(decimals, slips):
    """A term that is left out moves two numbers: by 3 and 15 units of two decimals, 300 and 1500 of four."""
    text = "queries: [[1], [0], [2]], keys: [[0], [1], [-1], [2]], values: [[1, -2], [3, 0.5], [0.12, 0.6], [2, 1]]"
    rows = np.array(numbers(text, "output"))
    rows[1] -= 0.25 * np.array([0.12, 0.6])
    found = diagnosis(text, {"output": shown(rows, decimals)})
    assert [(each.slip, each.may_be_chance) for each in found] == [("one-term", may_be) for may_be in slips]


def test_a_slip_that_prints_every_number_is_reported_where_each_differs_by_about_a_unit():
    """Of the scores rounded to one decimal all weights are the print, of which a cell differs by two units."""
    text = "queries: [[0.2, -0.5], [-0.4, -2.4]], keys: [[1.8, 1.1], [-0.3, 0.8], [0.3, -0.6], [1.0, -0.3]]"
    powers = np.exp(np.array(numbers(text, "scores")).round(1))
    found = diagnosis(text, {"weights": shown(powers / powers.sum(axis=1, keepdims=True), 2)})
    assert [each.slip for each in found] == ["one-cell", "rounded-scores"]
    assert found[1].may_be_chance


def test_a_slip_with_too_little_evidence_is_named_beside_one_that_gives_the_same_numbers():
    """A window of 4 keys that begins at the tile of 2 keys differs in one cell of the mask, of 6 × 6."""
    text = "queries: [[1], [0.5], [-1], [2], [0.3], [-0.7]], keys: [[0.2], [1], [-0.5], [0.7], [-1], [0.4]]"
    seen = np.tril(np.ones((6, 6))) * np.triu(np.ones((6, 6)), -3)
    seen[4, 0] = 1
    powers = np.exp(np.array(numbers(text, "scores"))) * seen
    rows = shown(powers / powers.sum(axis=1, keepdims=True), 2)
    (found,) = diagnosis(f"{text}, window: [3, 0]", {"weights": rows})
    assert (found.slip, found.also) == ("mask-one-cell", ("window-by-tiles",))


def test_a_slip_that_few_digits_show_may_be_told_where_nothing_else_explains_the_numbers():
    text = "queries: [[1.1, 1.8], [-2.6, -0.1], [1, 1.4]], keys: [[0.7, 1.5], [0.3, 0.6], [0.2, -1.1], [-0.8, 0.4]]"
    powers = 3 ** np.array(numbers(text, "scores"))
    rows = shown(powers / powers.sum(axis=1, keepdims=True), 2)
    assert [(each.slip, each.may_be_chance) for each in diagnosis(text, {"weights": rows})] == [("other-base", True)]


def test_a_weight_beside_one_that_is_masked_is_one_number():
    """Each row sums to 1: of a row with two keys one weight is free, and three decimals of it are found by chance."""
    text = f"{SMALL}, causal: true"
    found = [each for first in (0.123, 0.347, 0.401, 0.777) for each in diagnosis(text, {"weights": halved(first)})]
    assert {each.slip for each in found if not each.may_be_chance} <= PROOFS


def halved(first):
    return f"[[1.000, 0.000], [{first:.3f}, {1 - first:.3f}]]"


@pytest.mark.sampled(4)
@pytest.mark.parametrize("decimals", [2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("what", ["weights", "output"])
def test_numbers_at_random_are_explained_by_nothing(decimals, seed, what):
    random = np.random.default_rng([decimals, seed, what == "output"])
    rows = random.dirichlet(np.ones(3), size=2) if what == "weights" else random.uniform(2, 7, (2, 2))
    assert {each.slip for each in diagnosis(TWO, {what: shown(rows, decimals)})} <= PROOFS


@pytest.mark.parametrize(("decimals", "said"), [(2, "what may have been done"), (4, "what was done")])
def test_the_report_says_what_may_have_been_done_if_few_digits_show_it(decimals, said):
    rows = shown(numbers(f"{SMALL}, variant: dot", "weights"), decimals)
    found = check(problem(f"{SMALL}, expected: {{weights: {rows}}}"))
    assert [each.slip for each in found.diagnosis] == ["unscaled"]
    assert f"  {said} instead:\n" in verdict_text([CaseOutcome("p", found)], ascii_only=True)
    (case,) = json.loads(check_json([CaseOutcome("p", found)]))["cases"]
    assert [each["may_be_chance"] for each in case["diagnosis"]] == [decimals == 2]


def test_a_fitted_number_that_few_digits_show_may_be_told_where_no_other_slip_may_be():
    text = "queries: [[0.2, -0.5], [-0.4, -2.4], [1.8, 1.1]], keys: [[-0.3, 0.8], [0.3, -0.6], [1, -0.3], [-0.3, -0.8]]"
    powers = np.exp(2 * np.tanh(np.array(numbers(text, "scores")) / 2))
    rows = shown(powers / powers.sum(axis=1, keepdims=True), 2)
    found = diagnosis(f"{text}, softcap: 1", {"weights": rows})
    assert [(each.slip, each.may_be_chance) for each in found] == [("softcap-other", True)]
