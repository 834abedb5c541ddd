"""Tables off a terminal are written without rich, and every byte is what rich writes."""

from __future__ import annotations

import numpy as np
import pytest
from whole_text import result_text

from attncli import attend
from attncli.errors import printable
from attncli.inputs.request import Labels, Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.render.result import tables
from attncli.render.result.plain_table import TableCell, plain_table
from attncli.render.result.tables import Style, to_ascii
from attncli.results.result import Result

NAMES = ["queries", "weights", "output", "scores", "lse", "mask", "stats"]
NAMES_OF_INPUTS = ["queries", "keys", "values"]
LABELS = {
    "plain": lambda n: [f"t{place}" for place in range(n)],
    "of different lengths": lambda n: ["a" * place for place in range(1, n + 1)],
    "with spaces and marks": lambda n: ["the cat ", "[b]x[/b]", "é…", " :a:", "·", "\t\n", "a  b", "", "Ω", "r"][:n],
    "of two columns": lambda n: ["猫", "e\u0301", "\u200b", "👩‍👩‍👧", "ab", "c", "d", "e", "f", "g"][:n],
}


def texts(monkeypatch, *arguments, **options):
    """The text as it is, and as rich writes it."""
    ours = result_text(*arguments, **options)
    with monkeypatch.context() as patch:
        patch.setattr(tables, "plain_table", lambda *_, **__: None)
        return ours, result_text(*arguments, **options)


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("digits", [0, 4])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (2, 3, 4), (20, 16)])
def test_a_plain_table_is_rich_s(monkeypatch, shape, digits, ascii_only):
    rng = np.random.default_rng(len(shape))
    result = attend(*(rng.normal(size=shape) * size for size in (1, 1, 1e5)), causal=True)
    ours, theirs = texts(monkeypatch, result, NAMES, Style(digits, ascii_only=ascii_only))
    assert ours == theirs


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("width", [None, 40])
def test_labels_in_ascii_have_the_room_that_they_take(monkeypatch, kind, width):
    def shown(names: list[str]) -> str:
        labels = Labels(queries=tuple(names), keys=tuple(names), values=tuple(names[:2]))
        result = Result(prepare(Request(**matrices, labels=labels, causal=True)))
        shown_names = [name for name in NAMES if name != "stats"]  # which shortens labels to a number of letters
        return result_text(result, shown_names, Style(ascii_only=True))

    for module in ("tables", "text"):
        monkeypatch.setattr(f"attncli.render.result.{module}.terminal_width", lambda: width)
    rng = np.random.default_rng(5)
    matrices = {
        name: Matrix(array, "") for name, array in zip(NAMES_OF_INPUTS, rng.normal(size=(3, 10, 2)), strict=True)
    }
    names = LABELS[kind](10)
    assert shown(names) == shown([to_ascii(printable(name), Style(ascii_only=True)) for name in names])


@pytest.mark.parametrize("kind", LABELS)
def test_labels_stand_as_rich_puts_them(monkeypatch, kind):
    rng = np.random.default_rng(5)
    names = LABELS[kind](10)
    matrices = {
        name: Matrix(array, "") for name, array in zip(NAMES_OF_INPUTS, rng.normal(size=(3, 10, 2)), strict=True)
    }
    labels = Labels(queries=tuple(names), keys=tuple(names), values=tuple(names[:2]))
    result = Result(prepare(Request(**matrices, labels=labels, sink=(0.5,))))
    ours, theirs = texts(monkeypatch, result, [*NAMES, "raw_scores"], Style(), title="a [b]title[/b]")
    assert ours == theirs


def test_infinities_and_level_rows_stand_as_rich_puts_them(monkeypatch):
    result = attend([[1.0, 0.0], [0.0, 0.0]], np.eye(2), [[np.inf, 1.0], [1.0, np.nan]], allow_nonfinite=True)
    ours, theirs = texts(monkeypatch, result, NAMES, Style())
    assert ours == theirs


def test_a_character_of_unusual_width_is_left_to_rich():
    assert plain_table([[TableCell("猫")], [TableCell("1")]], ascii_only=False) is None
    assert (
        plain_table([[TableCell(""), TableCell("k")], [TableCell("q"), TableCell("1")]], ascii_only=False)
        == "    k\n─────\nq   1"
    )
