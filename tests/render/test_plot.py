"""`--plot`: pictures that are whole, alike every time, and refused before anything is computed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from attncli.errors import install_command
from attncli.render.result import plot_file
from attncli.render.result.heat_map import scale_end

EXAMPLES = Path(__file__).parents[2] / "examples"
HEADS = EXAMPLES / "two_heads.yaml"
START = {".png": b"\x89PNG\r\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}

needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="needs the extra plot")


@needs_matplotlib
@pytest.mark.parametrize("suffix", START)
def test_the_same_weights_make_the_same_file(suffix: str, tmp_path: Path, run: Callable[..., object]) -> None:
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    problem = EXAMPLES / "river_bank.yaml"
    assert run("run", problem, "--causal", "-q", "--plot", first) == (0, "", f"wrote {first}\n")
    assert run("run", problem, "--causal", "-q", "--plot", second).status == 0  # type: ignore[attr-defined]
    assert first.read_bytes().startswith(START[suffix])
    assert first.read_bytes() == second.read_bytes()


@needs_matplotlib
def test_labels_and_heads_are_in_the_picture_and_are_not_mathematics(
    tmp_path: Path, run: Callable[..., object]
) -> None:
    problem, file = tmp_path / "p.yaml", tmp_path / "p.svg"
    problem.write_text("labels: {queries: ['$x_1$', '<b>'], keys: [a, 😀]}\nqueries: [[1], [2]]\nkeys: [[1], [0]]\n")
    assert run("run", problem, "-q", "--plot", file).status == 0  # type: ignore[attr-defined]
    text = file.read_text("utf-8")
    assert "$x_1$" in text
    assert "&lt;b&gt;" in text
    assert "<b>" not in text


@needs_matplotlib
def test_every_candidate_of_a_comparison_has_a_panel(tmp_path: Path, run: Callable[..., object]) -> None:
    file = tmp_path / "c.svg"
    assert run("compare", EXAMPLES / "river_bank.yaml", "--plot", file).status == 0  # type: ignore[attr-defined]
    text = file.read_text("utf-8")
    assert all(f">{name}<" in text for name in ("scaled", "dot", "laplace", "gaussian", "cosine", "uniform"))


@needs_matplotlib
def test_a_large_matrix_is_drawn_without_labels(tmp_path: Path, run: Callable[..., object]) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(300, 4)))
    x, file = tmp_path / "x.npy", tmp_path / "x.png"
    assert run("run", x, x, "-q", "--plot", file).status == 0  # type: ignore[attr-defined]
    assert 5_000 < file.stat().st_size < 2_000_000


@needs_matplotlib
def test_what_cannot_be_written_is_refused_first(tmp_path: Path, run: Callable[..., object]) -> None:
    file, other = tmp_path / "a.png", tmp_path / "o.csv"
    file.write_text("mine")
    told = run("run", HEADS, "-o", other, "--plot", file)
    assert told == (2, "", f"error: {file}: exists already\nhint: --force replaces it\n")
    assert file.read_text() == "mine"
    assert not other.exists()
    assert run("run", HEADS, "-q", "--plot", file, "--force").status == 0  # type: ignore[attr-defined]
    assert file.read_bytes().startswith(START[".png"])


def test_only_pictures_are_drawn(run: Callable[..., object]) -> None:
    told = run("run", HEADS, "--plot", "a.gif")
    assert told == (2, "", "error: --plot: a.gif is not the name of a picture\nhint: one of: .png .svg .pdf\n")


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, run: Callable[..., object]) -> None:
    monkeypatch.setattr(plot_file, "find_spec", lambda _: None)
    told = run("run", HEADS, "--plot", "a.png")
    assert told == (
        2,
        "",
        f"error: --plot: this needs matplotlib, which is not installed\nhint: {install_command('plot')}\n",
    )


def test_matplotlib_is_imported_only_for_a_picture() -> None:
    code = "import sys; from attncli.cli.main import run_cli; run_cli(['run', '1', '1', '-q']); "
    code += "print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"


def test_a_dash_draws_in_the_terminal_without_matplotlib(
    monkeypatch: pytest.MonkeyPatch, run: Callable[..., object]
) -> None:
    monkeypatch.setattr(plot_file, "find_spec", lambda _: None)
    told = run("run", "1 0; 0 1", "9 0; 0 9", "--causal", "-q", "--plot", "-", "--ascii")
    assert told == (0, "weights (2 x 2)\nquery 0 @@-\nquery 1 ..@@\n\n0  .::-=+*##%@ 1.0000\n", "")


def test_a_quiet_comparison_prints_pictures_and_no_table(run: Callable[..., object]) -> None:
    words = ("compare", "1 0", "2 0; 0 1", "--variants", "uniform,dot", "--plot", "-", "--ascii")
    pictures = "uniform (1 x 2)\nquery 0 ++++\n\ndot (1 x 2)\nquery 0 @@..\n\n0  .::-=+*##%@ 0.8808\n"
    assert run(*words, "-q") == (0, pictures, "")
    loud = run(*words)
    assert "top key" in loud.out  # type: ignore[attr-defined]
    assert loud.out.endswith(f"\n\n{pictures}")  # type: ignore[attr-defined]


def test_a_large_picture_shows_the_largest_weight_of_each_block(tmp_path: Path, run: Callable[..., object]) -> None:
    keys = np.zeros((200, 1))
    keys[123] = 50
    np.savez(tmp_path / "p.npz", q=np.ones((130, 1)), k=keys)
    told = run("run", tmp_path / "p.npz", "-q", "--plot", "-", "--ascii")
    lines = told.out.split("\n")  # type: ignore[attr-defined]
    assert lines[0] == "weights (130 x 200)"
    assert len(lines[1:45]) == 44  # 130 queries, three to a line
    width = len("query 129 ")
    assert {line[width:].index("@") for line in lines[1:45]} == {123 // 3}
    assert "each cell is the largest weight of 3 queries and 3 keys" in lines


@needs_matplotlib
def test_pictures_of_one_query_stand_below_each_other(tmp_path: Path, run: Callable[..., object]) -> None:
    file = tmp_path / "c.svg"
    assert run("compare", "1 0", "1 0; 0 1; 1 1", "1;2;3", "--plot", file).status == 0  # type: ignore[attr-defined]
    width, height = map(float, re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', file.read_text("utf-8")).groups())  # type: ignore[union-attr]
    assert height > width


def test_the_first_queries_of_a_causal_picture_do_not_set_the_scale() -> None:
    weights = np.array([[1, np.nan, np.nan, np.nan], [0.6, 0.4, np.nan, np.nan], [0.2, 0.3, 0.5, np.nan], [0.25] * 4])
    assert scale_end([weights]) == (0.6, True)
    assert scale_end([weights[1:]]) == (0.6, False)
    assert scale_end([np.full((2, 2), np.nan)]) == (1.0, False)
