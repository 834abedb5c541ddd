"""Every stage against plain loops and published numbers, on both engines, in tiles smaller than a row."""

from __future__ import annotations

import random

import numpy as np
import pytest
from stages.plain_attention import attend_plainly

from attncli import attend
from attncli.engine import plan
from attncli.expressions import evaluate
from attncli.stages.normalizers import NORMALIZER_BY_NAME, NORMALIZER_NAMES, THRESHOLD, find_threshold
from attncli.stages.row_transforms import PAIRING_BY_NAME, Rotation
from attncli.stages.slopes import usual_slopes
from attncli.stages.steps import SCORE


def random_case(seed):
    """Matrices and some options at random."""
    generator, choose = np.random.default_rng(seed), random.Random(seed)
    n, m, d, v = (choose.randint(1, 7) for _ in range(4))
    d = 2 * ((d + 1) // 2)
    queries, keys, values = (generator.normal(size=shape) for shape in ((n, d), (m, d), (m, v)))
    options = {}

    def maybe(name, make, odds=0.3):
        if choose.random() < odds:
            options[name] = make()

    maybe("offset", lambda: choose.randint(-2, 4))
    maybe("causal", lambda: True)
    maybe("window", lambda: (choose.randint(-1, 3), choose.randint(-1, 3)))
    maybe("keep_first", lambda: choose.randint(0, 3))
    maybe("prefix", lambda: choose.randint(0, 3), 0.2)
    maybe("chunk", lambda: choose.randint(1, 4), 0.2)
    maybe("segments", lambda: [choose.randint(0, 1) for _ in range(n)], 0.2)
    if "segments" in options:
        options["key_segments"] = [choose.randint(0, 1) for _ in range(m)]
    maybe("mask", lambda: generator.random((n, m)) < 0.7)
    maybe("bias", lambda: generator.normal(size=(n, m)))
    maybe("slope", lambda: choose.choice([0.5, -0.25]))
    maybe("qk_norm", lambda: choose.choice(["l2", "rms"]))
    maybe("rope", lambda: choose.choice(["half", "interleaved"]))
    if "rope" in options:
        maybe("rope_base", lambda: choose.choice([100.0, 5e5]))
        maybe("rope_dims", lambda: 2 * choose.randint(1, d // 2))
        maybe("rope_scale", lambda: 2.0)
    maybe("softcap", lambda: choose.choice([0.5, 3.0]))
    if "softcap" in options:
        maybe("softcap_after_bias", lambda: True)
    maybe("normalizer", lambda: choose.choice(["sparsemax", "entmax15", "sigmoid", "tanh", "none"]))
    if "normalizer" not in options:
        maybe("sink", lambda: choose.choice([0.0, 1.5, -3.0, 40.0]))
    maybe("top_k", lambda: choose.randint(1, 5), 0.2)
    if choose.random() < 0.2:
        options |= {"dropout": 0.25, "dropout_mask": generator.random((n, m)) < 0.75}
    maybe("variant", lambda: choose.choice(["dot", "laplace", "gaussian", "cosine", "additive"]), 0.5)
    if options.get("variant") in ("laplace", "gaussian"):
        maybe("length_scale", lambda: choose.choice([0.5, 3.0]))
    elif options.get("variant") == "additive":
        maybe("v_a", lambda: generator.normal(size=d).tolist())
    if "length_scale" not in options:
        maybe("scale", lambda: choose.choice([0.25, -1.5]))
    return queries, keys, values, options


def asked(options):
    """The options under the names of `attend`."""
    renamed = {"offset": "query_offset", "slope": "alibi"}
    return {renamed.get(name, name): value for name, value in options.items()}


@pytest.mark.sampled(5)
@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("seed", range(150))
def test_every_stage_is_what_a_plain_loop_computes(engine, seed, monkeypatch):
    if engine == "numba":
        pytest.importorskip("numba")
    queries, keys, values, options = random_case(seed)
    weights, output, lses = attend_plainly(queries.tolist(), keys.tolist(), values.tolist(), **options)
    result = attend(queries, keys, values, engine=engine, **asked(options))
    np.testing.assert_allclose(result.weights, weights, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result.output, output, rtol=1e-9, atol=1e-12)
    monkeypatch.setattr(plan, "CELLS", 2 * plan.HEIGHT)  # tiles of two keys
    alone = attend(queries, keys, values, engine=engine, **asked(options))
    np.testing.assert_allclose(alone.output, output, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(alone.lse, lses, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(alone.weights, weights, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("seed", range(40))
def test_narrow_dtypes_come_near(dtype, seed):
    queries, keys, values, options = random_case(seed)
    cast = [array.astype(dtype) for array in (queries, keys, values)]
    weights, output, _ = attend_plainly(*(array.astype(float).tolist() for array in cast), **options)
    result = attend(*cast, **asked(options))
    rtol = {"float32": 1e-4, "float16": 2e-2}[dtype]
    if "top_k" not in options:  # which a rounding can turn
        np.testing.assert_allclose(result.weights.astype(float), weights, rtol=rtol, atol=rtol)
        np.testing.assert_allclose(result.output.astype(float), output, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("layout", ["heads-first", "heads-last"])
@pytest.mark.parametrize("seed", range(40))
def test_heads_in_either_layout_are_what_a_plain_loop_computes(layout, seed):
    *first, options = random_case(seed)
    generator = np.random.default_rng(seed)
    heads = [first, *([generator.normal(size=array.shape) for array in first] for _ in range(2))]
    expected = [attend_plainly(*(array.tolist() for array in head), **options) for head in heads]
    given = [np.stack(arrays)[None] for arrays in zip(*heads, strict=True)]  # (1, heads, n, d)
    if layout == "heads-last":
        given = [array.swapaxes(1, 2) for array in given]
    result = attend(*given, layout=layout, **asked(options))
    output = result.output.swapaxes(1, 2) if layout == "heads-last" else result.output
    np.testing.assert_allclose(output, [[output for _, output, _ in expected]], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result.weights, [[weights for weights, _, _ in expected]], rtol=1e-9, atol=1e-12)


def test_heads_have_sinks_and_slopes_of_their_own():
    generator = np.random.default_rng(1)
    queries, keys, values = generator.normal(size=(2, 4, 6)), *generator.normal(size=(2, 2, 5, 6))
    sinks, slopes = [0.5, -1.0], [0.25, 2.0]
    result = attend(queries, keys, values, sink=sinks, alibi=slopes)
    for head in range(2):
        weights, output, lses = attend_plainly(
            queries[head].tolist(), keys[head].tolist(), values[head].tolist(), sink=sinks[head], slope=slopes[head]
        )
        np.testing.assert_allclose(result.weights[head], weights, rtol=1e-12)
        np.testing.assert_allclose(result.output[head], output, rtol=1e-12)
        np.testing.assert_allclose(result.lse[head], lses, rtol=1e-12)


def test_each_entry_has_the_segment_of_its_one_query_and_its_one_key():
    generator = np.random.default_rng(2)
    queries, keys = generator.normal(size=(3, 1, 4)), generator.normal(size=(3, 2, 4))
    result = attend(queries, keys, segments=[[0], [1], [2]], key_segments=[[0, 1], [0, 1], [2, 2]])
    assert (result.weights > 0).tolist() == [[[True, False]], [[False, True]], [[True, True]]]
    alone = attend(keys, queries, segments=[[0, 1], [0, 1], [2, 2]], key_segments=[[0], [1], [2]])
    assert (alone.weights > 0).tolist() == [[[True], [False]], [[False], [True]], [[True], [True]]]


def test_the_usual_slopes_of_a_power_of_two_and_of_twelve_heads():
    assert usual_slopes(8) == tuple(2.0**-h for h in range(1, 9))
    np.testing.assert_allclose(usual_slopes(12)[8:], [0.7071, 0.3536, 0.1768, 0.0884], atol=5e-5)


def test_published_numbers_of_sinks():
    np.testing.assert_allclose(attend(np.eye(2), np.eye(2), sink=0).weights[0], [0.5034898, 0.2482551], atol=5e-8)
    np.testing.assert_allclose(attend(np.eye(2), np.eye(2), sink=1).weights[0], [0.3529368, 0.1740221], atol=5e-8)


def test_published_numbers_of_rope():
    turned = Rotation(PAIRING_BY_NAME["half"], 10000.0, 6, 1.0).apply(np.ones((1, 6)), np.array([3]))
    np.testing.assert_allclose(turned[0], [-1.1311, 0.8515, 0.9935, -0.8489, 1.1291, 1.0064], atol=6e-5)
    rows = np.array([[1.0, 0]] * 3)
    weights = attend(rows, rows, rope="half").weights
    np.testing.assert_allclose(weights[:2], [[0.4785, 0.3457, 0.1758], [0.2955, 0.4090, 0.2955]], atol=6e-5)


def test_published_numbers_of_sparse_normalizers():
    sparse, entmax = (
        attend([[1.0]], [[-2.0], [0], [0.5]], normalizer=name, variant="dot").weights[0]
        for name in ("sparsemax", "entmax15")
    )
    np.testing.assert_allclose(sparse, [0, 0.25, 0.75], atol=1e-15)
    np.testing.assert_allclose(entmax, [0, 0.3260, 0.6740], atol=5e-5)


@pytest.mark.parametrize("name", [name for name in NORMALIZER_NAMES if name != "softmax"])
def test_the_expression_of_a_weight_gives_the_numbers_of_the_normalizer(name: str) -> None:
    normalizer = NORMALIZER_BY_NAME[name]
    assert normalizer.weight is not None
    for seed in range(20):
        scores = np.random.default_rng(seed).normal(size=1 + seed % 7) * (1 + seed)
        threshold = find_threshold(normalizer, scores.tolist())
        given = {} if threshold is None else {THRESHOLD: threshold}
        weights = [evaluate(normalizer.weight, {**given, SCORE: score}) for score in scores]
        np.testing.assert_allclose(weights, normalizer.weights(scores[None])[0], atol=1e-12)


def test_a_query_with_a_sink_and_no_key_has_the_sink_as_its_sum():
    result = attend([[1.0]], [[1.0]], [[5.0]], mask=[[0]], sink=2)
    assert (result.weights.item(), result.output.item(), result.lse.item()) == (0, 0, 2)
