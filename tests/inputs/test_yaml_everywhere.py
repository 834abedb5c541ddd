"""A problem in YAML is the same typed, on standard input and in a text file, where nothing tells it from a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PROBLEMS = {
    "block lists": "Q:\n  - [1, 0]\n  - [0, 1]\nK:\n  - [1, 2]\n  - [3, 4]\n",
    "labels": "queries:\n  the: [1, 0]\n  cat: [0, 1]\nkeys:\n  a: [1, 2]\n  b: [3, 4]\n",
    "strings": "Q: |\n  1 0\n  0 1\nK: |\n  1 2\n  3 4\n",
    "settings": "title: small\ncausal: false\nQ: [[1, 0], [0, 1]]\nK: [[1, 2], [3, 4]]\n",
    "rows on lines and a setting": "Q: 1 0; 0 1\nK: 1 2; 3 4\ncausal: false\n",
    "rows on lines and a title": "Q: 1 0; 0 1\nK: 1 2; 3 4\ntitle: a; b\n",
    "a list for a setting": "Q: [[1, 0], [0, 1]]\nK: [[1, 2], [3, 4]]\nwindow: [1, 1]\n",
    "settings at the end": "Q: [[1, 0], [0, 1]]\nK: [[1, 2], [3, 4]]\ncausal: false\n",
}


@pytest.mark.parametrize("text", PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_in_yaml_is_read_alike_typed_in_a_text_file_and_on_standard_input(
    run_all, text: str, tmp_path: Path
) -> None:
    (tmp_path / "p.txt").write_text(text)
    show = ["--show", "queries,keys", "-f", "json"]
    for status, out, err in run_all(
        [["run", text, *show], ["run", "p.txt", *show], ["run", "-", *show]], input=text.encode()
    ):
        assert (status, err) == (0, "")
        found = json.loads(out)
        assert (found["queries"], found["keys"]) == ([[1, 0], [0, 1]], [[1, 2], [3, 4]])


def test_a_wrong_key_of_it_is_named_in_each_place(run_all, tmp_path: Path) -> None:
    text = "Q: [[1, 0], [0, 1]]\nK: [[1, 2], [3, 4]]\ncausl: true\n"
    (tmp_path / "p.txt").write_text(text)
    ran = run_all([["run", text], ["run", "p.txt"], ["run", "-"]], input=text.encode())
    error = "error: {}: line 3, column 1: unknown key 'causl'\nhint: did you mean 'causal'?\n"
    assert [err for _, _, err in ran] == [error.format(where) for where in ("literal", "p.txt", "standard input")]
    assert {status for status, _, _ in ran} == {2}


@pytest.mark.parametrize("name", ["lecture.ipynb", "lecture.json"])
def test_a_notebook_of_jupyter_is_called_by_its_name(run_all, name: str, tmp_path: Path) -> None:
    cell = {"cell_type": "code", "outputs": [{"data": {"text/plain": ["array([[1., 0.5]])"]}}], "source": ["Q"]}
    (tmp_path / name).write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    ran = run_all([["run", name], ["run", name, "1 0"]])
    hint = "copy what its cells show, or save arrays from it: numpy.savez('problem.npz', q=q, k=k, v=v)"
    error = f"error: {name}: this is a Jupyter notebook, not a problem\nhint: {hint}\n"
    assert ran == [(2, "", error)] * 2


def test_a_table_with_colons_stays_a_table(run_all, tmp_path: Path) -> None:
    text = "Q: 1 2\nK: 3 4\n"
    (tmp_path / "p.txt").write_text(text)
    for status, out, _ in run_all(
        [["run", source, "1 1", "--show", "queries", "-f", "json"] for source in (text, "p.txt")]
    ):
        assert (status, json.loads(out)["queries"]) == (0, [[1, 2], [3, 4]])
