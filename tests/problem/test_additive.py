"""The variant additive: Σ v_a·tanh(q + k), with published numbers, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from attncli import AttncliError, attend
from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(7)
Q, K, V = (RANDOM.normal(size=shape) for shape in ((2, 3, 4), (2, 5, 4), (2, 5, 2)))
V_A = np.array([0.5, -2.0, 0.0, 1.5])


def scores_of(queries, keys, weights):
    return (weights * np.tanh(queries[..., :, None, :] + keys[..., None, :, :])).sum(axis=-1)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("weights", [None, V_A, V_A[None], V_A[:, None]], ids=["ones", "given", "a row", "a column"])
def test_raw_scores_are_sums_of_tanh(engine, weights):
    if engine == "numba":
        pytest.importorskip("numba")
    result = attend(Q, K, V, variant="additive", v_a=weights, engine=engine)
    expected = scores_of(Q, K, 1 if weights is None else V_A)
    np.testing.assert_allclose(result.raw_scores, expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(result.scores, result.raw_scores)


def test_the_numbers_of_keras():
    # AdditiveAttention(use_scale=False) in Keras' own tests, to three decimals
    result = attend([[1, 0], [0, 1]], [[0, 1], [1, 0]], [[1, 2], [3, 4]], variant="additive")
    np.testing.assert_allclose(result.output, [[1.727, 2.727], [2.272, 3.272]], atol=1e-3)
    np.testing.assert_allclose(result.weights, [[0.636, 0.363], [0.363, 0.636]], atol=1e-3)


REFUSED = {
    "a variant without weights": (
        {"variant": "dot", "v_a": V_A},
        "v_a: dot has no weights of features",
        "-a additive",
    ),
    "a weight too few": (
        {"variant": "additive", "v_a": V_A[:3]},
        "v_a: v_a has shape (3,); expected one number per column of Q and K: (4,)",
        None,
    ),
    "one that is not finite": (
        {"variant": "additive", "v_a": [1, 2, np.nan, 4]},
        "v_a: v_a has nan at [2]",
        "give finite numbers",
    ),
    "text": (
        {"variant": "additive", "v_a": list("abcd")},
        "v_a: holds text ('a'); expected one number per column of Q and K",
        None,
    ),
}


@pytest.mark.parametrize(("given", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_weights_that_do_not_fit_are_refused(given, message, hint):
    with pytest.raises(AttncliError) as caught:
        attend(Q, K, V, **given)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_huge_and_infinite_numbers_are_bent_like_all_others():
    result = attend([[1e300, -np.inf]], [[1e300, 5.0]], variant="additive", allow_nonfinite=True)
    assert result.raw_scores.tolist() == [[0.0]]


PROBLEM = """
q: [[1, 0.5], [0, 1]]
k: [[1, 0], [0, 1], [-1, 1]]
v: [[1, 2], [3, 4], [1, 1]]
variant: additive
v_a: [1, -2]
"""


def test_without_weights_no_formula_names_them(run):
    given = ("1 0; 0 1", "1 0; 0 1", "1 2; 3 4", "-a", "additive")
    assert run("run", *given).out.startswith("additive attention: softmax(Σ tanh(q + k))V\n")
    pages = [run("explain", *given, "-f", name).out for name in ("text", "markdown", "latex", "html")]
    assert "  variant: additive: the sum of tanh(q + k), unscaled\n" in pages[0]
    assert not any("v_a" in page or "v_{a}" in page for page in pages)


def test_a_workbook_takes_the_weights(run, tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "p.yaml"
    path.write_text(PROBLEM)
    assert run("explain", path, "-o", tmp_path / "p.xlsx").status == 0


def test_every_command_takes_the_weights(run, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(PROBLEM)
    shown = run("run", path).out.splitlines()
    assert shown[0] == "additive attention: softmax(v_a · tanh(q + k))V"
    assert "v_a: 1, -2" in shown
    page = run("explain", path, "--backward", "--grad", "ones").out
    assert "1·tanh(1 + 1) + (−2)·tanh(0.5 + 0) ≈ 0.9640 − 0.9242 = 0.0398" in page
    assert run("compare", path, "--variants", "additive,scaled").status == 0
    assert run("run", path, "-a", "dot").status == 0  # another variant takes the place of both
    refused = run("play", path, "-o", tmp_path / "p.html")
    assert (refused.status, refused.err.splitlines()[0]) == (
        2,
        "error: attncli play: v_a is given, and a page to play with has additive with ones",
    )
    assert run("play", "1 2; 3 4", "1 0; 0 1", "1; 2", "-a", "additive", "-o", tmp_path / "q.html").status == 0


def test_check_knows_that_another_variant_was_taken():
    given = {name: Matrix(array, name) for name, array in (("queries", Q), ("keys", K), ("values", V))}
    additive = Matrix(attend(Q, K, V, variant="additive").output, "output")
    report = check(Worksheet(request=Request(**given), name="c", where="c", expected={"output": additive}))
    assert report.diagnosis[0].slip == "variant-additive"
    weighed = Request(**given, variant="additive", v_a=Matrix(V_A, "v_a"))
    scaled = Matrix(attend(Q, K, V).output, "output")
    report = check(Worksheet(request=weighed, name="c", where="c", expected={"output": scaled}))
    assert (report.verdict, report.diagnosis[0].slip) == ("wrong", "variant-scaled")
