"""Weights too wide for numbers, on a terminal: coloured heat_map, half blocks, shades, then edges alone."""

from __future__ import annotations

import re

import numpy as np
import pytest
from whole_text import result_text

from attncli import attend
from attncli.render import console
from attncli.render.result import heat_map, tables, text
from attncli.render.result.heat_map import shade
from attncli.render.result.tables import Style

COLOUR = re.compile(r"\x1b\[[\d;]*m")


def on_terminal(monkeypatch: pytest.MonkeyPatch, width: int, *, colour: bool) -> None:
    for module in (tables, text, console):
        monkeypatch.setattr(module, "terminal_width", lambda: width)
    for module in (tables, text, heat_map):
        monkeypatch.setattr(module, "has_colour", lambda ascii_only: colour and not ascii_only)
    if colour:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLORTERM", "truecolor")


def wide(queries: int, keys: int, *, causal: bool = False) -> object:
    random = np.random.default_rng(5)
    return attend(random.normal(size=(queries, 3)) * 3, random.normal(size=(keys, 3)), causal=causal)


def picture_lines(text: str, queries: int) -> list[str]:
    """The lines between the title and the numbers."""
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if line.endswith("all))")) + 1
    end = next(i for i, line in enumerate(lines) if "numbers at the edges" in line)
    assert end - start <= queries + 2
    return lines[start : end + 1]


@pytest.mark.parametrize("width", [80, 100])
def test_a_row_of_shades_follows_the_weights(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    on_terminal(monkeypatch, width, colour=False)
    result = wide(20, 60)
    text = result_text(result, ["weights"], Style(ascii_only=True))  # type: ignore[arg-type]
    rows = [line for line in picture_lines(text, 20) if line.startswith("q")]
    weights = result.weights  # type: ignore[attr-defined]
    largest = weights.max()
    for row, line in zip(weights, rows, strict=True):
        assert line[4:].ljust(60) == "".join(shade(float(w / largest), Style(ascii_only=True)) for w in row)
    assert text.isascii()
    assert f" {largest:.4f}, all 20 x 60 weights" in text


def test_each_query_is_a_line_of_cells_where_there_is_room_for_two_columns_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_terminal(monkeypatch, 80, colour=True)
    text = result_text(wide(20, 30, causal=True), ["weights"], Style())  # type: ignore[arg-type]
    rows = [COLOUR.sub("", line) for line in picture_lines(text, 20)]
    assert sum(row.startswith("q") for row in rows) == 20
    assert rows[1].count("·") == 29


def test_half_blocks_show_two_queries_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch, 80, colour=True)
    text = result_text(wide(41, 70), ["weights"], Style())  # type: ignore[arg-type]
    rows = [COLOUR.sub("", line) for line in picture_lines(text, 41)]
    assert [row.split()[0] for row in rows if "▀" in row] == [f"q{i}" for i in range(0, 41, 2)]
    assert all(row.count("▀") == 70 for row in rows if "▀" in row)


def test_what_is_wider_than_the_terminal_shows_its_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch, 80, colour=True)
    text = result_text(wide(20, 200), ["weights"], Style())  # type: ignore[arg-type]
    assert "numbers at the edges" not in text
    assert "of 200 columns left out" in " ".join(COLOUR.sub("", text).split())


@pytest.mark.parametrize("colour", [False, True])
def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch, colour: bool) -> None:
    on_terminal(monkeypatch, 80, colour=colour)
    for queries, keys in ((5, 38), (20, 30), (30, 70), (64, 76), (130, 77)):
        text = COLOUR.sub("", result_text(wide(queries, keys), ["weights"], Style()))  # type: ignore[arg-type]
        assert max(map(len, text.split("\n"))) <= 80
        assert not re.search(r"\d…", text), "no digit is cut off"


def test_off_a_terminal_there_is_no_picture() -> None:
    text = result_text(wide(30, 40), ["weights"], Style())  # type: ignore[arg-type]
    assert "numbers at the edges" not in text


def test_only_a_weight_of_nothing_is_blank() -> None:
    assert shade(0.0, Style()) == " "
    assert shade(1e-300, Style()) == "░"
    assert shade(1e-300, Style(ascii_only=True)) == "."
    assert shade(1.0, Style()) == "█"
