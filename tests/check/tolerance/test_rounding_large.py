"""The bound of large problems against the one that moves each input by itself."""

import numpy as np
import pytest

from attncli.check.routes import RIGHT, Route
from attncli.check.tolerance.rounding import Movement, find_rounded_inputs
from attncli.check.tolerance.rounding_large import LargeMovement
from attncli.inputs.request import Request
from attncli.matrix import Matrix

NAMES = ("raw_scores", "scores", "weights", "output", "lse")
random = np.random.default_rng(5)


def printed(*shape):
    array = random.normal(size=shape).round(3)
    return Matrix(array, "here", texts=tuple(f"{cell:.3f}" for cell in array.ravel()))


def whole(*shape):
    return Matrix(random.integers(-2, 3, size=shape), "here", texts=("1",) * int(np.prod(shape)))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="scaled"),
        pytest.param({"variant": "laplace"}, id="laplace"),
        pytest.param({"variant": "gaussian", "length_scale": 2.0}, id="gaussian"),
        pytest.param({"variant": "cosine"}, id="cosine"),
        pytest.param({"causal": True}, id="causal"),
        pytest.param({"heads": (2, 2)}, id="heads"),
        pytest.param({"bias": printed(3, 4)}, id="bias"),
        pytest.param({"heads": (2, 2), "bias": printed(2, 3, 4), "scale": "-2"}, id="a bias for each head"),
    ],
)
def test_moving_a_feature_of_all_rows_bounds_as_moving_each_input_does(given):
    request = Request(queries=printed(3, 4), keys=printed(4, 4), values=printed(4, 2), **given)
    halves = find_rounded_inputs(request)
    numbers = RIGHT.numbers(request, NAMES)
    small = Movement(RIGHT, request, NAMES, numbers, halves)
    for name in NAMES:
        large = LargeMovement(RIGHT, request, halves).bound(name)
        seen = np.isfinite(numbers[name])
        np.testing.assert_allclose(large[seen], small.bound(name)[seen], rtol=0.02, atol=1e-9)


EXACT = {"x": whole(3, 4), **dict.fromkeys(("w_q", "w_k", "w_v"), Matrix(np.eye(4, 2), "here", texts=("1",) * 8))}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="of x"),
        pytest.param({"context": printed(5, 4)}, id="of a context"),
        pytest.param({"x": whole(3, 4)}, id="where x is exact"),
        pytest.param({"context": whole(5, 4)}, id="where the context is exact"),
        pytest.param({**EXACT, "x": printed(3, 4)}, id="where the weights are exact"),
        pytest.param(dict(zip(("b_q", "b_k", "b_v"), map(printed, (2, 2, 2)), strict=True)), id="with offsets"),
        pytest.param({"w_o": printed(2, 3), "b_o": printed(3)}, id="with an output projection"),
        pytest.param(
            {**EXACT, "w_o": Matrix(np.ones((2, 3)), "here"), "b_o": printed(3)}, id="of an output's offset alone"
        ),
        pytest.param({"heads": (2, 2), "w_o": printed(2, 3)}, id="of heads, with an output projection"),
        pytest.param({"w_v": None}, id="without values"),
        pytest.param({"variant": "laplace", "length_scale": 0.5}, id="of distances"),
    ],
)
def test_the_bound_through_projections_is_never_too_small_and_not_much_too_large(given):
    matrices = {"x": printed(3, 4), "w_q": printed(4, 2), "w_k": printed(4, 2), "w_v": printed(4, 2)}
    request = Request(**{**matrices, **given})
    halves = find_rounded_inputs(request)
    numbers = RIGHT.numbers(request, NAMES)
    small = Movement(RIGHT, request, NAMES, numbers, halves)
    for name in numbers:
        large = LargeMovement(RIGHT, request, halves).bound(name)
        assert (large >= small.bound(name) * 0.98).all()
        assert (large <= small.bound(name) * 4 + 1e-12).all()


OTHER_WAYS = {
    "softmax over all": Route(softmax="all"),
    "scaled afterwards": Route(scale_after=True),
    "rounded weights": Route(weigh=np.round),
}


@pytest.mark.parametrize("route", OTHER_WAYS.values(), ids=OTHER_WAYS.keys())
def test_what_is_computed_in_another_way_is_not_explained_by_rounding(route):
    request = Request(queries=printed(3, 4), keys=printed(4, 4), values=printed(4, 2))
    assert np.isposinf(LargeMovement(route, request, find_rounded_inputs(request)).bound("output")).all()
