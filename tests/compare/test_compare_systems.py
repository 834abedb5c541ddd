"""Which system would answer differently on this very problem, and which convention does it."""

import numpy as np
import pytest

from attncli.compare.systems import system_candidates
from attncli.errors import AttncliError
from attncli.inputs.request import Request
from attncli.matrix import Matrix

random = np.random.default_rng(3)


def request(n=3, m=4, heads=(), key_heads=(), **given):
    matrices = {
        "queries": random.normal(size=(*heads, n, 4)),
        "keys": random.normal(size=(*key_heads, m, 4)),
        "values": random.normal(size=(*key_heads, m, 2)),
    }
    given = {name: Matrix(np.asarray(a), name) if isinstance(a, np.ndarray) else a for name, a in given.items()}
    return Request(**{name: Matrix(array, name) for name, array in matrices.items()}, **given)


def causes(asked, *names):
    candidates, _ = system_candidates(asked, names or ["all"], lambda each: each)
    return {candidate.name: candidate.differs_by for candidate in candidates}


def test_without_masks_only_the_score_makes_a_difference():
    found = causes(request())
    assert {name for name, differs in found.items() if differs} == {"keras-attention", "anp", "sklearn"}
    assert found["keras-attention"] == ("its score: q·k, here q·k · 1/sqrt(dk)",)


def test_as_many_queries_as_keys_hide_the_corner():
    assert causes(request(n=4, causal=True), "flash-attn") == {"flash-attn": ()}
    told = ("its corner: query 0 stands at key 1, here at 0",)
    assert causes(request(causal=True), "flash-attn", "torch") == {"flash-attn": told, "torch": ()}


def test_a_query_with_no_key_tells_systems_apart():
    mask = np.ones((3, 4), bool)
    mask[1] = False
    found = causes(request(mask=mask), "torch", "jax", "keras")
    told = ("a query with no key: uniform, here zeros",)
    assert found == {"torch": (), "jax": told, "keras": ()}


def test_the_polarity_of_a_mask():
    found = causes(request(mask=np.array([[1, 1, 0, 1]] * 3)), "torch-mha")
    assert found == {"torch-mha": ("its mask: what is true here is false there",)}


def test_a_mask_of_other_axes():
    keys, values = (Matrix(random.normal(size=(3, 4, 2)), name) for name in ("keys", "values"))
    queries, mask = Matrix(random.normal(size=(3, 3, 2)), "queries"), Matrix(np.tri(3, 4) > 0, "mask")
    found = causes(Request(queries=queries, keys=keys, values=values, mask=mask), "x-transformers", "torch")
    assert found == {"x-transformers": ("its mask: it has the axes (batch, m) there",), "torch": ()}


def test_warnings_name_the_systems_that_have_them(run):
    done = run("compare", "1", "1; 2", "1; 2", "-m", "0 0", "--mask-means", "keep", "--systems", "jax,keras,onnx")
    assert [line for line in done.err.splitlines() if "warning" in line] == [
        "warning: jax: query 0 may attend to no key: its weights are uniform over all keys",
        "warning: keras: query 0 may attend to no key: "
        "its weights are 0 (without return_attention_scores=True uniform)",
        "warning: onnx: query 0 may attend to no key: its weights are 0",
    ]


def test_grouped_heads():
    found = causes(request(heads=(4,), key_heads=(2,)), "x-transformers")
    assert found == {"x-transformers": ("its grouped heads: tiled, here interleaved",)}


def test_softcap_and_bias_together():
    found = causes(request(softcap=1.0, bias=random.normal(size=(3, 4))), "x-transformers", "onnx")
    assert found == {"x-transformers": ("its softcap: after the bias, here before it",), "onnx": ()}


def test_of_all_those_are_left_out_that_have_not_the_thing():
    candidates, left_out = system_candidates(request(softcap=2.0), ["all"], lambda each: each)
    assert [candidate.name for candidate in candidates] == ["onnx", "flash-attn", "transformers", "x-transformers"]
    assert left_out[0] == "torch is left out: torch has no softcap"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param(["torch"], "--as torch: torch has no softcap", id="a system asked for by name"),
        pytest.param(["tarch"], "--systems: 'tarch' is not a system", id="a name that is none"),
    ],
)
def test_what_cannot_be_compared_is_an_error(names, message):
    with pytest.raises(AttncliError) as raised:
        system_candidates(request(softcap=2.0), names, lambda each: each)
    assert str(raised.value) == message
