"""Cells near the ends of float64 are calculated with, or refused: NumPy warns of nothing on the way."""

from __future__ import annotations

import warnings

import pytest

PROBLEMS = {
    "large inputs": """\
queries: [[1e308, -1e308], [1e200, 1], [0, 0]]
keys: [[1e308, 1e308], [1, 2], [1e-308, 0]]
values: [[1e308], [-1e308], [1.7e308]]
expected: {output: [[1e308], [1e308], [1e308]], weights: [[1, 0, 0], [1, 0, 0], [0.3, 0.3, 0.3]]}
""",
    "large values": """\
queries: [[1, 0], [0, 1]]
keys: [[1, 0], [0, 1], [1, 1]]
values: [[1e308], [-1e308], [1.7e308]]
expected: {output: [[1e308], [1e308]], scores: [[1e308, 0, 0], [0.5, 1e308, -1e308]], lse: [1e308, -1e308]}
""",
    "large products": """\
queries: [[1e154, 1e154], [1e308, 0]]
keys: [[1, 0], [0, 1e-154], [1e-308, 1]]
values: [[1], [2], [3]]
expected: {output: [[1e308], [2]], weights: [[1e308, 0, 0], [0, 1, 0]]}
""",
}
COMMANDS = [
    "run", "run --show all", "run -a laplace", "run -a cosine", "run --dtype float32", "run --qk-norm rms",
    "run --rope half --causal", "run --softcap 5", "run --normalizer entmax15", "run --normalizer none", "run --sink 1",
    "run --show stats", "run --allow-nonfinite --show all", "run --grad ones", "explain", "explain -f html",
    "explain --backward --grad ones", "compare", "compare --systems all", "check", "check --rtol 1", "check -f json",
    "play -o x.html --force",
]  # fmt: skip


@pytest.mark.sampled(3)
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_numbers_at_the_ends_of_float64_give_no_warning_of_numpy(run, problem, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(PROBLEMS[problem])
    name, *options = command.split()
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        ran = run(name, "p.yaml", *options)
    assert ran.status in (0, 1, 2), ran.err
    assert "a bug" not in ran.out + ran.err
