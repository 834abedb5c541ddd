"""The bound of large problems against the one that moves each input by itself."""

import numpy as np
import pytest

from attncli.check.checking import rounded_inputs
from attncli.check.rounding import Movement
from attncli.check.rounding_large import bound_of
from attncli.check.routes import RIGHT
from attncli.matrices import Matrix
from attncli.request import Request

NAMES = ("raw_scores", "scores", "weights", "output", "lse")
random = np.random.default_rng(5)


def printed(*shape):
    array = random.normal(size=shape).round(3)
    return Matrix(array, "here", texts=tuple(f"{cell:.3f}" for cell in array.ravel()))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="scaled"),
        pytest.param({"variant": "laplace"}, id="laplace"),
        pytest.param({"variant": "gaussian", "length_scale": 2.0}, id="gaussian"),
        pytest.param({"variant": "cosine"}, id="cosine"),
        pytest.param({"causal": True}, id="causal"),
        pytest.param({"heads": (2, 2)}, id="heads"),
    ],
)
def test_moving_a_feature_of_all_rows_bounds_as_moving_each_input_does(given):
    request = Request(queries=printed(3, 4), keys=printed(4, 4), values=printed(4, 2), **given)
    halves = rounded_inputs(request)
    numbers = RIGHT.numbers(request, NAMES)
    small = Movement(RIGHT, request, NAMES, numbers, halves)
    for name in NAMES:
        large = bound_of(RIGHT, request, numbers, halves, name)
        seen = np.isfinite(numbers[name])
        np.testing.assert_allclose(large[seen], small.bound(name)[seen], rtol=0.02, atol=1e-9)


def test_the_bound_through_projections_is_never_too_small():
    request = Request(x=printed(3, 4), w_q=printed(4, 2), w_k=printed(4, 2), w_v=printed(4, 2))
    halves = rounded_inputs(request)
    numbers = RIGHT.numbers(request, NAMES)
    small = Movement(RIGHT, request, NAMES, numbers, halves)
    for name in NAMES:
        assert (bound_of(RIGHT, request, numbers, halves, name) >= small.bound(name) * 0.98).all()
