"""Tables of very many cells, line by line, are those that rich makes of few."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from whole_text import result_text

from attncli import attend
from attncli.inputs.request import Labels
from attncli.numbers.display import format_number, format_numbers
from attncli.problem.words import Words
from attncli.render.result import tables, text, whole_table
from attncli.render.result.tables import Style
from attncli.results.result import Result

RNG = np.random.default_rng(5)
COLOUR = re.compile("\x1b\\[[0-9;]*m")
NAMES = ["queries", "raw_scores", "scores", "weights", "output", "lse"]


def normal(*shape):
    return RNG.standard_normal(shape) * 10.0 ** RNG.integers(-7, 5, size=shape)


PROBLEMS = {
    "causal": lambda: attend(normal(9, 4), normal(7, 4), normal(7, 3), causal=True, query_offset=-2),
    "heads": lambda: attend(normal(2, 6, 4), normal(2, 7, 4), normal(2, 7, 3), variant="laplace"),
    "packed heads": lambda: attend(normal(2, 6, 4), normal(2, 7, 4), normal(2, 7, 4), heads=2),
    "level rows": lambda: attend(normal(5, 4), normal(7, 4), normal(7, 3), variant="uniform"),
}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
@pytest.mark.parametrize("style", [Style(full=True), Style(6, full=True, ascii_only=True), Style(0, full=True)])
def test_a_whole_table_has_the_lines_that_rich_makes(problem, style, monkeypatch):
    result = problem()
    expected = result_text(result, NAMES, style)
    monkeypatch.setattr(whole_table, "CELLS", 0)
    monkeypatch.setattr("attncli.results.computed_rows.TOGETHER", 12)
    assert result_text(result, NAMES, style) == expected


@pytest.fixture(params=[False, True], ids=["plain", "coloured"])
def coloured(request, monkeypatch):
    """Whether a terminal of 40 columns, on which every table is written by rows, has colours."""
    monkeypatch.setattr(whole_table, "CELLS", 0)
    for module in (text, tables):
        monkeypatch.setattr(module, "terminal_width", lambda: 40)
    monkeypatch.setenv("FORCE_COLOR" if request.param else "NO_COLOR", "1")
    return request.param


def test_on_a_terminal_columns_go_into_groups_and_no_number_is_lost(coloured):
    labels = Labels(keys=tuple(f"a long label {j}" for j in range(11)))
    result = Result(replace(attend(normal(6, 4), normal(11, 4)).problem, words=Words(labels)))
    shown = result_text(result, ["weights"], Style(full=True))
    lines = COLOUR.sub("", shown).split("\n")
    assert ("\x1b[" in shown) == coloured
    assert all(len(line) <= 40 for line in lines[3:] if not line.startswith("weights"))
    cells = [cell for line in lines if re.match("q[0-9]", line) for cell in line.split()[1:]]
    assert sorted(cell.rstrip("*") for cell in cells) == sorted(
        [*(format_number(weight, 4) for weight in result.weights.ravel()), *["1.0000"] * 6]
    )


@pytest.mark.parametrize("name", ["mask", "stats"])
def test_facts_have_the_same_lines_written_by_rows(name, monkeypatch):
    result = PROBLEMS["causal"]()
    expected = result_text(result, [name], Style(full=True))
    monkeypatch.setattr(whole_table, "CELLS", 0)
    assert result_text(result, [name], Style(full=True)) == expected


def test_the_rules_of_a_mask_go_into_groups_on_a_terminal(coloured):
    shown = result_text(PROBLEMS["causal"](), ["mask"], Style(full=True))
    assert ("\x1b[2mcausal\x1b[0m" in shown) == coloured
    lines = COLOUR.sub("", shown).split("\n")
    assert all(len(line) <= 40 for line in lines[5:])
    cells = [cell for line in lines if re.match("q[0-9]", line) for cell in line.split()[1:]]
    assert (cells.count("✓"), len(cells)) == (28, 63)


@pytest.mark.parametrize("digits", [0, 1, 4, 17])
def test_many_numbers_are_shown_as_each_is(digits):
    numbers = [0.0, -0.0, 1e-300, -4.9e-5, 5e-5, 0.05, 0.5, 0.95, 9.99999, -1.5, 9999999999.9, 1e10, -1e300, 0.1 + 0.2]
    array = np.array([*numbers, np.inf, -np.inf, np.nan, *normal(200)])
    assert format_numbers(array, digits) == [format_number(number, digits) for number in array.tolist()]
