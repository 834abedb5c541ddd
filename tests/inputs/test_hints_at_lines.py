"""What stands above and below a table is refused with the lines to delete. Each hint is followed, and works."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from attncli.errors import InputError
from attncli.inputs.sources import Sources

ROWS = [[1, 0.5, -2], [0.25, 3, 4.5]]
TABLES = {
    "empty rows above": (",,\n,,\nd1,d2,d3\n1,0.5,-2\n0.25,3,4.5\n", "lines 1 and 2"),
    "empty rows below": ("d1,d2,d3\n1,0.5,-2\n0.25,3,4.5\n,,\n,,\n", "lines 4 and 5"),
    "a title in the first cell": ("Query matrix,,\nd1,d2,d3\n1,0.5,-2\n0.25,3,4.5\n", "line 1"),
    "a sentence with a comma": ("Hi, here it is:\n\n1,0.5,-2\n0.25,3,4.5\n", "line 1"),
    "a title and an empty line": ("Query matrix\n\n1,0.5,-2\n0.25,3,4.5\n", "line 1"),
    "a merged header": (",Query,,\n,d1,d2,d3\nthe,1,0.5,-2\ncat,0.25,3,4.5\n", "line 1"),
    "a note below": ("1,0.5,-2\n0.25,3,4.5\n\nSource: lecture 3\n", "line 4"),
    "a note in the first cell below": ("1,0.5,-2\n0.25,3,4.5\n\nNote: made up,,\n", "line 4"),
    "a title and a note": ("Queries\n1;0,5;-2\n0,25;3;4,5\nmade up;;\n", "lines 1 and 4"),
    "a line of signs around words": ("=== heads ===\n[[ 1.    0.5  -2.  ]\n [ 0.25  3.    4.5 ]]", "line 1"),
    "the name of an index below a header": (
        "       d1   d2   d3\ntoken            \nthe  1.00  0.5 -2.0\ncat  0.25  3.0  4.5\n",
        "lines 1 and 2",
    ),
}


@pytest.mark.parametrize(("text", "lines"), TABLES.values(), ids=TABLES)
def test_the_table_is_read_without_the_lines_that_the_hint_names(
    run_all, text: str, lines: str, tmp_path: Path
) -> None:
    (tmp_path / "q.csv").write_text(text)
    numbers = {int(number) for number in re.findall("[0-9]+", lines)}
    kept = [line for number, line in enumerate(text.split("\n"), 1) if number not in numbers]
    (tmp_path / "kept.csv").write_text("\n".join(kept))
    show = ["1 1 1", "--show", "queries", "-f", "json"]
    refused, read = run_all([["run", "q.csv", *show], ["run", "kept.csv", *show]])
    it_is, them = ("is not a row", "it is") if len(numbers) == 1 else ("are not rows", "they are")
    hint = f"{lines} {it_is} of numbers: if {them} not part of the matrix, delete {'it' if them == 'it is' else 'them'}"
    assert (refused[0], refused[1]) == (2, "")
    assert refused[2].splitlines()[1] == f"hint: {hint}"
    assert json.loads(read[1])["queries"] == ROWS


def test_empty_cells_at_the_end_of_each_line_are_named(run_all, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("d1,d2,d3,,\r\n1,0.5,-2,,\r\n0.25,3,4.5,,\r\n")
    ((status, out, err),) = run_all([["run", "q.csv", "1 1 1"]])
    assert (status, out) == (2, "")
    hint = "every line ends with ',,', which are empty cells: delete that in each line"
    assert err == f"error: q.csv: line 1, column 4: a column label is missing\nhint: {hint}\n"


def test_a_name_alone_on_a_line_is_to_get_a_colon_which_is_read(run_all) -> None:
    names = "Q\n1 0\n0 1\n\nmine\n1 2\n3 4\n"
    colons = names.replace("Q", "Q:").replace("mine", "mine:")
    refused, read = run_all([["run", names, "1 1"], ["run", colons, "1 1", "--show", "queries", "-f", "json"]])
    assert (refused[0], refused[1]) == (2, "")
    assert refused[2].endswith("hint: if a line is the name of what follows, put a colon after it: Q:\n")
    assert json.loads(read[1])["queries"] == [[1, 0], [0, 1]]


@pytest.mark.parametrize("text", ["1 2\n3 x\n", "1,2\na,b\n", "1 2\nx y\n3 4\n", "a,b\n1,2,3\n4,5,6\n"])
def test_a_row_with_a_wrong_cell_is_not_to_be_deleted(run_all, text: str, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(text)
    ((status, out, err),) = run_all([["run", "q.csv", "1 1"]])
    assert (status, out) == (2, "")
    assert "delete" not in err


@pytest.mark.parametrize("name", ["Output", "Weights", "a"])
def test_one_word_above_two_columns_may_be_the_name_of_the_table(name: str) -> None:
    with pytest.raises(InputError) as caught:
        Sources(io.BytesIO).matrix(f"{name}\n0.5 0.25\n0.1 0.2", role="queries")
    assert caught.value.what == f"'{name}' is one label above 2 columns of numbers"
    assert caught.value.hint == f"if it is the name of the table, put a colon after it: {name}:"
    assert Sources(io.BytesIO).matrix(f"{name}:\n0.5 0.25\n0.1 0.2", role="queries").array.shape == (2, 2)
