"""Q, K and V that are projected from x, context and values_context, in every command."""

from __future__ import annotations

import json

import pytest

PROBLEM = """
x: [[1, 0], [0, 2]]
context: [[1, 1], [2, 0], [0, 1]]
values_context: [[1, 2, 0], [0, 1, 1], [2, 0, 3]]
w_q: [[1, 0], [0, 1]]
w_k: [[1, 2], [0, 1]]
w_v: [[1, 0], [2, 1], [0, 1]]
d_output: ones
"""


def test_every_name_of_a_gradient_that_is_offered_is_computed(run, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(PROBLEM)
    names = "d_x,d_context,d_values_context,d_w_v"
    shown = json.loads(run("run", path, "--show", names, "-f", "json").out)
    # dV = weightsᵀ · ones and dC = dV w_vᵀ: each row is the weight that its key got, times the sums of w_v's rows
    received = [sum(column) for column in zip(*json.loads(run("run", path, "-f", "json").out)["weights"], strict=True)]
    for row, weight in zip(shown["d_values_context"], received, strict=True):
        assert all(abs(cell - weight * total) < 1e-12 for cell, total in zip(row, (1, 3, 1), strict=True))
    assert [len(shown[name]) for name in ("d_x", "d_context", "d_w_v")] == [2, 3, 3]


def test_explain_says_what_the_values_are_made_of(run, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(PROBLEM)
    page = run("explain", path, "--backward", "-f", "markdown")
    assert page.status == 0
    assert "Make the keys: context w" in page.out.replace("\\", "")
    assert "Make the values: values_context w_v" in page.out.replace("\\", "")
    assert "Add up what comes back to values_context: its gradient" in page.out.replace("\\", "")
    page = run("play", path, "-o", tmp_path / "p.html")
    assert page.status == 0


def test_a_workbook_takes_the_context_of_the_values(run, tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "p.yaml"
    path.write_text(PROBLEM)
    assert run("explain", path, "-o", tmp_path / "p.xlsx").status == 0


def test_check_takes_the_context_of_the_values(run, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(PROBLEM)
    run("run", path, "-o", tmp_path / "o.npy", "-q")
    assert run("check", path, "--expect-output", tmp_path / "o.npy").status == 0
    assert run("check", path, "--expect-output", "1 2; 3 4").status == 1
