"""`attncli run --grad` as its users type it."""

from __future__ import annotations

import json

import numpy as np
import pytest

PAIR = (".1 .2; .3 .4", ".5 .6; .7 .8", ".9 1; 1.1 1.2")
GRAD = ("--grad", ".01 .02; .03 .04")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_with_a_gradient_at_the_output_those_of_the_inputs_are_shown(run):
    ran = run("run", *PAIR, *GRAD, "--digits", "6")
    assert ran.status == 0
    assert ran.out.endswith(
        """\
gradient of the queries, dQ (2 × 2)
           c0         c1
────────────────────────
q0   0.000212   0.000212
q1   0.000494   0.000494

gradient of the keys, dK (2 × 2)
            c0          c1
──────────────────────────
k0   -0.000847   -0.001200
k1    0.000847    0.001200

gradient of the values, dV (2 × 2)
           c0         c1
────────────────────────
k0   0.019152   0.028799
k1   0.020848   0.031201
"""
    )


def test_a_masked_score_has_no_gradient_and_looks_so(run):
    ran = run("run", *PAIR, "--grad", "ones", "--causal", "--show", "d_scores")
    assert ran.out.endswith(
        """\
gradient of the scores, dS (2 × 2, queries × keys)
          k0       k1
─────────────────────
q0    0.0000        ·
q1   -0.0998   0.0998
"""
    )


def test_one_container_holds_all_gradients(run, here):
    ran = run("run", *PAIR, *GRAD, "--grads", "g.npz", "-q")
    assert ran.err == "wrote g.npz: d_values 2 × 2, d_queries 2 × 2, d_keys 2 × 2\n"
    with np.load(here / "g.npz") as found:
        np.testing.assert_allclose(found["d_values"], [[0.0191521, 0.0287988], [0.0208479, 0.0312012]], rtol=5e-6)


def test_one_container_holds_the_gradients_that_are_shown(run, here):
    ran = run("run", *PAIR, *GRAD, "--show", "d_scores,d_keys", "--grads", "g.json")
    assert ran.err == "wrote g.json: d_scores 2 × 2, d_keys 2 × 2\n"
    assert set(json.loads((here / "g.json").read_text())) == {"d_scores", "d_keys"}


def test_a_problem_file_names_the_gradient_at_the_output_and_projections_have_gradients(run, here):
    (here / "p.yaml").write_text(
        "x: [[1, 0], [0, 1]]\nw_q: [[1, 2], [3, 4]]\nw_k: [[1, 0], [0, 1]]\nw_v: [[1], [2]]\nb_v: [1]\n"
        "scale: 0\nd_output: ones\n"
    )
    ran = run("run", "p.yaml", "-f", "json", "--show", "d_x,d_w_v,d_b_v")
    found = json.loads(ran.out)
    assert found["d_b_v"] == [2.0]
    assert found["d_w_v"] == [[1.0], [1.0]]
    assert found["d_x"] == [[1.0, 2.0], [1.0, 2.0]]


@pytest.mark.parametrize("format", ["csv", "yaml", "markdown", "latex"])
def test_every_format_holds_a_gradient(run, format):
    digits = ["--digits", "6"] if format in ("markdown", "latex") else []
    ran = run("run", *PAIR, *GRAD, "-f", format, "--show", "d_keys", *digits)
    assert ran.status == 0
    assert "0.000846" in ran.out or "0.000847" in ran.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            (*PAIR, "--show", "d_keys"),
            "error: --show: d_keys needs the gradient at the output\nhint: --grad SOURCE, or --grad ones\n",
        ),
        (
            (*PAIR, "--grads", "g.npz"),
            "error: --grads: d_queries needs the gradient at the output\nhint: --grad SOURCE, or --grad ones\n",
        ),
        (
            (*PAIR, *GRAD, "--show", "d_bias"),
            "error: --show: the problem has no d_bias\nhint: it has d_values, d_weights, d_scores, d_queries, d_keys\n",
        ),
        (
            (*PAIR, "--grad", "1 2 3; 4 5 6"),
            "error: --grad: d_output has shape (2, 3), but the output has (2, 2)\n"
            "hint: one number per number of the output, or the word ones\n",
        ),
        (
            (*PAIR, "--grad", "1 nan; 3 4"),
            "error: --grad: d_output has nan at [0, 1]\nhint: give finite numbers\n",
        ),
        (
            (*PAIR[:2], "--grad", "ones"),
            "error: d_output: without values there is no output, and so no gradient at it\nhint: give V, or w_v\n",
        ),
    ],
    ids=["nothing arrives", "nothing arrives to write", "no bias", "another shape", "NaN", "no values"],
)
def test_what_has_no_gradient_is_refused(run, here, words, message):
    assert run("run", *words) == (2, "", message)
    assert not list(here.iterdir())
