"""Every test that takes `engine` runs on each engine that is installed."""

import pytest


@pytest.fixture(params=["numpy", "numba"])
def engine(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param
