"""What the rounding of printed inputs explains, and what it does not."""

import numpy as np
import pytest
from verdict_cases import report

from attncli import attend
from attncli.check import routes
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

ROUNDED = "queries: [[0.762, -0.043]], keys: [[-0.147, -0.304], [0.106, 0.368]], values: [[1], [3]], variant: dot"


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        pytest.param("2.0818", "exact", id="the right number"),
        pytest.param("2.0822", "input-rounding", id="as far as the inputs may move it"),
        pytest.param("2.0840", "wrong", id="farther"),
    ],
)
def test_rounded_inputs_explain_what_they_move_and_no_more(output, verdict):
    assert report(f"output: [[{output}]]", ROUNDED).verdict == verdict


def test_exact_inputs_explain_nothing():
    problem = ROUNDED.replace("0.762", "0.76").replace("0.043", "0.04").replace("-0.147", "-0.15")
    problem = problem.replace("0.304", "0.3").replace("0.106", "0.11").replace("0.368", "0.37")
    right = report("output: [[9]]", problem).checks[0].computed
    assert report(f"output: [[{right + 0.0003:.4f}]]", problem).verdict == "wrong"


JOINT = "queries: [[14.444, 5.931, 17.373]], variant: dot, keys: [[0.480, 0.492, 1.848], [0.434, 0.478, 1.850], \
[0.480, 0.534, 1.827], [0.418, 0.546, 1.859]]"


def test_inputs_explain_no_numbers_that_they_cannot_give_at_once():
    assert report("weights: [[0.333, 0.166, 0.297, 0.228]]", JOINT).verdict == "wrong"  # their sum is 1.024


@pytest.mark.parametrize("seed", range(8))
def test_what_unrounded_inputs_give_is_explained_by_their_rounding(seed):
    random = np.random.default_rng(seed)
    queries, keys, values = random.normal(size=(2, 8)), random.normal(size=(5, 8)), random.normal(size=(5, 3))
    problem = ", ".join([printed("queries", queries), printed("keys", keys), printed("values", values)])
    result = attend(queries, keys, values)
    for name in ("raw_scores", "scores", "weights", "output"):
        array = getattr(result, name)
        said = f"{name}: {[[f'{cell:.4f}' for cell in row] for row in array.tolist()]}".replace("'", "")
        right = report(said, problem)
        assert right.verdict in ("exact", "last-digit", "input-rounding") or right.checks[0].max_error > 10e-4


@pytest.mark.parametrize(
    ("key", "said", "verdict"),
    [
        pytest.param("19.8", "15.097", "input-rounding", id="9.4 units, which the inputs explain"),
        pytest.param("19.8", "15.098", "wrong", id="10.4 units, which the inputs and the print explain"),
        pytest.param("20.2", "15.402", "input-rounding", id="9.6 units, where the inputs explain 10.1"),
        pytest.param("20.2", "15.403", "wrong", id="10.6 units"),
    ],
)
def test_a_difference_of_more_than_ten_units_is_never_explained(key, said, verdict):
    assert report(f"raw_scores: [[{said}]]", f"queries: [[0.762]], keys: [[{key}]]").verdict == verdict


FINE = "queries: [[0.762001, -0.043002]], keys: [[-0.147003, -0.304004], [0.106005, 0.368006]], values: [[1], [3]]"


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        pytest.param("2.0818", "exact", id="the right number"),
        pytest.param("2.0819", "last-digit", id="one unit off"),
        pytest.param("2.0820", "wrong", id="two units off, of which the rounding is a hundredth"),
    ],
)
def test_rounded_inputs_do_not_explain_more_than_they_move(output, verdict):
    assert report(f"output: [[{output}]]", f"{FINE}, variant: dot").verdict == verdict


@pytest.mark.parametrize(
    ("off", "verdict"),
    [
        pytest.param(0, "exact", id="the right number"),
        pytest.param(0.0007, "input-rounding", id="x and w moved together"),
        pytest.param(0.0018, "wrong", id="farther"),
    ],
)
def test_rounding_goes_through_projections(off, verdict):
    weights = "w_q: [[1, 0], [0, 1]], w_k: [[1, 1], [0, 1]], w_v: [[1], [1]], variant: dot"
    problem = f"x: [[1.234, 0.567], [0.891, 1.112]], {weights}"
    request = read_problem(f"{{{problem}}}", Sources(lambda: None, Reading(keep_text=True))).request
    (first,), (second,) = routes.RIGHT.numbers(request, ["output"])["output"]
    assert report(f"output: [[{first + off:.4f}], [{second + off:.4f}]]", problem).verdict == verdict


@pytest.mark.parametrize(
    ("weights", "verdict"),
    [
        pytest.param("0.908, 0.092", "input-rounding", id="up"),
        pytest.param("0.910, 0.090", "wrong", id="farther up than the query's rounding goes"),
        pytest.param("0.891, 0.109", "input-rounding", id="as far down"),
        pytest.param("0.889, 0.111", "wrong", id="farther down"),
    ],
)
def test_inputs_are_rounded_to_one_side_or_the_other(weights, verdict):
    problem = "queries: [[0.011]], keys: [[200], [0]], variant: dot"  # a score from 2.1 to 2.3: 0.891 to 0.909
    assert report(f"weights: [[{weights}]]", problem).verdict == verdict


@pytest.mark.parametrize(
    ("query", "values", "output", "verdict"),
    [
        pytest.param("0.011", "[[1], [0]]", "0.910", "wrong", id="too far up"),
        pytest.param("0.011", "[[0], [1]]", "0.090", "wrong", id="too far down"),
        pytest.param("-0.011", "[[1], [0]]", "0.109", "input-rounding", id="farther up than down"),
        pytest.param("0.011", "[[1], [0]]", "0.891", "input-rounding", id="farther down than up"),
    ],
)
def test_one_number_is_moved_by_its_inputs_to_one_side_or_the_other(query, values, output, verdict):
    problem = f"queries: [[{query}]], keys: [[200], [0]], values: {values}, variant: dot"
    assert report(f"output: [[{output}]]", problem).verdict == verdict


def printed(name, array):
    return f"{name}: {[[float(f'{cell:.3f}') for cell in row] for row in array.tolist()]}"


@pytest.mark.parametrize("rows", [3, 40], ids=["few rows", "many rows"])
def test_numbers_of_the_inputs_before_they_were_printed_are_not_wrong(rows):
    random = np.random.default_rng(8)
    queries, keys, values = (random.normal(size=(rows, 16)) for _ in range(3))
    problem = ", ".join([printed("queries", queries), printed("keys", keys), printed("values", values)])
    output = attend(queries, keys, values).output
    assert report(printed("output", output), problem).verdict in ("last-digit", "input-rounding")
    output[0, 0] += 0.1
    assert report(printed("output", output), problem).verdict == "wrong"
