"""Slips in problems of which only some rows are tried before all of them."""

from dataclasses import replace

import numpy as np
import pytest

from attncli.check import check
from attncli.check.routes import RIGHT, Route
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

random = np.random.default_rng(3)
N, M, LATE = 70, 72, 51
ONE_HIDDEN = np.ones((N, M), bool)
ONE_HIDDEN[LATE, 40] = False
MASK = random.random((N, M)) < 0.7


def matrix(*shape):
    return Matrix(random.integers(-3, 4, size=shape) / 4, "here")


def request(**given):
    matrices = {"queries": matrix(N, 8), "keys": matrix(M, 8), "values": matrix(M, 6)}
    return Request(**{**matrices, **given})


def mask(cells):
    return Matrix(cells, "here")


def found(right, wrong, names, route=RIGHT):
    """The first slip by which the numbers of one request, of a route through it, are explained for another."""
    numbers = route.numbers(wrong, names)
    expected = {name: Matrix(numbers[name], name) for name in names}
    report = check(Worksheet(request=right, name="case", where="case", expected=expected))
    return report.diagnosis[0].slip if report.diagnosis else ""


ALL = ("weights", "output", "lse")
PLAIN = request()
MASKED = request(mask=mask(MASK))
SQUARE = request(queries=matrix(M, M), keys=matrix(M, M), values=matrix(M, M))
TALL = request(queries=matrix(M, 8), keys=matrix(N, 8), values=matrix(N, 6))
HEADS = request(heads=(4, 2), keys=matrix(M, 4), values=matrix(M, 4))


@pytest.mark.parametrize(
    ("right", "change", "names", "slip"),
    [
        pytest.param(PLAIN, {"variant": "dot"}, ALL, "unscaled", id="unscaled"),
        pytest.param(PLAIN, {"variant": "dot"}, ("lse",), "unscaled", id="unscaled, of the lse"),
        pytest.param(HEADS, {"scale": "1/sqrt(8)"}, ALL, "scale-sqrt-dk", id="the scale of all heads"),
        pytest.param(MASKED, {"mask": None}, ALL, "no-mask", id="no mask"),
        pytest.param(MASKED, {"mask": mask(~MASK)}, ALL, "mask-inverted", id="the mask inverted"),
        pytest.param(request(mask=mask(ONE_HIDDEN)), {"mask": None}, ALL, "no-mask", id="in one row"),
        pytest.param(request(mask=mask(ONE_HIDDEN)), {"mask": None}, ("lse",), "no-mask", id="in one row of the lse"),
        pytest.param(
            request(causal=True), {"align": "bottom-right"}, ("weights",), "other-corner", id="the other corner"
        ),
        pytest.param(
            request(causal=True, mask=mask(MASK)), {"causal": None}, ("output",), "no-mask", id="one mask of two"
        ),
        pytest.param(
            request(bias=matrix(N, M), mask=mask(MASK)),
            {"variant": "dot"},
            ALL,
            "unscaled",
            id="under a mask and a bias",
        ),
        pytest.param(request(causal=True, mask=mask(MASK)), {"variant": "dot"}, ALL, "unscaled", id="under two masks"),
        pytest.param(TALL, {"variant": "dot"}, ALL, "unscaled", id="more queries than keys"),
        pytest.param(PLAIN, {"variant": "laplace"}, ("output",), "variant-laplace", id="another variant"),
        pytest.param(
            SQUARE, {"queries": SQUARE.keys, "keys": SQUARE.queries}, ALL, "queries-keys-swapped", id="swapped"
        ),
        pytest.param(MASKED, {"mask": None, "variant": "dot"}, ALL, "unscaled+no-mask", id="two slips"),
    ],
)
def test_a_slip_is_found_by_a_few_rows(right, change, names, slip):
    assert found(right, replace(right, **change), names) == slip


@pytest.mark.parametrize(
    ("route", "slip"),
    [
        (Route(softmax="queries"), "softmax-over-queries"),
        (Route(softmax="all"), "softmax-over-all"),
        (Route(softmax="none"), "no-softmax"),
        (Route(scale_after=True), "scale-after-softmax"),
    ],
)
@pytest.mark.parametrize("names", [("weights", "output"), ("output",)], ids=" and ".join)
def test_another_softmax_is_found(route, slip, names):
    assert found(PLAIN, PLAIN, names, route) == slip


def test_heads_that_are_viewed_at_the_start_and_at_the_end_are_found():
    def view(array):  # (n, H·d) as (H, n, d)
        return array.reshape(4, N, -1)

    right = request(heads=(4, 4), queries=matrix(N, 16), keys=matrix(N, 16), values=matrix(N, 16))
    scores = view(right.queries.array) @ view(right.keys.array).mT / 2
    powers = np.exp(scores)
    output = (powers / powers.sum(axis=-1, keepdims=True) @ view(right.values.array)).reshape(N, 16)
    report = check(Worksheet(request=right, name="case", where="case", expected={"output": Matrix(output, "output")}))
    assert report.diagnosis[0].slip == "heads-not-split"


@pytest.mark.parametrize("right", [PLAIN, HEADS], ids=["one head", "heads"])
def test_rounded_weights_are_found_in_the_output(right):
    rounded = Route(weigh=lambda weights: weights.round(2))
    assert found(right, right, ("output",), rounded) == "rounded-weights"
    numbers = {"weights": RIGHT.numbers(right, ["weights"])["weights"].round(2)}
    numbers["output"] = rounded.numbers(right, ["output"])["output"]
    expected = {name: Matrix(array, name) for name, array in numbers.items()}
    worksheet = Worksheet(request=right, name="case", where="case", expected=expected, digits={"weights": 2})
    report = check(worksheet)
    assert [each.verdict for each in report.checks] == ["exact", "wrong"]
    assert report.diagnosis[0].slip == "rounded-weights"


def test_numbers_of_another_shape_are_found_too():
    swapped = RIGHT.numbers(replace(PLAIN, queries=PLAIN.keys, keys=PLAIN.queries, values=None), ["weights"])
    expected = {"weights": Matrix(swapped["weights"], "weights")}
    report = check(Worksheet(request=PLAIN, name="case", where="case", expected=expected))
    assert report.diagnosis[0].slip == "queries-keys-swapped"


def test_one_wrong_row_is_not_a_slip():
    wrong = RIGHT.numbers(replace(PLAIN, variant="dot"), ["output"])["output"]
    wrong[LATE] += 1
    expected = {"output": Matrix(wrong, "output")}
    found = check(Worksheet(request=PLAIN, name="case", where="case", expected=expected)).diagnosis
    assert [each.slip for each in found] == ["impossible"]  # no average is so large


GRADED = request(**{name: matrix(2, 48, 8) for name in ("queries", "keys", "values", "d_output")}, causal=True)


@pytest.mark.parametrize(
    ("change", "slip"),
    [({"variant": "dot"}, "unscaled"), ({"variant": "dot", "causal": False}, "unscaled+no-mask")],
    ids=["one", "two"],
)
def test_slips_of_gradients_of_several_heads_are_found_by_one_of_them(change, slip, search_for):
    search_for(slip)
    assert found(GRADED, replace(GRADED, **change), ("d_queries", "d_keys")) == slip
