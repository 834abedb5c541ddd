"""What a newcomer types first, and what it prints: each try answers, or says what to type."""

from __future__ import annotations

import pytest

Q, K, V = "1 0; 0 1", "1 0; 0 1", "1 2; 3 4"
SHOWN = [
    ("all", ["queries Q", "keys K", "values V", "raw scores", "scores", "weights", "output", "log of the sum"]),
    ("queries,keys,values", ["queries Q", "keys K", "values V"]),
    ("q,K,values", ["queries Q", "keys K", "values V"]),
    ("raw-scores,Weights", ["raw scores", "weights"]),
]


@pytest.mark.parametrize(("names", "titles"), SHOWN)
def test_show_prints_what_goes_in_and_what_comes_out(run, names, titles):
    ran = run("run", Q, K, V, "--show", names)
    assert ran.status == 0
    found = [block.split("\n")[0] for block in ran.out.split("\n\n")[1:]]
    assert [title.partition(" (")[0].removesuffix(" of the exponentials") for title in found] == titles


def test_show_prints_projected_queries(run):
    ran = run("run", "examples/two_heads.yaml", "--show", "queries", "--format", "json")
    assert ran.status == 0
    assert '"queries": [\n    [\n      [2.0, 0.0],' in ran.out


def test_show_all_without_values_leaves_output_out(run):
    ran = run("run", Q, K, "--show", "all")
    assert ran.status == 0
    assert "values" not in ran.out
    assert run("run", Q, K, "--show", "values").err == (
        "error: --show: no values were given\nhint: give V, or --show weights\n"
    )
