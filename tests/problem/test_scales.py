"""Scales of the numbers of queries and keys, and scales of each head, in every command."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from attncli import AttncliError, attend
from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(3)
Q, K, V = (RANDOM.normal(size=shape) for shape in ((2, 4, 3, 6), (2, 2, 5, 6), (2, 2, 5, 2)))
PER_HEAD = [0.5, "1/dk", -1.25, "log(m)"]
NUMBERS = np.array([0.5, 1 / 6, -1.25, math.log(5)])


@pytest.mark.parametrize(
    ("text", "number"),
    [("log(m)/sqrt(dk)", math.log(5) / math.sqrt(6)), ("n/m", 0.6), ("log n", math.log(3)), ("√(m*dk)", math.sqrt(30))],
)
def test_a_scale_may_depend_on_the_sizes(text, number):
    result = attend(Q, K, V, scale=text)
    np.testing.assert_allclose(result.scores, result.raw_scores * number, rtol=1e-14)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("options", [{}, {"causal": True, "softcap": 2.0}, {"variant": "laplace"}])
def test_each_head_may_have_a_scale(engine, options):
    if engine == "numba":
        pytest.importorskip("numba")
    result = attend(Q, K, V, scale=PER_HEAD, engine=engine, **options)
    d_output = RANDOM.normal(size=result.output.shape)
    gradients = result.gradients(d_output)
    for head, number in enumerate(NUMBERS):
        of_keys = np.s_[:, head // 2 : head // 2 + 1]
        alone = attend(Q[:, head : head + 1], K[of_keys], V[of_keys], scale=float(number), **options)
        own = np.s_[:, head : head + 1]
        for name in ("raw_scores", "scores", "weights", "output", "lse"):
            np.testing.assert_allclose(getattr(result, name)[own], getattr(alone, name), rtol=1e-12, atol=1e-14)
        theirs = alone.gradients(d_output[own])
        np.testing.assert_allclose(gradients.d_queries[own], theirs.d_queries, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(gradients.d_scores[own], theirs.d_scores, rtol=1e-11, atol=1e-13)


PROBLEM = """
q: [[1, 0, 2, 1], [0, 1, 1, 3]]
k: [[1, 0, 1, 1], [0, 1, 2, 0], [1, 1, 0, 1]]
v: [[1, 2], [3, 4], [5, 6]]
heads: 2
scale: [0.25, log(m)/sqrt(dk)]
"""


def test_a_workbook_takes_the_scales_of_heads(run, tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "p.yaml"
    path.write_text(PROBLEM)
    assert run("explain", path, "-o", tmp_path / "p.xlsx").status == 0


def test_every_command_says_the_scales_of_heads(run, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(PROBLEM)
    shown = run("run", path).out.splitlines()
    assert shown[0] == "scaled attention: softmax(QKᵀ · s_h)V"
    assert "scale: one per query head: 0.25, 0.776836" in shown
    assert json.loads(run("run", path, "-f", "json").out)["scale"] == [0.25, math.log(3) / math.sqrt(2)]
    page = run("explain", path, "--query", "0").out
    assert "scale = 0.25" in page
    assert "scale = log(m) / √d_k = log(3) / √2 ≈ 0.776836" in page
    assert run("compare", path).status == 0
    refused = run("play", path, "-o", tmp_path / "p.html")
    assert (refused.status, refused.err) == (
        2,
        "error: attncli play: each head has its own scale, but a page to play with has one for all\n"
        "hint: attncli run and attncli explain take it\n",
    )


@pytest.mark.parametrize("scale", ["0.125", "[0.5, 0.25]", [0.5, 0.25], "[0.5,0.25]"])
def test_a_list_is_one_per_head_however_it_is_given(scale):
    packed = RANDOM.normal(size=(3, 4))
    scores = attend(packed, packed, heads=2, scale=scale)
    ratio = [float(np.ptp(scores.scores[head] / scores.raw_scores[head])) for head in (0, 1)]
    assert max(ratio) < 1e-12


def test_a_wrong_number_of_scales_is_refused():
    with pytest.raises(AttncliError) as caught:
        attend(Q, K, V, scale=[1, 2, 3])
    assert str(caught.value) == "--scale: 3 scales for 4 heads"
    assert caught.value.hint == "one scale for all, or one per query head"


def test_check_knows_the_scales_of_heads():
    request = Request(
        queries=Matrix(Q, "q"), keys=Matrix(K, "k"), values=Matrix(V, "v"), scale="[0.5,1/dk,-1.25,log(m)]"
    )
    right, unscaled = attend(Q, K, V, scale=PER_HEAD).output, attend(Q, K, V, scale=1).output
    for output, verdict in ((right, "within-tolerance"), (unscaled, "wrong")):
        report = check(Worksheet(request=request, name="c", where="c", expected={"output": Matrix(output, "o")}))
        assert report.verdict == verdict
    assert report.diagnosis[0].slip == "unscaled"
    assert report.diagnosis[0].sentence == (
        "your output is softmax(QKᵀ) V: multiply the raw scores of each head by its own scale: "
        "0.5, 0.166667, -1.25, 1.60944"
    )
