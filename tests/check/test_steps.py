"""Worksheets worked with the digits that they print."""

import numpy as np
import pytest

from attncli.check import check
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

GIVEN = "queries: [[2, 1], [0, 3]], keys: [[1, 2], [3, 1], [0, 1]], values: [[10, 20], [35, 50], [70, -40]]"


def printed(array, decimals):
    return str([[f"{cell:.{decimals}f}" for cell in row] for row in array]).replace("'", "")


def verdicts(text, **options):
    report = check(read_problem(f"{{{text}}}", Sources(lambda: None, Reading(keep_text=True))), **options)
    return {found.what: found.verdict for found in report.checks}


def worked(decimals, wrong=()):
    """Every step rounded, and each worked from the printed one before it."""
    queries, keys = np.array([[2, 1], [0, 3]]), np.array([[1, 2], [3, 1], [0, 1]])
    values = np.array([[10, 20], [35, 50], [70, -40]])
    steps = {"scores": np.round(queries @ keys.T / 2**0.5, decimals)}
    powers = np.exp(steps["scores"])
    steps["weights"] = np.round(powers / powers.sum(axis=1, keepdims=True), decimals)
    steps["output"] = np.round(steps["weights"] @ values, decimals)
    for name, units in wrong:
        steps[name][0, 0] += units * 10.0**-decimals
    return ", ".join(f"{name}: {printed(array, decimals)}" for name, array in steps.items())


@pytest.mark.parametrize("decimals", [1, 2, 3])
def test_a_worksheet_worked_with_the_digits_it_prints_is_right(decimals):
    found = verdicts(f"{GIVEN}, expected: {{{worked(decimals)}}}")
    assert "wrong" not in found.values()
    assert found["output"] == "step-rounding"


def test_a_step_that_does_not_follow_from_the_one_before_it_is_wrong():
    found = verdicts(f"{GIVEN}, expected: {{{worked(2, [('output', 3)])}}}")
    assert found["output"] == "wrong"


def test_one_wrong_number_is_not_excused_by_the_rounding_of_the_step_before():
    """0.543 is right, and the printed weights give 0.544: who had used them would have other numbers beside it."""
    given = "queries: [[2, 1], [0, -1]], keys: [[-1, -2], [-2, -2], [-2, 2]], values: [[1, 2], [0, 1], [2, 1]]"
    weights = "weights: [[0.187, 0.045, 0.768], [0.486, 0.486, 0.029]]"
    found = verdicts(f"{given}, expected: {{{weights}, output: [[1.723, 1.187], [0.545, 1.486]]}}")
    assert (found["weights"], found["output"]) == ("exact", "wrong")


def test_a_step_after_a_wrong_one_is_not_excused_by_it():
    found = verdicts(f"{GIVEN}, expected: {{{worked(2, [('weights', 9)])}}}")
    assert (found["weights"], found["output"]) == ("wrong", "wrong")


@pytest.mark.parametrize(
    ("root", "off", "verdict"),
    [
        pytest.param(1.41, 0, "step-rounding", id="the root of 2 with the decimals of the scores"),
        pytest.param(1.4, 0, "wrong", id="with fewer"),
        pytest.param(1.41, 0.03, "wrong", id="and one wrong score beside it"),
    ],
)
def test_scores_over_a_rounded_root_are_right_if_it_has_as_many_decimals(root, off, verdict):
    scores = np.array([[4, 7, 1], [6, 3, 3]]) / root + [[off, 0, 0], [0, 0, 0]]
    assert verdicts(f"{GIVEN}, expected: {{scores: {printed(scores, 2)}}}", search=False)["scores"] == verdict


@pytest.mark.parametrize(
    ("divisor", "said"),
    [
        (1.4, "were divided by 1.4, √d_k = 1.4142 rounded to 1 decimal: take more digits of it"),
        (1.5, "were divided by 1.5: divide by √d_k = 1.4142"),
    ],
)
def test_a_divisor_in_the_place_of_the_root_is_named(divisor, said):
    scores = np.array([[4, 7, 1], [6, 3, 3]]) / divisor
    text = f"{GIVEN}, expected: {{scores: {printed(scores, 4)}}}"
    report = check(read_problem(f"{{{text}}}", Sources(lambda: None, Reading(keep_text=True))))
    assert report.diagnosis[0].sentence == f"the raw scores QKᵀ {said}"
