"""Masks of torch-mha, lengths of d2l, and settings that a file of arrays holds."""

from __future__ import annotations

import numpy as np
import pytest

from attncli import AttncliError, attend

RANDOM = np.random.default_rng(4)
Q, K, V = (RANDOM.normal(size=shape) for shape in ((2, 3, 4, 6), (2, 3, 5, 6), (2, 3, 5, 2)))


def test_a_mask_of_all_heads_of_all_entries_is_taken_by_head():
    mask = RANDOM.random((6, 4, 5)) < 0.3
    mask[:, :, 0] = False
    result = attend(Q, K, V, mask=mask, system="torch-mha")
    right = attend(Q, K, V, mask=~mask.reshape(2, 3, 4, 5))
    np.testing.assert_array_equal(result.output, right.output)
    assert result.problem.words.conventions["mask axes"] == "(batch·heads, n, m)"
    bias = RANDOM.normal(size=(6, 4, 5))
    biased = attend(Q, K, V, bias=bias, system="torch-mha").output
    np.testing.assert_array_equal(biased, attend(Q, K, V, bias=bias.reshape(2, 3, 4, 5)).output)


def test_a_padding_mask_of_each_entry_is_over_its_keys():
    mask = np.array([[0, 0, 0, 1, 1], [0, 1, 0, 0, 0]], np.bool_)
    result = attend(Q, K, V, mask=mask, system="torch-mha")
    np.testing.assert_array_equal(result.output, attend(Q, K, V, mask=~mask[:, None, None, :]).output)
    assert result.problem.words.conventions["mask axes"] == "(batch, m)"
    packed = [np.moveaxis(array, 1, 2).reshape(2, array.shape[2], -1) for array in (Q, K, V)]
    joined = attend(*packed, heads=3, mask=mask, system="torch-mha").output
    np.testing.assert_allclose(joined, np.moveaxis(result.output, 1, 2).reshape(2, 4, -1), rtol=1e-12)


def test_what_could_be_a_row_per_query_is_one():
    square = [array[:, :, :2] for array in (Q, K, V)]
    mask = np.array([[0, 1], [0, 0]], np.bool_)
    result = attend(*square, mask=mask, system="torch-mha")
    np.testing.assert_array_equal(result.output, attend(*square, mask=~mask).output)
    assert "mask axes" not in result.problem.words.conventions


def test_a_mask_of_keras_is_one_for_all_heads_of_an_entry():
    mask = RANDOM.random((2, 4, 5)) < 0.5  # with two heads it could be one per head
    given = [array[:, :2] for array in (Q, K, V)]
    result = attend(*(array.swapaxes(1, 2) for array in given), mask=mask, system="keras")
    right = attend(*given, mask=mask[:, None])
    np.testing.assert_array_equal(result.weights, right.weights)
    assert result.problem.words.conventions["mask axes"] == "(batch, n, m)"
    grouped = attend(Q[:, :2].swapaxes(1, 2), K[:, :1].swapaxes(1, 2), mask=mask, system="keras")
    np.testing.assert_array_equal(grouped.weights, attend(Q[:, :2], K[:, :1], mask=mask[:, None]).weights)
    four = np.concatenate([Q, Q[:, :1]], axis=1)
    shared = attend(four.swapaxes(1, 2), K[:, :2].swapaxes(1, 2), mask=mask, system="keras")
    np.testing.assert_array_equal(shared.weights, attend(four, K[:, :2], mask=mask[:, None]).weights)


@pytest.mark.parametrize("system", ["x-transformers", "keras-attention"])
def test_a_mask_of_two_axes_is_over_keys_where_the_system_has_no_other(system):
    mask = np.array([[0, 1, 1, 0, 1], [1, 0, 0, 1, 0]])
    queries, keys = Q[:, 0, :2], K[:, 0]  # two queries of two entries: it could be (n, m)
    result = attend(queries, keys, mask=mask, system=system)
    np.testing.assert_array_equal(result.weights > 0, np.broadcast_to(mask[:, None] > 0, (2, 2, 5)))
    assert result.problem.words.conventions["mask axes"] == "(batch, m)"
    alone = attend(queries[0], keys[0], mask=mask, system=system)
    np.testing.assert_array_equal(alone.weights > 0, mask > 0)


def test_packed_heads_without_entries_have_no_mask_of_an_entry_s_keys():
    packed = [RANDOM.normal(size=(4, width)) for width in (8, 4, 4)]
    mask = np.array([[1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1], [0, 1, 0, 1]])  # as many rows as heads
    result = attend(*packed, heads="4/2", mask=mask, system="x-transformers")
    np.testing.assert_array_equal(result.weights > 0, np.broadcast_to(mask > 0, (4, 4, 4)))
    assert "mask axes" not in result.problem.words.conventions


@pytest.mark.parametrize("system", ["transformers", "mlx", "x-transformers"])
def test_lengths_that_are_masks_leave_the_corner(system):
    mask = np.arange(5) < 3
    lengths = attend(Q, K, V, causal=True, key_lengths=3, system=system)
    masked = attend(Q, K, V, causal=True, mask=mask, system=system)
    np.testing.assert_allclose(lengths.output, masked.output, rtol=1e-13)
    asked = attend(Q, K, V, causal=True, key_lengths=3, align="bottom-right", system=system).output
    np.testing.assert_array_equal(asked, attend(
        Q, K, V, causal=True, key_lengths=3, query_offset=-1, system=system
    ).output)  # fmt: skip


def test_five_axes_of_xformers_are_refused():
    grouped = np.ones((2, 4, 2, 3, 8))
    with pytest.raises(AttncliError) as refusal:
        attend(grouped, grouped, system="xformers")
    assert str(refusal.value) == (
        "--as xformers: arrays of 5 axes are (batch, n, groups, heads, d) there, and attncli has one axis of heads"
    )
    assert refusal.value.hint == (
        "reshape Q to (batch, n, groups · heads, d), and K and V to (batch, m, groups, d), with --layout heads-last"
    )


@pytest.mark.parametrize("system", ["torch", None])
def test_other_systems_have_no_such_masks(system):
    with pytest.raises(AttncliError, match="a mask of shape"):
        attend(Q, K, V, mask=np.ones((6, 4, 5)), system=system)


def test_the_numbers_of_torch():
    torch = pytest.importorskip("torch")
    x = torch.tensor(RANDOM.normal(size=(2, 4, 6)))
    layer = torch.nn.MultiheadAttention(6, 3, batch_first=True, bias=False, dtype=torch.float64)
    torch.nn.init.eye_(layer.out_proj.weight)
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.eye(6, dtype=torch.float64).repeat(3, 1))
    mask = RANDOM.random((6, 4, 4)) < 0.4
    mask[:, :, 0] = False
    padding = np.array([[0, 0, 1, 0], [0, 0, 0, 0]], np.bool_)
    theirs, weights = layer(x, x, x, attn_mask=torch.tensor(mask), average_attn_weights=False)
    ours = attend(*[x.numpy()] * 3, heads=3, mask=mask, system="torch-mha")
    np.testing.assert_allclose(ours.output, theirs.detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ours.weights, weights.detach().numpy(), rtol=1e-12, atol=1e-14)
    theirs, _ = layer(x, x, x, key_padding_mask=torch.tensor(padding))
    ours = attend(*[x.numpy()] * 3, heads=3, mask=padding, system="torch-mha")
    np.testing.assert_allclose(ours.output, theirs.detach().numpy(), rtol=1e-12, atol=1e-14)


def test_d2l_has_a_length_for_each_query():
    queries, keys, values = Q[:, 0], K[:, 0], V[:, 0]
    lengths = np.array([[1, 2, 5, 0], [3, 3, 1, 4]])
    result = attend(queries, keys, values, key_lengths=lengths, system="d2l")
    seen = np.arange(5) < lengths[..., None]
    seen[0, 3] = True  # a query with no key is uniform there
    scores = np.where(seen, queries @ np.swapaxes(keys, 1, 2) / np.sqrt(6), -np.inf)
    scores[0, 3] = 0
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(result.weights, weights / weights.sum(axis=-1, keepdims=True), rtol=1e-12)
    assert result.problem.words.conventions["key lengths"] == "one per query"
    with pytest.raises(AttncliError, match="length 6 is not between 0 and the 5 keys"):
        attend(queries, keys, values, key_lengths=lengths + 1, system="d2l")
    with pytest.raises(AttncliError, match="key lengths have the shape"):
        attend(queries, keys, values, key_lengths=lengths)


def test_settings_in_a_file_of_arrays_are_part_of_the_problem(run, tmp_path):
    path = tmp_path / "p.npz"
    sink = RANDOM.normal(size=3).astype(np.float32)
    given = {"sink": sink, "window": np.array([1, 0]), "causal": np.array(True), "softcap": np.float64(2.5)}
    right = attend(Q, K, V, sink=sink, window=(1, 0), causal=True, softcap=2.5).output
    np.savez(path, q=Q, k=K, v=V, good=right, **given)
    assert run("check", path, "--expect-output", f"{path}:good").status == 0
    np.savez(path, q=Q, k=K, v=V, sink=np.ones((2, 2)))
    ran = run("run", path)
    assert (ran.status, ran.err) == (
        2,
        f"error: {path}: sink: has the shape (2, 2); expected a number or a list of them\n",
    )


def test_a_mask_whose_first_axis_could_be_entries_or_heads_says_which():
    queries, keys = RANDOM.normal(size=(2, 2, 4, 3)), RANDOM.normal(size=(2, 2, 5, 3))
    for name, array in (("mask", np.ones((2, 4, 5))), ("bias", np.zeros((2, 4, 5)))):
        said = attend(queries, keys, **{name: array}).problem.words.conventions
        assert said[f"{name} axes"] == "(heads, n, m)"
        assert f"{name} axes" not in attend(queries, keys, **{name: array[:1]}).problem.words.conventions
    assert "mask axes" not in attend(Q, K, mask=np.ones((3, 4, 5))).problem.words.conventions
