"""Tables with bars: Markdown's, psql's, and our own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys

import numpy as np
import pytest
from bad_input_reader import read_all
from hypothesis import given
from hypothesis import strategies as st

from attncli.errors import InputError
from attncli.matrix import Reading

NUMBERS = [[1.0, 2.0], [3.0, 4.0]]
CASES = [
    (
        "labels on both sides",
        "|     |   a |   b |\n|:----|----:|----:|\n| cat | 1 | 2 |\n| dog | 3 | 4 |\n",
        ("cat", "dog"),
        ("a", "b"),
    ),
    (
        "pandas' own labels",
        "|    |   0 |   1 |\n|---:|----:|----:|\n|  0 | 1.0 | 2 |\n|  1 | 3 | 4 |\n",
        ("0", "1"),
        ("0", "1"),
    ),
    ("names of columns alone", "a|b\n-|-\n1|2\n3|4\n", None, ("a", "b")),
    ("an empty header", "| | |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n", None, None),
    ("bold numbers and escapes", "| *a* | `b\\|c` |\n|:-:|:-:|\n| **1** | $2$ |\n| 3 | 4 |\n", None, ("a", "b|c")),
    ("psql", "  a  |  b  \n-----+-----\n   1 |   2\n   3 |   4\n(2 rows)\n", None, ("a", "b")),
    (
        "MySQL",
        "+---+---+\n| a | b |\n+---+---+\n| 1 | 2 |\n| 3 | 4 |\n+---+---+\n2 rows in set (0.00 sec)\n",
        None,
        ("a", "b"),
    ),
    ("lines that rich draws", "┏━━━┳━━━┓\n┃ a ┃ b ┃\n┡━━━╇━━━┩\n│ 1 │ 2 │\n│ 3 │ 4 │\n└───┴───┘\n", None, ("a", "b")),
    ("prose around it", "Some text.\n\n| a | b |\n|--|--|\n| 1 | 2 |\n| 3 | 4 |\n\nMore | text.\n", None, ("a", "b")),
]


@pytest.mark.parametrize(("text", "rows", "columns"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_table_is_read_with_its_labels(text: str, rows, columns) -> None:
    (matrix,) = read_all("markdown", text.encode()).values()
    assert matrix.array.tolist() == NUMBERS
    assert (matrix.row_labels, matrix.column_labels) == (rows, columns)


def test_several_tables_are_called_by_their_headings_or_by_number() -> None:
    text = "# Q\n\n|a|\n|-|\n|1|\n\n**K**\n\n|a|\n|-|\n|2|\n\n|a|\n|-|\n|3|\n"
    found = read_all("markdown", text.encode())
    assert {name: matrix.array.tolist() for name, matrix in found.items()} == {"Q": [[1]], "K": [[2]], "3": [[3]]}
    assert found["K"].where == "q.markdown: K"


def test_what_run_prints_as_markdown_is_read_back() -> None:
    arguments = [
        "run",
        "1 0; 0 1",
        "1 0; 0 1",
        "1 2; 3 4",
        "--causal",
        "-f",
        "markdown",
        "--show",
        "scores,weights,output",
    ]
    printed = subprocess.run([sys.executable, "-m", "attncli", *arguments], capture_output=True, check=True).stdout
    found = read_all("markdown", printed, Reading(keep_text=True))
    assert {name: matrix.array.tolist() for name, matrix in found.items()} == {
        "scores": [[0.7071, -float("inf")], [0, 0.7071]],
        "weights": [[1, 0], [0.3302, 0.6698]],
        "output": [[1, 2], [2.3395, 3.3395]],
    }
    assert found["weights"].row_labels == ("q0", "q1")
    assert found["output"].texts == ("1.0000", "2.0000", "2.3395", "3.3395")


def test_inputs_that_run_prints_as_markdown_are_a_problem_again(run, tmp_path) -> None:
    printed = run("run", "1 0; 0 1", "1 0; 0 1", "1 2; 3 4", "-f", "markdown", "--show", "queries,keys,values").out
    (tmp_path / "p.md").write_text(printed, encoding="utf-8")
    (tmp_path / "p.txt").write_text(printed, encoding="utf-8")
    due = run("run", "1 0; 0 1", "1 0; 0 1", "1 2; 3 4", "-f", "csv").out
    for name in ("p.md", "p.txt"):
        assert run("run", tmp_path / name, "-f", "csv", "--show", "output").out.split("\n", 1)[1] == "".join(
            f"q{i},{line}\n" for i, line in enumerate(due.splitlines())
        )


EXPLAINED = ["1 0; 0 1; 1/3 -2", "1 0; 0 1", "1 2; 3 4"]


@pytest.mark.parametrize("options", [[], ["--causal"], ["--until", "given"], ["-a", "laplace", "--query", "1"]])
def test_the_matrices_of_a_page_of_explain_are_a_problem_again(run, tmp_path, options: list[str]) -> None:
    printed = run("explain", *EXPLAINED, "-f", "markdown", "--digits", "17", *options).out
    calculation = [word for word in options if word not in ("--until", "given", "--query", "1")]
    (tmp_path / "p.md").write_text(printed, encoding="utf-8")
    (tmp_path / "p.txt").write_text(printed, encoding="utf-8")
    expected = json.loads(run("run", *EXPLAINED, *calculation, "-f", "json").out)
    for name in ("p.md", "p.txt"):
        found = json.loads(run("run", tmp_path / name, *calculation, "-f", "json").out)
        assert np.allclose(found["output"], expected["output"], rtol=1e-15, atol=0)
        assert found["weights"] is not None


def test_results_of_a_page_of_explain_are_read_under_their_names(run) -> None:
    printed = run("explain", *EXPLAINED, "--causal", "--digits", "2", "-f", "markdown").out
    found = read_all("markdown", printed.encode(), Reading(keep_text=True))
    assert list(found) == ["Q", "K", "V", "raw scores", "scores", "weights", "output"]
    assert found["weights"].array[0].tolist() == [1, 0]
    assert found["scores"].array[0].tolist() == [0.707, -np.inf]
    assert found["Q"].row_labels == ("query 0", "query 1", "query 2")
    assert found["Q"].column_labels == ("feature 0", "feature 1")


def test_a_page_of_explain_that_leaves_rows_out_is_refused(run, tmp_path) -> None:
    (tmp_path / "q.txt").write_text("\n".join(f"{row} 1" for row in range(40)))
    (tmp_path / "p.md").write_text(run("explain", tmp_path / "q.txt", tmp_path / "q.txt", "-f", "markdown").out)
    ran = run("run", tmp_path / "p.md")
    assert ran.status == 2
    assert ran.err.splitlines()[-2:] == [
        f"error: {tmp_path / 'p.md'}: Q: rows or columns were left out",
        "hint: attncli run … -f markdown --full --show queries,keys,values prints all of them",
    ]


def test_a_name_of_spaces_is_not_a_name() -> None:
    text = "# \x1c\n\n|a|\n|-|\n|1|\n"
    (matrix,) = read_all("markdown", text.encode()).values()
    assert matrix.array.tolist() == [[1]]


REFUSED = [
    ("no table", "text\n", "q.markdown", "there is no table", "write | 1 | 0 | with a line |---|---| under the header"),
    (
        "numbers for a header",
        "| 1 | 2 |\n|--|--|\n| 3 | 4 |\n",
        "q.markdown: line 1",
        "the header of the table holds numbers",
        "leave its cells empty, or use --header or --no-header",
    ),
    (
        "a row too short",
        "| a | b |\n|--|--|\n| 3 |\n",
        "q.markdown: line 3, column 2",
        "this row has 1 cells, line 1 has 2",
        "all rows need the same number of cells",
    ),
    (
        "a word",
        "| a |\n|--|\n| x |\n| 1 |\n",
        "q.markdown: line 3, column 1",
        "'x' is not a number",
        "type a number, as in -1234.5, or nan if it is missing",
    ),
    (
        "no rows",
        "| a |\n|--|\n",
        "q.markdown: line 1",
        "the table has a header and no rows",
        "write rows under the line of dashes: | 1 | 0 |",
    ),
    (
        "a name twice",
        "# Q\n|a|\n|-|\n|1|\n\n# Q\n|a|\n|-|\n|1|\n",
        "q.markdown",
        "two tables are called 'Q'",
        "give each its own heading",
    ),
    (
        "a part of a matrix",
        "**weights** (2 rows left out)\n\n|a|\n|-|\n|1|\n",
        "q.markdown",
        "rows or columns of 'weights (2 rows left out)' were left out",
        "print it in full: --full",
    ),
]


@pytest.mark.parametrize(("text", "where", "what", "hint"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_a_table_that_is_not_a_matrix_is_refused(text: str, where: str, what: str, hint: str | None) -> None:
    with pytest.raises(InputError) as caught:
        read_all("markdown", text.encode())
    assert (caught.value.where, caught.value.what, caught.value.hint) == (where, what, hint)


def test_header_and_no_header_decide() -> None:
    text = b"| 1 | 2 |\n|--|--|\n| 3 | 4 |\n"
    assert read_all("markdown", text, Reading(header=True))[""].array.tolist() == [[3, 4]]
    assert read_all("markdown", text, Reading(header=False))[""].array.tolist() == NUMBERS


@given(st.text(alphabet="|-+: ab1.#*\n\\│", max_size=60))
def test_no_text_raises_anything_but_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        read_all("markdown", text.encode())
