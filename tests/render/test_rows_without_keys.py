"""What a system gives to the keys of a row that are all masked is shown; only what a mask gives looks masked."""

from __future__ import annotations

import re

import pytest

from attncli import attend

GIVEN = ("1 0; 0 1", "1 0; 0 1", "1; 2", "-m", "0 0; 1 0")
ROWS = {"jax": ["0.5000", "0.5000"], "keras-attention": ["0.7311", "0.2689"]}  # uniform, and the softmax of all keys


@pytest.mark.parametrize("full", [(), ("--full",)], ids=["", "full"])
@pytest.mark.parametrize(("format", "row"), [("table", "q0"), ("markdown", "| q0 |"), ("latex", "  ")])
@pytest.mark.parametrize("system", ROWS)
def test_the_weights_of_masked_keys_are_shown_in_each_format(run, system, format, row, full):
    shown = run("run", *GIVEN, "--as", system, "--show", "weights", "-f", format, *full).out.splitlines()
    (line,) = (line for line in shown if line.startswith(row) and re.search("0[.]", line))
    assert re.findall(r"[0-9]\.[0-9]{4}", line)[:2] == ROWS[system]
    assert all(masked not in line for masked in ("·", r"\cdot"))


def test_weights_that_are_not_numbers_are_shown(run):
    drop = ("1 0; 0 1", "1 0; 0 1", "1; 2", "-m", "1 1; 0 1", "--as", "torch-mha", "--show", "weights")
    lines = run("run", *drop).out.splitlines()
    assert [line.split() for line in lines[-2:]] == [["q0", "nan", "nan", "nan"], ["q1", "1.0000*", "·", "1.0000"]]


@pytest.mark.parametrize("system", ROWS)
def test_a_worked_solution_and_a_notebook_show_them_too(run, system):
    page = run("explain", *GIVEN, "--as", system).out
    assert re.search(rf"^query 0 +{' +'.join(text.rstrip('0') for text in ROWS[system])} ", page, re.MULTILINE)
    html = attend([[1, 0], [0, 1]], [[1, 0], [0, 1]], mask=[[0, 0], [1, 0]], system=system)._repr_html_()
    assert all(f">{text}<" in html for text in ROWS[system])
    assert html.count('title="masked"') == 1
