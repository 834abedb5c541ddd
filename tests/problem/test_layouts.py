"""The axes of Q, K, V and the output: (…, n, heads, d) gives what (…, heads, n, d) gives, laid out as it came."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from attncli import attend
from attncli.check import check
from attncli.errors import AttncliError
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.results.result import Result

RANDOM = np.random.default_rng(15)
LEADS = {"heads": (3,), "batch and heads": (2, 3), "five axes": (2, 1, 3)}


def arrays(lead=(2, 3), n=4, m=5, d=6, d_v=2):
    """Q, K, V with the heads first."""
    return [RANDOM.normal(size=(*lead, rows, columns)) for rows, columns in ((n, d), (m, d), (m, d_v))]


def turn(array):
    return np.swapaxes(array, -2, -3)


@pytest.mark.parametrize("lead", LEADS.values(), ids=LEADS)
def test_heads_last_is_heads_first_with_two_axes_exchanged(lead):
    given = arrays(lead)
    right, last = attend(*given, causal=True), attend(*map(turn, given), causal=True, layout="heads-last")
    np.testing.assert_array_equal(last.output, turn(right.output))
    for name in ("weights", "scores", "raw_scores", "lse"):
        np.testing.assert_array_equal(getattr(last, name), getattr(right, name))
    for name in ("queries", "keys", "values"):
        np.testing.assert_array_equal(last.array(name), turn(right.array(name)))


@pytest.mark.parametrize("of_keys", [(2, 2), (1, 1), (2,), ()], ids=["grouped", "one head", "no batch", "two axes"])
def test_what_has_two_axes_has_none_to_exchange_and_the_rest_broadcasts(of_keys):
    queries, _, _ = arrays((2, 4))
    keys, values = (RANDOM.normal(size=(*of_keys, 5, columns)) for columns in (6, 2))
    right = attend(queries, keys, values)
    keys, values = (turn(array) if of_keys else array for array in (keys, values))
    last = attend(turn(queries), keys, values, layout="heads-last")
    np.testing.assert_array_equal(last.output, turn(right.output))
    d_output = RANDOM.normal(size=last.output.shape)
    ours, theirs = last.gradients(d_output), right.gradients(turn(d_output))
    for name, given in (("d_queries", turn(queries)), ("d_keys", keys), ("d_values", values)):
        found = getattr(theirs, name)
        np.testing.assert_array_equal(getattr(ours, name), found if given.ndim == 2 else turn(found))
        assert getattr(ours, name).shape == given.shape
    np.testing.assert_array_equal(ours.d_weights, theirs.d_weights)


@pytest.mark.parametrize("key_heads", [4, 2])
def test_arrays_that_fit_with_their_heads_last_get_the_hint(key_heads):
    queries, keys = np.ones((2, 3, 4, 6)), np.ones((2, 5, key_heads, 6))
    for given in ({}, {"system": "transformers"}):
        with pytest.raises(AttncliError) as caught:
            attend(queries, keys, np.ones((2, 5, key_heads, 7)), **given)
        assert caught.value.hint == "they fit as (…, n, heads, d): --layout heads-last"
    assert attend(queries, keys, layout="heads-last").weights.shape == (2, 4, 3, 5)


def test_a_numbers_place_in_a_message_is_where_the_user_has_it():
    queries, keys, values = map(turn, arrays())
    keys[1, 3, 2, 0] = np.nan
    with pytest.raises(AttncliError, match=r"nan at \[1, 3, 2, 0\] in the keys"):
        attend(queries, keys, values, layout="heads-last")
    with pytest.raises(AttncliError) as caught:
        attend(queries, keys[:, :, :2], values, layout="heads-last")
    assert caught.value.what == (
        "the axes before the last two don't fit: queries (2, 4, 3, 6), keys (2, 5, 2, 6), values (2, 5, 3, 2)"
    )
    assert caught.value.hint == "each must be equal or 1; on axis -2 the queries may have a multiple of the keys' heads"


def test_an_option_beside_the_system_wins():
    given = arrays(n=4, m=4)
    np.testing.assert_array_equal(
        attend(*given, system="jax", layout="heads-first").output, attend(*given, system="torch").output
    )
    turned = [turn(array) for array in given]
    np.testing.assert_array_equal(
        attend(*turned, system="torch", layout="heads-last").output, attend(*turned, system="jax").output
    )


def test_packed_heads_have_no_axis_to_exchange():
    packed = [RANDOM.normal(size=(2, 4, 6)) for _ in range(3)]
    np.testing.assert_array_equal(
        attend(*packed, heads=3, system="jax").output, attend(*packed, heads=3, system="torch").output
    )
    with pytest.raises(AttncliError) as caught:
        attend(*packed, heads=3, layout="heads-last")
    assert str(caught.value) == "--layout: it is given beside --heads, whose packed columns have no axis of heads"
    assert caught.value.hint == "leave one out"


def test_two_axes_get_a_note():
    result = attend(np.eye(2), np.eye(2), layout="heads-last")
    assert result.problem.words.notes == ("--layout heads-last changes nothing if Q, K and V have two axes",)


def projected(x, **more):
    weights = {f"w_{letter}": RANDOM.normal(size=(6, 4)) for letter in "qkv"}
    given = {"x": x, **weights, **more}
    return {name: Matrix(array, name) for name, array in given.items()}


def test_rows_that_are_projected_may_have_their_positions_first():
    x = RANDOM.normal(size=(3, 5, 6))
    given = projected(x, w_o=RANDOM.normal(size=(4, 3)))
    right = Result(prepare(Request(**given)))
    last = Result(prepare(Request(**{**given, "x": Matrix(turn(x), "x")}, layout="heads-last")))
    np.testing.assert_array_equal(last.output, turn(right.output))
    d_output = RANDOM.normal(size=last.output.shape)
    ours, theirs = last.gradients(d_output), right.gradients(turn(d_output))
    assert ours.names == theirs.names
    shapes = replace(last.problem, d_output=turn(d_output)).shapes()
    for name in ours.names:
        found = ours.array(name)
        is_turned = name in ("d_x", "d_queries", "d_keys", "d_values")
        np.testing.assert_allclose(found, turn(theirs.array(name)) if is_turned else theirs.array(name), rtol=1e-12)
        assert shapes[name] == found.shape


@pytest.mark.parametrize("given", ["as it is", "as a flat list", "of one column"])
def test_expected_numbers_are_compared_in_the_layout(given):
    queries, keys, values = arrays(n=4, m=4, d_v=1 if given == "of one column" else 3)
    output = turn(attend(queries, keys, values).output)
    shape = {"as it is": output.shape, "as a flat list": (-1,), "of one column": output.shape[:-1]}[given]
    request = Request(
        queries=Matrix(turn(queries), "q"), keys=Matrix(turn(keys), "k"), values=Matrix(turn(values), "v"),
        d_output=Matrix(np.ones(output.shape), "d"), layout="heads-last",
    )  # fmt: skip
    gradients = attend(*map(turn, (queries, keys, values)), layout="heads-last").gradients("ones")
    expected = {
        "output": Matrix(output.reshape(shape), "output"),
        "d_queries": Matrix(gradients.d_queries, "d_queries"),
        "d_values": Matrix(gradients.d_values, "d_values"),
    }
    worksheet = Worksheet(request=request, name="case", where="case", expected=expected)
    assert check(worksheet).verdict == "within-tolerance"


def test_the_worst_cell_and_the_shapes_are_those_of_the_layout():
    given = arrays(n=4, m=4, d_v=3)
    output = turn(attend(*given).output).copy()
    output[1, 3, 2, 0] += 1
    request = Request(
        **{name: Matrix(turn(a), name) for name, a in zip(("queries", "keys", "values"), given, strict=True)}
    )
    for layout, shape in (({"layout": "heads-last"}, (2, 4, 3, 3)), ({"system": "jax"}, (2, 4, 3, 3))):
        asked = Request(queries=request.queries, keys=request.keys, values=request.values, **layout)
        worksheet = Worksheet(request=asked, name="c", where="c", expected={"output": Matrix(output, "output")})
        found = check(worksheet).checks[0]
        assert found.at == (1, 3, 2, 0)
        turned = Worksheet(request=asked, name="c", where="c", expected={"output": Matrix(turn(output), "output")})
        assert check(turned).checks[0].said.startswith("its shape is 2 × 3 × 4 × 3; expected 2 × 4 × 3 × 3")
        assert output.shape == shape


@pytest.mark.parametrize("dtype", ["float64", "float16"])
@pytest.mark.parametrize("key_heads", [3, 1], ids=["a key head for each query head", "a shared key head"])
@pytest.mark.parametrize("layout", ["heads-first", "heads-last"])
def test_a_dump_that_was_read_with_the_other_layout_is_named(layout, key_heads, dtype):
    queries, keys, values = arrays(n=4, m=4, d_v=3)
    given = [array.astype(dtype) for array in (queries, keys[:, :key_heads], values[:, :key_heads])]
    right = attend(*given).output
    dump, output = ([*map(turn, given)], turn(right)) if layout == "heads-first" else (given, right)
    request = Request(
        **{name: Matrix(array, name) for name, array in zip(("queries", "keys", "values"), dump, strict=True)},
        layout=layout,
    )
    report = check(Worksheet(request=request, name="c", where="c", expected={"output": Matrix(output, "output")}))
    other = "heads-last" if layout == "heads-first" else "heads-first"
    assert [found.slip for found in report.diagnosis] == ["other-layout"]
    assert report.diagnosis[0].sentence.endswith(f"if your arrays are laid out so, --layout {other} reads them")
    axes = "(batch, heads, n, d)" if layout == "heads-first" else "(batch, n, heads, d)"
    assert report.notes == (f"Q, K and V were read as {axes}",)


def test_every_command_takes_the_layout(run, tmp_path):
    given = arrays(n=3, m=3, d=2, d_v=2)
    np.savez(tmp_path / "first.npz", **dict(zip("qkv", given, strict=True)))
    np.savez(tmp_path / "last.npz", **dict(zip("qkv", map(turn, given), strict=True)))
    first, last = tmp_path / "first.npz", tmp_path / "last.npz"
    tables = [run("run", first), run("run", last, "--layout", "heads-last")]
    assert (
        tables[1].out.replace("(batch, n, heads, d)", "(batch, heads, n, d)").splitlines()[3:]
        == tables[0].out.splitlines()[3:]
    )
    shown = run(
        "run", last, "--as", "jax", "--show", "output", "-f", "json", "--grad", "ones", "-o", tmp_path / "o.npy"
    )
    found = json.loads(shown.out)
    right = turn(attend(*given).output)
    np.testing.assert_array_equal(found["output"], right)
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), right)
    assert found["shapes"]["queries"] == found["shapes"]["d_queries"] == [2, 3, 3, 2]
    assert found["conventions"]["axes"] == "(batch, n, heads, d)"
    to_long = ("--show", "output", "-f", "long")
    long = [run("run", first, *to_long), run("run", last, "--layout", "heads-last", *to_long)]
    assert long[0].out == long[1].out
    steps = [run("explain", first, "--query", "0"), run("explain", last, "--layout", "heads-last", "--query", "0")]
    assert steps[1].out.replace("(batch, n, heads, d)", "(batch, heads, n, d)") == steps[0].out
    back = ("--query", "0", "--backward", "--grad", "ones")
    steps = [run("explain", first, *back), run("explain", last, "--layout", "heads-last", *back)]
    assert steps[1].out.replace("(batch, n, heads, d)", "(batch, heads, n, d)") == steps[0].out
    to_json = ("--systems", "all", "-f", "json")
    compared = [run("compare", first, *to_json), run("compare", last, *to_json, "--layout", "heads-last")]
    both = [json.loads(each.out) for each in compared]
    assert [each.status for each in compared] == [0, 0]
    assert list(both[0]) == list(both[1])
    assert run("play", last, "--layout", "heads-last", "-o", tmp_path / "p.html").status == 0


def test_a_batch_writes_outputs_in_their_layout(process, tmp_path):
    given = arrays(n=3, m=3, d=2, d_v=2)
    np.savez(tmp_path / "last.npz", **dict(zip("qkv", map(turn, given), strict=True)))
    assert process("batch", tmp_path / "last.npz", "-d", tmp_path / "d", "--as", "jax", "-j", "1").status == 0
    with np.load(tmp_path / "d" / "last.npz") as saved:
        np.testing.assert_allclose(saved["output"], turn(attend(*given).output), rtol=1e-15)
