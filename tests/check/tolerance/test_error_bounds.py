"""What a plain computation in float32 gives lies within its bound, and the bound is not far from it."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from attncli.check.routes import RIGHT, Route
from attncli.check.slips.distances import EUCLIDEAN, SQUARED
from attncli.check.tolerance.measures import Measured
from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.results.result import Result
from attncli.variants import BY_NAME

NAMES = ("raw_scores", "scores", "weights", "output", "lse")


def matrix(random, *shape):
    return Matrix(random.normal(size=shape), "here")


def plain(random, offset=0.0, **given):
    """More queries than columns, and more columns than keys."""
    queries, keys = (Matrix(offset + random.normal(size=(rows, 8)), "here") for rows in (9, 6))
    return Request(queries=queries, keys=keys, values=matrix(random, 6, 4), **given)


def projected(random, **given):
    sizes = {"x": (9, 8), "w_q": (8, 4), "w_k": (8, 4), "w_v": (8, 4), "b_q": (4,), "b_k": (4,), "b_v": (4,)}
    return Request(**{name: matrix(random, *shape) for name, shape in sizes.items()}, **given)


def cancelling(random, **given):
    """Queries and keys far smaller than the terms that they are sums of."""
    x, w = 100 + random.normal(size=(9, 8)), 1e-3 * random.normal(size=(8, 4))
    offset = Matrix(-x[0] @ w, "here")
    return Request(
        **{"x": Matrix(x, "here"), **dict.fromkeys(("w_q", "w_k", "w_v"), Matrix(w, "here"))},
        **{"b_q": offset, "b_k": offset, **given},
    )


def without_length(random):
    request = plain(random, variant="cosine")
    request.queries.array[1] = request.keys.array[2] = 0
    return request


PROBLEMS = {
    **{name: lambda r, name=name: plain(r, variant=name) for name in BY_NAME},
    "cosine of rows without a length": without_length,
    "a length": lambda r: plain(r, variant="gaussian", length_scale=0.25),
    "a softcap": lambda r: plain(r, softcap=2.0),
    "a bias": lambda r: plain(r, bias=Matrix(30 * r.normal(size=(9, 6)), "here")),
    "a bias that masks": lambda r: plain(r, bias=Matrix(np.triu(np.full((9, 6), -np.inf), 1), "here")),
    "a mask": lambda r: plain(r, mask=Matrix(np.tril(np.ones((9, 6), bool)), "here")),
    "causal": lambda r: plain(r, causal=True),
    **{f"heads, {name}": lambda r, name=name: plain(r, variant=name, heads=(2, 2)) for name in BY_NAME},
    "shared heads": lambda r: Request(
        queries=matrix(r, 4, 8), keys=matrix(r, 6, 4), values=matrix(r, 6, 4), heads=(4, 2)
    ),
    **{norm: lambda r, norm=norm: plain(r, qk_norm=norm) for norm in ("l2", "rms")},
    "a norm of long rows": lambda r: plain(r, offset=1e4, qk_norm="rms"),
    **{rope: lambda r, rope=rope: plain(r, rope=rope) for rope in ("half", "interleaved")},
    "some rotated columns of a distance": lambda r: plain(r, rope="half", rope_dims=4, variant="laplace"),
    "alibi of heads": lambda r: plain(r, heads=(2, 2), alibi=(0.7, 0.1)),
    "alibi": lambda r: plain(r, alibi=(0.7,), query_offset=40, causal=True),
    "near laplace": lambda r: plain(r, offset=100, variant="laplace"),
    "near gaussian": lambda r: plain(r, offset=100, variant="gaussian"),
    "projections": projected,
    "a context": lambda r: projected(r, context=matrix(r, 6, 8)),
    "an output projection": lambda r: projected(r, heads=(2, 2), w_o=matrix(r, 4, 3), b_o=matrix(r, 3)),
}


# of the bound, that the largest error of some hundred cells comes to
LEAST = {"raw_scores": 1 / 25, "scores": 1 / 25, "weights": 1 / 60, "output": 1 / 300, "lse": 1 / 60}


def share(name, request, route=RIGHT):
    """The largest error over its bound; 1 where no error may be."""
    right = Measured(route, request, NAMES, {})
    narrow = Result(route.change_problem(prepare(request, compute="float32")), "numpy").compute(*NAMES)
    with np.errstate(invalid="ignore"):  # a masked score's -inf less itself
        error = np.nan_to_num(np.abs(narrow.array(name) - right.numbers[name]))
    bound = right.bound(name, "float32")
    assert (error <= bound).all()
    return float((error[bound > 0] / bound[bound > 0]).max(initial=0)) if bound.any() else 1.0


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_a_plain_computation_keeps_its_bound_and_comes_near_it(problem):
    requests = [problem(np.random.default_rng(seed)) for seed in range(4)]
    for name in NAMES:
        assert max(share(name, request) for request in requests) > LEAST[name], name


@pytest.mark.parametrize("sink", [-40.0, 0.0, 40.0])
def test_a_plain_softmax_with_a_sink_keeps_its_bound(sink):
    scores = np.random.default_rng(0).normal(size=(60, 9)).astype(np.float32)
    request = Request(queries=Matrix(scores, "q"), keys=Matrix(np.eye(9), "k"), variant="dot", sink=(sink,))
    right = Measured(RIGHT, request, ("weights",), {})
    joined = np.concatenate([scores, np.full((60, 1), sink, np.float32)], axis=1)
    exponentials = np.exp(joined - joined.max(axis=1, keepdims=True))
    plainly = (exponentials / exponentials.sum(axis=1, keepdims=True))[:, :-1]
    assert (np.abs(plainly - right.numbers["weights"]) <= right.bound("weights", "float32")).all()


def saturated(random, gap):
    """Scores of some hundred thousands, each row with two that are `gap` apart above all others."""
    queries = np.abs(random.normal(size=(9, 8)))
    keys = np.sort(np.abs(random.normal(size=(6, 1))) * 1e5, axis=0) + np.abs(random.normal(size=(6, 8)))
    keys[5] = keys[4] + gap / queries.sum(axis=-1).mean()
    return Request(queries=Matrix(queries, "q"), keys=Matrix(keys, "k"), values=matrix(random, 6, 4))


@pytest.mark.parametrize("gap", [0.0, 0.5, 5.0, 1000.0])
def test_a_plain_computation_of_large_scores_keeps_its_bound(gap):
    for seed in range(6):
        request = saturated(np.random.default_rng(seed), gap)
        for name in NAMES:
            share(name, request)


def test_a_weight_that_takes_all_may_not_be_far_off_however_large_its_score_is():
    request = saturated(np.random.default_rng(0), 1e4)
    right = Measured(RIGHT, request, NAMES, {})
    assert (right.bound("scores", "float32").max(axis=-1) > 0.01).all()
    assert (right.numbers["weights"][:, 5] == 1).all()
    assert (right.bound("weights", "float32") < 1e-5).all()
    assert (right.bound("output", "float32") < 1e-4).all()


def sparsemax(scores):
    ordered, counts = -np.sort(-scores, axis=-1), np.arange(1, scores.shape[-1] + 1, dtype=scores.dtype)
    sums = np.cumsum(ordered, axis=-1)
    size = (1 + counts * ordered > sums).sum(axis=-1, keepdims=True)
    threshold = (np.take_along_axis(sums, size - 1, axis=-1) - 1) / size.astype(scores.dtype)
    return np.maximum(scores - threshold, 0)


def entmax15(scores):
    halves = (scores - scores.max(axis=-1, keepdims=True)) / 2
    ordered, counts = -np.sort(-halves, axis=-1), np.arange(1, scores.shape[-1] + 1, dtype=scores.dtype)
    mean, squares = np.cumsum(ordered, axis=-1) / counts, np.cumsum(ordered**2, axis=-1) / counts
    thresholds = mean - np.sqrt(np.maximum((1 - counts * (squares - mean**2)) / counts, 0))
    size = (thresholds <= ordered).sum(axis=-1, keepdims=True)
    return np.maximum(halves - np.take_along_axis(thresholds, size - 1, axis=-1), 0) ** 2


# as people write them
NORMALIZERS = {
    "sparsemax": sparsemax,
    "entmax15": entmax15,
    "sigmoid": lambda scores: 1 / (1 + np.exp(-scores)),
    "tanh": lambda scores: 1 + np.tanh(scores),
    "none": lambda scores: scores,
}


@pytest.mark.parametrize("dropped", [False, True], ids=["", "dropout"])
@pytest.mark.parametrize("offset", [0.0, 3.0])
@pytest.mark.parametrize("name", NORMALIZERS)
def test_the_weights_of_a_plain_normalizer_keep_their_bound_and_come_near_it(name, offset, dropped):
    shares = []
    for seed in range(6):
        random = np.random.default_rng(seed)
        kept = random.random((9, 6)) < 0.8
        given = {"dropout": 0.25, "dropout_mask": Matrix(kept, "here")} if dropped else {}
        request = plain(random, offset, normalizer=name, **given)
        queries, keys = (matrix.array.astype(np.float32) for matrix in (request.queries, request.keys))
        weights = NORMALIZERS[name](queries @ keys.T / np.sqrt(np.float32(8)))
        assert weights.dtype == np.float32
        right = Measured(RIGHT, request, ("weights",), {})
        error = np.abs((weights * kept / np.float32(0.75) if dropped else weights) - right.numbers["weights"])
        bound = right.bound("weights", "float32")
        assert (error <= bound).all()
        shares.append((error[bound > 0] / bound[bound > 0]).max())
    is_saturated = offset > 0 and name in ("sigmoid", "tanh")  # 1 and 2 exactly, without an error
    assert is_saturated or max(shares) > 1 / 100


@pytest.mark.parametrize("distance", [SQUARED, EUCLIDEAN], ids=["squared", "euclidean"])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_a_plain_computation_of_another_distance_keeps_its_bound(distance, offset):
    route = Route(problems=(partial(replace, variant=distance),))
    requests = [plain(np.random.default_rng(seed), offset, variant="laplace") for seed in range(4)]
    for request in requests:
        prepared = prepare(request)
        far = replace(request, keys=Matrix(prepared.keys * 1000.0, "here"))
        for name in ("raw_scores", "scores"):
            assert share(name, request, route) > 1e-3
            share(name, far, route)


@pytest.mark.parametrize("variant", BY_NAME)
def test_a_plain_computation_keeps_its_bound_where_projections_cancel(variant):
    for seed in range(4):
        request = cancelling(np.random.default_rng(seed), variant=variant)
        for name in NAMES:
            share(name, request)


def rotate_plainly(rows, offset):
    """Rotary positions as kernels compute them in float32, angles too."""
    half = np.arange(0, rows.shape[-1], 2, dtype=np.float32)
    speeds = 1 / np.float32(10000) ** (half / np.float32(rows.shape[-1]))
    angles = np.arange(offset, offset + len(rows), dtype=np.float32)[:, None] * speeds
    first, second = np.split(rows, 2, axis=-1)
    cosine, sine = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cosine - second * sine, first * sine + second * cosine], axis=-1)


@pytest.mark.parametrize("offset", [0, 100, 3000])
def test_rotary_positions_far_away_keep_the_bound_of_their_angles(offset):
    random = np.random.default_rng(offset)
    queries, keys = (random.normal(size=(rows, 16)).astype(np.float32) for rows in (9, 300))
    request = Request(
        queries=Matrix(queries, "q"), keys=Matrix(keys, "k"), values=Matrix(keys, "v"), rope="half", query_offset=offset
    )
    right = Measured(RIGHT, request, ("raw_scores", "scores"), {})
    found = rotate_plainly(queries, offset) @ rotate_plainly(keys, 0).T
    error, bound = np.abs(found - right.numbers["raw_scores"]), right.bound("raw_scores", "float32")
    assert (error <= bound).all()
    assert (error / bound).max() > 1 / 40


def test_gradients_behind_weights_that_are_not_numbers_have_bounds_under_a_softcap():
    random = np.random.default_rng(1)
    request = plain(random, softcap=2.0, d_output=matrix(random, 9, 4))
    request.keys.array[:] = abs(request.keys.array)
    request.queries.array[0] = -1  # all its scores are below 0: ReLU leaves nothing to divide
    route = Route(softmax="relu over sum", unseen=np.nan)
    found = Measured(route, request, ("d_queries", "d_values"), {})
    assert np.isnan(found.numbers["d_values"]).any()
    assert not np.isnan(found.bound("d_values", "float32")).any()
