"""What a route computes, beside the engine and beside what defines it."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from attncli.check.routes import RIGHT, Route
from attncli.check.slips.case import Case
from attncli.check.slips.entries import ENTRY_SLIPS
from attncli.check.slips.layouts import LAYOUT_SLIPS
from attncli.check.slips.mask_changes import fill_empty_rows
from attncli.check.tolerance.measures import Measured
from attncli.errors import NumericError
from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.results.gradients import Gradients
from attncli.results.result import Result

random = np.random.default_rng(5)


def matrix(*shape):
    return Matrix(random.normal(size=shape), "here")


PARTS = Request(queries=matrix(2, 3, 4), keys=matrix(2, 5, 4), values=matrix(2, 5, 2))
HEADS = Request(queries=matrix(3, 8), keys=matrix(5, 4), values=matrix(5, 6), heads=(4, 2))
PROJECTED = Request(x=matrix(2, 3, 4), w_q=matrix(4, 4), w_k=matrix(4, 4), w_v=matrix(4, 6), heads=(2, 2))
LOUD = Request(queries=Matrix(1000 + np.arange(3.0)[:, None], "q"), keys=Matrix(np.array([[1.0], [1.001]]), "k"))


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(PARTS, id="several parts"),
        pytest.param(HEADS, id="shared heads"),
        pytest.param(PROJECTED, id="heads of a batch"),
        pytest.param(replace(PROJECTED, w_o=matrix(6, 5), b_o=matrix(5)), id="heads joined by a projection"),
        pytest.param(replace(PROJECTED, w_o=matrix(6, 5)), id="without an offset"),
    ],
)
def test_weights_times_values_are_the_engines_output(request_):
    by_hand = Route(weigh=lambda weights: weights).numbers(request_, ["output", "weights"])
    right = RIGHT.numbers(request_, ["output", "weights"])
    np.testing.assert_allclose(by_hand["output"], right["output"], rtol=1e-12)
    np.testing.assert_array_equal(by_hand["weights"], right["weights"])


@pytest.mark.parametrize("request_", [PARTS, HEADS, LOUD], ids=["several parts", "heads", "large scores"])
@pytest.mark.parametrize(("softmax", "axis"), [("keys", -1), ("queries", -2), ("all", (-2, -1))])
def test_a_softmax_gives_powers_of_the_scores_that_sum_to_1(request_, softmax, axis):
    weights = Route(softmax=softmax).numbers(request_, ["weights"])["weights"]
    scores = RIGHT.numbers(request_, ["scores"])["scores"]
    np.testing.assert_allclose(weights.sum(axis=axis), 1)
    np.testing.assert_allclose(np.ptp(np.log(weights) - scores, axis=axis), 0, atol=1e-9)


@pytest.mark.parametrize("is_possible", [True, False])
def test_gradients_are_computed_when_they_are_needed_and_not_before(monkeypatch, is_possible):
    request_ = replace(PARTS, d_output=matrix(2, 3, 2))
    names = ["output", "d_queries", "d_keys", "d_values"]
    right, calls = RIGHT.numbers(request_, names), []
    result = Result(RIGHT.problem(request_), "numpy")

    def counted(self, *asked):
        calls.append(asked)
        if not is_possible:
            raise NumericError("d_queries", "overflows")
        return compute(self, *asked)

    compute = Gradients.compute
    monkeypatch.setattr(Gradients, "compute", counted)
    found = RIGHT.numbers_as_needed(result, names)
    np.testing.assert_array_equal(found["output"], right["output"])
    assert (list(found), "d_values" in found, calls) == (names, True, [])
    if is_possible:
        assert all((found[name] == right[name]).all() for name in names)
    else:
        assert [found[name].shape for name in names[1:]] == [(0,)] * 3
    assert calls == [("d_queries",), ("d_keys", "d_values")]


def test_gradients_of_a_part_are_those_of_its_heads_and_no_others():
    """Query heads 2 and 3 share key head 1."""
    asked = replace(HEADS, d_output=matrix(3, 12))
    result, names = Result(RIGHT.problem(asked), "numpy"), ["d_queries", "d_keys", "d_values"]
    for route in (RIGHT, Route(reweigh=lambda _problem, weights: weights**2)):
        found, whole = route.numbers_as_needed(result, names), route.numbers_from(result, names)
        for name in names:
            own = found.of_part(name, 2)
            is_known = np.arange(own.shape[-1]) >= own.shape[-1] // 2
            assert (np.isfinite(own) == is_known).all()
            np.testing.assert_allclose(own[:, is_known], whole[name][:, is_known], rtol=1e-12)
        assert found.of_part("d_queries", 4) is None
        assert all((found[name] == whole[name]).all() for name in names)
        assert found.of_part("d_queries", 2) is None
    regraded = Route(regrade=lambda _own, name, grade: 2 * grade(name)).numbers_as_needed(result, names)
    assert regraded.of_part("d_queries", 2) is None


HALF_EMPTY = Matrix(random.normal(size=(4, 6)) * [1, 1, 1, 0, 0, 0], "here")  # the values of the second head are 0
JOINED = Request(queries=matrix(4, 6), keys=matrix(4, 6), values=HALF_EMPTY, heads=(2, 2))
LAYOUTS = Case({}, ("output",), Measured(RIGHT, JOINED, ("output",), {}))
JOINS = [
    pytest.param(route, id=f"{slip.name} {number}")
    for slip in (*LAYOUT_SLIPS, *ENTRY_SLIPS)
    for number, route in enumerate(slip.routes(LAYOUTS))
    if route.join is not None
]


@pytest.mark.parametrize("route", JOINS)
def test_the_bounds_of_heads_that_are_joined_otherwise_stand_in_their_places(route):
    measured = Measured(route, JOINED, ("output",), {})
    np.testing.assert_array_equal(measured.bound("output", "float32") > 0, measured.numbers["output"] != 0)


EMPTY = Request(queries=matrix(3, 4), keys=matrix(3, 4), mask=Matrix(np.array([[1, 1, 1], [0, 0, 0], [1, 0, 1]]), "m"))


@pytest.mark.parametrize("softmax", ["keys", "exp2", "largest"])
@pytest.mark.parametrize(("row", "weight"), [("nan", np.nan), ("uniform", 1 / 3), ("zeros", 0.0)])
def test_a_query_without_a_key_has_the_row_of_its_system_whatever_the_softmax(softmax, row, weight):
    route = Route(problems=(partial(fill_empty_rows, row=row),), softmax=softmax, rescore=lambda scores: scores)
    weights = route.numbers(EMPTY, ["weights"])["weights"]
    np.testing.assert_array_equal(weights[1], weight)
    np.testing.assert_allclose(weights[[0, 2]].sum(axis=-1), 1)


def test_the_largest_of_masked_scores_may_be_the_first():
    weights = Route(softmax="largest", unseen=1.0).numbers(EMPTY, ["weights"])["weights"]
    np.testing.assert_array_equal(weights[1], [1, 0, 0])
    np.testing.assert_array_equal(weights, np.where(weights == weights.max(axis=-1, keepdims=True), 1, 0))
