"""Cells of an answer that are left blank: the others are judged, and a matrix with blanks is never right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attncli.numbers.blanks import is_blank

PROBLEM = "queries: [[1, 0], [0, 1]]\nkeys: [[1, 0], [0, 1]]\nvalues: [[2, 1], [4, 3]]\n"
WEIGHTS = "weights: [[0.6698, 0.3302], [{}, 0.6698]]\n"


@pytest.fixture(autouse=True)
def _problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hw.yaml").write_text(PROBLEM)


@pytest.mark.parametrize("cell", ["", " ", "?", "??", "null", "None", "~", "-", "–", "n/a", "NA", "___", "...", "…"])
def test_words_and_signs_for_nothing_are_blank(cell: str) -> None:
    assert is_blank(cell)


@pytest.mark.parametrize("cell", ["0", "nan", "-1", "?1", "x", "-inf", "a_"])
def test_numbers_and_other_words_are_not_blank(cell: str) -> None:
    assert not is_blank(cell)


@pytest.mark.parametrize("blank", ["?", "null", "~", "-", "n/a", "___", '""'])
def test_a_blank_cell_of_a_sheet_is_reported_and_the_others_are_judged(run, blank: str) -> None:
    Path("anna.yaml").write_text(WEIGHTS.format(blank))
    told = "    1 of its 4 cells is blank; the others are right\n"
    assert run("check", "hw.yaml", "anna.yaml") == (
        1,
        f"wrong  anna\n  weights     wrong            4 decimals\n{told}",
        "",
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "0.6698,0.3302\n,0.6698\n"),
        ("a.csv", "0.6698,0.3302\n?,0.6698\n"),
        ("a.md", "| | a | b |\n|---|---|---|\n| x | 0.6698 | 0.3302 |\n| y | | 0.6698 |\n"),
        ("a.json", '{"weights": [[0.6698, 0.3302], [null, 0.6698]]}'),
    ],
)
def test_a_blank_cell_of_a_table_or_json_is_reported(run, name: str, text: str) -> None:
    Path(name).write_text(text)
    status, out, err = run("check", "hw.yaml", "--expect-weights", name)
    assert (status, err) == (1, "")
    assert "    1 of its 4 cells is blank; the others are right\n" in out


def test_a_wrong_cell_beside_blank_ones_is_named(run) -> None:
    Path("anna.yaml").write_text("weights: [[0.6698, ?], [?, 0.5]]\n")
    _, out, _ = run("check", "hw.yaml", "anna.yaml")
    assert out == (
        "wrong  anna\n"
        "  weights     wrong            4 decimals\n"
        "    worst at [1, 1]: says 0.5, the right number is 0.669762\n"
        "    2 of its 4 cells are blank\n"
    )


def test_steps_beside_a_matrix_with_blanks_are_judged_as_if_it_were_not_there(run) -> None:
    Path("anna.yaml").write_text(f"{WEIGHTS.format('?')}output: [[2.6605, 1.6605], [3.3395, 2.3395]]\n")
    _, out, _ = run("check", "hw.yaml", "anna.yaml", "-f", "json")
    checks = json.loads(out)["cases"][0]["checks"]
    assert [(check["what"], check["verdict"], check.get("blank")) for check in checks] == [
        ("weights", "wrong", 1),
        ("output", "exact", None),
    ]


def test_a_matrix_without_any_answer_is_not_judged(run) -> None:
    Path("anna.yaml").write_text("weights: [[?, ?], [?, ?]]\noutput: [[2.6605, 1.6605], [3.3395, 2.3395]]\n")
    status, out, _ = run("check", "hw.yaml", "anna.yaml")
    assert status == 0
    assert "  weights" not in out
    Path("anna.yaml").write_text("weights: ?\noutput: ''\n")
    error = "error: anna.yaml: no matrix of the answers is filled in\nhint: fill in one of them\n"
    assert run("check", "hw.yaml", "anna.yaml") == (2, "", error)


def test_a_form_that_was_filled_in_with_blanks_is_judged(run) -> None:
    Path("form.yaml").write_text(f"{PROBLEM}expected:\n  {WEIGHTS.format('?')}  output:\n")
    status, out, err = run("check", "form.yaml")
    assert (status, err) == (1, "")
    assert "    1 of its 4 cells is blank; the others are right\n" in out


def test_blanks_of_an_output_with_its_heads_last_are_found(run) -> None:
    rows = "[[[[1], [2]], [[3], [4]]]]"
    Path("h.yaml").write_text(
        f"layout: heads-last\nqueries: {rows}\nkeys: {rows}\nvalues: {rows}\nvariant: uniform\n"
        "expected: {output: [[[[2], [3]], [[2], ?]]]}\n".replace("[2], ?", "[2], [?]")
    )
    _, out, _ = run("check", "h.yaml")
    assert "    1 of its 4 cells is blank; the others are right\n" in out


def test_grades_count_blank_cells(run) -> None:
    Path("anna.yaml").write_text(WEIGHTS.format("?"))
    Path("ben.yaml").write_text(WEIGHTS.format("0.3302"))
    run("check", "hw.yaml", "anna.yaml", "ben.yaml", "--grades", "grades.csv")
    assert Path("grades.csv").read_text() == (
        "name,weights,right,of,verdict,slip,blank\nanna,0,0,1,wrong,,1\nben,1,1,1,exact,,0\n"
    )


def test_a_blank_cell_of_the_problem_itself_is_an_error(run) -> None:
    Path("hw.yaml").write_text(PROBLEM.replace("[0, 1]]", "[0, ?]]", 1))
    Path("anna.yaml").write_text(WEIGHTS.format("?"))
    error = "error: hw.yaml: line 1, column 23: null; expected a number\nhint: nothing is guessed: write the number\n"
    assert run("check", "hw.yaml", "anna.yaml") == (2, "", error)


def test_a_sheet_that_cannot_be_read_is_not_a_problem(run) -> None:
    Path("anna.yaml").write_text("weights: [[0.6698, 0.3302], [, 0.6698]]\n")
    hint = "write it, or if it is a cell of an answer that is left blank, a question mark: [0.5, ?]"
    error = f"error: anna.yaml: line 1, column 30: a value is missing before ','\nhint: {hint}\n"
    assert run("check", "hw.yaml", "anna.yaml") == (2, "", error)


@pytest.mark.parametrize(
    "table", ["          0         1\n0  0.669761  0.330239\n1  0.330239  0.669761\n", ",0,1\n0,1,2\n1,3,4\n"]
)
def test_an_index_and_a_header_are_refused_as_everywhere_and_not_taken_for_an_answer_with_a_blank(
    run, table: str
) -> None:
    Path("anna.csv").write_text(table)
    ran = run("check", "hw.yaml", "--expect-weights", "anna.csv")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == (
        "error: anna.csv: line 1, column 1: the cell is empty\n"
        "hint: leave index and header out (pandas: to_csv(FILE, index=False, header=False)), or type the number that "
        "belongs there\n"
    )


def test_a_blank_first_cell_above_other_numbers_is_an_answer_that_is_left_out(run) -> None:
    Path("anna.csv").write_text(",0.3302\n0.3302,0.6698\n")
    assert (
        "1 of its 4 cells is blank; the others are right" in run("check", "hw.yaml", "--expect-weights", "anna.csv").out
    )


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ("[[0.7071, ?], [0, 0.7071]]", "exact"),
        ('[[0.7071, null], ["", 0.7071]]', "1 of its 4 cells is blank; the others are right"),
        ("[[0.7071, -], [?, ?]]", "2 of its 4 cells are blank; the others are right"),
    ],
)
def test_a_score_that_is_masked_may_be_left_blank(run, scores: str, told: str) -> None:
    Path("hw.yaml").write_text(f"causal: true\n{PROBLEM}")
    Path("anna.yaml").write_text(f"scores: {scores}\n")
    assert told in run("check", "hw.yaml", "anna.yaml").out


def test_a_masked_weight_that_is_blank_is_none_that_was_given(run) -> None:
    Path("hw.yaml").write_text(f"causal: true\n{PROBLEM}")
    Path("anna.yaml").write_text("weights: [[1, ?], [0.3302, 0.6698]]\n")
    assert "1 of its 4 cells is blank; the others are right" in run("check", "hw.yaml", "anna.yaml").out


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_run_prints_is_an_answer_with_nothing_blank(run, form: str) -> None:
    Path("hw.yaml").write_text(f"causal: true\n{PROBLEM}")
    Path(f"anna.{form}").write_text(run("run", "hw.yaml", "--show", "scores,weights,output", "-f", form).out)
    ran = run("check", "hw.yaml", f"anna.{form}", "-f", "csv")
    assert [line.split(",")[2:4] for line in ran.out.splitlines()[1:]] == [
        [name, "exact"] for name in ("scores", "weights", "output")
    ]


def test_a_column_of_sums_beside_weights_is_reported(run) -> None:
    ran = run("check", "hw.yaml", "--expect-weights", "0.6698 0.3302 1.0000; 0.3302 0.6698 1.0000")
    assert "expected 2 × 2. Its last column is the sum of each" in ran.out


@pytest.mark.parametrize("text", ["0.6698,0.3302,\n0.3302,0.6698,\n", "a,b,c\n0.6698,0.3302,\n0.3302,0.6698,\n"])
def test_a_sign_at_the_end_of_each_line_makes_no_blank_cells(run, text: str) -> None:
    Path("a.csv").write_text(text)
    status, out, err = run("check", "hw.yaml", "--expect-weights", "a.csv")
    assert (status, out.splitlines()[0], err) == (0, "exact  hw", "")
