"""Where one of several files cannot be written, none is."""

from __future__ import annotations

import sys

import numpy as np
import pytest

FOUR_AXES = "a text table holds two axes, this array has 4: (2, 2, 3, 3)"


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "tex"])
def test_a_table_of_more_than_two_axes_is_refused_before_anything_is_computed(run, tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    np.save("q.npy", np.full((2, 2, 3, 2), 1e300))  # whose scores overflow
    ran = run("run", "q.npy", "q.npy", "q.npy", "-o", "o.npy", "-w", f"w.{suffix}")
    hint = "write it to a .npy, .json or .yaml file; -f long prints it"
    assert (ran.status, ran.out, ran.err) == (2, "", f"error: weights: {FOUR_AXES}\nhint: {hint}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["q.npy"]


def test_a_file_that_its_format_refuses_leaves_no_other_one(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    ran = run("run", "1", "1", "1", "-o", "o.npy", "-w", "w.safetensors")
    assert (ran.status, ran.out) == (2, "")
    assert not list(tmp_path.iterdir())
