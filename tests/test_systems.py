"""Each system's conventions, one by one, and what is said where a system is asked for what it has not."""

import numpy as np
import pytest

from attncli import attend
from attncli.errors import AttncliError
from attncli.inputs.request import Request
from attncli.problem.conventions import adopt_system
from attncli.systems import NAMES, SYSTEMS

Q = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]])
K = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 2.0]])
V = np.array([[1.0], [2.0], [3.0], [5.0]])
DOT = Q @ K.T
DISTANCE = np.abs(Q[:, None] - K).sum(axis=-1)
SQUARES = ((Q[:, None] - K) ** 2).sum(axis=-1)


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_every_system_of_the_contract_has_a_row():
    assert set(NAMES) == {
        "torch", "torch-mha", "onnx", "jax", "keras", "keras-attention", "flash-attn", "x-transformers", "d2l", "anp",
        "xformers", "transformers", "mlx",
        "sklearn",
    }  # fmt: skip
    assert all(system.describes and system.source for system in SYSTEMS)


@pytest.mark.parametrize("system", [s for s in NAMES if s not in ("keras-attention", "anp", "sklearn")])
def test_most_systems_divide_by_the_root_of_d_k(system):
    np.testing.assert_allclose(attend(Q, K, system=system).weights, softmax(DOT / np.sqrt(2)), rtol=1e-14)


@pytest.mark.parametrize(
    ("system", "given", "scores"),
    [
        pytest.param("keras-attention", {}, DOT, id="the keras Attention layer does not scale"),
        pytest.param("keras-attention", {"variant": "scaled"}, DOT / np.sqrt(2), id="a variant beside it wins"),
        pytest.param("torch", {"scale": 0.25}, DOT / 4, id="a scale beside it wins"),
        pytest.param("anp", {}, -DISTANCE, id="anp means laplace with a length of 1"),
        pytest.param("anp", {"variant": "dot"}, DOT / np.sqrt(2), id="the dot of anp is scaled"),
        pytest.param("sklearn", {}, -DISTANCE / 2, id="the length of sklearn is d_k"),
        pytest.param("sklearn", {"variant": "gaussian"}, -SQUARES / 2, id="rbf_kernel's gamma is 1/d, without a half"),
        pytest.param("sklearn", {"length_scale": 4}, -DISTANCE / 4, id="a length beside it wins"),
        pytest.param("sklearn", {"variant": "dot"}, DOT, id="sklearn with another variant has that variant's scale"),
        pytest.param("torch", {"variant": "laplace"}, -DISTANCE, id="torch with laplace keeps its other conventions"),
    ],
)
def test_scale(system, given, scores):
    np.testing.assert_allclose(attend(Q, K, system=system, **given).weights, softmax(scores), rtol=1e-14)


def test_true_in_a_mask_of_torch_mha_ignores():
    mask = np.array([[0, 0, 1, 1]] * 3)
    kept = attend(Q, K, V, mask=1 - mask).weights
    np.testing.assert_array_equal(attend(Q, K, V, mask=mask, system="torch-mha").weights, kept)
    np.testing.assert_array_equal(attend(Q, K, V, mask=1 - mask, mask_means="keep", system="torch-mha").weights, kept)


CORNERS = {
    "top-left": [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]],
    "bottom-right": [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]],
}


@pytest.mark.parametrize(
    ("system", "corner"),
    [(name, "top-left") for name in ("torch", "torch-mha", "onnx", "jax", "keras", "keras-attention")]
    + [("xformers", "top-left")]
    + [(name, "bottom-right") for name in ("flash-attn", "transformers", "mlx", "x-transformers")],
)
def test_corner_of_causal(system, corner):
    seen = attend(Q, K, causal=True, system=system).weights > 0
    np.testing.assert_array_equal(seen, np.array(CORNERS[corner], bool))


def test_onnx_counts_from_the_end_of_the_valid_keys():
    seen = attend(Q, K, causal=True, key_lengths=[3], system="onnx").weights > 0
    np.testing.assert_array_equal(seen, np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]], bool))
    seen = attend(Q, K, causal=True, key_lengths=[4], system="onnx").weights > 0
    np.testing.assert_array_equal(seen, np.array(CORNERS["bottom-right"], bool))


@pytest.mark.parametrize(
    ("system", "row"),
    [
        ("torch", [0, 0, 0, 0]),
        ("torch-mha", [np.nan] * 4),
        ("onnx", [0, 0, 0, 0]),
        ("jax", [0.25] * 4),
        ("keras", [0, 0, 0, 0]),
        ("keras-attention", softmax(DOT[1:2] - 1e9)[0]),
        ("transformers", [0.25] * 4),
        ("mlx", [0.25] * 4),
        ("x-transformers", [0.25] * 4),
    ],
)
def test_a_query_with_no_key(system, row):
    mask = np.ones((3, 4), bool)
    mask[1] = False
    weights = attend(Q, K, V, mask=mask, mask_means="keep", system=system).weights
    np.testing.assert_array_equal(weights[1], row)


@pytest.mark.parametrize("system", [name for name in NAMES if name not in ("flash-attn", "anp", "sklearn", "d2l")])
@pytest.mark.parametrize("given", [{"sink": 0.5}, {"normalizer": "sigmoid"}], ids=["a sink", "weights of their own"])
def test_a_query_with_no_key_has_no_weights_where_no_sum_is_shared(system, given):
    bias = np.zeros((3, 4))
    bias[1] = -np.inf
    forbidden = {"bias": bias} if system == "xformers" else {"mask": bias == 0, "mask_means": "keep"}
    result = attend(Q, K, V, system=system, **forbidden, **given)
    np.testing.assert_array_equal(result.weights[1], np.zeros(4))
    np.testing.assert_array_equal(result.output[1], [0])


def test_dropout_drops_weights_of_a_query_with_no_key():
    kept = np.array([[1, 0, 1, 1]])
    result = attend(Q, K, V, mask=[[0]], dropout=0.5, dropout_mask=kept, system="transformers")
    np.testing.assert_array_equal(result.weights, [[0.5, 0, 0.5, 0.5]] * 3)
    np.testing.assert_array_equal(result.output, [[(1 + 3 + 5) / 2]] * 3)
    alone = attend(Q, K, V, mask=[[0]], dropout=0.5, dropout_mask=kept, system="transformers").output
    np.testing.assert_array_equal(alone, result.output)


NAN = float("nan")
ONE = {"queries": [[1.0]], "keys": [[1.0], [1.0]], "values": [[2.0], [4.0]]}
TWO = {"queries": [[1.0], [1.0]], "keys": [[1.0], [1.0]], "values": [[2.0], [4.0]], "causal": True}


@pytest.mark.parametrize(
    ("system", "given", "weights", "output"),
    [
        pytest.param("jax", ONE | {"bias": [[-np.inf] * 2]}, [[NAN] * 2], [[NAN]], id="jax: a bias forbids all"),
        pytest.param("jax", ONE | {"mask": [[0, 0]]}, [[0.5, 0.5]], [[3]], id="jax: a mask hides all"),
        pytest.param(
            "jax", ONE | {"bias": [[-np.inf, 0]], "mask": [[1, 0]]}, [[0, 1]], [[4]],
            id="jax: what a mask hides outweighs what a bias forbids",
        ),
        pytest.param(
            "jax", ONE | {"bias": [[-np.inf, -np.inf]], "mask": [[0, 0]]}, [[0.5, 0.5]], [[3]],
            id="jax: a mask hides what a bias forbids",
        ),
        pytest.param(
            "keras-attention", ONE | {"keys": [[0.0], [100.0]], "mask": [[0, 0]]},
            [[0, 1]], [[4]], id="keras-attention: scores keep their differences",
        ),
        pytest.param(
            "keras", ONE | {"mask": [[0, 0]]}, [[0, 0]], [[0]], id="keras: zeros where the scores are returned",
        ),
        pytest.param(
            "x-transformers", ONE | {"mask": [[0, 0]]}, [[0.5, 0.5]], [[0]],
            id="x-transformers: a mask empties the output, not the weights",
        ),
        pytest.param(
            "x-transformers", TWO | {"mask": [[0, 1]]}, [[0.5, 0.5], [0, 1]], [[3], [4]],
            id="x-transformers: mask and causal together empty a row",
        ),
        pytest.param(
            "x-transformers", TWO | {"keys": [[1.0]], "values": [[5.0]]}, [[1], [1]], [[5], [5]],
            id="x-transformers: causal with more queries than keys",
        ),
        pytest.param(
            "x-transformers", ONE | {"key_lengths": [0]}, [[0.5, 0.5]], [[0]], id="x-transformers: no valid keys",
        ),
        pytest.param("d2l", ONE | {"key_lengths": [0]}, [[0.5, 0.5]], [[3]], id="d2l: no valid keys"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine", ["numpy"])
def test_the_row_of_a_query_with_no_key(system, given, weights, output, engine):
    result = attend(**given, system=system, engine=engine)
    np.testing.assert_allclose(result.weights, weights, atol=1e-40)
    np.testing.assert_allclose(result.output, output)
    np.testing.assert_allclose(attend(**given, system=system, engine=engine).output, output)


@pytest.mark.parametrize("engine", ["numpy"])
def test_rows_with_no_key_are_filled_in_every_part_and_block(engine):
    source = np.random.default_rng(3)
    queries, keys, values = (
        source.normal(size=(3, 700, 2)),
        source.normal(size=(3, 1500, 2)),
        source.normal(size=(3, 1500, 2)),
    )
    mask = np.arange(700)[:, None] % 3 > 0
    mask = np.broadcast_to(mask, (700, 1500))
    result = attend(queries, keys, values, mask=mask, system="keras-attention", engine=engine)
    lowered = softmax(queries @ np.swapaxes(keys, 1, 2) - 1e9)
    np.testing.assert_allclose(result.output[:, ::3], (lowered @ values)[:, ::3], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(result.weights[:, ::3], lowered[:, ::3], rtol=1e-12)
    assert np.isfinite(result.output).all()


@pytest.mark.parametrize("system", NAMES)
def test_four_axes_are_those_of_the_system(system):
    queries, keys, values = (np.random.default_rng(i).normal(size=(2, 3, 3, 4)) for i in range(3))
    result = attend(queries, keys, values, system=system)
    turned = [np.swapaxes(array, 1, 2) for array in (queries, keys, values)]
    if system == "transformers":
        right = attend(queries, keys, values, system=system, layout="heads-first")
        np.testing.assert_array_equal(result.output, np.swapaxes(right.output, 1, 2))
        assert result.problem.words.conventions["axes"] == "(batch, heads, n, d), the output (batch, n, heads, d)"
    elif system in ("flash-attn", "jax", "keras", "xformers"):
        right = attend(*turned, system=system, layout="heads-first")
        np.testing.assert_array_equal(result.output, np.swapaxes(right.output, 1, 2))
        assert result.problem.words.conventions["axes"] == "(batch, n, heads, d)"
    else:
        right = attend(queries, keys, values, system=system, layout="heads-first")
        np.testing.assert_array_equal(result.output, right.output)
        assert result.problem.words.conventions["axes"] == "(batch, heads, n, d)"
    np.testing.assert_array_equal(result.weights, right.weights)


def test_three_axes_are_n_heads_d_where_the_functions_of_the_system_take_them_so():
    arrays = [np.random.default_rng(i).normal(size=(4, 3, 5)) for i in range(3)]
    for system, last in (("jax", True), ("flash-attn", True), ("keras", False), ("xformers", False), ("torch", False)):
        result = attend(*arrays, system=system)
        assert result.weights.shape == ((3, 4, 4) if last else (4, 3, 3))
        assert result.output.shape == (4, 3, 5)
        assert result.problem.words.conventions.get("axes") == ("(n, heads, d)" if last else None)


def test_d2l_spreads_a_length_of_zero_over_all_keys():
    np.testing.assert_array_equal(attend(Q, K, key_lengths=[0], system="d2l").weights, np.full((3, 4), 0.25))


def test_grouped_heads_are_tiled_by_x_transformers_only():
    random = np.random.default_rng(1)
    queries, keys = random.normal(size=(4, 3, 2)), random.normal(size=(2, 5, 2))
    for system, order in (("torch", [0, 0, 1, 1]), ("x-transformers", [0, 1, 0, 1])):
        expected = softmax(queries @ np.swapaxes(keys[order], 1, 2) / np.sqrt(2))
        np.testing.assert_allclose(attend(queries, keys, system=system).weights, expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("system", "scores"),
    [
        pytest.param("onnx", 2 * np.tanh(DOT / np.sqrt(2) / 2) + np.arange(4), id="onnx caps before the bias"),
        pytest.param(
            "x-transformers",
            2 * np.tanh((DOT / np.sqrt(2) + np.arange(4)) / 2),
            id="x-transformers caps after the bias",
        ),
    ],
)
def test_softcap_and_bias(system, scores):
    bias = np.broadcast_to(np.arange(4.0), (3, 4))
    np.testing.assert_allclose(attend(Q, K, bias=bias, softcap=2, system=system).scores, scores, rtol=1e-13)


@pytest.mark.parametrize(
    ("system", "given", "message"),
    [
        pytest.param("tarch", {}, "system: 'tarch' is not a system\ndid you mean 'torch'?", id="a name that is none"),
        pytest.param(
            "torch",
            {"softcap": 3},
            "--as torch: torch has no softcap\nleave out --softcap; these have it: onnx, flash-attn, "
            "transformers, x-transformers",
            id="torch has no softcap",
        ),
        pytest.param(
            "flash-attn",
            {"mask": np.ones((3, 4))},
            "--as flash-attn: flash-attn has no mask\n"
            "flash-attn masks by --causal, --window or --key-lengths; "
            "these have a mask: torch, torch-mha, onnx, jax, keras, "
            "keras-attention, transformers, mlx, x-transformers",
            id="flash-attn has no mask",
        ),
        pytest.param(
            "xformers",
            {"mask": np.ones((3, 4))},
            "--as xformers: xformers has no mask\n"
            "xformers takes a bias instead: --bias with -inf for what a query may not see",
            id="xformers has a bias instead of a mask",
        ),
        pytest.param(
            "d2l",
            {"mask": np.ones((3, 4))},
            "--as d2l: d2l has no mask\n"
            "d2l masks by --key-lengths; these have a mask: torch, torch-mha, onnx, jax, keras, "
            "keras-attention, transformers, mlx, x-transformers",
            id="d2l has valid lengths instead of a mask",
        ),
        pytest.param(
            "keras",
            {"bias": np.ones((3, 4))},
            "--as keras: keras has no added bias\nleave out --bias; these have it: torch, torch-mha, onnx, jax, "
            "flash-attn, xformers, transformers, mlx, x-transformers",
            id="keras adds no bias",
        ),
        pytest.param(
            "flash-attn",
            {"bias": np.eye(3, 4)},
            "--as flash-attn: flash-attn only adds ALiBi, −slope·|i + m − n − j|, but this is another bias\n"
            "leave out --as, or --bias",
            id="flash-attn adds no bias but ALiBi",
        ),
        pytest.param(
            "sklearn",
            {"causal": True},
            "--as sklearn: sklearn has no causal masking\n"
            "leave out --causal; these have it: torch, torch-mha, onnx, jax, keras, "
            "keras-attention, flash-attn, xformers, transformers, mlx, x-transformers",
            id="sklearn knows no order",
        ),
        pytest.param(
            "anp",
            {"window": (1, 0)},
            "--as anp: anp has no window\nleave out --window; these have it: torch, torch-mha, onnx, jax, "
            "keras, "
            "keras-attention, flash-attn, xformers, transformers, mlx, x-transformers",
            id="anp knows no positions",
        ),
    ],
)
def test_what_a_system_has_not(system, given, message):
    with pytest.raises(AttncliError) as raised:
        attend(Q, K, V, system=system, **given)
    assert f"{raised.value}\n{raised.value.hint}" == message


def test_a_system_without_grouped_heads_refuses_them():
    with pytest.raises(AttncliError) as raised:
        attend(np.ones((4, 3, 2)), np.ones((2, 5, 2)), system="torch-mha")
    assert str(raised.value) == "--as torch-mha: torch-mha has no grouped heads"


def test_flash_attn_adds_alibi():
    distance = np.abs(np.arange(3)[:, None] + 1 - np.arange(4))
    bias = -np.array([0.5, 0.25])[:, None, None] * distance
    expected = softmax(DOT / np.sqrt(2) + bias)
    np.testing.assert_allclose(attend(Q, K, bias=bias, system="flash-attn").weights, expected, rtol=1e-13)


@pytest.mark.parametrize("bias", [[[0, -np.inf]], [["a", "b"]]], ids=["one that forbids", "text"])
def test_flash_attn_adds_no_other_bias(bias):
    with pytest.raises(AttncliError) as raised:
        attend([[1.0, 2]], [[1.0, 2], [3, 4]], bias=bias, system="flash-attn")
    assert str(raised.value).endswith("but this is another bias")


def test_wholly_gives_a_system_its_own_variant_and_corner():
    request = Request(variant="scaled", align="bottom-right", mask_means="drop", scale="0.5")
    assert adopt_system(request, "keras-attention") == Request(system="keras-attention", scale="0.5")
