"""lse against 60 digits, relative to itself: never less accurate than max + log(Σ exp(score − max))."""

import numpy as np
import pytest

from attncli.api import attend

mpmath = pytest.importorskip("mpmath")
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}


def exact(scores):
    with mpmath.workdps(400):
        return mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpf(float(score))) for score in scores))


def lse_of(scores, engine, **options):
    keys = np.asarray(scores)[:, None]
    return attend(np.ones((1, 1), keys.dtype), keys, variant="dot", engine=engine, **options).lse[0]


def error(found, right):
    return float(abs((mpmath.mpf(float(found)) - right) / right)) if right else abs(float(found))


ROWS = {
    "one key near 0": [1e-8],
    "one key": [-3.7],
    "one key far off": [50.3],
    "one that outweighs another": [1e-5, -60.0],
    "0 beside a little": [0.0, -50.0],
    "0 beside a little, the largest last": [-50.0, -51.0, 0.0],
    "equal small ones": [1e-6, 1e-6],
    "below 0": [-5.0, -5.25, -7.0],
    "about 1": [0.5, 0.3, -1.0],
    "some hundreds": list(np.random.default_rng(5).normal(-6, 1, 400)),
    "thousands": list(np.random.default_rng(6).normal(-8, 1, 3000)),
}


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_lse_holds_relative_to_itself(row, dtype, engine):
    scores = np.array(row, dtype)
    assert error(lse_of(scores, engine), exact(scores)) <= 4 * EPS[dtype]


@pytest.mark.parametrize("dtype", EPS)
def test_lse_that_cancels_is_as_accurate_as_the_largest_score(dtype, engine):
    source = np.random.default_rng(7)
    for count in (2, 3, 17, 600):
        scores = (source.normal(size=count) - np.log(count) - 0.5).astype(dtype)
        right = exact(scores)
        own = abs(float(scores.max())) * EPS[dtype]
        assert abs(float(mpmath.mpf(float(lse_of(scores, engine))) - right)) <= own + 2e-16 + 2 * EPS[dtype] * abs(
            right
        )


@pytest.mark.parametrize(
    "given", [{"causal": True}, {"mask": np.eye(6)}, {"window": (0, 0)}, {"bias": np.where(np.eye(6), 0, -np.inf)}]
)
@pytest.mark.parametrize("dtype", EPS)
def test_with_one_key_lse_is_the_score(given, dtype, engine):
    source = np.random.default_rng(8)
    queries, keys = source.normal(size=(6, 5)).astype(dtype) * 3, source.normal(size=(6, 5)).astype(dtype) * 3
    result = attend(queries, keys, engine=engine, **given)
    own = np.isfinite(result.scores).sum(axis=-1) == 1
    assert own[0]
    np.testing.assert_array_equal(result.lse[own], np.diagonal(result.scores)[own])
